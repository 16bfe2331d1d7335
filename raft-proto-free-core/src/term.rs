//! Terms and the time in which nobody leads (paper §5.1, §5.2): stepping down, the election timer,
//! what the clock means for both.

use alloc::{sync::Arc, vec::Vec};

use crate::{
    action::{Action, Misuse, Refusal},
    config::Config,
    message::ReadOutcome,
    raft::Raft,
    role::{Follower, Leader, Role},
    types::{Nanos, NodeId, Term},
};

impl Raft {
    /// Enters a term, or goes back to following within it.
    pub(crate) fn become_follower(
        &mut self,
        term: Term,
        leader: Option<NodeId>,
        out: &mut Vec<Action>,
    ) {
        let was_follower = matches!(self.role, Role::Follower(_));
        let next = Role::Follower(Follower { leader, ..Follower::default() });
        let old = core::mem::replace(&mut self.role, next);
        let is_newer = term > self.hard_state.term;
        if is_newer {
            // raft:5.1 a newer term ends whatever this node was in the old one.
            self.hard_state.term = term;
            self.hard_state.voted_for = None;
            self.aside.take_vote();
            self.draft.due = true;
        }
        match old {
            Role::Follower(follower) => self.refuse_forwarded(follower.reads, leader, out),
            Role::Leader(old) => self.lead_no_more(*old, leader, out),
            Role::PreCandidate(_) | Role::Candidate(_) => {}
        }
        if !was_follower {
            self.redraw_election_timer();
        }
    }

    /// Answers all that waits for a leader that is none any more.
    fn lead_no_more(&mut self, old: Leader, leader: Option<NodeId>, out: &mut Vec<Action>) {
        self.log_reads.retain(|read| !read.is_for_a_peer());
        let reason = Refusal::NotLeader { leader };
        for read in old.reads {
            self.answer_read(read.reader, ReadOutcome::NotLeader { leader }, out);
        }
        if let Some(transfer) = old.transfer
            && let Some(request) = transfer.request
        {
            out.push(if transfer.told {
                Action::Transferred { request }
            } else {
                Action::Refused { request, reason }
            });
        }
        if old.published > 0 {
            // Until the readers are gone this node helps nobody else to lead.
            self.promised_until = self.promised_until.max(self.aside.lease_open_until());
            out.push(Action::Lease { until: None });
        }
    }

    /// Starts the wait for the next candidacy: above what was promised, at most its double; longer
    /// where others should rather lead.
    pub(crate) fn reset_election_timer(&mut self) {
        let base = self.timeout_base();
        let reluctance = u64::from(Config::PRIORITY_MAX - self.config.priority);
        let patience = base / u64::from(Config::PRIORITY_MAX) * reluctance;
        let timeout = base + 1 + self.jitter.min(base - 1) + patience;
        self.election_due = self.clock.now().saturating_add(timeout);
    }

    /// raft:5.2 timeouts are drawn, so that split votes are rare and end soon.
    pub(crate) fn redraw_election_timer(&mut self) {
        let (node, seed, base) = (self.config.node, self.config.seed, self.timeout_base());
        self.jitter = self.draws.below(base, seed, node, self.incarnation);
        self.reset_election_timer();
    }

    fn timeout_base(&self) -> Nanos {
        self.config.election_timeout.max(self.hard_state.promise)
    }

    /// Whether this node may be a candidate, as far as it knows.
    pub(crate) fn may_campaign(&self) -> bool {
        let is_fit = !self.stalled && !self.stopping && !self.wants_snapshot;
        is_fit && self.config.priority > 0 && self.is_electable()
    }

    /// raft:6 learners, and nodes that are no members or not yet, never stand.
    fn is_electable(&self) -> bool {
        let own = self.config.node;
        if self.configuration().is_voter(own) {
            return true;
        }
        // diss:4.2.2 whoever is on its way out may hold the only copy of the entry
        // that says so: until that is committed the others may need it as their leader.
        let is_open = self.configuration_index() > self.commit;
        is_open && self.previous_configuration().is_some_and(|members| members.is_voter(own))
    }

    /// How long the clock had been wrong is unknown: what was promised starts anew, and what rested
    /// on the time of our own messages is void.
    #[cold]
    pub(crate) fn clock_went_back(&mut self, back: Nanos, out: &mut Vec<Action>) {
        // Whoever reads under a published lease goes by the same clock, and so reads for longer.
        self.aside.prolong_lease(back);
        self.promised_until = self.clock.now().saturating_add(self.hard_state.promise);
        self.reset_election_timer();
        self.void_lease(out);
    }

    /// Goes on with other knobs.
    pub(crate) fn reconfigure(&mut self, config: Arc<Config>, out: &mut Vec<Action>) {
        let is_ours = (config.node, config.seed) == (self.config.node, self.config.seed);
        if !is_ours || config.validate().is_err() {
            out.push(Action::Misuse(Misuse::BadConfig));
            return;
        }
        let changes_promise = config.election_timeout != self.config.election_timeout;
        self.config = config;
        if changes_promise {
            // Rounds that named the old promise confirm nothing under the new one.
            self.void_lease(out);
        }
        match &self.role {
            Role::Follower(_) => self.reset_election_timer(),
            Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::sync::Arc;

    use crate::{
        config::Config,
        configuration::Configuration,
        persisted::Persisted,
        raft::Raft,
        types::{NodeId, Timestamp},
    };

    #[test]
    fn the_ends_of_what_is_drawn_lie_above_the_timeout_and_at_its_double() {
        let configuration = Arc::new(Configuration::new([1, 2, 3].map(NodeId::of)));
        let persisted = Persisted::Bootstrap { configuration, incarnation: 1 };
        let config = Config::new(NodeId::of(1), 7);
        let timeout = config.election_timeout;
        let mut raft = Raft::restore(config, persisted, Timestamp(0)).expect("a sound start");
        let now = raft.clock.now();
        // A draw may be of a time when the timeout was longer.
        for (jitter, wait) in [
            (0, timeout + 1),
            (1, timeout + 2),
            (timeout - 1, 2 * timeout),
            (timeout * 3, 2 * timeout),
        ] {
            raft.jitter = jitter;
            raft.reset_election_timer();
            assert_eq!(raft.election_due - now, wait, "{jitter}");
        }
    }
}
