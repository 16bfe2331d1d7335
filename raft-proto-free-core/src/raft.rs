//! The node: its state, and the one door through which everything comes and goes.
//!
//! The rules stand beside one another, a file each. Elections: [`vote`](crate::vote) answers
//! candidates, [`campaign`](crate::campaign) is one, [`transfer`](crate::transfer) hands over.
//! The log: [`follower`](crate::follower) takes entries, [`leader`](crate::leader) makes them,
//! [`replicate`](crate::replicate) sends them, [`commit`](crate::commit) counts them,
//! [`members`](crate::members) changes who counts, [`snapshot`](crate::snapshot) stands for what is
//! gone. Reads: [`read`](crate::read), [`forward`](crate::forward), [`lease`](crate::lease). The
//! disk: [`release`](crate::release) lets go what waited for it, [`stall`](crate::stall) watches it.

use alloc::{sync::Arc, vec::Vec};

use crate::{
    action::{Action, HardState, RoleKind, SnapshotMeta, Write},
    aside::{Aside, Retain},
    batch::Batch,
    clock::Clock,
    config::Config,
    configuration::Configuration,
    draw::Draws,
    durability::Durability,
    event::{Event, Input},
    log::Log,
    log_read::LogRead,
    message::{Body, Message},
    queue::Queue,
    role::Role,
    status::{Drop, Tally},
    types::{Index, Nanos, NodeId, Term, Timestamp, Token},
};

/// One member of a group, as a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Raft {
    pub(crate) config: Arc<Config>,
    pub(crate) incarnation: u64,
    pub(crate) clock: Clock,
    pub(crate) draws: Draws,
    /// How many tokens this life has given.
    pub(crate) tokens: u64,
    /// What the disk will hold once every write is done.
    pub(crate) hard_state: HardState,
    pub(crate) log: Log,
    /// The newest snapshot: at least the log's base, at most what is applied.
    pub(crate) snapshot: Option<Arc<SnapshotMeta>>,
    /// The number of the write that names it; 0 for one that was loaded.
    pub(crate) snapshot_write: u64,
    pub(crate) durability: Durability,
    /// What this step must yet ask to be written.
    pub(crate) draft: Draft,
    pub(crate) role: Role,
    /// Until then this node neither votes nor campaigns, for it told a leader so.
    pub(crate) promised_until: Nanos,
    pub(crate) election_due: Nanos,
    /// By how much the election timeout lies above the promise; drawn anew for each candidacy.
    pub(crate) jitter: Nanos,
    pub(crate) aside: Aside,
    /// Highest index known committed. Never falls.
    pub(crate) commit: Index,
    /// Highest index given to apply. Never falls; at most `commit`.
    pub(crate) given: Index,
    /// Highest index reported applied. At most `given`.
    pub(crate) applied: Index,
    /// What was given and is not yet applied: last index and cost, ascending.
    pub(crate) unapplied: Queue<(Index, u64)>,
    pub(crate) unapplied_bytes: u64,
    /// What is being read back from the log store.
    pub(crate) log_reads: Queue<LogRead>,
    pub(crate) drops: Tally,
    /// Whether the own disk is too slow to lead.
    pub(crate) stalled: bool,
    /// Whether the state machine waits for a snapshot to take the place of what it has.
    pub(crate) wants_snapshot: bool,
    /// Whether the own disk is nearly full.
    pub(crate) is_space_low: bool,
    /// Whether the node is to halt as soon as it does not lead.
    pub(crate) stopping: bool,
    pub(crate) halted: bool,
}

/// The write that a step builds up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Draft {
    /// Whether there is anything to write.
    pub(crate) due: bool,
    /// Whether a new snapshot is to be named.
    pub(crate) snapshot: bool,
    /// Entries at or behind this are other than on disk. First the index after the last durable or
    /// asked for.
    pub(crate) from: Index,
    /// Entries through this are no longer needed.
    pub(crate) discard_through: Index,
}

impl Raft {
    /// Takes an event in and says what to do.
    pub fn step(&mut self, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        self.step_into(event, &mut actions);
        actions
    }

    /// The same as [`Raft::step`]; appends to the caller's buffer.
    pub fn step_into(&mut self, event: Event, out: &mut Vec<Action>) {
        if self.halted {
            return;
        }
        let before = self.face();
        let back = self.clock.advance(event.at);
        if back > 0 {
            self.clock_went_back(back, out);
        }
        self.take(event.input, out);
        self.finish(before, out);
    }

