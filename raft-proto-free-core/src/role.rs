//! What a node remembers only while it has a role (paper §5.1). Plain data; knows no rule.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use smallvec::SmallVec;

use crate::{
    action::RoleKind,
    configuration::Seat,
    event::Consistency,
    peer::Peer,
    types::{Index, Nanos, NodeId, RequestId, Round, Token},
};

/// A role and its memory, which ends with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    Follower(Follower),
    PreCandidate(Box<Campaign>),
    Candidate(Box<Campaign>),
    Leader(Box<Leader>),
}

impl Role {
    pub(crate) fn kind(&self) -> RoleKind {
        match self {
            Role::Follower(_) => RoleKind::Follower,
            Role::PreCandidate(_) => RoleKind::PreCandidate,
            Role::Candidate(_) => RoleKind::Candidate,
            Role::Leader(_) => RoleKind::Leader,
        }
    }
}

/// A follower's memory of this term.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Follower {
    /// Who leads the term. First none; never changes once set.
    pub(crate) leader: Option<NodeId>,
    /// Our log in memory equals the leader's through here. Starts at 0; never falls.
    pub(crate) verified: Index,
    /// The newest round heard of. Starts at 0; never falls.
    pub(crate) round: Round,
    /// What the last answer said, so that nothing is said twice for nothing.
    pub(crate) answered_match: Index,
    pub(crate) answered_round: Round,
    /// Reads that are asked of the leader. None while there are none.
    pub(crate) reads: Option<Box<ForwardedReads>>,
    /// Whether the leader said that it falls silent.
    pub(crate) quiesced: bool,
}

/// Reads that came to a node that does not lead.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ForwardedReads {
    /// What the leader was asked; one question at a time.
    pub(crate) asked: Option<Question>,
    /// What came since; they make the next question.
    pub(crate) waiting: Vec<(RequestId, Consistency)>,
    /// When the first of those that wait came in, plus an election timeout.
    pub(crate) waiting_expires: Nanos,
}

/// A question to the leader about reads.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    pub(crate) token: Token,
    pub(crate) requests: Vec<RequestId>,
    pub(crate) expires: Nanos,
}

/// A candidacy, or the question whether one would be of use.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Campaign {
    /// Names the campaign, so that late answers to another are recognised.
    pub(crate) token: Token,
    /// Who said yes, each once.
    pub(crate) granted: SmallVec<[NodeId; 4]>,
    /// Who said no, each once: tells why no leader can be elected.
    pub(crate) refused: SmallVec<[NodeId; 4]>,
    /// Whether the requests went out; a candidate's wait for its own durable vote.
    pub(crate) asked: bool,
    /// Whether the leader asked for this election.
    pub(crate) transfer: bool,
}

/// A leader's memory of its term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Leader {
    /// The other members, ascending by name.
    pub(crate) peers: Vec<Peer>,
    /// Where the leader itself votes.
    pub(crate) seat: Seat,
    /// The first entry of this term.
    pub(crate) term_start: Index,
    /// From when on contact with a quorum is due: the election, the last change of members, or the
    /// end of silence.
    pub(crate) since: Nanos,
    /// The newest round. Starts at 1.
    pub(crate) round: Round,
    /// When rounds were sent, ascending: for a round that is not here the one before it counts,
    /// which errs on the safe side.
    pub(crate) sent: VecDeque<(Round, Nanos)>,
    /// Rounds before this one confirm no lease: they were sent before a change of the promise.
    pub(crate) lease_round: Round,
    /// Whether the term's lease is over for good: somebody may have been elected in spite of it.
    pub(crate) lease_lost: bool,
    /// The end of the lease that was published; 0 for none.
    pub(crate) published: Nanos,
    pub(crate) heartbeat_due: Nanos,
    /// When followers must hear of the commit index at the latest.
    pub(crate) notify_due: Option<Nanos>,
    /// Proposals of this term that are not yet committed: last index and cost, ascending.
    pub(crate) uncommitted: VecDeque<(Index, u64)>,
    pub(crate) uncommitted_bytes: u64,
    /// Reads that wait, by ascending round.
    pub(crate) reads: VecDeque<PendingRead>,
    pub(crate) transfer: Option<Transfer>,
    /// When this node may next hand over of its own accord.
    pub(crate) hand_over_due: Nanos,
    /// Whether nothing is sent until something happens.
    pub(crate) quiesced: bool,
}

/// A read that waits for a round and for the term's first commit.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct PendingRead {
    pub(crate) reader: Reader,
    /// What must be applied before it is answered.
    pub(crate) index: Index,
    /// The round that must be confirmed: one that was started after the read came in.
    pub(crate) round: Round,
    pub(crate) expires: Nanos,
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reader {
    /// Somebody here.
    Local { request: RequestId },
    /// Another node, on behalf of its readers.
    Remote { node: NodeId, token: Token },
}

/// A leadership on its way to another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Transfer {
    /// Who asked; none where the node itself thought of it.
    pub(crate) request: Option<RequestId>,
    pub(crate) to: NodeId,
    pub(crate) expires: Nanos,
    /// Whether the other node was told to stand.
    pub(crate) told: bool,
}

impl Leader {
    pub(crate) fn peer(&mut self, id: NodeId) -> Option<&mut Peer> {
        let place = self.place_of(id)?;
        self.peers.get_mut(place)
    }

    pub(crate) fn place_of(&self, id: NodeId) -> Option<usize> {
        self.peers.iter().position(|peer| peer.id == id)
    }
}
