//! A store from the records of a snapshot.

use std::sync::Arc;

use super::{FIRST_REVISION, Record, Store};
use crate::Revision;

/// A store that is being put together.
pub(crate) struct Restored {
    store: Store,
    /// The record before, by key and position.
    last: Option<Arc<Record>>,
    /// What is still in the history.
    recent: Vec<Arc<Record>>,
}

impl Restored {
    /// None for numbers that no store has.
    pub(crate) fn begin(
        revision: Revision,
        compacted: Revision,
        swept: (Revision, u32),
    ) -> Option<Restored> {
        if revision < FIRST_REVISION || compacted > revision || swept.0 > compacted {
            return None;
        }
        let store = Store { revision, compacted, swept, ..Store::default() };
        Some(Restored { store, last: None, recent: Vec::new() })
    }

    /// Takes the next record in, by rising key and position; none where no store has it there.
    pub(crate) fn push(&mut self, record: Record) -> Option<()> {
        let is_swept = record.position() <= self.store.swept;
        let follows = self.last.as_ref().filter(|last| last.key == record.key);
        let is_sane = match (&self.last, follows) {
            // Of what was swept, each key has its last record, unless it was gone by then.
            (_, Some(before)) => before.position() < record.position() && !is_swept,
            (Some(other), None) => other.key < record.key,
            (None, None) => true,
        };
        let is_sane = is_sane
            && record.mod_revision <= self.store.revision
            && record.mod_revision > FIRST_REVISION
            && !(is_swept && record.is_gone());
        if !is_sane {
            return None;
        }
        // One allocation serves all records of a key.
        let key = follows.map_or_else(|| record.key.clone(), |before| before.key.clone());
        let (record, _) = self.store.index.put(&key.clone(), |_| Record { key, ..record });
        self.store.cost += record.cost();
        if !is_swept {
            self.recent.push(record.clone());
        }
        self.last = Some(record);
        Some(())
    }

    /// The store; none where two records have one place among all changes.
    pub(crate) fn end(mut self) -> Option<Store> {
        self.recent.sort_by_key(|record| record.position());
        let mut positions = self.recent.windows(2);
        if positions.any(|pair| pair[0].position() == pair[1].position()) {
            return None;
        }
        self.store.len = self.store.newest().count() as u64;
        self.recent.into_iter().for_each(|record| self.store.history.push(record));
        Some(self.store)
    }
}
