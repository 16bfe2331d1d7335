//! What the faster way to acknowledge keeps, and what it refuses.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use common::{LONG, Three};
use quorate::{Coordination, Durability, EmbeddedEngine, EngineConfig, StartError};

const SOON: Durability = Durability::Buffered { interval: Duration::from_millis(2) };
/// So long that nothing is durable by itself while a test runs.
const LATE: Durability = Durability::Buffered { interval: Durability::INTERVAL_MAX };

#[tokio::test(flavor = "multi_thread")]
async fn a_buffered_node_that_stops_well_has_everything_back() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig { durability: LATE, ..EngineConfig::new(dir.path()) };
    for life in 0..3_u64 {
        let engine = EmbeddedEngine::start_with(config.clone()).await.unwrap();
        engine.wait_ready(LONG).await.unwrap();
        assert_eq!(engine.client().len_stale(), life);
        engine.client().put(life.to_string(), "value").await.unwrap();
        engine.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buffered_group_goes_on_when_its_leader_dies() {
    let dir = tempfile::tempdir().unwrap();
    let set = |config| EngineConfig { durability: SOON, ..config };
    let mut three = Three::start_as(dir.path(), set).await;
    let leader = three.wait_leader().await;
    let clients = three.others(leader);
    for number in 0..100_u64 {
        clients[0].put(number.to_string(), "value").await.unwrap();
    }
    three.engines[leader].take().unwrap().kill().await;
    // What was on its way to the dead one is unknown: it is put again.
    while clients[1].put("afterwards", "value").await.is_err() {}
    for client in &clients {
        client.barrier().await.unwrap();
        assert_eq!(client.len_stale(), 101);
    }
}

/// All files of a node, as a power cut now would leave them.
fn files(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let listed = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    listed.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_forgot_what_it_acknowledged_is_told_again_once_another_leads() {
    let dir = tempfile::tempdir().unwrap();
    let set = |config| EngineConfig { durability: LATE, ..config };
    let mut three = Three::start_as(dir.path(), set).await;
    let leader = three.wait_leader().await;
    let follower = (leader + 1) % 3;
    let client = three.engines[leader].as_ref().unwrap().client();
    for number in 0..50_u64 {
        client.put(number.to_string(), "value").await.unwrap();
    }
    let config = three.configs[follower].clone();
    let left = files(&config.dir);
    // What ends in order makes the rest durable: put the files back as they were.
    three.engines[follower].take().unwrap().kill().await;
    fs::remove_dir_all(&config.dir).unwrap();
    fs::create_dir(&config.dir).unwrap();
    left.iter().for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
    client.put("meanwhile", "value").await.unwrap();
    let engine = EmbeddedEngine::start_with(config).await.unwrap();
    let forgetful = engine.client();
    assert!(forgetful.len_stale() < 50, "it forgot nothing");
    // Any order of leaders will do in which the one that counts on what was forgotten does not lead.
    while three.leader() == Some(leader) {
        let _ = three.engines[leader].as_ref().unwrap().transfer_leadership(None).await;
    }
    while forgetful.len_stale() < 51 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interval_out_of_range_is_refused_by_both_its_bounds() {
    let dir = tempfile::tempdir().unwrap();
    for interval in [Duration::ZERO, Duration::from_micros(999), Duration::from_secs(11)] {
        let durability = Durability::Buffered { interval };
        let config = EngineConfig { durability, ..EngineConfig::new(dir.path()) };
        let Err(error) = EmbeddedEngine::start_with(config).await else { panic!("it starts") };
        let text = error.to_string();
        assert!(matches!(error, StartError::Setting(_)), "{text}");
        assert!(text.contains("durability") && text.contains("1ms to 10s"), "{text}");
    }
}
