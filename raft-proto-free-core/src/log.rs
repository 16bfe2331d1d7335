//! The log (paper §5.3): which entry stands where, and the newest entries themselves. Knows nothing
//! of commitment, durability or roles.
//!
//! There is no storage behind it: the terms of all entries are known, as runs; the entries are a
//! tail that ends with the last one. Older ones lie in the embedder's log store.

use alloc::sync::Arc;
use core::hash::{Hash, Hasher};

use crate::{
    batch::Batch,
    configuration::Configuration,
    entries::Entries,
    queue::Queue,
    summary::LogSummary,
    types::{Index, LogId, Term},
};

/// All entries behind a base, which stands for everything before them.
#[derive(Clone, Debug)]
pub struct Log {
    summary: LogSummary,
    /// The entries that are in memory: the last ones, without a gap. May be empty.
    cached: Queue<Batch>,
    /// What they cost together. Bytes.
    cached_bytes: u64,
}

impl Log {
    /// A log of which nothing is in memory yet.
    pub(crate) fn new(summary: LogSummary) -> Log {
        Log { summary, cached: Queue::new(), cached_bytes: 0 }
    }

    /// Which entries it holds.
    pub fn summary(&self) -> &LogSummary {
        &self.summary
    }

    /// The entry before the first: [`LogId::ZERO`] where nothing was ever discarded.
    pub fn base(&self) -> LogId {
        self.summary.base()
    }

    /// The last entry, or the base where there is none.
    pub fn last(&self) -> LogId {
        self.summary.last()
    }

    /// The term of the entry at `index`, or of the base; none elsewhere.
    pub fn term_at(&self, index: Index) -> Option<Term> {
        self.summary.term_at(index)
    }

    /// Whether this very entry is here, or is the base.
    pub fn holds(&self, log_id: LogId) -> bool {
        self.summary.holds(log_id)
    }

    /// The newest configuration among the entries, with its place.
    pub(crate) fn newest_configuration(&self) -> Option<(Index, &Arc<Configuration>)> {
        self.summary.configurations().last().map(|(index, members)| (*index, members))
    }

    /// The first entry in memory; the index after the last where there is none.
    pub fn first_cached(&self) -> Index {
        self.cached.front().map_or(self.last().index + 1, Batch::first_index)
    }

    /// What the entries in memory cost together. Bytes.
    pub fn cached_bytes(&self) -> u64 {
        self.cached_bytes
    }

    /// Entries from `from` through `through`, while they cost at most `max_cost`; the first always.
    /// None where the first is not in memory.
    #[inline]
    pub fn read(&self, from: Index, through: Index, max_cost: u64) -> Option<Entries> {
        // Nearly every question is about one of the last two batches, and about all of it: what came
        // as one goes on as one.
        let newest = self.cached.back()?;
        let batch = if newest.first_index() <= from {
            newest
        } else {
            self.cached.get(self.cached.len().wrapping_sub(2))?
        };
        let is_asked_for = batch.first_index() == from && batch.last_index() == through;
        if is_asked_for && batch.cost() <= max_cost {
            return Some(Entries::of_batch(batch.clone()));
        }
        self.read_pieces(from, through, max_cost)
    }

    fn read_pieces(&self, from: Index, through: Index, max_cost: u64) -> Option<Entries> {
        let place = self.place_of(from)?;
        let mut found = Entries::new();
        let mut left = max_cost;
        for batch in self.cached.iter_from(place) {
            let (first, last) = (batch.first_index().max(from), batch.last_index().min(through));
            if first > last {
                break;
            }
            let wanted = batch.slice(first, last);
            let Some(part) = wanted.fitting(left, found.is_empty()) else { break };
            left = left.saturating_sub(part.cost());
            let is_whole = part.last_index() == last;
            found.push_batch(part);
            if !is_whole {
                break;
            }
        }
        Some(found)
    }

    /// All entries from `from` on; no entry where the first is not in memory.
    #[inline]
    pub(crate) fn newest(&self, from: Index) -> Entries {
        match self.cached.back() {
            Some(batch) if batch.first_index() == from => Entries::of_batch(batch.clone()),
            Some(_) => self.read(from, self.last().index, u64::MAX).unwrap_or_default(),
            None => Entries::new(),
        }
    }

