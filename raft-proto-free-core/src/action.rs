//! What a node wants done: everything that [`Raft::step`](crate::Raft::step) answers.
//!
//! Notices are handled in list order before anything later is stepped. Writes take effect by
//! `seq`. State machine work goes by index. Across kinds, and for [`Action::Send`],
//! [`Action::ReadLog`] and [`Action::SendSnapshot`], any order and any delay are safe, and what is
//! sent may be lost: nothing is emitted before it is allowed.

use alloc::sync::Arc;

use crate::{
    configuration::Configuration,
    entries::Entries,
    membership::ChangeError,
    message::Message,
    types::{Index, LogId, Nanos, NodeId, RequestId, Seq, Term, Timestamp, Token},
};

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Action {
    /// Notice: the proposal is in the log, its first command at `log_id`, the others behind it.
    /// Not yet durable, not yet committed: if the entry applied at that index has that term, it
    /// was committed, else another took its place.
    Accepted {
        /// From the proposal.
        request: RequestId,
        /// The name of its first entry.
        log_id: LogId,
    },
    /// Notice: surely not done.
    Refused {
        /// From the proposal or read.
        request: RequestId,
        /// Why, and what to do.
        reason: Refusal,
    },
    /// Notice: once `index` is applied, the state machine can answer the read.
    ReadReady {
        /// From the read.
        request: RequestId,
        /// At least the commit index when the read came in.
        index: Index,
    },
    /// Notice: role, term or known leader are other than before this step.
    RoleChanged {
        /// The role now.
        role: RoleKind,
        /// The term now.
        term: Term,
        /// The leader of this term, where known.
        leader: Option<NodeId>,
    },
    /// Notice: this node leads no more, after a transfer that it was asked for.
    Transferred {
        /// From the transfer.
        request: RequestId,
    },
    /// Notice: until then, by this node's clock, reads need no round (dissertation §6.4.1); none
    /// takes back what was published before, and another follows only once that is closed. Only where
    /// [`Config::publish_lease`](crate::Config::publish_lease) is set. Until the time has passed or
    /// [`Input::LeaseClosed`](crate::Input::LeaseClosed) came, the node helps no other leader.
    Lease {
        /// The end.
        until: Option<Timestamp>,
    },
    /// Notice: a follower asked for a snapshot beyond this index, and there is none yet. Take one
    /// when it suits, and step [`Input::SnapshotTaken`](crate::Input::SnapshotTaken); this comes
    /// again until then.
    SnapshotWanted {
        /// The last index that is of no use.
        beyond: Index,
    },
    /// Notice: the embedder broke the contract; the input had no effect.
    Misuse(Misuse),
    /// Notice: the end. From now on every input yields nothing.
    Halt(Halt),
    /// Make this durable, then step [`Input::Written`](crate::Input::Written).
    Write(Write),
    /// Apply these committed entries, which follow the last that were given to apply, then step
    /// [`Input::Applied`](crate::Input::Applied).
    Apply {
        /// What to apply.
        entries: Entries,
    },
    /// Put this received snapshot, which is the newest that was written, in place of the state
    /// machine's state, after all that was given to apply before; then step
    /// [`Input::Applied`](crate::Input::Applied) with its index.
    Install {
        /// Which.
        meta: Arc<SnapshotMeta>,
    },
    /// This received snapshot is of no use: remove it.
    Discard {
        /// Which.
        meta: Arc<SnapshotMeta>,
    },
    /// Read entries back from the log store, the first at least, then step
    /// [`Input::LogRead`](crate::Input::LogRead).
    ReadLog {
        /// Comes back with the answer.
        token: Token,
        /// The first entry.
        from: Index,
        /// The last entry that is of use.
        through: Index,
        /// The term of the last.
        last_term: Term,
        /// What they may cost together; the first always may. Bytes.
        max_bytes: u64,
    },
    /// See to it that `to` gets the newest snapshot, this one or a later one, unless it is on its
    /// way already. Any number of losses is safe: this comes again.
    SendSnapshot {
        /// To whom.
        to: NodeId,
        /// This node's term, to be sent along.
        term: Term,
        /// What the snapshot stands for, to be sent along.
        meta: Arc<SnapshotMeta>,
    },
    /// Send this, if possible.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
}

/// What must be on disk: atomic, and durable before it is reported
/// [`Written`](crate::Input::Written).
///
/// After it the disk holds `hard_state`; the log below `truncate_from` as it was, then `entries`;
/// and `snapshot`, where one is named. The log then begins behind `discard_through`, which may lie
/// beyond its end: so it does where a snapshot takes the place of the whole log.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Write {
    /// Its name; the `number` of each write of a life is one more than that of the last.
    pub seq: Seq,
    /// Replaces the hard state as a whole.
    pub hard_state: HardState,
    /// Every entry at or after this index goes. The index after the last where none does.
    pub truncate_from: Index,
    /// What is appended then, from `truncate_from` on.
    pub entries: Entries,
    /// The snapshot from which this node now starts.
    pub snapshot: Option<Arc<SnapshotMeta>>,
    /// Entries through this index are no longer needed; 0 for none.
    pub discard_through: Index,
}

/// What a node must never forget (paper, Figure 2, and the promise).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HardState {
    /// The newest term seen. First 0; never falls.
    pub term: Term,
    /// Who has this node's vote in `term`. Never changes within a term once set.
    pub voted_for: Option<NodeId>,
    /// The longest time for which an answer to a leader has promised neither vote nor candidacy,
    /// in nanoseconds; kept in full after a restart. First 0; falls only when every longer promise
    /// has passed.
    pub promise: Nanos,
}

