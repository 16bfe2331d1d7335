//! Where each entry stands on disk. Grows with the number of writes, not with their bytes.

use std::collections::BTreeMap;

use quorate_core::{Index, Write};

/// Entries of one write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stretch {
    pub(crate) segment: u64,
    /// Of the batch's record.
    pub(crate) offset: u64,
    /// Which write of the batch.
    pub(crate) write: u32,
    last: Index,
}

/// The stretches that hold the log, by their first entry.
#[derive(Clone, Debug, Default)]
pub(crate) struct Places {
    stretches: BTreeMap<Index, Stretch>,
}

impl Places {
    /// Notes the writes of a batch.
    pub(crate) fn note(&mut self, writes: &[Write], segment: u64, offset: u64) {
        for (write, number) in writes.iter().zip(0..) {
            self.truncate_from(write.truncate_from);
            if let (Some(first), Some(last)) = (write.entries.first(), write.entries.last()) {
                let stretch = Stretch { segment, offset, write: number, last: last.index };
                self.stretches.insert(first.index, stretch);
            }
        }
    }

    fn truncate_from(&mut self, index: Index) {
        while self.stretches.last_key_value().is_some_and(|(first, _)| *first >= index) {
            self.stretches.pop_last();
        }
        if let Some(mut end) = self.stretches.last_entry() {
            let stretch = end.get_mut();
            stretch.last = stretch.last.min(index.saturating_sub(1));
        }
    }

    /// The stretch that holds `index`, and its last entry.
    pub(crate) fn find(&self, index: Index) -> Option<(Stretch, Index)> {
        let (_, stretch) = self.stretches.range(..=index).next_back()?;
        (index <= stretch.last).then_some((*stretch, stretch.last))
    }

    /// The first entry from `from` through `through` that stands nowhere.
    pub(crate) fn missing(&self, from: Index, through: Index) -> Option<Index> {
        let mut next = from;
        while next <= through {
            match self.find(next) {
                Some((_, last)) => next = last + 1,
                None => return Some(next),
            }
        }
        None
    }

    /// Forgets stretches that lie wholly at or before `index`.
    pub(crate) fn discard_through(&mut self, index: Index) {
        while let Some(first) = self.stretches.first_entry() {
            if first.get().last > index {
                return;
            }
            first.remove();
        }
    }

    /// The oldest segment that holds an entry: the first one's, since whatever is written anew
    /// removes what was behind it.
    pub(crate) fn oldest_segment(&self) -> Option<u64> {
        self.stretches.first_key_value().map(|(_, stretch)| stretch.segment)
    }
}
