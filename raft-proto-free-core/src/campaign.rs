//! The candidate's side of elections (paper §5.2; dissertation §9.6). Knows no entries.

use alloc::{boxed::Box, vec::Vec};

use smallvec::SmallVec;

use crate::{
    action::{Action, Halt},
    configuration::Seat,
    message::{Body, VoteAnswer, VoteRequest},
    quorum::reached_by_quorum,
    raft::Raft,
    role::{Campaign, Role},
    types::{NodeId, TERM_LIMIT},
};

impl Raft {
    /// The election timeout passed: asks whether an election could be won, and holds it if so.
    pub(crate) fn campaign(&mut self, out: &mut Vec<Action>) {
        let own = self.config.node;
        self.redraw_election_timer();
        if self.is_lease_open() {
            return;
        }
        let campaign = self.new_campaign(false);
        let request =
            VoteRequest { last: self.log.last(), campaign: campaign.token, transfer: false };
        // Reads that wait for an answer of the silent leader wait no longer.
        self.give_up_reads(out);
        self.role = Role::PreCandidate(campaign);
        self.count_vote(own, out);
        if matches!(self.role, Role::PreCandidate(_)) {
            for id in self.other_voters() {
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
        if matches!(self.role, Role::PreCandidate(_)) {
            self.take_vote(from, answer, out);
        }
    }

    pub(crate) fn vote_answer(&mut self, from: NodeId, answer: VoteAnswer, out: &mut Vec<Action>) {
        if matches!(self.role, Role::Candidate(_)) {
            self.take_vote(from, answer, out);
        }
    }

    fn take_vote(&mut self, from: NodeId, answer: VoteAnswer, out: &mut Vec<Action>) {
        let (Role::PreCandidate(campaign) | Role::Candidate(campaign)) = &mut self.role else {
            return;
        };
        if answer.campaign != campaign.token {
            return;
        }
        if answer.granted {
            self.count_vote(from, out);
        } else if !campaign.refused.contains(&from) {
            campaign.refused.push(from);
        }
    }

    /// Counts a vote once for each voter; a quorum of the voters carries the campaign on.
    pub(crate) fn count_vote(&mut self, from: NodeId, out: &mut Vec<Action>) {
        let (Role::PreCandidate(campaign) | Role::Candidate(campaign)) = &mut self.role else {
            return;
        };
        if !campaign.granted.contains(&from) {
            campaign.granted.push(from);
        }
        if !self.has_quorum_of_votes() {
            return;
        }
        if matches!(self.role, Role::PreCandidate(_)) {
            self.stand(false, out);
        } else {
            // raft:5.2 a majority of one term's votes: no other can have one.
            self.become_leader(out);
        }
    }

    fn has_quorum_of_votes(&self) -> bool {
        let (Role::PreCandidate(campaign) | Role::Candidate(campaign)) = &self.role else {
            return false;
        };
        let granted = |id: &NodeId| u64::from(campaign.granted.contains(id));
        let (old, new) = (self.configuration().outgoing(), self.configuration().voters());
        let incoming = new.iter().map(|id| (Seat { incoming: true, outgoing: false }, granted(id)));
        let outgoing = old.iter().map(|id| (Seat { incoming: false, outgoing: true }, granted(id)));
        // raft:6 while a change is under way it takes a majority of either half.
        reached_by_quorum(incoming.chain(outgoing)) == 1
    }

    /// Stands for election in the next term. The requests, and the own vote, wait for the disk.
    pub(crate) fn stand(&mut self, transfer: bool, out: &mut Vec<Action>) {
        let term = self.hard_state.term + 1;
        if term >= TERM_LIMIT {
            self.halt(Halt::Exhausted, out);
            return;
        }
        self.give_up_reads(out);
        self.hard_state.term = term;
        self.hard_state.voted_for = Some(self.config.node);
        self.aside.take_vote();
        self.draft.due = true;
        self.redraw_election_timer();
        self.role = Role::Candidate(self.new_campaign(transfer));
    }

    fn new_campaign(&mut self, transfer: bool) -> Box<Campaign> {
        let token = self.next_token();
        let (granted, refused) = (SmallVec::new(), SmallVec::new());
        Box::new(Campaign { token, granted, refused, asked: false, transfer })
    }

    /// The other voters, of both halves.
    pub(crate) fn other_voters(&self) -> SmallVec<[NodeId; 8]> {
        let members = self.configuration();
        let mut all: SmallVec<[NodeId; 8]> = members.voters().into();
        let also = members.outgoing().iter().filter(|id| !members.seat(**id).incoming);
        all.extend(also.copied());
        all.retain(|id| *id != self.config.node);
        all
    }
}
