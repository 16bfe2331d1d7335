//! What is wrong with a link besides partitions, loss and delay. It ends by itself.

use quorate_core::Nanos;

use crate::plan::{Kinds, MessageKind};

/// Faults of one link, each until a time.
#[derive(Clone, Debug, Default)]
pub(super) struct Special {
    /// For each kind of message, how many partitions that are in force block it.
    filtered: [u32; MessageKind::ALL.len()],
    /// Until then messages are kept.
    held_until: Nanos,
    /// Whether they then arrive in any order.
    shuffled: bool,
    narrow: Narrow,
    /// What is under way, with when it arrives and how long it is. Known while the link is narrow.
    under_way: Vec<(Nanos, u64)>,
    /// For each kind of message, until when it is late, and by how much.
    lags: [(Nanos, Nanos); MessageKind::ALL.len()],
    corrupt_until: Nanos,
    corrupt_ppm: u64,
}

/// The bound of a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Narrow {
    /// Until when.
    pub until: Nanos,
    /// The most messages under way.
    pub messages: u64,
    /// The most bytes under way; one message may be longer.
    pub bytes: u64,
}

impl Special {
    pub(super) fn filter(&mut self, kinds: Kinds, begins: bool) {
        for kind in kinds.list() {
            let count = &mut self.filtered[kind.number() as usize];
            *count = if begins { *count + 1 } else { count.saturating_sub(1) };
        }
    }

    pub(super) fn is_filtered(&self, kind: u64) -> bool {
        self.filtered.get(kind as usize).is_some_and(|count| *count > 0)
    }

    pub(super) fn hold(&mut self, until: Nanos, shuffled: bool) {
        (self.held_until, self.shuffled) = (self.held_until.max(until), shuffled);
    }

    /// Until when what is sent now is kept, and whether it then comes in any order.
    pub(super) fn held(&self, now: Nanos) -> Option<(Nanos, bool)> {
        (self.held_until > now).then_some((self.held_until, self.shuffled))
    }

    pub(super) fn lag(&mut self, kinds: Kinds, by: Nanos, until: Nanos) {
        for kind in kinds.list() {
            let (before, _) = self.lags[kind.number() as usize];
            self.lags[kind.number() as usize] = (before.max(until), by);
        }
    }

    /// By how much a message of this kind is late now; 0 where it is not.
    pub(super) fn lag_of(&self, kind: u64, now: Nanos) -> Nanos {
        let lag = self.lags.get(kind as usize).filter(|(until, _)| *until > now);
        lag.map_or(0, |(_, by)| *by)
    }

    pub(super) fn narrow(&mut self, narrow: Narrow) {
        self.narrow = narrow;
    }

    /// Whether the queue has no room for another message.
    pub(super) fn is_full(&mut self, now: Nanos, bytes: u64) -> bool {
        if self.narrow.until <= now {
            return false;
        }
        self.under_way.retain(|(arrival, _)| *arrival > now);
        let used: u64 = self.under_way.iter().map(|(_, bytes)| bytes).sum();
        let count = self.under_way.len() as u64;
        count >= self.narrow.messages || (count > 0 && used + bytes > self.narrow.bytes)
    }

    /// A message is under way.
    pub(super) fn took(&mut self, now: Nanos, arrival: Nanos, bytes: u64) {
        if self.narrow.until > now {
            self.under_way.push((arrival, bytes));
        }
    }

    pub(super) fn corrupt(&mut self, until: Nanos, ppm: u64) {
        (self.corrupt_until, self.corrupt_ppm) = (until, ppm);
    }

    /// How many messages in a million are corrupted now.
    pub(super) fn corrupt_ppm(&self, now: Nanos) -> u64 {
        if self.corrupt_until > now { self.corrupt_ppm } else { 0 }
    }
}
