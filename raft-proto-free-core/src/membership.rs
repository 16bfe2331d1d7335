//! From one configuration to the next (paper §6; dissertation §4.3). A pure leaf: knows no log, no
//! role, no message.
//!
//! differs: the dissertation's single-server changes (§4.1) are left out: joint consensus does all
//! that they do, and has no rule that is easy to forget.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{
    configuration::{Configuration, ConfigurationError, Learner, PROTOCOL, Promotion},
    types::NodeId,
};

/// A wish about one member. Several make one change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MemberChange {
    /// Let the node vote, whatever it was before.
    AddVoter {
        /// Which.
        node: NodeId,
    },
    /// Let the node have the log without a vote, whatever it was before.
    AddLearner {
        /// Which.
        node: NodeId,
        /// When it is to become a voter.
        promotion: Promotion,
    },
    /// Let the node be no member any more.
    Remove {
        /// Which.
        node: NodeId,
    },
    /// All members speak this protocol from now on.
    SetProtocol {
        /// At most [`PROTOCOL`].
        version: u16,
    },
}

/// Why a change cannot be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ChangeError {
    /// There would be nobody, or too many.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// All is as wished already.
    #[error("the change changes nothing")]
    Unchanged,
    /// Two wishes about one node.
    #[error("the change names node {node} twice")]
    Repeated {
        /// Which.
        node: NodeId,
    },
    /// The node to remove is no member.
    #[error("node {node} is no member")]
    NotAMember {
        /// Which.
        node: NodeId,
    },
    /// This node does not speak the protocol.
    #[error("protocol {version} is unknown here; the newest known is {PROTOCOL}")]
    UnknownProtocol {
        /// Which.
        version: u16,
    },
}

/// The configuration to append next, so that `changes` come true: joint where voters change.
///
/// `current` is not joint: one change at a time.
///
/// # Errors
/// [`ChangeError`] where that cannot be.
pub(crate) fn enter(
    current: &Configuration,
    changes: &[MemberChange],
) -> Result<Configuration, ChangeError> {
    let target = target(current, changes)?;
    if target == *current {
        return Err(ChangeError::Unchanged);
    }
    if target.voters() == current.voters() {
        // Learners decide nothing: no quorum is at stake.
        return Ok(target);
    }
    // raft:6 from the old voters to the new by way of both, so that no two majorities ever decide
    // without a common member.
    let outgoing = current.voters().iter().copied();
    let joint = Configuration::of(
        target.voters().iter().copied(),
        outgoing,
        target.learners().iter().copied(),
        target.protocol(),
    )?;
    Ok(joint)
}

/// The configuration after a joint one.
pub(crate) fn leave(joint: &Configuration) -> Configuration {
    let (voters, learners) = (joint.voters().iter().copied(), joint.learners().iter().copied());
    let left = Configuration::of(voters, [], learners, joint.protocol());
    left.expect("a part of a configuration that is sound")
}

/// What the members are once all is done.
fn target(current: &Configuration, changes: &[MemberChange]) -> Result<Configuration, ChangeError> {
    let voters = current.voters().iter().map(|id| (*id, None));
    let learners = current.learners().iter().map(|learner| (learner.id, Some(learner.promotion)));
    let mut members: BTreeMap<NodeId, Option<Promotion>> = voters.chain(learners).collect();
    let mut protocol = current.protocol();
    let mut named = Vec::new();
    for change in changes {
        if let Some(node) = change.node() {
            if named.contains(&node) {
                return Err(ChangeError::Repeated { node });
            }
            named.push(node);
        }
        match *change {
            MemberChange::AddVoter { node } => {
                members.insert(node, None);
            }
            MemberChange::AddLearner { node, promotion } => {
                members.insert(node, Some(promotion));
            }
            MemberChange::Remove { node } => {
                members.remove(&node).ok_or(ChangeError::NotAMember { node })?;
            }
            MemberChange::SetProtocol { version } if version > PROTOCOL => {
                return Err(ChangeError::UnknownProtocol { version });
            }
            MemberChange::SetProtocol { version } => protocol = version,
        }
    }
    let voters = members.iter().filter(|(_, promotion)| promotion.is_none()).map(|(id, _)| *id);
    let learners = members
        .iter()
        .filter_map(|(id, promotion)| promotion.map(|promotion| Learner { id: *id, promotion }));
    Ok(Configuration::of(voters, [], learners, protocol)?)
}

