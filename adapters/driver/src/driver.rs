//! The loop around the core, as a value: it takes events, hands out jobs, takes completions.
//!
//! It owns no thread, no clock and no executor. At most one write job is under way; all writes that
//! the core asks for meanwhile become the next job: one group commit. The same holds for applies.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use quorate_core::{
    Action, Commands, Config, Entries, Event, Halt, Index, Input, LogId, Message, Misuse, NodeId,
    Payload, Persisted, Raft, Refusal, RequestId, RestoreError, RoleKind, Seq, Term, Timestamp,
    Write,
};

use crate::{LogStore, StateMachine, StoreError};

/// What became of a request, or what its node has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<R> {
    /// Committed and applied here.
    Done {
        /// From the proposal.
        request: RequestId,
        /// Where it stands in the log.
        log_id: LogId,
        /// What the state machine answered.
        response: R,
    },
    /// Surely not done.
    Refused {
        /// From the proposal or read.
        request: RequestId,
        /// Why.
        reason: Refusal,
    },
    /// Surely not done: another leader's entry was committed in its place.
    Replaced {
        /// From the proposal.
        request: RequestId,
        /// What stands there instead.
        by: LogId,
    },
    /// The node halted after it had accepted the proposal: it may yet be committed by others.
    Unknown {
        /// From the proposal.
        request: RequestId,
    },
    /// The state machine, as it is now or later, may answer the read.
    ReadReady {
        /// From the read.
        request: RequestId,
        /// The index that was waited for.
        index: Index,
    },
    /// Role, term or known leader changed.
    RoleChanged {
        /// The role now.
        role: RoleKind,
        /// The term now.
        term: Term,
        /// The leader of the term, where known.
        leader: Option<NodeId>,
    },
    /// The host broke the core's contract.
    Misuse(Misuse),
    /// The node stopped for good; every pending request has had its outcome before this one.
    Halted(Halt),
}

/// Writes to make durable as one group commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteJob {
    writes: Vec<Write>,
}

impl WriteJob {
    /// What to write, in order. Never empty.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Does it: returns when all is durable or the store has failed.
    pub fn run(self, store: &mut impl LogStore) -> WriteDone {
        let result = store.write(&self.writes);
        self.done(result)
    }

    /// The completion, for a host that writes by itself.
    pub fn done(self, result: Result<(), StoreError>) -> WriteDone {
        let ends = self.writes.first().zip(self.writes.last()).map(|(a, b)| (a.seq, b.seq));
        let (first, last) = ends.unwrap_or_default();
        WriteDone { first, last, result }
    }
}

/// A write job's completion, for [`Driver::write_done`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteDone {
    first: Seq,
    last: Seq,
    result: Result<(), StoreError>,
}

/// Committed entries to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplyJob {
    incarnation: u64,
    entries: Entries,
}

impl ApplyJob {
    /// What to apply, in order. Never empty.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Does it.
    pub fn run<M: StateMachine>(self, machine: &mut M) -> ApplyDone<M::Response> {
        let responses = machine.apply(&self.entries);
        ApplyDone { incarnation: self.incarnation, entries: self.entries, responses }
    }
}

/// An apply job's completion, for [`Driver::apply_done`].
#[derive(Clone, Debug)]
pub struct ApplyDone<R> {
    incarnation: u64,
    entries: Entries,
    responses: Vec<R>,
}

/// A node's core with everything that waits around it.
#[derive(Clone, Debug)]
pub struct Driver<R> {
    raft: Raft,
    incarnation: u64,
    actions: Vec<Action>,
    writes: Vec<Write>,
    /// The last write of the job under way.
    writing: Option<Seq>,
    applies: VecDeque<Entries>,
    /// The last entry of the job under way.
    applying: Option<LogId>,
    applied: Index,
    sends: Vec<(NodeId, Message)>,
    outcomes: Vec<Outcome<R>>,
    /// Proposals in the log, by place: a place may be given anew by a later term.
    proposals: BTreeMap<(Index, Term), RequestId>,
    /// Confirmed reads, by the index they wait for.
    reads: BTreeMap<Index, Vec<RequestId>>,
    halted: bool,
}

