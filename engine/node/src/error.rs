//! What can go wrong, by whether the operation was surely not done.

use std::{net::SocketAddr, path::PathBuf};

use quorate_core::{ConfigError, NodeId, RestoreError};
use quorate_kv::{KvError, LeaseId, RequestError, Revision};
use quorate_wal::WalError;

use crate::{MemberError, SettingError};

/// Why an operation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Surely not done: the request can never be taken.
    #[error(transparent)]
    Invalid(#[from] RequestError),
    /// Surely not done: the state is not such that it can be.
    #[error(transparent)]
    Refused(KvError),
    /// Surely not done: the members cannot be changed so, or not in time.
    #[error(transparent)]
    Members(#[from] MemberError),
    /// Surely not done, though it was tried until its time was up.
    #[error("not done: {reason}")]
    NotDone {
        /// What stood in the way at last.
        reason: String,
    },
    /// It may or may not be done, now or later: read, or write again.
    #[error("unknown whether done: {reason}")]
    Unknown {
        /// What went wrong.
        reason: String,
    },
    /// The session has expired, or was closed. Whether requests in it that have had no answer were
    /// done can no longer be known.
    #[error("session {session} has expired; read what it may have done, and open another one")]
    SessionExpired {
        /// The session.
        session: LeaseId,
    },
    /// A compaction has passed the watch: what it missed is gone.
    #[error(
        "the watch has told all below revision {next}, and history begins at {compacted}: read the \
         keys, and watch from the revision behind that"
    )]
    WatchLost {
        /// The first revision that was not told.
        next: Revision,
        /// The oldest revision that is kept.
        compacted: Revision,
    },
    /// The node that served the watch has stopped. Nothing is lost.
    #[error("{reason}: take the watch up from revision {next}, at another node or later")]
    WatchEnded {
        /// The first revision that was not told.
        next: Revision,
        /// Why.
        reason: String,
    },
    /// Surely not done: the command is larger than
    /// [`EngineConfig::max_message_bytes`](crate::EngineConfig::max_message_bytes) lets through.
    #[error(
        "a command of {len} bytes is over the limit of {limit}: split it, or keep the bulk of it \
        elsewhere and command its name"
    )]
    CommandTooLong {
        /// How long it is. Bytes.
        len: u64,
        /// How long it may be. Bytes.
        limit: u64,
    },
    /// The node stopped for good.
    #[error("the node has halted: {reason}; mend the cause, then start it again")]
    Halted {
        /// Why.
        reason: String,
    },
}

impl EngineError {
    /// Whether the operation that this is about was surely not done, and never will be; else it may
    /// have been done, or may be yet.
    pub fn is_surely_not_done(&self) -> bool {
        match self {
            EngineError::Invalid(_)
            | EngineError::Refused(_)
            | EngineError::Members(_)
            | EngineError::CommandTooLong { .. }
            | EngineError::NotDone { .. } => true,
            // Watching does nothing.
            EngineError::WatchLost { .. } | EngineError::WatchEnded { .. } => true,
            EngineError::Unknown { .. }
            | EngineError::SessionExpired { .. }
            | EngineError::Halted { .. } => false,
        }
    }

    pub(crate) fn not_done(reason: impl Into<String>) -> EngineError {
        EngineError::NotDone { reason: reason.into() }
    }

    /// For an answer of a kind that was not asked for.
    pub(crate) fn unexpected(answer: &impl std::fmt::Debug) -> EngineError {
        EngineError::Unknown { reason: format!("the answer is of another kind: {answer:?}") }
    }
}

/// Why a node does not start. Nothing that was stored is changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A knob is out of range, or does not go with another.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// The core does not take a knob.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log does not open.
    #[error("{}: {source}", dir.display())]
    Log {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: WalError,
    },
    /// Storage of one's own does not open.
    #[error("{0}")]
    Storage(Box<dyn std::error::Error + Send + Sync>),
    /// The log opens, but no node can start from it.
    #[error("{}: {source}", dir.display())]
    Restore {
        /// The directory.
        dir: PathBuf,
        /// Why.
        source: RestoreError,
    },
    /// A new group was to be founded on used storage.
    #[error("{} already holds a node's log: start with Existing, or use an empty directory",
        dir.display())]
    AlreadyUsed {
        /// The directory.
        dir: PathBuf,
    },
    /// A node was to go on, but its storage is empty.
    #[error("{} holds no node's log: if the disk was lost, join under a new node id; to found a \
        new group, start with New", dir.display())]
    Empty {
        /// The directory.
        dir: PathBuf,
    },
    /// The group has more than one member, or is to have, and this node listens nowhere.
    #[error("node {node} has no address to listen on: set EngineConfig::listen")]
    NoAddress {
        /// The node.
        node: NodeId,
    },
    /// A node is to found a group that it is not in.
    #[error(
        "node {node} is not among the founding members {given:?}: name it; or start it with \
        Join and add it to the group, or with Existing where it has a log"
    )]
    NotAFounder {
        /// The node.
        node: NodeId,
        /// The members in the configuration.
        given: Vec<NodeId>,
    },
    /// The node cannot be reached by that.
    #[error("EngineConfig::address of node {node}: {source}")]
    Address {
        /// The node.
        node: NodeId,
        /// What it should be.
        source: MemberError,
    },
    /// Nobody can connect to the address that this node listens on.
    #[error(
        "node {node} listens on {listen}, which is no address that others can connect to: set \
        EngineConfig::address to where they reach it"
    )]
    NotReachable {
        /// The node.
        node: NodeId,
        /// Where it listens.
        listen: SocketAddr,
    },
    /// The address cannot be listened on.
    #[error(
        "cannot listen on {address}: {source}; use a free port, or stop what uses this one; where it \
        is another machine's, set EngineConfig::listen"
    )]
    Listen {
        /// The address, `host:port`.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// What the node is told cannot be recorded.
    #[error("cannot record to {}: {source}; name a file that can be written", file.display())]
    Record {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The system starts no thread.
    #[error("cannot start the store's thread: {0}")]
    Thread(std::io::Error),
}

impl StartError {
    /// Storage of one's own does not open, for this reason.
    pub fn storage(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StartError {
        StartError::Storage(error.into())
    }
}
