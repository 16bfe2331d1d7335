//! Three nodes over loopback, and what happens to those who use them when the leader dies.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use common::{LONG, Three};
use quorate::{
    Client, Consistency, Coordination, EngineConfig, EngineError, KvError, ReadOptions,
    WatchOptions, Watcher,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_does_not_lead_takes_every_request() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    let client = three.follower().await;
    let mut watcher = client.watch_prefix("", WatchOptions::NEW).await.unwrap();
    let revision = client.put("a", "1").await.unwrap();
    for consistency in [Consistency::Linearizable, Consistency::Lease] {
        let options = ReadOptions { consistency, ..ReadOptions::default() };
        assert_eq!(client.scan_prefix("a", options).await.unwrap().revision, revision);
    }
    assert_eq!(client.get_lease("a").await.unwrap().unwrap().value, "1");
    assert!(client.compare_and_swap("a", Some("1".into()), "2").await.unwrap().succeeded);
    assert_eq!(client.get_multi(vec!["a".into()]).await.unwrap()[0].as_ref().unwrap().version, 2);
    let lease = client.grant(LONG).await.unwrap();
    assert_eq!(client.keep_alive(lease).await.unwrap(), LONG);
    let held = client.lock("door", lease).await.unwrap();
    assert_eq!(client.time_to_live(lease).await.unwrap().keys, std::slice::from_ref(&held.key));
    assert!(client.unlock(&held).await.unwrap());
    client.campaign("team", "me", lease).await.unwrap();
    assert_eq!(client.observe("team").next().await.unwrap().unwrap().value, "me");
    assert_eq!(client.revoke(lease).await.unwrap(), 1);
    let error = client.keep_alive(lease).await.unwrap_err();
    assert_eq!(error, EngineError::Refused(KvError::LeaseNotFound { lease }));
    let session = client.session(LONG).await.unwrap();
    session.client().put("b", "1").await.unwrap();
    session.close().await.unwrap();
    let last = client.put("c", "1").await.unwrap();
    let members = client.members().await.unwrap();
    assert_eq!(members.iter().filter(|member| member.is_leader).count(), 1);
    assert_eq!(members.len(), 3);
    // Every revision once, in order.
    let revisions = read_until(&mut watcher, last).await.unwrap();
    assert_eq!(revisions, (revision..=last).collect::<Vec<_>>());
    // A watch that reads only now has lost what was before.
    client.compact(last).await.unwrap();
    three.stop().await;
}

/// The revisions that a watch tells, each once, through `last`.
async fn read_until(watcher: &mut Watcher, last: u64) -> Result<Vec<u64>, EngineError> {
    let mut revisions = Vec::new();
    while watcher.resume_from() <= last {
        let told = tokio::time::timeout(LONG, watcher.next()).await.expect("in time");
        let changes = told.expect("it runs")?.changes;
        revisions.extend(changes.into_iter().map(|change| change.revision));
    }
    revisions.dedup();
    Ok(revisions)
}

