//! The leader's side of a change of members (paper §6; dissertation §4.3). Which configuration
//! follows which is [`membership`](crate::membership)'s business.

use alloc::{sync::Arc, vec::Vec};

use smallvec::SmallVec;

use crate::{
    action::{Action, Refusal},
    configuration::{Configuration, Promotion},
    entries::Payload,
    membership::{self, MemberChange},
    peer::Peer,
    raft::Raft,
    role::Role,
    types::{Index, LogId, NodeId, RequestId, Term},
};

impl Raft {
    /// Answers a wish for other members, and appends what it takes.
    pub(crate) fn change_members(
        &mut self,
        request: RequestId,
        changes: &[MemberChange],
        expected_term: Option<Term>,
        out: &mut Vec<Action>,
    ) {
        match self.next_configuration(changes, expected_term) {
            Err(reason) => out.push(Action::Refused { request, reason }),
            Ok(next) => {
                self.wake(out);
                let log_id = LogId::new(self.hard_state.term, self.log.last().index + 1);
                out.push(Action::Accepted { request, log_id });
                self.append_configuration(next, out);
            }
        }
    }

    fn next_configuration(
        &self,
        changes: &[MemberChange],
        expected_term: Option<Term>,
    ) -> Result<Configuration, Refusal> {
        let Role::Leader(leader) = &self.role else {
            return Err(Refusal::NotLeader { leader: self.leader_id() });
        };
        let term = self.hard_state.term;
        if expected_term.is_some_and(|expected| expected != term) {
            return Err(Refusal::WrongTerm { term });
        }
        if let Some(transfer) = leader.transfer {
            return Err(Refusal::Transferring { to: transfer.to });
        }
        if let Some(index) = self.change_in_flight() {
            return Err(Refusal::ChangeInFlight { index });
        }
        // diss:4.1 (corrected in 2015) an older leader's change may be uncommitted and
        // unknown here: only a commit in this term rules that out.
        if !self.has_committed_in_term(leader) {
            return Err(Refusal::TermNotCommitted);
        }
        Ok(membership::enter(self.configuration(), changes)?)
    }

    /// Where the change stands that is under way: the newest configuration, if it is joint or not
    /// committed.
    fn change_in_flight(&self) -> Option<Index> {
        let index = self.configuration_index();
        let is_settled = self.is_committed(index) && !self.configuration().is_joint();
        (!is_settled).then_some(index)
    }

    fn append_configuration(&mut self, next: Configuration, out: &mut Vec<Action>) {
        let batch = Payload::Configuration(Arc::new(next)).into();
        self.append_own(batch, out);
    }

    /// Takes the configuration in force for the leader's own: who is counted and sent to.
    ///
    /// raft:6 it is in force from the moment it is in the log.
    pub(crate) fn seat_members(&mut self) {
        let members = self.configuration().clone();
        let (own, now) = (self.config.node, self.clock.now());
        let next_index = self.log.last().index + 1;
        let Role::Leader(leader) = &mut self.role else { return };
        let old = core::mem::take(&mut leader.peers);
        let mut known: SmallVec<[Option<Peer>; 4]> = old.into_iter().map(Some).collect();
        for id in members.members().into_iter().filter(|id| *id != own) {
            let is_this = |peer: &&mut Option<Peer>| peer.as_ref().is_some_and(|p| p.id == id);
            let found = known.iter_mut().find(is_this).and_then(Option::take);
            let seat = members.seat(id);
            let mut peer = found.unwrap_or_else(|| Peer::new(id, seat, next_index));
            peer.seat = seat;
            leader.peers.push(peer);
        }
        leader.seat = members.seat(own);
        // Whoever is new was never heard, which is nobody's fault yet.
        leader.since = now;
    }

    /// More is committed: a change of members may go on, or be over.
    pub(crate) fn membership_committed(&mut self, out: &mut Vec<Action>) {
        if !self.is_committed(self.configuration_index()) {
            return;
        }
        if self.configuration().is_joint() {
            // raft:6 both halves have agreed on the joint configuration, so that the new voters may
            // go on alone. Whoever leads now sees to it, once: afterwards the newest is not joint.
            let next = membership::leave(self.configuration());
            self.append_configuration(next, out);
            return;
        }
        let Role::Leader(leader) = &self.role else { return };
        if !leader.seat.votes() {
            // raft:6 a leader that is no member any more steps down once the others know that its
            // going is committed.
            self.send_commit(out);
            self.become_follower(self.hard_state.term, None, out);
            return;
        }
        if !self.configuration().learners().is_empty() {
            self.promote_who_waited(out);
        }
    }

    /// Who caught up while another change was under way waits no longer.
    fn promote_who_waited(&mut self, out: &mut Vec<Action>) {
        let learners: SmallVec<[NodeId; 4]> =
            self.configuration().learners().iter().map(|learner| learner.id).collect();
        for id in learners {
            self.promote_caught_up(id, out);
        }
    }

    /// diss:4.2.1 a learner votes once it no longer would hold up a commit.
    pub(crate) fn promote_caught_up(&mut self, id: NodeId, out: &mut Vec<Action>) {
        let Some(learner) = self.configuration().learner(id) else { return };
        let Promotion::WhenCaughtUp { max_lag } = learner.promotion else { return };
        let Role::Leader(leader) = &self.role else { return };
        let matched = leader.peers.iter().find(|peer| peer.id == id).map(|peer| peer.match_index);
        if matched.is_none_or(|matched| matched.saturating_add(max_lag) < self.commit) {
            return;
        }
        let promote = [MemberChange::AddVoter { node: id }];
        if let Ok(next) = self.next_configuration(&promote, None) {
            self.append_configuration(next, out);
        }
    }
}
