//! The log: one batch for each group commit, synced before it is acknowledged.

use std::{fs::File, path::PathBuf};

use bytes::Bytes;
use quorate_core::{Entries, Index, LogId, Write};
use quorate_driver::{Found, LogStore, Recovered, SnapshotId, StoreError};
use sled::Batch;

use crate::{HEAD, entry, head, summary};

/// A log store in a sled database that is open.
pub struct SledStore {
    pub(crate) db: sled::Db,
    dir: PathBuf,
    incarnation: u64,
    /// What a node that was started now would find.
    found: Option<Found>,
    /// Once a write has failed, what is on disk is not known any more.
    has_failed: bool,
}

impl SledStore {
    pub(crate) fn new(db: sled::Db, dir: PathBuf, recovered: &Recovered) -> SledStore {
        let Recovered { incarnation, found } = recovered.clone();
        SledStore { db, dir, incarnation, found, has_failed: false }
    }

    /// Applies a batch, whole or not at all, and returns once it survives a power loss.
    pub(crate) fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.db.apply_batch(batch).map_err(|error| failed(&error))?;
        self.sync()
    }

    /// sled's own flush hands everything to the system; on Linux it does so by `sync_file_range`, which
    /// leaves out the disk's cache and the length of the file. Syncing the file does the rest, and
    /// syncing the folders makes the names of new files durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.db.flush().map_err(|error| failed(&error))?;
        let sync = |name: &str| {
            let path = self.dir.join(name);
            // Other systems open no folders, and make names durable with the file or not at all.
            let is_there = path.is_file() || cfg!(unix) && path.is_dir();
            if is_there { File::open(path)?.sync_all() } else { Ok(()) }
        };
        let synced = ["db", "blobs", "."].into_iter().try_for_each(sync);
        synced.map_err(|error| StoreError::Io(error.to_string()))
    }

    /// Whether a durable write names the snapshot of the state after this entry.
    pub(crate) fn is_named(&self, last: LogId) -> bool {
        let named = self.found.as_ref().and_then(|found| found.snapshot.as_ref());
        named.is_some_and(|named| named.last == last)
    }

    /// What all `writes` together do to the database, and what it holds then. Nothing is changed.
    fn prepare(&self, writes: &[Write]) -> Result<(Batch, Found), StoreError> {
        let mut batch = Batch::default();
        let mut found = self.found.clone().unwrap_or_default();
        for write in writes {
            if let Some(named) = &write.snapshot {
                self.finished(named.last).map_err(|error| match error {
                    StoreError::NoSnapshot(last) => StoreError::OutOfOrder(format!(
                        "a write names the snapshot of {last:?}, which is not here"
                    )),
                    other => other,
                })?;
                self.remove_older(named.last, &mut batch)?;
            }
            let before = summary(&Some(found.clone()));
            // Refuses what does not follow.
            found.take(write)?;
            for index in write.truncate_from..=before.last().index {
                batch.remove(&entry::key(index));
            }
            for entry in write.entries.iter() {
                batch.insert(&entry::key(entry.log_id.index), entry::encode(entry));
            }
            let end = before.last().index.max(write.entries.last().map_or(0, |last| last.index));
            for index in before.base().index + 1..=found.log.base().index.min(end) {
                batch.remove(&entry::key(index));
            }
        }
        batch.insert(HEAD, head(self.incarnation, Some(&found)));
        Ok((batch, found))
    }

    fn entry(&self, index: Index) -> Result<Option<sled::IVec>, StoreError> {
        self.db.get(entry::key(index)).map_err(|error| failed(&error))
    }
}

pub(crate) fn failed(error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Io(error) if error.kind() == std::io::ErrorKind::StorageFull => {
            StoreError::Full(error.to_string())
        }
        other => StoreError::Io(other.to_string()),
    }
}

impl LogStore for SledStore {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        if self.has_failed {
            return Err(StoreError::Failed);
        }
        let (batch, found) = self.prepare(writes)?;
        let committed = self.commit(batch);
        self.has_failed = committed.is_err();
        committed?;
        self.found = Some(found);
        Ok(())
    }

    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError> {
        let mut entries = Entries::new();
        let last = summary(&self.found).last().index.min(through);
        for index in from..=last {
            let Some(bytes) = self.entry(index)? else { break };
            let damaged = || StoreError::Io(format!("entry {index} is damaged"));
            let (log_id, payload) =
                entry::decode(index, Bytes::copy_from_slice(&bytes)).ok_or_else(damaged)?;
            if !entries.is_empty() && entries.cost() + payload.cost() > max_bytes {
                break;
            }
            entries.append(log_id, payload.into()).map_err(|_| damaged())?;
        }
        if entries.is_empty() { Err(StoreError::NotFound(from)) } else { Ok(entries) }
    }

    fn space_left(&self) -> u64 {
        // What cannot be told is no limit.
        fs4::available_space(&self.dir).unwrap_or(u64::MAX)
    }

    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError> {
        self.begin(id)
    }

    fn snapshot_write(
        &mut self,
        id: SnapshotId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.add(id, offset, bytes)
    }

    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError> {
        self.finish(id)
    }

    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        self.finished(last)
    }

    fn snapshot_read(
        &mut self,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError> {
        if self.finished(id.last)? != id {
            return Err(StoreError::NoSnapshot(id.last));
        }
        self.part(id, offset, max_bytes)
    }

    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError> {
        if self.is_named(last) {
            return Ok(());
        }
        let mut batch = Batch::default();
        for id in self.snapshots()?.into_keys().filter(|id| id.last == last) {
            self.remove(id, &mut batch)?;
        }
        // Nothing rests on its being gone: it need not be synced.
        self.db.apply_batch(batch).map_err(|error| failed(&error))
    }
}
