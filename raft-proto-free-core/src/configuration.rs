//! Who the members are (paper §6). Knows no progress and no role.

use alloc::{boxed::Box, collections::BTreeMap, sync::Arc, vec::Vec};

use crate::types::NodeId;

/// The most voters that one half of a configuration may name, and the most learners.
pub const VOTERS_LIMIT: u32 = 255;

/// The longest address of a member. Bytes.
pub const ADDRESS_LIMIT_BYTES: u32 = 255;

/// The newest protocol that this crate speaks.
pub const PROTOCOL: u16 = 1;

/// The members of a group. Sorted and without repetition, so equal sets are equal values.
///
/// While a change of voters is under way it is *joint*: every decision takes a majority of the
/// voters and also a majority of the outgoing voters (paper §6).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "encoding::Parts", into = "encoding::Parts"))]
pub struct Configuration {
    voters: Vec<NodeId>,
    /// None where all of it is empty, as in most groups at most times.
    others: Option<Box<Others>>,
    protocol: u16,
}

/// Members that are no voters, or not for long; and where members are, in groups that say so.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Others {
    /// Empty unless joint.
    outgoing: Vec<NodeId>,
    learners: Vec<Learner>,
    /// In ascending order, each of a member, none empty.
    addresses: Vec<(NodeId, Arc<str>)>,
}

impl Others {
    fn boxed(self) -> Option<Box<Others>> {
        let Others { outgoing, learners, addresses } = &self;
        let is_empty = outgoing.is_empty() && learners.is_empty() && addresses.is_empty();
        (!is_empty).then(|| Box::new(self))
    }
}

/// A member that holds the log, but has no vote (dissertation §4.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Learner {
    /// Its name.
    pub id: NodeId,
    /// When it becomes a voter.
    pub promotion: Promotion,
}

/// When a learner becomes a voter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Promotion {
    /// When somebody asks for it.
    OnDemand,
    /// When its durable log reaches within so many entries of what is committed.
    WhenCaughtUp {
        /// Entries.
        max_lag: u64,
    },
}

/// In which halves of a configuration a node votes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Seat {
    /// Among the voters.
    pub incoming: bool,
    /// Among the outgoing voters of a joint configuration.
    pub outgoing: bool,
}

impl Seat {
    /// Whether it votes at all.
    pub fn votes(self) -> bool {
        self.incoming || self.outgoing
    }
}

/// Why there can be no such configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ConfigurationError {
    /// Nobody could decide anything.
    #[error("a configuration names at least one voter")]
    NoVoter,
    /// More members than [`VOTERS_LIMIT`] of a kind.
    #[error("a configuration names at most {VOTERS_LIMIT} voters and as many learners")]
    TooMany,
    /// The node is a voter and a learner at once.
    #[error("node {node} cannot be both a voter and a learner")]
    Twice {
        /// Which.
        node: NodeId,
    },
    /// An address that cannot be kept.
    #[error(
        "the address of node {node} has {bytes} bytes; an address has 1 to {ADDRESS_LIMIT_BYTES}"
    )]
    Address {
        /// Whose.
        node: NodeId,
        /// How long it is.
        bytes: u64,
    },
}

impl Configuration {
    /// Of nobody: what a node knows before it joins a group.
    pub const EMPTY: Configuration =
        Configuration { voters: Vec::new(), others: None, protocol: PROTOCOL };

    /// The group of these voters, in any order, repetitions dropped.
    pub fn new(voters: impl IntoIterator<Item = NodeId>) -> Configuration {
        Configuration { voters: sorted(voters), ..Configuration::default() }
    }

    /// A configuration of these parts, in any order, repetitions dropped.
    ///
    /// # Errors
    /// [`ConfigurationError`] where there is no voter, where there are too many, and where a voter
    /// is a learner as well.
    pub fn of(
        voters: impl IntoIterator<Item = NodeId>,
        outgoing: impl IntoIterator<Item = NodeId>,
        learners: impl IntoIterator<Item = Learner>,
        protocol: u16,
    ) -> Result<Configuration, ConfigurationError> {
        let mut learners: Vec<Learner> = learners.into_iter().collect();
        learners.sort_unstable();
        learners.dedup_by_key(|learner| learner.id);
        learners.shrink_to_fit();
        let others = Others { outgoing: sorted(outgoing), learners, addresses: Vec::new() };
        let made = Configuration { voters: sorted(voters), others: others.boxed(), protocol };
        let most = made.voters.len().max(made.outgoing().len()).max(made.learners().len());
        if made.voters.is_empty() {
            return Err(ConfigurationError::NoVoter);
        }
        if most > VOTERS_LIMIT as usize {
            return Err(ConfigurationError::TooMany);
        }
        let twice = made.learners().iter().find(|learner| made.seat(learner.id).incoming);
        twice.map_or(Ok(()), |learner| Err(ConfigurationError::Twice { node: learner.id }))?;
        Ok(made)
    }