    fn take(&mut self, input: Input, out: &mut Vec<Action>) {
        match input {
            Input::Tick => self.tick(out),
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Propose { request, commands, expected_term } => {
                self.propose(request, commands, expected_term, out);
            }
            Input::Read { request, consistency } => self.read(request, consistency, out),
            Input::ChangeMembers { request, changes, expected_term } => {
                self.change_members(request, &changes, expected_term, out);
            }
            Input::Transfer { request, to } => self.transfer(request, to, out),
            Input::Written { seq } => self.written(seq, out),
            Input::WriteFailed { seq } => self.write_failed(seq, out),
            Input::Applied { index } => self.took_applied(index, out),
            Input::LogRead { token, found } => self.log_read(token, found, out),
            Input::SnapshotTaken { index } => self.snapshot_taken(index, out),
            Input::SnapshotReceived { term, meta } => self.snapshot_received(term, meta, out),
            Input::RequestSnapshot => self.request_snapshot(out),
            Input::PeerUnreachable { peer } => self.peer_unreachable(peer),
            Input::LeaseClosed => self.lease_closed(),
            Input::Retain { entries, bytes } => self.aside.set_retain(Retain { entries, bytes }),
            Input::Space { is_low } => self.is_space_low = is_low,
            Input::Reconfigure { config } => self.reconfigure(config, out),
            Input::Quiesce => self.quiesce(out),
            Input::Wake => self.wake(out),
            Input::Stop => self.stop(out),
        }
    }

