//! Linearizable reads without a log entry (paper §8; dissertation §6.4). Owns no state machine.

use alloc::vec::Vec;

use crate::{
    action::{Action, Limit, Refusal},
    quorum::reached_by_majority,
    raft::Raft,
    role::{Leader, PendingRead, Role},
    types::{RequestId, Round},
};

impl Raft {
    pub(crate) fn read(&mut self, request: RequestId, out: &mut Vec<Action>) {
        let expires = self.clock.now().saturating_add(self.config.election_timeout);
        let max_reads = self.config.max_pending_reads as usize;
        let hint = self.leader_id();
        let Role::Leader(leader) = &mut self.role else {
            let reason = Refusal::NotLeader { leader: hint };
            out.push(Action::Refused { request, reason });
            return;
        };
        if leader.reads.len() >= max_reads {
            let reason = Refusal::Busy { limit: Limit::PendingReads };
            out.push(Action::Refused { request, reason });
            return;
        }
        // The round must be one that starts after the read came in: an answer to an older one may
        // have left before another leader was elected.
        let round = leader.round + 1;
        // raft:8 the commit index is known to be current only from the term's first entry on.
        let index = self.commit.max(leader.term_start);
        leader.reads.push_back(PendingRead { request, index, round, expires });
        self.confirm_reads(out);
    }

    /// Answers the reads whose round a majority has confirmed; starts a round for those that wait
    /// for one while none is under way, so that one round serves all that came meanwhile.
    pub(crate) fn confirm_reads(&mut self, out: &mut Vec<Action>) {
        let commit = self.commit;
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.reads.is_empty() {
            return;
        }
        if leader.peers.is_empty() {
            // A group of one is its own quorum.
            leader.round += 1;
        }
        let confirmed = confirmed_round(leader);
        // raft:8 until an entry of this term is committed, the commit index may lag behind.
        let is_current = commit >= leader.term_start;
        let ready = leader.take_reads(|read| is_current && read.round <= confirmed);
        out.extend(
            ready
                .into_iter()
                .map(|read| Action::ReadReady { request: read.request, index: read.index }),
        );
        let newest = leader.round;
        let is_under_way = leader.reads.front().is_some_and(|read| read.round <= newest);
        if !leader.reads.is_empty() && !is_under_way {
            self.heartbeat(out);
        }
    }

    /// Refuses reads that no quorum confirmed in time.
    pub(crate) fn expire_reads(&mut self, out: &mut Vec<Action>) {
        let now = self.clock.now();
        let Role::Leader(leader) = &mut self.role else { return };
        let late = leader.take_reads(|read| read.expires <= now);
        out.extend(
            late.into_iter()
                .map(|read| Action::Refused { request: read.request, reason: Refusal::NoQuorum }),
        );
    }
}

/// The newest round that a majority of the voters, ourselves included, has confirmed.
fn confirmed_round(leader: &Leader) -> Round {
    let rounds = leader.peers.iter().map(|peer| peer.round);
    reached_by_majority(rounds.chain([leader.round]))
}
