//! The voter's side of elections (paper §5.2, §5.4.1; dissertation §9.6). Requests are judged by
//! term and log alone, whoever sends them and whatever our own configuration says.

use alloc::vec::Vec;

use crate::{
    action::Action,
    aside::HeldVote,
    message::{Body, VoteAnswer, VoteRequest},
    raft::Raft,
    role::Role,
    types::{NodeId, Term},
};

impl Raft {
    /// Would we vote for `from` in the term after `term`? Changes neither vote nor timer.
    pub(crate) fn pre_vote_request(
        &mut self,
        from: NodeId,
        term: Term,
        request: VoteRequest,
        out: &mut Vec<Action>,
    ) {
        let VoteRequest { last, campaign, .. } = request;
        self.wake(out);
        if term < self.hard_state.term || self.is_bound_to_a_leader() {
            // The answer carries our term: whoever lags adopts it and asks again.
            self.answer_pre_vote(from, VoteAnswer { granted: false, campaign }, out);
            return;
        }
        if term > self.hard_state.term {
            // differs: a pre-vote carries the sender's own term, which exists, and so is adopted as
            // in any other message; the paper's carries the term that would come.
            self.become_follower(term, None, out);
        }
        let granted = last >= self.log.last();
        self.answer_pre_vote(from, VoteAnswer { granted, campaign }, out);
    }

    /// Votes, at most once a term, for a log that holds at least all that ours does.
    pub(crate) fn vote_request(
        &mut self,
        from: NodeId,
        term: Term,
        request: VoteRequest,
        out: &mut Vec<Action>,
    ) {
        let VoteRequest { last, campaign, transfer } = request;
        self.wake(out);
        // diss:4.2.3 an election that the leader asked for disturbs nobody.
        let is_bound = self.is_lease_open() || (!transfer && self.is_bound_to_a_leader());
        if term < self.hard_state.term || is_bound {
            // raft:5.2 a request of an older term is refused; raft:6 so is one that comes while we
            // hear from a leader, and its term is not adopted, or it would depose that leader.
            self.answer_vote(from, VoteAnswer { granted: false, campaign }, out);
            return;
        }
        if term > self.hard_state.term {
            self.become_follower(term, None, out);
        }
        let free = self.hard_state.voted_for.is_none_or(|voted_for| voted_for == from);
        // raft:5.4.1 compared by last term, then by last index: a leader must hold every committed
        // entry, and a longer log of an older term may not.
        let up_to_date = last >= self.log.last();
        if !(free && up_to_date) {
            self.answer_vote(from, VoteAnswer { granted: false, campaign }, out);
            return;
        }
        if self.hard_state.voted_for.is_none() {
            self.hard_state.voted_for = Some(from);
            self.draft.due = true;
        }
        if matches!(self.role, Role::PreCandidate(_)) {
            self.become_follower(term, None, out);
        }
        // raft:5.2 granting a vote, and nothing less, starts the wait for its result.
        self.reset_election_timer();
        // Given away only once it is durable: see `release`.
        self.aside.hold_vote(HeldVote { to: from, campaign });
    }

    fn answer_pre_vote(&self, to: NodeId, answer: VoteAnswer, out: &mut Vec<Action>) {
        self.send(to, Body::PreVoteAnswer(answer), out);
    }

    pub(crate) fn answer_vote(&self, to: NodeId, answer: VoteAnswer, out: &mut Vec<Action>) {
        self.send(to, Body::VoteAnswer(answer), out);
    }
}
