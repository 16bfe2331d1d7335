//! Waiting for locks and leaderships: as long as the caller does, and no longer.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{future::Future, pin::pin, task::Poll, time::Duration};

use common::{LONG, Three};
use quorate::{Client, Coordination, EngineError, HeldLease, KvError, ReadOptions};

/// How many stand in line for a lock, its holder among them.
async fn in_line(client: &Client, name: &str) -> u64 {
    client.scan_prefix(format!("{name}/"), ReadOptions::default()).await.unwrap().count
}

async fn wait_in_line(client: &Client, name: &str, count: u64) {
    let reached = async {
        while in_line(client, name).await != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LONG, reached).await.expect("the line becomes so long");
}

async fn lease(client: &Client) -> HeldLease {
    client.hold_lease(LONG).await.unwrap()
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LONG, future).await.expect("in time")
}

/// Drops a future after so many polls, wherever it is by then; none where it has not ended.
async fn give_up<T>(polls: u32, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut left) = (pin!(future), polls);
    std::future::poll_fn(|context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_longer_than_an_operation_may_take_gets_the_lock() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    let client = three.follower().await;
    let (first, second, third) = (lease(&client).await, lease(&client).await, lease(&client).await);
    let timeout = Duration::from_secs(3);
    let held = client.lock("door", first.id()).await.unwrap();
    let leads = client.campaign("team", "one", first.id()).await.unwrap();
    let waiting = client.with_timeout(timeout);
    let (patient, lease) = (waiting.clone(), second.id());
    let lock = tokio::spawn(async move { patient.lock("door", lease).await });
    let (patient, lease) = (waiting.clone(), third.id());
    let campaign = tokio::spawn(async move { patient.campaign("team", "two", lease).await });
    tokio::time::sleep(timeout * 2).await;
    assert!(!lock.is_finished() && !campaign.is_finished());
    assert!(client.unlock(&held).await.unwrap());
    assert!(in_time(lock).await.unwrap().unwrap().token > held.token);
    assert!(client.resign(&leads).await.unwrap());
    assert!(in_time(campaign).await.unwrap().unwrap().token > leads.token);
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_gives_up_at_any_moment_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    let client = three.follower().await;
    let holder = lease(&client).await;
    let held = client.lock("door", holder.id()).await.unwrap();
    let mut leases = Vec::new();
    for polls in (1..=6).flat_map(|polls| [polls; 5]) {
        let lease = lease(&client).await;
        let lock = give_up(polls, client.lock("door", lease.id()));
        // The last ones stand in line and wait, and may be polled no more.
        let done = tokio::time::timeout(Duration::from_millis(500), lock).await;
        assert!(done.ok().flatten().is_none(), "the lock is held");
        leases.push(lease);
    }
    wait_in_line(&client, "door", 1).await;
    // Their leases live on, and hold up nobody.
    assert!(client.unlock(&held).await.unwrap());
    let next = in_time(client.lock("door", leases[7].id())).await.unwrap();
    assert!(client.unlock(&next).await.unwrap());
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_holder_that_asks_again_and_gives_up_holds_the_lock_still() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    let client = three.follower().await;
    let holder = lease(&client).await;
    let held = client.lock("door", holder.id()).await.unwrap();
    for polls in (1..=6).flat_map(|polls| [polls; 5]) {
        if let Some(again) = give_up(polls, client.lock("door", holder.id())).await {
            assert_eq!(again.unwrap(), held);
        }
    }
    // So does one who waits, where the same lease asks a second time and gives up.
    let other = lease(&client).await;
    let (patient, lease) = (client.clone(), other.id());
    let waiting = tokio::spawn(async move { patient.lock("door", lease).await });
    wait_in_line(&client, "door", 2).await;
    for polls in 1..=3 {
        assert!(give_up(polls, client.lock("door", lease)).await.is_none(), "the lock is held");
    }
    // What was left to do behind the call is done by then.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(client.unlock(&held).await.unwrap());
    assert!(in_time(waiting).await.unwrap().unwrap().token > held.token);
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_is_tried_without_standing_in_line() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    let client = three.follower().await;
    let (first, second, third) = (lease(&client).await, lease(&client).await, lease(&client).await);
    let held = client.try_lock("door", first.id()).await.unwrap().unwrap();
    assert_eq!(client.try_lock("door", first.id()).await.unwrap(), Some(held.clone()));
    assert_eq!(client.try_lock("door", second.id()).await.unwrap(), None);
    assert_eq!(in_line(&client, "door").await, 1);
    // Who waits keeps its place when it tries, and nobody is let past it.
    let (patient, lease) = (client.clone(), second.id());
    let waiting = tokio::spawn(async move { patient.lock("door", lease).await });
    wait_in_line(&client, "door", 2).await;
    assert_eq!(client.try_lock("door", second.id()).await.unwrap(), None);
    assert_eq!(client.try_lock("door", third.id()).await.unwrap(), None);
    assert!(client.unlock(&held).await.unwrap());
    let next = in_time(waiting).await.unwrap().unwrap();
    assert!(client.unlock(&next).await.unwrap());
    let last = client.try_lock("door", third.id()).await.unwrap().unwrap();
    assert!(held.token < next.token && next.token < last.token);
    // A lease that has ended locks nothing.
    let ended = second.id();
    second.revoke().await.unwrap();
    let error = client.try_lock("other", ended).await.unwrap_err();
    assert_eq!(error, EngineError::Refused(KvError::LeaseNotFound { lease: ended }));
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_gets_the_lock_when_its_holders_node_dies() {
    let dir = tempfile::tempdir().unwrap();
    let mut three = Three::start(dir.path()).await;
    let leader = three.wait_leader().await;
    let other = three.others(leader).remove(0);
    let holder = three.engines[leader].as_ref().unwrap().client();
    let held_by = holder.hold_lease(Duration::from_secs(2)).await.unwrap();
    let held = holder.lock("door", held_by.id()).await.unwrap();
    let waits_by = lease(&other).await;
    let (patient, lease) = (other.clone(), waits_by.id());
    let waiting = tokio::spawn(async move { patient.lock("door", lease).await });
    wait_in_line(&other, "door", 2).await;
    three.engines[leader].take().unwrap().kill().await;
    let next = in_time(waiting).await.unwrap().unwrap();
    assert!(next.token > held.token);
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_hears_that_its_lease_has_ended_or_its_node_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut three = Three::start(dir.path()).await;
    let leader = three.wait_leader().await;
    let own = (leader + 1) % 3;
    let client = three.engines[own].as_ref().unwrap().client();
    let held_by = lease(&client).await;
    let held = client.lock("door", held_by.id()).await.unwrap();
    // The holder holds on all the time.
    let ends = client.grant(Duration::from_millis(200)).await.unwrap();
    let error = in_time(client.lock("door", ends)).await.unwrap_err();
    assert_eq!(error, EngineError::Refused(KvError::LeaseNotFound { lease: ends }));
    wait_in_line(&client, "door", 1).await;

    let waits_by = lease(&client).await;
    let (patient, lease) = (client.with_timeout(Duration::from_secs(1)), waits_by.id());
    let waiting = tokio::spawn(async move { patient.lock("door", lease).await });
    wait_in_line(&client, "door", 2).await;
    for place in (0..3).filter(|place| *place != own) {
        three.engines[place].take().unwrap().kill().await;
    }
    let error = in_time(waiting).await.unwrap().unwrap_err();
    assert!(matches!(error, EngineError::NotDone { .. }), "{error:?}");
    drop(held);
    three.engines[own].take().unwrap().kill().await;
}
