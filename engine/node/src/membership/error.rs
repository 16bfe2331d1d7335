//! Why the members are not changed.

use quorate_core::{ADDRESS_LIMIT_BYTES, NodeId};
use serde::{Deserialize, Serialize};

/// Why the members were surely not changed, with the way out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum MemberError {
    /// No node can be there.
    #[error(
        "`{address}` is no address: it is `host:port`, at most {ADDRESS_LIMIT_BYTES} bytes, as \
         the other nodes reach it"
    )]
    Address {
        /// What was given.
        address: String,
    },
    /// The node is a member, at another address.
    #[error(
        "node {node} is a member already, at {}: take another id for a new node, or tell the \
         group with member_update that this one has moved", address.as_deref().unwrap_or("no address")
    )]
    Exists {
        /// Which.
        node: NodeId,
        /// Where it is.
        address: Option<String>,
    },
    /// Another member is at that address.
    #[error("node {node} is a member at {address}: each node has an address of its own")]
    AddressTaken {
        /// Who is there.
        node: NodeId,
        /// Where.
        address: String,
    },
    /// The node is no member.
    #[error("node {node} is no member; the members are {members:?}")]
    NotAMember {
        /// Which.
        node: NodeId,
        /// Who is.
        members: Vec<NodeId>,
    },
    /// Nobody could decide anything any more.
    #[error("node {node} is the last voter: add and promote another first, or stop this one")]
    LastVoter {
        /// Which.
        node: NodeId,
    },
    /// There would be too many.
    #[error("a group has at most 255 voters and as many learners: remove some first")]
    TooMany,
    /// The new node does not answer.
    #[error("node {node} does not answer ({reason}): start it with Start::Join, then add it")]
    Unreachable {
        /// Which.
        node: NodeId,
        /// What was tried.
        reason: String,
    },
    /// The new node is a learner by now, and has not answered: it gets no vote before it does.
    #[error(
        "node {node} was added as a learner and does not answer: it must reach the leader at the \
         address that the leader tells it, EngineConfig::address; then add it again, or remove it"
    )]
    Silent {
        /// Which.
        node: NodeId,
    },
    /// Whoever is at the address is not the new node.
    #[error(
        "who listens at {address} is not node {node} of this group: {reason}; check its address, \
         id and group"
    )]
    Stranger {
        /// Who should be there.
        node: NodeId,
        /// Where.
        address: String,
        /// What it said.
        reason: String,
    },
    /// The new node is none: it has a log.
    #[error(
        "node {node} has the log of a group already: only a node with an empty directory joins; \
         start it with Start::Join on one, under an id that no member ever had"
    )]
    Used {
        /// Which.
        node: NodeId,
    },
    /// The leader has no way to others.
    #[error("node {node} leads and listens nowhere: start it with EngineConfig::listen set")]
    NotListening {
        /// The leader.
        node: NodeId,
    },
    /// Nobody can take the leadership over, or not this one.
    #[error("node {to} cannot lead: it is no voter; promote it first")]
    NotAVoter {
        /// Which.
        to: NodeId,
    },
    /// The learner is not ready, and would hold up commits.
    #[error(
        "learner {node} is {behind} entries behind, more than the {max_lag} allowed: wait for it, \
         or see whether it runs"
    )]
    Lagging {
        /// Which.
        node: NodeId,
        /// How many entries of what is committed it lacks.
        behind: u64,
        /// How many it may lack.
        max_lag: u64,
    },
    /// One change at a time.
    #[error("another change of the members is under way: wait until it is done")]
    UnderWay,
}

impl MemberError {
    /// Whether it may pass by itself: it is tried again while there is time.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            MemberError::Unreachable { .. }
            | MemberError::Silent { .. }
            | MemberError::Lagging { .. }
            | MemberError::UnderWay => true,
            MemberError::Address { .. }
            | MemberError::Exists { .. }
            | MemberError::AddressTaken { .. }
            | MemberError::NotAMember { .. }
            | MemberError::LastVoter { .. }
            | MemberError::TooMany
            | MemberError::Stranger { .. }
            | MemberError::Used { .. }
            | MemberError::NotListening { .. }
            | MemberError::NotAVoter { .. } => false,
        }
    }
}
