//! The log store of a simulated node: the production log on a simulated disk.

use quorate_core::{Entries, Index, NodeId};
use quorate_driver::{LogStore, Recovered, StoreError};
use quorate_wal::{Wal, WalError, WalOptions};

use crate::{disk::SimDisk, profile::Settings};

/// The name of every simulated group.
const GROUP: u64 = 1;

/// The production log on a simulated disk.
pub type Store = Wal<SimDisk>;

/// Opens the log on `disk` for another life.
///
/// # Errors
/// As [`Wal::open`].
pub fn open(
    disk: &SimDisk,
    node: NodeId,
    settings: &Settings,
) -> Result<(Store, Recovered), WalError> {
    let segment_bytes = settings.segment_bytes;
    Wal::open(disk.clone(), WalOptions { group: GROUP, node, segment_bytes })
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
