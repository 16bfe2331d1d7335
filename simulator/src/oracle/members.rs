//! Quorums of configurations, by a count that trusts nothing of the core's.

use std::sync::Arc;

use quorate_core::{Configuration, NodeId, Term};

use super::{Property, Violation};
use crate::MAX_NODES;

/// How many of `half` are among `holds`, and how many must be.
fn count(half: &[NodeId], holds: impl Fn(u64) -> bool) -> (u64, u64) {
    let found = half.iter().filter(|id| holds(id.get() - 1)).count() as u64;
    (found, half.len() as u64 / 2 + 1)
}

/// How far those who hold are from a quorum: a count and the needed number of the half that lacks
/// some; none where both halves have a majority.
pub fn lacking(members: &Configuration, holds: impl Fn(u64) -> bool) -> Option<(u64, u64)> {
    let incoming = count(members.voters(), &holds);
    if incoming.0 < incoming.1 {
        return Some(incoming);
    }
    let outgoing = count(members.outgoing(), &holds);
    (members.is_joint() && outgoing.0 < outgoing.1).then_some(outgoing)
}

/// Where a node is, for whoever is told.
pub fn address(node: NodeId) -> Arc<str> {
    format!("{node}.test:1").into()
}

/// A leader went from one configuration to the next: no quorum of the one may be without a member
/// of any quorum of the other, and who stays is where it was.
///
/// # Errors
/// Where two quorums have no node in common, and where a member's address is lost or another's.
pub fn adjacent(node: u64, old: &Configuration, new: &Configuration) -> Result<(), Violation> {
    for mask in 0..1_u64 << MAX_NODES {
        let is_quorum = lacking(old, |node| mask >> node & 1 == 1).is_none();
        if is_quorum && lacking(new, |node| mask >> node & 1 == 0).is_none() {
            let (old, new) = (format!("{old:?}"), format!("{new:?}"));
            return Err(Violation::QuorumsApart { node, old, new });
        }
    }
    let stays = old.addresses().iter().map(|(id, _)| *id).filter(|id| new.is_member(*id));
    let places = new.addresses().iter().map(|(id, _)| *id);
    let is_wrong = |id: &NodeId| new.address(*id) != Some(&address(*id));
    if let Some(id) = stays.chain(places).find(is_wrong) {
        let what = format!("leaves {old:?} for {new:?}, where {id} is somewhere else");
        return Err(Violation::Rule { rule: Property::AddressesKept, node, what });
    }
    if old.is_joint() && !is_left_for(old, new) {
        let what = format!("leaves {old:?} for {new:?}");
        return Err(Violation::Rule { rule: Property::JointLeft, node, what });
    }
    Ok(())
}

/// Whether `new` is the new half of `joint`, with its learners.
fn is_left_for(joint: &Configuration, new: &Configuration) -> bool {
    let same_voters = joint.voters() == new.voters() && !new.is_joint();
    same_voters && joint.learners() == new.learners()
}

/// A node that stands for election votes, in the newest configuration of its log, or in the one
/// `before` where that may yet be needed: while the newest is not known to be committed (paper §6;
/// dissertation §4.2.2).
///
/// # Errors
/// Where it is no voter.
pub fn stands(
    node: u64,
    term: Term,
    newest: &Configuration,
    before: Option<&Configuration>,
) -> Result<(), Violation> {
    let votes =
        |members: &Configuration| NodeId::new(node + 1).is_some_and(|id| members.is_voter(id));
    if votes(newest) || before.is_some_and(votes) {
        return Ok(());
    }
    Err(Violation::NoVoterStands { node, term })
}
