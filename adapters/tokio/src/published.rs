//! What a node's task publishes to readers on other threads, so that lease reads need not pass
//! through it.
//!
//! Whoever finds the lease running, then takes the commit index, and then reads a state that has
//! applied it, sees everything that was acknowledged before: while the lease runs nobody else commits
//! anything, and what this node tells the others of its commits it has published here before.

use std::sync::atomic::{AtomicU64, Ordering};

use quorate_core::{Index, Timestamp};
use quorate_driver::Driver;

/// Written by the node's task alone.
#[derive(Debug, Default)]
pub(crate) struct Published {
    /// The end of the lease; 0 for none. Nanoseconds of the node's clock.
    lease_until: AtomicU64,
    commit: AtomicU64,
    applied: AtomicU64,
    /// Whether a leader has a lease at all.
    is_kept: bool,
}

impl Published {
    pub(crate) fn of<R: Clone>(driver: &Driver<R>) -> Published {
        let config = driver.raft().config();
        let published = Published {
            is_kept: config.lease_reads && config.publish_lease,
            ..Published::default()
        };
        published.set_applied(driver.applied());
        published
    }

    /// Whether a leader has a lease that it publishes: else none says that it is over.
    pub(crate) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// To be called before anybody else can learn of it.
    pub(crate) fn set_commit(&self, commit: Index) {
        self.commit.store(commit, Ordering::SeqCst);
    }

    /// To be called once the state holds it.
    pub(crate) fn set_applied(&self, applied: Index) {
        self.applied.store(applied, Ordering::SeqCst);
    }

    /// To be called after the commit index of the same moment was published.
    pub(crate) fn set_lease(&self, until: Option<Timestamp>) {
        self.lease_until.store(until.map_or(0, |until| until.0), Ordering::SeqCst);
    }

    /// Whether the lease runs. `now` is called once the lease is known.
    pub(crate) fn has_lease(&self, now: impl FnOnce() -> Timestamp) -> bool {
        let until = self.lease_until.load(Ordering::SeqCst);
        until > 0 && now().0 < until
    }

    /// Whether the state machine, as it is now or later, may answer a read that was invoked before
    /// this is called.
    pub(crate) fn may_read(&self, now: impl FnOnce() -> Timestamp) -> bool {
        // In this order: what was committed before the lease was found running is in the index.
        self.has_lease(now)
            && self.applied.load(Ordering::SeqCst) >= self.commit.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quorate_core::RoleKind;

    use super::*;
    use crate::{NodeStatus, Scripted};

    fn published(until: u64, commit: Index, applied: Index) -> Published {
        let published = Published { is_kept: true, ..Published::default() };
        published.set_commit(commit);
        published.set_applied(applied);
        published.set_lease((until > 0).then_some(Timestamp(until)));
        published
    }

    #[test]
    fn nothing_may_be_read_without_a_lease_or_after_it() {
        assert!(!published(0, 5, 5).may_read(|| Timestamp(0)));
        assert!(published(10, 5, 5).may_read(|| Timestamp(9)));
        assert!(!published(10, 5, 5).may_read(|| Timestamp(10)));
    }

    #[test]
    fn nothing_may_be_read_while_what_is_committed_is_not_applied() {
        assert!(!published(10, 5, 4).may_read(|| Timestamp(9)));
        assert!(published(10, 5, 6).may_read(|| Timestamp(9)));
    }

    #[tokio::test]
    async fn a_leader_without_a_running_lease_does_not_say_that_it_leads() {
        let status = NodeStatus {
            role: RoleKind::Leader,
            term: 2,
            leader: None,
            is_alone: false,
            applied: 5,
            commit: 5,
            last: 5,
            snapshot: 0,
            halted: None,
        };
        let (mut node, scripted) = Scripted::<()>::new(status.clone());
        for (until, leads) in [(0, false), (1, false), (u64::MAX, true)] {
            node.published = Arc::new(published(until, 5, 5));
            assert_eq!((node.is_leader(), node.may_read()), (leads, leads), "until {until}");
        }
        scripted.publish(NodeStatus { role: RoleKind::Follower, ..status.clone() });
        assert!(!node.is_leader());
        // Nobody else can lead a group of one.
        node.published = Arc::new(published(0, 5, 5));
        scripted.publish(NodeStatus { is_alone: true, ..status });
        assert!(node.is_leader());
        assert!(!node.may_read());
    }

    #[test]
    fn a_lease_that_is_taken_back_while_it_is_looked_at_was_running_when_it_was_looked_at() {
        let published = published(10, 5, 5);
        let seen = published.may_read(|| {
            published.set_lease(None);
            Timestamp(9)
        });
        assert!(seen);
        assert!(!published.may_read(|| Timestamp(9)));
    }
}
