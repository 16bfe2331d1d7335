//! A host that carries out what a node wants, and holds it to the contract.

use std::{collections::VecDeque, sync::Arc};

use quorate_core::{
    Action, AppendAnswer, AppendOutcome, Body, Config, Configuration, Entries, Event, Halt,
    HardState, Input, LogId, Message, NodeId, Persisted, Raft, Refusal, RoleKind, Seq, Timestamp,
    Token, Write,
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
}

/// A node, its disk, and what it said so far.
pub(super) struct Host {
    pub(super) raft: Raft,
    pub(super) now: u64,
    life: u64,
    /// What the disk holds, whatever happens.
    hard_state: HardState,
    entries: Entries,
    pub(super) pending: VecDeque<Write>,
    issued: u64,
    /// The last index that was given to apply.
    pub(super) given: u64,
    /// What was committed in this life, from index 1.
    committed: Vec<LogId>,
    may_fail: bool,
    /// The campaign that the node last asked for.
    pub(super) campaign: Token,
    pub(super) reached: Reached,
}

impl Host {
    /// A new group of `voters` nodes.
    pub(super) fn new(voters: u64) -> Host {
        let configuration = Arc::new(Configuration::new((1..=voters).map(NodeId::of)));
        let persisted = Persisted::Bootstrap { configuration, incarnation: 1 };
        let raft = Raft::restore(config(), persisted, Timestamp(0)).expect("a new group starts");
        let mut host = Host {
            raft,
            now: 0,
            life: 1,
            hard_state: HardState::default(),
            entries: Entries::new(),
            pending: VecDeque::new(),
            issued: 0,
            given: 0,
            committed: Vec::new(),
            may_fail: false,
            campaign: Token::default(),
            reached: Reached::default(),
        };
        host.step(Input::Tick);
        host.complete(u64::MAX);
        host
    }

