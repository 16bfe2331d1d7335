//! What happens to the group, and what must hold.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use quorate_core::{Configuration, Halt, MemberChange, NodeId, Promotion};

use crate::{
    client::Client,
    machine::Machine,
    node::{self, NodeThread, Start},
    wire::{Inbox, Look, Wire},
};

const WRITERS: u64 = 3;
const PUTS_PER_WRITER: u64 = 150;
const KEYS_PER_WRITER: u64 = 40;
/// Nothing here takes longer, even on a machine that has other things to do.
const AT_MOST: Duration = Duration::from_secs(5);
/// For how long nobody asks for anything, to count who wakes up all the same.
const IDLE: Duration = Duration::from_millis(200);
/// Four nodes, a heartbeat every 30 ms, an answer to each: about 60 rounds of the loops.
const IDLE_STEPS_MAX: u64 = 300;

type Checked<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

struct Story {
    wire: Arc<Wire>,
    folder: PathBuf,
    epoch: Instant,
    threads: BTreeMap<NodeId, NodeThread>,
}

/// Tells it, in a folder of its own; what was checked.
pub(crate) fn tell(folder: &Path) -> Checked<String> {
    let (wire, threads) = (Arc::new(Wire::default()), BTreeMap::new());
    let mut story = Story { wire, folder: folder.to_owned(), epoch: Instant::now(), threads };
    let founders = Arc::new(Configuration::new((1..=3).map(NodeId::of)));
    for id in 1..=3 {
        story.start(NodeId::of(id), Start::Found(founders.clone()))?;
    }
    let before = story.write("before", |_| Ok(()))?;
    let (mut killed, mut took_over) = (NodeId::of(1), Duration::ZERO);
    let during = story.write("during", |story| {
        (killed, took_over) = story.kill_the_leader()?;
        Ok(())
    })?;
    story.start(killed, Start::Again)?;
    let back = story.wait_for("the killed node to catch up", |look| {
        let most = look.values().map(|look| look.applied).max();
        look.get(&killed).filter(|look| Some(look.applied) == most).map(|look| look.installs)
    })?;
    let fourth = NodeId::of(4);
    story.add(fourth)?;
    let idle_steps = story.count_idle_steps()?;
    let log_reads: u64 = story.look()?.values().map(|look| look.log_reads).sum();
    // Its own when it started, and a newer one for what the others had let go meanwhile.
    expect(back >= 2, "the killed node started from its snapshot, and got another")?;
    expect(log_reads >= 1, "some entries had to be read back from a log")?;
    expect(idle_steps <= IDLE_STEPS_MAX, "a loop is busy while nothing happens")?;
    let (puts, reads) = (before.puts + during.puts, before.reads + during.reads);
    let reads = reads + story.read_everything_back()?;
    let keys = story.stop_all()?;
    Ok(format!(
        "ok: {puts} writes acknowledged, {reads} linearizable reads through all nodes, none stale; \
         node {killed} killed while it led, another led {} ms later; it came back with {back} \
         snapshots and caught up; node 4 joined and votes; {log_reads} log reads; 4 machines equal \
         ({keys} keys); {idle_steps} steps in {} ms of silence; all stopped when asked",
        took_over.as_millis(),
        IDLE.as_millis(),
    ))
}

fn expect(holds: bool, what: &str) -> Checked<()> {
    if holds { Ok(()) } else { Err(format!("expected otherwise: {what}").into()) }
}

#[derive(Default)]
struct Count {
    puts: u64,
    reads: u64,
}

impl Story {
    fn start(&mut self, id: NodeId, start: Start) -> Checked<()> {
        let folder = self.folder.join(format!("node-{id}"));
        let config = node::config(id, u64::from(std::process::id()));
        let thread = node::start(config, folder, start, &self.wire, self.epoch)?;
        self.threads.insert(id, thread);
        Ok(())
    }

