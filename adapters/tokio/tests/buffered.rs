//! A store that acknowledges before it syncs: what may wait, what may not, and what comes of errors.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use quorate_core::{
    Configuration, Entries, HardState, Index, LogId, NodeId, Payload, Seq, SnapshotMeta, Write,
};
use quorate_driver::{
    LogStore, Recovered, SnapshotId, StoreError,
    conformance::{Storage, run},
};
use quorate_tokio::Buffered;
use quorate_wal::{DirectoryDisk, Wal, WalOptions};
use tempfile::TempDir;

/// So long that no test waits for it.
const NEVER: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_millis(1);

struct Directory(TempDir);

impl Storage for Directory {
    type Store = Buffered<Wal<DirectoryDisk>>;

    fn open(&mut self) -> (Self::Store, Recovered) {
        let disk = DirectoryDisk::open(self.0.path()).unwrap();
        let (wal, recovered) = Wal::open(disk, WalOptions::new(1, NodeId::of(1))).unwrap();
        (Buffered::new(wal, NEVER).unwrap(), recovered)
    }

    /// A crash would lose what is pending; an end does not.
    fn crash(&mut self, store: Self::Store) {
        drop(store);
    }
}

#[test]
fn a_store_that_ends_well_keeps_every_rule() {
    run(|| Directory(TempDir::new().unwrap()));
}

/// What is durable, and whether the disk fails.
#[derive(Clone, Default)]
struct Disk {
    durable: Arc<Mutex<Vec<Write>>>,
    fails: Arc<AtomicBool>,
}

impl Disk {
    /// The last durable index.
    fn last(&self) -> Index {
        let durable = self.durable.lock().unwrap();
        durable
            .iter()
            .filter_map(|write| write.entries.last())
            .map(|last| last.index)
            .max()
            .unwrap_or(0)
    }

    fn wait_for(&self, last: Index) {
        while self.last() < last {
            std::thread::yield_now();
        }
    }
}

impl LogStore for Disk {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(StoreError::Io("the disk is gone".to_owned()));
        }
        self.durable.lock().unwrap().extend_from_slice(writes);
        Ok(())
    }

    fn read(&mut self, from: Index, _: Index, _: u64) -> Result<Entries, StoreError> {
        if from <= self.last() { Ok(entries(from, 1)) } else { Err(StoreError::NotFound(from)) }
    }

    fn space_left(&self) -> u64 {
        u64::MAX
    }

    fn snapshot_begin(&mut self, _: SnapshotId) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn snapshot_write(&mut self, _: SnapshotId, _: u64, _: &[u8]) -> Result<(), StoreError> {
        Ok(())
    }

    fn snapshot_finish(&mut self, _: SnapshotId) -> Result<(), StoreError> {
        Ok(())
    }

    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        Err(StoreError::NoSnapshot(last))
    }

    fn snapshot_read(&mut self, id: SnapshotId, _: u64, _: u64) -> Result<Bytes, StoreError> {
        Err(StoreError::NoSnapshot(id.last))
    }

    fn snapshot_remove(&mut self, _: LogId) -> Result<(), StoreError> {
        Ok(())
    }
}

fn entries(from: Index, count: u64) -> Entries {
    let mut entries = Entries::new();
    for index in from..from + count {
        let command = Payload::Command(Bytes::from(vec![7; 1000]));
        entries.append(LogId::new(1, index), command.into()).unwrap();
    }
    entries
}

fn write(from: Index, count: u64) -> Write {
    Write {
        seq: Seq { incarnation: 1, number: from },
        hard_state: HardState { term: 1, ..HardState::default() },
        truncate_from: from,
        entries: entries(from, count),
        snapshot: None,
        discard_through: 0,
    }
}

/// With one entry, which is durable: nothing is known of what came before it.
fn begun(interval: Duration) -> (Disk, Buffered<Disk>) {
    let disk = Disk::default();
    let mut store = Buffered::new(disk.clone(), interval).unwrap();
    store.write(&[write(1, 1)]).unwrap();
    assert_eq!(disk.last(), 1);
    (disk, store)
}

#[test]
fn new_entries_are_acknowledged_first_and_durable_within_the_interval() {
    let (disk, mut store) = begun(NEVER);
    store.write(&[write(2, 1)]).unwrap();
    assert_eq!(disk.last(), 1, "it waits");
    let (disk, mut store) = begun(SOON);
    store.write(&[write(2, 3)]).unwrap();
    disk.wait_for(4);
}

#[test]
fn a_vote_a_term_a_truncation_and_a_snapshot_are_durable_with_all_before_them() {
    let vote = |hard_state: &mut HardState| hard_state.voted_for = Some(NodeId::of(2));
    let configuration = Arc::new(Configuration::new([NodeId::of(1)]));
    let meta = SnapshotMeta { last: LogId::new(1, 1), configuration };
    let mut promises = [write(3, 0), write(3, 0), write(2, 1), write(3, 0)];
    vote(&mut promises[0].hard_state);
    promises[1].hard_state.term = 2;
    promises[3].snapshot = Some(Arc::new(meta));
    for promise in promises {
        let (disk, mut store) = begun(NEVER);
        store.write(&[write(2, 1)]).unwrap();
        assert_eq!(disk.last(), 1);
        store.write(std::slice::from_ref(&promise)).unwrap();
        let durable = disk.durable.lock().unwrap();
        assert_eq!(durable.last(), Some(&promise));
        assert_eq!(durable.len(), 3);
    }
}

#[test]
fn what_is_read_is_what_was_acknowledged() {
    let (_disk, mut store) = begun(NEVER);
    store.write(&[write(2, 1)]).unwrap();
    assert_eq!(store.read(2, 2, u64::MAX).unwrap(), entries(2, 1));
}

#[test]
fn no_more_waits_than_may() {
    let (disk, mut store) = begun(NEVER);
    for from in 0..20 {
        store.write(&[write(2 + from * 1000, 1000)]).unwrap();
    }
    assert!(disk.last() > 2 + 8 * 1000, "{} are durable", disk.last());
}

#[test]
fn a_disk_that_fails_later_fails_every_later_write() {
    let (disk, mut store) = begun(SOON);
    disk.fails.store(true, Ordering::SeqCst);
    let mut next = 2;
    let error = loop {
        match store.write(&[write(next, 1)]) {
            Ok(()) => next += 1,
            Err(error) => break error,
        }
        std::thread::yield_now();
    };
    assert_eq!(error, StoreError::Io("the disk is gone".to_owned()));
    assert_eq!(store.write(&[write(next, 1)]), Err(error));
    assert_eq!(disk.last(), 1);
}

#[test]
fn a_store_that_ends_makes_the_rest_durable() {
    let (disk, mut store) = begun(NEVER);
    store.write(&[write(2, 5)]).unwrap();
    drop(store);
    assert_eq!(disk.last(), 6);
}
