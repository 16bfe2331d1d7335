//! The node: its state, and the one door through which everything comes and goes.
//!
//! The rules stand beside one another, a file each: [`vote`](crate::vote) answers candidates,
//! [`campaign`](crate::campaign) is one, [`follower`](crate::follower) takes entries,
//! [`leader`](crate::leader) commits them, [`replicate`](crate::replicate) sends them,
//! [`read`](crate::read) confirms reads, [`release`](crate::release) lets go what waited for the
//! disk.

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use smallvec::SmallVec;

use crate::{
    action::{Action, Halt, HardState, Misuse, Refusal, RoleKind, Write},
    clock::Clock,
    config::Config,
    configuration::Configuration,
    draw::Draws,
    durability::Durability,
    entries::{Batch, Entries},
    event::{Event, Input},
    log::Log,
    message::{Body, Message},
    peer::Peer,
    role::{Follower, Role},
    status::Drops,
    types::{Index, Nanos, NodeId, Term, Timestamp, Token},
};

/// One member of a group, as a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raft {
    pub(crate) config: Arc<Config>,
    pub(crate) incarnation: u64,
    pub(crate) clock: Clock,
    pub(crate) draws: Draws,
    /// How many campaigns this life has seen; numbers their tokens.
    pub(crate) campaigns: u64,
    /// What the disk will hold once every write is done.
    pub(crate) hard_state: HardState,
    pub(crate) log: Log,
    /// The configurations in the log, ascending; the first is that of the base. Never empty.
    pub(crate) configurations: SmallVec<[(Index, Arc<Configuration>); 1]>,
    pub(crate) durability: Durability,
    /// What this step must yet ask to be written.
    pub(crate) draft: Draft,
    pub(crate) role: Role,
    /// Until then this node neither votes nor campaigns, for it told a leader so.
    pub(crate) promised_until: Nanos,
    pub(crate) election_due: Nanos,
    /// By how much the election timeout lies above the promise; drawn anew for each candidacy.
    pub(crate) jitter: Nanos,
    /// A vote that is given, but not yet durable.
    pub(crate) held_vote: Option<HeldVote>,
    /// Highest index known committed. Never falls.
    pub(crate) commit: Index,
    /// Highest index given to apply. Never falls; at most `commit`.
    pub(crate) given: Index,
    /// Highest index reported applied. At most `given`.
    pub(crate) applied: Index,
    /// What was given and is not yet applied: last index and cost, ascending.
    pub(crate) unapplied: VecDeque<(Index, u64)>,
    pub(crate) unapplied_bytes: u64,
    pub(crate) drops: Drops,
    pub(crate) halted: bool,
}

/// The write that a step builds up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Draft {
    /// Whether there is anything to write.
    pub(crate) due: bool,
    /// Entries at or behind this go. First the index after the last durable or asked for.
    pub(crate) truncate_from: Index,
    pub(crate) entries: Entries,
}

