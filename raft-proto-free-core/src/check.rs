//! Every internal invariant, in one place. Tests and the simulator call it after each step.

use crate::{log_read::Purpose, raft::Raft, role::Role};

/// An internal invariant is broken: a defect of this crate, never of a peer or an embedder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// The log's terms, runs or places are out of order.
    #[error("the log is not in order")]
    Log,
    /// The log holds an entry of a later term than the node's own.
    #[error("the log holds an entry of a later term")]
    TermBehindLog,
    /// Not applied ≤ given ≤ commit ≤ last, or given beyond what is durable.
    #[error("applied, given, commit and last are out of order")]
    Progress,
    /// The record of writes contradicts itself or the log.
    #[error("the record of writes is out of order")]
    Durability,
    /// A step left a write unasked for.
    #[error("a change was not asked to be written")]
    Unwritten,
    /// The leader's view of a peer is out of order.
    #[error("the leader's view of a peer is out of order")]
    Peer,
    /// A leader, candidate or follower has a memory that does not fit its term.
    #[error("the role's memory does not fit the term")]
    Role,
    /// Bytes or requests under way were counted wrongly.
    #[error("what is under way was counted wrongly")]
    Accounting,
}

impl Raft {
    /// Checks every internal invariant, at a cost that grows with the log.
    ///
    /// # Errors
    /// The first [`Violation`] found.
    pub fn check(&self) -> Result<(), Violation> {
        if self.halted {
            return Ok(());
        }
        let last = self.log.last();
        let holds = [
            (self.log.is_sound(), Violation::Log),
            (last.term <= self.hard_state.term, Violation::TermBehindLog),
            (self.is_progress_sound(), Violation::Progress),
            (self.durability.is_sound(), Violation::Durability),
            (self.durability.last() <= last.index, Violation::Durability),
            (!self.draft.due || self.incarnation_is_fresh(), Violation::Unwritten),
            (self.is_role_sound(), Violation::Role),
            (self.are_peers_sound(), Violation::Peer),
            (self.is_accounting_sound(), Violation::Accounting),
        ];
        holds.into_iter().find(|(holds, _)| !holds).map_or(Ok(()), |(_, broken)| Err(broken))
    }

    /// Before the first step the founding entry waits to be written.
    fn incarnation_is_fresh(&self) -> bool {
        self.durability.issued() == 0
    }

    fn is_progress_sound(&self) -> bool {
        let order = [self.applied, self.given, self.commit, self.log.last().index];
        let snapshot = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index);
        let meets = self.log.base().index <= snapshot && snapshot <= self.commit;
        order.is_sorted() && meets
    }

    fn is_role_sound(&self) -> bool {
        match &self.role {
            Role::Follower(follower) => {
                follower.verified <= self.log.last().index
                    && follower.answered_round <= follower.round
                    && follower.answered_match <= follower.verified
            }
            Role::PreCandidate(_) => true,
            Role::Candidate(_) => self.hard_state.voted_for == Some(self.config.node),
            Role::Leader(leader) => {
                self.hard_state.voted_for == Some(self.config.node)
                    && (leader.term_start <= self.log.base().index
                        || self.log.term_at(leader.term_start) == Some(self.hard_state.term))
            }
        }
    }

    fn are_peers_sound(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return true };
        let last = self.log.last().index;
        leader.peers.is_sorted_by(|a, b| a.id < b.id)
            && leader.peers.iter().all(|peer| {
                peer.match_index < peer.next_index
                    && peer.next_index <= last + 1
                    && peer.round <= leader.round
                    && peer.lease_contact <= peer.contact
                    && peer.is_accounting_sound()
                    && peer.seat == self.configuration().seat(peer.id)
            })
            && leader.seat == self.configuration().seat(self.config.node)
    }

    fn is_accounting_sound(&self) -> bool {
        let leads = match &self.role {
            Role::Leader(leader) => {
                leader.uncommitted_bytes
                    == leader.uncommitted.iter().map(|(_, cost)| cost).sum::<u64>()
            }
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => true,
        };
        // Whoever leads no more reads for nobody; what is applied is committed, and stays in the log.
        let reads = self.log_reads.iter().all(|read| match read.purpose {
            Purpose::Apply => read.through <= self.commit,
            Purpose::Peer(_) => matches!(self.role, Role::Leader(_)),
        });
        leads
            && reads
            && self.unapplied_bytes == self.unapplied.iter().map(|(_, cost)| cost).sum::<u64>()
    }
}

#[cfg(test)]
mod tests;
