//! The log store: where writes and snapshots become durable. Knows nothing of Raft's rules.

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::{
    Configuration, Entries, HardState, Index, LogId, LogSummary, Persisted, SnapshotMeta, Write,
};

/// A durable log with its hard state, and a place for snapshots. Blocking: the host decides on
/// which thread it runs.
///
/// Snapshots come and go in parts, so that a large one holds up no write, and one that was cut off
/// goes on where it ended. The store removes those that are older than the one that a durable write
/// names; what was begun and never finished may be removed at any opening.
pub trait LogStore: Send {
    /// Makes all `writes` durable, in order, as one group commit. When this returns `Ok` they
    /// survive a power loss; each is on disk as a whole or not at all, and never without all
    /// before it.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] where a write does not follow what was written before, or names a
    /// snapshot that is not finished here; nothing is changed. Any other error is final: the store
    /// takes no further write; it must be opened again.
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError>;

    /// Entries from `from` through at most `through`, the first always, more while they cost at
    /// most `max_bytes` together.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where `from` is discarded or not yet written.
    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError>;

    /// Space left for writes, in bytes; `u64::MAX` where no limit is known.
    fn space_left(&self) -> u64;

    /// Begins a snapshot, or goes on with it: how many of its bytes are here. Its whole length,
    /// where it is finished.
    ///
    /// # Errors
    /// Where the disk fails. No error of a snapshot harms the log.
    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError>;

    /// Adds bytes behind those that are here.
    ///
    /// # Errors
    /// Where the disk fails; [`StoreError::OutOfOrder`] where `offset` is not where it ends.
    fn snapshot_write(
        &mut self,
        id: SnapshotId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError>;

    /// Makes a snapshot that is here as a whole durable, under its final name. It may have been so
    /// already.
    ///
    /// # Errors
    /// [`StoreError::BadSnapshot`] where length or checksum are not those of its name: it is gone,
    /// and must be begun anew. Else where the disk fails.
    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError>;

    /// The finished snapshot of the state after this entry.
    ///
    /// # Errors
    /// [`StoreError::NoSnapshot`] where there is none.
    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError>;

    /// At most `max_bytes` of a finished snapshot from `offset` on; none behind its end.
    ///
    /// # Errors
    /// [`StoreError::NoSnapshot`] where there is none. What is read is not checked: whoever has
    /// all of it can.
    fn snapshot_read(
        &mut self,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError>;

    /// Removes the snapshot of the state after this entry, finished or not; never one that a
    /// durable write names.
    ///
    /// # Errors
    /// Where the disk fails.
    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError>;
}

/// The name of a snapshot's bytes: two with the same one are the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SnapshotId {
    /// The last entry that it covers.
    pub last: LogId,
    /// How many bytes it has.
    pub len: u64,
    /// The checksum of its bytes ([`Checksum`](quorate_codec::Checksum)).
    pub checksum: u32,
}

/// Why the store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The disk is full: free some space, then start the node again.
    #[error("no space left: {0}")]
    Full(String),
    /// The disk or the file system failed.
    #[error("{0}")]
    Io(String),
    /// No such entry.
    #[error("entry {0} is not in the log")]
    NotFound(Index),
    /// No such snapshot.
    #[error("there is no snapshot of {0:?}")]
    NoSnapshot(LogId),
    /// A snapshot's bytes are not those of its name.
    #[error("the snapshot of {last:?} is damaged: {what}")]
    BadSnapshot {
        /// The last entry that it should cover.
        last: LogId,
        /// What is wrong.
        what: String,
    },
    /// A write does not follow what was written before.
    #[error("write out of order: {0}")]
    OutOfOrder(String),
    /// An earlier write failed; the store must be opened again.
    #[error("the store failed before and must be opened again")]
    Failed,
}

/// What a store found when it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// Raised durably at each open, from 1.
    pub incarnation: u64,
    /// What was written by earlier lives; none for new storage.
    pub found: Option<Found>,
}

/// What earlier lives wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The last hard state.
    pub hard_state: HardState,
    /// The last snapshot.
    pub snapshot: Option<Arc<SnapshotMeta>>,
    /// Which entries the log holds.
    pub log: LogSummary,
}

impl Found {
    /// What a disk holds once `write` is done.
    ///
    /// # Errors
    /// [`StoreError::OutOfOrder`] where it does not follow what was written before; nothing is
    /// changed.
    pub fn take(&mut self, write: &Write) -> Result<(), StoreError> {
        let (base, last) = (self.log.base().index, self.log.last().index);
        let from = write.truncate_from;
        let first = write.entries.first();
        let next = first.map_or(from, |first| first.index);
        if from <= base || from > last + 1 || next != from {
            return Err(StoreError::OutOfOrder(format!(
                "the log holds {} to {last}, the write truncates from {from} and appends from {next}",
                base + 1
            )));
        }
        let before = self.log.term_at(from - 1).unwrap_or_default();
        if let Some(found) = first.filter(|first| first.term < before) {
            let term = found.term;
            return Err(StoreError::OutOfOrder(format!("term {term} follows term {before}")));
        }
        let end = write.entries.last().map_or(from - 1, |last| last.index);
        let replaces = write.discard_through > end;
        let head = write.snapshot.as_ref().map(|snapshot| snapshot.last);
        let head = head.filter(|head| head.index == write.discard_through);
        if replaces && head.is_none() {
            return Err(StoreError::OutOfOrder(format!(
                "the log ends with {end}, the write discards through {} with no snapshot of it",
                write.discard_through
            )));
        }
        self.hard_state = write.hard_state;
        self.log.truncate_from(from);
        self.log.extend(&write.entries);
        if let Some(head) = head.filter(|_| replaces) {
            self.log = LogSummary::new(head);
        } else if let Some(term) = self.log.term_at(write.discard_through) {
            self.log.discard_through(LogId::new(term, write.discard_through));
        }
        if write.snapshot.is_some() {
            self.snapshot.clone_from(&write.snapshot);
        }
        Ok(())
    }
}

impl Recovered {
    /// Starts a new group on new storage, goes on with used storage.
    ///
    /// On a voter whose disk was wiped this founds the group a second time, and it may vote twice:
    /// give the node a new id instead.
    pub fn found_or_bootstrap(self, configuration: Arc<Configuration>) -> Persisted {
        if self.found.is_none() { self.bootstrap(configuration) } else { self.loaded() }
    }

    /// Joins a running group on new storage, goes on with used storage.
    pub fn found_or_join(self) -> Persisted {
        if self.found.is_none() {
            return Persisted::Join { incarnation: self.incarnation };
        }
        self.loaded()
    }

    /// A new group. The core refuses it on used storage, so `None` is returned there.
    pub fn new_group(self, configuration: Arc<Configuration>) -> Option<Persisted> {
        self.found.is_none().then(|| self.bootstrap(configuration))
    }

    /// Goes on with used storage and an empty state machine;
    /// [`Raft::restore`](quorate_core::Raft::restore) refuses it where nothing was found.
    pub fn loaded(self) -> Persisted {
        let Found { hard_state, snapshot, log } = self.found.unwrap_or_default();
        let incarnation = self.incarnation;
        Persisted::Loaded { incarnation, hard_state, snapshot, log, applied: 0 }
    }

    fn bootstrap(self, configuration: Arc<Configuration>) -> Persisted {
        Persisted::Bootstrap { configuration, incarnation: self.incarnation }
    }
}
