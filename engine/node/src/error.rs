//! What can go wrong, by whether the operation was surely not done.

use std::{net::SocketAddr, path::PathBuf};

use quorate_core::{ConfigError, NodeId, RestoreError};
use quorate_kv::CommandError;
use quorate_wal::WalError;

/// Why an operation has no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Surely not done: the request can never be taken.
    #[error(transparent)]
    Invalid(#[from] CommandError),
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
    /// The node stopped for good.
    #[error("the node has halted: {reason}; mend the cause, then start it again")]
    Halted {
        /// Why.
        reason: String,
    },
}

/// Why a node does not start. Nothing that was stored is changed.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A knob is out of range.
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
    /// The log names other members than the configuration.
    #[error("{}: the group was founded with members {founded:?}, not {given:?}", dir.display())]
    Members {
        /// The directory.
        dir: PathBuf,
        /// The members in the log.
        founded: Vec<NodeId>,
        /// The members in the configuration.
        given: Vec<NodeId>,
    },
    /// This node is not among the peers.
    #[error("node {node} has no address among the peers")]
    NoAddress {
        /// The node.
        node: NodeId,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; use a free port, or stop what uses this one")]
    Listen {
        /// The address.
        address: SocketAddr,
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
