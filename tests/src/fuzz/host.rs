//! A host that carries out what a node wants, and holds it to the contract.

use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{
    Action, AppendAnswer, AppendOutcome, Body, Config, Configuration, Entries, Event, Halt, Input,
    LogFound, LogId, Message, NodeId, Persisted, Raft, Refusal, RestoreError, RoleKind, Seq,
    SnapshotMeta, Term, Timestamp, Token, Write,
};

use super::{
    disk::{Disk, LogRead},
    replay::Tape,
};

const NODE: NodeId = NodeId::of(1);

/// What a life came to: a run that never leads, say, tests no leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// It led a group of several, and committed an entry of its own.
    pub committed_as_leader: bool,
    /// It took entries back.
    pub truncated: bool,
    /// A read was ready.
    pub read: bool,
    /// It gave its vote away.
    pub voted: bool,
    /// Peers proved two histories.
    pub diverged: bool,
    /// A proposal went over a limit.
    pub refused: bool,
    /// Entries were read back from the log.
    pub read_back: bool,
    /// A snapshot of its own was named.
    pub snapshot: bool,
    /// A received snapshot was installed.
    pub installed: bool,
    /// A change of members was accepted.
    pub changed: bool,
    /// Another was asked to take over.
    pub transferring: bool,
}

/// A node, its disk, and what it said so far.
pub(super) struct Host {
    pub(super) raft: Raft,
    pub(super) now: u64,
    life: u64,
    /// What survives whatever happens.
    pub(super) disk: Disk,
    issued: u64,
    /// The last index that was given to apply.
    pub(super) given: u64,
    /// The last index that was reported applied.
    pub(super) applied: u64,
    /// What was committed in this life, as far as the log held it then.
    committed: BTreeMap<u64, Term>,
    may_fail: bool,
    /// Whether the log was said to have lost an entry.
    may_lose: bool,
    /// Whether the node cannot start again.
    is_over: bool,
    /// The campaign that the node last asked for.
    pub(super) campaign: Token,
    pub(super) reached: Reached,
    /// This life, as a trace.
    pub(super) tape: Tape,
}

impl Host {
    /// A new group of `voters` nodes; of none, where the node is to join.
    pub(super) fn new(voters: u64) -> Host {
        let persisted = if voters == 0 {
            Persisted::Join { incarnation: 1 }
        } else {
            let configuration = Arc::new(Configuration::new((1..=voters).map(NodeId::of)));
            Persisted::Bootstrap { configuration, incarnation: 1 }
        };
        let tape = Tape::new(config(), persisted.clone(), 0);
        let raft = Raft::restore(config(), persisted, Timestamp(0)).expect("a new group starts");
        let mut host = Host {
            raft,
            now: 0,
            life: 1,
            disk: Disk::default(),
            issued: 0,
            given: 0,
            applied: 0,
            committed: BTreeMap::new(),
            may_fail: false,
            may_lose: false,
            is_over: false,
            campaign: Token::default(),
            reached: Reached::default(),
            tape,
        };
        host.step(Input::Tick);
        host.complete(u64::MAX);
        host
    }

    /// Steps the node, twice from the same state, and judges what it does.
    pub(super) fn step(&mut self, input: Input) {
        if self.is_over {
            return;
        }
        let event = Event { at: Timestamp(self.now), input };
        let mut twin = self.raft.clone();
        let actions = self.raft.step(event.clone());
        self.tape.note(&event, &actions);
        assert_eq!(actions, twin.step(ungrouped(event)), "the same event, other actions");
        assert_eq!(self.raft, twin, "the same event, another state");
        self.raft.check().expect("every invariant holds after every step");
        for action in actions {
            self.judge(action);
        }
        self.judge_commit();
    }

    fn judge(&mut self, action: Action) {
        match action {
            Action::Write(write) => self.judge_write(write),
            Action::Send { to, message } => self.judge_send(to, &message),
            Action::Apply { entries } => self.judge_apply(&entries),
            Action::Install { meta } => {
                assert!(meta.last.index > self.given, "a snapshot goes back");
                assert!(self.disk.has_named(&meta), "installed, but never named");
                self.given = meta.last.index;
                self.reached.installed = true;
            }
            Action::ReadLog { token, from, through, last_term, max_bytes } => {
                assert!(from <= through, "a read of nothing");
                assert_eq!(self.raft.status().log.term_at(through), Some(last_term));
                self.disk.reads.push_back(LogRead { token, from, through, max_bytes });
            }
            Action::SendSnapshot { to, term, meta } => {
                let status = self.raft.status();
                assert!(to != NODE && status.term == term && status.role == RoleKind::Leader);
                assert_eq!(status.snapshot, Some(&*meta), "another snapshot than the newest");
            }
            Action::Halt(halt) => self.judge_halt(halt),
            Action::Refused { reason: Refusal::Busy { .. } | Refusal::TooLarge { .. }, .. } => {
                self.reached.refused = true;
            }
            Action::ReadReady { .. } => self.reached.read = true,
            Action::Accepted { request: CHANGE, .. } => self.reached.changed = true,
            Action::Accepted { .. }
            | Action::Transferred { .. }
            | Action::Refused { .. }
            | Action::Discard { .. }
            | Action::Lease { .. }
            | Action::SnapshotWanted { .. }
            | Action::RoleChanged { .. }
            | Action::Misuse(_) => {}
        }
    }

