//! Three processes, killed at random and restarted: nothing that was acknowledged is lost, and what
//! clients saw can be put in one order.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use quorate_core::LogId;
use quorate_sim::{
    history::{Ask, History, Operation, Told},
    linearize::{Verdict, judge},
};
use serde_json::{Value, json};

const KILLS: u32 = 50;
const NODES: u64 = 3;
const CLIENTS: u64 = 6;
const KEYS: u64 = 64;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3);

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A process, its stdin, and whoever waits for its answers.
struct Process {
    child: Child,
    stdin: ChildStdin,
    waiting: Arc<Mutex<HashMap<u64, mpsc::Sender<Value>>>>,
}

impl Process {
    fn start(folder: &Path, node: u64, ports: &[u16]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kv-node"));
        command.arg("--dir").arg(folder.join(node.to_string()));
        command.args(["--node", &node.to_string()]);
        for (port, id) in ports.iter().zip(1..) {
            command.args(["--peer", &format!("{id}=127.0.0.1:{port}")]);
        }
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("starts");
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let waiting: Arc<Mutex<HashMap<u64, mpsc::Sender<Value>>>> = Arc::default();
        let answers = waiting.clone();
        let stdout = BufReader::new(stdout.expect("a pipe"));
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let Ok(answer) = serde_json::from_str::<Value>(&line) else { continue };
                let id = answer["id"].as_u64().unwrap_or(0);
                if let Some(reply) = answers.lock().expect("unpoisoned").remove(&id) {
                    let _ = reply.send(answer);
                }
            }
            // The process is gone: nobody answers any more.
            answers.lock().expect("unpoisoned").clear();
        });
        Process { child, stdin: stdin.expect("a pipe"), waiting }
    }

    fn ask(&mut self, id: u64, request: &Value) -> Option<mpsc::Receiver<Value>> {
        let (reply, answer) = mpsc::channel();
        self.waiting.lock().expect("unpoisoned").insert(id, reply);
        let sent = writeln!(self.stdin, "{request}").and_then(|()| self.stdin.flush());
        sent.ok().map(|()| answer)
    }
}

/// The three processes and what was seen of them.
struct Cluster {
    folder: PathBuf,
    ports: Vec<u16>,
    processes: Vec<Mutex<Option<Process>>>,
    history: Mutex<History>,
    moment: AtomicU64,
    stop: AtomicBool,
    acknowledged: AtomicU64,
}

impl Cluster {
    fn start(folder: &Path) -> Cluster {
        let listeners: Vec<_> =
            (0..NODES).map(|_| TcpListener::bind("127.0.0.1:0").expect("a free port")).collect();
        let ports: Vec<u16> =
            listeners.iter().map(|l| l.local_addr().expect("an address").port()).collect();
        drop(listeners);
        let processes =
            (1..=NODES).map(|node| Mutex::new(Some(Process::start(folder, node, &ports))));
        Cluster {
            folder: folder.to_owned(),
            processes: processes.collect(),
            ports,
            history: Mutex::default(),
            moment: AtomicU64::new(1),
            stop: AtomicBool::new(false),
            acknowledged: AtomicU64::new(0),
        }
    }

    fn now(&self) -> u64 {
        self.moment.fetch_add(1, Ordering::SeqCst)
    }

    /// SIGKILL: no handler runs, nothing is flushed.
    fn kill(&self, node: u64) {
        let process = self.processes[node as usize - 1].lock().expect("unpoisoned").take();
        if let Some(mut process) = process {
            process.child.kill().expect("kills");
            process.child.wait().expect("reaps");
        }
    }

    fn restart(&self, node: u64) {
        let process = Process::start(&self.folder, node, &self.ports);
        *self.processes[node as usize - 1].lock().expect("unpoisoned") = Some(process);
    }

