//! The leader's lease (dissertation §6.4.1): for a while after a quorum promised to help nobody
//! else, no other leader can have committed anything.
//!
//! differs: the dissertation counts from the answers; here the lease counts from the *send* time of
//! a round that a quorum confirmed, and is shortened by what two clocks may drift apart.

use alloc::vec::Vec;

use crate::{
    action::Action,
    quorum::reached_by_quorum,
    raft::Raft,
    role::{Leader, Role},
    types::Nanos,
};

const PPM: u64 = 1_000_000;

impl Raft {
    /// Whether a read needs no round now.
    pub(crate) fn has_lease(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        self.clock.now() < self.lease_until(leader)
    }

    /// When the lease ends; 0 where there is none.
    pub(crate) fn lease_until(&self, leader: &Leader) -> Nanos {
        // raft:8 until an entry of this term is committed, the commit index may lag behind.
        let is_current = self.has_committed_in_term(leader);
        // diss:3.10 a transfer overrides what voters promised, so once it was begun
        // no lease can rest on that.
        let is_whole = leader.transfer.is_none() && !leader.lease_lost;
        if !(self.config.lease_reads && is_current && is_whole) {
            return 0;
        }
        let now = self.clock.now();
        let contacts = leader.peers.iter().map(|peer| (peer.seat, peer.lease_contact));
        let own = (leader.seat, now);
        let sent = reached_by_quorum(contacts.chain([own]));
        if sent == 0 {
            return 0;
        }
        let promise = self.config.election_timeout;
        // Our clock may run too slow, and the voter's too fast, by as much each.
        let drift = u64::from(self.config.max_clock_drift_ppm) * 2;
        let bounded = u128::from(promise) * u128::from(PPM - drift) / u128::from(PPM);
        sent.saturating_add(bounded as u64)
    }

    /// Tells other threads until when they may read, where the host wants that.
    pub(crate) fn publish_lease(&mut self, out: &mut Vec<Action>) {
        let Role::Leader(leader) = &self.role else { return };
        let (until, published) = (self.lease_until(leader), leader.published);
        if published == 0 && self.is_lease_open() {
            // One that was taken back is not closed yet. Were another published now, the word that
            // the first is closed would be taken for the second.
            return;
        }
        if until > published && until > self.clock.now() {
            self.aside.open_lease(until);
            self.set_published(until);
            out.push(Action::Lease { until: Some(self.clock.reading_at(until)) });
        } else if until == 0 && published > 0 {
            self.set_published(0);
            out.push(Action::Lease { until: None });
        }
    }

    fn set_published(&mut self, until: Nanos) {
        if let Role::Leader(leader) = &mut self.role {
            leader.published = until;
        }
    }

    /// Nobody reads any more under the lease that was taken back. Where one is published the word is
    /// too early, or about one that has passed: readers go on, and so does what binds this node.
    pub(crate) fn lease_closed(&mut self) {
        match &self.role {
            Role::Leader(leader) if leader.published > 0 => {}
            Role::Leader(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                self.aside.close_lease();
            }
        }
    }

    /// Whether somebody may still read under a lease that this node published: then it helps no
    /// other leader.
    pub(crate) fn is_lease_open(&self) -> bool {
        self.clock.now() < self.aside.lease_open_until()
    }

    /// What was confirmed so far carries no lease any more; what is sent from now on may.
    pub(crate) fn void_lease(&mut self, out: &mut Vec<Action>) {
        let Role::Leader(leader) = &mut self.role else { return };
        leader.lease_round = leader.round + 1;
        leader.peers.iter_mut().for_each(|peer| peer.lease_contact = 0);
        if core::mem::take(&mut leader.published) > 0 {
            out.push(Action::Lease { until: None });
        }
    }
}
