//! What may leave once the disk holds what it rests on (paper §5.2, Figure 2: persistent state is
//! updated before answering). The one place where durability turns into speech.

use alloc::vec::Vec;

use crate::{
    action::Action,
    message::{Body, VoteAnswer, VoteRequest},
    raft::Raft,
    role::Role,
};

impl Raft {
    /// Lets go whatever is durable by now. Called once in each step, before its own write is asked
    /// for: what this step drafted is not durable.
    pub(crate) fn release(&mut self, out: &mut Vec<Action>) {
        let waits = match &self.role {
            Role::Follower(_) | Role::PreCandidate(_) | Role::Leader(_) => self.aside.holds_vote(),
            Role::Candidate(campaign) => !campaign.asked,
        };
        // Without the vote the term is not durable either, and nothing can be released in it.
        if waits && self.is_vote_durable() {
            self.release_waiting(out);
        }
    }

    #[cold]
    fn release_waiting(&mut self, out: &mut Vec<Action>) {
        self.release_vote(out);
        self.release_candidacy(out);
    }

    /// Whether a restart would find this term with this vote.
    fn is_vote_durable(&self) -> bool {
        let durable = self.durability.hard_state();
        (durable.term, durable.voted_for) == (self.hard_state.term, self.hard_state.voted_for)
    }

    /// raft:5.2 a vote that a crash could take back might be given twice.
    fn release_vote(&mut self, out: &mut Vec<Action>) {
        if let Some(vote) = self.aside.take_vote() {
            let answer = VoteAnswer { granted: true, campaign: vote.campaign };
            self.answer_vote(vote.to, answer, out);
        }
    }

    /// raft:5.2 the own vote counts, and the others are asked for theirs, once it is durable.
    fn release_candidacy(&mut self, out: &mut Vec<Action>) {
        let last = self.log.last();
        let Role::Candidate(campaign) = &mut self.role else { return };
        if campaign.asked {
            return;
        }
        campaign.asked = true;
        let (token, transfer) = (campaign.token, campaign.transfer);
        let request = VoteRequest { last, campaign: token, transfer };
        for id in self.other_voters() {
            self.send(id, Body::VoteRequest(request), out);
        }
        self.count_vote(self.config.node, out);
    }
}
