//! The log store: where writes become durable. Knows nothing of Raft's rules.

use std::sync::Arc;

use quorate_core::{Configuration, Entries, HardState, Index, Persisted, SnapshotMeta, Write};

/// A durable log with its hard state. Blocking: the host decides on which thread it runs.
pub trait LogStore: Send {
    /// Makes all `writes` durable, in order, as one group commit. When this returns `Ok` they
    /// survive a power loss; each is on disk as a whole or not at all, and never without all
    /// before it.
    ///
    /// # Errors
    /// Any error is final: the store takes no further write; it must be opened again.
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError>;

    /// Entries from `from` through at most `through`, the first always, more while they cost at
    /// most `max_bytes` together.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where `from` is discarded or not yet written.
    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError>;

    /// Space left for writes, in bytes; `u64::MAX` where no limit is known.
    fn space_left(&self) -> u64;
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The last hard state.
    pub hard_state: HardState,
    /// The last snapshot.
    pub snapshot: Option<Arc<SnapshotMeta>>,
    /// All entries after the snapshot.
    pub entries: Entries,
}

impl Recovered {
    /// Starts a new group on new storage, goes on with used storage.
    ///
    /// On a voter whose disk was wiped this founds the group a second time, and it may vote twice:
    /// give the node a new id instead.
    pub fn found_or_bootstrap(self, configuration: Arc<Configuration>) -> Persisted {
        if self.found.is_none() { self.bootstrap(configuration) } else { self.loaded() }
    }

    /// A new group. The core refuses it on used storage, so `None` is returned there.
    pub fn new_group(self, configuration: Arc<Configuration>) -> Option<Persisted> {
        self.found.is_none().then(|| self.bootstrap(configuration))
    }

    /// Goes on with used storage; [`Raft::restore`](quorate_core::Raft::restore) refuses it where
    /// nothing was found.
    pub fn loaded(self) -> Persisted {
        let found = self.found.unwrap_or(Found {
            hard_state: HardState::default(),
            snapshot: None,
            entries: Entries::new(),
        });
        Persisted::Loaded {
            incarnation: self.incarnation,
            hard_state: found.hard_state,
            snapshot: found.snapshot,
            entries: found.entries,
            applied: 0,
        }
    }

    fn bootstrap(self, configuration: Arc<Configuration>) -> Persisted {
        Persisted::Bootstrap { configuration, incarnation: self.incarnation }
    }
}
