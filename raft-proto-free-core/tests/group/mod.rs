//! A few nodes in memory whose disks and links are in the test's hand.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod watch;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use quorate_core::*;

pub const MS: u64 = 1_000_000;

/// A node's name.
pub fn id(id: u64) -> NodeId {
    NodeId::of(id)
}

/// What a disk holds, and what is on its way there.
#[derive(Clone, Default)]
pub struct Disk {
    pub lives: u64,
    pub hard_state: HardState,
    pub entries: Entries,
    pub pending: VecDeque<Write>,
    /// Writes wait in `pending` until they are released.
    pub held: bool,
}

impl Disk {
    fn apply(&mut self, write: &Write) {
        let last = self.entries.last().map_or(0, |last| last.index);
        assert!(write.truncate_from <= last + 1, "a write leaves a gap: {write:?}");
        self.hard_state = write.hard_state;
        self.entries = self.entries.ending_before(write.truncate_from);
        self.entries.extend(write.entries.clone()).expect("a write follows the log");
    }
}

/// One node with its disk and what it was given to apply.
#[derive(Clone)]
pub struct Member {
    pub raft: Raft,
    pub disk: Disk,
    pub applied: Vec<LogId>,
    pub notices: Vec<Action>,
    pub up: bool,
}

/// The nodes, and the messages between them.
#[derive(Clone)]
pub struct Group {
    pub members: BTreeMap<u64, Member>,
    pub wire: VecDeque<(u64, u64, Message)>,
    pub cut: BTreeSet<(u64, u64)>,
    pub now: u64,
    pub next_request: u64,
    /// Across kinds, any order of carrying actions out is allowed: what a draw is made of. None
    /// takes them as they come.
    pub shuffle: Option<u64>,
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
        let founding = std::sync::Arc::new(Configuration::new((1..=size).map(id)));
        let members = (1..=size).map(|node| {
            let mut config = config(node);
            change(&mut config);
            let persisted =
                Persisted::Bootstrap { configuration: founding.clone(), incarnation: 1 };
            let raft = Raft::restore(config, persisted, Timestamp(0)).expect("a new group starts");
            let disk = Disk { lives: 1, ..Disk::default() };
            let member = Member { raft, disk, applied: Vec::new(), notices: Vec::new(), up: true };
            (node, member)
        });
        let mut group = Group {
            members: members.collect(),
            wire: VecDeque::new(),
            cut: BTreeSet::new(),
            now: 0,
            next_request: 1,
            shuffle: None,
        };
        for node in 1..=size {
            group.step(node, Input::Tick);
        }
        group
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
        let at = Timestamp(self.now);
        let member = self.member(node);
        if !member.up {
            return Vec::new();
        }
        let actions = member.raft.step(Event { at, input });
        member.raft.check().expect("every invariant holds after every step");
        let mut applied = 0;
        for action in self.in_some_order(actions.clone()) {
            applied = self.carry_out(node, action).unwrap_or(applied);
        }
        if applied > 0 {
            self.step(node, Input::Applied { index: applied });
        }
        self.complete_writes(node);
        actions
    }

    /// Notices first; then writes, work and messages, each kind in its order, mixed by draws.
    fn in_some_order(&mut self, actions: Vec<Action>) -> Vec<Action> {
        let Some(draws) = &mut self.shuffle else { return actions };
        let mut kinds = [const { VecDeque::new() }; 4];
        for action in actions {
            let kind = match &action {
                Action::Write(_) => 1,
                Action::Apply { .. } => 2,
                Action::Send { .. } => 3,
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

    /// Does it; the index, where something was applied.
    fn carry_out(&mut self, node: u64, action: Action) -> Option<Index> {
        let member = self.members.get_mut(&node).expect("the node exists");
        match action {
            Action::Write(write) => member.disk.pending.push_back(write),
            Action::Send { to, message } => self.wire.push_back((node, to.get(), message)),
            Action::Apply { entries } => {
                member.applied.extend(entries.iter().map(|entry| entry.log_id));
                return Some(entries.last().expect("an apply is not empty").index);
            }
            notice => member.notices.push(notice),
        }
        None
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

    /// Delivers the oldest message; false where there is none.
    pub fn deliver_one(&mut self) -> bool {
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
            let due = due.filter_map(|(node, member)| Some((member.raft.deadline()?.0, *node)));
            let Some((at, node)) = due.min().filter(|(at, _)| *at <= end) else { break };
            self.now = self.now.max(at);
            self.step(node, Input::Tick);
        }
        self.now = end;
        self.settle();
    }

    /// The first deadline of `node` comes; nobody else's does.
    pub fn campaign(&mut self, node: u64) {
        let due = self.raft(node).deadline().expect("a voter has a deadline");
        self.now = self.now.max(due.0);
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
        let request = self.next_request;
        self.next_request += 1;
        let commands = commands([command.to_owned()]);
        self.step(node, Input::Propose { request, commands, expected_term: None })
    }

    pub fn read(&mut self, node: u64, request: u64) {
        self.step(node, Input::Read { request });
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
        let now = Timestamp(self.now);
        let member = self.member(node);
        member.disk.lives += 1;
        member.disk.held = false;
        let persisted = Persisted::Loaded {
            incarnation: member.disk.lives,
            hard_state: member.disk.hard_state,
            snapshot: None,
            entries: member.disk.entries.clone(),
            applied: 0,
        };
        member.raft = Raft::restore(config, persisted, now).expect("a used disk starts");
        member.applied.clear();
        member.up = true;
    }
}
