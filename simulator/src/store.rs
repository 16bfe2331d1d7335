//! The log store of a simulated node: the production log on a simulated disk. For measurements there
//! may be one in memory in its place.

use bytes::Bytes;
use quorate_core::{Entries, Index, LogId, NodeId, Write};
use quorate_driver::{LogStore, MemoryStore, Recovered, SnapshotId, StoreError};
use quorate_wal::{Wal, WalCounters, WalError, WalOptions};

use crate::{disk::SimDisk, profile::Settings};

/// The name of every simulated group.
const GROUP: u64 = 1;

/// The log of a node.
pub enum Store {
    /// The production log on a simulated disk.
    Wal(Box<Wal<SimDisk>>),
    /// A log that does not outlive its process: see [`Settings::log_in_memory`].
    Memory(Box<MemoryStore>),
}

/// Opens the log on `disk` for another life.
///
/// # Errors
/// As [`Wal::open`].
pub fn open(
    disk: &SimDisk,
    node: NodeId,
    settings: &Settings,
) -> Result<(Store, Recovered), WalError> {
    if settings.log_in_memory {
        let mut store = MemoryStore::new();
        let recovered = store.open();
        return Ok((Store::Memory(Box::new(store)), recovered));
    }
    let segment_bytes = settings.segment_bytes;
    let (wal, recovered) =
        Wal::open(disk.clone(), WalOptions { group: GROUP, node, segment_bytes })?;
    Ok((Store::Wal(Box::new(wal)), recovered))
}

impl Store {
    /// What the production log has done since it was opened.
    pub fn counters(&self) -> WalCounters {
        match self {
            Store::Wal(wal) => wal.counters(),
            Store::Memory(_) => WalCounters::default(),
        }
    }
}

/// Whichever it is.
macro_rules! either {
    ($store:expr, $log:ident => $work:expr) => {
        match $store {
            Store::Wal($log) => $work,
            Store::Memory($log) => $work,
        }
    };
}

impl LogStore for Store {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        either!(self, log => log.write(writes))
    }

    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError> {
        either!(self, log => log.read(from, through, max_bytes))
    }

    fn space_left(&self) -> u64 {
        either!(self, log => log.space_left())
    }

    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError> {
        either!(self, log => log.snapshot_begin(id))
    }

    fn snapshot_write(
        &mut self,
        id: SnapshotId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        either!(self, log => log.snapshot_write(id, offset, bytes))
    }

    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError> {
        either!(self, log => log.snapshot_finish(id))
    }

    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        either!(self, log => log.snapshot_find(last))
    }

    fn snapshot_read(
        &mut self,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError> {
        either!(self, log => log.snapshot_read(id, offset, max_bytes))
    }

    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError> {
        either!(self, log => log.snapshot_remove(last))
    }
}

/// What is read of a log at once. Bytes.
const READ_BYTES: u64 = 256 * 1024;

/// All entries of an opened log.
///
/// # Errors
/// As [`LogStore::read`].
pub fn read_all(store: &mut Store, recovered: &Recovered) -> Result<Entries, StoreError> {
    let mut all = Entries::new();
    let Some(found) = &recovered.found else { return Ok(all) };
    let mut next = found.log.base().index + 1;
    while next <= found.log.last().index {
        let part = store.read(next, Index::MAX, READ_BYTES)?;
        next = part.last().map_or(Index::MAX, |last| last.index + 1);
        all.extend(part).map_err(|error| StoreError::Io(error.to_string()))?;
    }
    Ok(all)
}
