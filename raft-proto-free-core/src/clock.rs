//! This node's time: the sum of what its clock moved forward. Knows no deadline.

use crate::types::{Nanos, Timestamp};

/// Time since the node was restored, and the reading it stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Clock {
    /// Sum of forward differences. Starts at 1, so that 0 can stand for never; never falls.
    now: Nanos,
    /// The last reading.
    read: Timestamp,
}

impl Clock {
    pub(crate) fn new(read: Timestamp) -> Clock {
        Clock { now: 1, read }
    }

    pub(crate) fn now(&self) -> Nanos {
        self.now
    }

    /// Takes a reading, and says by how much the clock went back, which counts as no time at all.
    #[must_use]
    pub(crate) fn advance(&mut self, read: Timestamp) -> Nanos {
        let (forward, back) =
            (read.0.saturating_sub(self.read.0), self.read.0.saturating_sub(read.0));
        self.now = self.now.saturating_add(forward);
        self.read = read;
        back
    }

    /// Goes on from another moment, shown as another reading.
    pub(crate) fn rebase(&mut self, now: Nanos, read: Timestamp) {
        *self = Clock { now, read };
    }

    /// The reading at which `time` comes.
    pub(crate) fn reading_at(&self, time: Nanos) -> Timestamp {
        Timestamp(self.read.0.saturating_add(time.saturating_sub(self.now)))
    }
}
