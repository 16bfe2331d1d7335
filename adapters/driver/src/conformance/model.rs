//! What a store should hold, by the plainest way to say it.

use std::sync::Arc;

use quorate_core::{
    Configuration, Entries, HardState, Index, LogId, LogSummary, NodeId, Payload, Seq,
    SnapshotMeta, Term, Write, commands,
};

use super::Storage;
use crate::{Found, LogStore, SnapshotId, StoreError};

/// The contents of a disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    exists: bool,
    hard_state: HardState,
    snapshot: Option<Arc<SnapshotMeta>>,
    /// Before the first entry.
    base: LogId,
    entries: Entries,
}

impl Model {
    pub(super) fn write(&mut self, write: &Write) {
        self.exists = true;
        self.hard_state = write.hard_state;
        self.entries = self.entries.ending_before(write.truncate_from);
        self.entries.extend(write.entries.clone()).expect("the suite's writes follow one another");
        self.snapshot = write.snapshot.clone().or(self.snapshot.take());
        let Some(head) = self.log_id(write.discard_through) else { return };
        self.base = head;
        self.entries = self.entries.starting_at(head.index + 1);
    }

    /// The entry at `index`, or the snapshot that ends there.
    fn log_id(&self, index: Index) -> Option<LogId> {
        let entry = self.entries.iter().map(|entry| entry.log_id).find(|id| id.index == index);
        let named = self.snapshot.as_ref().map(|snapshot| snapshot.last);
        entry.or(named.filter(|last| last.index == index)).filter(|id| id.index > self.base.index)
    }

    pub(super) fn entries(&self) -> &Entries {
        &self.entries
    }

    pub(super) fn last_index(&self) -> Index {
        self.entries.last().unwrap_or(self.base).index
    }

    fn found(&self) -> Option<Found> {
        let (hard_state, snapshot) = (self.hard_state, self.snapshot.clone());
        let log = LogSummary::of(self.base, &self.entries);
        self.exists.then_some(Found { hard_state, snapshot, log })
    }

    /// Opens the storage: it holds what it should, entries included, and the store is returned.
    pub(super) fn reopen<S: Storage>(&self, storage: &mut S, rule: &str) -> S::Store {
        let (mut store, recovered) = storage.open();
        assert_eq!(recovered.found, self.found(), "{rule}");
        assert_eq!(read_all(&mut store, self.base.index + 1), self.entries, "{rule}");
        store
    }
}

/// Everything from `from` on, in small parts.
pub(super) fn read_all(store: &mut impl LogStore, from: Index) -> Entries {
    let mut all = Entries::new();
    let mut next = from;
    loop {
        match store.read(next, Index::MAX, 300) {
            Ok(part) => {
                next = part.last().expect("a read is not empty").index + 1;
                all.extend(part).expect("a read starts where it was asked to");
            }
            Err(StoreError::NotFound(at)) => {
                assert_eq!(at, next, "another entry than the first is missing");
                return all;
            }
            Err(error) => panic!("a read failed: {error}"),
        }
    }
}

/// A write in `term` that puts commands of `lens` bytes at `from`.
pub(super) fn write(term: Term, from: Index, lens: &[usize]) -> Write {
    let payloads = commands(lens.iter().map(|len| vec![term as u8; *len]));
    let entries = Entries::from_payloads(LogId::new(term, from), payloads).unwrap_or_default();
    Write {
        seq: Seq { incarnation: 1, number: from },
        hard_state: HardState { term, voted_for: Some(NodeId::of(2)), promise: term },
        truncate_from: from,
        entries,
        snapshot: None,
        discard_through: 0,
    }
}

/// A write of nothing but a configuration.
pub(super) fn members(term: Term, from: Index, voters: &[u64]) -> Write {
    let configuration = Configuration::new(voters.iter().map(|id| NodeId::of(*id)));
    let payload = Payload::Configuration(Arc::new(configuration));
    let entries = Entries::from_payloads(LogId::new(term, from), payload.into());
    Write { entries: entries.expect("one entry"), ..write(term, from, &[]) }
}

pub(super) fn meta(term: Term, index: Index) -> Arc<SnapshotMeta> {
    let configuration = Arc::new(Configuration::new([NodeId::of(1), NodeId::of(2)]));
    Arc::new(SnapshotMeta { last: LogId::new(term, index), configuration })
}

/// Bytes that differ from one place to the next.
pub(super) fn bytes(len: usize, seed: u8) -> Vec<u8> {
    (0..len).map(|place| (place as u8).wrapping_mul(31) ^ (place >> 8) as u8 ^ seed).collect()
}

pub(super) fn id(last: LogId, bytes: &[u8]) -> SnapshotId {
    SnapshotId::of(last, bytes)
}
/// Keeps a snapshot, so that a write may name it.
pub(super) fn keep(store: &mut impl LogStore, last: LogId, bytes: &[u8]) -> SnapshotId {
    let id = id(last, bytes);
    let mut written = store.snapshot_begin(id).expect("a store begins snapshots");
    while written < id.len {
        let end = (written + 700).min(id.len);
        let part = &bytes[written as usize..end as usize];
        store.snapshot_write(id, written, part).expect("a store takes parts in order");
        written = end;
    }
    store.snapshot_finish(id).expect("a whole snapshot is finished");
    id
}
