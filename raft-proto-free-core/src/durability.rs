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
    use alloc::vec::Vec;

    use proptest::prelude::*;

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

    /// What is surely on disk where the first `completed` of `writes` are done: the log's length as
    /// each write left it, but nothing that a later one may already have replaced.
    fn twin(first: Index, writes: &[(Index, Index, Term)], completed: usize) -> (Index, Term) {
        let (done, open) = writes.split_at(completed);
        let last = done.last().map_or(first, |write| write.0);
        let kept = open.iter().map(|write| write.1 - 1).chain([last]).min();
        (kept.unwrap_or(last), done.last().map_or(1, |write| write.2))
    }

    proptest! {
        #[test]
        fn it_knows_what_the_twin_knows(
            first in 0u64..5,
            steps in prop::collection::vec((any::<bool>(), 0u64..4, 0u64..4, 0u64..6), 1..30),
        ) {
            let mut disk = Durability::new(first, STATE);
            let mut writes: Vec<(Index, Index, Term)> = Vec::new();
            let (mut last, mut term, mut completed) = (first, 1, 0);
            for (now, (issues, back, more, back_to)) in (1..).zip(steps) {
                if issues {
                    let from = (last + 1).saturating_sub(back).max(1);
                    last = from - 1 + more;
                    term += more / 3;
                    let number = disk.issue(last, from, HardState { term, ..STATE }, now);
                    writes.push((last, from, term));
                    prop_assert_eq!(number, writes.len() as u64);
                } else {
                    let number = (writes.len() as u64 + 1).saturating_sub(back_to);
                    let is_known = number <= writes.len() as u64;
                    let is_news = number > completed as u64;
                    let judged = is_known.then_some(is_news);
                    prop_assert_eq!(disk.judge(seq(number), 1).ok(), judged);
                    prop_assert_eq!(disk.complete(seq(number), 1).ok(), judged);
                    if is_known && is_news {
                        completed = number as usize;
                    }
                }
                let known = twin(first, &writes, completed);
                prop_assert_eq!((disk.last(), disk.term()), known);
                prop_assert_eq!(disk.hard_state().term, known.1);
                prop_assert_eq!(disk.issued(), writes.len() as u64);
                prop_assert_eq!(disk.is_idle(), completed == writes.len());
                for number in 0..=writes.len() {
                    prop_assert_eq!(disk.is_done(number as u64), number <= completed);
                }
                prop_assert_eq!(disk.waiting_since().is_some(), completed < writes.len());
                prop_assert!(disk.is_sound());
            }
        }
    }

    #[test]
    fn numbers_that_cannot_be_true_are_seen() {
        let mut disk = Durability::new(0, STATE);
        assert_eq!((disk.is_sound(), disk.waiting_since()), (true, None));
        disk.issue(1, 1, STATE, 5);
        disk.issue(2, 2, STATE, 6);
        assert_eq!((disk.is_sound(), disk.waiting_since()), (true, Some(5)));
        disk.shift(|since| since + 10);
        assert_eq!(disk.waiting_since(), Some(15));
        let mut early = disk.clone();
        early.completed = 1;
        assert!(!early.is_sound(), "a write that is done still waits");
        disk.pending.clear();
        disk.completed = 3;
        assert!(!disk.is_sound(), "more is done than was asked for");
    }
}
