//! quorate-core, driven as every other system is: by its public API alone.
//!
//! Followers learn the commit index with the leader's next message: it has
//! `commit_notify_delay` (2 ms of virtual time), which no measured chunk lasts, and
//! [`settle`](Group::settle) lets that delay pass.

use std::sync::Arc;

use quorate_bench_harness::{Arguments, Group, Machine, Payloads, Scenario, Support, Wire};
use quorate_core::{
    Action, Commands, Config, Configuration, Entries, Event, Index, Input, Message, NodeId,
    Payload, Persisted, Raft, RoleKind, Seq, Timestamp, commands,
};

const MS: u64 = 1_000_000;
/// Longer than any promise or timeout of the default knobs.
const LONG: u64 = 5_000 * MS;
/// Virtual time between two proposals or rounds of reads.
const PACE: u64 = 1_000;

struct Node {
    raft: Raft,
    machine: Machine,
}

/// What a step completed, for every write and apply is done at once.
struct Done {
    written: Option<Seq>,
    applied: Option<Index>,
}

pub(crate) struct Cluster {
    nodes: Vec<Node>,
    leader: usize,
    now: u64,
    wire: Wire<Message>,
    /// Lent to every step, so that none makes its own.
    actions: Vec<Action>,
    payloads: Payloads,
    reads_answered: usize,
}

/// What the core can do today. Compaction waits for an input that says what a snapshot covers.
fn support(scenario: Scenario) -> Support {
    match scenario {
        Scenario::Compaction => Support::NotYet,
        Scenario::Commit
        | Scenario::Heartbeat
        | Scenario::Read
        | Scenario::Election
        | Scenario::CatchUp
        | Scenario::Truncation
        | Scenario::Memory => Support::Measured,
    }
}

fn config(node: NodeId) -> Config {
    Config {
        commit_notify_delay: 2 * MS,
        // A proposal of 256 commands of 4 KiB must fit into a message, with its overhead.
        max_message_bytes: 4 << 20,
        max_apply_bytes: 4 << 20,
        // A deposed leader's tail must fit.
        max_uncommitted_bytes: 1 << 30,
        ..Config::new(node, 7)
    }
}

fn raft(place: usize, founding: &Arc<Configuration>) -> Raft {
    let start = Persisted::Bootstrap { configuration: founding.clone(), incarnation: 1 };
    let config = config(id(place));
    Raft::restore(config, start, Timestamp(0)).expect("good knobs and founders")
}

fn read(request: u64) -> Input {
    Input::Read { request }
}

fn propose(commands: Commands) -> Input {
    Input::Propose { request: 1, commands, expected_term: None }
}

fn id(place: usize) -> NodeId {
    NodeId::of(place as u64 + 1)
}

fn place(id: NodeId) -> usize {
    id.get() as usize - 1
}

/// Applies, and says through where.
fn apply(machine: &mut Machine, entries: &Entries) -> Option<Index> {
    let last = entries.last()?;
    machine.apply(entries.len(), last.index, || {
        entries.iter().filter_map(|entry| bytes(entry.payload))
    });
    Some(last.index)
}

fn bytes(payload: &Payload) -> Option<&[u8]> {
    match payload {
        Payload::Command(bytes) => Some(bytes),
        Payload::Noop | Payload::Configuration(_) => None,
    }
}

impl Cluster {
    /// Steps a node, carries out what it asks for, and tells it what was done.
    fn step(&mut self, place: usize, input: Input) {
        let mut done = self.step_once(place, input);
        loop {
            // A completion stands for all that came before it.
            done = match done {
                Done { written: Some(seq), applied } => {
                    let next = self.step_once(place, Input::Written { seq });
                    Done { applied: next.applied.or(applied), ..next }
                }
                Done { written: None, applied: Some(index) } => {
                    self.step_once(place, Input::Applied { index })
                }
                Done { written: None, applied: None } => return,
            };
        }
    }

