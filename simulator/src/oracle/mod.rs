//! What must always hold, judged after every step at a cost that follows the change.
//!
//! The oracles see what nodes say, write and apply; they share no code with the core.

pub mod durable;
pub mod election;
pub mod log;
pub mod machine;
pub mod read;

mod violation;

pub use violation::{Family, Violation};

#[cfg(test)]
mod tests;

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
        }
    }

    /// Judges a write that `node` hands to its disk: logs match, and what is committed stays.
    ///
    /// # Errors
    /// What is broken.
    pub fn write(&mut self, node: u64, write: &quorate_core::Write) -> Result<(), Violation> {
        let mirror = &mut self.durable[node as usize];
        let replaced = write.truncate_from..=mirror.last_index().min(self.log.last_committed());
        let mut lost: Vec<(u64, log::Slot)> = Vec::new();
        for index in replaced {
            let held =
                mirror.slot_at(index).filter(|held| self.log.committed(index) == Some(*held));
            lost.extend(held.map(|held| (index, held)));
        }
        for (index, slot) in mirror.begin(write) {
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

    /// Judges a node that has become leader of `term`: a quorum has voted for it, durably, and its
    /// log holds all that is committed.
    ///
    /// # Errors
    /// What is broken.
    pub fn leads(
        &self,
        node: u64,
        term: u64,
        term_at: impl Fn(u64) -> Option<u64>,
    ) -> Result<(), Violation> {
        let name = quorate_core::NodeId::new(node + 1);
        let voters = self.durable.iter().filter(|mirror| mirror.vote_in(term) == name);
        let (votes, needed) = (voters.count() as u64, self.durable.len() as u64 / 2 + 1);
        if votes < needed {
            return Err(Violation::LeaderWithoutQuorum { node, term, votes, needed });
        }
        self.log.leads(node, term, term_at)
    }

    /// Judges a commit index that `node` has just learnt: everything from behind `before` through
    /// `commit` must be what is committed elsewhere, and what is new must stand on a quorum of
    /// durable logs.
    ///
    /// # Errors
    /// What is broken.
    pub fn commit(
        &mut self,
        node: u64,
        before: u64,
        commit: u64,
        term_at: impl Fn(u64) -> Option<u64>,
    ) -> Result<(), Violation> {
        for index in before + 1..=commit {
            let term = term_at(index).ok_or(Violation::CommitBeyondLog { node, index })?;
            if self.log.agrees(node, index, term)? {
                continue;
            }
            // Logs that hold the newest entry hold all before it, so only that one is counted.
            if index == commit {
                let holds = |mirror: &&durable::Mirror| mirror.term_at(index) == Some(term);
                let holders = self.durable.iter().filter(holds).count() as u64;
                let needed = self.durable.len() as u64 / 2 + 1;
                if holders < needed {
                    return Err(Violation::CommitWithoutQuorum {
                        node,
                        index,
                        term,
                        holders,
                        needed,
                    });
                }
            }
            self.log.commit(node, index, term)?;
        }
        Ok(())
    }
}
