//! openraft as a whole: its tasks and channels on a tokio runtime of one thread, with a log in
//! memory and a network within the process. A system of another kind than a bare state machine,
//! so its rows say what such a design costs, not what its rules cost.
//!
//! Followers learn the commit index with what the leader sends next, which it does by itself.
//! Elections, heartbeats and snapshots are switched off: nothing here waits for real time.

mod network;
mod store;

use std::{collections::BTreeSet, fmt, process::ExitCode, sync::Arc};

use bytes::Bytes;
use futures_util::{StreamExt, future::join_all};
use openraft::{Config, ReadPolicy, SnapshotPolicy, async_runtime::watch::WatchReceiver};
use quorate_bench_harness::{Arguments, Group, Machine, Payloads, Scenario, Support};
use tokio::runtime::{Builder, Runtime};

use network::{Node, Router};
use store::{LogStore, StateMachine};

openraft::declare_raft_types!(
    pub(crate) Types: D = Command, R = (), Node = (),
);

#[derive(Clone, Debug)]
pub(crate) struct Command(Bytes);

impl fmt::Display for Command {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} bytes", self.0.len())
    }
}

struct Cluster {
    runtime: Runtime,
    nodes: Vec<Node>,
    machines: Vec<StateMachine>,
    payloads: Payloads,
}

fn config() -> Config {
    let config = Config {
        // Far longer than any run.
        heartbeat_interval: 100_000,
        election_timeout_min: 1_000_000,
        election_timeout_max: 2_000_000,
        enable_tick: false,
        enable_heartbeat: false,
        enable_elect: false,
        snapshot_policy: SnapshotPolicy::Never,
        ..Config::default()
    };
    config.validate().expect("a good configuration")
}

async fn start(machines: &[StateMachine]) -> Vec<Node> {
    let (router, config) = (Router::default(), Arc::new(config()));
    for (place, machine) in machines.iter().enumerate() {
        let (config, network) = (config.clone(), router.clone());
        let node = Node::new(place as u64, config, network, LogStore::default(), machine.clone());
        let node = node.await.expect("a new node starts");
        router.0.lock().expect("nobody panics while it holds the nodes").push(node);
    }
    let nodes = router.0.lock().expect("nobody panics while it holds the nodes").clone();
    let members: BTreeSet<u64> = (0..nodes.len() as u64).collect();
    nodes[0].initialize(members).await.expect("new nodes found a group");
    let wait = nodes[0].wait(None);
    wait.current_leader(0, "the founder leads").await.expect("nothing stops it");
    nodes
}

async fn write(node: &Node, commands: Vec<Command>) {
    let count = commands.len();
    let mut answers = node.client_write_many(commands).await.expect("the node runs");
    let mut answered = 0;
    while let Some(answer) = answers.next().await {
        answer.expect("the node runs").expect("the leader takes proposals");
        answered += 1;
    }
    assert_eq!(answered, count, "every command is answered");
}

impl Cluster {
    fn last_applied(machine: &StateMachine) -> u64 {
        machine.machine.lock().expect("nobody panics while it holds it").last_index()
    }

    async fn settled(&self) {
        let metrics = self.nodes[0].metrics();
        let last = metrics.borrow_watched().last_log_index.map_or(0, |index| index + 1);
        let leads = Cluster::last_applied(&self.machines[0]).max(last);
        while self.machines.iter().any(|machine| Cluster::last_applied(machine) < leads) {
            tokio::task::yield_now().await;
        }
    }
}

impl Group for Cluster {
    type Follower = ();

    fn support(arguments: &Arguments) -> Support {
        match arguments.scenario {
            Scenario::Commit | Scenario::Read => Support::Measured,
            Scenario::Heartbeat
            | Scenario::Election
            | Scenario::CatchUp
            | Scenario::Truncation
            | Scenario::Compaction
            | Scenario::Memory => Support::Senseless,
        }
    }

    fn name(_: &Arguments) -> String {
        "openraft".to_owned()
    }

    fn start(arguments: &Arguments) -> Cluster {
        let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
        let machine = |_| StateMachine::default();
        let machines: Vec<StateMachine> = (0..arguments.nodes).map(machine).collect();
        let nodes = runtime.block_on(start(&machines));
        let mut cluster =
            Cluster { runtime, nodes, machines, payloads: Payloads::new(arguments.payload) };
        cluster.settle();
        cluster
    }

    fn propose(&mut self, count: usize) {
        let payloads = &mut self.payloads;
        let commands = (0..count).map(|_| Command(payloads.next_payload())).collect();
        self.runtime.block_on(write(&self.nodes[0], commands));
    }

    fn settle(&mut self) {
        self.runtime.block_on(self.settled());
    }

    fn visit_machines(&mut self, visit: &mut dyn FnMut(&mut Machine)) {
        for machine in &self.machines {
            visit(&mut machine.machine.lock().expect("nobody panics while it holds it"));
        }
    }

    /// Its network counts nothing; no scenario that it has asks.
    fn delivered(&self) -> u64 {
        0
    }

    fn read(&mut self, count: usize) -> usize {
        let node = &self.nodes[0];
        let read = |_| node.ensure_linearizable(ReadPolicy::ReadIndex);
        let answers = self.runtime.block_on(join_all((0..count).map(read)));
        answers.iter().filter(|answer| answer.is_ok()).count()
    }
}

fn main() -> ExitCode {
    quorate_bench_harness::main::<Cluster>(std::env::args().skip(1))
}
