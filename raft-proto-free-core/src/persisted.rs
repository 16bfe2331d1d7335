//! What a node starts from.

use alloc::sync::Arc;

use crate::{
    action::{HardState, SnapshotMeta},
    config::ConfigError,
    configuration::Configuration,
    summary::LogSummary,
    types::{Index, LogId},
};

/// How a node begins a life.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Persisted {
    /// A new group, on empty storage. Every founding member is started with the same
    /// configuration, which becomes the first entry of every log.
    Bootstrap {
        /// The founding members.
        configuration: Arc<Configuration>,
        /// Raised durably by the store when it was opened.
        incarnation: u64,
    },
    /// A node of a group that runs already, on empty storage. It is passive, and never campaigns
    /// before it finds itself in a configuration: somebody must add it.
    Join {
        /// Raised durably by the store when it was opened.
        incarnation: u64,
    },
    /// What the store found.
    Loaded {
        /// Raised durably by the store when it was opened.
        incarnation: u64,
        /// The last hard state written.
        hard_state: HardState,
        /// The last snapshot written, if any.
        snapshot: Option<Arc<SnapshotMeta>>,
        /// Which entries the log holds.
        log: LogSummary,
        /// What the state machine has applied durably, a snapshot installed included; 0 for one
        /// that lives in memory.
        applied: Index,
    },
}

/// Why a node cannot start.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum RestoreError {
    /// A knob is out of range.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A life is numbered from 1.
    #[error("incarnation 0: the store must raise it at each open")]
    NoIncarnation,
    /// The founding configuration names no voter, or too many.
    #[error(
        "a group is founded by 1 to {} voters, not {found}",
        crate::configuration::VOTERS_LIMIT
    )]
    Voters {
        /// How many are named.
        found: u64,
    },
    /// The founding configuration does not name this node.
    #[error("the founding configuration does not name this node")]
    NotAMember,
    /// Nothing was ever written here: a wiped voter must not vote twice.
    #[error("the storage is empty: bootstrap a new group, or join under a new node id")]
    EmptyStorage,
    /// The log begins behind the snapshot, or ends before it.
    #[error("the log holds {base:?} to {last:?}, which does not meet the snapshot's {snapshot:?}")]
    Gap {
        /// Before its first entry.
        base: LogId,
        /// Its last entry.
        last: LogId,
        /// The last entry of the snapshot.
        snapshot: LogId,
    },
    /// The group has gone on to a protocol that this version does not speak.
    #[error("the group speaks protocol {version}, which is newer than this node")]
    UnknownProtocol {
        /// Which.
        version: u16,
    },
    /// The log holds an entry of a later term than the hard state.
    #[error("the log ends with {last:?}, beyond the hard state's term {term}")]
    TermBehindLog {
        /// The last entry.
        last: LogId,
        /// The hard state's term.
        term: u64,
    },
    /// The state machine is ahead of the log.
    #[error("applied {applied} lies beyond the last entry {last:?}")]
    AppliedBeyondLog {
        /// What the state machine says.
        applied: Index,
        /// The last entry.
        last: LogId,
    },
    /// A term, vote or promise is out of range, or contradictory.
    #[error("the hard state or the log is out of range")]
    OutOfRange,
}
