//! Log matching, leader completeness, and that what is committed stays.

use std::{collections::BTreeMap, sync::Arc};

use quorate_core::{Configuration, Index, LogId, Payload, SnapshotMeta, Term};

use super::Violation;
use crate::hash::{digest, mix};

/// One place of a log: the entry's term, and a hash of it and all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slot {
    /// The entry's term.
    pub term: Term,
    /// A hash over all entries through this one.
    pub chain: u64,
}

impl Slot {
    /// The slot of an entry that follows one whose chain is `before`; 0 before the first.
    pub fn after(before: u64, term: Term, payload: &Payload) -> Slot {
        let start = mix(before, term);
        let chain = match payload {
            Payload::Noop => mix(start, 1),
            Payload::Configuration(members) => {
                let learners = members.learners().iter().map(|learner| &learner.id);
                let parts = [members.voters().len(), members.outgoing().len()];
                let counted = parts.into_iter().fold(mix(start, 2), |hash, n| mix(hash, n as u64));
                let all = members.voters().iter().chain(members.outgoing()).chain(learners);
                all.fold(counted, |hash, id| mix(hash, id.get()))
            }
            Payload::Command(command) => mix(mix(start, 3), digest(command)),
        };
        Slot { term, chain }
    }
}

/// All entries that ever stood at one index: mostly one.
#[derive(Clone, Debug, Default)]
struct Place {
    first: Slot,
    others: Vec<Slot>,
}

/// What all logs hold together, and what is committed.
#[derive(Clone, Debug, Default)]
pub struct Logs {
    places: Vec<Place>,
    committed: Vec<Slot>,
    configurations: BTreeMap<(Index, Term), Arc<Configuration>>,
}

impl Logs {
    /// Takes note of an entry that `node` hands to its disk. Two logs with an entry of the same
    /// index and term must hold the same, there and before.
    ///
    /// # Errors
    /// Where another node's log differs.
    pub fn record(&mut self, node: u64, index: Index, slot: Slot) -> Result<(), Violation> {
        let at = (index - 1) as usize;
        if self.places.len() <= at {
            self.places.resize(at + 1, Place::default());
        }
        let place = &mut self.places[at];
        if place.first.term == 0 {
            place.first = slot;
            return Ok(());
        }
        let known = std::iter::once(&place.first).chain(&place.others);
        match known.into_iter().find(|known| known.term == slot.term) {
            Some(known) if known.chain == slot.chain => Ok(()),
            Some(_) => Err(Violation::LogsDiffer { node, place: LogId::new(slot.term, index) }),
            None => {
                place.others.push(slot);
                Ok(())
            }
        }
    }

    fn slot(&self, index: Index, term: Term) -> Option<Slot> {
        let place = self.places.get((index - 1) as usize)?;
        std::iter::once(&place.first).chain(&place.others).find(|slot| slot.term == term).copied()
    }

    /// Whether `index` is known to be committed already.
    ///
    /// # Errors
    /// Where it is, with another term.
    pub fn agrees(&self, node: u64, index: Index, term: Term) -> Result<bool, Violation> {
        match self.committed(index) {
            None => Ok(false),
            Some(slot) if slot.term == term => Ok(true),
            Some(slot) => Err(Violation::CommittedChanged {
                node,
                committed: LogId::new(slot.term, index),
                found: LogId::new(term, index),
            }),
        }
    }

    /// The entry behind the last committed one is committed, too.
    ///
    /// # Errors
    /// Where no disk was ever asked to hold it.
    pub fn commit(&mut self, node: u64, index: Index, term: Term) -> Result<(), Violation> {
        let unwritten = Violation::CommittedUnwritten { node, place: LogId::new(term, index) };
        let slot = self.slot(index, term).ok_or(unwritten)?;
        self.committed.push(slot);
        Ok(())
    }

    /// All that is committed.
    pub fn all_committed(&self) -> &[Slot] {
        &self.committed
    }

    /// Takes note of a configuration that stands in some log.
    pub fn configuration(&mut self, place: LogId, members: &Arc<Configuration>) {
        self.configurations.entry((place.index, place.term)).or_insert_with(|| members.clone());
    }

    /// The committed configurations behind `before` through `through`, the newest first.
    pub fn committed_configurations(
        &self,
        before: Index,
        through: Index,
    ) -> impl Iterator<Item = (Index, &Arc<Configuration>)> {
        let places = self.configurations.range((before + 1, 0)..=(through, Term::MAX)).rev();
        places
            .filter(|((at, term), _)| self.committed(*at).is_some_and(|slot| slot.term == *term))
            .map(|((at, _), members)| (*at, members))
    }

    /// The configurations that may decide: the newest committed one, and all that stand behind it.
    pub fn in_force(&self) -> impl Iterator<Item = &Configuration> {
        let newest = self.committed_configurations(0, Index::MAX - 1).next();
        let behind = self.configurations.range((self.last_committed() + 1, 0)..);
        let newest = newest.map(|(_, members)| members);
        newest.into_iter().chain(behind.map(|(_, members)| members)).map(|members| &**members)
    }

    /// A node names a snapshot: it stands for committed entries, and has their members.
    ///
    /// # Errors
    /// Where it does not.
    pub fn snapshot(&self, node: u64, meta: &SnapshotMeta) -> Result<(), Violation> {
        let last = meta.last;
        if self.committed(last.index).is_none_or(|slot| slot.term != last.term) {
            return Err(Violation::SnapshotUncommitted { node, last });
        }
        match self.committed_configurations(0, last.index).next() {
            Some((_, members)) if **members != *meta.configuration => {
                let (found, expected) = (meta.configuration.clone(), members.clone());
                Err(Violation::SnapshotMembers { node, last, found, expected })
            }
            Some(_) | None => Ok(()),
        }
    }

    /// What is committed at `index`.
    pub fn committed(&self, index: Index) -> Option<Slot> {
        self.committed.get((index as usize).checked_sub(1)?).copied()
    }

    /// The last index that any node knew to be committed.
    pub fn last_committed(&self) -> Index {
        self.committed.len() as Index
    }

    /// A node has become leader of `term`: its log must hold all that is committed. Since logs
    /// match, it is enough that it holds the last such entry.
    ///
    /// # Errors
    /// Where it does not.
    pub fn leads(
        &self,
        node: u64,
        term: Term,
        term_at: impl Fn(Index) -> Option<Term>,
    ) -> Result<(), Violation> {
        let last = self.last_committed();
        let Some(slot) = self.committed(last) else { return Ok(()) };
        let found = term_at(last);
        // A leader of an older term that is late to learn of it may lack what came later.
        if found == Some(slot.term) || slot.term > term {
            return Ok(());
        }
        let committed = LogId::new(slot.term, last);
        Err(Violation::LeaderIncomplete { node, term, committed, found })
    }
}
