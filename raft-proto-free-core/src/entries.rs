//! Runs of log entries that share one allocation from proposal to apply.
//!
//! How entries are grouped into batches is a matter of speed: it changes neither equality nor
//! any action, so nothing outside this module may branch on it.

use alloc::sync::Arc;
use core::{
    fmt,
    hash::{Hash, Hasher},
};

use crate::{
    batch::{Batch, Commands},
    batches::Batches,
    configuration::Configuration,
    types::{INDEX_LIMIT, Index, LogId, TERM_LIMIT, Term},
};
use bytes::Bytes;

/// What an entry costs in a message or in a limit besides its command, in bytes.
pub const ENTRY_OVERHEAD_BYTES: u64 = 16;

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Payload {
    /// A new leader's first entry; it lets entries of older terms commit (paper §5.4.2, §8).
    Noop,
    /// The members from here on (paper §6).
    Configuration(Arc<Configuration>),
    /// Bytes that only the state machine reads.
    Command(Bytes),
}

impl Payload {
    /// The size that limits count, in bytes.
    pub fn cost(&self) -> u64 {
        match self {
            Payload::Noop => ENTRY_OVERHEAD_BYTES,
            Payload::Configuration(members) => ENTRY_OVERHEAD_BYTES + members.cost(),
            Payload::Command(command) => ENTRY_OVERHEAD_BYTES + command.len() as u64,
        }
    }
}

/// Makes [`Commands`] of byte strings.
pub fn commands<C: Into<Bytes>>(list: impl IntoIterator<Item = C>) -> Commands {
    list.into_iter().map(|command| Payload::Command(command.into())).collect()
}

/// One entry, as a view into its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EntryRef<'a> {
    /// Its name.
    pub log_id: LogId,
    /// What it says.
    pub payload: &'a Payload,
}

/// Consecutive log entries; may be empty. Terms never fall.
#[derive(Clone, Default)]
pub struct Entries {
    batches: Batches,
}

/// Why entries cannot follow one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EntriesError {
    /// A run of entries has none, or more than `u32::MAX`.
    #[error("a run of entries holds 1 to {} entries", u32::MAX)]
    Length,
    /// The index does not follow the one before, or is out of range.
    #[error("index {found} where {expected} was due")]
    Index {
        /// The index after the last.
        expected: Index,
        /// The index given.
        found: Index,
    },
    /// The term falls, or is out of range.
    #[error("term {found} after term {last}")]
    Term {
        /// The last term.
        last: Term,
        /// The term given.
        found: Term,
    },
}

impl Entries {
    /// No entry.
    pub fn new() -> Entries {
        Entries::default()
    }

    /// The entries `payloads`, the first of which is `first`.
    ///
    /// # Errors
    /// [`EntriesError`] where `payloads` is empty or `first` is out of range.
    pub fn from_payloads(first: LogId, payloads: Commands) -> Result<Entries, EntriesError> {
        let mut entries = Entries::new();
        entries.append(first, payloads)?;
        Ok(entries)
    }

    /// Adds `payloads`, the first of which is `first`, behind what is here.
    ///
    /// # Errors
    /// [`EntriesError`] where `payloads` is empty, or `first` does not follow; nothing is added.
    pub fn append(&mut self, first: LogId, payloads: Commands) -> Result<(), EntriesError> {
        let expected = self.last().map_or(first.index, |last| last.index + 1);
        if first.index != expected || first.index == 0 || first.index >= INDEX_LIMIT {
            return Err(EntriesError::Index { expected, found: first.index });
        }
        let last = self.last().map_or(1, |last| last.term);
        if first.term < last || first.term >= TERM_LIMIT {
            return Err(EntriesError::Term { last, found: first.term });
        }
        if payloads.len() as u64 > INDEX_LIMIT - first.index {
            return Err(EntriesError::Index { expected, found: INDEX_LIMIT });
        }
        self.batches.push(Batch::new(first, payloads).ok_or(EntriesError::Length)?);
        Ok(())
    }

    /// Adds all of `more`.
    ///
    /// # Errors
    /// [`EntriesError`] where `more` does not follow what is here; nothing is added.
    pub fn extend(&mut self, more: Entries) -> Result<(), EntriesError> {
        if let (Some(last), Some(first)) = (self.last(), more.first()) {
            if first.index != last.index + 1 {
                return Err(EntriesError::Index { expected: last.index + 1, found: first.index });
            }
            if first.term < last.term {
                return Err(EntriesError::Term { last: last.term, found: first.term });
            }
        }
        self.batches.extend(more.batches);
        Ok(())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.batches.iter().map(|batch| u64::from(batch.len())).sum()
    }

