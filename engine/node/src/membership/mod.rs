//! Who the members are, and other members: what can be wished, what stands in the way, and how it is
//! carried out.

mod carry_out;
mod error;
mod keeper;
mod machine;
mod watch;
mod wish;

use quorate_core::{Configuration, NodeId, Promotion};

pub use self::{
    error::MemberError,
    watch::{Membership, MembershipChanges, Standing},
};
pub(crate) use self::{
    keeper::Keeper,
    wish::{Wish, check_address},
};

/// A member of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub node: NodeId,
    /// Where it listens for the others, `host:port`; none where the group does not know.
    pub address: Option<String>,
    /// What it is.
    pub role: MemberRole,
    /// Whether it leads, as far as the node knows that was asked.
    pub is_leader: bool,
    /// Through which entry its disk is known to hold the log. Only
    /// [`Coordination::members`](crate::Coordination::members) at the leader says so, of the others.
    pub matched: Option<u64>,
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberRole {
    /// It votes.
    Voter,
    /// It votes until the change that is under way is done.
    Outgoing,
    /// It has the log, and no vote yet.
    Learner(Promotion),
}

/// All members of a configuration, by name.
pub(crate) fn members_of(configuration: &Configuration, leader: Option<NodeId>) -> Vec<Member> {
    let member = |node: NodeId| Member {
        node,
        address: configuration.address(node).map(|address| address.to_string()),
        role: match (configuration.seat(node), configuration.learner(node)) {
            (seat, _) if seat.incoming => MemberRole::Voter,
            (seat, Some(learner)) if !seat.outgoing => MemberRole::Learner(learner.promotion),
            _ => MemberRole::Outgoing,
        },
        is_leader: leader == Some(node),
        matched: None,
    };
    configuration.members().into_iter().map(member).collect()
}
