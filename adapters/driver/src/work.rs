//! Work for the state machine, in order: entries to apply, snapshots to install.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use quorate_core::{Entries, LogId, SnapshotMeta};

use crate::{LogStore, StateMachine, StoreError};

/// What is read of a snapshot at once. Bytes.
const READ_BYTES: u64 = 1024 * 1024;

/// The state machine's next work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApplyJob {
    /// Apply entries.
    Entries(EntriesJob),
    /// Put a snapshot in place of the state.
    Install(InstallJob),
}

impl ApplyJob {
    /// Does it, where store and machine are at hand.
    pub fn run<M: StateMachine>(
        self,
        store: &mut impl LogStore,
        machine: &mut M,
    ) -> ApplyDone<M::Response> {
        match self {
            ApplyJob::Entries(job) => job.run(machine),
            ApplyJob::Install(job) => job.load(store).run(machine),
        }
    }
}

/// Committed entries to apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntriesJob {
    pub(crate) incarnation: u64,
    pub(crate) entries: Entries,
}

impl EntriesJob {
    /// What to apply, in order. Never empty.
    pub fn entries(&self) -> &Entries {
        &self.entries
    }

    /// Does it.
    pub fn run<M: StateMachine>(self, machine: &mut M) -> ApplyDone<M::Response> {
        let responses = machine.apply(&self.entries);
        let work = Done::Applied { entries: self.entries, responses };
        ApplyDone { incarnation: self.incarnation, work }
    }
}

/// A snapshot to install.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstallJob {
    pub(crate) incarnation: u64,
    pub(crate) meta: Arc<SnapshotMeta>,
}

impl InstallJob {
    /// What it stands for.
    pub fn meta(&self) -> &SnapshotMeta {
        &self.meta
    }

    /// Reads its bytes, as a whole and checked.
    pub fn load(self, store: &mut impl LogStore) -> LoadedInstall {
        let bytes = read_whole(store, self.meta.last);
        LoadedInstall { job: self, bytes }
    }
}

fn read_whole(store: &mut impl LogStore, last: LogId) -> Result<Bytes, StoreError> {
    let id = store.snapshot_find(last)?;
    let mut bytes = BytesMut::new();
    while (bytes.len() as u64) < id.len {
        let part = store.snapshot_read(id, bytes.len() as u64, READ_BYTES)?;
        if part.is_empty() {
            break;
        }
        bytes.extend_from_slice(&part);
    }
    id.check(&bytes)?;
    Ok(bytes.freeze())
}

/// A snapshot to install, with its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadedInstall {
    job: InstallJob,
    bytes: Result<Bytes, StoreError>,
}

impl LoadedInstall {
    /// Installs it.
    pub fn run<M: StateMachine>(self, machine: &mut M) -> ApplyDone<M::Response> {
        let InstallJob { incarnation, meta } = self.job;
        let result = match self.bytes {
            Ok(bytes) => {
                machine.install(bytes).map_err(|error| NotInstalled::Unreadable(error.to_string()))
            }
            Err(StoreError::NoSnapshot(_)) => Err(NotInstalled::Gone),
            Err(error) => Err(NotInstalled::Unreadable(error.to_string())),
        };
        ApplyDone { incarnation, work: Done::Installed { last: meta.last, result } }
    }
}

/// Why a snapshot was not installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotInstalled {
    /// It is not there: a newer one may have taken its place.
    Gone,
    /// It is damaged, or none of this state machine's.
    Unreadable(String),
}

/// The completion of the state machine's work, for [`Driver::apply_done`](crate::Driver::apply_done).
#[derive(Clone, Debug)]
pub struct ApplyDone<R> {
    pub(crate) incarnation: u64,
    pub(crate) work: Done<R>,
}

#[derive(Clone, Debug)]
pub(crate) enum Done<R> {
    Applied { entries: Entries, responses: Vec<R> },
    Installed { last: LogId, result: Result<(), NotInstalled> },
}

impl<R> Done<R> {
    /// The last entry that it stands for.
    pub(crate) fn last(&self) -> Option<LogId> {
        match self {
            Done::Applied { entries, .. } => entries.last(),
            Done::Installed { last, .. } => Some(*last),
        }
    }
}