    /// Lets some clients write and read, each under its own keys, while `meanwhile` happens.
    fn write(
        &mut self,
        phase: &str,
        mut meanwhile: impl FnMut(&mut Story) -> Checked<()>,
    ) -> Checked<Count> {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (client, phase) = (Client::new(&self.wire), phase.to_owned());
                thread::spawn(move || write_and_read(client, &phase, writer))
            })
            .collect();
        meanwhile(self)?;
        let mut all = Count::default();
        for writer in writers {
            let count = writer.join().map_err(|_| "a client panicked")??;
            (all.puts, all.reads) = (all.puts + count.puts, all.reads + count.reads);
        }
        Ok(all)
    }

    /// Kills it as soon as there are writes to disturb; how long until another leads.
    fn kill_the_leader(&mut self) -> Checked<(NodeId, Duration)> {
        thread::sleep(Duration::from_millis(30));
        let leader = self.wait_for("a leader", leader_of)?;
        self.wire.send(leader, Inbox::Die);
        let killed = Instant::now();
        let thread = self.threads.remove(&leader).ok_or("no such node")?;
        let left = thread.join().map_err(|_| "a node panicked")??;
        expect(left.halt.is_none(), "whoever is killed says nothing")?;
        self.wait_for("another leader", leader_of)?;
        Ok((leader, killed.elapsed()))
    }

    /// A learner first, so that the group never waits for an empty log; then it votes by itself.
    fn add(&mut self, id: NodeId) -> Checked<()> {
        self.start(id, Start::Join)?;
        let promotion = Promotion::WhenCaughtUp { max_lag: 10 };
        Client::new(&self.wire).change(MemberChange::AddLearner { node: id, promotion })?;
        self.wait_for("the new member to vote everywhere", |look| {
            look.values().all(|look| look.voters.len() == 4).then_some(())
        })
    }

    fn count_idle_steps(&self) -> Checked<u64> {
        let steps = |look: BTreeMap<NodeId, Look>| -> u64 { look.values().map(|l| l.steps).sum() };
        let before = steps(self.look()?);
        thread::sleep(IDLE);
        Ok(steps(self.look()?) - before)
    }

    /// Every key, through every node.
    fn read_everything_back(&self) -> Checked<u64> {
        let mut client = Client::new(&self.wire);
        let mut reads = 0;
        for (phase, writer) in
            ["before", "during"].iter().flat_map(|p| (0..WRITERS).map(|w| (*p, w)))
        {
            for node in self.wire.nodes() {
                for slot in 0..KEYS_PER_WRITER {
                    let found = client.get_from(node, &key(phase, writer, slot))?;
                    expect(found == last_value(slot), "an acknowledged write is there")?;
                    reads += 1;
                }
            }
        }
        Ok(reads)
    }

    /// All machines must be equal; how many keys they hold.
    fn stop_all(&mut self) -> Checked<usize> {
        self.wait_for("all nodes to apply the same", |look| {
            let mut applied = look.values().map(|look| look.applied);
            let first = applied.next();
            applied.all(|other| Some(other) == first).then_some(())
        })?;
        let mut machines: Vec<Machine> = Vec::new();
        for (id, thread) in std::mem::take(&mut self.threads) {
            self.wire.send(id, Inbox::Stop);
            let left = thread.join().map_err(|_| "a node panicked")??;
            expect(left.halt == Some(Halt::Stopped), "a node stops when asked")?;
            machines.push(left.machine);
        }
        let first = machines.first().ok_or("no node is left")?;
        expect(machines.iter().all(|machine| machine == first), "equal machines")?;
        expect(machines.len() == 4, "four machines")?;
        Ok(first.len())
    }

    fn look(&self) -> Checked<BTreeMap<NodeId, Look>> {
        let mut looks = BTreeMap::new();
        for id in self.threads.keys() {
            let (answer, look) = mpsc::channel();
            self.wire.send(*id, Inbox::Look(answer));
            let look = look.recv_timeout(AT_MOST);
            looks.insert(*id, look.map_err(|_| format!("node {id} is gone"))?);
        }
        Ok(looks)
    }

    fn wait_for<T>(
        &self,
        what: &str,
        found: impl Fn(&BTreeMap<NodeId, Look>) -> Option<T>,
    ) -> Checked<T> {
        let start = Instant::now();
        while start.elapsed() < AT_MOST {
            if let Some(found) = found(&self.look()?) {
                return Ok(found);
            }
            thread::sleep(Duration::from_millis(2));
        }
        Err(format!("waited in vain for {what}").into())
    }
}

fn leader_of(look: &BTreeMap<NodeId, Look>) -> Option<NodeId> {
    look.iter().find(|(_, look)| look.leads).map(|(id, _)| *id)
}

fn key(phase: &str, writer: u64, slot: u64) -> String {
    format!("{phase}-{writer}-{slot}")
}

/// What the last put under this slot said.
fn last_value(slot: u64) -> Option<String> {
    (0..PUTS_PER_WRITER).filter(|n| n % KEYS_PER_WRITER == slot).max().map(|n| n.to_string())
}

/// Writes one after the other, and reads some back at once, through the nodes in turn.
fn write_and_read(mut client: Client, phase: &str, writer: u64) -> Result<Count, String> {
    let mut count = Count::default();
    let mut reader = client.clone();
    for number in 0..PUTS_PER_WRITER {
        let (key, value) = (key(phase, writer, number % KEYS_PER_WRITER), number.to_string());
        client.put(&key, &value)?;
        count.puts += 1;
        if number % 3 == 0 {
            let node = NodeId::of(1 + number / 3 % 3);
            let found = reader.get_from(node, &key)?;
            if found.as_ref() != Some(&value) {
                return Err(format!("{key} is {value}, but node {node} read {found:?}"));
            }
            count.reads += 1;
        }
    }
    Ok(count)
}