    fn judge_apply(&mut self, entries: &Entries) {
        let first = entries.first().expect("an apply is not empty").index;
        assert_eq!(first, self.given + 1, "an apply leaves a hole, or comes twice");
        self.given = entries.last().map_or(0, |last| last.index);
        let held = self.disk.entries.starting_at(first).ending_before(self.given + 1);
        assert_eq!(*entries, held, "applied, but not on disk");
    }

    fn judge_halt(&mut self, halt: Halt) {
        match halt {
            Halt::WriteFailed { .. } => assert!(self.may_fail, "no write failed"),
            Halt::LogLost { index } => assert!(self.may_lose, "entry {index} is not lost"),
            Halt::Diverged { ours, theirs } => {
                assert_ne!(ours, LogId::ZERO, "{theirs:?} contradicts nothing");
                self.reached.diverged = true;
            }
            Halt::Exhausted | Halt::UnknownProtocol { .. } | Halt::Stopped => {}
        }
    }

    fn judge_write(&mut self, write: Write) {
        self.issued += 1;
        assert_eq!(write.seq, Seq { incarnation: self.life, number: self.issued });
        let (last, state) = self.disk.at_last();
        assert!(write.truncate_from <= last + 1, "a write leaves a hole");
        self.reached.truncated |= write.truncate_from <= last;
        self.reached.snapshot |= write.snapshot.is_some();
        assert!(write.hard_state.term >= state.term, "the term falls");
        if write.hard_state.term == state.term && state.voted_for.is_some() {
            assert_eq!(write.hard_state.voted_for, state.voted_for, "a vote changes in its term");
        }
        if let (Some(first), Some(last)) = (write.entries.first(), write.entries.last()) {
            assert_eq!(first.index, write.truncate_from);
            assert!(last.term <= write.hard_state.term, "an entry comes before its term");
        }
        self.disk.pending.push_back(write);
    }

    /// Nothing is said that a restart would not know.
    fn judge_send(&mut self, to: NodeId, message: &Message) {
        let state = self.disk.hard_state;
        let durable = (state.term, state.voted_for);
        match &message.body {
            Body::VoteAnswer(answer) if answer.granted => {
                assert_eq!(durable, (message.term, Some(to)), "a vote leaves before it is durable");
                self.reached.voted = true;
            }
            Body::VoteRequest(request) => {
                assert_eq!(durable, (message.term, Some(NODE)), "asks before its own vote is safe");
                self.campaign = request.campaign;
            }
            Body::PreVoteRequest(request) => self.campaign = request.campaign,
            Body::AppendAnswer(AppendAnswer {
                outcome: AppendOutcome::Matched { index }, ..
            }) => {
                assert!(*index <= self.disk.last(), "a match that the disk does not hold");
                assert!(*index == 0 || state.term == message.term);
            }
            Body::AppendRequest(_) | Body::TimeoutNow => {
                assert_eq!(durable, (message.term, Some(NODE)));
                self.reached.transferring |= matches!(message.body, Body::TimeoutNow);
            }
            Body::PreVoteAnswer(_)
            | Body::VoteAnswer(_)
            | Body::AppendAnswer(_)
            | Body::ReadRequest(_)
            | Body::ReadAnswer(_) => {}
        }
    }

    /// What was committed stays.
    fn judge_commit(&mut self) {
        let status = self.raft.status();
        if status.halted {
            return;
        }
        let known = self.committed.last_key_value().map_or(0, |(index, _)| *index);
        assert!(status.commit >= known, "the commit index falls");
        let leads = status.role == RoleKind::Leader && !status.peers.is_empty();
        self.reached.committed_as_leader |= leads && status.commit > known;
        // What lies before the log is covered by a snapshot.
        for index in (known + 1).max(status.log.base().index).max(1)..=status.commit {
            let term = status.log.term_at(index).expect("what is committed is in the log");
            self.committed.insert(index, term);
        }
        let base = status.log.base().index;
        for (index, term) in self.committed.range(base..) {
            assert_eq!(status.log.term_at(*index), Some(*term), "a committed entry changes");
        }
    }

