//! A few nodes in memory whose disks and links are in the test's hand.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod disk;
pub mod machine;
pub mod watch;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use quorate_core::*;

pub use disk::Disk;
pub use machine::{Machine, Parcel};
use watch::{Before, Watch};

pub const MS: u64 = 1_000_000;

/// By how much a node's clock is ahead at first, so that it can go back: an hour.
pub const SKEW: u64 = 3_600_000 * MS;

/// A node's name.
pub fn id(id: u64) -> NodeId {
    NodeId::of(id)
}

/// One node with its disk and what it was given to apply.
#[derive(Clone)]
pub struct Member {
    pub raft: Raft,
    pub disk: Disk,
    pub machine: Machine,
    /// The newest snapshot taken here, and those that came in and are not installed yet.
    pub snapshots: BTreeMap<Index, Machine>,
    /// Answers of the log store that wait, where they are held.
    pub log_reads: VecDeque<(Token, LogFound)>,
    pub hold_log_reads: bool,
    /// What the state machine was given and has not done yet, where that is held.
    pub work: VecDeque<Action>,
    pub hold_work: bool,
    pub notices: Vec<Action>,
    /// By how much its clock is ahead of the test's.
    pub skew: u64,
    pub up: bool,
}

impl Member {
    fn due(&self) -> Option<u64> {
        Some(self.raft.deadline()?.0.saturating_sub(self.skew))
    }

    fn new(raft: Raft) -> Member {
        Member {
            raft,
            disk: Disk { lives: 1, ..Disk::default() },
            machine: Machine::default(),
            snapshots: BTreeMap::new(),
            log_reads: VecDeque::new(),
            hold_log_reads: false,
            work: VecDeque::new(),
            hold_work: false,
            notices: Vec::new(),
            skew: SKEW,
            up: true,
        }
    }
}

/// The nodes, and the messages between them.
#[derive(Clone)]
pub struct Group {
    pub members: BTreeMap<u64, Member>,
    pub wire: VecDeque<(u64, u64, Message)>,
    /// Snapshots travel on their own.
    pub parcels: VecDeque<(u64, u64, Parcel)>,
    pub cut: BTreeSet<(u64, u64)>,
    pub now: u64,
    pub next_request: u64,
    /// How many steps follow from one another just now.
    pub depth: u32,
    /// Reads: at which node, and what was committed anywhere when they came in.
    pub reads: BTreeMap<u64, (u64, Index)>,
    /// Across kinds, any order of carrying actions out is allowed: what a draw is made of. None
    /// takes them as they come.
    pub shuffle: Option<u64>,
    /// What holds at any time.
    pub watch: Watch,
    /// Nodes that may halt, or may be told what cannot be.
    pub excused: BTreeSet<u64>,
}

/// The knobs of the tests' nodes: round numbers.
pub fn config(node: u64) -> Config {
    Config {
        election_timeout: 100 * MS,
        heartbeat_interval: 20 * MS,
        commit_notify_delay: 0,
        ..Config::new(id(node), 7)
    }
}

impl Group {
    pub fn new(size: u64) -> Group {
        Group::with_config(size, |_| {})
    }

    pub fn with_config(size: u64, change: impl Fn(&mut Config)) -> Group {
        let founding = Arc::new(Configuration::new((1..=size).map(id)));
        let members = (1..=size).map(|node| {
            let mut config = config(node);
            change(&mut config);
            let persisted =
                Persisted::Bootstrap { configuration: founding.clone(), incarnation: 1 };
            let raft = Raft::restore(config, persisted, Timestamp(SKEW));
            let raft = raft.expect("a new group starts");
            (node, Member::new(raft))
        });
        let mut group = Group {
            members: members.collect(),
            wire: VecDeque::new(),
            parcels: VecDeque::new(),
            cut: BTreeSet::new(),
            now: 0,
            next_request: 1,
            depth: 0,
            reads: BTreeMap::new(),
            shuffle: None,
            watch: Watch::default(),
            excused: BTreeSet::new(),
        };
        for node in 1..=size {
            group.step(node, Input::Tick);
        }
        group
    }