impl MemberChange {
    fn node(self) -> Option<NodeId> {
        match self {
            MemberChange::AddVoter { node }
            | MemberChange::AddLearner { node, .. }
            | MemberChange::Remove { node } => Some(node),
            MemberChange::SetProtocol { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn node(id: u64) -> NodeId {
        NodeId::of(id)
    }

    fn set(configuration: &Configuration) -> (BTreeSet<NodeId>, BTreeSet<Learner>) {
        let learners = configuration.learners().iter().copied().collect();
        (configuration.voters().iter().copied().collect(), learners)
    }

    /// Takes the wishes one after the other, with sets and nothing clever.
    fn twin(current: &Configuration, changes: &[MemberChange]) -> Option<Configuration> {
        let (mut voters, mut learners) = set(current);
        for change in changes {
            let gone =
                |node: NodeId, voters: &mut BTreeSet<_>, learners: &mut BTreeSet<Learner>| {
                    let before = voters.len() + learners.len();
                    voters.remove(&node);
                    learners.retain(|learner| learner.id != node);
                    before > voters.len() + learners.len()
                };
            match *change {
                MemberChange::AddVoter { node } => {
                    gone(node, &mut voters, &mut learners);
                    voters.insert(node);
                }
                MemberChange::AddLearner { node, promotion } => {
                    gone(node, &mut voters, &mut learners);
                    learners.insert(Learner { id: node, promotion });
                }
                MemberChange::Remove { node } => {
                    if !gone(node, &mut voters, &mut learners) {
                        return None;
                    }
                }
                MemberChange::SetProtocol { .. } => {}
            }
        }
        let (old_voters, old_learners) = set(current);
        if voters.is_empty() || (voters == old_voters && learners == old_learners) {
            return None;
        }
        let outgoing = if voters == old_voters { BTreeSet::new() } else { old_voters };
        Configuration::of(voters, outgoing, learners, PROTOCOL).ok()
    }

    fn change() -> impl Strategy<Value = MemberChange> {
        let promotion = prop_oneof![
            Just(Promotion::OnDemand),
            (0u64..3).prop_map(|max_lag| Promotion::WhenCaughtUp { max_lag })
        ];
        (1u64..6, 0u8..3, promotion).prop_map(|(id, kind, promotion)| match kind {
            0 => MemberChange::AddVoter { node: node(id) },
            1 => MemberChange::AddLearner { node: node(id), promotion },
            _ => MemberChange::Remove { node: node(id) },
        })
    }

    proptest! {
        #[test]
        fn a_change_enters_what_the_twin_finds(
            voters in prop::collection::btree_set(1u64..6, 1..5),
            learners in prop::collection::btree_set(1u64..6, 0..3),
            changes in prop::collection::vec(change(), 0..4),
        ) {
            let learners = learners.difference(&voters).map(|id| Learner {
                id: node(*id),
                promotion: Promotion::OnDemand,
            });
            let current = Configuration::of(voters.iter().map(|id| node(*id)), [], learners, 1);
            let current = current.expect("voters and learners differ");
            let named: BTreeSet<_> = changes.iter().map(|change| change.node()).collect();
            let entered = enter(&current, &changes);
            if named.len() < changes.len() {
                // The twin would take the second wish instead.
                let repeated = matches!(entered, Err(ChangeError::Repeated { .. }))
                    || matches!(entered, Err(ChangeError::NotAMember { .. }));
                prop_assert!(repeated, "{entered:?}");
            } else {
                prop_assert_eq!(entered.clone().ok(), twin(&current, &changes));
            }
            if let Ok(joint) = entered {
                let left = leave(&joint);
                prop_assert!(!left.is_joint());
                prop_assert_eq!(set(&left), set(&joint));
            }
        }
    }

    #[test]
    fn a_change_that_names_a_node_twice_is_refused() {
        let current = Configuration::new([node(1)]);
        let both =
            [MemberChange::AddVoter { node: node(2) }, MemberChange::Remove { node: node(2) }];
        assert_eq!(enter(&current, &both), Err(ChangeError::Repeated { node: node(2) }));
    }

    #[test]
    fn a_protocol_that_this_node_does_not_speak_is_refused() {
        let current = Configuration::new([node(1)]);
        let version = PROTOCOL + 1;
        let entered = enter(&current, &[MemberChange::SetProtocol { version }]);
        assert_eq!(entered, Err(ChangeError::UnknownProtocol { version }));
    }

    #[test]
    fn too_many_voters_are_refused() {
        let current = Configuration::new([node(1)]);
        let many: Vec<_> = (2..=256).map(|id| MemberChange::AddVoter { node: node(id) }).collect();
        assert!(enter(&current, &many[..254]).is_ok());
        let refused = ChangeError::Configuration(ConfigurationError::TooMany);
        assert_eq!(enter(&current, &many), Err(refused));
    }
}