    /// The first entry's name.
    pub fn first(&self) -> Option<LogId> {
        self.batches.first().map(|batch| LogId::new(batch.term(), batch.first_index()))
    }

    /// The last entry's name.
    pub fn last(&self) -> Option<LogId> {
        self.batches.last().map(Batch::last)
    }

    /// What limits count: commands' bytes and [`ENTRY_OVERHEAD_BYTES`] for each entry.
    #[inline]
    pub fn cost(&self) -> u64 {
        self.batches.cost()
    }

    /// The entries, in order.
    pub fn iter(&self) -> impl Iterator<Item = EntryRef<'_>> {
        self.batches.iter().flat_map(Batch::iter)
    }

    /// The runs of consecutive entries of one term that happen to lie together in memory: the
    /// name of each run's first entry, and the payloads. For encoders.
    pub fn runs(&self) -> impl Iterator<Item = (LogId, &[Payload])> {
        self.batches
            .iter()
            .map(|batch| (LogId::new(batch.term(), batch.first_index()), batch.payloads()))
    }

    /// The entries from index `from` on.
    pub fn starting_at(&self, from: Index) -> Entries {
        let mut rest = Entries::new();
        for batch in self.batches.iter() {
            if batch.last_index() >= from {
                let first = batch.first_index().max(from);
                rest.batches.push(batch.slice(first, batch.last_index()));
            }
        }
        rest
    }

    /// Removes every entry at or behind index `from`.
    pub fn truncate_from(&mut self, from: Index) {
        while self.batches.last().is_some_and(|batch| batch.first_index() >= from) {
            self.batches.pop();
        }
        if let Some(batch) = self.batches.last_mut().filter(|batch| batch.last_index() >= from) {
            *batch = batch.slice(batch.first_index(), from - 1);
        }
    }

    /// The entries below index `end`.
    pub fn ending_before(&self, end: Index) -> Entries {
        let mut head = Entries::new();
        for batch in self.batches.iter() {
            if batch.first_index() < end {
                let last = batch.last_index().min(end - 1);
                head.batches.push(batch.slice(batch.first_index(), last));
            }
        }
        head
    }

    /// The first entry, and those after it while all cost at most `max_cost` together.
    pub fn capped(&self, max_cost: u64) -> Entries {
        let mut head = Entries::new();
        let mut left = max_cost;
        for batch in self.batches.iter() {
            let fitting = batch.fitting(left, head.is_empty());
            let Some(part) = fitting else { break };
            left = left.saturating_sub(part.cost());
            let whole = part.last_index() == batch.last_index();
            head.batches.push(part);
            if !whole {
                break;
            }
        }
        head
    }

    pub(crate) fn of_batch(batch: Batch) -> Entries {
        Entries { batches: Batches::One(batch) }
    }

    pub(crate) fn into_batches(self) -> Batches {
        self.batches
    }

    pub(crate) fn batches(&self) -> &[Batch] {
        &self.batches
    }

    pub(crate) fn push_batch(&mut self, batch: Batch) {
        debug_assert!(self.last().is_none_or(|last| last.index + 1 == batch.first_index()));
        self.batches.push(batch);
    }
}

impl PartialEq for Entries {
    fn eq(&self, other: &Entries) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Entries {}

impl Hash for Entries {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        self.iter().for_each(|entry| entry.hash(state));
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.iter().map(|entry| entry.log_id)).finish()
    }
}

#[cfg(feature = "serde")]
mod encoding {
    //! As a list of (term, index, payload), so that grouping leaves no trace.

    use alloc::vec::Vec;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{Entries, LogId, Payload};

    impl Serialize for Entries {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq(self.iter().map(|entry| (entry.log_id, entry.payload)))
        }
    }

    impl<'de> Deserialize<'de> for Entries {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Entries, D::Error> {
            let list = Vec::<(LogId, Payload)>::deserialize(deserializer)?;
            let mut entries = Entries::new();
            for (log_id, payload) in list {
                entries.append(log_id, payload.into()).map_err(D::Error::custom)?;
            }
            Ok(entries)
        }
    }
}
