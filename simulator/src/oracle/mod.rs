//! What must always hold, judged after every step at a cost that follows the change.
//!
//! The oracles see what nodes say, write and apply; they share no code with the core.

pub mod durable;
pub mod election;
pub mod leading;
pub mod log;
pub mod machine;
pub mod members;
pub mod read;
pub mod rules;
pub mod step;
pub mod storm;
pub mod timer;
pub mod votes;

mod family;
mod property;
mod violation;

pub use family::Family;
pub use property::Property;
pub use violation::Violation;

#[cfg(test)]
mod tests;

use quorate_core::{Configuration, LogId, Payload};

/// All oracles of a world.
#[derive(Clone, Debug)]
pub struct Oracles {
    /// Who led which term.
    pub election: election::Elections,
    /// What all logs hold, and what is committed.
    pub log: log::Logs,
    /// What each node's disk surely holds, by node.
    pub durable: Vec<durable::Mirror>,
    /// What state machines answered.
    pub machine: machine::Machines,
    /// What clients may rely on.
    pub read: read::Floors,
    /// What single steps must do.
    pub rules: rules::Rules,
    /// Whether there is a reason for what is said.
    pub storms: storm::Storms,
}

impl Oracles {
    /// For a world of `nodes` empty nodes.
    pub fn new(nodes: u64) -> Oracles {
        Oracles {
            election: election::Elections::default(),
            log: log::Logs::default(),
            durable: (0..nodes).map(|_| durable::Mirror::default()).collect(),
            machine: machine::Machines::new(nodes),
            read: read::Floors::default(),
            rules: rules::Rules::new(nodes),
            storms: storm::Storms::default(),
        }
    }

    /// Judges a write that `node` hands to its disk: logs match, and what is committed stays.
    ///
    /// # Errors
    /// What is broken.
    pub fn write(&mut self, node: u64, write: &quorate_core::Write) -> Result<(), Violation> {
        if let Some(meta) = &write.snapshot {
            self.log.snapshot(node, meta)?;
        }
        for entry in write.entries.iter() {
            if let Payload::Configuration(members) = entry.payload {
                self.log.configuration(entry.log_id, members);
            }
        }
        let mirror = &mut self.durable[node as usize];
        let replaced = write.truncate_from..=mirror.last_index().min(self.log.last_committed());
        let mut lost: Vec<(u64, log::Slot)> = Vec::new();
        for index in replaced {
            let held =
                mirror.slot_at(index).filter(|held| self.log.committed(index) == Some(*held));
            lost.extend(held.map(|held| (index, held)));
        }
        // What a snapshot stands for is not lost.
        if write.snapshot.is_some() {
            lost.retain(|(index, _)| *index > write.discard_through);
        }
        for (index, slot) in mirror.begin(write, self.log.all_committed()) {
            self.log.record(node, index, slot)?;
            lost.retain(|kept| *kept != (index, slot));
        }
        match lost.first() {
            None => Ok(()),
            Some((index, slot)) => {
                let place = quorate_core::LogId::new(slot.term, *index);
                Err(Violation::CommittedRemoved { node, place })
            }
        }
    }

    /// Judges a node that has become leader of `term`: a quorum of `members` has voted for it,
    /// durably, and its log holds all that is committed.
    ///
    /// # Errors
    /// What is broken.
    pub fn leads(
        &self,
        node: u64,
        term: u64,
        members: &Configuration,
        term_at: impl Fn(u64) -> Option<u64>,
    ) -> Result<(), Violation> {
        let name = quorate_core::NodeId::new(node + 1);
        let voted = |voter: u64| self.durable[voter as usize].vote_in(term) == name;
        if let Some((votes, needed)) = members::lacking(members, voted) {
            return Err(Violation::LeaderWithoutQuorum { node, term, votes, needed });
        }
        self.log.leads(node, term, term_at)
    }

    /// Judges a commit index that `node` has just learnt: everything from behind `before` through
    /// `commit` must be what is committed elsewhere, and what is new must stand on a quorum of
    /// durable logs, of the configuration in force before this step or after it; a configuration on
    /// a quorum of its own. `base` is where the node's log begins.
    ///
    /// # Errors
    /// What is broken.
    pub fn commit(
        &mut self,
        node: u64,
        before: u64,
        commit: u64,
        base: u64,
        in_force: [&Configuration; 2],
        term_at: impl Fn(u64) -> Option<u64>,
    ) -> Result<(), Violation> {
        // What a snapshot stands for was committed before, or nobody could have made it.
        let begin = if base > before { base } else { before + 1 };
        if begin > self.log.last_committed() + 1 {
            return Err(Violation::CommitBeyondLog { node, index: begin });
        }
        let mut newest = None;
        for index in begin..=commit {
            let term = term_at(index).ok_or(Violation::CommitBeyondLog { node, index })?;
            if !self.log.agrees(node, index, term)? {
                self.log.commit(node, index, term)?;
                newest = Some(LogId::new(term, index));
            }
        }
        let Some(newest) = newest else { return Ok(()) };
        // Logs that hold the newest entry hold all before it, so only that one is counted.
        let first = in_force.map(|members| self.lacks(node, members, newest));
        if let [Err(violation), Err(_)] = first {
            return Err(violation);
        }
        for (index, members) in self.log.committed_configurations(before, commit) {
            let term = term_at(index).unwrap_or(0);
            if index >= begin {
                self.lacks(node, members, LogId::new(term, index))?;
            }
        }
        Ok(())
    }

    /// Whether a quorum of `members` holds an entry durably.
    fn lacks(&self, node: u64, members: &Configuration, entry: LogId) -> Result<(), Violation> {
        let LogId { term, index } = entry;
        let holds = |voter: u64| self.durable[voter as usize].term_at(index) == Some(term);
        match members::lacking(members, holds) {
            None => Ok(()),
            Some((holders, needed)) => {
                Err(Violation::CommitWithoutQuorum { node, index, term, holders, needed })
            }
        }
    }
}
