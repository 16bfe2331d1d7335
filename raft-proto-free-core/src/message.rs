//! What nodes say to one another (paper, Figure 2). Plain data; knows no rule.

use crate::{
    entries::Entries,
    event::Consistency,
    types::{Index, LogId, Nanos, NodeId, Round, Term, Token},
};

/// A message: the sender's term, and what it says in that term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Message {
    /// The sender's term when it sent this; at least 1 but for the pre-vote of a fresh group.
    pub term: Term,
    /// What it says.
    pub body: Body,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Body {
    /// Would you vote for me in the term after mine? (dissertation §9.6)
    PreVoteRequest(VoteRequest),
    /// Answers a [`Body::PreVoteRequest`].
    PreVoteAnswer(VoteAnswer),
    /// Vote for me in my term (paper §5.2).
    VoteRequest(VoteRequest),
    /// Answers a [`Body::VoteRequest`].
    VoteAnswer(VoteAnswer),
    /// Append these entries; without entries a heartbeat or a probe (paper §5.3).
    AppendRequest(AppendRequest),
    /// Answers one or more [`Body::AppendRequest`]s.
    AppendAnswer(AppendAnswer),
    /// Stand for election now: your log is whole (dissertation §3.10).
    TimeoutNow,
    /// Name an index from which reads that came to me may be answered (dissertation §6.4).
    ReadRequest(ReadRequest),
    /// Answers a [`Body::ReadRequest`].
    ReadAnswer(ReadAnswer),
}

/// A candidate's request for a vote or a pre-vote (paper §5.2, §5.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VoteRequest {
    /// The last entry of the candidate's log.
    pub last: LogId,
    /// Which campaign this belongs to; the answer carries it back.
    pub campaign: Token,
    /// Whether the leader itself asked for this election: then no promise to it counts
    /// (dissertation §4.2.3).
    pub transfer: bool,
}

/// An answer to a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VoteAnswer {
    /// Whether the vote is given.
    pub granted: bool,
    /// The request's campaign.
    pub campaign: Token,
}

/// A leader's entries, commit index and claim to be the leader (paper §5.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendRequest {
    /// The entry before `entries` in the leader's log; [`LogId::ZERO`] before the first.
    pub prev: LogId,
    /// The leader's commit index; it may lie beyond `entries`.
    pub commit: Index,
    /// The leader's round when it sent this.
    pub round: Round,
    /// For how long, from receipt, an answer promises neither vote nor candidacy. In nanoseconds.
    pub promise: Nanos,
    /// Whether the leader falls silent after this, until something happens.
    pub quiesce: bool,
    /// The entries that follow `prev`.
    pub entries: Entries,
}

/// A follower's answer to its leader (paper §5.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendAnswer {
    /// The newest round of this term that the follower has heard of, and confirms with its
    /// promise; 0 while the promise is not yet durable.
    pub round: Round,
    /// How much the follower should rather lead than others; 0 for never: see
    /// [`Config::priority`](crate::Config::priority).
    pub priority: u8,
    /// What became of the entries.
    pub outcome: AppendOutcome,
}

/// What became of appended entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AppendOutcome {
    /// The follower's *durable* log equals the leader's through `index`, as far as it knows; 0 if
    /// it knows of nothing yet. Never more than the leader sent in this term.
    Matched {
        /// The last entry that is the same and durable.
        index: Index,
    },
    /// The log holds no entry like the request's `prev`.
    Conflict {
        /// The index of the refused `prev`.
        rejected: Index,
        /// The last entry of the follower's log that the leader could also have: not beyond
        /// `prev`, not of a newer term. One round trip for each divergent term.
        hint: LogId,
    },
    /// The follower's state machine is damaged: it asks for a snapshot beyond this index.
    SnapshotWanted {
        /// What is committed there.
        beyond: Index,
    },
}

/// A follower's or learner's question on behalf of reads that came to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReadRequest {
    /// Names the question; the answer carries it back.
    pub token: Token,
    /// Whether the leader's lease will do.
    pub consistency: Consistency,
}

/// A leader's answer to a [`ReadRequest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReadAnswer {
    /// The request's name.
    pub token: Token,
    /// The answer.
    pub outcome: ReadOutcome,
}

/// What a leader says about a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ReadOutcome {
    /// A state machine that has applied `index` can answer.
    Ready {
        /// At least the commit index when the question came.
        index: Index,
    },
    /// The node asked does not lead.
    NotLeader {
        /// Who does, where known.
        leader: Option<NodeId>,
    },
    /// No quorum confirmed the leader in time.
    NoQuorum,
    /// Too many reads wait.
    Busy,
}