    /// The same members with these addresses, and no other ones. What is said of nodes that are no
    /// members is dropped; of two addresses of one node the later one counts.
    ///
    /// What an address means is the transport's business. It travels with the configuration, so that
    /// whoever has the log knows where the others are.
    ///
    /// # Errors
    /// [`ConfigurationError::Address`] for one that is empty or too long.
    pub fn with_addresses(
        mut self,
        addresses: impl IntoIterator<Item = (NodeId, Arc<str>)>,
    ) -> Result<Configuration, ConfigurationError> {
        let mut kept = BTreeMap::new();
        for (node, address) in addresses {
            let bytes = address.len() as u64;
            if !(1..=u64::from(ADDRESS_LIMIT_BYTES)).contains(&bytes) {
                return Err(ConfigurationError::Address { node, bytes });
            }
            if self.is_member(node) {
                kept.insert(node, address);
            }
        }
        let mut others = self.others.take().map_or_else(Others::default, |others| *others);
        others.addresses = kept.into_iter().collect();
        self.others = others.boxed();
        Ok(self)
    }

    /// The voters, in ascending order.
    pub fn voters(&self) -> &[NodeId] {
        &self.voters
    }

    /// The voters of the configuration that is on its way out, in ascending order; empty unless
    /// this one is joint.
    pub fn outgoing(&self) -> &[NodeId] {
        self.others.as_ref().map_or(&[], |others| &others.outgoing)
    }

    /// The learners, in ascending order. One of them may still be an outgoing voter.
    pub fn learners(&self) -> &[Learner] {
        self.others.as_ref().map_or(&[], |others| &others.learners)
    }

    /// Where members are, as far as the group was told, in ascending order of the members.
    pub fn addresses(&self) -> &[(NodeId, Arc<str>)] {
        self.others.as_ref().map_or(&[], |others| &others.addresses)
    }

    /// Where `node` is, where it is a member and the group was told.
    pub fn address(&self, node: NodeId) -> Option<&Arc<str>> {
        let place = self.addresses().binary_search_by_key(&node, |(id, _)| *id).ok()?;
        self.addresses().get(place).map(|(_, address)| address)
    }

    /// The lowest protocol version of all members: no newer kind of message or entry is used.
    pub fn protocol(&self) -> u16 {
        self.protocol
    }

    /// Whether decisions take two majorities.
    pub fn is_joint(&self) -> bool {
        !self.outgoing().is_empty()
    }

    /// In which halves `node` votes.
    pub fn seat(&self, node: NodeId) -> Seat {
        Seat {
            incoming: self.voters.binary_search(&node).is_ok(),
            outgoing: self.outgoing().binary_search(&node).is_ok(),
        }
    }

    /// Whether `node` votes, in either half.
    pub fn is_voter(&self, node: NodeId) -> bool {
        self.seat(node).votes()
    }

    /// How `node` is to be promoted, where it is a learner.
    pub fn learner(&self, node: NodeId) -> Option<Learner> {
        let place = self.learners().binary_search_by_key(&node, |learner| learner.id).ok()?;
        self.learners().get(place).copied()
    }

    /// Whether `node` is a member of any kind.
    pub fn is_member(&self, node: NodeId) -> bool {
        self.is_voter(node) || self.learner(node).is_some()
    }

    /// All members, in ascending order, each once.
    pub fn members(&self) -> Vec<NodeId> {
        let learners = self.learners().iter().map(|learner| learner.id);
        let voters = self.voters.iter().chain(self.outgoing().iter()).copied();
        sorted(voters.chain(learners))
    }

    /// What limits count, in bytes.
    pub(crate) fn cost(&self) -> u64 {
        let members = self.voters.len() + self.outgoing().len() + 2 * self.learners().len();
        let addresses: usize = self.addresses().iter().map(|(_, address)| 8 + address.len()).sum();
        (8 * members + addresses) as u64
    }
}

impl Default for Configuration {
    fn default() -> Configuration {
        Configuration::EMPTY
    }
}

fn sorted(nodes: impl IntoIterator<Item = NodeId>) -> Vec<NodeId> {
    let mut nodes: Vec<NodeId> = nodes.into_iter().collect();
    nodes.sort_unstable();
    nodes.dedup();
    nodes.shrink_to_fit();
    nodes
}

#[cfg(feature = "serde")]
mod encoding {
    use super::{Arc, Configuration, ConfigurationError, Learner, NodeId, Vec};

    #[derive(serde::Serialize, serde::Deserialize)]
    pub(super) struct Parts {
        voters: Vec<NodeId>,
        outgoing: Vec<NodeId>,
        learners: Vec<Learner>,
        protocol: u16,
        /// Left out where there is none, as in everything that was written before there were any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        addresses: Vec<(NodeId, Arc<str>)>,
    }

    impl TryFrom<Parts> for Configuration {
        type Error = ConfigurationError;

        fn try_from(parts: Parts) -> Result<Configuration, ConfigurationError> {
            let nobody = parts.voters.is_empty() && parts.outgoing.is_empty();
            if nobody && parts.learners.is_empty() {
                return Ok(Configuration { protocol: parts.protocol, ..Configuration::default() });
            }
            let Parts { voters, outgoing, learners, protocol, addresses } = parts;
            Configuration::of(voters, outgoing, learners, protocol)?.with_addresses(addresses)
        }
    }

    impl From<Configuration> for Parts {
        fn from(configuration: Configuration) -> Parts {
            Parts {
                voters: configuration.voters().to_vec(),
                outgoing: configuration.outgoing().to_vec(),
                learners: configuration.learners().to_vec(),
                protocol: configuration.protocol(),
                addresses: configuration.addresses().to_vec(),
            }
        }
    }
}