    /// Steps the node, twice from the same state, and judges what it does.
    pub(super) fn step(&mut self, input: Input) {
        let event = Event { at: Timestamp(self.now), input };
        let mut twin = self.raft.clone();
        let actions = self.raft.step(event.clone());
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
            Action::Apply { entries } => {
                let first = entries.first().expect("an apply is not empty").index;
                assert_eq!(first, self.given + 1, "an apply leaves a hole, or comes twice");
                self.given = entries.last().map_or(0, |last| last.index);
                let held = self.entries.starting_at(first).ending_before(self.given + 1);
                assert_eq!(entries, held, "applied, but not on disk");
            }
            Action::Halt(Halt::WriteFailed { .. }) => assert!(self.may_fail, "no write failed"),
            Action::Halt(Halt::Diverged { ours, theirs }) => {
                assert_ne!(ours, LogId::ZERO, "{theirs:?} contradicts nothing");
                self.reached.diverged = true;
            }
            Action::Refused { reason: Refusal::Busy { .. } | Refusal::TooLarge { .. }, .. } => {
                self.reached.refused = true;
            }
            Action::ReadReady { .. } => self.reached.read = true,
            Action::Halt(Halt::Exhausted)
            | Action::Accepted { .. }
            | Action::Refused { .. }
            | Action::RoleChanged { .. }
            | Action::Misuse(_) => {}
        }
    }

    fn judge_write(&mut self, write: Write) {
        self.issued += 1;
        assert_eq!(write.seq, Seq { incarnation: self.life, number: self.issued });
        let (mut last, mut state) = (self.last(), self.hard_state);
        if let Some(before) = self.pending.back() {
            last = before.entries.last().map_or(before.truncate_from - 1, |last| last.index);
            state = before.hard_state;
        }
        assert!(write.truncate_from <= last + 1, "a write leaves a hole");
        self.reached.truncated |= write.truncate_from <= last;
        assert!(write.hard_state.term >= state.term, "the term falls");
        assert!(write.hard_state.promise >= state.promise, "the promise shrinks");
        if write.hard_state.term == state.term && state.voted_for.is_some() {
            assert_eq!(write.hard_state.voted_for, state.voted_for, "a vote changes in its term");
        }
        if let (Some(first), Some(last)) = (write.entries.first(), write.entries.last()) {
            assert_eq!(first.index, write.truncate_from);
            assert!(last.term <= write.hard_state.term, "an entry comes before its term");
        }
        self.pending.push_back(write);
    }

    /// Nothing is said that a restart would not know.
    fn judge_send(&mut self, to: NodeId, message: &Message) {
        let durable = (self.hard_state.term, self.hard_state.voted_for);
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
                assert!(*index <= self.last(), "a match that the disk does not hold");
                assert!(*index == 0 || self.hard_state.term == message.term);
            }
            Body::AppendRequest(_) => assert_eq!(durable, (message.term, Some(NODE))),
            Body::PreVoteAnswer(_) | Body::VoteAnswer(_) | Body::AppendAnswer(_) => {}
        }
    }

    /// What was committed stays.
    fn judge_commit(&mut self) {
        let status = self.raft.status();
        if status.halted {
            return;
        }
        let known = self.committed.len() as u64;
        assert!(status.commit >= known, "the commit index falls");
        let leads = status.role == RoleKind::Leader && !status.peers.is_empty();
        self.reached.committed_as_leader |= leads && status.commit > known;
        let news = status.log.read(known + 1, status.commit, u64::MAX);
        self.committed.extend(news.iter().map(|entry| entry.log_id));
        let last = self.committed.last();
        assert!(last.is_none_or(|last| status.log.holds(*last)), "a committed entry changes");
    }

    /// The disk finishes the first `count` writes that wait.
    pub(super) fn complete(&mut self, count: u64) {
        let mut done = None;
        for _ in 0..count.min(self.pending.len() as u64) {
            done = self.persist();
        }
        if let Some(seq) = done {
            self.step(Input::Written { seq });
        }
    }

    fn persist(&mut self) -> Option<Seq> {
        let write = self.pending.pop_front()?;
        self.hard_state = write.hard_state;
        self.entries.truncate_from(write.truncate_from);
        self.entries.extend(write.entries).expect("a write follows the log");
        Some(write.seq)
    }

    /// A completion that may be of any life; what it covers is on disk.
    pub(super) fn claim_written(&mut self, seq: Seq) {
        if seq.incarnation == self.life && seq.number <= self.issued {
            while self.pending.front().is_some_and(|write| write.seq <= seq) {
                self.persist();
            }
        }
        self.step(Input::Written { seq });
    }

    pub(super) fn fail(&mut self) {
        if let Some(write) = self.pending.pop_front() {
            self.may_fail = true;
            self.pending.clear();
            self.step(Input::WriteFailed { seq: write.seq });
        }
    }

    /// Power goes after `kept` more writes; the node starts again.
    pub(super) fn restart(&mut self, kept: u64) {
        for _ in 0..kept {
            self.persist();
        }
        if self.entries.is_empty() {
            return;
        }
        self.pending.clear();
        self.life += 1;
        let persisted = Persisted::Loaded {
            incarnation: self.life,
            hard_state: self.hard_state,
            snapshot: None,
            entries: self.entries.clone(),
            applied: 0,
        };
        let now = Timestamp(self.now);
        self.raft = Raft::restore(config(), persisted, now).expect("a used disk starts");
        (self.issued, self.given, self.may_fail) = (0, 0, false);
        self.committed.clear();
    }

    /// A deadline that has come is dealt with, or a host would spin.
    pub(super) fn tick(&mut self) {
        self.step(Input::Tick);
        let due = self.raft.deadline();
        assert!(due.is_none_or(|due| due.0 > self.now), "{due:?} is still due at {}", self.now);
    }

    fn last(&self) -> u64 {
        self.entries.last().map_or(0, |last| last.index)
    }
}

/// Small limits, so that they are met.
fn config() -> Config {
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
        ..Config::new(NODE, 7)
    }
}

/// The same event with each entry in a batch of its own: grouping must leave no trace.
fn ungrouped(mut event: Event) -> Event {
    if let Input::Receive { message: Message { body: Body::AppendRequest(request), .. }, .. } =
        &mut event.input
    {
        let mut entries = Entries::new();
        for entry in request.entries.iter() {
            entries.append(entry.log_id, [entry.payload.clone()].into()).expect("it was in order");
        }
        request.entries = entries;
    }
    event
}
