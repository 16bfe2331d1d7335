//! When an entry is committed, and what follows from it (paper §5.3, §5.4.2).

use alloc::vec::Vec;

use crate::{
    action::Action,
    quorum::reached_by_quorum,
    raft::Raft,
    role::{Leader, Role},
    types::{Index, Nanos},
};

impl Raft {
    /// Commits what a quorum holds durably.
    pub(crate) fn advance_commit(&mut self, out: &mut Vec<Action>) {
        let own = self.durability.last();
        let Role::Leader(leader) = &mut self.role else { return };
        let matches = leader.peers.iter().map(|peer| (peer.seat, peer.match_index));
        // raft:6 a leader that is on its way out does not count itself: its seat is none.
        let reached = reached_by_quorum(matches.chain([(leader.seat, own)]));
        // raft:5.4.2 an entry of an older term is not committed by counting: a later leader could
        // still replace it (Figure 8).
        if reached <= self.commit || reached < leader.term_start {
            return;
        }
        self.commit = reached;
        while leader.uncommitted.front().is_some_and(|(last, _)| *last <= reached) {
            leader.uncommitted_bytes -= leader.uncommitted.pop_front().map_or(0, |(_, cost)| cost);
        }
        self.notify_commit(out);
        self.confirm_reads(out);
        self.membership_committed(out);
    }

    /// The commit index rides on the next append; where none comes, it is sent after a while.
    pub(crate) fn notify_commit(&mut self, out: &mut Vec<Action>) {
        let (now, delay) = (self.clock.now(), self.config.commit_notify_delay);
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.peers.is_empty() {
            return;
        }
        if leader.notify_due.is_none() {
            leader.notify_due = Some(now.saturating_add(delay));
        }
        if delay == 0 {
            self.send_commit(out);
        }
    }

    pub(crate) fn leader_tick(&mut self, out: &mut Vec<Action>) {
        let now = self.clock.now();
        let Role::Leader(leader) = &self.role else { return };
        if leader.quiesced {
            return;
        }
        if now > self.quorum_lapses(leader) {
            // diss:6.2 without a quorum there may be another leader by now; clients
            // must not wait for us.
            self.become_follower(self.hard_state.term, None, out);
            return;
        }
        if leader.heartbeat_due <= now {
            self.heartbeat(out);
            self.hand_over_to_a_better(out);
        }
        self.expire_reads(out);
        self.watch_transfer(out);
        let Role::Leader(leader) = &self.role else { return };
        if leader.notify_due.is_some_and(|due| due <= now) {
            self.send_commit(out);
        }
    }

    /// When the leader must act next without being asked.
    pub(crate) fn leader_due(&self, leader: &Leader) -> Option<Nanos> {
        let read = leader.reads.front().map(|read| read.expires);
        let transfer = leader.transfer.map(|transfer| transfer.expires);
        let stalls = self.stalls_at();
        let asked = read.into_iter().chain(leader.notify_due).chain(transfer).chain(stalls).min();
        if leader.quiesced || leader.peers.is_empty() {
            return asked;
        }
        let lapses = self.quorum_lapses(leader).saturating_add(1);
        asked.into_iter().chain([leader.heartbeat_due, lapses]).min()
    }

    /// Until when a quorum is taken to follow us.
    pub(crate) fn quorum_lapses(&self, leader: &Leader) -> Nanos {
        let contacts = leader.peers.iter().map(|peer| (peer.seat, peer.contact));
        let own = (leader.seat, self.clock.now());
        let contact = reached_by_quorum(contacts.chain([own])).max(leader.since);
        contact.saturating_add(self.config.election_timeout)
    }

    /// Whether an entry of this leader's term is committed: only then is the commit index known to
    /// be current.
    pub(crate) fn has_committed_in_term(&self, leader: &Leader) -> bool {
        self.commit >= leader.term_start
    }

    /// Whether the entry at `index` is known committed.
    pub(crate) fn is_committed(&self, index: Index) -> bool {
        index <= self.commit
    }
}
