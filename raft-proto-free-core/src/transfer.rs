//! Handing the leadership over (dissertation §3.10).

use alloc::vec::Vec;

use crate::{
    action::{Action, Limit, Refusal},
    message::Body,
    peer::Peer,
    raft::Raft,
    role::{Leader, Role, Transfer},
    status::Drop,
    types::{NodeId, RequestId, Term},
};

impl Raft {
    /// Begins to hand over to `to`, or to whoever is best prepared.
    pub(crate) fn transfer(
        &mut self,
        request: RequestId,
        to: Option<NodeId>,
        out: &mut Vec<Action>,
    ) {
        match self.transfer_target(to) {
            Ok(to) => self.begin_transfer(Some(request), to, out),
            Err(reason) => out.push(Action::Refused { request, reason }),
        }
    }

    fn transfer_target(&self, to: Option<NodeId>) -> Result<NodeId, Refusal> {
        let Role::Leader(leader) = &self.role else {
            return Err(Refusal::NotLeader { leader: self.leader_id() });
        };
        if leader.transfer.is_some() {
            return Err(Refusal::Busy { limit: Limit::Transfers });
        }
        let named = |peer: &&Peer| to.is_none_or(|to| peer.id == to);
        let target = best_successor(leader, named);
        target.map(|peer| peer.id).ok_or(Refusal::NoTarget)
    }

    fn begin_transfer(&mut self, request: Option<RequestId>, to: NodeId, out: &mut Vec<Action>) {
        self.wake(out);
        let expires = self.clock.now().saturating_add(self.config.transfer_timeout);
        let Role::Leader(leader) = &mut self.role else { return };
        leader.transfer = Some(Transfer { request, to, expires, told: false });
        // Lease reads are over, here and with whoever was told of the lease.
        if core::mem::take(&mut leader.published) > 0 {
            out.push(Action::Lease { until: None });
        }
        self.watch_transfer(out);
    }

    /// Tells the target to stand once its log is whole; gives up when time is over.
    pub(crate) fn watch_transfer(&mut self, out: &mut Vec<Action>) {
        let Role::Leader(leader) = &self.role else { return };
        let Some(transfer) = leader.transfer else { return };
        let (now, last, is_open) = (self.clock.now(), self.log.last().index, self.is_lease_open());
        let Role::Leader(leader) = &mut self.role else { return };
        if transfer.expires <= now {
            leader.transfer = None;
            leader.hand_over_due = now.saturating_add(self.config.election_timeout * 10);
            // diss:3.10 the cluster goes on under the old leader.
            let reason = Refusal::TransferTimedOut;
            out.extend(transfer.request.map(|request| Action::Refused { request, reason }));
            return;
        }
        // By its *durable* log: what only its memory holds could be lost before it is elected.
        let is_whole = leader.peer(transfer.to).is_some_and(|peer| peer.match_index >= last);
        if transfer.told || !is_whole || is_open {
            return;
        }
        leader.transfer = Some(Transfer { told: true, ..transfer });
        // Voters are about to be asked to break their promise: no lease rests on it any more.
        leader.lease_lost = true;
        self.send(transfer.to, Body::TimeoutNow, out);
    }

    /// The leader of this term asks us to stand at once.
    pub(crate) fn timeout_now(&mut self, from: NodeId, term: Term, out: &mut Vec<Action>) {
        let is_from_leader = self.hard_state.term == term && self.leader_id() == Some(from);
        if !is_from_leader || !matches!(self.role, Role::Follower(_)) {
            self.drops.count(Drop::Stale);
            return;
        }
        self.watch_disk(out);
        if self.may_campaign() && !self.is_lease_open() {
            // diss:3.10 no pre-vote: the leader itself gives way.
            self.stand(true, out);
        }
    }

    /// Whoever should rather lead and can, does.
    pub(crate) fn hand_over_to_a_better(&mut self, out: &mut Vec<Action>) {
        let (now, own) = (self.clock.now(), self.config.priority);
        let Role::Leader(leader) = &self.role else { return };
        if leader.transfer.is_some() || now < leader.hand_over_due || !leader.seat.votes() {
            return;
        }
        let commit = self.commit;
        let is_better = |peer: &&Peer| peer.priority > own && peer.match_index >= commit;
        if let Some(to) = best_successor(leader, is_better).map(|peer| peer.id) {
            self.begin_transfer(None, to, out);
        }
    }

    /// Hands over to whoever can take over, if anybody can.
    pub(crate) fn hand_over_to_anyone(&mut self, out: &mut Vec<Action>) {
        if let Ok(to) = self.transfer_target(None) {
            self.begin_transfer(None, to, out);
        }
    }
}

/// The voter with the highest priority among those `wanted`; then the one with the longest log; then
/// the first by name. Learners, and who said that it never leads, are none.
fn best_successor(leader: &Leader, wanted: impl Fn(&&Peer) -> bool) -> Option<&Peer> {
    let able = leader.peers.iter().filter(|peer| peer.seat.incoming && peer.priority > 0);
    able.filter(|peer| wanted(peer)).min_by_key(|peer| {
        let by_priority = core::cmp::Reverse(peer.priority);
        (by_priority, core::cmp::Reverse(peer.match_index), peer.id)
    })
}
