//! quorate-core, driven as every other system is: by its public API alone.
//!
//! Followers learn the commit index with the leader's next message: it has
//! `commit_notify_delay` (2 ms of virtual time), which no measured chunk lasts, and
//! [`settle`](Group::settle) lets that delay pass.

use std::sync::{Arc, LazyLock};

use quorate_bench_harness::{Arguments, Group, Machine, Payloads, Support, Wire};
use quorate_core::{
    Action, Commands, Config, Configuration, Consistency, Entries, Event, Index, Input, Message,
    NodeId, Payload, Persisted, Raft, RoleKind, Timestamp, commands,
};

const MS: u64 = 1_000_000;
/// Longer than any promise or timeout of the default knobs.
const LONG: u64 = 5_000 * MS;
/// Virtual time between two proposals or rounds of reads.
const PACE: u64 = 1_000;

/// `Applied` stands for all that came before it, so a host need not step it after each apply: it does
/// so here once so many entries have gathered, and when a chunk ends.
const REPORT_EVERY: u64 = 1024;

struct Node {
    raft: Raft,
    machine: Machine,
    /// The last index reported applied.
    reported: Index,
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

fn config(node: NodeId) -> Config {
    Config {
        commit_notify_delay: 2 * MS,
        // A proposal of 256 commands of 4 KiB must fit into a message, with its overhead.
        max_message_bytes: 4 << 20,
        max_apply_bytes: 4 << 20,
        // A deposed leader's tail must fit.
        max_uncommitted_bytes: 1 << 30,
        max_unapplied_bytes: 1 << 40,
        // The log stays in memory, as every peer's does.
        cache_bytes: u64::MAX,
        ..Config::new(node, 7)
    }
}

static CONFIGS: LazyLock<[Arc<Config>; 7]> =
    LazyLock::new(|| std::array::from_fn(|place| Arc::new(config(id(place)))));

fn raft(place: usize, founding: &Arc<Configuration>) -> Raft {
    let start = Persisted::Bootstrap { configuration: founding.clone(), incarnation: 1 };
    // The groups of a host share their knobs.
    let config = CONFIGS[place].clone();
    Raft::restore(config, start, Timestamp(0)).expect("good knobs and founders")
}

fn read(request: u64) -> Input {
    Input::Read { request, consistency: Consistency::Linearizable }
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

impl Node {
    fn report_applied(&mut self, at: Timestamp, actions: &mut Vec<Action>) {
        let index = self.machine.last_index();
        self.reported = index;
        self.raft.step_into(Event { at, input: Input::Applied { index } }, actions);
    }
}

fn apply(machine: &mut Machine, entries: &Entries) {
    let Some(last) = entries.last() else { return };
    machine.apply(entries.len(), last.index, || {
        entries.iter().filter_map(|entry| bytes(entry.payload))
    });
}

fn bytes(payload: &Payload) -> Option<&[u8]> {
    match payload {
        Payload::Command(bytes) => Some(bytes),
        Payload::Noop | Payload::Configuration(_) => None,
    }
}

impl Cluster {
    /// Steps a node, carries out what it asks for, and tells it what was done.
    #[inline]
    fn step(&mut self, place: usize, input: Input) {
        let event = Event { at: Timestamp(self.now), input };
        self.nodes[place].raft.step_into(event, &mut self.actions);
        self.carry_out(place);
    }

    fn carry_out(&mut self, place: usize) {
        let node = &mut self.nodes[place];
        let at = Timestamp(self.now);
        while !self.actions.is_empty() {
            // Done at once; a completion stands for all that came before it.
            let mut written = None;
            for action in self.actions.drain(..) {
                match action {
                    Action::Send { to, message } => {
                        self.wire.send(place, self::place(to), message);
                    }
                    Action::Write(write) => written = Some(write.seq),
                    Action::Apply { entries } => apply(&mut node.machine, &entries),
                    Action::ReadReady { request, index } => {
                        assert!(node.machine.last_index() >= index, "a read sees what it must");
                        self.reads_answered += request as usize;
                    }
                    Action::Accepted { .. } | Action::RoleChanged { .. } => {}
                    Action::Refused { reason, .. } => panic!("refused: {reason}"),
                    Action::Misuse(misuse) => panic!("misuse: {misuse}"),
                    Action::Halt(halt) => panic!("halted: {halt}"),
                    Action::Transferred { .. }
                    | Action::Lease { .. }
                    | Action::SnapshotWanted { .. }
                    | Action::Install { .. }
                    | Action::Discard { .. }
                    | Action::ReadLog { .. }
                    | Action::SendSnapshot { .. } => panic!("nothing here asks for {action:?}"),
                }
            }
            if let Some(seq) = written {
                let event = Event { at, input: Input::Written { seq } };
                node.raft.step_into(event, &mut self.actions);
            }
            if node.machine.last_index() - node.reported >= REPORT_EVERY {
                node.report_applied(at, &mut self.actions);
            }
        }
    }

    /// Tells every node what it applied.
    fn report_applied(&mut self) {
        for place in 0..self.nodes.len() {
            self.nodes[place].report_applied(Timestamp(self.now), &mut self.actions);
            self.carry_out(place);
        }
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
        let node =
            |place| Node { raft: raft(place, &founding), machine: Machine::default(), reported: 0 };
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

    fn support(_: &Arguments) -> Support {
        Support::Measured
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
        self.report_applied();
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
        // A host gathers the readers of one turn of its loop and asks once for all of them; the
        // request's name says how many they are.
        self.step(self.leader, read(count as u64));
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

    fn compact(&mut self) {
        self.report_applied();
        for place in 0..self.nodes.len() {
            let index = self.nodes[place].machine.last_index();
            self.step(place, Input::Retain { entries: 0, bytes: 0 });
            self.step(place, Input::SnapshotTaken { index });
        }
    }

    fn into_follower(mut self) -> Raft {
        // A follower gives memory back when a heartbeat finds it idle.
        self.heartbeat();
        self.nodes.pop().expect("a group has a follower").raft
    }
}
