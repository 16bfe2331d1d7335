//! A node whose log is a sled database: it writes, is ended as by a crash, and has everything back.

use std::error::Error;

use custom_store::SledStorage;
use quorate::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = tempfile::tempdir()?;
    let mut lives = 0_u64;
    while lives < 3 {
        let config =
            EngineConfig { snapshot_every_entries: 50, ..EngineConfig::new(folder.path()) };
        let node = NodeBuilder::new(config, std::future::pending::<()>())
            .storage_engine(SledStorage::new(folder.path()))
            .build()?
            .start()
            .await?
            .ready()
            .await?;
        let client = node.client();
        let found = client.scan_prefix("key-", ReadOptions::default()).await?.count;
        assert_eq!(found, lives * 100, "something is lost, or came of nothing");
        for number in 0..100 {
            client.put(format!("key-{lives}-{number}"), "value").await?;
        }
        // Nothing is flushed, nobody is told.
        node.kill().await;
        lives += 1;
    }
    println!("custom-store: ok: {} writes, {} crashes, nothing lost", lives * 100, lives - 1);
    Ok(())
}
