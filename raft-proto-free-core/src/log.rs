//! The log in memory (paper §5.3). Knows which entry stands where; knows nothing of commitment,
//! durability or roles.

use alloc::collections::VecDeque;

use smallvec::SmallVec;

use crate::{
    entries::{Batch, Entries},
    types::{Index, LogId, Term},
};

/// Consecutive entries of one term, up to the next run or the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TermRun {
    term: Term,
    first: Index,
}

/// All entries behind a base, which stands for everything before them.
#[derive(Clone, Debug)]
pub struct Log {
    base: LogId,
    last: LogId,
    batches: VecDeque<Batch>,
    /// Ascending in term and index; the first entry of each term. Empty when the log is.
    runs: SmallVec<[TermRun; 2]>,
}

impl Log {
    /// An empty log behind `base`.
    pub(crate) fn new(base: LogId) -> Log {
        Log { base, last: base, batches: VecDeque::new(), runs: SmallVec::new() }
    }

    /// The entry before the first: [`LogId::ZERO`], or the last that a snapshot covers.
    pub fn base(&self) -> LogId {
        self.base
    }

    /// The last entry, or the base where there is none.
    pub fn last(&self) -> LogId {
        self.last
    }

    /// The term of the entry at `index`; none before the base and behind the last.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.base.index {
            return Some(self.base.term);
        }
        self.run_at(index).map(|(term, _)| term)
    }

    /// Whether this very entry is here, or is the base.
    pub fn holds(&self, log_id: LogId) -> bool {
        self.term_at(log_id.index) == Some(log_id.term)
    }

    /// The term at `index`, and the last index of the same run of entries.
    pub(crate) fn run_at(&self, index: Index) -> Option<(Term, Index)> {
        if index <= self.base.index || index > self.last.index {
            return None;
        }
        let after = self.runs.partition_point(|run| run.first <= index);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let end = self.runs.get(after).map_or(self.last.index, |next| next.first - 1);
        Some((run.term, end))
    }

    /// The last entry that is neither beyond `at.index` nor of a newer term than `at.term`.
    pub(crate) fn last_not_beyond(&self, at: LogId) -> LogId {
        let index = at.index.min(self.last.index);
        let Some(run) = self.runs.iter().rposition(|run| run.term <= at.term && run.first <= index)
        else {
            return self.base;
        };
        let end = self.runs.get(run + 1).map_or(self.last.index, |next| next.first - 1);
        LogId::new(self.runs[run].term, end.min(index))
    }

    /// Entries from `from` through `through`, while they cost at most `max_cost`; the first always.
    pub fn read(&self, from: Index, through: Index, max_cost: u64) -> Entries {
        let mut found = Entries::new();
        let mut left = max_cost;
        let start = self.batches.partition_point(|batch| batch.last_index() < from);
        for batch in self.batches.range(start..) {
            let (first, last) = (batch.first_index().max(from), batch.last_index().min(through));
            if first > last {
                break;
            }
            let wanted = batch.slice(first, last);
            let Some(part) = wanted.fitting(left, found.is_empty()) else { break };
            left = left.saturating_sub(part.cost());
            let whole = part.last_index() == wanted.last_index();
            found.push_batch(part);
            if !whole {
                break;
            }
        }
        found
    }

    /// Adds a batch that follows the last entry.
    pub(crate) fn append(&mut self, batch: Batch) {
        debug_assert_eq!(batch.first_index(), self.last.index + 1);
        debug_assert!(batch.term() >= self.last.term);
        if self.runs.last().is_none_or(|run| run.term != batch.term()) {
            self.runs.push(TermRun { term: batch.term(), first: batch.first_index() });
        }
        self.last = batch.last();
        self.batches.push_back(batch);
    }

    /// Removes every entry at or behind `from`, which lies behind the base.
    pub(crate) fn truncate_from(&mut self, from: Index) {
        debug_assert!(from > self.base.index);
        while self.batches.back().is_some_and(|batch| batch.first_index() >= from) {
            self.batches.pop_back();
        }
        if let Some(batch) = self.batches.back_mut().filter(|batch| batch.last_index() >= from) {
            *batch = batch.slice(batch.first_index(), from - 1);
        }
        while self.runs.last().is_some_and(|run| run.first >= from) {
            self.runs.pop();
        }
        self.last = self.batches.back().map_or(self.base, Batch::last);
    }

    /// Whether the runs name exactly the entries' terms.
    pub(crate) fn is_sound(&self) -> bool {
        let mut last = self.base;
        for batch in &self.batches {
            let starts = self.runs.iter().any(|run| run.first == batch.first_index());
            let known = self.run_at(batch.last_index()).map(|(term, _)| term);
            if batch.first_index() != last.index + 1
                || batch.term() < last.term
                || known != Some(batch.term())
                || (batch.term() > last.term && !starts)
            {
                return false;
            }
            last = batch.last();
        }
        last == self.last && self.runs.is_sorted_by(|a, b| a.term < b.term && a.first < b.first)
    }
}

impl PartialEq for Log {
    /// Equal entries: how they lie together does not count.
    fn eq(&self, other: &Log) -> bool {
        let all = |log: &Log| log.read(log.base.index + 1, Index::MAX, u64::MAX);
        self.base == other.base && self.runs == other.runs && all(self) == all(other)
    }
}

impl Eq for Log {}
