//! Snapshots on real disks and over real sockets.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, path::Path, time::Duration};

use quorate::{Coordination, EmbeddedEngine, EngineConfig, NodeId, PeerAddress, Start};
use tokio::net::TcpListener;

/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);

/// Little is kept, and snapshots are taken often: every few entries of a small log.
fn often(config: EngineConfig) -> EngineConfig {
    EngineConfig {
        snapshot_every_entries: 20,
        retain_entries: 5,
        segment_bytes: 16 * 1024,
        request_timeout: LONG,
        ..config
    }
}

fn files(dir: &Path, ending: &str) -> Vec<String> {
    let names = std::fs::read_dir(dir).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(ending)).collect()
}

async fn write(engine: &EmbeddedEngine, range: std::ops::Range<u32>) {
    let client = engine.client();
    for number in range {
        let value = vec![number as u8; 3_000];
        // Whether a write to a dead leader was done is not known: the same again does no harm.
        while client.put(format!("key-{number}"), value.clone()).await.is_err() {}
    }
}

fn holds(engine: &EmbeddedEngine, count: u32) {
    for number in 0..count {
        let value = engine.client().peek(format!("key-{number}").as_bytes());
        assert_eq!(value.as_deref(), Some(&vec![number as u8; 3_000][..]), "key-{number}");
    }
}

#[tokio::test]
async fn a_log_that_begins_with_a_snapshot_opens_and_holds_all() {
    let dir = tempfile::tempdir().unwrap();
    let mut count = 0;
    for _ in 0..4 {
        let engine =
            EmbeddedEngine::start_with(often(EngineConfig::new(dir.path()))).await.unwrap();
        engine.wait_ready(LONG).await.unwrap();
        holds(&engine, count);
        write(&engine, count..count + 50).await;
        count += 50;
        engine.stop().await.unwrap();
        // A second one may have been finished, and not yet named, when the node stopped.
        assert!((1..=2).contains(&files(dir.path(), ".snap").len()), "older snapshots stay");
        assert!(files(dir.path(), ".wal").len() < 12, "the log is kept whole");
    }
    let engine = EmbeddedEngine::start_with(often(EngineConfig::new(dir.path()))).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    holds(&engine, count);
    // The policy may take one of its own at any time.
    let last = loop {
        engine.client().put("one", "more").await.unwrap();
        match engine.snapshot().await {
            Ok(last) => break last,
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    assert_eq!(last, engine.status().applied);
    engine.snapshot().await.expect_err("there is nothing new");
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_snapshot_is_taken_by_time_where_nothing_else_happens() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig {
        snapshot_every_entries: 0,
        snapshot_interval: Duration::from_millis(300),
        // Nothing else wakes a node that is alone.
        compact_after: Duration::ZERO,
        ..EngineConfig::new(dir.path())
    };
    let engine = EmbeddedEngine::start_with(config).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    let mut newest = 0;
    for round in 0..3 {
        engine.client().put("a", round.to_string()).await.unwrap();
        let applied = engine.status().applied;
        let taken = async {
            while engine.status().snapshot < applied {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(LONG, taken).await.expect("it is taken by itself");
        assert!(engine.status().snapshot > newest);
        newest = engine.status().snapshot;
    }
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_snapshot_that_rotted_is_named_and_stops_the_node() {
    let dir = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::start_with(often(EngineConfig::new(dir.path()))).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    write(&engine, 0..50).await;
    engine.stop().await.unwrap();
    let snapshot = files(dir.path(), ".snap").remove(0);
    let path = dir.path().join(&snapshot);
    let sound = std::fs::read(&path).unwrap();
    let mut rotten = sound.clone();
    rotten[1_000] ^= 1;
    std::fs::write(&path, rotten).unwrap();
    // Its bytes are looked at when they are needed, which is at once: the log begins with them.
    let engine = EmbeddedEngine::start_with(often(EngineConfig::new(dir.path()))).await.unwrap();
    let error = engine.wait_ready(LONG).await.unwrap_err().to_string();
    assert!(error.contains("cannot be installed") && error.contains("checksum"), "{error}");
    drop(engine);
    std::fs::remove_file(&path).unwrap();
    let config = || often(EngineConfig::new(dir.path()));
    let refused = loop {
        match EmbeddedEngine::start_with(config()).await {
            Err(error) if error.to_string().contains("in use") => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            other => break other.err().expect("it does not start").to_string(),
        }
    };
    assert!(refused.contains(&snapshot), "{refused}");
    std::fs::write(&path, sound).unwrap();
    let engine = EmbeddedEngine::start_with(config()).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    holds(&engine, 50);
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_lags_behind_the_log_gets_the_snapshot_over_the_mesh() {
    let dir = tempfile::tempdir().unwrap();
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap().into());
    let peers: BTreeMap<NodeId, PeerAddress> = (1..).map(NodeId::of).zip(addresses).collect();
    let config = |node: NodeId| {
        let config = EngineConfig::new(dir.path().join(node.to_string()));
        often(EngineConfig { node, peers: peers.clone(), ..config })
    };
    let mut engines = Vec::new();
    for (node, listener) in peers.keys().zip(listeners) {
        let engine = EmbeddedEngine::start_on(config(*node), Some(listener)).await.unwrap();
        engines.push(engine);
    }
    for engine in &engines {
        engine.wait_ready(LONG).await.unwrap();
    }
    write(&engines[0], 0..10).await;
    let late = engines.pop().unwrap();
    late.kill().await;
    // Far more than what is kept behind a snapshot, and more than one part of one.
    write(&engines[0], 10..400).await;
    let back = EngineConfig { start: Start::Existing, ..config(NodeId::of(3)) };
    let back = EmbeddedEngine::start_with(back).await.unwrap();
    back.wait_ready(LONG).await.unwrap();
    holds(&back, 400);
    assert!(back.status().snapshot > 100, "{:?}", back.status());
    write(&back, 400..410).await;
    back.client().barrier().await.unwrap();
    holds(&back, 410);
    // What it got is on its own disk.
    back.stop().await.unwrap();
    let back = EngineConfig { start: Start::Existing, ..config(NodeId::of(3)) };
    let back = EmbeddedEngine::start_with(back).await.unwrap();
    back.wait_ready(LONG).await.unwrap();
    holds(&back, 410);
    for engine in [&back].into_iter().chain(&engines) {
        engine.stop().await.unwrap();
    }
}
