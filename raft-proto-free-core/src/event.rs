//! What can happen to a node: everything that [`Raft::step`](crate::Raft::step) takes.

use crate::{
    entries::Commands,
    message::Message,
    types::{Index, NodeId, RequestId, Seq, Term, Timestamp},
};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Event {
    /// When, on this node's clock, read *after* the input was taken in.
    pub at: Timestamp,
    /// What.
    pub input: Input,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input {
    /// Time passed. Due at [`Raft::deadline`](crate::Raft::deadline); harmless at any time.
    Tick,
    /// A message came in.
    Receive {
        /// Who sent it, as the transport knows it.
        from: NodeId,
        /// What it says.
        message: Message,
    },
    /// Append these commands to the log. Answered by [`Accepted`](crate::Action::Accepted) or
    /// [`Refused`](crate::Action::Refused), in the same step.
    Propose {
        /// Comes back in the answer.
        request: RequestId,
        /// One entry each, all next to one another. At least one.
        commands: Commands,
        /// Refuse unless this is the leader's term.
        expected_term: Option<Term>,
    },
    /// Name an index such that a state machine that has applied it can answer a linearizable read
    /// that was invoked now (paper §8, dissertation §6.4). Answered by
    /// [`ReadReady`](crate::Action::ReadReady) or [`Refused`](crate::Action::Refused).
    Read {
        /// Comes back in the answer.
        request: RequestId,
    },
    /// The write of this `seq` and all before it are durable.
    Written {
        /// From the [`Write`](crate::Write).
        seq: Seq,
    },
    /// A write failed. Final: only a new [`restore`](crate::Raft::restore) goes on.
    WriteFailed {
        /// From the first [`Write`](crate::Write) that failed.
        seq: Seq,
    },
    /// The state machine has applied everything through this index.
    Applied {
        /// From the last applied entry.
        index: Index,
    },
}
