//! One step of one node, as the rules of Figure 2 look at it: what it took in, what it showed
//! before and after, and the time by its own clock. Plain data; knows no rule.

use quorate_core::{
    AppendOutcome, Body, Config, Index, LogId, Message, Nanos, NodeId, RoleKind, Status, Term,
    Timestamp, VoteRequest,
};

use super::{Property, Violation};

/// What a step took in, as far as a rule asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// A question whether an election could be won.
    PreVote(NodeId, Term, VoteRequest),
    /// A request for a vote.
    Vote(NodeId, Term, VoteRequest),
    /// An append, with what it asks its receiver to promise. Nanoseconds.
    Append(NodeId, Term, Nanos),
    /// An answer to an append, and the match that it claims; 0 for none.
    Appended(NodeId, Term, Index),
    /// An answer about a vote or a pre-vote.
    Voted(NodeId, Term),
    /// The leader's word to stand at once.
    TimeoutNow(NodeId, Term),
    /// That time has passed.
    Tick,
    /// Proposals.
    Proposals,
    /// Anything else.
    Other,
}

impl Heard {
    /// A message from `from`.
    pub fn of(from: NodeId, message: &Message) -> Heard {
        let term = message.term;
        match &message.body {
            Body::PreVoteRequest(request) => Heard::PreVote(from, term, *request),
            Body::VoteRequest(request) => Heard::Vote(from, term, *request),
            Body::AppendRequest(request) => Heard::Append(from, term, request.promise),
            Body::AppendAnswer(answer) => match answer.outcome {
                AppendOutcome::Matched { index } => Heard::Appended(from, term, index),
                AppendOutcome::Conflict { .. } | AppendOutcome::SnapshotWanted { .. } => {
                    Heard::Appended(from, term, 0)
                }
            },
            Body::PreVoteAnswer(_) | Body::VoteAnswer(_) => Heard::Voted(from, term),
            Body::TimeoutNow => Heard::TimeoutNow(from, term),
            Body::ReadRequest(_) | Body::ReadAnswer(_) => Heard::Other,
        }
    }
}

/// What a node shows of itself between two steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its role.
    pub role: RoleKind,
    /// Its term.
    pub term: Term,
    /// Its vote.
    pub voted_for: Option<NodeId>,
    /// Whom it follows.
    pub leader: Option<NodeId>,
    /// The end of its log.
    pub last: LogId,
    /// Its commit index.
    pub commit: Index,
    /// Where the configuration in force stands.
    pub members_at: Index,
    /// Whether it votes in that.
    pub votes: bool,
    /// The longest promise that it has made. Nanoseconds.
    pub promise: Nanos,
    /// When it campaigns.
    pub election_due: Option<Timestamp>,
    /// To whom it hands over.
    pub transfer: Option<NodeId>,
    /// Whether its disk is too slow to lead.
    pub stalled: bool,
    /// Whether its state machine waits for a snapshot.
    pub wants_snapshot: bool,
    /// Whether it rests.
    pub quiesced: bool,
}

impl Seen {
    /// What `node` shows.
    pub fn of(node: NodeId, status: &Status<'_>) -> Seen {
        Seen {
            role: status.role,
            term: status.term,
            voted_for: status.voted_for,
            leader: status.leader,
            last: status.log.last(),
            commit: status.commit,
            members_at: status.configuration_index,
            votes: status.configuration.is_voter(node),
            promise: status.promise,
            election_due: status.election_due,
            transfer: status.transfer,
            stalled: status.stalled,
            wants_snapshot: status.wants_snapshot,
            quiesced: status.quiesced,
        }
    }

    /// Whether it leads.
    pub fn leads(&self) -> bool {
        self.role == RoleKind::Leader
    }

    /// Whether it stands for election, or asks whether it should.
    pub fn stands(&self) -> bool {
        matches!(self.role, RoleKind::PreCandidate | RoleKind::Candidate)
    }
}

/// A node's time: the sum of what its clock moved forward, from its start. A step back counts
/// nothing.
#[derive(Clone, Copy, Debug)]
pub struct OwnTime {
    /// So much has passed. Nanoseconds.
    pub now: Nanos,
    read: Timestamp,
}

impl OwnTime {
    /// For a node that starts when its clock shows `read`.
    pub fn new(read: Timestamp) -> OwnTime {
        OwnTime { now: 0, read }
    }

    /// The clock shows `read`; whether it went back.
    pub fn advance(&mut self, read: Timestamp) -> bool {
        let before = std::mem::replace(&mut self.read, read);
        self.now += read.0.saturating_sub(before.0);
        read < before
    }

    /// What the clock will have been moved forward by when it shows `at`; now, where it does.
    pub fn of(&self, at: Timestamp) -> Nanos {
        self.now + at.0.saturating_sub(self.read.0)
    }
}

/// A step.
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// Whose. Counted from 0.
    pub node: u64,
    /// Its knobs.
    pub config: &'a Config,
    /// What it took in.
    pub heard: Heard,
    /// What it showed before.
    pub before: Seen,
    /// What it shows now.
    pub after: Seen,
    /// Its time.
    pub now: Nanos,
    /// Whether its clock went back.
    pub went_back: bool,
}

impl Step<'_> {
    /// What breaks a rule in this step.
    pub fn breaks(&self, rule: Property, what: String) -> Violation {
        Violation::Rule { rule, node: self.node, what }
    }

    /// Whether the node led this term already, and leads it on.
    pub fn leads_on(&self) -> bool {
        self.before.leads() && self.after.leads() && self.before.term == self.after.term
    }

    /// Whether it has begun to lead.
    pub fn begins(&self) -> bool {
        self.after.leads() && !self.leads_on()
    }
}
