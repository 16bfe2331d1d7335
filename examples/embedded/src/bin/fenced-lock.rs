//! A lock that a store can trust. A lock with a lease can be lost without its holder's knowledge: the
//! process sleeps, or is cut off, and the lease ends. So each holder has a token, which is greater than
//! those of all before it, and whoever guards the thing itself refuses a token that is too old.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use embedded::{Done, Folder, three_nodes};
use quorate::{LeaseId, prelude::*};

/// What the lock is about: a file, a disk, a queue. It has never heard of Raft, and need not.
#[derive(Default)]
struct Store {
    greatest: AtomicU64,
    writes: AtomicU64,
}

impl Store {
    /// Whether the write was taken.
    fn write(&self, token: u64) -> bool {
        let is_newest = self.greatest.fetch_max(token, Ordering::SeqCst) <= token;
        self.writes.fetch_add(u64::from(is_newest), Ordering::SeqCst);
        is_newest
    }
}

/// Locks, writes, unlocks; answers with the token.
async fn work(client: &Client, store: &Store, lease: LeaseId) -> Done<u64> {
    let held = client.lock("locks/ledger", lease).await?;
    assert!(store.write(held.token));
    client.unlock(&held).await?;
    Ok(held.token)
}

#[tokio::main]
async fn main() -> Done {
    let folder = Folder::new("fenced-lock");
    let engines = three_nodes(&folder).await?;
    for engine in &engines {
        engine.wait_ready(Duration::from_secs(30)).await?;
    }
    let store = Store::default();
    let [one, two] = [engines[0].client(), engines[1].client()];

    // In turn, from any node. The lease is kept alive as long as it is held on to.
    let lease = one.hold_lease(Duration::from_secs(10)).await?;
    let first = work(&one, &store, lease.id()).await?;
    let second = work(&one, &store, lease.id()).await?;
    assert!(second > first);

    // Nobody keeps this lease alive: its holder sleeps on, and believes that it has the lock.
    let sleeper = one.grant(Duration::from_millis(500)).await?;
    let stale = one.lock("locks/ledger", sleeper).await?;
    let other = two.hold_lease(Duration::from_secs(10)).await?;
    let third = work(&two, &store, other.id()).await?;
    assert!(third > stale.token);
    assert!(!store.write(stale.token), "the store knows a newer holder");

    for engine in &engines {
        engine.stop().await?;
    }
    println!(
        "fenced-lock: ok: {} writes taken, the sleeper's refused",
        store.writes.load(Ordering::SeqCst)
    );
    Ok(())
}
