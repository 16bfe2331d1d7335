//! A store whose kind is chosen while the program runs.

use bytes::Bytes;
use quorate_core::{Entries, Index, LogId, Write};

use crate::{LogStore, SnapshotId, StoreError};

impl<S: LogStore + ?Sized> LogStore for Box<S> {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        (**self).write(writes)
    }

    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError> {
        (**self).read(from, through, max_bytes)
    }

    fn space_left(&self) -> u64 {
        (**self).space_left()
    }

    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError> {
        (**self).snapshot_begin(id)
    }

    fn snapshot_write(
        &mut self,
        id: SnapshotId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        (**self).snapshot_write(id, offset, bytes)
    }

    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError> {
        (**self).snapshot_finish(id)
    }

    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        (**self).snapshot_find(last)
    }

    fn snapshot_read(
        &mut self,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError> {
        (**self).snapshot_read(id, offset, max_bytes)
    }

    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError> {
        (**self).snapshot_remove(last)
    }
}
