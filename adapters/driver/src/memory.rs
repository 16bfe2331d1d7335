//! A log store in memory, for tests: what it holds is gone with it.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_codec::Checksum;
use quorate_core::{Entries, Index, LogId, Write};

use crate::{Found, LogStore, Recovered, SnapshotId, StoreError};

/// A log in memory. Cloning it is a copy of the disk.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    incarnation: u64,
    found: Option<Found>,
    /// What each write brought, by its first entry.
    entries: BTreeMap<Index, Entries>,
    snapshots: BTreeMap<SnapshotId, Bytes>,
    unfinished: BTreeMap<SnapshotId, Vec<u8>>,
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
        let named = write.snapshot.as_ref().map(|snapshot| snapshot.last);
        if let Some(last) = named.filter(|last| !self.snapshots.keys().any(|id| id.last == *last)) {
            let what = format!("a write names the snapshot of {last:?}, which is not here");
            return Err(StoreError::OutOfOrder(what));
        }
        let mut found = self.found.clone().unwrap_or_default();
        found.take(write)?;
        self.truncate_from(write.truncate_from);
        if let Some(first) = write.entries.first() {
            self.entries.insert(first.index, write.entries.clone());
        }
        self.discard_through(found.log.base().index);
        if let Some(snapshot) = &write.snapshot {
            let newest = snapshot.last.index;
            self.snapshots.retain(|id, _| id.last.index >= newest);
            self.unfinished.retain(|id, _| id.last.index > newest);
        }
        self.found = Some(found);
        Ok(())
    }

    fn truncate_from(&mut self, from: Index) {
        self.entries.split_off(&from);
        if let Some(mut last) = self.entries.last_entry() {
            last.get_mut().truncate_from(from);
        }
    }

    fn discard_through(&mut self, base: Index) {
        while let Some((first, entries)) = self.entries.pop_first() {
            if first > base {
                self.entries.insert(first, entries);
                return;
            }
            let rest = entries.starting_at(base + 1);
            if let Some(first) = rest.first() {
                self.entries.insert(first.index, rest);
                return;
            }
        }
    }

    fn is_named(&self, last: LogId) -> bool {
        let named = self.found.as_ref().and_then(|found| found.snapshot.as_ref());
        named.is_some_and(|named| named.last == last)
    }
}

impl LogStore for MemoryStore {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        writes.iter().try_for_each(|write| self.apply(write))
    }

    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError> {
        let (mut found, mut cost) = (Entries::new(), 0);
        let start = self.entries.range(..=from).next_back().map_or(from, |(first, _)| *first);
        for (_, entries) in self.entries.range(start..=through.max(start)) {
            if cost >= max_bytes.max(1) {
                break;
            }
            let part = entries.starting_at(from).ending_before(through.saturating_add(1));
            cost += part.cost();
            found.extend(part).map_err(|error| StoreError::Io(error.to_string()))?;
        }
        if found.first().is_some_and(|first| first.index == from) {
            return Ok(found.capped(max_bytes));
        }
        Err(StoreError::NotFound(from))
    }

    fn space_left(&self) -> u64 {
        u64::MAX
    }

    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError> {
        if self.snapshot_find(id.last).is_ok() {
            return Ok(id.len);
        }
        Ok(self.unfinished.entry(id).or_default().len() as u64)
    }

    fn snapshot_write(
        &mut self,
        id: SnapshotId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let part = self.unfinished.get_mut(&id).ok_or(StoreError::NoSnapshot(id.last))?;
        if part.len() as u64 != offset {
            let what = format!("a snapshot of {} bytes goes on at {offset}", part.len());
            return Err(StoreError::OutOfOrder(what));
        }
        part.extend_from_slice(bytes);
        Ok(())
    }

    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError> {
        if self.snapshot_find(id.last).is_ok() {
            return Ok(());
        }
        let bytes = self.unfinished.remove(&id).ok_or(StoreError::NoSnapshot(id.last))?;
        id.check(&bytes)?;
        self.snapshots.insert(id, bytes.into());
        Ok(())
    }

    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        let mut all = self.snapshots.keys();
        all.find(|id| id.last == last).copied().ok_or(StoreError::NoSnapshot(last))
    }

    fn snapshot_read(
        &mut self,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError> {
        let all = self.snapshots.get(&id).ok_or(StoreError::NoSnapshot(id.last))?;
        let (start, end) = (offset.min(id.len), offset.saturating_add(max_bytes).min(id.len));
        Ok(all.slice(start as usize..end as usize))
    }

    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError> {
        if !self.is_named(last) {
            self.snapshots.retain(|id, _| id.last != last);
            self.unfinished.retain(|id, _| id.last != last);
        }
        Ok(())
    }
}

impl SnapshotId {
    /// The name of these bytes, as a snapshot of the state after `last`.
    pub fn of(last: LogId, bytes: &[u8]) -> SnapshotId {
        SnapshotId { last, len: bytes.len() as u64, checksum: Checksum::of(bytes) }
    }

    /// Whether these are its bytes.
    ///
    /// # Errors
    /// [`StoreError::BadSnapshot`] where they are not.
    pub fn check(&self, bytes: &[u8]) -> Result<(), StoreError> {
        let found = SnapshotId::of(self.last, bytes);
        if found == *self {
            return Ok(());
        }
        let what = format!(
            "{} bytes with checksum {:#010x}, where {} with {:#010x} are due",
            found.len, found.checksum, self.len, self.checksum
        );
        Err(StoreError::BadSnapshot { last: self.last, what })
    }
}
