//! Who the members are (paper §6). Knows no progress and no role.

use smallvec::SmallVec;

use crate::types::NodeId;

/// The most voters that a configuration may name.
pub const VOTERS_LIMIT: u32 = 255;

/// The members of a group. Sorted and without repetition, so equal sets are equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(
    feature = "serde",
    serde(from = "alloc::vec::Vec<NodeId>", into = "alloc::vec::Vec<NodeId>")
)]
pub struct Configuration {
    voters: SmallVec<[NodeId; 5]>,
}

impl Configuration {
    /// The group of these voters, in any order, repetitions dropped.
    pub fn new(voters: impl IntoIterator<Item = NodeId>) -> Configuration {
        let mut voters: SmallVec<[NodeId; 5]> = voters.into_iter().collect();
        voters.sort_unstable();
        voters.dedup();
        Configuration { voters }
    }

    /// The voters, in ascending order.
    pub fn voters(&self) -> &[NodeId] {
        &self.voters
    }

    /// Whether `node` votes.
    pub fn is_voter(&self, node: NodeId) -> bool {
        self.voters.binary_search(&node).is_ok()
    }
}

impl From<alloc::vec::Vec<NodeId>> for Configuration {
    fn from(voters: alloc::vec::Vec<NodeId>) -> Configuration {
        Configuration::new(voters)
    }
}

impl From<Configuration> for alloc::vec::Vec<NodeId> {
    fn from(configuration: Configuration) -> Self {
        configuration.voters.to_vec()
    }
}
