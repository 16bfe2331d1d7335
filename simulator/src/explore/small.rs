//! A small world: its state, what may happen in it, and what follows.

use std::{hash::Hash, sync::Arc};

use quorate_core::{Input, Message, NodeId, RoleKind, commands};

use super::{
    Bounds, Host,
    choice::Choice,
    dead::is_dead,
    hashing::wide,
    judge::{self, Past},
    member::Member,
};
use crate::oracle::Violation;

/// The term in which a group is founded; nobody leads it.
const FOUNDING_TERM: u64 = 1;

/// A message under way.
#[derive(Debug)]
struct Flight {
    from: u64,
    to: u64,
    message: Message,
    /// Without its addressee.
    content: u128,
    hash: u128,
}

/// What was used of what the bounds allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
struct Spent {
    entries: u64,
    crashes: u64,
    timeouts: u64,
    duplicates: u64,
}

/// A state. What does not change from one state to the next is shared.
#[derive(Clone, Debug)]
pub(super) struct Small {
    members: Vec<Arc<Member>>,
    hashes: Vec<u128>,
    flights: Vec<Arc<Flight>>,
    past: Past,
    spent: Spent,
}

impl Small {
    /// A group of which every node has the founding entry on its disk.
    pub(super) fn start(bounds: &Bounds, _host: Host) -> Result<Small, Violation> {
        let members = (0..bounds.nodes)
            .map(|number| Member::found(number, bounds.nodes).map(Arc::new))
            .collect::<Result<Vec<_>, _>>()?;
        let hashes = members.iter().map(|member| member.hash()).collect();
        let (past, spent) = (Past::default(), Spent::default());
        Ok(Small { members, hashes, flights: Vec::new(), past, spent })
    }

    /// Over all that matters; messages count without order.
    pub(super) fn hash(&self) -> u128 {
        let flights = self.flights.iter().fold(0_u128, |sum, flight| sum.wrapping_add(flight.hash));
        wide(&(&self.hashes, flights as u64, (flights >> 64) as u64, &self.past, self.spent))
    }

    /// Over what its nodes have come to, whatever is under way.
    #[cfg(test)]
    pub(super) fn nodes_hash(&self) -> u128 {
        wide(&(&self.hashes, &self.past))
    }

    /// Whether it lies beyond the bounds, where nothing is looked at any more.
    pub(super) fn is_beyond(&self, bounds: &Bounds) -> bool {
        let last = FOUNDING_TERM + bounds.terms;
        self.members.iter().any(|member| member.raft.status().term > last)
    }

    pub(super) fn leaders(&self) -> u64 {
        self.past.leaders.len() as u64
    }

    pub(super) fn commands(&self) -> u64 {
        judge::commands(&self.past, &self.members)
    }

    /// Everything that may happen next.
    pub(super) fn choices(&self, bounds: &Bounds) -> Vec<Choice> {
        let mut all = Vec::new();
        let is_full = self.flights.len() as u64 > bounds.messages;
        for (flight, message) in self.flights.iter().zip(0_u16..) {
            let is_copy = self
                .flights
                .iter()
                .take(usize::from(message))
                .any(|other| other.hash == flight.hash);
            if is_copy || !self.is_first_alike(flight.to, bounds) {
                continue;
            }
            // What was sent beyond the bound is lost first, in every way.
            if is_full {
                all.push(Choice::Lose { message });
                continue;
            }
            all.push(Choice::Deliver { message });
            if self.spent.duplicates < bounds.duplicates {
                all.push(Choice::Duplicate { message });
            }
        }
        if !is_full {
            for member in &self.members {
                self.choices_of(member, bounds, &mut all);
            }
        }
        all
    }

    fn choices_of(&self, member: &Member, bounds: &Bounds, all: &mut Vec<Choice>) {
        if !self.is_first_alike(member.number, bounds) {
            return;
        }
        let node = member.number as u8;
        let status = member.raft.status();
        let leads = status.role == RoleKind::Leader;
        if !member.pending.is_empty() {
            all.push(Choice::Written { node });
        }
        if leads && self.spent.entries < bounds.entries {
            all.push(Choice::Propose { node });
        }
        if self.spent.timeouts < bounds.timeouts && member.deadline().is_some() {
            // A campaign for a term beyond the bound would be in vain.
            if leads || status.term < FOUNDING_TERM + bounds.terms {
                all.push(Choice::Timeout { node });
            }
            if member.has_promised() {
                all.push(Choice::Wait { node });
            }
        }
        if self.spent.crashes < bounds.crashes {
            let kept = 0..=member.pending.len() as u8;
            all.extend(kept.map(|kept| Choice::Restart { node, kept }));
        }
    }

