//! When leases end, as the leader's clock tells. Nothing of this is in the log: a new leader gives
//! each lease its full time again, so that none ends before its holder expects it.

use std::collections::{BTreeMap, BTreeSet};

use super::LeaseId;
use crate::Kv;

/// Nanoseconds in a millisecond.
const MS: u64 = 1_000_000;

/// The leases of a leader, by the time at which they end. Times are nanoseconds of its clock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Deadlines {
    by_lease: BTreeMap<LeaseId, Times>,
    by_time: BTreeSet<(u64, LeaseId)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Times {
    ttl_ms: u64,
    ends_at: u64,
}

impl Deadlines {
    /// Those of a node that has just begun to lead, whose state is `kv`: all have their full time.
    pub fn begin(kv: &Kv, now: u64) -> Deadlines {
        let mut deadlines = Deadlines::default();
        for (lease, held) in kv.leases() {
            deadlines.grant(lease, held.ttl_ms, now);
        }
        deadlines
    }

    /// A lease was granted.
    pub fn grant(&mut self, lease: LeaseId, ttl_ms: u64, now: u64) {
        self.end(lease);
        let ends_at = now.saturating_add(ttl_ms.saturating_mul(MS));
        self.by_lease.insert(lease, Times { ttl_ms, ends_at });
        self.by_time.insert((ends_at, lease));
    }

    /// A lease was revoked, or has expired.
    pub fn end(&mut self, lease: LeaseId) {
        if let Some(times) = self.by_lease.remove(&lease) {
            self.by_time.remove(&(times.ends_at, lease));
        }
    }

    /// Gives a lease its full time from `asked_at` on, and answers with that, in milliseconds; none
    /// for a lease that is not there or had run out, which nothing brings back.
    ///
    /// The caller must be sure that this node still led *after* `asked_at` was read: else another
    /// leader may end the lease before.
    pub fn keep_alive(&mut self, lease: LeaseId, asked_at: u64) -> Option<u64> {
        let times = *self.by_lease.get(&lease).filter(|times| times.ends_at > asked_at)?;
        // Of two that overtake each other, the later one stands.
        if asked_at.saturating_add(times.ttl_ms.saturating_mul(MS)) > times.ends_at {
            self.grant(lease, times.ttl_ms, asked_at);
        }
        Some(times.ttl_ms)
    }

    /// How long a lease has left. Milliseconds, rounded down; none for a lease that is not there. No
    /// more than it was given, though a clock that was set back lets it live longer.
    pub fn left_ms(&self, lease: LeaseId, now: u64) -> Option<u64> {
        let times = self.by_lease.get(&lease)?;
        Some((times.ends_at.saturating_sub(now) / MS).min(times.ttl_ms))
    }

    /// When the next lease ends.
    pub fn next(&self) -> Option<u64> {
        self.by_time.first().map(|&(ends_at, _)| ends_at)
    }

    /// Those that have run out by `now`, the first first, at most `limit`. They stay until
    /// [`Deadlines::end`] is told that the log has ended them.
    pub fn due(&self, now: u64, limit: u32) -> Vec<LeaseId> {
        let due = self.by_time.iter().take_while(|&&(ends_at, _)| ends_at <= now);
        due.take(limit as usize).map(|&(_, lease)| lease).collect()
    }
}
