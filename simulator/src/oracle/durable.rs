//! What a node's disk surely holds, told by the writes that were completed; and that nothing is
//! said that rests on more.

use std::collections::BTreeMap;

use quorate_core::{
    AppendOutcome, Body, Entries, HardState, Index, LogId, Message, NodeId, Term, Write,
};
use quorate_driver::Recovered;

use super::{Violation, log::Slot};
use crate::words::counted;

/// A write that was handed to the disk and is not known to be durable.
#[derive(Clone, Debug)]
struct Pending {
    hard_state: HardState,
    from: Index,
    slots: Vec<Slot>,
    snapshot: Option<LogId>,
    discard_through: Index,
    /// The whole log afterwards, where a snapshot takes its place.
    whole: Option<Vec<Slot>>,
}

/// What a disk surely holds, and what it may hold besides.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    /// Whether anything was ever written.
    exists: bool,
    hard_state: HardState,
    /// Every vote that was ever durable.
    votes: BTreeMap<Term, NodeId>,
    /// All entries, also those that only the snapshot stands for.
    log: Vec<Slot>,
    /// Before the first entry that is kept as such.
    base: Index,
    snapshot: Option<LogId>,
    pending: Vec<Pending>,
}

/// What became of writes that were under way in a crash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untold {
    /// How many were found.
    pub kept: u64,
    /// How many were lost.
    pub lost: u64,
}

fn last_of(log: &[Slot]) -> String {
    match log.last() {
        Some(slot) => {
            format!("a log through {}@{} ({:04x})", log.len(), slot.term, slot.chain >> 48)
        }
        None => "no log".to_owned(),
    }
}

