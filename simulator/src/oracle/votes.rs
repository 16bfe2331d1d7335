//! Who gets a vote or a pre-vote, and whose term is adopted (paper §5.1, §5.2, §5.4.1, §6;
//! dissertation §4.2.3, §9.6).
//!
//! A voter refuses a request of an older term, and one that comes while it is bound to a leader: by
//! its promise to that, or as one that a quorum answers. A vote that the leader itself asked for is
//! bound by neither. Otherwise it adopts the request's term, and grants a pre-vote to a log that is
//! at least as new as its own, and a vote to the same where it has not given it to another. What it
//! says carries the term that it has by then. Whoever hears an answer of a newer term follows in it.

use quorate_core::{Body, Message, Nanos, NodeId, RoleKind, Term, Token, VoteRequest};

use super::{
    Property, Violation,
    step::{Heard, Step},
};

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// Refused, and its term is not adopted.
    Refuse,
    /// Judged by term, vote and log.
    Judge,
    /// Not sure from outside: either.
    Either,
}

/// Whether a vote is given in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// It is not.
    No,
    /// It is.
    Yes,
    /// Nobody can tell from outside.
    Perhaps,
}

/// An answer that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Expected {
    to: NodeId,
    term: Term,
    campaign: Token,
    /// Whether about a pre-vote.
    is_pre: bool,
    /// Whether the vote is given.
    granted: bool,
}

/// A voter, as it should be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Voter {
    /// Until then it is bound, by its own time.
    promised_until: Nanos,
    /// Whether readers may go on under a lease that it had published.
    may_lend: bool,
    expected: Option<Expected>,
    /// Whether it stands by the wish of the leader.
    told: bool,
}

impl Voter {
    /// A node that starts keeps in full what it promised.
    pub fn begin(&mut self, promise: Nanos, now: Nanos) {
        *self = Voter { promised_until: now + promise, ..Voter::default() };
    }

    /// Judges a step; whether a vote is given in it.
    ///
    /// # Errors
    /// What is broken.
    pub fn step(&mut self, step: &Step<'_>) -> Result<Given, Violation> {
        if step.went_back {
            // Nobody knows how long the clock was wrong: the promise starts anew.
            self.promised_until = step.now + step.before.promise;
        }
        self.may_lend |= step.config.publish_lease && step.after.leads();
        let given = match step.heard {
            Heard::PreVote(from, term, request) => self.request(step, from, term, request, true)?,
            Heard::Vote(from, term, request) => self.request(step, from, term, request, false)?,
            Heard::Append(from, term, promise) => self.append(step, from, term, promise)?,
            Heard::TimeoutNow(from, term) => told_to_stand(step, from, term)?,
            Heard::Appended(..)
            | Heard::Voted(..)
            | Heard::Tick
            | Heard::Proposals
            | Heard::Other => Given::No,
        };
        if step.after.role != RoleKind::Candidate {
            self.told = false;
        } else if step.before.role != RoleKind::Candidate || step.before.term != step.after.term {
            self.told = matches!(step.heard, Heard::TimeoutNow(..));
        }
        Ok(given)
    }

    fn verdict(&self, step: &Step<'_>, term: Term, request: &VoteRequest, pre: bool) -> Verdict {
        // An election that the leader asked for disturbs nobody.
        let is_free = request.transfer && !pre;
        let is_bound = !step.before.leads() && step.now < self.promised_until;
        if term < step.before.term || (is_bound && !is_free) {
            return Verdict::Refuse;
        }
        if self.may_lend || (step.before.leads() && !is_free) {
            return Verdict::Either;
        }
        Verdict::Judge
    }

    /// A request for a vote or a pre-vote came in; whether a vote is given.
    fn request(
        &mut self,
        step: &Step<'_>,
        from: NodeId,
        term: Term,
        request: VoteRequest,
        is_pre: bool,
    ) -> Result<Given, Violation> {
        let (before, after) = (step.before, step.after);
        let verdict = self.verdict(step, term, &request, is_pre);
        if verdict == Verdict::Either {
            return Ok(if is_pre { Given::No } else { Given::Perhaps });
        }
        let judges = verdict == Verdict::Judge;
        let is_newer = judges && term > before.term;
        let had = before.voted_for.filter(|_| !is_newer);
        let (theirs, ours) = (request.last, before.last);
        let is_new_enough = (theirs.term, theirs.index) >= (ours.term, ours.index);
        let is_free = is_pre || had.is_none_or(|had| had == from);
        let granted = judges && is_free && is_new_enough;
        let vote = if granted && !is_pre { Some(from) } else { had };
        let expected = (if is_newer { term } else { before.term }, vote);
        if (after.term, after.voted_for) != expected {
            let what = format!(
                "has term and vote {:?} after {:?} in {:?} with {ours:?}, but should have \
                 {expected:?}",
                (after.term, after.voted_for),
                step.heard,
                (before.term, before.voted_for),
            );
            return Err(step.breaks(Property::VoteRule, what));
        }
        let (term, campaign) = (after.term, request.campaign);
        self.expected = Some(Expected { to: from, term, campaign, is_pre, granted });
        Ok(if granted && !is_pre { Given::Yes } else { Given::No })
    }

