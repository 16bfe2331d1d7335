//! What can happen to a node: everything that [`Raft::step`](crate::Raft::step) takes.

use alloc::{sync::Arc, vec::Vec};

use crate::{
    action::SnapshotMeta,
    batch::Commands,
    config::Config,
    entries::Entries,
    membership::MemberChange,
    message::Message,
    types::{Index, NodeId, RequestId, Seq, Term, Timestamp, Token},
};

/// Something that happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Event {
    /// When, on this node's clock, read *after* the input was taken in.
    pub at: Timestamp,
    /// What.
    pub input: Input,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// that was invoked now (paper §8, dissertation §6.4). On any member: whoever does not lead
    /// asks the leader. Answered by [`ReadReady`](crate::Action::ReadReady) or
    /// [`Refused`](crate::Action::Refused). (A *stale* read asks the state machine alone.)
    Read {
        /// Comes back in the answer.
        request: RequestId,
        /// On what the answer rests.
        consistency: Consistency,
    },
    /// Change the members (paper §6). Answered by [`Accepted`](crate::Action::Accepted), with the
    /// place of the first of up to two entries, or [`Refused`](crate::Action::Refused).
    ChangeMembers {
        /// Comes back in the answer.
        request: RequestId,
        /// What is wished, at once. At least one.
        changes: Vec<MemberChange>,
        /// Refuse unless this is the leader's term.
        expected_term: Option<Term>,
    },
    /// Hand the leadership to another voter (dissertation §3.10). Answered by
    /// [`Transferred`](crate::Action::Transferred) once this node leads no more, or by
    /// [`Refused`](crate::Action::Refused), at the latest after `transfer_timeout`.
    Transfer {
        /// Comes back in the answer.
        request: RequestId,
        /// To whom; none for the voter that is best prepared.
        to: Option<NodeId>,
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
        /// From the last applied entry, or from the snapshot installed.
        index: Index,
    },
    /// What [`Action::ReadLog`](crate::Action::ReadLog) asked for.
    LogRead {
        /// From the action.
        token: Token,
        /// What was found.
        found: LogFound,
    },
    /// A snapshot of the state machine at this index is durable. The core names it, and lets go
    /// the entries that it covers. At most the last index applied.
    SnapshotTaken {
        /// The last entry that it covers.
        index: Index,
    },
    /// A snapshot came in whole, and is durable under its final name. Answered by
    /// [`Write`](crate::Action::Write) and then [`Install`](crate::Action::Install), or by
    /// [`Discard`](crate::Action::Discard); by nothing where it is the newest snapshot already.
    SnapshotReceived {
        /// The sender's term, from [`SendSnapshot`](crate::Action::SendSnapshot).
        term: Term,
        /// What it stands for, from [`SendSnapshot`](crate::Action::SendSnapshot).
        meta: Arc<SnapshotMeta>,
    },
    /// The state machine is damaged, but the log is not: ask the leader for a snapshot beyond what is
    /// committed here. Until one comes nothing more is given to apply, and the node does not
    /// campaign; it votes and follows. Of a leader this is [`Misuse`](crate::Misuse): transfer first.
    RequestSnapshot,
    /// The transport could not reach this peer: what is under way to it is probably lost.
    PeerUnreachable {
        /// Which.
        peer: NodeId,
    },
    /// Nobody reads any more under the published lease that was taken back: see
    /// [`Lease`](crate::Action::Lease).
    LeaseClosed,
    /// How many entries to keep behind a snapshot for followers that lag: see
    /// [`Config::retain_entries`](crate::Config::retain_entries).
    Retain {
        /// Entries.
        entries: u64,
        /// What they may cost together, as far as this life has seen them. Bytes.
        bytes: u64,
    },
    /// Whether the disk is nearly full. A leader then refuses proposals; votes, configurations and
    /// compaction go on.
    Space {
        /// Below the reserve.
        is_low: bool,
    },
    /// Go on with other knobs. `node` and `seed` stay.
    Reconfigure {
        /// The knobs.
        config: Arc<Config>,
    },
    /// Fall silent, if nothing is under way: no heartbeat and no deadline until something happens.
    Quiesce,
    /// Go on after [`Input::Quiesce`].
    Wake,
    /// Hand the leadership over, where this node leads, and halt.
    Stop,
}

/// On what the answer to a read rests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Consistency {
    /// On a round of messages to a quorum. Needs no clock (dissertation §6.4).
    #[default]
    Linearizable,
    /// On the leader's lease where it has one: no message, but clocks must not drift apart by more
    /// than [`Config::max_clock_drift_ppm`](crate::Config::max_clock_drift_ppm) (dissertation
    /// §6.4.1). Otherwise on a round.
    Lease,
}

/// What the log store found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LogFound {
    /// The first of the entries asked for, and any number of those that follow.
    Entries(Entries),
    /// They were discarded.
    Compacted,
    /// They are not there, and were not discarded.
    Missing,
}
