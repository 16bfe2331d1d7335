//! raft-rs, driven as quorate-core is, with its own in-memory storage.
//!
//! Two settings. `default` is what `Config::default` says: an append carries one entry, and
//! followers are told the commit index eagerly. `tuned` is what a throughput-minded user sets:
//! large messages, appends that are merged, the commit index with the next message, all
//! commands of a proposal in one message, and one `read_index` for all reads of a batch. Pre-vote is off in both, as it is by default. Nothing is
//! logged.

use std::process::ExitCode;

use bytes::Bytes;
use quorate_bench_harness::{
    Arguments, Group, Machine, Payloads, Scenario, Support, Wire, all_but,
};
use raft::{
    Config, RawNode, StateRole,
    eraftpb::{Entry, Message, MessageType},
    prelude::{ConfState, HardState},
    storage::MemStorage,
};

type Node = RawNode<MemStorage>;

/// Heartbeats that a returning node may need before it has everything.
const REJOIN_LIMIT: usize = 1_000;

struct Cluster {
    nodes: Vec<Node>,
    machines: Vec<Machine>,
    leader: usize,
    wire: Wire<Message>,
    payloads: Payloads,
    reads_answered: usize,
    is_tuned: bool,
}

fn is_tuned(arguments: &Arguments) -> bool {
    match arguments.settings.as_deref() {
        None | Some("default") => false,
        Some("tuned") => true,
        Some(other) => panic!("no settings {other:?}; there are default and tuned"),
    }
}

fn id(place: usize) -> u64 {
    place as u64 + 1
}

fn config(place: usize, is_tuned: bool) -> Config {
    // A heartbeat is due at each tick, so that a tick is a round.
    let common = Config { id: id(place), heartbeat_tick: 1, ..Config::default() };
    if !is_tuned {
        return common;
    }
    Config {
        max_size_per_msg: 4 << 20,
        max_inflight_msgs: 1024,
        batch_append: true,
        skip_bcast_commit: true,
        ..common
    }
}

fn node(place: usize, nodes: usize, is_tuned: bool) -> Node {
    let voters = ConfState { voters: (0..nodes).map(id).collect(), ..ConfState::default() };
    let storage = MemStorage::new_with_conf_state(voters);
    let silent = slog::Logger::root(slog::Discard, slog::o!());
    RawNode::new(&config(place, is_tuned), storage, &silent).expect("a good configuration")
}

fn apply(machine: &mut Machine, entries: &[Entry]) {
    if let Some(last) = entries.last() {
        let payloads = entries.iter().map(|entry| &entry.data[..]);
        machine.apply(entries.len() as u64, last.index, || payloads);
    }
}

fn save(node: &Node, entries: &[Entry], hard_state: Option<&HardState>) {
    let mut storage = node.store().wl();
    storage.append(entries).expect("entries that follow");
    if let Some(hard_state) = hard_state {
        storage.set_hardstate(hard_state.clone());
    }
}

impl Cluster {
    fn send(&mut self, place: usize, messages: Vec<Message>) {
        for message in messages {
            self.wire.send(place, message.to as usize - 1, message);
        }
    }

    /// Carries out what the node asks for: what may leave before the write leaves before it.
    fn act(&mut self, place: usize) {
        while self.nodes[place].has_ready() {
            let mut ready = self.nodes[place].ready();
            self.send(place, ready.take_messages());
            self.answer_reads(ready.read_states().iter().map(|read| &read.request_ctx[..]));
            apply(&mut self.machines[place], &ready.take_committed_entries());
            save(&self.nodes[place], ready.entries(), ready.hs());
            self.send(place, ready.take_persisted_messages());
            let mut light = self.nodes[place].advance(ready);
            if let Some(commit) = light.commit_index() {
                self.nodes[place].store().wl().mut_hard_state().commit = commit;
            }
            self.send(place, light.take_messages());
            apply(&mut self.machines[place], &light.take_committed_entries());
            self.nodes[place].advance_apply();
        }
    }

