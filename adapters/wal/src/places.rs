//! Where each entry stands on disk. Grows with the number of writes, not with their bytes.

use std::collections::VecDeque;

use quorate_core::{Index, Write};

/// Entries of one write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) segment: u64,
    /// Of the batch's record.
    pub(crate) offset: u64,
    /// Which write of the batch.
    pub(crate) write: u32,
    pub(crate) first: Index,
    pub(crate) last: Index,
}

/// The stretches that hold the log, in ascending order of their entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    stretches: VecDeque<Stretch>,
}

impl Places {
    /// Notes the writes of a batch.
    pub(crate) fn note(&mut self, writes: &[Write], segment: u64, offset: u64) {
        for (write, number) in writes.iter().zip(0..) {
            self.truncate_from(write.truncate_from);
            if let (Some(first), Some(last)) = (write.entries.first(), write.entries.last()) {
                let (first, last) = (first.index, last.index);
                let stretch = Stretch { segment, offset, write: number, first, last };
                self.stretches.push_back(stretch);
            }
        }
    }

    fn truncate_from(&mut self, index: Index) {
        while self.stretches.back().is_some_and(|stretch| stretch.first >= index) {
            self.stretches.pop_back();
        }
        if let Some(stretch) = self.stretches.back_mut() {
            stretch.last = stretch.last.min(index.saturating_sub(1));
        }
    }

    /// Where in the list the stretch stands that holds `index`.
    pub(crate) fn find(&self, index: Index) -> Option<usize> {
        let behind = self.stretches.partition_point(|stretch| stretch.first <= index);
        let place = behind.checked_sub(1)?;
        (index <= self.stretches[place].last).then_some(place)
    }

    /// The stretch that stands at `place` of the list; the next one behind it holds what follows.
    pub(crate) fn get(&self, place: usize) -> Option<Stretch> {
        self.stretches.get(place).copied()
    }

    /// The first entry from `from` through `through` that stands nowhere.
    pub(crate) fn missing(&self, from: Index, through: Index) -> Option<Index> {
        let mut next = from;
        let place = self.find(from).unwrap_or(self.stretches.len());
        for stretch in self.stretches.range(place..) {
            if stretch.first > next {
                break;
            }
            next = stretch.last + 1;
        }
        (next <= through).then_some(next)
    }

    /// Forgets stretches that lie wholly at or before `index`.
    pub(crate) fn discard_through(&mut self, index: Index) {
        while self.stretches.front().is_some_and(|stretch| stretch.last <= index) {
            self.stretches.pop_front();
        }
    }

    /// The oldest segment that holds an entry: the first one's, since whatever is written anew
    /// removes what was behind it.
    pub(crate) fn oldest_segment(&self) -> Option<u64> {
        self.stretches.front().map(|stretch| stretch.segment)
    }
}