/// What a snapshot stands for (paper §7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotMeta {
    /// The last entry it covers.
    pub last: LogId,
    /// The members at that entry; both halves, where it is joint.
    pub configuration: Arc<Configuration>,
}

/// A role (paper §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum RoleKind {
    /// Follows whoever leads.
    Follower,
    /// Asks whether an election could be won (dissertation §9.6).
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Leads the term.
    Leader,
}

/// Why a proposal or a read was surely not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Refusal {
    /// Ask the leader.
    #[error("this node does not lead; the leader is {leader:?}")]
    NotLeader {
        /// Who leads, where known.
        leader: Option<NodeId>,
    },
    /// The proposal was meant for another term.
    #[error("the leader's term is {term}, another than expected")]
    WrongTerm {
        /// The leader's term.
        term: Term,
    },
    /// Too much is under way; try again later.
    #[error("busy: {limit} is reached")]
    Busy {
        /// The name of the limit in [`Config`](crate::Config).
        limit: Limit,
    },
    /// It can never fit.
    #[error("the proposal takes {size} bytes, more than max_message_bytes {limit}")]
    TooLarge {
        /// Its cost in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A proposal of no command.
    #[error("the proposal holds no command")]
    Empty,
    /// A proposal holds something else than commands.
    #[error("a proposal holds commands only")]
    NotACommand,
    /// No quorum confirmed the leader within an election timeout.
    #[error("no quorum confirmed the leader in time")]
    NoQuorum,
    /// The leader is handing over: ask again in a moment.
    #[error("the leadership is being transferred to node {to}")]
    Transferring {
        /// To whom.
        to: NodeId,
    },
    /// The transfer was not done in time; this node may lead on.
    #[error("the transfer was not done within transfer_timeout")]
    TransferTimedOut,
    /// Nobody, or not this one, can take over.
    #[error("no voter can take over: it must be another, and may not have priority 0")]
    NoTarget,
    /// One change of members at a time.
    #[error("the configuration at {index} is still under way")]
    ChangeInFlight {
        /// Where it stands.
        index: Index,
    },
    /// The leader has not committed an entry of its term yet: ask again in a moment (the bug of
    /// single-server changes, 2015).
    #[error("the leader has committed nothing in its term yet")]
    TermNotCommitted,
    /// There can be no such change.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// The disk is nearly full: take a snapshot, or make room.
    #[error("the disk's space is below its reserve")]
    NoSpace,
    /// The node has stopped for good.
    #[error("the node has halted")]
    Halted,
}

/// A limit's name, as in [`Config`](crate::Config).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Limit {
    /// `max_uncommitted_bytes`
    UncommittedBytes,
    /// `max_pending_reads`
    PendingReads,
    /// One transfer at a time.
    Transfers,
}

impl core::fmt::Display for Limit {
    fn fmt(&self, out: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        out.write_str(match self {
            Limit::UncommittedBytes => "max_uncommitted_bytes",
            Limit::PendingReads => "max_pending_reads",
            Limit::Transfers => "one transfer at a time",
        })
    }
}

/// How the embedder broke the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Misuse {
    /// A completion of a write that was never asked for.
    #[error("write {seq:?} completed, but was never issued")]
    NeverIssued {
        /// The completion's name.
        seq: Seq,
    },
    /// More was applied than was given to apply.
    #[error("applied {index}, but was given only {given}")]
    AppliedTooFar {
        /// The index reported.
        index: Index,
        /// The last index given.
        given: Index,
    },
    /// A snapshot of what was not applied yet, or is not durable in the log.
    #[error("a snapshot at {index}, but only {applied} is applied and durable")]
    SnapshotAhead {
        /// The index reported.
        index: Index,
        /// The last index applied and durable.
        applied: Index,
    },
    /// A received snapshot whose name cannot be true.
    #[error("the snapshot {last:?} of term {term} cannot be")]
    BadSnapshot {
        /// What it stands for.
        last: LogId,
        /// The sender's term.
        term: Term,
    },
    /// An answer to a question that was never asked.
    #[error("log read {token:?} was never asked for")]
    NeverAsked {
        /// The answer's name.
        token: Token,
    },
    /// A leader has nobody to ask for a snapshot.
    #[error("a leader cannot request a snapshot: transfer the leadership first")]
    RequestedByLeader,
    /// Knobs out of range, or of another node.
    #[error("the new knobs are out of range, or another node's")]
    BadConfig,
}

/// Why a node stopped for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Halt {
    /// The disk failed: what is on it is unknown until it is opened again.
    #[error("write {seq:?} failed")]
    WriteFailed {
        /// The write.
        seq: Seq,
    },
    /// A peer's message proves two histories: the group has lost its safety, by a wiped disk, a
    /// repeated node id or a fault that no log survives.
    #[error("histories diverged: here {ours:?}, there {theirs:?}")]
    Diverged {
        /// What this node holds.
        ours: LogId,
        /// What the peer says.
        theirs: LogId,
    },
    /// The last term or index is used up.
    #[error("terms or indexes are used up")]
    Exhausted,
    /// The log store has lost an entry that was durable.
    #[error("the log store does not find the durable entry {index}")]
    LogLost {
        /// Which.
        index: Index,
    },
    /// The group has gone on to a protocol that this version does not speak.
    #[error("the group speaks protocol {version}, which is newer than this node")]
    UnknownProtocol {
        /// Which.
        version: u16,
    },
    /// As asked for.
    #[error("stopped")]
    Stopped,
}