    /// A context says how many reads it stands for.
    fn answer_reads<'a>(&mut self, contexts: impl Iterator<Item = &'a [u8]>) {
        for context in contexts {
            let (count, _) = context.split_first_chunk().expect("a context of ours");
            self.reads_answered += u32::from_le_bytes(*count) as usize;
        }
    }

    fn deliver(&mut self) {
        while let Some((_, to, message)) = self.wire.receive() {
            self.nodes[to].step(message).expect("a message of the same group");
            self.act(to);
        }
    }

    fn propose_one_by_one(&mut self, count: usize) {
        for _ in 0..count {
            let payload = self.payloads.next_payload().to_vec();
            self.nodes[self.leader].propose(vec![], payload).expect("the leader takes proposals");
        }
    }

    /// All in one message, whose payloads are shared.
    fn propose_at_once(&mut self, count: usize) {
        let entry = |payload: Bytes| Entry { data: payload, ..Entry::default() };
        let payloads = &mut self.payloads;
        let entries: Vec<Entry> = (0..count).map(|_| entry(payloads.next_payload())).collect();
        let proposal = Message {
            msg_type: MessageType::MsgPropose,
            from: id(self.leader),
            entries: entries.into(),
            ..Message::default()
        };
        self.nodes[self.leader].step(proposal).expect("the leader takes proposals");
    }

    fn read_index(&mut self, number: u32, stands_for: u32) {
        let context = [stands_for.to_le_bytes(), number.to_le_bytes()].concat();
        self.nodes[self.leader].read_index(context);
        self.act(self.leader);
    }
}

impl Group for Cluster {
    type Follower = Node;

    fn support(arguments: &Arguments) -> Support {
        // One entry a message, and for each the storage copies the whole rest of the log: what a
        // million missed entries cost so grows with their square.
        let senseless = if is_tuned(arguments) { &[][..] } else { &[Scenario::CatchUp] };
        all_but(arguments.scenario, senseless)
    }

    fn name(arguments: &Arguments) -> String {
        if is_tuned(arguments) { "raft-rs tuned".to_owned() } else { "raft-rs".to_owned() }
    }

    fn start(arguments: &Arguments) -> Cluster {
        let (nodes, is_tuned) = (arguments.nodes, is_tuned(arguments));
        let mut cluster = Cluster {
            nodes: (0..nodes).map(|place| node(place, nodes, is_tuned)).collect(),
            machines: vec![Machine::default(); nodes],
            leader: 0,
            wire: Wire::new(nodes),
            payloads: Payloads::new(arguments.payload),
            reads_answered: 0,
            is_tuned,
        };
        cluster.elect(0);
        cluster.settle();
        cluster
    }

    fn propose(&mut self, count: usize) {
        if self.is_tuned {
            self.propose_at_once(count);
        } else {
            self.propose_one_by_one(count);
        }
        self.act(self.leader);
        self.deliver();
    }

    /// A heartbeat tells what is committed to those who were not told.
    fn settle(&mut self) {
        self.heartbeat();
    }

    fn visit_machines(&mut self, visit: &mut dyn FnMut(&mut Machine)) {
        self.machines.iter_mut().for_each(visit);
    }

    fn delivered(&self) -> u64 {
        self.wire.delivered()
    }

    fn heartbeat(&mut self) {
        self.nodes[self.leader].tick();
        self.act(self.leader);
        self.deliver();
    }

    fn read(&mut self, count: usize) -> usize {
        let before = self.reads_answered;
        if self.is_tuned {
            self.read_index(0, count as u32);
        } else {
            (0..count as u32).for_each(|number| self.read_index(number, 1));
        }
        self.deliver();
        self.reads_answered - before
    }

    fn elect(&mut self, place: usize) {
        self.nodes[place].campaign().expect("a voter may campaign");
        self.act(place);
        self.deliver();
        self.leader = place;
        let raft = &self.nodes[place].raft;
        assert_eq!(raft.state, StateRole::Leader, "the others vote for it");
        assert_eq!(raft.raft_log.committed, raft.raft_log.last_index(), "it has committed");
    }

    fn cut_off(&mut self, place: usize, is_cut: bool) {
        self.wire.cut_off(place, is_cut);
    }

    fn rejoin(&mut self, place: usize) {
        let all = self.nodes[self.leader].raft.raft_log.committed;
        for _ in 0..REJOIN_LIMIT {
            self.heartbeat();
            if self.machines[place].last_index() == all {
                return;
            }
        }
        panic!("{REJOIN_LIMIT} heartbeats did not bring node {} everything", id(place));
    }

    /// The storage's work alone; it keeps the last applied entry for its term.
    fn compact(&mut self) {
        for (node, machine) in self.nodes.iter().zip(&self.machines) {
            let last = machine.last_index();
            node.store().wl().compact(last).expect("what is applied can go");
        }
    }

    fn into_follower(mut self) -> Node {
        self.nodes.pop().expect("a group has a follower")
    }
}

fn main() -> ExitCode {
    quorate_bench_harness::main::<Cluster>(std::env::args().skip(1))
}
