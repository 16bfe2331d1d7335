//! What happened in a run, thing by thing, each with what led to it.
//!
//! A delivery is led to by its send, a send by what the node was handling, a restart by its crash.
//! Walking these links back from a violation gives the story of it ([`cause`]).

pub mod cause;
mod evidence;
mod force;
mod message;
mod record;
mod text;

use std::{collections::BTreeMap, fmt};

use quorate_core::{LogId, Nanos};
use quorate_driver::WriteJob;

use crate::{
    disk::DiskCounters,
    network::Blocked,
    oracle::Violation,
    plan::{Planned, When},
};

use force::{Force, Forces};
pub use message::{Said, Spoken};
pub use record::{Aspect, Fate, NodeState, Record, RecordId, What};

/// What an event in the queue owes its being there to.
#[derive(Clone, Debug, Default)]
struct Origin {
    cause: Option<RecordId>,
    with: Vec<RecordId>,
}

/// Keeps the records of a run.
#[derive(Debug, Default)]
pub struct Trace {
    records: Vec<Record>,
    now: Nanos,
    event: u64,
    /// What is being handled.
    current: Origin,
    /// For each event in the queue, by its number there.
    origins: BTreeMap<u64, Origin>,
    /// What nodes showed last.
    states: BTreeMap<u64, NodeState>,
    forces: Forces,
}

impl Trace {
    /// The event of this number in the queue is being handled.
    pub(crate) fn handle(&mut self, number: u64, now: Nanos, event: u64) {
        self.current = self.origins.remove(&number).unwrap_or_default();
        (self.now, self.event) = (now, event);
    }

    /// What is being handled has put an event of this number into the queue.
    pub(crate) fn queued(&mut self, number: u64) {
        self.origins.insert(number, self.current.clone());
    }

    /// Keeps a record.
    pub(crate) fn keep(&mut self, what: What) -> RecordId {
        let id = self.records.len() as RecordId;
        let Origin { cause, with } = self.current.clone();
        let Trace { now: at, event, .. } = *self;
        self.records.push(Record { id, at, event, cause, with, what });
        id
    }

    /// Keeps a record that leads to whatever follows.
    pub(crate) fn lead(&mut self, what: What) -> RecordId {
        let id = self.keep(what);
        self.current = Origin { cause: Some(id), with: Vec::new() };
        id
    }

    /// The record that leads to whatever follows.
    pub(crate) fn current(&self) -> Option<RecordId> {
        self.current.cause
    }

    /// Runs something for a trace, where one is kept.
    pub(crate) fn told(trace: &mut Option<Box<Trace>>, work: impl FnOnce(&mut Trace)) {
        if let Some(trace) = trace {
            work(trace);
        }
    }

    /// Whatever follows is led to by this record, until that changes; gives what was before.
    pub(crate) fn swap(&mut self, cause: Option<RecordId>) -> Option<RecordId> {
        std::mem::replace(&mut self.current.cause, cause)
    }

    /// What a node shows. Where that is new, it leads to whatever follows.
    pub(crate) fn shows(&mut self, node: u64, state: NodeState) {
        let before = self.states.insert(node, state.clone());
        let new = before.as_ref().map_or_else(Vec::new, |before| aspects(before, &state));
        if new.is_empty() {
            return;
        }
        let leads = new.iter().any(|aspect| *aspect != Aspect::Durable && *aspect != Aspect::Log);
        let what = What::State { node, new, state };
        if leads {
            self.lead(what)
        } else {
            self.keep(what)
        };
    }

    /// A process starts: what it showed in an earlier life is over.
    pub(crate) fn starts(
        &mut self,
        node: u64,
        life: u64,
        (kept, lost): (u64, u64),
        state: NodeState,
    ) {
        self.states.insert(node, state.clone());
        self.lead(What::Start { node, life, kept, lost, state });
    }

    /// A fault struck.
    pub(crate) fn strikes(
        &mut self,
        planned: usize,
        fault: &Planned,
        nodes: Vec<u64>,
        blocked: Option<&Blocked>,
        until: Nanos,
    ) -> Option<RecordId> {
        let before = self.current.cause;
        let links = blocked.map(force::links).unwrap_or_default();
        let text = match fault.when {
            When::At(_) => format!("{:?}", fault.fault),
            When::On { pattern, .. } => format!("{:?} on {pattern}", fault.fault),
        };
        let targets = nodes.clone();
        let id = self.lead(What::Fault { planned, text: text.clone(), nodes, links, until });
        let (fault, blocked, nodes) = (fault.fault, blocked.copied(), targets);
        self.forces.begin(Force { record: id, planned, text, fault, nodes, blocked, until });
        before
    }