    /// Where in memory the entry at `from` lies.
    fn place_of(&self, from: Index) -> Option<usize> {
        let is_cached = self.first_cached() <= from && from <= self.last().index;
        is_cached.then(|| self.cached.partition_point(|batch| batch.last_index() < from))
    }

    /// Adds a batch that follows the last entry.
    pub(crate) fn append(&mut self, batch: Batch) {
        self.summary.append(&batch);
        self.cached_bytes += batch.cost();
        self.cached.push_back(batch);
    }

    /// Removes every entry at or behind `from`, which lies behind the base.
    pub(crate) fn truncate_from(&mut self, from: Index) {
        self.summary.truncate_from(from);
        while self.cached.back().is_some_and(|batch| batch.last_index() >= from) {
            let Some(batch) = self.cached.pop_back() else { break };
            self.cached_bytes -= batch.cost();
            if batch.first_index() < from {
                let kept = batch.slice(batch.first_index(), from - 1);
                self.cached_bytes += kept.cost();
                self.cached.push_back(kept);
            }
        }
    }

    /// Removes every entry through `log_id`, which becomes the base; all of them, where the log
    /// does not hold it.
    pub(crate) fn discard_through(&mut self, log_id: LogId) {
        if log_id.index < self.base().index {
            return;
        }
        if self.holds(log_id) {
            self.forget_through(log_id.index);
        } else {
            self.cached.clear();
            self.cached_bytes = 0;
        }
        self.summary.discard_through(log_id);
    }

    /// Lets entries through `durable` go from memory, the oldest first, where all cost more than
    /// `limit`; then down to 7/8 of it, so that this is seldom done.
    pub(crate) fn evict(&mut self, durable: Index, limit: u64) {
        if self.cached_bytes <= limit {
            return;
        }
        let wanted = limit - limit / 8;
        while self.cached_bytes > wanted {
            let Some(batch) = self.cached.front().filter(|b| b.first_index() <= durable) else {
                return;
            };
            let (last, excess) = (batch.last_index(), self.cached_bytes - wanted);
            // Entry by entry, not batch by batch: how they lie together must not be seen.
            let through = if batch.cost() <= excess {
                last
            } else {
                let mut freed = 0;
                let enough = batch.iter().find(|entry| {
                    freed += entry.payload.cost();
                    freed >= excess
                });
                enough.map_or(last, |entry| entry.log_id.index)
            };
            self.forget_through(through.min(durable));
        }
    }

    /// Lets all entries through `index` go from memory.
    fn forget_through(&mut self, index: Index) {
        while self.cached.front().is_some_and(|batch| batch.first_index() <= index) {
            let Some(batch) = self.cached.pop_front() else { break };
            self.cached_bytes -= batch.cost();
            if batch.last_index() > index {
                let kept = batch.slice(index + 1, batch.last_index());
                self.cached_bytes += kept.cost();
                self.cached.push_front(kept);
            }
        }
    }

    /// Gives memory back while nothing happens.
    pub(crate) fn rest(&mut self, durable: Index) {
        self.forget_through(durable);
        self.cached.rest();
    }

    /// Whether the parts agree with one another.
    pub(crate) fn is_sound(&self) -> bool {
        let mut next = self.first_cached();
        for batch in self.cached.iter() {
            let run = self.summary.run_at(batch.first_index());
            let known =
                run.is_some_and(|(term, end)| term == batch.term() && batch.last_index() <= end);
            if batch.first_index() != next || !known {
                return false;
            }
            next = batch.last_index() + 1;
        }
        let cost: u64 = self.cached.iter().map(Batch::cost).sum();
        self.summary.is_sound() && next == self.last().index + 1 && cost == self.cached_bytes
    }
}

impl PartialEq for Log {
    /// Equal entries: how they lie together does not count.
    fn eq(&self, other: &Log) -> bool {
        let all = |log: &Log| log.read(log.first_cached(), Index::MAX, u64::MAX);
        self.summary == other.summary
            && self.first_cached() == other.first_cached()
            && all(self) == all(other)
    }
}

impl Eq for Log {}

impl Hash for Log {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.summary.hash(state);
        self.read(self.first_cached(), Index::MAX, u64::MAX).hash(state);
    }
}

#[cfg(test)]
mod tests;