/// Puts its own key again and again in a session until told to end; answers with how often.
async fn put_on(client: Client, key: String, end: Arc<AtomicBool>) -> u64 {
    let mut count = 0;
    while !end.load(Ordering::SeqCst) {
        client.put(key.clone(), count.to_string()).await.unwrap();
        count += 1;
    }
    count
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_write_each_put_once_while_leaders_die() {
    let dir = tempfile::tempdir().unwrap();
    let mut three = Three::start(dir.path()).await;
    // Clients of all nodes; each moves to a survivor's when its own node is killed, so only those
    // of survivors write.
    let leader = three.wait_leader().await;
    let survivors = three.others(leader);
    let end = Arc::new(AtomicBool::new(false));
    let mut sessions = Vec::new();
    let mut writers = Vec::new();
    for number in 0..16 {
        let session = survivors[number % 2].session(LONG).await.unwrap();
        let client = session.client();
        writers.push(tokio::spawn(put_on(client, format!("key-{number:02}"), end.clone())));
        sessions.push(session);
    }
    let mut watcher = survivors[0].watch_prefix("key-", WatchOptions::NEW).await.unwrap();
    let from = watcher.resume_from();
    tokio::time::sleep(Duration::from_millis(300)).await;
    three.kill_leader().await;
    let killed = Instant::now();
    survivors[0].put("after", "1").await.or_else(maybe_done).unwrap();
    let outage = killed.elapsed();
    tokio::time::sleep(Duration::from_millis(300)).await;
    end.store(true, Ordering::SeqCst);
    let mut total = 0;
    for (number, writer) in writers.into_iter().enumerate() {
        let count = writer.await.unwrap();
        let found = survivors[0].get(format!("key-{number:02}")).await.unwrap().unwrap();
        assert_eq!(found.version, count, "each put was carried out once");
        assert_eq!(found.value, (count - 1).to_string());
        total += count;
    }
    // The watch saw them all, in order, each once.
    let last = survivors[0].scan_prefix("", ReadOptions::default()).await.unwrap().revision;
    survivors[0].put("key-last", "1").await.unwrap();
    let seen = read_until(&mut watcher, last + 1).await.unwrap();
    assert!(seen.is_sorted_by(|one, next| one < next));
    let others = seen.iter().filter(|revision| **revision < from).count();
    assert_eq!(others, 0);
    assert!(seen.len() as u64 <= total + 1);
    let of_keys = read_from(&survivors[1], from).await;
    assert_eq!(seen, of_keys, "both nodes tell the same");
    assert!(outage < LONG / 2, "{outage:?}");
    three.stop().await;
}

/// A put whose end is unknown may be done.
fn maybe_done(error: EngineError) -> Result<u64, EngineError> {
    if matches!(error, EngineError::Unknown { .. }) { Ok(0) } else { Err(error) }
}

/// What another node's watch tells of the same keys from the same revision.
async fn read_from(client: &Client, from: u64) -> Vec<u64> {
    client.barrier().await.unwrap();
    let mut watcher = client.watch_prefix("key-", WatchOptions::from(from)).await.unwrap();
    let last = client.scan_prefix("", ReadOptions::default()).await.unwrap().revision;
    read_until(&mut watcher, last).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_outlives_its_leader_and_ends_under_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let mut three = Three::start(dir.path()).await;
    let client = three.follower().await;
    let ttl = Duration::from_secs(3);
    let held = client.hold_lease(ttl).await.unwrap();
    client.put_with_lease("kept", "1", held.id()).await.unwrap();
    let left_alone = client.grant(ttl).await.unwrap();
    client.put_with_lease("left", "1", left_alone).await.unwrap();
    let granted = Instant::now();
    three.kill_leader().await;
    let (kept_for, mut is_left) = (ttl * 2, true);
    let mut left_for = None;
    while granted.elapsed() < kept_for {
        assert!(client.get("kept").await.unwrap().is_some(), "it is kept alive");
        if is_left && client.get("left").await.unwrap().is_none() {
            is_left = false;
            left_for = Some(granted.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(!held.is_lost());
    // The new leader gave it its full time again: it lived no shorter than it was granted for.
    let left_for = left_for.expect("nobody kept it alive");
    assert!(left_for >= ttl, "{left_for:?}");
    drop(held);
    let until = Instant::now() + LONG;
    while client.get("kept").await.unwrap().is_some() {
        assert!(Instant::now() < until);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_has_lost_its_quorum_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let mut three = Three::start(dir.path()).await;
    let leader = three.wait_leader().await;
    assert_eq!(three.up().filter(|engine| engine.is_leader()).count(), 1);
    let mut changes = three.engines[leader].as_ref().unwrap().leader_changes();
    let term = three.engines[leader].as_ref().unwrap().status().term;
    let first = changes.next().await.unwrap();
    assert_eq!((first.term, first.leader.is_some()), (term, true));
    for place in (0..3).filter(|place| *place != leader) {
        three.engines[place].take().unwrap().kill().await;
    }
    let alone = three.engines[leader].as_ref().unwrap();
    let lost = Instant::now();
    while alone.is_leader() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // An election timeout, and what a busy machine takes.
    assert!(lost.elapsed() < Duration::from_secs(3), "{:?}", lost.elapsed());
    let client = alone.client().with_timeout(Duration::from_millis(100));
    for error in [client.get("a").await.unwrap_err(), client.get_lease("a").await.unwrap_err()] {
        assert!(error.is_surely_not_done(), "{error}");
    }
    assert_eq!(client.get_stale("a").await.unwrap(), None);
    let next = tokio::time::timeout(LONG, changes.next()).await.expect("it changes").unwrap();
    assert_eq!(next.leader, None);
    alone.stop().await.unwrap();
    assert_eq!(changes.next().await, None);
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_stops_hands_over_and_answers_all() {
    let dir = tempfile::tempdir().unwrap();
    // With such an election timeout nobody else leads in time unless it is asked to.
    let slow = |config: EngineConfig| EngineConfig {
        election_timeout: Duration::from_secs(3),
        request_timeout: Duration::from_millis(2500),
        ..config
    };
    let mut three = Three::start_as(dir.path(), slow).await;
    let leader = three.wait_leader().await;
    let survivor = three.follower().await;
    let engine = three.engines[leader].take().unwrap();
    let puts = (0..200).map(|number| {
        let client = engine.client();
        tokio::spawn(async move { (number, client.put(format!("k{number}"), "v").await) })
    });
    let puts: Vec<_> = puts.collect();
    let stopped = tokio::join!(engine.stop(), engine.stop());
    assert_eq!(stopped, (Ok(()), Ok(())));
    for put in puts {
        let (number, ended) = put.await.unwrap();
        let is_there = survivor.get(format!("k{number}")).await.unwrap().is_some();
        match ended {
            Ok(_) => assert!(is_there, "{number}"),
            Err(error) => assert!(!is_there || !error.is_surely_not_done(), "{number}: {error}"),
        }
    }
    survivor.put("after", "1").await.unwrap();
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_through_a_node_that_does_not_lead_harms_only_itself() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    let leader = three.engines[three.wait_leader().await].as_ref().unwrap().client();
    let flooding = three.follower().await.with_timeout(Duration::from_millis(100));
    let puts = (0..20_000_u32).map(|number| {
        let client = flooding.clone();
        tokio::spawn(async move { client.put(format!("k{number}"), "v").await })
    });
    let puts: Vec<_> = puts.collect();
    // Meanwhile others are served.
    leader.put("a", "1").await.or_else(maybe_done).unwrap();
    // The way to the leader, its queue, and what it does at once have a bound each.
    let mut full = 0;
    for put in puts {
        if let Err(error) = put.await.unwrap() {
            full += u32::from(error.to_string().contains("4096"));
            let is_known =
                matches!(error, EngineError::NotDone { .. } | EngineError::Unknown { .. });
            assert!(is_known, "{error}");
        }
    }
    assert!(full > 0, "the bound is named");
    leader.put("b", "1").await.or_else(maybe_done).unwrap();
    flooding.with_timeout(LONG).put("c", "1").await.or_else(maybe_done).unwrap();
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_through_other_nodes_fails_while_the_leader_stops() {
    let dir = tempfile::tempdir().unwrap();
    let mut three = Three::start(dir.path()).await;
    let leader = three.wait_leader().await;
    let survivors = three.others(leader);
    let end = Arc::new(AtomicBool::new(false));
    // In no session: each put must have an end that is known.
    let writers: Vec<_> = (0..400)
        .map(|number| put_on(survivors[number % 2].clone(), format!("k{number}"), end.clone()))
        .map(tokio::spawn)
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    three.engines[leader].take().unwrap().stop().await.unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    end.store(true, Ordering::SeqCst);
    for (number, writer) in writers.into_iter().enumerate() {
        let count = writer.await.unwrap();
        let found = survivors[0].get(format!("k{number}")).await.unwrap().unwrap();
        assert_eq!(found.version, count);
    }
    three.stop().await;
}

/// Reads under the lease again and again; what was acknowledged before each read must be seen.
async fn read_leased(client: Client, written: Arc<AtomicU64>, end: Arc<AtomicBool>) -> u64 {
    let mut reads = 0;
    while !end.load(Ordering::SeqCst) {
        let before = written.load(Ordering::SeqCst);
        // While nobody leads it fails.
        let Ok(found) = client.get_lease("count").await else { continue };
        let seen = found.map_or(0, |found| found.version);
        assert!(seen >= before, "read {seen} after {before} was acknowledged");
        reads += 1;
        tokio::task::yield_now().await;
    }
    reads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lease_read_misses_nothing_while_the_leadership_goes_around() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    let (written, end) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let readers: Vec<_> = three
        .up()
        .map(|engine| tokio::spawn(read_leased(engine.client(), written.clone(), end.clone())))
        .collect();
    let session = three.engines[0].as_ref().unwrap().client().session(LONG).await.unwrap();
    let writer = tokio::spawn({
        let (client, written, end) = (session.client(), written.clone(), end.clone());
        async move {
            while !end.load(Ordering::SeqCst) {
                client.put("count", "1").await.unwrap();
                written.fetch_add(1, Ordering::SeqCst);
            }
        }
    });
    let mut handed = 0;
    while handed < 10 {
        let leader = three.engines[three.wait_leader().await].as_ref().unwrap();
        handed += u32::from(leader.transfer_leadership(None).await.is_ok());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    end.store(true, Ordering::SeqCst);
    writer.await.unwrap();
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
    let count = session.client().get("count").await.unwrap().unwrap().version;
    assert_eq!(count, written.load(Ordering::SeqCst));
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_of_what_is_to_come_tells_nothing_that_was_acknowledged_before() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    let leader = three.engines[three.wait_leader().await].as_ref().unwrap().client();
    let follower = three.follower().await;
    for _ in 0..100 {
        // The follower learns of it a moment later.
        let before = leader.put("a", "1").await.unwrap();
        let watcher = follower.watch("a", WatchOptions::NEW).await.unwrap();
        assert!(watcher.resume_from() > before);
    }
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_is_read_under_the_lease_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    let leader = three.engines[three.wait_leader().await].as_ref().unwrap().client();
    let follower = three.follower().await;
    for number in 0..300_u32 {
        let writer = if number % 2 == 0 { &leader } else { &follower };
        writer.put("a", number.to_string()).await.unwrap();
        // What one node has shown, the leader's lease must show, too.
        let shown = follower.get("a").await.unwrap().unwrap().value;
        assert_eq!(shown, number.to_string());
        assert_eq!(leader.get_lease("a").await.unwrap().unwrap().value, number.to_string());
        assert_eq!(follower.get_lease("a").await.unwrap().unwrap().value, number.to_string());
    }
    three.stop().await;
}
