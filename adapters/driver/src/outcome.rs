//! What became of requests, and what a node has to tell.

use quorate_core::{
    Halt, Index, LogId, Misuse, NodeId, Refusal, RequestId, RoleKind, Term, Timestamp,
};

use crate::StoreError;

/// What became of a request, or what its node has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<R> {
    /// Committed and applied here: a command, or a change of members.
    Done {
        /// From the proposal.
        request: RequestId,
        /// Where it stands in the log.
        log_id: LogId,
        /// What the state machine answered.
        response: R,
    },
    /// Surely not done.
    Refused {
        /// From the proposal, read or transfer.
        request: RequestId,
        /// Why.
        reason: Refusal,
    },
    /// Surely not done: another leader's entry was committed in its place.
    Replaced {
        /// From the proposal.
        request: RequestId,
        /// What stands there instead, or the end of a snapshot that shows that it cannot.
        by: LogId,
    },
    /// It may have been done, now or later: the node halted after it had accepted the proposal, or
    /// a snapshot that was installed covers its place.
    Unknown {
        /// From the proposal.
        request: RequestId,
    },
    /// The state machine, as it is now or later, may answer the read.
    ReadReady {
        /// From the read.
        request: RequestId,
        /// The index that was waited for.
        index: Index,
    },
    /// This node leads no more, as was asked for.
    Transferred {
        /// From the transfer.
        request: RequestId,
    },
    /// Until then reads need no round: see [`quorate_core::Action::Lease`].
    Lease {
        /// The end; none where there is no lease any more.
        until: Option<Timestamp>,
    },
    /// Role, term or known leader changed.
    RoleChanged {
        /// The role now.
        role: RoleKind,
        /// The term now.
        term: Term,
        /// The leader of the term, where known.
        leader: Option<NodeId>,
    },
    /// A snapshot of the state machine is durable: the one that was begun, or a newer one that
    /// came from another node meanwhile.
    SnapshotTaken {
        /// The last entry that it covers.
        last: LogId,
    },
    /// A snapshot of the state machine could not be kept. The node goes on; its log stays long.
    SnapshotFailed {
        /// Why.
        error: StoreError,
    },
    /// The host broke the core's contract.
    Misuse(Misuse),
    /// The node stopped for good; every pending request has had its outcome before this one.
    Halted(Cause),
}

/// Why a node stopped for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// The core says so.
    #[error("{0}")]
    Core(Halt),
    /// The log store failed: what is on it is unknown until it is opened again.
    #[error("{0}")]
    Store(StoreError),
    /// The snapshot that stands for the head of the log cannot be put into the state machine.
    #[error("the snapshot of {last:?} cannot be installed: {why}")]
    Install {
        /// The last entry that it covers.
        last: LogId,
        /// What is wrong.
        why: String,
    },
}
