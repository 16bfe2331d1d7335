//! Machines that are gone for good, and those that take their place: under a new id, as a node must
//! that has lost what it promised.

use quorate_core::{MemberChange, Promotion, RoleKind};

use super::{Event, World};
use crate::{choices::Stream, marks::Mark, node::Service, oracle::Violation, system::System};

/// Names the draw of how a machine is replaced.
const REPLACES: u64 = 1 << 41;
/// A replacement may vote once it lags by at most so many entries.
const MAX_LAG: u64 = 10;

impl<S: System> World<S> {
    /// A node is down and stays so; somebody will see to it.
    pub(super) fn retire(&mut self, number: u64) {
        self.nodes[number as usize].service = Service::Retired;
        self.say(|_| format!("node {number} is gone for good"));
        if !std::mem::replace(&mut self.tending, true) {
            self.push(self.settings.election_timeout, Event::Tend);
        }
        // Whoever is found out late is replaced late.
        self.healed_at = self.healed_at.map(|_| self.now);
    }

    /// Somebody looks after the group: where a member is gone for good, the leader is asked to put
    /// another machine in its place.
    pub(super) fn tend(&mut self) -> Result<(), Violation> {
        self.push(self.settings.election_timeout, Event::Tend);
        let leader = self.leader();
        let node = &self.nodes[leader as usize];
        let Some(life) = node.life.as_ref().filter(|_| node.paused_until <= self.now) else {
            return Ok(());
        };
        let members = life.members.clone();
        if life.view.role != RoleKind::Leader || members.is_joint() {
            return Ok(());
        }
        let is_gone = |node: &&crate::node::Node<S>| {
            node.service == Service::Retired && members.is_member(node.id)
        };
        let Some((old, id)) = self.nodes.iter().find(is_gone).map(|node| (node.number, node.id))
        else {
            return Ok(());
        };
        let gone = MemberChange::Remove { node: id };
        let new = self.replacement(old)?.map(|new| self.nodes[new as usize].id);
        let Some(node) = new.filter(|new| !members.is_member(*new)) else {
            return self.change(leader, vec![gone]);
        };
        let promotion = Promotion::WhenCaughtUp { max_lag: MAX_LAG };
        let is_voter = members.is_voter(id);
        let promotion = if is_voter { promotion } else { Promotion::OnDemand };
        let slowly = vec![gone.clone(), MemberChange::AddLearner { node, promotion }];
        let at_once = self.choices.keyed(Stream::Process(old), REPLACES, [2]) == [1];
        // With fewer voters nothing more might go wrong.
        let is_risky = !self.can_become(&members, &slowly);
        let changes = if is_voter && (at_once || is_risky) {
            vec![gone, MemberChange::AddVoter { node }]
        } else {
            slowly
        };
        self.change(leader, changes)
    }

    /// Who takes the place of a machine: one that stands by and now starts, if there is any.
    fn replacement(&mut self, old: u64) -> Result<Option<u64>, Violation> {
        let known = self.nodes[old as usize].replacement;
        let known = known.filter(|new| self.nodes[*new as usize].service == Service::Active);
        if known.is_some() {
            return Ok(known);
        }
        let stands_by = |node: &&crate::node::Node<S>| node.service == Service::Reserve;
        let Some(new) = self.nodes.iter().find(stands_by).map(|node| node.number) else {
            return Ok(None);
        };
        self.nodes[old as usize].replacement = Some(new);
        self.nodes[new as usize].service = Service::Active;
        self.marks.reach(Mark::ReplacementStarted);
        self.say(|_| format!("node {new} is to take the place of node {old}"));
        self.start(new)?;
        Ok(Some(new))
    }
}
