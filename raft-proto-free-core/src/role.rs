//! What a node remembers only while it has a role (paper §5.1). Plain data; knows no rule.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use smallvec::SmallVec;

use crate::{
    action::RoleKind,
    peer::Peer,
    types::{Index, Nanos, NodeId, RequestId, Round, Token},
};

/// A role and its memory, which ends with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Follower(Follower),
    PreCandidate(Campaign),
    Candidate(Campaign),
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
}

/// A candidacy, or the question whether one would be of use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Campaign {
    /// Names the campaign, so that late answers to another are recognised.
    pub(crate) token: Token,
    /// Who said yes, each once.
    pub(crate) granted: SmallVec<[NodeId; 4]>,
    /// Whether the requests went out; a candidate's wait for its own durable vote.
    pub(crate) asked: bool,
}

/// A leader's memory of its term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Leader {
    /// The other voters, ascending by name.
    pub(crate) peers: SmallVec<[Peer; 4]>,
    /// The first entry of this term.
    pub(crate) term_start: Index,
    /// The newest round. Starts at 1.
    pub(crate) round: Round,
    /// When rounds were sent, ascending: for a round that is not here the one before it counts,
    /// which errs on the safe side.
    pub(crate) sent: VecDeque<(Round, Nanos)>,
    pub(crate) heartbeat_due: Nanos,
    /// When followers must hear of the commit index at the latest.
    pub(crate) notify_due: Option<Nanos>,
    /// Proposals of this term that are not yet committed: last index and cost, ascending.
    pub(crate) uncommitted: VecDeque<(Index, u64)>,
    pub(crate) uncommitted_bytes: u64,
    /// Reads that wait, by ascending round.
    pub(crate) reads: VecDeque<PendingRead>,
}

/// A read that waits for a round and for the term's first commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PendingRead {
    pub(crate) request: RequestId,
    /// What must be applied before it is answered.
    pub(crate) index: Index,
    /// The round that must be confirmed: one that was started after the read came in.
    pub(crate) round: Round,
    pub(crate) expires: Nanos,
}

impl Leader {
    pub(crate) fn peer(&mut self, id: NodeId) -> Option<&mut Peer> {
        let place = self.peers.binary_search_by_key(&id, |peer| peer.id).ok()?;
        self.peers.get_mut(place)
    }

    /// Takes out the reads that `ready` chooses; they lie together at the front.
    pub(crate) fn take_reads(&mut self, ready: impl Fn(&PendingRead) -> bool) -> Vec<PendingRead> {
        let count = self.reads.iter().take_while(|read| ready(read)).count();
        self.reads.drain(..count).collect()
    }
}
