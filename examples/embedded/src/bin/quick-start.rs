//! One durable node in this process: put, get, compare and swap, scan, watch.

use std::time::Duration;

use embedded::{Done, Folder};
use quorate::prelude::*;

#[tokio::main]
async fn main() -> Done {
    let folder = Folder::new("quick-start");
    let engine = EmbeddedEngine::start(folder.at("data")).await?;
    engine.wait_ready(Duration::from_secs(10)).await?;
    let client = engine.client();

    // When this returns, it is synced on disk.
    let revision = client.put("config/color", "green").await?;
    let found = client.get("config/color").await?.ok_or("it was just put")?;
    assert_eq!(found.value, "green");

    // Only where nobody was faster.
    let swapped = client.compare_and_swap("config/color", Some("green".into()), "blue").await?;
    assert!(swapped.succeeded);

    client.put("config/size", "7").await?;
    let all = client.scan_prefix("config/", ReadOptions::default()).await?;
    assert_eq!(all.keys.len(), 2);

    // All of it once more, from the first change on: a watch is a place in the history.
    let mut watch = client.watch_prefix("config/", WatchOptions::from(revision)).await?;
    let told = watch.next().await.ok_or("it runs")??;
    assert_eq!(told.changes.len(), 3);

    engine.stop().await?;
    println!("quick-start: ok: {} keys at revision {}", all.keys.len(), all.revision);
    Ok(())
}
