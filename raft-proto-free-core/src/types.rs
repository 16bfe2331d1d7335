//! The plain numbers of Raft: who, when, which entry. Knows no rule.

use core::{fmt, num::NonZeroU64};

/// A Raft term (paper §5.1). The founding entry is of term 1, the first
/// leader of term 2 or later; always below [`TERM_LIMIT`].
pub type Term = u64;
/// A position in the log. The first entry is 1; 0 stands before it; always below [`INDEX_LIMIT`].
pub type Index = u64;
/// A length of time in nanoseconds.
pub type Nanos = u64;
/// A name that the embedder gives to a proposal or a read; it comes back in the answer.
pub type RequestId = u64;
/// A leader's round of contact with its voters, counted from 1 in each term.
pub type Round = u64;

/// Terms stay below this.
pub const TERM_LIMIT: Term = 1 << 62;
/// Indexes stay below this.
pub const INDEX_LIMIT: Index = 1 << 62;
/// A message that is further ahead of our term than this is not sane and is dropped.
pub const TERM_LEAP_LIMIT: Term = 1 << 40;

/// The name of a node, at least 1, never used again for another disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeId(NonZeroU64);

impl NodeId {
    /// The node named `id`; none for 0.
    pub const fn new(id: u64) -> Option<NodeId> {
        match NonZeroU64::new(id) {
            Some(id) => Some(NodeId(id)),
            None => None,
        }
    }

    /// The node named `id`, for numbers that are written in code.
    ///
    /// # Panics
    /// For 0, which names no node.
    pub const fn of(id: u64) -> NodeId {
        match NodeId::new(id) {
            Some(id) => id,
            None => panic!("0 names no node"),
        }
    }

    /// The number of the name.
    pub const fn get(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "n{}", self.0)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, out)
    }
}

/// Nanoseconds of this node's monotonic clock, which counts time asleep. Only differences count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Timestamp(pub u64);

/// An entry's name: two logs that hold the same one agree up to it (paper §5.3).
///
/// Ordered as votes compare logs (paper §5.4.1): by term, then by index.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LogId {
    /// The term in which a leader created the entry.
    pub term: Term,
    /// Its place in the log.
    pub index: Index,
}

impl LogId {
    /// Before the first entry of any log.
    pub const ZERO: LogId = LogId { term: 0, index: 0 };

    /// The entry of `term` at `index`.
    pub const fn new(term: Term, index: Index) -> LogId {
        LogId { term, index }
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}@{}", self.index, self.term)
    }
}

/// A name that no other life of this node gave: the life (incarnation) and a number within it.
///
/// Ordered by life, then by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Token {
    /// Which life of the node: raised durably by the store at each open, from 1.
    pub incarnation: u64,
    /// Counted from 1 in each life.
    pub number: u64,
}

/// The name and order of a [`Write`](crate::Write).
pub type Seq = Token;