impl Mirror {
    /// The term of the durable entry at `index`.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        self.slot_at(index).map(|slot| slot.term)
    }

    /// The durable entry at `index`.
    pub fn slot_at(&self, index: Index) -> Option<Slot> {
        self.log.get((index as usize).checked_sub(1)?).copied()
    }

    /// The durable hard state.
    pub fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// The vote of a term, once it was durable.
    pub fn vote_in(&self, term: Term) -> Option<NodeId> {
        self.votes.get(&term).copied()
    }

    /// The last durable index.
    pub fn last_index(&self) -> Index {
        self.log.len() as Index
    }

    /// Whether it is the same as `other`, or less: nothing is lost where the one becomes the other.
    pub fn holds_no_more_than(&self, other: &Mirror) -> bool {
        let is_part = other.log.starts_with(&self.log);
        let same = (self.hard_state, self.snapshot) == (other.hard_state, other.snapshot);
        is_part && same
    }

    /// The chain through `index` once all pending writes are done.
    fn chain_before(&self, index: Index) -> u64 {
        let Some(at) = index.checked_sub(1).filter(|at| *at > 0) else { return 0 };
        for write in self.pending.iter().rev() {
            if let Some(whole) = &write.whole {
                return whole.get(at as usize - 1).map_or(0, |slot| slot.chain);
            }
            if at >= write.from {
                let slot = write.slots.get((at - write.from) as usize);
                return slot.map_or(0, |slot| slot.chain);
            }
        }
        self.slot_at(at).map_or(0, |slot| slot.chain)
    }

    /// Takes note of a write that is handed to the disk; gives the places of its entries. Where a
    /// snapshot takes the place of the log, it stands for what is `committed`.
    pub fn begin<'a>(
        &'a mut self,
        write: &Write,
        committed: &[Slot],
    ) -> impl Iterator<Item = (Index, Slot)> + use<'a> {
        let before = self.chain_before(write.truncate_from);
        let slots: Vec<Slot> = slots(before, &write.entries).collect();
        let from = write.truncate_from;
        let replaces = write.discard_through >= from + slots.len() as u64;
        let through = (write.discard_through as usize).min(committed.len());
        self.pending.push(Pending {
            hard_state: write.hard_state,
            from,
            slots,
            snapshot: write.snapshot.as_ref().map(|meta| meta.last),
            discard_through: write.discard_through,
            whole: replaces.then(|| committed[..through].to_vec()),
        });
        let begun = self.pending.last().map(|begun| &begun.slots[..]).unwrap_or_default();
        (from..).zip(begun.iter().copied())
    }

    /// All that was handed to the disk is durable.
    pub fn complete(&mut self) {
        for write in std::mem::take(&mut self.pending) {
            self.apply(write);
        }
    }

    fn apply(&mut self, write: Pending) {
        self.exists = true;
        self.hard_state = write.hard_state;
        if let Some(vote) = self.hard_state.voted_for {
            self.votes.insert(self.hard_state.term, vote);
        }
        self.log.truncate((write.from - 1) as usize);
        self.log.extend(write.slots);
        self.log = write.whole.unwrap_or_else(|| std::mem::take(&mut self.log));
        self.base = self.base.max(write.discard_through);
        self.snapshot = write.snapshot.or(self.snapshot);
    }

    /// Judges what the store gave back after a crash: what was completed, and of the writes under
    /// way then, any number from the first one on.
    ///
    /// # Errors
    /// Where it gave back anything else.
    pub fn recover(
        &mut self,
        node: u64,
        recovered: &Recovered,
        entries: &Entries,
    ) -> Result<Untold, Violation> {
        let expected = self.describe();
        let mut pending = std::mem::take(&mut self.pending).into_iter();
        let mut kept = 0;
        while !self.is(recovered, entries) {
            let Some(write) = pending.next() else {
                return Err(Violation::Recovered {
                    node,
                    found: told(recovered, entries),
                    expected,
                });
            };
            self.apply(write);
            kept += 1;
        }
        Ok(Untold { kept, lost: pending.len() as u64 })
    }

    /// Judges what the store gives back from a copy of the disk while no write is under way: just
    /// this.
    ///
    /// # Errors
    /// Where it gives back anything else.
    pub fn probe(
        &self,
        node: u64,
        recovered: &Recovered,
        entries: &Entries,
    ) -> Result<(), Violation> {
        if self.is(recovered, entries) {
            return Ok(());
        }
        let (found, expected) = (told(recovered, entries), self.describe());
        Err(Violation::Recovered { node, found, expected })
    }

    /// Whether a store that gives this back holds what is durable, no less and no more.
    fn is(&self, recovered: &Recovered, entries: &Entries) -> bool {
        let (hard_state, base, snapshot) = head(recovered);
        let held = self.exists.then_some(self.hard_state);
        let is_base = (self.base, self.term_at(base.index).unwrap_or(0)) == (base.index, base.term);
        let is_head = held == hard_state && is_base && self.snapshot == snapshot;
        is_head && self.ends_like(base.index, entries)
    }

    /// Whether these entries follow `base` to the end of the log.
    fn ends_like(&self, base: Index, entries: &Entries) -> bool {
        if base + entries.len() != self.last_index() {
            return false;
        }
        let before = self.slot_at(base).map_or(0, |slot| slot.chain);
        slots(before, entries).last().is_none_or(|last| self.log.last() == Some(&last))
    }

    fn describe(&self) -> String {
        let held = self.exists.then_some(self.hard_state);
        let (log, base, snapshot) = (last_of(&self.log), self.base, self.snapshot);
        let writes = counted(self.pending.len() as u64, "write");
        format!("{held:?} and {log} from {base}, snapshot {snapshot:?}, with {writes} under way")
    }

    /// Judges a message at the moment it is sent. `theirs` is the leader's entry at an index that
    /// is acknowledged, where that leader can be asked.
    ///
    /// # Errors
    /// Where it claims what the disk does not hold.
    pub fn sent(
        &self,
        node: u64,
        to: u64,
        message: &Message,
        theirs: impl Fn(Index) -> Option<Term>,
    ) -> Result<(), Violation> {
        let term = message.term;
        let vote = |whom: u64| {
            let state = self.hard_state;
            (state.term, state.voted_for) == (term, NodeId::new(whom + 1))
        };
        let holds = match &message.body {
            Body::PreVoteRequest(_)
            | Body::PreVoteAnswer(_)
            | Body::ReadRequest(_)
            | Body::ReadAnswer(_) => true,
            Body::VoteAnswer(answer) => !answer.granted || vote(to),
            Body::VoteRequest(_) => vote(node),
            // A leader speaks in a term for which its own vote is durable.
            Body::AppendRequest(_) | Body::TimeoutNow => vote(node),
            Body::AppendAnswer(answer) => match answer.outcome {
                AppendOutcome::Conflict { .. }
                | AppendOutcome::SnapshotWanted { .. }
                | AppendOutcome::Matched { index: 0 } => true,
                AppendOutcome::Matched { index } => {
                    let held = self.term_at(index);
                    let same = theirs(index).is_none_or(|theirs| held == Some(theirs));
                    self.hard_state.term == term && held.is_some() && same
                }
            },
        };
        if holds {
            return Ok(());
        }
        Err(Violation::SentBeforeDurable {
            node,
            to,
            claim: format!("{:?} in term {term}", message.body),
            held: self.describe(),
        })
    }

    /// Judges the confirmation of a leader's round: the promise that goes with it is durable.
    ///
    /// # Errors
    /// Where it is not.
    pub fn confirmed(
        &self,
        node: u64,
        to: u64,
        message: &Message,
        promise: u64,
    ) -> Result<(), Violation> {
        let Body::AppendAnswer(answer) = &message.body else { return Ok(()) };
        if answer.round == 0 || self.hard_state.promise >= promise {
            return Ok(());
        }
        Err(Violation::SentBeforeDurable {
            node,
            to,
            claim: format!("round {} with a promise of {promise} ns", answer.round),
            held: self.describe(),
        })
    }
}

/// Hard state, where the log begins, and snapshot.
fn head(recovered: &Recovered) -> (Option<HardState>, LogId, Option<LogId>) {
    let Some(found) = &recovered.found else { return (None, LogId::ZERO, None) };
    let snapshot = found.snapshot.as_ref().map(|meta| meta.last);
    (Some(found.hard_state), found.log.base(), snapshot)
}

fn told(recovered: &Recovered, entries: &Entries) -> String {
    let (hard_state, base, snapshot) = head(recovered);
    let last = entries.last().unwrap_or(base);
    format!("{hard_state:?} and {base:?} to {last:?}, snapshot {snapshot:?}")
}

/// The slots of entries that follow one whose chain is `before`.
fn slots(before: u64, entries: &Entries) -> impl Iterator<Item = Slot> {
    entries.iter().scan(before, |chain, entry| {
        let slot = Slot::after(*chain, entry.log_id.term, entry.payload);
        *chain = slot.chain;
        Some(slot)
    })
}
