//! What becomes of revisions that nobody needs any more.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::time::Duration;

use quorate::{
    Client, Coordination, EmbeddedEngine, EngineConfig, EngineError, KvError, ReadOptions,
};

/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);

async fn started(config: EngineConfig) -> (EmbeddedEngine, Client) {
    let engine = EmbeddedEngine::start_with(config).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    let client = engine.client().with_timeout(LONG);
    (engine, client)
}

/// Reads `key` as it was at a revision.
async fn read_at(client: &Client, revision: u64) -> Result<usize, EngineError> {
    let options = ReadOptions { revision, ..ReadOptions::default() };
    Ok(client.scan_prefix("key", options).await?.keys.len())
}

/// Returns once the revision cannot be read any more.
async fn wait_for_compaction(client: &Client, revision: u64) {
    let gone = async {
        loop {
            match read_at(client, revision).await {
                Err(EngineError::Refused(KvError::Compacted { .. })) => return,
                Err(error) => panic!("{error}"),
                Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    };
    tokio::time::timeout(LONG, gone).await.unwrap();
}

#[tokio::test]
async fn old_revisions_are_let_go_and_the_newest_value_stays() {
    let dir = tempfile::tempdir().unwrap();
    let compact_after = Duration::from_millis(500);
    let config = EngineConfig { compact_after, ..EngineConfig::new(dir.path()) };
    let (engine, client) = started(config).await;
    let first = client.put("key", "old").await.unwrap();
    client.put("key", "new").await.unwrap();
    wait_for_compaction(&client, first).await;
    assert_eq!(client.get_linearizable("key").await.unwrap().unwrap(), "new");
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn the_same_key_can_be_put_for_ever_within_a_quota() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig { quota_bytes: 4 << 20, ..EngineConfig::new(dir.path()) };
    let (engine, client) = started(config).await;
    // Five times the quota: without compaction all but the first of it would be refused.
    for round in 0..5 {
        let puts = (0..1000).map(|_| client.put("key", vec![round; 4000]));
        let mut refused = 0;
        for done in futures_util::future::join_all(puts).await {
            match done {
                Ok(_) => {}
                Err(EngineError::Refused(KvError::NoSpace { .. })) => refused += 1,
                Err(error) => panic!("{error}"),
            }
        }
        if refused > 0 {
            // It is looked at every few seconds.
            let room = async {
                while client.put("key", vec![round; 4000]).await.is_err() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            };
            tokio::time::timeout(LONG, room).await.unwrap();
        }
    }
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn without_a_time_nothing_is_let_go() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig { compact_after: Duration::ZERO, ..EngineConfig::new(dir.path()) };
    let (engine, client) = started(config).await;
    let first = client.put("key", "old").await.unwrap();
    client.put("key", "new").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(read_at(&client, first).await.unwrap(), 1);
    engine.stop().await.unwrap();
}
