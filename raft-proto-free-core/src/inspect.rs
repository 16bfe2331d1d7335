//! The gate for what peers send: form and term, before any rule looks at it. Peers are not trusted
//! to be sane, so nothing here or behind it panics on their numbers.

use alloc::vec::Vec;

use crate::{
    action::Action,
    batch::Batch,
    config::Config,
    configuration::Configuration,
    message::{AppendOutcome, AppendRequest, Body, Message, ReadOutcome},
    raft::Raft,
    role::Role,
    status::Drop,
    types::{INDEX_LIMIT, LogId, Nanos, NodeId, TERM_LEAP_LIMIT, TERM_LIMIT, Term},
};

/// No leader may bind its followers for longer. Nanoseconds: one hour, as in
/// [`Config::election_timeout`](crate::Config::election_timeout).
pub(crate) const PROMISE_LIMIT: Nanos = 3_600_000_000_000;

impl Raft {
    /// Whether the message can be true at all, whoever we are.
    pub(crate) fn judge_form(&self, from: NodeId, message: &Message) -> Result<(), Drop> {
        if from == self.config.node {
            return Err(Drop::FromOurselves);
        }
        if message.term >= TERM_LIMIT {
            return Err(Drop::Malformed);
        }
        if message.term > self.hard_state.term.saturating_add(TERM_LEAP_LIMIT) {
            return Err(Drop::TermLeap);
        }
        let sane = match &message.body {
            Body::PreVoteRequest(request) | Body::VoteRequest(request) => {
                is_sane(request.last) && request.last.term <= message.term
            }
            Body::PreVoteAnswer(_) | Body::VoteAnswer(_) => true,
            Body::TimeoutNow | Body::ReadRequest(_) => message.term > 0,
            Body::ReadAnswer(answer) => match answer.outcome {
                ReadOutcome::Ready { index } => index < INDEX_LIMIT,
                ReadOutcome::NotLeader { .. } | ReadOutcome::NoQuorum | ReadOutcome::Busy => true,
            },
            Body::AppendRequest(request) => is_sane_append(message.term, request),
            Body::AppendAnswer(answer) if answer.priority > Config::PRIORITY_MAX => false,
            Body::AppendAnswer(answer) => match answer.outcome {
                AppendOutcome::Matched { index: told }
                | AppendOutcome::SnapshotWanted { beyond: told } => told < INDEX_LIMIT,
                AppendOutcome::Conflict { rejected, hint } => {
                    rejected < INDEX_LIMIT && is_sane(hint) && hint.index <= rejected
                }
            },
        };
        if sane { Ok(()) } else { Err(Drop::Malformed) }
    }

    /// Whether an answer comes from a member, in our term. A newer term is adopted.
    pub(crate) fn is_current_answer(
        &mut self,
        from: NodeId,
        term: Term,
        out: &mut Vec<Action>,
    ) -> bool {
        if !self.configuration().is_member(from) {
            // Only members were asked.
            self.drops.count(Drop::Unasked);
            return false;
        }
        self.is_current_term(term, out)
    }

    /// Whether an answer is of our term. A newer one is adopted.
    pub(crate) fn is_current_term(&mut self, term: Term, out: &mut Vec<Action>) -> bool {
        if term > self.hard_state.term {
            // raft:5.1 whoever learns of a newer term follows in it, also from a refusal.
            self.become_follower(term, None, out);
            return false;
        }
        if term < self.hard_state.term {
            self.drops.count(Drop::Stale);
            return false;
        }
        true
    }

    /// Whether a leader's contact with a quorum, or our promise to a leader, still rules out votes.
    pub(crate) fn is_bound_to_a_leader(&self) -> bool {
        match &self.role {
            Role::Leader(leader) => self.clock.now() <= self.quorum_lapses(leader),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                self.clock.now() < self.promised_until || self.is_lease_open()
            }
        }
    }
}

fn is_sane(log_id: LogId) -> bool {
    log_id.term < TERM_LIMIT
        && log_id.index < INDEX_LIMIT
        && (log_id.term == 0) == (log_id.index == 0)
}

fn is_sane_append(term: Term, request: &AppendRequest) -> bool {
    let numbers = term > 0
        && is_sane(request.prev)
        && request.prev.term <= term
        && request.commit < INDEX_LIMIT
        && (1..=PROMISE_LIMIT).contains(&request.promise);
    numbers && are_sane_entries(term, request)
}

/// Whether the entries follow what they should follow. That they follow one another is their type's
/// promise.
fn are_sane_entries(term: Term, request: &AppendRequest) -> bool {
    let batches = request.entries.batches();
    let Some((first, last)) = batches.first().zip(batches.last()) else { return true };
    let has_voters = |members: &Configuration| !members.voters().is_empty();
    first.first_index() == request.prev.index + 1
        && first.term() >= request.prev.term
        && last.term() <= term
        && last.last_index() < INDEX_LIMIT - 1
        && batches.iter().flat_map(Batch::configurations).all(|(_, members)| has_voters(members))
}