    /// When to step [`Input::Tick`] next, by this node's clock; none while nothing is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.halted {
            return None;
        }
        let due = match &self.role {
            Role::Leader(leader) => self.leader_due(leader),
            Role::Follower(follower) => {
                let reads = follower.reads.as_ref().and_then(|reads| reads.expires());
                let campaigns = self.may_campaign() && !follower.quiesced;
                reads.into_iter().chain(campaigns.then_some(self.election_due)).min()
            }
            Role::PreCandidate(_) | Role::Candidate(_) => {
                self.may_campaign().then_some(self.election_due)
            }
        };
        due.map(|due| self.clock.reading_at(due))
    }

    fn tick(&mut self, out: &mut Vec<Action>) {
        self.watch_disk(out);
        match &self.role {
            Role::Leader(_) => return self.leader_tick(out),
            Role::Follower(follower) => {
                let is_quiet = follower.quiesced;
                self.expire_forwarded_reads(out);
                if is_quiet {
                    return;
                }
            }
            Role::PreCandidate(_) | Role::Candidate(_) => {}
        }
        if self.may_campaign() && self.clock.now() >= self.election_due {
            self.campaign(out);
        }
    }

    fn receive(&mut self, from: NodeId, message: Message, out: &mut Vec<Action>) {
        if let Err(reason) = self.judge_form(from, &message) {
            self.drops.count(reason);
            return;
        }
        let term = message.term;
        match message.body {
            Body::PreVoteRequest(request) => self.pre_vote_request(from, term, request, out),
            Body::VoteRequest(request) => self.vote_request(from, term, request, out),
            Body::AppendRequest(request) => self.append_request(from, term, request, out),
            Body::ReadRequest(request) => self.read_request(from, term, request, out),
            Body::TimeoutNow => self.timeout_now(from, term, out),
            Body::PreVoteAnswer(answer) => {
                if self.is_current_answer(from, term, out) {
                    self.pre_vote_answer(from, answer, out);
                }
            }
            Body::VoteAnswer(answer) => {
                if self.is_current_answer(from, term, out) {
                    self.vote_answer(from, answer, out);
                }
            }
            Body::AppendAnswer(answer) => {
                // A leader knows its members by heart.
                let is_current =
                    matches!(self.role, Role::Leader(_)) && term == self.hard_state.term;
                if is_current || self.is_current_answer(from, term, out) {
                    self.append_answer(from, answer, out);
                }
            }
            Body::ReadAnswer(answer) => self.read_answer(from, term, answer, out),
        }
    }

    fn written(&mut self, seq: Token, out: &mut Vec<Action>) {
        match self.durability.complete(seq, self.incarnation) {
            Ok(true) => {
                match &self.role {
                    Role::Leader(_) => self.advance_commit(out),
                    Role::Follower(_) => self.answer_durable(out),
                    Role::PreCandidate(_) | Role::Candidate(_) => {}
                }
                if self.stalled {
                    self.watch_disk(out);
                }
                self.log.evict(self.durability.last(), self.config.cache_bytes);
            }
            Ok(false) => self.drops.count(Drop::Completion),
            Err(misuse) => out.push(Action::Misuse(misuse)),
        }
    }

    /// What follows from the step: writes, what they let go, applies, the notice of a new role.
    fn finish(&mut self, before: Face, out: &mut Vec<Action>) {
        if self.halted {
            return;
        }
        self.release(out);
        self.flush(out);
        self.give_applies(out);
        if self.face() != before {
            self.say_role(out);
        }
        if self.config.publish_lease {
            self.publish_lease(out);
        }
        if self.stopping {
            self.stop_once_free(out);
        }
    }

    /// Asks for what this step changed to be written, as one unit.
    pub(crate) fn flush(&mut self, out: &mut Vec<Action>) {
        if !self.draft.due {
            return;
        }
        let draft = self.draft;
        let last = self.log.last().index;
        let seq = self.durability.issue(last, draft.from, self.hard_state, self.clock.now());
        if draft.snapshot {
            self.snapshot_write = seq;
        }
        out.push(Action::Write(Write {
            seq: Token { incarnation: self.incarnation, number: seq },
            hard_state: self.hard_state,
            truncate_from: draft.from,
            // What is not durable is in memory; a log that a snapshot replaced has no entry.
            entries: self.log.newest(draft.from),
            snapshot: if draft.snapshot { self.snapshot.clone() } else { None },
            discard_through: draft.discard_through,
        }));
        self.draft = Draft { from: last + 1, ..Draft::default() };
    }

    /// Appends behind the last entry, in memory and in this step's write.
    pub(crate) fn append(&mut self, batch: Batch) {
        self.draft.due = true;
        self.log.append(batch);
    }

    /// Removes every entry at or behind `from`, in memory and in this step's write.
    pub(crate) fn truncate_from(&mut self, from: Index) {
        self.log.truncate_from(from);
        self.draft.due = true;
        self.draft.from = self.draft.from.min(from);
    }

    /// The configuration in force: the newest in the log.
    pub(crate) fn configuration(&self) -> &Configuration {
        // raft:6 a server uses the newest configuration in its log, committed or not.
        match (self.log.newest_configuration(), &self.snapshot) {
            (Some((_, members)), _) => members,
            (None, Some(snapshot)) => &snapshot.configuration,
            (None, None) => &EMPTY,
        }
    }

    /// The configuration before that one, which would be in force if the newest went; none where
    /// that cannot go, or is the first.
    pub(crate) fn previous_configuration(&self) -> Option<&Configuration> {
        let in_log = self.log.summary().configurations();
        let (_, earlier) = in_log.split_last()?;
        let in_snapshot = self.snapshot.as_ref().map(|snapshot| &snapshot.configuration);
        let members = earlier.last().map(|(_, members)| members).or(in_snapshot);
        members.map(|members| &**members)
    }

    /// Where that configuration stands; 0 for the one that every log begins with.
    pub(crate) fn configuration_index(&self) -> Index {
        let in_log = self.log.newest_configuration().map(|(index, _)| index);
        let in_snapshot = self.snapshot.as_ref().map(|snapshot| snapshot.last.index);
        in_log.or(in_snapshot).unwrap_or(0)
    }

    /// The leader of this term, where known.
    pub(crate) fn leader_id(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.config.node),
        }
    }

    /// What an [`Action::RoleChanged`] would say now, but for the name of a leader that is this node.
    fn face(&self) -> Face {
        let followed = match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_) => None,
        };
        (self.role.kind(), self.hard_state.term, followed)
    }

    /// What changed is rare, and stands out of the way of every other step.
    #[cold]
    fn say_role(&self, out: &mut Vec<Action>) {
        let (role, term, leader) = (self.role.kind(), self.hard_state.term, self.leader_id());
        out.push(Action::RoleChanged { role, term, leader });
    }

    /// Says `body` to `to` in our term.
    pub(crate) fn send(&self, to: NodeId, body: Body, out: &mut Vec<Action>) {
        out.push(Action::Send { to, message: Message { term: self.hard_state.term, body } });
    }

    /// A name that this node never gave before.
    pub(crate) fn next_token(&mut self) -> Token {
        self.tokens += 1;
        Token { incarnation: self.incarnation, number: self.tokens }
    }
}

static EMPTY: Configuration = Configuration::EMPTY;

type Face = (RoleKind, Term, Option<NodeId>);
