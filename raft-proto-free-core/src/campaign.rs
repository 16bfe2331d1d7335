//! The candidate's side of elections (paper §5.2; dissertation §9.6). Knows no entries.

use alloc::vec::Vec;

use smallvec::SmallVec;

use crate::{
    action::{Action, Halt},
    message::{Body, VoteAnswer, VoteRequest},
    quorum::majority,
    raft::Raft,
    role::{Campaign, Role},
    types::{NodeId, TERM_LIMIT, Token},
};

impl Raft {
    /// The election timeout passed: asks whether an election could be won, and holds it if so.
    pub(crate) fn campaign(&mut self, out: &mut Vec<Action>) {
        let own = self.config.node;
        self.redraw_election_timer();
        let campaign = self.new_campaign();
        let request = VoteRequest { last: self.log.last(), campaign: campaign.token };
        self.role = Role::PreCandidate(campaign);
        self.count_vote(own, out);
        if matches!(self.role, Role::PreCandidate(_)) {
            for id in self.others() {
                self.send(id, Body::PreVoteRequest(request), out);
            }
        }
    }

    pub(crate) fn pre_vote_answer(
        &mut self,
        from: NodeId,
        answer: VoteAnswer,
        out: &mut Vec<Action>,
    ) {
        let Role::PreCandidate(campaign) = &self.role else { return };
        if answer.granted && answer.campaign == campaign.token {
            self.count_vote(from, out);
        }
    }

    pub(crate) fn vote_answer(&mut self, from: NodeId, answer: VoteAnswer, out: &mut Vec<Action>) {
        let Role::Candidate(campaign) = &self.role else { return };
        if answer.granted && answer.campaign == campaign.token {
            self.count_vote(from, out);
        }
    }

    /// Counts a vote once for each voter; a majority of the voters carries the campaign on.
    pub(crate) fn count_vote(&mut self, from: NodeId, out: &mut Vec<Action>) {
        let needed = majority(self.configuration().voters().len());
        let (Role::PreCandidate(campaign) | Role::Candidate(campaign)) = &mut self.role else {
            return;
        };
        if !campaign.granted.contains(&from) {
            campaign.granted.push(from);
        }
        if campaign.granted.len() < needed {
            return;
        }
        if matches!(self.role, Role::PreCandidate(_)) {
            self.stand(out);
        } else {
            // raft:5.2 a majority of one term's votes: no other can have one.
            self.become_leader(out);
        }
    }

    /// Stands for election in the next term. The requests, and the own vote, wait for the disk.
    fn stand(&mut self, out: &mut Vec<Action>) {
        let term = self.hard_state.term + 1;
        if term >= TERM_LIMIT {
            self.halt(Halt::Exhausted, out);
            return;
        }
        self.hard_state.term = term;
        self.hard_state.voted_for = Some(self.config.node);
        self.held_vote = None;
        self.draft.due = true;
        self.redraw_election_timer();
        self.role = Role::Candidate(self.new_campaign());
    }

    fn new_campaign(&mut self) -> Campaign {
        self.campaigns += 1;
        let token = Token { incarnation: self.incarnation, number: self.campaigns };
        Campaign { token, granted: SmallVec::new(), asked: false }
    }
}
