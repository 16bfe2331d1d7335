//! A store and a state machine that tell a [`ContractChecker`] what they did.

use bytes::Bytes;
use quorate_core::{Entries, EntryRef, Index, LogId, Write};

use crate::{
    ContractChecker, InstallError, LogStore, SerializeState, SnapshotId, StateMachine, StoreError,
};

/// A store whose work is watched.
#[derive(Clone, Debug)]
pub struct CheckedStore<S> {
    /// The store.
    pub inner: S,
    checker: ContractChecker,
}

impl<S: LogStore> CheckedStore<S> {
    /// Watches `inner` from now on; it holds what `checker`'s life began with.
    pub fn new(inner: S, checker: &ContractChecker) -> CheckedStore<S> {
        CheckedStore { inner, checker: checker.clone() }
    }
}

impl<S: LogStore> LogStore for CheckedStore<S> {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        self.inner.write(writes)?;
        self.checker.written(writes);
        Ok(())
    }

    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError> {
        self.inner.read(from, through, max_bytes)
    }

    fn space_left(&self) -> u64 {
        self.inner.space_left()
    }

    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError> {
        self.inner.snapshot_begin(id)
    }

    fn snapshot_write(
        &mut self,
        id: SnapshotId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.inner.snapshot_write(id, offset, bytes)
    }

    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError> {
        self.inner.snapshot_finish(id)?;
        self.checker.kept(id.last);
        Ok(())
    }

    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        let found = self.inner.snapshot_find(last)?;
        self.checker.found(last);
        Ok(found)
    }

    fn snapshot_read(
        &mut self,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError> {
        self.inner.snapshot_read(id, offset, max_bytes)
    }

    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError> {
        self.inner.snapshot_remove(last)
    }
}

/// A state machine whose work is watched.
#[derive(Clone, Debug)]
pub struct CheckedMachine<M> {
    /// The state machine.
    pub inner: M,
    checker: ContractChecker,
}

impl<M: StateMachine> CheckedMachine<M> {
    /// Watches `inner` from now on; it is as `checker`'s life began.
    pub fn new(inner: M, checker: &ContractChecker) -> CheckedMachine<M> {
        CheckedMachine { inner, checker: checker.clone() }
    }
}

impl<M: StateMachine> StateMachine for CheckedMachine<M> {
    type Response = M::Response;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> M::Response {
        self.checker.applies(entry.log_id);
        self.inner.apply_entry(entry)
    }

    fn snapshot(&self) -> SerializeState {
        self.inner.snapshot()
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        self.inner.install(bytes)?;
        self.checker.installed();
        Ok(())
    }
}