    /// One operation through one node; true where it was answered.
    fn operate(&self, client: u64, node: u64, key: u64, ask: Ask) -> bool {
        let began = self.now();
        let operation = self.history.lock().expect("unpoisoned").invoke(client, key, ask, began);
        let id = began;
        let name = format!("key-{key}");
        let request = match ask {
            Ask::Put(value) => {
                json!({"id": id, "op": "put", "key": name, "value": value.to_string()})
            }
            Ask::Get | Ask::Delete => json!({"id": id, "op": "get", "key": name}),
        };
        let answer = {
            let mut process = self.processes[node as usize - 1].lock().expect("unpoisoned");
            process.as_mut().and_then(|process| process.ask(id, &request))
        };
        let told = match answer.and_then(|answer| answer.recv_timeout(ANSWER_TIMEOUT).ok()) {
            Some(answer) => told(ask, &answer),
            None => Told::Unknown,
        };
        let moment = self.now();
        if told != Told::Unknown {
            let mut history = self.history.lock().expect("unpoisoned");
            history.answer(operation, told, LogId::ZERO, moment);
        }
        let answered = !matches!(told, Told::Unknown | Told::Never);
        self.acknowledged.fetch_add(u64::from(answered), Ordering::SeqCst);
        answered
    }

    fn work(&self, client: u64, mut dice: Dice) {
        while !self.stop.load(Ordering::SeqCst) {
            let (node, key) = (1 + dice.below(NODES), dice.below(KEYS));
            // Every value is another one.
            let ask = if dice.below(2) == 0 { Ask::Get } else { Ask::Put(self.now()) };
            let answered = self.operate(client, node, key, ask);
            thread::sleep(Duration::from_millis(if answered { 2 } else { 20 }));
        }
    }

    /// Reads every key through every node, however long it takes to be answered.
    fn read_all(&self) {
        let until = Instant::now() + Duration::from_secs(60);
        for node in 1..=NODES {
            for key in 0..KEYS {
                while !self.operate(CLIENTS + node, node, key, Ask::Get) {
                    assert!(Instant::now() < until, "node {node} does not serve within a minute");
                    thread::sleep(Duration::from_millis(20));
                }
            }
        }
    }
}

fn told(ask: Ask, answer: &Value) -> Told {
    if answer["ok"] != json!(true) {
        let unknown = answer["unknown"] == json!(true);
        return if unknown { Told::Unknown } else { Told::Never };
    }
    match ask {
        Ask::Put(_) => Told::Done,
        Ask::Get | Ask::Delete => {
            let value = answer["value"].as_str();
            Told::Got(value.map(|value| value.parse().expect("only numbers were written")))
        }
    }
}

#[test]
fn nothing_is_lost_when_processes_are_killed_at_random() {
    let seed = std::env::var("QUORATE_KILL_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()) + 1);
    println!("QUORATE_KILL_SEED={seed}");
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = Cluster::start(folder.path());
    thread::scope(|scope| {
        for client in 0..CLIENTS {
            let dice = Dice(dice.below(u64::MAX) | 1);
            let cluster = &cluster;
            scope.spawn(move || cluster.work(client, dice));
        }
        thread::sleep(Duration::from_millis(500));
        for _ in 0..KILLS {
            thread::sleep(Duration::from_millis(dice.below(300)));
            let first = 1 + dice.below(NODES);
            cluster.kill(first);
            // Now and then a second one, so that nobody leads until one is back.
            let second = (dice.below(4) == 0).then(|| 1 + first % NODES);
            second.into_iter().for_each(|node| cluster.kill(node));
            thread::sleep(Duration::from_millis(dice.below(300)));
            second.into_iter().for_each(|node| cluster.restart(node));
            cluster.restart(first);
        }
        thread::sleep(Duration::from_millis(500));
        cluster.stop.store(true, Ordering::SeqCst);
    });
    cluster.read_all();
    (1..=NODES).for_each(|node| cluster.kill(node));
    let acknowledged = cluster.acknowledged.load(Ordering::SeqCst);
    assert!(acknowledged > 500, "only {acknowledged} operations were answered");
    let history = cluster.history.into_inner().expect("unpoisoned");
    for key in 0..KEYS {
        judge_key(history.operations(), key, seed);
    }
    println!("{acknowledged} operations were answered over {KILLS} kills");
}

fn judge_key(operations: &[Operation], key: u64, seed: u64) {
    let of_key: Vec<Operation> =
        operations.iter().filter(|operation| operation.key == key).copied().collect();
    let verdict = judge(&of_key, 50_000_000);
    if verdict != Verdict::Linearizable {
        let lines: Vec<String> = of_key.iter().map(|o| format!("{o:?}")).collect();
        panic!("key {key}, seed {seed}: {verdict:?}\n{}", lines.join("\n"));
    }
}
