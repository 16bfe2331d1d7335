//! What a node in trouble leaves in the log: a disk that hangs or fails, a watch that lags too far;
//! and what its operator does about it: members that change.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use common::{LONG, collector::Collector};
use quorate::{
    Coordination, EmbeddedEngine, EngineConfig, EngineError, NodeBuilder, NodeId, Promotion, Start,
    WatchOptions,
};
use quorate_core::{Entries, Index, LogId, Write};
use quorate_driver::{LogStore, MemoryStore, SnapshotId, StoreError};
use tokio::net::TcpListener;
use tracing::Level;

const WELL: u8 = 0;
const HANGS: u8 = 1;
const FAILS: u8 = 2;

/// A store whose writes hang or fail when they are told to.
struct Sick(MemoryStore, Arc<AtomicU8>);

impl LogStore for Sick {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        while self.1.load(Ordering::SeqCst) == HANGS {
            std::thread::sleep(Duration::from_millis(5));
        }
        if self.1.load(Ordering::SeqCst) == FAILS {
            return Err(StoreError::Io("the disk is gone".into()));
        }
        self.0.write(writes)
    }
    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError> {
        self.0.read(from, through, max_bytes)
    }
    fn space_left(&self) -> u64 {
        self.0.space_left()
    }
    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError> {
        self.0.snapshot_begin(id)
    }
    fn snapshot_write(&mut self, id: SnapshotId, at: u64, part: &[u8]) -> Result<(), StoreError> {
        self.0.snapshot_write(id, at, part)
    }
    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError> {
        self.0.snapshot_finish(id)
    }
    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        self.0.snapshot_find(last)
    }
    fn snapshot_read(&mut self, id: SnapshotId, at: u64, max: u64) -> Result<Bytes, StoreError> {
        self.0.snapshot_read(id, at, max)
    }
    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError> {
        self.0.snapshot_remove(last)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trouble_is_told_with_its_fields() {
    let told = Collector::install();
    let dir = tempfile::tempdir().unwrap();
    let listen = |name: &str, start| EngineConfig {
        start,
        request_timeout: LONG,
        write_stall_limit: Duration::from_millis(500),
        ..EngineConfig::new(dir.path().join(name))
    };
    let mut store = MemoryStore::new();
    let recovered = store.open();
    let health = Arc::new(AtomicU8::new(WELL));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let builder = NodeBuilder::new(listen("one", Start::New), std::future::pending::<()>());
    let builder = builder.storage_engine((Sick(store, health.clone()), recovered));
    let builder = builder.listener(listener);
    let engine = builder.build().unwrap().start().await.unwrap().ready().await.unwrap();
    let client = engine.client();

    // The disk hangs, and then moves again.
    let place = told.len();
    health.store(HANGS, Ordering::SeqCst);
    let put = tokio::spawn({
        let client = client.clone();
        async move { client.put("a", "1").await }
    });
    let stalled = "disk stalled: the node does not lead before its oldest write is durable";
    let stalled = told.told(place, Level::WARN, stalled, &["group"]).await;
    assert_eq!(stalled.fields["id"], "1");
    health.store(WELL, Ordering::SeqCst);
    told.told(place, Level::INFO, "disk moves again", &["group", "id"]).await;
    // Whether it was done is not known: the node did not lead meanwhile.
    let _ = put.await.unwrap();
    engine.wait_ready(LONG).await.unwrap();

    // A watch that is slower than compactions.
    let first = client.put("a", "2").await.unwrap();
    let mut watcher = client.watch("a", WatchOptions::from(first)).await.unwrap();
    let last = client.put("a", "3").await.unwrap();
    client.compact(last).await.unwrap();
    let place = told.len();
    let lost = watcher.next().await.unwrap().unwrap_err();
    assert_eq!(lost, EngineError::WatchLost { next: first, compacted: last });
    let cancelled = told.told(place, Level::WARN, "watch cancelled: it lags too far", &[]).await;
    assert_eq!(cancelled.fields["next"], first.to_string());
    assert_eq!(cancelled.fields["compacted"], last.to_string());

    // A member more.
    let place = told.len();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let joins = EngineConfig { node: NodeId::of(2), ..listen("two", Start::Join) };
    let two = EmbeddedEngine::start_on(joins, Some(listener)).await.unwrap();
    client.member_add(NodeId::of(2), address, Promotion::OnDemand).await.unwrap();
    let changed = told.told(place, Level::INFO, "members changed", &["index", "group", "id"]).await;
    assert!(changed.fields["voters"].contains('1') && changed.fields["learners"].contains('2'));

    // The disk fails.
    let place = told.len();
    health.store(FAILS, Ordering::SeqCst);
    let error = client.put("a", "4").await.unwrap_err();
    assert!(!error.is_surely_not_done(), "{error}");
    let halted = told.told(place, Level::ERROR, "halted", &["group"]).await;
    assert_eq!(halted.fields["id"], "1");
    assert!(halted.fields["cause"].contains("the disk is gone"), "{halted:?}");
    engine.kill().await;
    two.kill().await;
}