impl<R: Clone> Driver<R> {
    /// Starts a node. The state machine must be as after `applied` of `persisted`: empty, where
    /// that is 0.
    ///
    /// # Errors
    /// As [`Raft::restore`].
    pub fn restore(
        config: impl Into<Arc<Config>>,
        persisted: Persisted,
        now: Timestamp,
    ) -> Result<Driver<R>, RestoreError> {
        let (applied, incarnation) = match &persisted {
            Persisted::Bootstrap { incarnation, .. } => (0, *incarnation),
            Persisted::Loaded { applied, incarnation, .. } => (*applied, *incarnation),
        };
        let mut driver = Driver {
            raft: Raft::restore(config, persisted, now)?,
            incarnation,
            actions: Vec::new(),
            writes: Vec::new(),
            writing: None,
            applies: VecDeque::new(),
            applying: None,
            applied,
            sends: Vec::new(),
            outcomes: Vec::new(),
            proposals: BTreeMap::new(),
            reads: BTreeMap::new(),
            halted: false,
        };
        // A first step lets the core ask for what a new group must write.
        driver.step(Event { at: now, input: Input::Tick });
        Ok(driver)
    }

    /// The core, to look at.
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// When [`Input::Tick`] is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.raft.deadline()
    }

    /// Whether the node stopped for good.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// The last index whose apply has completed.
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// Takes time passing.
    pub fn tick(&mut self, at: Timestamp) {
        self.step(Event { at, input: Input::Tick });
    }

    /// Takes a message.
    pub fn receive(&mut self, from: NodeId, message: Message, at: Timestamp) {
        self.step(Event { at, input: Input::Receive { from, message } });
    }

    /// Appends a command for each request, all in one shared batch. Each gets an [`Outcome`].
    pub fn propose(&mut self, proposals: Vec<(RequestId, Bytes)>, at: Timestamp) {
        if proposals.is_empty() {
            return;
        }
        let (requests, list): (Vec<RequestId>, Vec<Bytes>) = proposals.into_iter().unzip();
        let commands: Commands = list.into_iter().map(Payload::Command).collect();
        // One name for the batch inside the core: the answer comes in the same step.
        let input = Input::Propose { request: 0, commands, expected_term: None };
        self.raft.step_into(Event { at, input }, &mut self.actions);
        let answer = self.actions.iter().position(|action| {
            matches!(action, Action::Accepted { .. })
                || matches!(action, Action::Refused { request: 0, .. })
        });
        match answer.map(|place| self.actions.remove(place)) {
            Some(Action::Accepted { log_id, .. }) => self.accepted(requests, log_id),
            Some(Action::Refused { reason, .. }) => self.refused(requests, reason),
            Some(_) | None => self.refused(requests, Refusal::Halted),
        }
        self.route();
    }

    /// Asks for a linearizable read: [`Outcome::ReadReady`] once the state machine may answer it.
    ///
    /// `request` is at least 1; 0 is the driver's own.
    pub fn read(&mut self, request: RequestId, at: Timestamp) {
        if self.halted {
            self.refused(vec![request], Refusal::Halted);
        } else {
            self.step(Event { at, input: Input::Read { request } });
        }
    }

    /// The next group commit, unless one is under way or there is nothing to write.
    pub fn next_write(&mut self) -> Option<WriteJob> {
        if self.writing.is_some() {
            return None;
        }
        self.writing = Some(self.writes.last()?.seq);
        Some(WriteJob { writes: std::mem::take(&mut self.writes) })
    }

    /// Takes a write job's completion. One of an earlier life changes nothing.
    pub fn write_done(&mut self, done: WriteDone, at: Timestamp) {
        if self.writing == Some(done.last) {
            self.writing = None;
        }
        let input = match done.result {
            Ok(()) => Input::Written { seq: done.last },
            Err(_) => Input::WriteFailed { seq: done.first },
        };
        self.step(Event { at, input });
    }

    /// The next entries to apply, unless some are being applied or there are none.
    pub fn next_apply(&mut self) -> Option<ApplyJob> {
        if self.applying.is_some() {
            return None;
        }
        let entries = self.applies.pop_front()?;
        self.applying = entries.last();
        Some(ApplyJob { incarnation: self.incarnation, entries })
    }

    /// Takes an apply job's completion. One of an earlier life changes nothing: it speaks of another
    /// state machine.
    pub fn apply_done(&mut self, done: ApplyDone<R>, at: Timestamp) {
        if done.incarnation != self.incarnation || self.applying != done.entries.last() {
            return;
        }
        self.applying = None;
        for (entry, response) in done.entries.iter().zip(done.responses) {
            self.applied = entry.log_id.index;
            self.settle(entry.log_id, &response);
        }
        let index = self.applied;
        while self.reads.first_key_value().is_some_and(|(waits_for, _)| *waits_for <= index) {
            if let Some((index, requests)) = self.reads.pop_first() {
                let ready =
                    requests.into_iter().map(|request| Outcome::ReadReady { request, index });
                self.outcomes.extend(ready);
            }
        }
        self.step(Event { at, input: Input::Applied { index } });
    }

    /// The messages to send now. Losing or delaying them is safe.
    pub fn drain_sends(&mut self) -> std::vec::Drain<'_, (NodeId, Message)> {
        self.sends.drain(..)
    }

    /// What became of requests, in order.
    pub fn drain_outcomes(&mut self) -> std::vec::Drain<'_, Outcome<R>> {
        self.outcomes.drain(..)
    }

    /// Steps the core with any event and takes its actions in. The other methods are this with the
    /// bookkeeping of their kind of input.
    fn step(&mut self, event: Event) {
        self.raft.step_into(event, &mut self.actions);
        self.route();
    }

    fn route(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Write(write) => self.writes.push(write),
                Action::Apply { entries } => self.applies.push_back(entries),
                Action::Send { to, message } => self.sends.push((to, message)),
                Action::Accepted { request, log_id } => self.accepted(vec![request], log_id),
                Action::Refused { request, reason } => self.refused(vec![request], reason),
                Action::ReadReady { request, index } => self.read_ready(request, index),
                Action::RoleChanged { role, term, leader } => {
                    self.outcomes.push(Outcome::RoleChanged { role, term, leader });
                }
                Action::Misuse(misuse) => self.outcomes.push(Outcome::Misuse(misuse)),
                Action::Halt(halt) => self.halt(halt),
            }
        }
        self.actions = actions;
    }

    fn accepted(&mut self, requests: Vec<RequestId>, first: LogId) {
        for (request, index) in requests.into_iter().zip(first.index..) {
            self.proposals.insert((index, first.term), request);
        }
    }

    fn refused(&mut self, requests: Vec<RequestId>, reason: Refusal) {
        let refused = requests.into_iter().map(|request| Outcome::Refused { request, reason });
        self.outcomes.extend(refused);
    }

    fn read_ready(&mut self, request: RequestId, index: Index) {
        if index <= self.applied {
            self.outcomes.push(Outcome::ReadReady { request, index });
        } else {
            self.reads.entry(index).or_default().push(request);
        }
    }

    /// Tells every proposal for this place what became of it.
    fn settle(&mut self, log_id: LogId, response: &R) {
        while let Some(first) = self.proposals.first_entry() {
            let (index, term) = *first.key();
            if index > log_id.index {
                break;
            }
            let request = first.remove();
            self.outcomes.push(if LogId::new(term, index) == log_id {
                Outcome::Done { request, log_id, response: response.clone() }
            } else {
                Outcome::Replaced { request, by: log_id }
            });
        }
    }

    /// Answers all that is pending: what was accepted may yet be committed by the others.
    fn halt(&mut self, halt: Halt) {
        self.halted = true;
        let unknown = std::mem::take(&mut self.proposals).into_values();
        self.outcomes.extend(unknown.map(|request| Outcome::Unknown { request }));
        for requests in std::mem::take(&mut self.reads).into_values() {
            self.refused(requests, Refusal::Halted);
        }
        self.writes.clear();
        self.applies.clear();
        self.sends.clear();
        self.outcomes.push(Outcome::Halted(halt));
    }
}