    /// The highest index that any node knows to be committed.
    pub fn committed(&self) -> Index {
        let commits = self.members.values().map(|member| member.raft.status().commit);
        commits.max().unwrap_or(0)
    }

    /// When the node's deadline comes, by the test's clock.
    pub fn due(&self, node: u64) -> Option<u64> {
        self.members[&node].due()
    }

    pub fn raft(&self, node: u64) -> &Raft {
        &self.members[&node].raft
    }

    pub fn status(&self, node: u64) -> Status<'_> {
        self.raft(node).status()
    }

    pub fn member(&mut self, node: u64) -> &mut Member {
        self.members.get_mut(&node).expect("the node exists")
    }

    /// Steps one node and carries its actions out; messages wait on the wire.
    pub fn step(&mut self, node: u64, input: Input) -> Vec<Action> {
        let now = self.now;
        let member = self.member(node);
        let at = Timestamp(now + member.skew);
        if !member.up {
            return Vec::new();
        }
        self.depth += 1;
        assert!(self.depth < 1_000, "node {node} has itself to answer for ever: {input:?}");
        let before = Before::of(&self.members[&node].raft);
        let actions = self.member(node).raft.step(Event { at, input });
        let member = &self.members[&node];
        member.raft.check().expect("every invariant holds after every step");
        self.watch.stepped(node, &before, &actions, &self.members, &self.reads);
        for action in self.in_some_order(actions.clone()) {
            self.carry_out(node, action);
        }
        self.do_work(node);
        self.answer_log_reads(node);
        self.complete_writes(node);
        self.depth -= 1;
        actions
    }

    /// The state machine does what it was given, unless it is held, and says so.
    fn do_work(&mut self, node: u64) {
        let member = self.members.get_mut(&node).expect("the node exists");
        let mut applied = None;
        while !member.hold_work {
            let Some(work) = member.work.pop_front() else { break };
            match work {
                Action::Apply { entries } => {
                    for entry in entries.iter() {
                        member.machine.apply(entry);
                        self.watch.applied(node, &member.machine);
                    }
                }
                Action::Install { meta } => {
                    let snapshot = member.snapshots.get(&meta.last.index);
                    member.machine = snapshot.expect("what is installed came in before").clone();
                    assert_eq!(member.machine.last, meta.last);
                    self.watch.applied(node, &member.machine);
                }
                other => unreachable!("no work for a state machine: {other:?}"),
            }
            applied = Some(member.machine.last.index);
        }
        if let Some(index) = applied {
            self.step(node, Input::Applied { index });
        }
    }

    pub fn release_work(&mut self, node: u64) {
        self.member(node).hold_work = false;
        self.do_work(node);
    }

    fn answer_log_reads(&mut self, node: u64) {
        while !self.member(node).hold_log_reads {
            let Some((token, found)) = self.member(node).log_reads.pop_front() else { break };
            self.step(node, Input::LogRead { token, found });
        }
    }

    pub fn release_log_reads(&mut self, node: u64) {
        self.member(node).hold_log_reads = false;
        self.answer_log_reads(node);
    }

    /// The node's state machine takes a snapshot at `index`, which is durable at once.
    pub fn snapshot(&mut self, node: u64) {
        let member = self.member(node);
        let index = member.machine.last.index;
        member.snapshots.insert(index, member.machine.clone());
        self.step(node, Input::SnapshotTaken { index });
    }

    /// A new node of a group that runs already; somebody must add it.
    pub fn join(&mut self, node: u64) {
        let persisted = Persisted::Join { incarnation: 1 };
        let mut config = config(node);
        if let Some(member) = self.members.values().next() {
            config = Config { node: id(node), ..member.raft.config().clone() };
        }
        let raft =
            Raft::restore(config, persisted, Timestamp(self.now + SKEW)).expect("a node joins");
        self.members.insert(node, Member::new(raft));
    }

    /// Delivers a snapshot: it is durable at the receiver before the core hears of it.
    pub fn deliver_parcel(&mut self, to: u64, parcel: Parcel) {
        let Some(member) = self.members.get_mut(&to).filter(|member| member.up) else { return };
        member.snapshots.entry(parcel.meta.last.index).or_insert(parcel.machine);
        let (term, meta) = (parcel.term, parcel.meta);
        self.step(to, Input::SnapshotReceived { term, meta });
    }

    fn send_snapshot(&mut self, from: u64, to: u64, term: Term, meta: Arc<SnapshotMeta>) {
        let machine = self.member(from).snapshots.get(&meta.last.index).cloned();
        let machine = machine.expect("the newest snapshot is there");
        self.parcels.push_back((from, to, Parcel { term, meta, machine }));
    }

    /// Notices first; then writes, work and messages, each kind in its order, mixed by draws.
    fn in_some_order(&mut self, actions: Vec<Action>) -> Vec<Action> {
        let Some(draws) = &mut self.shuffle else { return actions };
        let mut kinds = [const { VecDeque::new() }; 4];
        for action in actions {
            let kind = match &action {
                Action::Write(_) => 1,
                Action::Apply { .. } | Action::Install { .. } => 2,
                Action::Send { .. } | Action::SendSnapshot { .. } | Action::ReadLog { .. } => 3,
                _ => 0,
            };
            kinds[kind].push_back(action);
        }
        let mut order = Vec::from(std::mem::take(&mut kinds[0]));
        while kinds.iter().any(|kind| !kind.is_empty()) {
            *draws = draws.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            order.extend(kinds[(*draws >> 33) as usize % 4].pop_front());
        }
        order
    }

    /// Does it, or sees to it that it is done.
    fn carry_out(&mut self, node: u64, action: Action) {
        if let Action::SendSnapshot { to, term, meta } = action {
            return self.send_snapshot(node, to.get(), term, meta);
        }
        let member = self.members.get_mut(&node).expect("the node exists");
        match action {
            Action::ReadLog { token, from, through, max_bytes, .. } => {
                let found = member.disk.read(from, through, max_bytes);
                member.log_reads.push_back((token, found));
            }
            Action::Apply { .. } | Action::Install { .. } => member.work.push_back(action),
            Action::Discard { meta } => {
                let current = member.raft.status().snapshot.map(|snapshot| snapshot.last.index);
                if current != Some(meta.last.index) {
                    member.snapshots.remove(&meta.last.index);
                }
            }
            Action::Write(write) => member.disk.pending.push_back(write),
            Action::Send { to, message } => self.wire.push_back((node, to.get(), message)),
            notice => member.notices.push(notice),
        }
    }

    /// Makes durable what waits, unless the disk is held.
    fn complete_writes(&mut self, node: u64) {
        let member = self.member(node);
        if member.disk.held || member.disk.pending.is_empty() {
            return;
        }
        let mut seq = None;
        while let Some(write) = member.disk.pending.pop_front() {
            member.disk.apply(&write);
            seq = Some(write.seq);
        }
        if let Some(seq) = seq {
            self.step(node, Input::Written { seq });
        }
    }

    pub fn hold_writes(&mut self, node: u64) {
        self.member(node).disk.held = true;
    }

    pub fn release_writes(&mut self, node: u64) {
        self.member(node).disk.held = false;
        self.complete_writes(node);
    }

    /// Delivers until nothing is on the wire.
    pub fn settle(&mut self) {
        while self.deliver_one() {}
    }

    /// Delivers the oldest message, or snapshot; false where there is none.
    pub fn deliver_one(&mut self) -> bool {
        if self.wire.is_empty()
            && let Some((from, to, parcel)) = self.parcels.pop_front()
        {
            if !self.cut.contains(&(from, to)) {
                self.deliver_parcel(to, parcel);
            }
            return true;
        }
        let Some((from, to, message)) = self.wire.pop_front() else { return false };
        if !self.cut.contains(&(from, to)) && self.members.contains_key(&to) {
            self.step(to, Input::Receive { from: id(from), message });
        }
        true
    }

    /// Lets `ms` milliseconds pass for everyone, with every tick on time and every message at once.
    pub fn pass(&mut self, ms: u64) {
        let end = self.now + ms * MS;
        loop {
            self.settle();
            let due = self.members.iter().filter(|(_, member)| member.up);
            let due = due.filter_map(|(node, member)| Some((member.due()?, *node)));
            let Some((at, node)) = due.min().filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.step(node, Input::Tick);
        }
        self.now = end;
        self.settle();
    }

    /// The first deadline of `node` comes; nobody else's does.
    pub fn campaign(&mut self, node: u64) {
        let due = self.due(node).expect("a voter has a deadline");
        self.now = self.now.max(due);
        self.step(node, Input::Tick);
    }

    /// Makes `node` the leader, whoever led before.
    pub fn elect(&mut self, node: u64) {
        for _ in 0..20 {
            self.campaign(node);
            self.settle();
            if self.leads(node) {
                return;
            }
        }
        panic!("node {node} was not elected");
    }

    pub fn leads(&self, node: u64) -> bool {
        self.status(node).role == RoleKind::Leader
    }

    /// The leader of the highest term.
    pub fn leader(&self) -> Option<u64> {
        let leaders = self.members.iter().filter(|(node, member)| member.up && self.leads(**node));
        leaders.max_by_key(|(_, member)| member.raft.status().term).map(|(node, _)| *node)
    }

    pub fn propose(&mut self, node: u64, command: &str) -> Vec<Action> {
        self.propose_all(node, commands([command.to_owned()]))
    }

    pub fn propose_all(&mut self, node: u64, commands: Commands) -> Vec<Action> {
        let request = self.next_request;
        self.next_request += 1;
        self.step(node, Input::Propose { request, commands, expected_term: None })
    }

    pub fn read(&mut self, node: u64, request: u64) {
        self.step(node, Input::Read { request, consistency: Consistency::Linearizable });
    }

    /// The notices of `node` since the last call.
    pub fn notices(&mut self, node: u64) -> Vec<Action> {
        std::mem::take(&mut self.member(node).notices)
    }

    /// What waits on the wire from `from` to `to`.
    pub fn on_wire(&self, from: u64, to: u64) -> Vec<Message> {
        let wire = self.wire.iter().filter(|(a, b, _)| (*a, *b) == (from, to));
        wire.map(|(_, _, message)| message.clone()).collect()
    }

    pub fn cut(&mut self, a: u64, b: u64) {
        self.cut.extend([(a, b), (b, a)]);
    }

    pub fn isolate(&mut self, node: u64) {
        let others: Vec<u64> =
            self.members.keys().copied().filter(|other| *other != node).collect();
        others.into_iter().for_each(|other| self.cut(node, other));
    }

    pub fn heal(&mut self) {
        self.cut.clear();
    }

    /// Power goes: memory and what was not yet written are lost.
    pub fn crash(&mut self, node: u64) {
        let member = self.member(node);
        member.up = false;
        member.disk.pending.clear();
        self.wire.retain(|(from, _, _)| *from != node);
    }

    /// The process dies, and its disk goes on: what was on its way there arrives.
    pub fn kill(&mut self, node: u64) {
        let member = self.member(node);
        member.up = false;
        while let Some(write) = member.disk.pending.pop_front() {
            member.disk.apply(&write);
        }
    }

    /// The node starts from its disk.
    pub fn restart(&mut self, node: u64) {
        self.restart_with(node, config(node));
    }

    pub fn restart_with(&mut self, node: u64, config: Config) {
        let now = self.now;
        let member = self.member(node);
        let now = Timestamp(now + member.skew);
        member.disk.lives += 1;
        member.disk.held = false;
        member.hold_log_reads = false;
        member.log_reads.clear();
        member.hold_work = false;
        member.work.clear();
        let persisted = member.disk.persisted();
        member.raft = Raft::restore(config, persisted, now).expect("a used disk starts");
        member.machine = Machine::default();
        member.up = true;
        // What only a snapshot holds is installed at once.
        self.step(node, Input::Tick);
    }
}