    /// The disk finishes the first `count` writes that wait.
    pub(super) fn complete(&mut self, count: u64) {
        let mut done = None;
        for _ in 0..count.min(self.disk.pending.len() as u64) {
            done = self.disk.persist();
        }
        if let Some(seq) = done {
            self.step(Input::Written { seq });
        }
    }

    /// A completion that may be of any life; what it covers is on disk.
    pub(super) fn claim_written(&mut self, seq: Seq) {
        if seq.incarnation == self.life && seq.number <= self.issued {
            while self.disk.pending.front().is_some_and(|write| write.seq <= seq) {
                self.disk.persist();
            }
        }
        self.step(Input::Written { seq });
    }

    pub(super) fn fail(&mut self) {
        if let Some(write) = self.disk.pending.pop_front() {
            self.may_fail = true;
            self.disk.pending.clear();
            self.step(Input::WriteFailed { seq: write.seq });
        }
    }

    /// Answers the oldest question to the log; with a lie, where `lost` says so.
    pub(super) fn answer_read(&mut self, lost: bool) {
        let Some(read) = self.disk.reads.pop_front() else { return };
        self.may_lose |= lost;
        let found = if lost { LogFound::Missing } else { self.disk.read(&read) };
        self.reached.read_back |= matches!(found, LogFound::Entries(_));
        self.step(Input::LogRead { token: read.token, found });
    }

    pub(super) fn wish(&mut self, input: Input) {
        // An answer that nobody found: its name may be one that is waited for.
        self.may_lose |= matches!(input, Input::LogRead { .. });
        self.step(input);
    }

    pub(super) fn report_applied(&mut self, index: u64) {
        if index <= self.given {
            self.applied = self.applied.max(index);
        }
        self.step(Input::Applied { index });
    }

    pub(super) fn receive_snapshot(&mut self, term: Term, meta: SnapshotMeta) {
        self.step(Input::SnapshotReceived { term, meta: Arc::new(meta) });
    }

    /// Power goes after `kept` more writes; the node starts again, with a state machine that kept
    /// what it had, or nothing.
    pub(super) fn restart(&mut self, kept: u64, keeps_state: bool) {
        for _ in 0..kept {
            self.disk.persist();
        }
        if self.disk.is_empty() {
            return;
        }
        self.life += 1;
        self.applied = if keeps_state { self.applied } else { 0 };
        let persisted = self.disk.load(self.life, self.applied);
        self.tape.judge();
        self.tape = Tape::new(config(), persisted.clone(), self.now);
        self.raft = match Raft::restore(config(), persisted, Timestamp(self.now)) {
            Ok(raft) => raft,
            Err(RestoreError::UnknownProtocol { .. }) => {
                // The group has gone on without it: this was its last life.
                self.is_over = true;
                return;
            }
            Err(error) => panic!("a used disk does not start: {error}"),
        };
        (self.issued, self.given) = (0, self.applied);
        (self.may_fail, self.may_lose) = (false, false);
        self.committed.clear();
        self.step(Input::Tick);
    }

    /// A deadline that has come is dealt with, or a host would spin.
    pub(super) fn tick(&mut self) {
        self.step(Input::Tick);
        let due = self.raft.deadline().filter(|_| !self.is_over);
        assert!(due.is_none_or(|due| due.0 > self.now), "{due:?} is still due at {}", self.now);
    }
}

/// The name of every change of members.
pub(super) const CHANGE: u64 = 99;

/// Small limits, so that they are met.
pub(super) fn config() -> Config {
    Config {
        election_timeout: 100_000_000,
        heartbeat_interval: 20_000_000,
        max_message_bytes: 1024,
        max_inflight_messages: 2,
        max_inflight_bytes: 2048,
        max_uncommitted_bytes: 4096,
        max_apply_bytes: 512,
        max_unapplied_bytes: 1024,
        max_pending_reads: 4,
        cache_bytes: 256,
        retain_entries: 2,
        publish_lease: true,
        ..Config::new(NODE, 7)
    }
}

/// The same event with each entry in a batch of its own: grouping must leave no trace.
fn ungrouped(mut event: Event) -> Event {
    let entries = match &mut event.input {
        Input::Receive { message: Message { body: Body::AppendRequest(request), .. }, .. } => {
            &mut request.entries
        }
        Input::LogRead { found: LogFound::Entries(entries), .. } => entries,
        _ => return event,
    };
    let mut apart = Entries::new();
    for entry in entries.iter() {
        apart.append(entry.log_id, entry.payload.clone().into()).expect("it was in order");
    }
    *entries = apart;
    event
}
