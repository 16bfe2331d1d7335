//! Reads at a node that does not lead: it asks the leader for an index, and waits for its own state
//! machine (dissertation §6.4). One question at a time serves all reads that came before it.

use alloc::{boxed::Box, vec::Vec};

use crate::{
    action::{Action, Limit, Refusal},
    event::Consistency,
    message::{Body, ReadAnswer, ReadRequest},
    raft::Raft,
    role::{ForwardedReads, Question, Role},
    status::Drop,
    types::{Nanos, NodeId, RequestId, Term},
};

impl ForwardedReads {
    /// When the first of them expires.
    pub(crate) fn expires(&self) -> Option<Nanos> {
        let waiting = (!self.waiting.is_empty()).then_some(self.waiting_expires);
        self.asked.as_ref().map(|asked| asked.expires).into_iter().chain(waiting).min()
    }

    /// All of them, in order.
    pub(crate) fn requests(self) -> impl Iterator<Item = RequestId> {
        let asked = self.asked.into_iter().flat_map(|asked| asked.requests);
        asked.chain(self.waiting.into_iter().map(|(request, _)| request))
    }

    fn len(&self) -> usize {
        self.waiting.len() + self.asked.as_ref().map_or(0, |asked| asked.requests.len())
    }
}

impl Raft {
    pub(crate) fn forward_read(
        &mut self,
        request: RequestId,
        consistency: Consistency,
        out: &mut Vec<Action>,
    ) {
        let expires = self.clock.now().saturating_add(self.config.election_timeout);
        let max_reads = self.config.max_pending_reads as usize;
        let Role::Follower(follower) = &mut self.role else {
            let reason = Refusal::NotLeader { leader: None };
            out.push(Action::Refused { request, reason });
            return;
        };
        if follower.leader.is_none() {
            let reason = Refusal::NotLeader { leader: None };
            out.push(Action::Refused { request, reason });
            return;
        }
        let reads = follower.reads.get_or_insert_default();
        if reads.len() >= max_reads {
            let reason = Refusal::Busy { limit: Limit::PendingReads };
            out.push(Action::Refused { request, reason });
            return;
        }
        if reads.waiting.is_empty() {
            reads.waiting_expires = expires;
        }
        reads.waiting.push((request, consistency));
        self.ask_leader(out);
    }

    /// Asks for all that wait, unless a question is under way: its answer may be older than they.
    fn ask_leader(&mut self, out: &mut Vec<Action>) {
        let Role::Follower(follower) = &self.role else { return };
        let is_due = follower
            .reads
            .as_ref()
            .is_some_and(|reads| reads.asked.is_none() && !reads.waiting.is_empty());
        let Some(leader) = follower.leader.filter(|_| is_due) else { return };
        let token = self.next_token();
        let Role::Follower(follower) = &mut self.role else { return };
        let Some(reads) = &mut follower.reads else { return };
        let waiting = core::mem::take(&mut reads.waiting);
        let rests_on_lease = waiting.iter().all(|(_, wanted)| *wanted == Consistency::Lease);
        let consistency =
            if rests_on_lease { Consistency::Lease } else { Consistency::Linearizable };
        let requests = waiting.into_iter().map(|(request, _)| request).collect();
        reads.asked = Some(Question { token, requests, expires: reads.waiting_expires });
        self.send(leader, Body::ReadRequest(ReadRequest { token, consistency }), out);
    }

    /// The leader's answer, to whichever question it belongs. It counts from whom it was asked of,
    /// also where our own configuration is too old to name that node.
    pub(crate) fn read_answer(
        &mut self,
        from: NodeId,
        term: Term,
        answer: ReadAnswer,
        out: &mut Vec<Action>,
    ) {
        let was_asked = self.leader_id() == Some(from);
        if !was_asked {
            self.drops.count(Drop::Unasked);
            return;
        }
        if !self.is_current_term(term, out) {
            return;
        }
        let Role::Follower(follower) = &mut self.role else { return };
        let Some(reads) = &mut follower.reads else { return };
        let Some(asked) = reads.asked.take_if(|asked| asked.token == answer.token) else { return };
        let answered = |request| answer.outcome.action(request);
        out.extend(asked.requests.into_iter().map(answered));
        self.ask_leader(out);
    }

    /// Refuses what the leader did not answer in time; what came later is asked now.
    pub(crate) fn expire_forwarded_reads(&mut self, out: &mut Vec<Action>) {
        let now = self.clock.now();
        let Role::Follower(follower) = &mut self.role else { return };
        let Some(reads) = &mut follower.reads else { return };
        let asked = reads.asked.take_if(|asked| asked.expires <= now);
        let mut late: Vec<RequestId> = asked.into_iter().flat_map(|asked| asked.requests).collect();
        // Those that wait may have expired as well: a question for them would be due at once.
        if reads.waiting_expires <= now {
            late.extend(reads.waiting.drain(..).map(|(request, _)| request));
        }
        let reason = Refusal::NoQuorum;
        out.extend(late.into_iter().map(|request| Action::Refused { request, reason }));
        self.ask_leader(out);
    }

    /// The leader that was asked is silent: its readers wait no longer.
    pub(crate) fn give_up_reads(&mut self, out: &mut Vec<Action>) {
        if let Role::Follower(follower) = &mut self.role {
            let reads = follower.reads.take();
            self.refuse_forwarded(reads, None, out);
        }
    }

    /// The leader that was asked is none any more.
    pub(crate) fn refuse_forwarded(
        &self,
        reads: Option<Box<ForwardedReads>>,
        leader: Option<NodeId>,
        out: &mut Vec<Action>,
    ) {
        let reason = Refusal::NotLeader { leader };
        let requests = reads.into_iter().flat_map(|reads| reads.requests());
        out.extend(requests.map(|request| Action::Refused { request, reason }));
    }
}
