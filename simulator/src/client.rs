//! Clients: each asks for one thing at a time, follows hints, and asks again when refused.

use std::{collections::VecDeque, fmt};

use quorate_core::{Index, LogId, Nanos, RequestId};

use crate::{case::PlannedOperation, system::KvOperation};

/// A client.
#[derive(Clone, Debug)]
pub struct Client<O = KvOperation> {
    /// Counted from 0.
    pub number: u64,
    /// Whom it asks first.
    pub hint: Option<u64>,
    /// What it waits for.
    pub pending: Option<Pending>,
    /// The number of its next operation.
    pub next: u64,
    /// What it is to do, in this order; what it does is drawn where there is no list.
    pub list: Option<VecDeque<PlannedOperation<O>>>,
    /// Whether it has come to the end of its list.
    pub idle: bool,
}

/// An operation under way.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// Its place among all operations that were begun.
    pub operation: usize,
    /// Its number among those of its client.
    pub number: u64,
    /// How many attempts were made.
    pub attempts: u64,
    /// Whether a lease will do for it.
    pub lease: bool,
    /// Whether it only reads.
    pub reads: bool,
    /// Where it must at least stand in the log.
    pub floor: Index,
    /// The attempt under way, and to which node; none while the client waits to ask again.
    pub attempt: Option<(RequestId, u64)>,
    /// Whether an earlier attempt may have had its effect.
    pub doubt: bool,
    /// Whether the operation began after everything had healed.
    pub healed: bool,
}

/// What a node tells a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer<A> {
    /// Written.
    Wrote {
        /// Where.
        place: LogId,
        /// What the state machine answered.
        answer: A,
    },
    /// Read.
    Read {
        /// What the state machine holds.
        answer: A,
        /// The entry last applied.
        applied: Index,
    },
    /// Surely not done; ask that node.
    Refused {
        /// Who leads, where known.
        leader: Option<u64>,
    },
    /// Nobody knows.
    Unknown,
}

impl<A: fmt::Debug> fmt::Display for Answer<A> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Answer::Wrote { place, answer } => write!(out, "written at {place:?}: {answer:?}"),
            Answer::Read { answer, applied } => write!(out, "{answer:?} as of {applied}"),
            Answer::Refused { leader: Some(leader) } => write!(out, "refused, node {leader} leads"),
            Answer::Refused { leader: None } => out.write_str("refused, nobody known leads"),
            Answer::Unknown => out.write_str("nobody knows whether it is done"),
        }
    }
}

impl<O: Clone> Client<O> {
    /// A client that has not asked yet.
    pub fn new(number: u64, list: Option<VecDeque<PlannedOperation<O>>>) -> Client<O> {
        Client { number, hint: None, pending: None, next: 0, list, idle: false }
    }

    /// When the next operation of the list begins, if there is one.
    pub fn listed_at(&self) -> Option<Nanos> {
        self.list.as_ref().and_then(|list| list.front()).map(|next| next.at)
    }
}
