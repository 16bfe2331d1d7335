//! A log store in memory, for tests: what it holds is gone with it.

use quorate_core::{Entries, Index, LogId, Write};

use crate::{Found, LogStore, Recovered, StoreError};

/// A log in memory. Cloning it is a copy of the disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    incarnation: u64,
    found: Option<Found>,
}

impl MemoryStore {
    /// New storage.
    pub fn new() -> MemoryStore {
        MemoryStore::default()
    }

    /// Opens the storage for another life.
    pub fn open(&mut self) -> Recovered {
        self.incarnation += 1;
        Recovered { incarnation: self.incarnation, found: self.found.clone() }
    }

    fn apply(&mut self, write: &Write) -> Result<(), StoreError> {
        let found = self.found.get_or_insert_with(|| Found {
            hard_state: Default::default(),
            snapshot: None,
            entries: Entries::new(),
        });
        let base = found.snapshot.as_ref().map_or(LogId::ZERO, |snapshot| snapshot.last);
        let last = found.entries.last().unwrap_or(base).index;
        let next = write.entries.first().map_or(write.truncate_from, |first| first.index);
        if write.truncate_from > last + 1 || next != write.truncate_from {
            return Err(StoreError::OutOfOrder(format!(
                "the log ends at {last}, the write truncates from {} and appends from {next}",
                write.truncate_from
            )));
        }
        found.hard_state = write.hard_state;
        found.entries.truncate_from(write.truncate_from);
        found
            .entries
            .extend(write.entries.clone())
            .map_err(|error| StoreError::OutOfOrder(error.to_string()))?;
        if let Some(snapshot) = &write.snapshot {
            found.snapshot = Some(snapshot.clone());
        }
        if write.discard_through > 0 {
            found.entries = found.entries.starting_at(write.discard_through + 1);
        }
        Ok(())
    }
}

impl LogStore for MemoryStore {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        writes.iter().try_for_each(|write| self.apply(write))
    }

    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError> {
        let all = self.found.as_ref().map(|found| &found.entries);
        let rest = all.map(|all| all.starting_at(from).ending_before(through.saturating_add(1)));
        rest.filter(|rest| rest.first().is_some_and(|first| first.index == from))
            .map(|rest| rest.capped(max_bytes))
            .ok_or(StoreError::NotFound(from))
    }

    fn space_left(&self) -> u64 {
        u64::MAX
    }
}
