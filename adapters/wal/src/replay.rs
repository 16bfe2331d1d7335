//! The state that a sequence of writes leaves: what a restart finds.

use quorate_core::{Index, LogId, Persisted, Seq, Write};
use quorate_driver::{Found, StoreError};

/// Hard state, snapshot and the shape of the log after some writes; without what entries say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct State {
    found: Found,
    /// Of the last write.
    pub(crate) seq: Seq,
}

impl State {
    /// What a checkpoint says; none for what none says.
    pub(crate) fn from_checkpoint(seq: Seq, persisted: Persisted) -> Option<State> {
        match persisted {
            Persisted::Loaded { hard_state, snapshot, log, applied: 0, .. } => {
                Some(State { found: Found { hard_state, snapshot, log }, seq })
            }
            Persisted::Loaded { .. } | Persisted::Bootstrap { .. } | Persisted::Join { .. } => None,
        }
    }

    /// What a checkpoint should say.
    pub(crate) fn to_checkpoint(&self, incarnation: u64) -> Persisted {
        let Found { hard_state, snapshot, log } = self.found.clone();
        Persisted::Loaded { incarnation, hard_state, snapshot, log, applied: 0 }
    }

    /// Everything through here is discarded.
    pub(crate) fn base(&self) -> Index {
        self.found.log.base().index
    }

    /// The last entry; what was discarded where there is none.
    pub(crate) fn last(&self) -> LogId {
        self.found.log.last()
    }

    /// The newest snapshot that was named.
    pub(crate) fn snapshot(&self) -> Option<LogId> {
        self.found.snapshot.as_ref().map(|snapshot| snapshot.last)
    }

    /// Takes a write in; entries are the caller's to keep.
    pub(crate) fn take(&mut self, write: &Write) -> Result<(), StoreError> {
        self.found.take(write)?;
        self.seq = write.seq;
        Ok(())
    }

    /// What a restart finds; none where nothing was ever written.
    pub(crate) fn found(&self) -> Option<Found> {
        (self.found != Found::default()).then(|| self.found.clone())
    }
}