    /// Whether no node before this one is just like it: nothing has happened to either, and both are
    /// sent the same.
    fn is_first_alike(&self, node: u64, bounds: &Bounds) -> bool {
        let is_fresh = |member: &Member| !member.is_touched;
        if !bounds.symmetry || !is_fresh(&self.members[node as usize]) {
            return true;
        }
        let sent = self.sent_to(node);
        let mut before = self.members.iter().take(node as usize);
        !before.any(|other| is_fresh(other) && self.sent_to(other.number) == sent)
    }

    fn sent_to(&self, node: u64) -> u128 {
        let to_it = self.flights.iter().filter(|flight| flight.to == node);
        to_it.fold(0, |sum, flight| sum.wrapping_add(flight.content))
    }

    /// What a choice leads to, without the messages that cannot have any effect any more.
    pub(super) fn take(
        &self,
        choice: Choice,
        host: Host,
        bounds: &Bounds,
    ) -> Result<Small, Violation> {
        let mut after = self.taken(choice, host)?;
        if bounds.reduction {
            let (members, last) = (&after.members, FOUNDING_TERM + bounds.terms);
            after.flights.retain(|flight| {
                let (from, to) = (&members[flight.from as usize], &members[flight.to as usize]);
                !is_dead(&flight.message, from, to, last)
            });
        }
        Ok(after)
    }

    fn taken(&self, choice: Choice, host: Host) -> Result<Small, Violation> {
        let mut after = self.clone();
        let mut sent = Vec::new();
        let node = match choice {
            Choice::Lose { message } => {
                after.flights.remove(usize::from(message));
                return Ok(after);
            }
            Choice::Deliver { message } | Choice::Duplicate { message } => {
                let flight = self.flights[usize::from(message)].clone();
                if let Choice::Duplicate { .. } = choice {
                    after.spent.duplicates += 1;
                } else {
                    after.flights.remove(usize::from(message));
                }
                let from = super::member::name_of(flight.from);
                let input = Input::Receive { from, message: flight.message.clone() };
                after.member(flight.to).step(input, &mut sent)?;
                flight.to
            }
            Choice::Written { node } => {
                after.member(node.into()).written(host, &mut sent)?;
                node.into()
            }
            Choice::Timeout { node } | Choice::Wait { node } => {
                after.spent.timeouts += 1;
                let early = u64::from(matches!(choice, Choice::Wait { .. }));
                after.member(node.into()).pass(early, &mut sent)?;
                node.into()
            }
            Choice::Propose { node } => {
                after.spent.entries += 1;
                let number = after.spent.entries;
                let commands = commands([number.to_be_bytes().to_vec()]);
                let input = Input::Propose { request: number, commands, expected_term: None };
                after.member(node.into()).step(input, &mut sent)?;
                node.into()
            }
            Choice::Restart { node, kept } => {
                after.spent.crashes += 1;
                after.member(node.into()).restart(kept, host, &mut sent)?;
                node.into()
            }
        };
        after.settle(node, sent)?;
        Ok(after)
    }

    /// A node that is to be changed: no longer shared with the state before.
    fn member(&mut self, node: u64) -> &mut Member {
        Arc::make_mut(&mut self.members[node as usize])
    }

    /// Judges the node that something happened to, and sends what it sent.
    fn settle(&mut self, node: u64, sent: Vec<(NodeId, Message)>) -> Result<(), Violation> {
        let changed = self.members[node as usize].clone();
        self.past.judge(&self.members, &changed)?;
        self.hashes[node as usize] = changed.hash();
        for (to, message) in sent {
            let (from, to) = (node, to.get() - 1);
            let (content, hash) = (wide(&(from, &message)), wide(&(from, to, &message)));
            self.flights.push(Arc::new(Flight { from, to, message, content, hash }));
        }
        Ok(())
    }

    /// A choice in words, as it is taken here.
    pub(super) fn describe(&self, choice: Choice) -> String {
        let told = |message: u16| {
            self.flights.get(usize::from(message)).map_or(String::new(), |flight| {
                let Flight { from, to, message, .. } = &**flight;
                format!("from node {from} to node {to}: term {}, {:?}", message.term, message.body)
            })
        };
        match choice {
            Choice::Deliver { message } => format!("a message arrives {}", told(message)),
            Choice::Duplicate { message } => {
                format!("a message arrives, and will once more, {}", told(message))
            }
            Choice::Lose { message } => format!("a message is lost {}", told(message)),
            Choice::Written { node } => format!("node {node}'s oldest pending write is durable"),
            Choice::Timeout { node } => format!("node {node}'s deadline comes"),
            Choice::Wait { node } => format!("time passes for node {node}"),
            Choice::Propose { node } => format!("a client asks node {node} to append a command"),
            Choice::Restart { node, kept } => format!(
                "node {node} loses its power and starts again; of {} pending writes its disk has {kept}",
                self.members[usize::from(node)].pending.len(),
            ),
        }
    }
}
