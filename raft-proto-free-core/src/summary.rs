//! Which entries a log holds, without what they say: its ends, the term of each, the configurations
//! among them. Costs nothing for each entry.

use alloc::sync::Arc;

use smallvec::SmallVec;

use crate::{
    batch::Batch,
    configuration::Configuration,
    entries::Entries,
    types::{INDEX_LIMIT, Index, LogId, TERM_LIMIT, Term},
};

/// Consecutive entries of one term, up to the next run or the end of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TermRun {
    /// The term of all of them.
    pub term: Term,
    /// The first of them.
    pub first: Index,
}

/// Which entries a log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "encoding::Parts", into = "encoding::Parts"))]
pub struct LogSummary {
    base: LogId,
    last: LogId,
    /// Ascending in term and index; the first starts right behind the base. Empty when the log is.
    runs: SmallVec<[TermRun; 2]>,
    /// Ascending in index.
    configurations: SmallVec<[(Index, Arc<Configuration>); 1]>,
}

impl LogSummary {
    /// An empty log behind `base`.
    pub fn new(base: LogId) -> LogSummary {
        LogSummary { base, last: base, ..LogSummary::default() }
    }

    /// The summary of `entries`, which follow `base`.
    pub fn of(base: LogId, entries: &Entries) -> LogSummary {
        let mut summary = LogSummary::new(base);
        summary.extend(entries);
        summary
    }

    /// The summary of these parts; none where they contradict one another.
    pub fn from_parts(
        base: LogId,
        last: LogId,
        runs: impl IntoIterator<Item = TermRun>,
        configurations: impl IntoIterator<Item = (Index, Arc<Configuration>)>,
    ) -> Option<LogSummary> {
        let (runs, configurations) =
            (runs.into_iter().collect(), configurations.into_iter().collect());
        let summary = LogSummary { base, last, runs, configurations };
        summary.is_sound().then_some(summary)
    }

    /// The entry before the first: [`LogId::ZERO`] where nothing was ever discarded.
    pub fn base(&self) -> LogId {
        self.base
    }

    /// The last entry, or the base where there is none.
    pub fn last(&self) -> LogId {
        self.last
    }

    /// The runs of entries of one term, ascending.
    pub fn runs(&self) -> &[TermRun] {
        &self.runs
    }

    /// The configurations among the entries, ascending.
    pub fn configurations(&self) -> &[(Index, Arc<Configuration>)] {
        &self.configurations
    }

    /// The term of the entry at `index`, or of the base; none elsewhere.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        if index == self.last.index {
            return Some(self.last.term);
        }
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
        if let Some(newest) = self.runs.last().filter(|run| run.first <= index) {
            return Some((newest.term, self.last.index));
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

    /// Whether `entries` are those that the log holds in their places.
    pub(crate) fn matches(&self, entries: &Entries) -> bool {
        entries.batches().iter().all(|batch| {
            self.run_at(batch.first_index())
                .is_some_and(|(term, end)| term == batch.term() && batch.last_index() <= end)
        })
    }

    /// Adds entries that follow the last.
    pub fn extend(&mut self, entries: &Entries) {
        entries.batches().iter().for_each(|batch| self.append(batch));
    }

    /// Adds a batch that follows the last entry.
    pub(crate) fn append(&mut self, batch: &Batch) {
        debug_assert_eq!(batch.first_index(), self.last.index + 1);
        debug_assert!(batch.term() >= self.last.term);
        if self.last.term != batch.term() || self.runs.is_empty() {
            self.runs.push(TermRun { term: batch.term(), first: batch.first_index() });
        }
        // raft:6 a configuration is in force as soon as it is in the log, committed or not.
        if batch.has_configuration() {
            let found = batch.configurations().map(|(index, members)| (index, members.clone()));
            self.configurations.extend(found);
        }
        self.last = batch.last();
    }

    /// Removes every entry at or behind `from`.
    pub fn truncate_from(&mut self, from: Index) {
        if from > self.last.index {
            return;
        }
        let from = from.max(self.base.index + 1);
        let term = self.term_at(from - 1).unwrap_or(self.base.term);
        self.runs.retain(|run| run.first < from);
        // raft:6 any number of configurations may go with the entries that held them.
        self.configurations.retain(|(index, _)| *index < from);
        self.last = LogId::new(term, from - 1);
    }

    /// Removes every entry through `log_id`, which becomes the base; all of them, where the log
    /// does not hold it.
    pub fn discard_through(&mut self, log_id: LogId) {
        if log_id.index < self.base.index {
            return;
        }
        if !self.holds(log_id) || log_id.index == self.last.index {
            *self = LogSummary::new(log_id);
            return;
        }
        let first = log_id.index + 1;
        let after = self.runs.partition_point(|run| run.first <= first);
        self.runs.drain(..after.saturating_sub(1));
        if let Some(run) = self.runs.first_mut() {
            run.first = first;
        }
        self.configurations.retain(|(index, _)| *index >= first);
        self.base = log_id;
    }

    /// Whether it can be the summary of a log.
    pub(crate) fn is_sound(&self) -> bool {
        let within = |index: Index| self.base.index < index && index <= self.last.index;
        let first = self.runs.first().map_or(self.base.index, |run| run.first.wrapping_sub(1));
        let last = self.runs.last().map_or(self.base.term, |run| run.term);
        self.runs.is_sorted_by(|a, b| a.term < b.term && a.first < b.first)
            && self.configurations.is_sorted_by(|a, b| a.0 < b.0)
            && self.runs.iter().all(|run| run.term >= self.base.term && within(run.first))
            && self.configurations.iter().all(|(index, _)| within(*index))
            && first == self.base.index
            && last == self.last.term
            && self.runs.is_empty() == (self.base == self.last)
            && self.last.index < INDEX_LIMIT
            && self.last.term < TERM_LIMIT
    }
}

#[cfg(feature = "serde")]
mod encoding {
    use alloc::{sync::Arc, vec::Vec};

    use super::{Configuration, Index, LogId, LogSummary, TermRun};

    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Parts {
        base: LogId,
        last: LogId,
        runs: Vec<TermRun>,
        configurations: Vec<(Index, Arc<Configuration>)>,
    }

    impl TryFrom<Parts> for LogSummary {
        type Error = &'static str;

        fn try_from(parts: Parts) -> Result<LogSummary, &'static str> {
            let Parts { base, last, runs, configurations } = parts;
            LogSummary::from_parts(base, last, runs, configurations)
                .ok_or("the parts of a log's summary contradict one another")
        }
    }

    impl From<LogSummary> for Parts {
        fn from(summary: LogSummary) -> Parts {
            Parts {
                base: summary.base,
                last: summary.last,
                runs: summary.runs.into_vec(),
                configurations: summary.configurations.into_vec(),
            }
        }
    }
}
