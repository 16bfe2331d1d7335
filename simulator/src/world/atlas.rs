//! Which data may be lost so that the rest can make good for it: of every configuration in force,
//! both halves where it is joint, a quorum must keep its data.
//!
//! A damaged node counts as lost from the moment on at which something is done to its disk, whether
//! anybody has noticed or not, and until no configuration in force has it.

use std::collections::BTreeSet;

use quorate_core::{Configuration, MemberChange, NodeId, RoleKind};

use super::World;
use crate::{
    node::{Node, Service},
    oracle::members::lacking,
    system::System,
};

/// Voters and learners once all changes are made.
fn after(members: &Configuration, changes: &[MemberChange]) -> [BTreeSet<NodeId>; 2] {
    let learners = members.learners().iter().map(|learner| learner.id);
    let mut all = [members.voters().iter().copied().collect(), learners.collect()];
    for change in changes {
        let (node, place) = match change {
            MemberChange::AddVoter { node } => (node, Some(0)),
            MemberChange::AddLearner { node, .. } => (node, Some(1)),
            MemberChange::Remove { node } => (node, None),
            MemberChange::SetAddress { .. } | MemberChange::SetProtocol { .. } => continue,
        };
        all.iter_mut().for_each(|half: &mut BTreeSet<NodeId>| {
            half.remove(node);
        });
        if let Some(place) = place {
            all[place].insert(*node);
        }
    }
    all
}

/// Whether a majority of voters is left without those that are lost; also if every lost learner
/// becomes a voter and no other one does.
fn is_repairable([voters, learners]: [BTreeSet<NodeId>; 2], is_lost: impl Fn(u64) -> bool) -> bool {
    let count = |half: &BTreeSet<NodeId>| half.iter().filter(|id| is_lost(id.get() - 1)).count();
    let (voting, learning) = (count(&voters), count(&learners));
    voting + learning == 0 || 2 * (voting + learning) < voters.len() + learning
}

impl<S: System> World<S> {
    /// Whether a node's data is gone, or may turn out to be.
    fn is_lost(&self, number: u64) -> bool {
        let node = &self.nodes[number as usize];
        node.service == Service::Retired || node.disk.is_doomed()
    }

    /// Whether any node's data is gone, or may turn out to be.
    pub(super) fn any_lost(&self) -> bool {
        (0..self.settings.all_nodes()).any(|number| self.is_lost(number))
    }

    /// Whether the group can do without this node's data, too.
    pub(super) fn can_spare(&self, number: u64) -> bool {
        let is_lost = |other| other == number || self.is_lost(other);
        self.in_force().into_iter().all(|members| {
            let halves = lacking(members, |other| !is_lost(other));
            halves.is_none() && is_repairable(after(members, &[]), is_lost)
        })
    }

    /// Whether the group could still make good for what is lost once these changes are made.
    pub(super) fn can_become(&self, members: &Configuration, changes: &[MemberChange]) -> bool {
        is_repairable(after(members, changes), |number| self.is_lost(number))
    }

    /// Whether too many are gone for good for the rest to go on.
    pub(super) fn is_quorum_gone(&self) -> bool {
        let is_here = |number: u64| self.nodes[number as usize].service != Service::Retired;
        self.in_force().into_iter().any(|members| lacking(members, is_here).is_some())
    }

    /// Whether a node that runs leads, or could get the votes of a quorum of nodes that run, as far as
    /// logs go. A quorum that has all its data may still have no leader: where the one who could win is
    /// refused by a node with a newer entry, and that node, as far as it knows, is no voter. Its
    /// entry came from a member that was lost after the atlas had looked.
    pub(super) fn can_elect(&self) -> bool {
        let lives = |number: u64| self.nodes[number as usize].life.as_ref();
        let can_win = |node: &Node<S>| {
            let Some(life) = &node.life else { return false };
            let grants =
                |voter| lives(voter).is_some_and(|other| other.view.last <= life.view.last);
            let leads = life.view.role == RoleKind::Leader;
            leads || life.members.is_voter(node.id) && lacking(&life.members, grants).is_none()
        };
        self.nodes.iter().any(can_win)
    }

    /// The configurations that may decide: the newest committed one, and all behind it.
    fn in_force(&self) -> Vec<&Configuration> {
        let mut all: Vec<&Configuration> = self.oracles.log.in_force().collect();
        // A leader's own counts from the moment on at which it is in its log.
        all.extend(self.newest_members());
        if all.is_empty() {
            all.push(&self.founding);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::Promotion;

    use super::*;

    fn founded(voters: u64) -> Configuration {
        Configuration::new((1..=voters).map(NodeId::of))
    }

    fn learner(number: u64) -> MemberChange {
        let promotion = Promotion::WhenCaughtUp { max_lag: 0 };
        MemberChange::AddLearner { node: NodeId::of(number + 1), promotion }
    }

    #[test]
    fn a_minority_of_any_configuration_on_the_way_may_be_lost() {
        let judge = |voters, changes: &[MemberChange], lost: &[u64]| {
            is_repairable(after(&founded(voters), changes), |node| lost.contains(&node))
        };
        assert!(judge(3, &[], &[1]) && !judge(3, &[], &[1, 2]));
        assert!(judge(5, &[], &[1, 2]) && !judge(2, &[], &[1]) && !judge(1, &[], &[0]));
        assert!(!judge(3, &[learner(0)], &[1]), "of two voters none may be lost");
        assert!(!judge(3, &[learner(3)], &[1, 3]), "the lost learner may become a voter");
        assert!(judge(3, &[learner(3)], &[3]) && judge(1, &[learner(1)], &[]));
        let remove = [MemberChange::Remove { node: NodeId::of(2) }];
        assert!(judge(3, &remove, &[1]) && !judge(3, &remove, &[2]));
    }
}