    /// Steps a node and carries out what it asks for; what that completed is yet to be told.
    // Inlined, so that each of its callers builds its input in place.
    #[inline(always)]
    fn step_once(&mut self, place: usize, input: Input) -> Done {
        let node = &mut self.nodes[place];
        let mut done = Done { written: None, applied: None };
        node.raft.step_into(Event { at: Timestamp(self.now), input }, &mut self.actions);
        for action in self.actions.drain(..) {
            match action {
                Action::Write(write) => done.written = Some(write.seq),
                Action::Apply { entries } => done.applied = apply(&mut node.machine, &entries),
                Action::Send { to, message } => {
                    self.wire.send(place, self::place(to), message);
                }
                Action::ReadReady { index, .. } => {
                    assert!(node.machine.last_index() >= index, "a read sees what it must");
                    self.reads_answered += 1;
                }
                Action::Accepted { .. } | Action::RoleChanged { .. } => {}
                Action::Refused { reason, .. } => panic!("refused: {reason}"),
                Action::Misuse(misuse) => panic!("misuse: {misuse}"),
                Action::Halt(halt) => panic!("halted: {halt}"),
            }
        }
        done
    }

    fn deliver(&mut self) {
        while let Some((from, to, message)) = self.wire.receive() {
            self.step(to, Input::Receive { from: id(from), message });
        }
    }

    fn tick_leader_after(&mut self, nanos: u64) {
        self.now += nanos;
        self.step(self.leader, Input::Tick);
        self.deliver();
    }

    fn found(nodes: usize) -> Cluster {
        let founding = Arc::new(Configuration::new((0..nodes).map(id)));
        let node = |place| Node { raft: raft(place, &founding), machine: Machine::default() };
        Cluster {
            nodes: (0..nodes).map(node).collect(),
            leader: 0,
            now: 0,
            wire: Wire::new(nodes),
            actions: Vec::new(),
            payloads: Payloads::new(0),
            reads_answered: 0,
        }
    }
}

impl Group for Cluster {
    type Follower = Raft;

    fn support(arguments: &Arguments) -> Support {
        support(arguments.scenario)
    }

    fn name(_: &Arguments) -> String {
        "quorate".to_owned()
    }

    fn start(arguments: &Arguments) -> Cluster {
        let mut cluster = Cluster::found(arguments.nodes);
        cluster.payloads = Payloads::new(arguments.payload);
        for place in 0..arguments.nodes {
            cluster.step(place, Input::Tick);
        }
        cluster.elect(0);
        cluster.settle();
        cluster
    }

    fn propose(&mut self, count: usize) {
        self.now += PACE;
        let payloads = &mut self.payloads;
        let list = commands((0..count).map(|_| payloads.next_payload()));
        self.step(self.leader, propose(list));
        self.deliver();
    }

    fn settle(&mut self) {
        let delay = self.nodes[self.leader].raft.config().commit_notify_delay;
        self.tick_leader_after(delay + 1);
    }

    fn visit_machines(&mut self, visit: &mut dyn FnMut(&mut Machine)) {
        self.nodes.iter_mut().for_each(|node| visit(&mut node.machine));
    }

    fn delivered(&self) -> u64 {
        self.wire.delivered()
    }

    fn heartbeat(&mut self) {
        let interval = self.nodes[self.leader].raft.config().heartbeat_interval;
        self.tick_leader_after(interval);
    }

    fn read(&mut self, count: usize) -> usize {
        self.now += PACE;
        let before = self.reads_answered;
        for request in 0..count {
            self.step(self.leader, read(request as u64));
        }
        self.deliver();
        self.reads_answered - before
    }

    fn elect(&mut self, place: usize) {
        self.now += LONG;
        self.step(place, Input::Tick);
        self.deliver();
        self.leader = place;
        let status = self.nodes[place].raft.status();
        assert_eq!(status.role, RoleKind::Leader, "the others vote for it");
        assert_eq!(status.commit, status.log.last().index, "its first entry is committed");
    }

    fn cut_off(&mut self, place: usize, is_cut: bool) {
        self.wire.cut_off(place, is_cut);
    }

    fn rejoin(&mut self, _: usize) {
        self.heartbeat();
    }

    fn into_follower(mut self) -> Raft {
        self.nodes.pop().expect("a group has a follower").raft
    }
}
