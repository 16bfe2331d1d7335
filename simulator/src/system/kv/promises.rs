//! No lease ends before its holder expects it, and each ends at all.

use std::collections::BTreeMap;

use quorate_core::Nanos;
use quorate_kv::LeaseId;

use crate::{duration, oracle::Violation, profile::MILLISECOND};

/// Until when leases must live, in true time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Promises {
    /// By how much clocks may drift; none where they may leap, so that nothing can be promised.
    drift_ppm: Option<u64>,
    until: BTreeMap<LeaseId, Nanos>,
    /// When those ended that ran out.
    ended: BTreeMap<LeaseId, Nanos>,
}

impl Promises {
    pub(super) fn new(drift_ppm: Option<u64>) -> Promises {
        Promises { drift_ppm, ..Promises::default() }
    }

    /// A lease of this number begins, or ends because somebody asked for that.
    pub(super) fn forget(&mut self, lease: LeaseId) {
        self.until.remove(&lease);
        self.ended.remove(&lease);
    }

    /// A holder learnt that a lease lives for so long from `since` on.
    pub(super) fn promised(
        &mut self,
        lease: LeaseId,
        ttl_ms: u64,
        since: Nanos,
    ) -> Result<(), Violation> {
        let Some(drift_ppm) = self.drift_ppm else { return Ok(()) };
        let ttl = ttl_ms.saturating_mul(MILLISECOND);
        // A fast clock has seen all of it after somewhat less.
        let until = since.saturating_add(ttl - ttl / 1_000_000 * drift_ppm);
        let kept = self.until.entry(lease).or_default();
        *kept = until.max(*kept);
        match self.ended.get(&lease) {
            Some(&ended) if ended < until => Err(early(lease, ended, until)),
            Some(_) | None => Ok(()),
        }
    }

    /// The log ended a lease as having run out.
    pub(super) fn ran_out(&mut self, lease: LeaseId, now: Nanos) -> Result<(), Violation> {
        self.ended.insert(lease, now);
        match self.until.remove(&lease) {
            Some(until) if now < until => Err(early(lease, now, until)),
            Some(_) | None => Ok(()),
        }
    }
}

fn early(lease: LeaseId, ended: Nanos, until: Nanos) -> Violation {
    let (ended, until) = (duration::write(ended), duration::write(until));
    let what = format!("lease {lease} ended at {ended}, which was to live until {until}");
    Violation::model("lease", what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: LeaseId = LeaseId(1);

    #[test]
    fn a_lease_that_ends_before_its_holder_expects_it() {
        let mut promises = Promises::new(Some(100_000));
        assert_eq!(promises.promised(ONE, 1_000, 0), Ok(()));
        assert!(promises.clone().ran_out(ONE, 899 * MILLISECOND).is_err());
        assert_eq!(promises.clone().ran_out(ONE, 900 * MILLISECOND), Ok(()));
        // Told after the end of what was asked before.
        assert_eq!(promises.ran_out(ONE, 950 * MILLISECOND), Ok(()));
        assert!(promises.clone().promised(ONE, 1_000, 100 * MILLISECOND).is_err());
        assert_eq!(promises.promised(ONE, 1_000, 50 * MILLISECOND), Ok(()));
        promises.forget(ONE);
        assert_eq!(promises.promised(ONE, 1_000, 900 * MILLISECOND), Ok(()));
    }

    #[test]
    fn nothing_is_promised_where_clocks_leap() {
        let mut promises = Promises::new(None);
        assert_eq!(promises.promised(ONE, 1_000, 0), Ok(()));
        assert_eq!(promises.ran_out(ONE, 1), Ok(()));
    }
}