/// A vote on its way to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeldVote {
    pub(crate) to: NodeId,
    pub(crate) campaign: Token,
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
        if !self.clock.advance(event.at) {
            // How long the clock had been wrong is unknown: what was promised starts anew.
            self.promised_until = self.clock.now().saturating_add(self.hard_state.promise);
            self.reset_election_timer();
        }
        match event.input {
            Input::Tick => self.tick(out),
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Propose { request, commands, expected_term } => {
                self.propose(request, commands, expected_term, out);
            }
            Input::Read { request } => self.read(request, out),
            Input::Written { seq } => match self.durability.complete(seq) {
                Ok(true) => self.answer_durable(out),
                Ok(false) => {}
                Err(misuse) => out.push(Action::Misuse(misuse)),
            },
            Input::WriteFailed { seq } => self.write_failed(seq, out),
            Input::Applied { index } => self.took_applied(index, out),
        }
        self.finish(before, out);
    }

    /// When to step [`Input::Tick`] next, by this node's clock; none while nothing is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        if self.halted {
            return None;
        }
        let due = match &self.role {
            Role::Leader(leader) => self.leader_due(leader),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                self.may_campaign().then_some(self.election_due)
            }
        };
        due.map(|due| self.clock.reading_at(due))
    }

    fn tick(&mut self, out: &mut Vec<Action>) {
        if matches!(self.role, Role::Leader(_)) {
            self.leader_tick(out);
        } else if self.may_campaign() && self.clock.now() >= self.election_due {
            self.campaign(out);
        }
    }

    fn receive(&mut self, from: NodeId, message: Message, out: &mut Vec<Action>) {
        if let Err(reason) = self.judge_form(from, &message) {
            self.drops.count(reason);
            return;
        }
        let Message { term, body } = message;
        match body {
            Body::PreVoteRequest(request) => self.pre_vote_request(from, term, request, out),
            Body::VoteRequest(request) => self.vote_request(from, term, request, out),
            Body::AppendRequest(request) => self.append_request(from, term, request, out),
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
                if self.is_current_answer(from, term, out) {
                    self.append_answer(from, answer, out);
                }
            }
        }
    }

    /// The disk failed: what is on it is not known, so nothing more may be said or promised.
    fn write_failed(&mut self, seq: Token, out: &mut Vec<Action>) {
        if seq.incarnation == self.incarnation {
            self.halt(Halt::WriteFailed { seq }, out);
        }
    }

    fn took_applied(&mut self, index: Index, out: &mut Vec<Action>) {
        if index > self.given {
            let misuse = Misuse::AppliedTooFar { index, given: self.given };
            out.push(Action::Misuse(misuse));
            return;
        }
        self.applied = self.applied.max(index);
        while self.unapplied.front().is_some_and(|(last, _)| *last <= index) {
            self.unapplied_bytes -= self.unapplied.pop_front().map_or(0, |(_, cost)| cost);
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
        let (role, term, leader) = self.face();
        if (role, term, leader) != before {
            out.push(Action::RoleChanged { role, term, leader });
        }
    }

    /// Asks for what this step changed to be written, as one unit.
    pub(crate) fn flush(&mut self, out: &mut Vec<Action>) {
        if !self.draft.due {
            return;
        }
        let last = self.log.last().index;
        let truncate_from = self.draft.truncate_from;
        let seq = self.durability.issue(last, truncate_from, self.hard_state);
        out.push(Action::Write(Write {
            seq,
            hard_state: self.hard_state,
            truncate_from,
            entries: core::mem::take(&mut self.draft.entries),
            snapshot: None,
            discard_through: 0,
        }));
        self.draft.due = false;
        self.draft.truncate_from = last + 1;
    }

    /// Hands committed entries to the state machine.
    fn give_applies(&mut self, out: &mut Vec<Action>) {
        // Never ahead of the own disk: a restart would find a machine that knows more than the log.
        let through = self.commit.min(self.durability.last());
        while self.given < through && self.unapplied_bytes < self.config.max_unapplied_bytes {
            let entries = self.log.read(self.given + 1, through, self.config.max_apply_bytes);
            let Some(last) = entries.last() else { break };
            self.given = last.index;
            self.unapplied.push_back((last.index, entries.cost()));
            self.unapplied_bytes += entries.cost();
            out.push(Action::Apply { entries });
        }
    }

    /// Stops for good; what waits is answered.
    pub(crate) fn halt(&mut self, halt: Halt, out: &mut Vec<Action>) {
        if let Role::Leader(leader) = &mut self.role {
            let reads = leader.reads.drain(..);
            out.extend(
                reads
                    .map(|read| Action::Refused { request: read.request, reason: Refusal::Halted }),
            );
        }
        self.halted = true;
        out.push(Action::Halt(halt));
    }

    /// Appends behind the last entry, in memory and in this step's write.
    pub(crate) fn append(&mut self, batch: Batch) {
        // raft:6 a configuration is in force as soon as it is in the log, committed or not.
        let found = batch.configurations().map(|(index, members)| (index, members.clone()));
        self.configurations.extend(found);
        self.draft.due = true;
        self.draft.entries.push_batch(batch.clone());
        self.log.append(batch);
    }

    /// Removes every entry at or behind `from`, in memory and in this step's write.
    pub(crate) fn truncate_from(&mut self, from: Index) {
        self.log.truncate_from(from);
        while self.configurations.len() > 1
            && self.configurations.last().is_some_and(|(index, _)| *index >= from)
        {
            self.configurations.pop();
        }
        self.draft.due = true;
        self.draft.truncate_from = self.draft.truncate_from.min(from);
        self.draft.entries.truncate_from(from);
    }

    /// The configuration in force: the newest in the log.
    pub(crate) fn configuration(&self) -> &Arc<Configuration> {
        let newest = self.configurations.last();
        &newest.expect("the first configuration, that of the base, is never removed").1
    }

    /// Enters a term, or goes back to following within it.
    pub(crate) fn become_follower(
        &mut self,
        term: Term,
        leader: Option<NodeId>,
        out: &mut Vec<Action>,
    ) {
        if let Role::Leader(old) = &mut self.role {
            let reads = old.reads.drain(..);
            let reason = Refusal::NotLeader { leader };
            out.extend(reads.map(|read| Action::Refused { request: read.request, reason }));
        }
        if !matches!(self.role, Role::Follower(_)) {
            self.redraw_election_timer();
        }
        if term > self.hard_state.term {
            // raft:5.1 a newer term ends whatever this node was in the old one.
            self.hard_state.term = term;
            self.hard_state.voted_for = None;
            self.held_vote = None;
            self.draft.due = true;
        }
        self.role = Role::Follower(Follower { leader, ..Follower::default() });
    }

    /// Starts the wait for the next candidacy: above what was promised, at most its double.
    pub(crate) fn reset_election_timer(&mut self) {
        let base = self.timeout_base();
        let timeout = base + 1 + self.jitter.min(base - 1);
        self.election_due = self.clock.now().saturating_add(timeout);
    }

    /// raft:5.2 timeouts are drawn, so that split votes are rare and end soon.
    pub(crate) fn redraw_election_timer(&mut self) {
        let (node, seed, base) = (self.config.node, self.config.seed, self.timeout_base());
        self.jitter = self.draws.below(base, seed, node, self.incarnation);
        self.reset_election_timer();
    }

    fn timeout_base(&self) -> Nanos {
        self.config.election_timeout.max(self.hard_state.promise)
    }

    /// Whether this node may ever be a candidate, as far as it knows.
    pub(crate) fn may_campaign(&self) -> bool {
        self.configuration().is_voter(self.config.node)
    }

    /// The leader of this term, where known.
    pub(crate) fn leader_id(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.config.node),
        }
    }

    /// What a [`Action::RoleChanged`] would say now.
    pub(crate) fn face(&self) -> Face {
        (self.role.kind(), self.hard_state.term, self.leader_id())
    }

    /// Says `body` to `to` in our term.
    pub(crate) fn send(&self, to: NodeId, body: Body, out: &mut Vec<Action>) {
        out.push(Action::Send { to, message: Message { term: self.hard_state.term, body } });
    }

    /// The other members that a campaign asks.
    pub(crate) fn others(&self) -> impl Iterator<Item = NodeId> {
        let own = self.config.node;
        let members: SmallVec<[NodeId; 8]> = self.configuration().voters().into();
        members.into_iter().filter(move |id| *id != own)
    }

    /// A peer of a leader, as it was when the term was won.
    pub(crate) fn new_peer(&self, id: NodeId) -> Peer {
        Peer::new(id, self.log.last().index + 1, self.clock.now())
    }
}

type Face = (RoleKind, Term, Option<NodeId>);