    /// What a fault did to the network ends.
    pub(crate) fn fault_ends(&mut self) {
        let Some((planned, text)) = self.current.cause.and_then(|id| self.forces.end(id)) else {
            return;
        };
        self.lead(What::FaultEnded { planned, text });
    }

    /// Everything heals.
    pub(crate) fn heals(&mut self) {
        self.forces = Forces::default();
        self.lead(What::Heal);
    }

    /// What is being handled waits, since the process stands still.
    pub(crate) fn held(&mut self, node: u64) {
        let pauses = self.forces.pausing(node, self.now);
        self.current.with.extend(pauses);
        self.current.with.dedup();
    }

    /// A message was sent; what becomes of it is led to by this.
    pub(crate) fn sends(
        &mut self,
        (from, to): (u64, u64),
        message: Spoken,
        fate: Fate,
        arrives: Vec<Nanos>,
    ) -> Option<RecordId> {
        let with = self.forces.on_link((from, to), fate);
        let id = self.keep(What::Send { node: from, to, message, fate, arrives });
        self.add_to(id, with);
        self.swap(Some(id))
    }

    /// A write of the node's disk was done, failed or was held up.
    pub(crate) fn disk(&mut self, what: What) {
        let with = what.node().map(|node| self.forces.on_disk(node)).unwrap_or_default();
        let id = self.lead(what);
        self.add_to(id, with);
    }

    /// A node handed its disk a write, whose completion this leads to; gives what was before.
    pub(crate) fn writes(&mut self, node: u64, job: &WriteJob) -> Option<RecordId> {
        let (first, last) = (job.writes().first()?, job.writes().last()?);
        let entries = job.writes().iter().map(|write| write.entries.len()).sum();
        let (term, from) = (last.hard_state.term, first.truncate_from);
        let vote = last.hard_state.voted_for.map(|id| id.get() - 1);
        let id = self.keep(What::Write { node, term, vote, from, entries });
        self.swap(Some(id))
    }

    /// The disk has done, or failed, a write.
    pub(crate) fn wrote<T, E: fmt::Display>(
        &mut self,
        node: u64,
        before: DiskCounters,
        after: DiskCounters,
        result: &Result<T, E>,
    ) {
        let syncs = after.syncs - before.syncs;
        let bytes = after.written_bytes - before.written_bytes;
        let error = result.as_ref().err().map(ToString::to_string);
        self.disk(What::Written { node, syncs, bytes, error });
    }

    /// A state machine applied entries, or installed a snapshot.
    pub(crate) fn applies(
        &mut self,
        node: u64,
        first: Option<LogId>,
        last: Option<LogId>,
        install: Option<LogId>,
    ) {
        let index = |place: Option<LogId>| place.map_or(0, |place| place.index);
        let (first, last) = (index(first), index(install.or(last)));
        self.lead(What::Apply { node, first, last, install: install.is_some() });
    }

    /// A timer came due, by the node's clock.
    pub(crate) fn timer(&mut self, node: u64) {
        let with = self.forces.on_clock(node);
        let id = self.lead(What::Timer { node });
        self.add_to(id, with);
    }

    /// A property does not hold.
    pub(crate) fn breaks(&mut self, violation: &Violation) {
        let concern = evidence::concern(violation);
        let (property, text) = (violation.property().name().to_owned(), violation.to_string());
        let with = evidence::find(&self.records, &concern.sought);
        let id = self.keep(What::Violation { property, text, nodes: concern.nodes });
        self.add_to(id, with);
    }

    fn add_to(&mut self, id: RecordId, with: Vec<RecordId>) {
        let Some(record) = self.records.get_mut(id as usize) else { return };
        let cause = record.cause;
        let new = with.into_iter().filter(|other| Some(*other) != cause);
        record.with.extend(new);
        record.with.sort_unstable();
        record.with.dedup();
    }

    /// Takes the records kept so far.
    pub(crate) fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }
}

fn aspects(before: &NodeState, after: &NodeState) -> Vec<Aspect> {
    let durable = |state: &NodeState| (state.durable, state.durable_term, state.durable_vote);
    let changes = [
        (Aspect::Role, (before.role, before.term) != (after.role, after.term)),
        (Aspect::Vote, before.vote != after.vote && after.vote.is_some()),
        (Aspect::Log, (before.last, before.base) != (after.last, after.base)),
        (Aspect::Commit, before.commit != after.commit),
        (Aspect::Members, before.members != after.members),
        (Aspect::Durable, durable(before) != durable(after)),
        (Aspect::Applied, before.applied != after.applied),
    ];
    changes.into_iter().filter(|(_, changed)| *changed).map(|(aspect, _)| aspect).collect()
}

#[cfg(test)]
mod tests;
