//! Silence, for hosts of many groups (no paper): while nothing happens a leader sends no heartbeat,
//! and its followers do not expect one. Whoever hosts them must notice a dead node by itself, and
//! wake the groups that it was in.

use alloc::vec::Vec;

use crate::{action::Action, raft::Raft, role::Role};

impl Raft {
    /// Falls silent, if every member holds and knows everything and nobody waits for anything.
    pub(crate) fn quiesce(&mut self, out: &mut Vec<Action>) {
        let (last, commit) = (self.log.last().index, self.commit);
        let is_settled = commit == last && self.applied == commit && !self.is_lease_open();
        let Role::Leader(leader) = &mut self.role else { return };
        let is_idle = leader.reads.is_empty() && leader.transfer.is_none();
        let all_know = leader.peers.iter().all(|peer| peer.match_index == last);
        if !(is_settled && is_idle && all_know) || leader.quiesced {
            return;
        }
        leader.quiesced = true;
        leader.notify_due = None;
        for place in 0..self.peer_count() {
            self.send_bare(place, true, out);
        }
        self.rest();
    }

    /// Goes on: a leader is heard again at once, a follower expects to hear one.
    pub(crate) fn wake(&mut self, out: &mut Vec<Action>) {
        let now = self.clock.now();
        match &mut self.role {
            Role::Leader(leader) if leader.quiesced => {
                leader.quiesced = false;
                // Nobody was asked to answer meanwhile.
                leader.since = now;
                self.heartbeat(out);
            }
            Role::Follower(follower) if follower.quiesced => {
                follower.quiesced = false;
                self.reset_election_timer();
            }
            Role::Leader(_) | Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {}
        }
    }

    /// Gives memory back while nothing happens.
    pub(crate) fn rest(&mut self) {
        let done = self.durability.last().min(self.given);
        self.log.rest(done);
        self.durability.rest();
        self.unapplied.rest();
        self.log_reads.rest();
        self.aside.rest();
    }
}
