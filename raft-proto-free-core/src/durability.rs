//! What the own disk surely holds. Knows the order of writes; knows nothing of roles or peers.

use crate::{
    action::{HardState, Misuse},
    queue::Queue,
    types::{Index, Nanos, Seq, Term},
};

/// A write that was asked for and is not yet known to be durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Pending {
    number: u64,
    /// The end of the log once this write took effect.
    last: Index,
    /// What this write replaces lies at or behind this index.
    truncate_from: Index,
    hard_state: HardState,
    /// When it was asked for.
    since: Nanos,
}

/// Which writes are durable, and what that makes durable.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Durability {
    /// The number of the last write asked for. Starts at 0.
    issued: u64,
    /// The number of the last write known durable. Always at most `issued`.
    completed: u64,
    pending: Queue<Pending>,
    /// The log through here is durable and no outstanding write replaces it.
    last: Index,
    /// What a restart would surely find, at least.
    hard_state: HardState,
}

impl Durability {
    /// At the start of a life all that was loaded is durable.
    pub(crate) fn new(last: Index, hard_state: HardState) -> Durability {
        Durability { issued: 0, completed: 0, pending: Queue::new(), last, hard_state }
    }

    pub(crate) fn last(&self) -> Index {
        self.last
    }

    pub(crate) fn term(&self) -> Term {
        self.hard_state.term
    }

    pub(crate) fn promise(&self) -> Nanos {
        self.hard_state.promise
    }

    pub(crate) fn hard_state(&self) -> HardState {
        self.hard_state
    }

    /// How many writes were asked for in this life.
    pub(crate) fn issued(&self) -> u64 {
        self.issued
    }

    /// Whether the write of this number is done.
    pub(crate) fn is_done(&self, number: u64) -> bool {
        number <= self.completed
    }

    /// Whether every write that was asked for is done.
    pub(crate) fn is_idle(&self) -> bool {
        self.completed == self.issued
    }

    /// When the oldest write that is not done was asked for.
    pub(crate) fn waiting_since(&self) -> Option<Nanos> {
        self.pending.front().map(|write| write.since)
    }

    /// Gives memory back while nothing happens.
    pub(crate) fn rest(&mut self) {
        self.pending.rest();
    }

    /// Names the next write, after which the log ends with `last`.
    pub(crate) fn issue(
        &mut self,
        last: Index,
        truncate_from: Index,
        state: HardState,
        now: Nanos,
    ) -> u64 {
        self.issued += 1;
        self.last = self.last.min(truncate_from - 1);
        self.pending.push_back(Pending {
            number: self.issued,
            last,
            truncate_from,
            hard_state: state,
            since: now,
        });
        self.issued
    }

    /// Whether a completion of `seq` is news, in the life `incarnation`.
    pub(crate) fn judge(&self, seq: Seq, incarnation: u64) -> Result<bool, Misuse> {
        if seq.incarnation > incarnation
            || (seq.incarnation == incarnation && seq.number > self.issued)
        {
            return Err(Misuse::NeverIssued { seq });
        }
        Ok(seq.incarnation == incarnation && seq.number > self.completed)
    }

    /// Takes the completion of `seq` and of all before it, in the life `incarnation`; true if it is
    /// news.
    pub(crate) fn complete(&mut self, seq: Seq, incarnation: u64) -> Result<bool, Misuse> {
        if !self.judge(seq, incarnation)? {
            return Ok(false);
        }
        self.completed = seq.number;
        while self.pending.front().is_some_and(|write| write.number <= seq.number) {
            if let Some(write) = self.pending.pop_front() {
                self.last = write.last;
                self.hard_state = write.hard_state;
            }
        }
        if !self.pending.is_empty() {
            self.leave_out_what_is_replaced();
        }
        Ok(true)
    }

    /// Durable is only what no later outstanding write replaces.
    fn leave_out_what_is_replaced(&mut self) {
        for write in self.pending.iter() {
            self.last = self.last.min(write.truncate_from - 1);
        }
    }

    /// Moves the times at which writes were asked for.
    pub(crate) fn shift(&mut self, shift: impl Fn(Nanos) -> Nanos) {
        self.pending.iter_mut().for_each(|write| write.since = shift(write.since));
    }

    /// Whether the numbers can be true.
    pub(crate) fn is_sound(&self) -> bool {
        let next = self.pending.front().map_or(self.issued + 1, |write| write.number);
        self.completed < next && self.completed <= self.issued
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Token;

    const STATE: HardState = HardState { term: 1, voted_for: None, promise: 0 };

    fn seq(number: u64) -> Token {
        Token { incarnation: 1, number }
    }

    #[test]
    fn a_completion_makes_durable_only_what_no_later_write_replaces() {
        let mut disk = Durability::new(0, STATE);
        let first = disk.issue(10, 1, STATE, 1);
        disk.issue(7, 5, STATE, 1);
        assert_eq!(disk.complete(seq(first), 1), Ok(true));
        assert_eq!(disk.last(), 4);
    }

    #[test]
    fn a_truncation_takes_durability_away_before_it_is_written() {
        let mut disk = Durability::new(10, STATE);
        let number = disk.issue(6, 6, STATE, 1);
        assert_eq!(disk.last(), 5);
        assert_eq!(disk.complete(seq(number), 1), Ok(true));
        assert_eq!(disk.last(), 6);
    }

    #[test]
    fn a_completion_of_another_life_changes_nothing() {
        let mut disk = Durability::new(0, STATE);
        disk.issue(3, 1, STATE, 1);
        assert_eq!(disk.complete(seq(1), 2), Ok(false));
        assert_eq!(disk.last(), 0);
        let future = Token { incarnation: 3, number: 1 };
        assert_eq!(disk.complete(future, 2), Err(Misuse::NeverIssued { seq: future }));
    }

    #[test]
    fn a_completion_covers_all_writes_before_it() {
        let mut disk = Durability::new(0, STATE);
        disk.issue(1, 1, STATE, 1);
        disk.issue(2, 2, STATE, 1);
        let third = disk.issue(3, 3, HardState { term: 2, ..STATE }, 1);
        disk.issue(4, 4, STATE, 1);
        assert_eq!(disk.complete(seq(third), 1), Ok(true));
        assert_eq!((disk.last(), disk.term()), (3, 2));
    }
}
