//! What is kept of a message: who reads a trace wants its numbers, not its entries.

use std::fmt;

use quorate_core::{
    AppendAnswer, AppendOutcome, Body, Index, LogId, Message, Nanos, ReadAnswer, ReadRequest,
    Round, Term, VoteAnswer, VoteRequest,
};
use serde::Serialize;

use crate::words::counted;

/// A message, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spoken {
    /// The sender's term.
    pub term: Term,
    /// What it says.
    #[serde(flatten)]
    pub said: Said,
}

/// What a message says: a [`Body`] without its entries, or a part of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "body", rename_all = "kebab-case")]
pub enum Said {
    /// See [`Body::PreVoteRequest`].
    PreVoteRequest(VoteRequest),
    /// See [`Body::PreVoteAnswer`].
    PreVoteAnswer(VoteAnswer),
    /// See [`Body::VoteRequest`].
    VoteRequest(VoteRequest),
    /// See [`Body::VoteAnswer`].
    VoteAnswer(VoteAnswer),
    /// See [`Body::AppendRequest`].
    AppendRequest {
        /// The entry before the first.
        prev: LogId,
        /// How many entries.
        entries: u64,
        /// The leader's commit index.
        commit: Index,
        /// The leader's round.
        round: Round,
        /// What an answer promises. Nanoseconds.
        promise: Nanos,
    },
    /// See [`Body::AppendAnswer`].
    AppendAnswer(AppendAnswer),
    /// See [`Body::TimeoutNow`].
    TimeoutNow,
    /// See [`Body::ReadRequest`].
    ReadRequest(ReadRequest),
    /// See [`Body::ReadAnswer`].
    ReadAnswer(ReadAnswer),
    /// Bytes of a snapshot; none asks how many are there.
    SnapshotPart {
        /// The last entry that the snapshot covers.
        last: LogId,
        /// Where the bytes begin.
        offset: u64,
        /// How many.
        bytes: u64,
    },
    /// How many bytes of a snapshot are there.
    SnapshotHave {
        /// The last entry that the snapshot covers.
        last: LogId,
        /// How many.
        bytes: u64,
    },
}

impl Spoken {
    /// What is kept of `message`.
    pub fn of(message: &Message) -> Spoken {
        let said = match &message.body {
            Body::PreVoteRequest(request) => Said::PreVoteRequest(*request),
            Body::PreVoteAnswer(answer) => Said::PreVoteAnswer(*answer),
            Body::VoteRequest(request) => Said::VoteRequest(*request),
            Body::VoteAnswer(answer) => Said::VoteAnswer(*answer),
            Body::AppendRequest(request) => Said::AppendRequest {
                prev: request.prev,
                entries: request.entries.len(),
                commit: request.commit,
                round: request.round,
                promise: request.promise,
            },
            Body::AppendAnswer(answer) => Said::AppendAnswer(*answer),
            Body::TimeoutNow => Said::TimeoutNow,
            Body::ReadRequest(request) => Said::ReadRequest(*request),
            Body::ReadAnswer(answer) => Said::ReadAnswer(*answer),
        };
        Spoken { term: message.term, said }
    }

    /// Whether it is an append without entries.
    pub fn is_heartbeat(&self) -> bool {
        matches!(self.said, Said::AppendRequest { entries: 0, .. })
    }
}

fn vote(out: &mut fmt::Formatter<'_>, what: &str, answer: &VoteAnswer) -> fmt::Result {
    write!(out, "{what} {}", if answer.granted { "granted" } else { "refused" })
}

impl fmt::Display for Said {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Said::PreVoteRequest(request) => {
                write!(out, "request for a pre-vote, its log ends {:?}", request.last)
            }
            Said::VoteRequest(request) => {
                write!(out, "request for a vote, its log ends {:?}", request.last)
            }
            Said::PreVoteAnswer(answer) => vote(out, "pre-vote", answer),
            Said::VoteAnswer(answer) => vote(out, "vote", answer),
            Said::AppendRequest { prev, entries: 0, commit, round, .. } => {
                write!(out, "heartbeat after {prev:?}, commit {commit}, round {round}")
            }
            Said::AppendRequest { prev, entries, commit, round, .. } => {
                write!(out, "append of {entries} after {prev:?}, commit {commit}, round {round}")
            }
            Said::AppendAnswer(answer) => match &answer.outcome {
                AppendOutcome::Matched { index } => {
                    write!(out, "log matches through {index}, round {}", answer.round)
                }
                AppendOutcome::Conflict { rejected, hint } => {
                    write!(out, "log does not match at {rejected}, perhaps at {hint:?}")
                }
                AppendOutcome::SnapshotWanted { beyond } => {
                    write!(out, "wants a snapshot beyond {beyond}")
                }
            },
            Said::TimeoutNow => out.write_str("stand for election now"),
            Said::ReadRequest(request) => write!(out, "asks to read, {:?}", request.consistency),
            Said::ReadAnswer(answer) => write!(out, "read: {:?}", answer.outcome),
            Said::SnapshotPart { last, bytes: 0, .. } => {
                write!(out, "offers the snapshot of {last:?}")
            }
            Said::SnapshotPart { last, offset, bytes } => {
                write!(out, "snapshot of {last:?}, {} from {offset} on", counted(*bytes, "byte"))
            }
            Said::SnapshotHave { last, bytes } => {
                write!(out, "has {} of the snapshot of {last:?}", counted(*bytes, "byte"))
            }
        }
    }
}

impl fmt::Display for Spoken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} in term {}", self.said, self.term)
    }
}
