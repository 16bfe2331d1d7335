//! Work for the log store: writes and reads of the log, each with its completion.

use quorate_core::{Entries, Index, Seq, Token, Write};

use crate::{LogStore, StoreError};

/// Writes to make durable as one group commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteJob {
    pub(crate) writes: Vec<Write>,
}

impl WriteJob {
    /// What to write, in order. Never empty.
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Does it: returns when all is durable or the store has failed.
    pub fn run(self, store: &mut impl LogStore) -> WriteDone {
        let result = store.write(&self.writes);
        self.done(result)
    }

    /// The completion, for a host that writes by itself.
    pub fn done(self, result: Result<(), StoreError>) -> WriteDone {
        let ends = self.writes.first().zip(self.writes.last()).map(|(a, b)| (a.seq, b.seq));
        let (first, last) = ends.unwrap_or_default();
        WriteDone { first, last, result }
    }
}

/// A write job's completion, for [`Driver::write_done`](crate::Driver::write_done).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteDone {
    pub(crate) first: Seq,
    pub(crate) last: Seq,
    pub(crate) result: Result<(), StoreError>,
}

impl WriteDone {
    /// Whether the store has failed.
    pub fn has_failed(&self) -> bool {
        self.result.is_err()
    }
}

/// Entries to read back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogReadJob {
    pub(crate) token: Token,
    pub(crate) from: Index,
    pub(crate) through: Index,
    pub(crate) max_bytes: u64,
}

impl LogReadJob {
    /// The first entry, and the last that is of use.
    pub fn range(&self) -> (Index, Index) {
        (self.from, self.through)
    }

    /// Does it.
    pub fn run(self, store: &mut impl LogStore) -> LogReadDone {
        let result = store.read(self.from, self.through, self.max_bytes);
        LogReadDone { token: self.token, from: self.from, result }
    }
}

/// A read job's completion, for [`Driver::log_read_done`](crate::Driver::log_read_done).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogReadDone {
    pub(crate) token: Token,
    pub(crate) from: Index,
    pub(crate) result: Result<Entries, StoreError>,
}
