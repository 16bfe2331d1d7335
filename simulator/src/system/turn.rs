//! What a system is told of clients and their operations.

use quorate_core::{EntryRef, Index, LogId};

use crate::{
    choices::{Choices, Stream},
    hash::mix,
    profile::Workload,
};

/// What kind of operation is wanted of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Any.
    Any,
    /// One that only reads, if the system has such.
    Read,
    /// One that writes: it shows whether the group has come back.
    Write,
}

/// A client's turn.
#[derive(Clone, Copy, Debug)]
pub struct Turn<'a> {
    /// Who, counted from 0.
    pub client: u64,
    /// The how-manieth operation of this client, counted from 0.
    pub number: u64,
    /// What kind.
    pub wanted: Wanted,
    /// What clients do in this run; a system takes from it what fits.
    pub workload: &'a Workload,
}

/// Numbers for one operation. What is drawn follows from the client and the operation's number, and
/// from nothing else that is drawn.
#[derive(Debug)]
pub struct Draw<'a> {
    choices: &'a mut Choices,
    stream: Stream,
    key: u64,
    drawn: u64,
}

impl<'a> Draw<'a> {
    /// For the thing that `key` names.
    pub fn new(choices: &'a mut Choices, stream: Stream, key: u64) -> Draw<'a> {
        Draw { choices, stream, key, drawn: 0 }
    }

    /// A number below `bound`, or 0 where `bound` is 0 or 1. 0 should be the plainest choice.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.drawn += 1;
        let [drawn] = self.choices.keyed(self.stream, mix(self.key, self.drawn), [bound]);
        drawn
    }

    /// Numbers below each of `bounds`: the same ones whenever it is asked for.
    pub fn all<const N: usize>(&mut self, bounds: [u64; N]) -> [u64; N] {
        self.choices.keyed(self.stream, self.key, bounds)
    }
}

/// An operation that a client has begun.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a, O> {
    /// Counts the operations of all clients, from 0.
    pub index: usize,
    /// Who.
    pub client: u64,
    /// The how-manieth operation of this client: both together name the operation.
    pub number: u64,
    /// What.
    pub operation: &'a O,
    /// What clients do in this run.
    pub workload: &'a Workload,
}

/// How an operation ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End<A> {
    /// Written.
    Wrote {
        /// Its entry.
        place: LogId,
        /// What was told.
        answer: A,
    },
    /// Read.
    Read {
        /// The last entry applied by the node that answered.
        applied: Index,
        /// What was told.
        answer: A,
    },
    /// Surely not done.
    Never,
    /// Nobody knows: a write takes effect at any later time, or never.
    Unknown,
}

/// How the state machine of a node came to its state.
#[derive(Debug)]
pub enum Change<'a, R> {
    /// It applied an entry.
    Entry {
        /// The entry: a command, or what Raft needs for itself.
        entry: EntryRef<'a>,
        /// What the state machine answered.
        response: &'a R,
    },
    /// It put another state in place of its own: its own snapshot at a start, or another node's.
    Snapshot {
        /// The last entry that it covers.
        last: Index,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_drawn_for_an_operation_hangs_on_nothing_else() {
        let mut choices = Choices::from_seed(3);
        let draw = |choices: &mut Choices, key| {
            let mut draw = Draw::new(choices, Stream::Client(1), key);
            [draw.below(1_000), draw.below(1_000), draw.below(1_000)]
        };
        let first = draw(&mut choices, 7);
        assert_ne!(first[0], first[1]);
        assert_ne!(first, draw(&mut choices, 8));
        assert_eq!(first, draw(&mut choices, 7));
        choices.silence(Stream::Client(1));
        assert_eq!(draw(&mut choices, 7), [0; 3]);
    }
}
