//! Instances of a service register themselves with a lease; whoever calls the service keeps a list of
//! them up to date with a watch. An instance that dies is gone from all lists once its lease has ended.

use std::{collections::BTreeMap, time::Duration};

use embedded::{Done, Folder, three_nodes};
use quorate::{HeldLease, Watcher, prelude::*};

const SERVICE: &str = "services/web/";

/// Registers an instance for as long as what this returns stands.
async fn register(client: &Client, name: &str, address: &str) -> Done<HeldLease> {
    let lease = client.hold_lease(Duration::from_secs(1)).await?;
    client.put_with_lease(format!("{SERVICE}{name}"), address.to_owned(), lease.id()).await?;
    Ok(lease)
}

/// The instances, as they are now and as they change.
struct Directory {
    client: Client,
    instances: BTreeMap<Vec<u8>, Vec<u8>>,
    watcher: Watcher,
}

impl Directory {
    /// Reads all, and follows what changes from there on: nothing is missed in between.
    async fn open(client: Client) -> Done<Directory> {
        let read = client.scan_prefix(SERVICE, ReadOptions::default()).await?;
        let options = WatchOptions::from(read.revision + 1);
        let watcher = client.watch_prefix(SERVICE, options).await?;
        let pairs = read.keys.into_iter().map(|found| (found.key.to_vec(), found.value.to_vec()));
        Ok(Directory { client, instances: pairs.collect(), watcher })
    }

    /// Returns once something has changed.
    async fn follow(&mut self) -> Done {
        match self.watcher.next().await {
            Some(Ok(told)) => {
                for change in told.changes {
                    match change.now {
                        Some(now) => self.instances.insert(now.key.to_vec(), now.value.to_vec()),
                        None => self.instances.remove(change.key.as_ref()),
                    };
                }
            }
            // Slower than the history is kept: read anew.
            Some(Err(EngineError::WatchLost { .. })) | None => {
                *self = Directory::open(self.client.clone()).await?;
            }
            Some(Err(error)) => return Err(error.into()),
        }
        Ok(())
    }

    async fn wait_for(&mut self, count: usize) -> Done {
        while self.instances.len() != count {
            self.follow().await?;
        }
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Done {
    let folder = Folder::new("service-discovery");
    let engines = three_nodes(&folder).await?;
    for engine in &engines {
        engine.wait_ready(Duration::from_secs(30)).await?;
    }
    let one = register(&engines[0].client(), "one", "10.0.0.1:80").await?;
    // Another node than the ones that the instances talk to.
    let mut directory = Directory::open(engines[2].client()).await?;
    assert_eq!(directory.instances.len(), 1);
    let two = register(&engines[1].client(), "two", "10.0.0.2:80").await?;
    directory.wait_for(2).await?;

    // One dies without a word; the other says goodbye.
    drop(one);
    directory.wait_for(1).await?;
    let left = directory.instances.values().next().cloned().unwrap_or_default();
    assert_eq!(left, b"10.0.0.2:80");
    two.revoke().await?;
    directory.wait_for(0).await?;

    for engine in &engines {
        engine.stop().await?;
    }
    println!("service-discovery: ok: both came and went");
    Ok(())
}
