//! Whom a mesh knows, and where they may be. Knows no connection.

use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{Configuration, NodeId};

/// Nodes that greeted and are remembered; one more takes the place of the one that greeted longest
/// ago, of those that are no members where there are such.
pub(super) const GREETED_LIMIT: usize = 256;

/// A node that greeted.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Greeted {
    address: Arc<str>,
    /// Later ones have greater numbers.
    order: u64,
}

/// The nodes that are connected to, and their addresses.
#[derive(Debug)]
pub(super) struct Peers {
    own: NodeId,
    /// What this node was started with: for members that have no address of their own, and for all
    /// while no member is known.
    given: BTreeMap<NodeId, Arc<str>>,
    members: BTreeMap<NodeId, Option<Arc<str>>>,
    /// What nodes said of themselves. A node that lags does not know its leader, which it has to
    /// answer; one that has moved can say so.
    greeted: BTreeMap<NodeId, Greeted>,
    next: u64,
}

impl Peers {
    pub(super) fn new(own: NodeId, given: BTreeMap<NodeId, Arc<str>>) -> Peers {
        Peers { own, given, members: BTreeMap::new(), greeted: BTreeMap::new(), next: 0 }
    }

    /// Takes the members of a configuration for those that there are.
    pub(super) fn set_members(&mut self, configuration: &Configuration) {
        let member = |node: NodeId| (node, configuration.address(node).cloned());
        self.members = configuration.members().into_iter().map(member).collect();
    }

    /// Whether the node is a member, as far as that is known.
    pub(super) fn is_member(&self, node: NodeId) -> bool {
        if self.members.is_empty() {
            return self.given.contains_key(&node);
        }
        self.members.contains_key(&node)
    }

    /// Remembers where a node says that it is.
    pub(super) fn greeted(&mut self, node: NodeId, address: Arc<str>) {
        let order = self.next;
        self.next += 1;
        self.greeted.insert(node, Greeted { address, order });
        if self.greeted.len() > GREETED_LIMIT {
            let oldest = self.greeted.iter().filter(|(known, _)| **known != node);
            let oldest = oldest
                .min_by_key(|(known, greeted)| (self.members.contains_key(known), greeted.order));
            if let Some(oldest) = oldest.map(|(oldest, _)| *oldest) {
                self.greeted.remove(&oldest);
            }
        }
    }

    /// Forgets what a node said of itself, where it is no member.
    pub(super) fn forget(&mut self, node: NodeId) {
        if !self.is_member(node) {
            self.greeted.remove(&node);
        }
    }

    /// Whom to connect to, and where to try, in this order.
    pub(super) fn wanted(&self) -> BTreeMap<NodeId, Vec<Arc<str>>> {
        let first = if self.members.is_empty() { &self.given } else { &BTreeMap::new() };
        let nodes = self.members.keys().chain(self.greeted.keys()).chain(first.keys());
        let others = nodes.filter(|node| **node != self.own);
        others.map(|node| (*node, self.places(*node))).collect()
    }

    fn places(&self, node: NodeId) -> Vec<Arc<str>> {
        let known = self.members.get(&node).cloned().flatten();
        let greeted = self.greeted.get(&node).map(|greeted| greeted.address.clone());
        let mut places: Vec<Arc<str>> = Vec::new();
        for place in [known, greeted, self.given.get(&node).cloned()].into_iter().flatten() {
            if !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(id: u64) -> NodeId {
        NodeId::of(id)
    }

    #[test]
    fn who_greeted_longest_ago_makes_room_and_members_last() {
        let mut peers = Peers::new(node(1), BTreeMap::new());
        peers.set_members(&Configuration::new([node(1), node(2)]));
        let limit = GREETED_LIMIT as u64;
        for id in 2..limit + 10 {
            peers.greeted(node(id), format!("host:{id}").into());
        }
        let known: Vec<NodeId> = peers.wanted().into_keys().collect();
        // The member stays, and the nine that greeted first have gone.
        let expected: Vec<NodeId> = [2].into_iter().chain(11..limit + 10).map(node).collect();
        assert_eq!(known, expected[..]);
        assert_eq!(known.len(), GREETED_LIMIT);
    }

    #[test]
    fn a_member_is_not_forgotten() {
        let mut peers = Peers::new(node(1), BTreeMap::new());
        peers.set_members(&Configuration::new([node(1), node(2)]));
        for id in [2, 3] {
            peers.greeted(node(id), format!("host:{id}").into());
            peers.forget(node(id));
        }
        assert_eq!(peers.wanted(), BTreeMap::from([(node(2), vec![Arc::from("host:2")])]));
    }
}
