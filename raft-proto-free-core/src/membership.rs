//! From one configuration to the next (paper §6; dissertation §4.3). A pure leaf: knows no log, no
//! role, no message.
//!
//! differs: the dissertation's single-server changes (§4.1) are left out: joint consensus does all
//! that they do, and has no rule that is easy to forget.

use alloc::{collections::BTreeMap, sync::Arc, vec::Vec};

use crate::{
    configuration::{Configuration, ConfigurationError, Learner, PROTOCOL, Promotion},
    types::NodeId,
};

/// A wish about one member. Several make one change.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    /// The member is at this address from now on. May stand beside another wish about the node.
    SetAddress {
        /// Whose.
        node: NodeId,
        /// 1 to [`crate::ADDRESS_LIMIT_BYTES`] bytes.
        address: Arc<str>,
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
    /// The node to remove, or whose address is told, is no member.
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
    // own:place who is on the way out is still to be reached.
    let addresses = current.addresses().iter().chain(target.addresses()).cloned();
    Ok(joint.with_addresses(addresses)?)
}

/// The configuration after a joint one.
pub(crate) fn leave(joint: &Configuration) -> Configuration {
    let (voters, learners) = (joint.voters().iter().copied(), joint.learners().iter().copied());
    let left = Configuration::of(voters, [], learners, joint.protocol());
    let left = left.and_then(|left| left.with_addresses(joint.addresses().iter().cloned()));
    left.expect("a part of a configuration that is sound")
}

/// What the members are once all is done.
fn target(current: &Configuration, changes: &[MemberChange]) -> Result<Configuration, ChangeError> {
    let voters = current.voters().iter().map(|id| (*id, None));
    let learners = current.learners().iter().map(|learner| (learner.id, Some(learner.promotion)));
    let mut members: BTreeMap<NodeId, Option<Promotion>> = voters.chain(learners).collect();
    let mut protocol = current.protocol();
    let mut addresses: BTreeMap<NodeId, Arc<str>> = current.addresses().iter().cloned().collect();
    let mut named = Vec::new();
    for change in changes {
        if let Some(wish) = change.wish() {
            if named.contains(&wish) {
                return Err(ChangeError::Repeated { node: wish.1 });
            }
            named.push(wish);
        }
        match change {
            MemberChange::AddVoter { node } => {
                members.insert(*node, None);
            }
            MemberChange::AddLearner { node, promotion } => {
                members.insert(*node, Some(*promotion));
            }
            MemberChange::Remove { node } => {
                members.remove(node).ok_or(ChangeError::NotAMember { node: *node })?;
            }
            MemberChange::SetAddress { node, address } => {
                addresses.insert(*node, address.clone());
            }
            MemberChange::SetProtocol { version } if *version > PROTOCOL => {
                return Err(ChangeError::UnknownProtocol { version: *version });
            }
            MemberChange::SetProtocol { version } => protocol = *version,
        }
    }
    let stranger =
        |wish: &&(About, NodeId)| wish.0 == About::Place && !members.contains_key(&wish.1);
    if let Some((_, node)) = named.iter().find(stranger) {
        return Err(ChangeError::NotAMember { node: *node });
    }
    let voters = members.iter().filter(|(_, promotion)| promotion.is_none()).map(|(id, _)| *id);
    let learners = members
        .iter()
        .filter_map(|(id, promotion)| promotion.map(|promotion| Learner { id: *id, promotion }));
    Ok(Configuration::of(voters, [], learners, protocol)?.with_addresses(addresses)?)
}

/// What a wish is about: what part a node has, or where it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum About {
    Part,
    Place,
}

impl MemberChange {
    /// What is wished for whom: once in a change.
    fn wish(&self) -> Option<(About, NodeId)> {
        match *self {
            MemberChange::AddVoter { node }
            | MemberChange::AddLearner { node, .. }
            | MemberChange::Remove { node } => Some((About::Part, node)),
            MemberChange::SetAddress { node, .. } => Some((About::Place, node)),
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
            match change.clone() {
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
                MemberChange::SetAddress { .. } | MemberChange::SetProtocol { .. } => {}
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
            let whose = |change: &MemberChange| change.wish().map(|(_, node)| node);
            let named: BTreeSet<_> = changes.iter().map(whose).collect();
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
    fn addresses_come_and_go_with_their_members() {
        let address =
            |id, text: &str| MemberChange::SetAddress { node: node(id), address: text.into() };
        let of = |members: &Configuration| members.addresses().to_vec();
        let pair = |id, text: &str| (node(id), Arc::from(text));
        let alone = Configuration::new([node(1)]);
        // No voter changes, so no quorum is at stake.
        let told = enter(&alone, &[address(1, "a")]).expect("a change");
        assert!(!told.is_joint());
        assert_eq!(of(&told), [pair(1, "a")]);
        assert_eq!(enter(&told, &[address(1, "a")]), Err(ChangeError::Unchanged));
        let moved = [MemberChange::AddVoter { node: node(2) }, address(2, "b"), address(1, "c")];
        let grown = leave(&enter(&told, &moved).expect("a change"));
        assert_eq!(of(&grown), [pair(1, "c"), pair(2, "b")]);
        // Who leaves is to be reached until it has left.
        let joint = enter(&grown, &[MemberChange::Remove { node: node(1) }]).expect("a change");
        assert_eq!(of(&joint), [pair(1, "c"), pair(2, "b")]);
        assert_eq!(of(&leave(&joint)), [pair(2, "b")]);
        let twice = enter(&grown, &[address(2, "d"), address(2, "e")]);
        assert_eq!(twice, Err(ChangeError::Repeated { node: node(2) }));
        let stranger = enter(&grown, &[address(3, "d")]);
        assert_eq!(stranger, Err(ChangeError::NotAMember { node: node(3) }));
        let gone = enter(&grown, &[MemberChange::Remove { node: node(2) }, address(2, "d")]);
        assert_eq!(gone, Err(ChangeError::NotAMember { node: node(2) }));
        for text in ["", &"x".repeat(256)] {
            let (node, bytes) = (node(2), text.len() as u64);
            let refused = ChangeError::Configuration(ConfigurationError::Address { node, bytes });
            assert_eq!(enter(&grown, &[address(2, text)]), Err(refused));
        }
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
