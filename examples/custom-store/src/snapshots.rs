//! Snapshots: bytes under the snapshot's name and their place in it, and how far it has come.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes};
use quorate_core::LogId;
use quorate_driver::{SnapshotId, StoreError};
use sled::Batch;

use crate::store::{SledStore, failed};

/// Term, index, length, checksum. Bytes.
const NAME_BYTES: usize = 28;
/// What is read at once to check a snapshot. Bytes.
const READ_BYTES: u64 = 1024 * 1024;

/// How far a snapshot has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Progress {
    here: u64,
    is_finished: bool,
}

impl Progress {
    fn encode(self) -> Vec<u8> {
        [&self.here.to_be_bytes()[..], &[u8::from(self.is_finished)]].concat()
    }
}

fn key(kind: u8, id: SnapshotId) -> Vec<u8> {
    let mut key = vec![kind];
    for number in [id.last.term, id.last.index, id.len] {
        key.extend(number.to_be_bytes());
    }
    key.extend(id.checksum.to_be_bytes());
    key
}

fn part_key(id: SnapshotId, offset: u64) -> Vec<u8> {
    let mut key = key(b'p', id);
    key.extend(offset.to_be_bytes());
    key
}

/// None for a key that none of these wrote.
fn read_name(mut bytes: &[u8]) -> Option<SnapshotId> {
    if bytes.len() < NAME_BYTES {
        return None;
    }
    let last = LogId::new(bytes.get_u64(), bytes.get_u64());
    Some(SnapshotId { last, len: bytes.get_u64(), checksum: bytes.get_u32() })
}

impl SledStore {
    /// All snapshots that are here, finished or not.
    pub(crate) fn snapshots(&self) -> Result<BTreeMap<SnapshotId, Progress>, StoreError> {
        let mut found = BTreeMap::new();
        for pair in self.db.scan_prefix(b"s") {
            let (key, value) = pair.map_err(|error| failed(&error))?;
            let damaged = || StoreError::Io("the name of a snapshot is damaged".to_owned());
            let id = read_name(&key[1..]).ok_or_else(damaged)?;
            let (here, is_finished) = value.split_at_checked(8).ok_or_else(damaged)?;
            let here = here.try_into().map(u64::from_be_bytes).map_err(|_| damaged())?;
            found.insert(id, Progress { here, is_finished: is_finished == [1] });
        }
        Ok(found)
    }

    /// The finished snapshot of the state after this entry.
    pub(crate) fn finished(&self, last: LogId) -> Result<SnapshotId, StoreError> {
        let all = self.snapshots()?;
        let mut finished = all.iter().filter(|(_, progress)| progress.is_finished);
        let found = finished.find(|(id, _)| id.last == last).map(|(id, _)| *id);
        found.ok_or(StoreError::NoSnapshot(last))
    }

    pub(crate) fn begin(&self, id: SnapshotId) -> Result<u64, StoreError> {
        let all = self.snapshots()?;
        if all.iter().any(|(other, progress)| other.last == id.last && progress.is_finished) {
            return Ok(id.len);
        }
        let progress = all.get(&id).copied().unwrap_or_default();
        let noted = self.db.insert(key(b's', id), progress.encode());
        noted.map_err(|error| failed(&error))?;
        Ok(progress.here)
    }

    /// A part and how far the snapshot has come are one batch: they are never told apart by a crash. It
    /// may be lost, and is not synced.
    pub(crate) fn add(&self, id: SnapshotId, offset: u64, bytes: &[u8]) -> Result<(), StoreError> {
        let progress =
            self.snapshots()?.get(&id).copied().ok_or(StoreError::NoSnapshot(id.last))?;
        if progress.is_finished || progress.here != offset {
            return Err(StoreError::OutOfOrder(format!(
                "a snapshot of {} bytes goes on at {offset}",
                progress.here
            )));
        }
        let mut batch = Batch::default();
        let here = offset + bytes.len() as u64;
        batch.insert(part_key(id, offset), bytes);
        batch.insert(key(b's', id), Progress { here, is_finished: false }.encode());
        self.db.apply_batch(batch).map_err(|error| failed(&error))
    }

    pub(crate) fn finish(&self, id: SnapshotId) -> Result<(), StoreError> {
        if self.finished(id.last).is_ok() {
            return Ok(());
        }
        let progress =
            self.snapshots()?.get(&id).copied().ok_or(StoreError::NoSnapshot(id.last))?;
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < progress.here {
            let part = self.part(id, bytes.len() as u64, READ_BYTES)?;
            if part.is_empty() {
                break;
            }
            bytes.extend_from_slice(&part);
        }
        let mut batch = Batch::default();
        if let Err(bad) = id.check(&bytes) {
            self.remove(id, &mut batch)?;
            self.db.apply_batch(batch).map_err(|error| failed(&error))?;
            return Err(bad);
        }
        batch.insert(key(b's', id), Progress { here: id.len, is_finished: true }.encode());
        self.commit(batch)
    }

    /// At most one part's bytes from `offset` on.
    pub(crate) fn part(
        &self,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError> {
        let mut before = self.db.range(part_key(id, 0)..=part_key(id, offset));
        let Some(pair) = before.next_back() else { return Ok(Bytes::new()) };
        let (key, value) = pair.map_err(|error| failed(&error))?;
        let start = key[1 + NAME_BYTES..].try_into().map(u64::from_be_bytes).unwrap_or(offset);
        let skip = (offset - start).min(value.len() as u64) as usize;
        let len = (value.len() - skip).min(usize::try_from(max_bytes).unwrap_or(usize::MAX));
        Ok(Bytes::copy_from_slice(&value[skip..skip + len]))
    }

    pub(crate) fn remove(&self, id: SnapshotId, batch: &mut Batch) -> Result<(), StoreError> {
        batch.remove(key(b's', id));
        for part in self.db.scan_prefix(key(b'p', id)).keys() {
            batch.remove(part.map_err(|error| failed(&error))?);
        }
        Ok(())
    }

    /// Once a durable write names the snapshot of the state after `named`, those before it go, and what
    /// was begun of others up to there.
    pub(crate) fn remove_older(&self, named: LogId, batch: &mut Batch) -> Result<(), StoreError> {
        for (id, progress) in self.snapshots()? {
            let is_of_use = if progress.is_finished {
                id.last.index >= named.index
            } else {
                id.last.index > named.index
            };
            if !is_of_use {
                self.remove(id, batch)?;
            }
        }
        Ok(())
    }
}
