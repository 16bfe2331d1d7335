//! The members, as programs follow them.

use quorate_core::{NodeId, Term};
use quorate_tokio::NodeStatus;
use tokio::sync::watch;

use super::{Member, members_of};

/// What a node is in its group, as far as it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No member yet: somebody must add it.
    Joining,
    /// A member.
    Member,
    /// A member no more: the others go on without it. It can be stopped for good.
    Removed,
}

/// The members, as one node knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// Where the configuration stands in the log: its term.
    pub term: Term,
    /// And its index; 0 where the node has none yet. Greater ones are newer.
    pub index: u64,
    /// Whether it is committed. Else it may yet be taken back.
    pub is_committed: bool,
    /// Whether a change of voters is under way: then decisions take two majorities.
    pub is_joint: bool,
    /// All members, by name.
    pub members: Vec<Member>,
    /// What this node is.
    pub standing: Standing,
}

impl Membership {
    pub(crate) fn new(
        seen: &quorate_tokio::Membership,
        leader: Option<NodeId>,
        own: NodeId,
        is_removed: bool,
    ) -> Membership {
        let members = &seen.configuration;
        Membership {
            term: seen.log_id.term,
            index: seen.log_id.index,
            is_committed: seen.is_committed,
            is_joint: members.is_joint(),
            members: members_of(members, leader),
            standing: match (is_removed, members.is_member(own)) {
                (true, _) => Standing::Removed,
                (false, true) => Standing::Member,
                (false, false) => Standing::Joining,
            },
        }
    }

    /// Whether nothing is under way any more.
    pub fn is_settled(&self) -> bool {
        self.is_committed && !self.is_joint
    }

    /// The members that vote, by name.
    pub fn voters(&self) -> Vec<NodeId> {
        let votes = |member: &&Member| matches!(member.role, super::MemberRole::Voter);
        self.members.iter().filter(votes).map(|member| member.node).collect()
    }
}

/// The members, as this node learns of them. What is passed quickly may be passed over, and the newest
/// always comes: a slow reader holds nobody up.
#[derive(Debug)]
pub struct MembershipChanges {
    members: watch::Receiver<quorate_tokio::Membership>,
    removed: watch::Receiver<bool>,
    status: watch::Receiver<NodeStatus>,
    own: NodeId,
    told: Option<Membership>,
}

impl MembershipChanges {
    pub(crate) fn new(
        members: watch::Receiver<quorate_tokio::Membership>,
        removed: watch::Receiver<bool>,
        status: watch::Receiver<NodeStatus>,
        own: NodeId,
    ) -> MembershipChanges {
        MembershipChanges { members, removed, status, own, told: None }
    }

    /// The newest, at first at once, then when it is another one than was told last; who leads does
    /// not count. None once the node has stopped.
    pub async fn next(&mut self) -> Option<Membership> {
        loop {
            let leader = self.status.borrow().leader;
            let is_removed = *self.removed.borrow_and_update();
            let newest =
                Membership::new(&self.members.borrow_and_update(), leader, self.own, is_removed);
            let is_news = self.told.as_ref().is_none_or(|told| {
                let is_same = (told.is_committed, told.standing, told.is_joint)
                    == (newest.is_committed, newest.standing, newest.is_joint);
                !is_same || !are_same(&told.members, &newest.members)
            });
            if is_news {
                self.told = Some(newest.clone());
                return Some(newest);
            }
            tokio::select! {
                changed = self.members.changed() => changed.ok()?,
                // Nobody says any more that it is removed: the members are still followed.
                Ok(()) = self.removed.changed() => {}
            }
        }
    }

    /// Returns once `is_so` of the newest; none where the node stops before.
    pub async fn wait_for(
        &mut self,
        mut is_so: impl FnMut(&Membership) -> bool,
    ) -> Option<Membership> {
        // What was told last may be so.
        self.told = None;
        loop {
            let newest = self.next().await?;
            if is_so(&newest) {
                return Some(newest);
            }
        }
    }
}

fn are_same(some: &[Member], others: &[Member]) -> bool {
    let known = |member: &Member| (member.node, member.role, member.address.clone());
    some.len() == others.len() && some.iter().map(known).eq(others.iter().map(known))
}
