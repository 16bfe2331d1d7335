//! Linearizable reads without a log entry (paper §8; dissertation §6.4). Owns no state machine.

use alloc::vec::Vec;

use crate::{
    action::{Action, Limit, Refusal},
    event::Consistency,
    message::{Body, ReadAnswer, ReadOutcome, ReadRequest},
    quorum::reached_by_quorum,
    raft::Raft,
    role::{Leader, PendingRead, Reader, Role},
    types::{NodeId, RequestId, Round, Term},
};

impl Raft {
    pub(crate) fn read(
        &mut self,
        request: RequestId,
        consistency: Consistency,
        out: &mut Vec<Action>,
    ) {
        if matches!(self.role, Role::Leader(_)) {
            self.read_as_leader(Reader::Local { request }, consistency, out);
        } else {
            self.forward_read(request, consistency, out);
        }
    }

    /// Another member asks on behalf of its readers (dissertation §6.4).
    pub(crate) fn read_request(
        &mut self,
        from: NodeId,
        term: Term,
        request: ReadRequest,
        out: &mut Vec<Action>,
    ) {
        if term > self.hard_state.term {
            // raft:5.1
            self.become_follower(term, None, out);
        }
        let reader = Reader::Remote { node: from, token: request.token };
        if matches!(self.role, Role::Leader(_)) {
            self.read_as_leader(reader, request.consistency, out);
        } else {
            let leader = self.leader_id();
            self.answer_read(reader, ReadOutcome::NotLeader { leader }, out);
        }
    }

    fn read_as_leader(&mut self, reader: Reader, consistency: Consistency, out: &mut Vec<Action>) {
        let index = self.commit;
        if consistency == Consistency::Lease && self.has_lease() {
            // diss:6.4.1 nobody else can have led since the last round.
            self.answer_read(reader, ReadOutcome::Ready { index }, out);
            return;
        }
        self.wake(out);
        let expires = self.clock.now().saturating_add(self.config.election_timeout);
        let max_reads = self.config.max_pending_reads as usize;
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.reads.len() >= max_reads {
            self.answer_read(reader, ReadOutcome::Busy, out);
            return;
        }
        // The round must be one that starts after the read came in: an answer to an older one may
        // have left before another leader was elected.
        let round = leader.round + 1;
        // raft:8 the commit index is known to be current only from the term's first entry on.
        let index = index.max(leader.term_start);
        leader.reads.push_back(PendingRead { reader, index, round, expires });
        self.confirm_reads(out);
    }

    /// Answers the reads whose round a quorum has confirmed; starts a round for those that wait for
    /// one while none is under way, so that one round serves all that came meanwhile.
    pub(crate) fn confirm_reads(&mut self, out: &mut Vec<Action>) {
        let commit = self.commit;
        let Role::Leader(leader) = &self.role else { return };
        if leader.reads.is_empty() {
            return;
        }
        // raft:8 until an entry of this term is committed, the commit index may lag behind.
        if commit >= leader.term_start {
            let confirmed = confirmed_round(leader);
            while let Some(read) = self.take_read(|read| read.round <= confirmed) {
                self.answer_read(read.reader, ReadOutcome::Ready { index: read.index }, out);
            }
        }
        let Role::Leader(leader) = &self.role else { return };
        let is_under_way = leader.reads.front().is_some_and(|read| read.round <= leader.round);
        if !leader.reads.is_empty() && !is_under_way {
            self.heartbeat(out);
        }
    }

    /// Refuses reads that no quorum confirmed in time.
    pub(crate) fn expire_reads(&mut self, out: &mut Vec<Action>) {
        let now = self.clock.now();
        while let Some(read) = self.take_read(|read| read.expires <= now) {
            self.answer_read(read.reader, ReadOutcome::NoQuorum, out);
        }
    }

    /// Takes the first of the reads that wait, if it is ready.
    fn take_read(&mut self, is_ready: impl Fn(&PendingRead) -> bool) -> Option<PendingRead> {
        let Role::Leader(leader) = &mut self.role else { return None };
        leader.reads.front().filter(|read| is_ready(read))?;
        leader.reads.pop_front()
    }

    /// Tells the reader what became of the read.
    pub(crate) fn answer_read(&self, reader: Reader, outcome: ReadOutcome, out: &mut Vec<Action>) {
        match reader {
            Reader::Local { request } => out.push(outcome.action(request)),
            Reader::Remote { node, token } => {
                self.send(node, Body::ReadAnswer(ReadAnswer { token, outcome }), out);
            }
        }
    }
}

impl ReadOutcome {
    /// The notice that says so to a reader here.
    pub(crate) fn action(self, request: RequestId) -> Action {
        let reason = match self {
            ReadOutcome::Ready { index } => return Action::ReadReady { request, index },
            ReadOutcome::NotLeader { leader } => Refusal::NotLeader { leader },
            ReadOutcome::NoQuorum => Refusal::NoQuorum,
            ReadOutcome::Busy => Refusal::Busy { limit: Limit::PendingReads },
        };
        Action::Refused { request, reason }
    }
}

/// The newest round that a quorum, ourselves included, has confirmed.
fn confirmed_round(leader: &Leader) -> Round {
    let rounds = leader.peers.iter().map(|peer| (peer.seat, peer.round));
    reached_by_quorum(rounds.chain([(leader.seat, leader.round)]))
}