    /// An append of a term that is not older makes its sender the leader, and binds.
    fn append(
        &mut self,
        step: &Step<'_>,
        from: NodeId,
        term: Term,
        promise: Nanos,
    ) -> Result<Given, Violation> {
        let after = step.after;
        if term < step.before.term {
            return Ok(Given::No);
        }
        self.promised_until = self.promised_until.max(step.now + promise);
        let follows = after.role == RoleKind::Follower && after.leader == Some(from);
        if after.term == term && follows {
            return Ok(Given::No);
        }
        let what = format!(
            "is {:?} of term {}, following {:?}, after an append of the leader of term {term}",
            after.role, after.term, after.leader
        );
        Err(step.breaks(Property::TermAdopted, what))
    }

    /// Judges what the node sends after the step: the answer that is due, and by whose wish it asks
    /// for votes.
    ///
    /// # Errors
    /// What is broken.
    pub fn says(&mut self, node: u64, sends: &[(NodeId, Message)]) -> Result<(), Violation> {
        for (to, message) in sends {
            match &message.body {
                Body::VoteRequest(request) if request.transfer != self.told => {
                    let what = format!(
                        "asks node {} for its vote with transfer = {}, though that is {}",
                        to.get() - 1,
                        request.transfer,
                        self.told
                    );
                    return Err(Violation::Rule { rule: Property::HandOver, node, what });
                }
                _ => {}
            }
        }
        let Some(expected) = self.expected.take() else { return Ok(()) };
        let Expected { to, term, campaign, is_pre, granted } = expected;
        let answer = sends.iter().find_map(|(whom, message)| match &message.body {
            Body::PreVoteAnswer(answer) if is_pre => ((*whom, answer.campaign) == (to, campaign))
                .then_some((message.term, answer.granted)),
            Body::VoteAnswer(answer) if !is_pre => ((*whom, answer.campaign) == (to, campaign))
                .then_some((message.term, answer.granted)),
            _ => None,
        });
        // A vote that is given leaves once it is durable.
        let may_wait = granted && !is_pre;
        if answer == Some((term, granted)) || (may_wait && answer.is_none()) {
            return Ok(());
        }
        let of = if is_pre { "pre-vote" } else { "vote" };
        let what = format!(
            "answers node {}'s request for a {of} with {answer:?}, but the rule says {:?}",
            to.get() - 1,
            (term, granted)
        );
        Err(Violation::Rule { rule: Property::VoteRule, node, what })
    }
}

/// Whoever is told to stand, by the leader that it follows, and may, does so at once.
fn told_to_stand(step: &Step<'_>, from: NodeId, term: Term) -> Result<Given, Violation> {
    let (before, after) = (step.before, step.after);
    let is_meant =
        before.role == RoleKind::Follower && (before.leader, before.term) == (Some(from), term);
    let may = before.votes && !after.stalled && !after.wants_snapshot && step.config.priority > 0;
    let stands = before.role != after.role;
    if (is_meant && may && !stands && !step.config.publish_lease) || (!is_meant && stands) {
        let what = format!("is {:?} after {:?} told it to stand", after.role, from);
        return Err(step.breaks(Property::HandOver, what));
    }
    Ok(Given::No)
}

/// Whoever hears an answer of a newer term from a member follows in it.
///
/// # Errors
/// Where it does not.
pub fn adopts(step: &Step<'_>, is_member: impl Fn(NodeId) -> bool) -> Result<(), Violation> {
    let (Heard::Appended(from, term, _) | Heard::Voted(from, term)) = step.heard else {
        return Ok(());
    };
    let after = step.after;
    let adopted = after.term == term && after.role == RoleKind::Follower;
    if term <= step.before.term || adopted || !is_member(from) {
        return Ok(());
    }
    let what = format!("is {:?} of term {} after {:?}", after.role, after.term, step.heard);
    Err(step.breaks(Property::TermAdopted, what))
}
