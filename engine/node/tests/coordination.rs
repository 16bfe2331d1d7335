//! Keys, leases, watches, locks, elections and sessions, on one node.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use common::LONG;
use quorate::{
    Client, Coordination, EmbeddedEngine, EngineError, KeyRange, KvError, LeaseId, ReadOptions,
    SortOrder, WatchOptions, Watcher,
};

const SHORT: Duration = Duration::from_millis(200);

struct One {
    engine: EmbeddedEngine,
    _dir: tempfile::TempDir,
}

impl One {
    async fn start() -> (One, Client) {
        let dir = tempfile::tempdir().unwrap();
        let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
        engine.wait_ready(LONG).await.unwrap();
        let client = engine.client().with_timeout(LONG);
        (One { engine, _dir: dir }, client)
    }
}

/// What a watch tells next: revision, key, and whether the key is there.
async fn told(watcher: &mut Watcher) -> Vec<(u64, String, bool)> {
    let told = tokio::time::timeout(LONG, watcher.next()).await.expect("in time");
    let changes = told.expect("it runs").unwrap().changes;
    let shown = changes.into_iter().map(|change| {
        let key = String::from_utf8(change.key.to_vec()).unwrap();
        (change.revision, key, change.now.is_some())
    });
    shown.collect()
}

#[tokio::test]
async fn ranges_have_limits_orders_and_revisions() {
    let (one, client) = One::start().await;
    for number in 0..5 {
        client.put(format!("a/{number}"), number.to_string()).await.unwrap();
    }
    client.put("b", "other").await.unwrap();
    let options = ReadOptions { limit: 2, order: SortOrder::Descending, ..ReadOptions::default() };
    let read = client.scan_prefix("a/", options).await.unwrap();
    let keys: Vec<_> = read.keys.iter().map(|found| found.key.clone()).collect();
    assert_eq!(keys, ["a/4", "a/3"]);
    assert!(read.more);
    assert_eq!(read.count, 5);
    let now = read.revision;
    assert_eq!(client.delete_prefix("a/").await.unwrap(), 5);
    assert!(client.scan_prefix("a/", ReadOptions::default()).await.unwrap().keys.is_empty());
    let before = ReadOptions { revision: now, keys_only: true, ..ReadOptions::default() };
    let read = client.range(KeyRange::ALL, before).await.unwrap();
    assert_eq!(read.keys.len(), 6);
    assert!(read.keys.iter().all(|found| found.value.is_empty()));
    let future = ReadOptions { revision: now + 99, ..ReadOptions::default() };
    let error = client.range(KeyRange::ALL, future).await.unwrap_err();
    assert!(matches!(error, EngineError::Refused(KvError::FutureRevision { .. })), "{error}");
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_long_range_is_read_whole() {
    let (one, client) = One::start().await;
    let puts = (0..3_000).map(|number| {
        let client = client.clone();
        async move { client.put(format!("k{number:05}"), "v").await.unwrap() }
    });
    futures_util::future::join_all(puts).await;
    let read = client.range(KeyRange::ALL, ReadOptions::default()).await.unwrap();
    assert_eq!(read.keys.len(), 3_000);
    assert!(read.keys.windows(2).all(|pair| pair[0].key < pair[1].key));
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_swap_happens_only_where_the_key_is_as_expected() {
    let (one, client) = One::start().await;
    assert!(client.compare_and_swap("a", None, "1").await.unwrap().succeeded);
    let swapped = client.compare_and_swap("a", None, "2").await.unwrap();
    assert!(!swapped.succeeded);
    assert_eq!(swapped.found.unwrap().value, "1");
    assert!(client.compare_and_swap("a", Some("1".into()), "2").await.unwrap().succeeded);
    assert!(!client.compare_and_swap("b", Some("1".into()), "2").await.unwrap().succeeded);
    let both = client.get_multi(vec!["a".into(), "b".into()]).await.unwrap();
    assert_eq!(both[0].as_ref().unwrap().value, "2");
    assert_eq!(both[1], None);
    assert_eq!(client.get_lease("a").await.unwrap().unwrap().version, 2);
    assert_eq!(client.get_stale("a").await.unwrap().unwrap().version, 2);
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_key_with_a_time_to_live_goes_by_itself_and_a_watch_is_told() {
    let (one, client) = One::start().await;
    let mut watcher = client.watch("a", WatchOptions::NEW).await.unwrap();
    let (revision, lease) = client.put_with_ttl("a", "1", SHORT).await.unwrap();
    assert_eq!(told(&mut watcher).await, [(revision, "a".to_owned(), true)]);
    let status = client.time_to_live(lease).await.unwrap();
    assert_eq!(status.granted, SHORT);
    assert!(status.left <= SHORT);
    assert_eq!(status.keys, ["a"]);
    let gone = told(&mut watcher).await;
    assert_eq!(gone.len(), 1);
    assert!(!gone[0].2);
    assert_eq!(client.get("a").await.unwrap(), None);
    for error in [
        client.keep_alive(lease).await.unwrap_err(),
        client.time_to_live(lease).await.unwrap_err(),
        client.revoke(lease).await.unwrap_err(),
        client.put_with_lease("a", "2", lease).await.unwrap_err(),
    ] {
        assert_eq!(error, EngineError::Refused(KvError::LeaseNotFound { lease }));
    }
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_lease_that_is_kept_alive_lives_and_a_plain_put_leaves_it() {
    let (one, client) = One::start().await;
    let held = client.hold_lease(SHORT).await.unwrap();
    client.put_with_lease("with", "1", held.id()).await.unwrap();
    client.put_with_lease("without", "1", held.id()).await.unwrap();
    client.put("without", "2").await.unwrap();
    tokio::time::sleep(SHORT * 4).await;
    assert!(!held.is_lost());
    assert!(client.get("with").await.unwrap().is_some());
    // Left alone it runs out.
    let lease = held.id();
    drop(held);
    let until = tokio::time::Instant::now() + LONG;
    while client.get("with").await.unwrap().is_some() {
        assert!(tokio::time::Instant::now() < until, "lease {lease} never ends");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(client.get("without").await.unwrap().unwrap().lease, LeaseId::NONE);
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_watch_can_be_taken_up_from_any_revision_that_is_kept() {
    let (one, client) = One::start().await;
    let first = client.put("a/1", "1").await.unwrap();
    client.put("b", "1").await.unwrap();
    client.delete("a/1").await.unwrap();
    let options = WatchOptions { previous: true, ..WatchOptions::from(first) };
    let mut watcher = client.watch_prefix("a/", options).await.unwrap();
    let key = || "a/1".to_owned();
    assert_eq!(told(&mut watcher).await, [(first, key(), true), (first + 2, key(), false)]);
    assert_eq!(watcher.resume_from(), first + 3);
    // What is slow reads on, unless a compaction has passed it.
    for _ in 0..10 {
        client.put("a/2", "1").await.unwrap();
    }
    client.compact(first + 8).await.unwrap();
    let lost = watcher.next().await.unwrap().unwrap_err();
    assert_eq!(lost, EngineError::WatchLost { next: first + 3, compacted: first + 8 });
    assert!(watcher.next().await.is_none());
    assert_eq!(one.engine.watches(), 0);
    let error = client.watch("a/2", WatchOptions::from(first)).await.unwrap_err();
    assert_eq!(error, EngineError::WatchLost { next: first, compacted: first + 8 });
    let mut watcher = client.watch("a/2", WatchOptions::from(first + 8)).await.unwrap();
    assert_eq!(told(&mut watcher).await.len(), 5);
    drop(watcher);
    assert_eq!(one.engine.watches(), 0);
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_watch_says_how_far_it_has_come_and_that_its_node_has_stopped() {
    let (one, client) = One::start().await;
    let progress = Some(Duration::from_millis(20));
    let options = WatchOptions { progress, ..WatchOptions::NEW };
    let mut watcher = client.watch("a", options).await.unwrap();
    let revision = client.put("b", "1").await.unwrap();
    loop {
        let told = watcher.next().await.unwrap().unwrap();
        assert!(told.changes.is_empty());
        if told.revision == revision {
            break;
        }
    }
    one.engine.stop().await.unwrap();
    let ended = loop {
        if let Err(error) = watcher.next().await.unwrap() {
            break error;
        }
    };
    assert!(matches!(ended, EngineError::WatchEnded { next, .. } if next == revision + 1));
}

#[tokio::test]
async fn a_lock_goes_from_one_to_the_next_in_order() {
    let (one, client) = One::start().await;
    let mut leases = Vec::new();
    for _ in 0..4 {
        leases.push(client.hold_lease(LONG).await.unwrap());
    }
    let first = client.lock("door", leases[0].id()).await.unwrap();
    assert_eq!(client.lock("door", leases[0].id()).await.unwrap(), first, "it has it already");
    let inside = Arc::new(AtomicU64::new(0));
    let mut waiting = Vec::new();
    for lease in &leases[1..] {
        let (one_of, lease, inside) = (client.clone(), lease.id(), inside.clone());
        waiting.push(tokio::spawn(async move {
            let held = one_of.lock("door", lease).await.unwrap();
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
            tokio::time::sleep(Duration::from_millis(20)).await;
            inside.fetch_sub(1, Ordering::SeqCst);
            assert!(one_of.unlock(&held).await.unwrap());
            held.token
        }));
        while client.scan_prefix("door/", ReadOptions::default()).await.unwrap().count
            < 1 + waiting.len() as u64
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    // Whoever waits no longer leaves the line.
    let impatient = client.hold_lease(LONG).await.unwrap();
    let patience = tokio::time::timeout(SHORT, client.lock("door", impatient.id())).await;
    assert!(patience.is_err(), "others hold it");
    assert!(client.unlock(&first).await.unwrap());
    assert!(!client.unlock(&first).await.unwrap(), "it is not its any more");
    let mut tokens = vec![first.token];
    for waiting in waiting {
        tokens.push(waiting.await.unwrap());
    }
    assert!(tokens.is_sorted(), "{tokens:?}");
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_holder_that_was_paused_passes_no_store_that_checks_tokens() {
    let (one, client) = One::start().await;
    let greatest = AtomicU64::new(0);
    let store = |token: u64| greatest.fetch_max(token, Ordering::SeqCst) <= token;
    // Nobody keeps the first one alive: it is paused.
    let paused = client.grant(SHORT).await.unwrap();
    let first = client.lock("door", paused).await.unwrap();
    assert!(store(first.token));
    let next = client.hold_lease(LONG).await.unwrap();
    let second = client.lock("door", next.id()).await.unwrap();
    assert!(second.token > first.token);
    assert!(store(second.token));
    assert!(!store(first.token), "it believes that it holds the lock");
    assert!(!client.unlock(&first).await.unwrap());
    assert_eq!(client.get(second.key.clone()).await.unwrap().unwrap().lease, next.id());
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn who_waits_for_a_lock_hears_that_its_own_lease_has_ended() {
    let (one, client) = One::start().await;
    let holder = client.hold_lease(LONG).await.unwrap();
    let held = client.lock("door", holder.id()).await.unwrap();
    let lease = client.grant(SHORT).await.unwrap();
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { client.lock("door", lease).await }
    });
    tokio::time::sleep(SHORT * 2).await;
    while client.scan_prefix("door/", ReadOptions::default()).await.unwrap().count > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    client.unlock(&held).await.unwrap();
    let error = waiting.await.unwrap().unwrap_err();
    assert_eq!(error, EngineError::Refused(KvError::LeaseNotFound { lease }));
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn observers_learn_who_leads_and_what_it_says() {
    let (one, client) = One::start().await;
    let mut leaders = client.observe("team");
    assert_eq!(leaders.next().await.unwrap(), None);
    let lease = client.hold_lease(LONG).await.unwrap();
    let first = client.campaign("team", "one", lease.id()).await.unwrap();
    let seen = leaders.next().await.unwrap().unwrap();
    assert_eq!((seen.value.as_ref(), seen.create_revision), (&b"one"[..], first.token));
    assert!(client.proclaim(&first, "still one").await.unwrap());
    assert_eq!(leaders.next().await.unwrap().unwrap().value, "still one");
    let other = client.hold_lease(LONG).await.unwrap();
    let campaign = tokio::spawn({
        let (client, lease) = (client.clone(), other.id());
        async move { client.campaign("team", "two", lease).await }
    });
    assert!(client.resign(&first).await.unwrap());
    let second = campaign.await.unwrap().unwrap();
    assert!(!client.proclaim(&first, "late").await.unwrap());
    loop {
        match leaders.next().await.unwrap() {
            Some(leader) if leader.value == "two" => {
                assert_eq!(leader.create_revision, second.token);
                break;
            }
            // That nobody led meanwhile may be seen, or passed over.
            other => assert_eq!(other, None),
        }
    }
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn more_transactions_of_a_session_than_it_keeps_answers_for_wait_for_each_other() {
    let (one, client) = One::start().await;
    let session = client.session(LONG).await.unwrap();
    let puts = (0..500).map(|number| {
        let client = session.client();
        async move { client.put(format!("k{}", number % 7), "v").await.unwrap() }
    });
    futures_util::future::join_all(puts).await;
    let mut versions = 0;
    for number in 0..7 {
        versions += client.get(format!("k{number}")).await.unwrap().unwrap().version;
    }
    assert_eq!(versions, 500);
    session.close().await.unwrap();
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_session_that_has_ended_says_so() {
    let (one, client) = One::start().await;
    let session = client.session(LONG).await.unwrap();
    let in_session = session.client();
    let id = session.lease().id();
    in_session.put_with_lease("mine", "1", id).await.unwrap();
    assert_eq!(session.close().await.unwrap(), 1);
    let error = in_session.put("a", "1").await.unwrap_err();
    assert_eq!(error, EngineError::SessionExpired { session: id });
    assert!(!error.is_surely_not_done());
    assert_eq!(client.get("mine").await.unwrap(), None);
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_flood_is_answered_with_the_bound_that_it_reached() {
    let (one, client) = One::start().await;
    let client = client.with_timeout(Duration::from_millis(1));
    // All are asked for before the node's task runs.
    let puts = (0..20_000).map(|number: u32| {
        let client = client.clone();
        async move { client.put(format!("k{number}"), "v").await }
    });
    let ended = futures_util::future::join_all(puts).await;
    let full = |ended: &Result<u64, EngineError>| {
        let Err(error) = ended else { return false };
        error.is_surely_not_done() && error.to_string().contains("queue of 16384 requests is full")
    };
    assert!(ended.iter().any(full), "{:?}", ended.last());
    // It harms nobody else.
    one.engine.client().with_timeout(LONG).put("after", "1").await.unwrap();
    one.engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_lease_ends_after_its_node_was_started_anew() {
    let dir = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
    engine.client().with_timeout(LONG).put_with_ttl("a", "1", SHORT).await.unwrap();
    engine.kill().await;
    let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    let started = std::time::Instant::now();
    while engine.client().get("a").await.unwrap().is_some() {
        assert!(started.elapsed() < LONG);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn what_can_never_be_done_is_refused_with_the_limit_and_nothing_panics() {
    let (one, client) = One::start().await;
    let long = vec![0; 64 * 1024 + 1];
    let day = Duration::from_secs(86_400);
    let errors = [
        client.get("").await.unwrap_err(),
        client.get_lease(long.clone()).await.unwrap_err(),
        client.get_stale(long.clone()).await.unwrap_err(),
        client.put(long.clone(), "1").await.unwrap_err(),
        client.delete("").await.unwrap_err(),
        client.watch("", WatchOptions::from(1)).await.unwrap_err(),
        client.watch_prefix(long.clone(), WatchOptions::from(1)).await.unwrap_err(),
        client.scan_prefix(long.clone(), ReadOptions::default()).await.unwrap_err(),
        client.get_multi(vec!["a".into(); 129]).await.unwrap_err(),
        client.get_multi(vec!["".into()]).await.unwrap_err(),
        client.grant(Duration::ZERO).await.unwrap_err(),
        client.grant(Duration::MAX).await.unwrap_err(),
        client.put_with_ttl("a", "1", Duration::from_micros(1)).await.unwrap_err(),
        client.keep_alive(LeaseId::NONE).await.unwrap_err(),
        client.revoke(LeaseId::NONE).await.unwrap_err(),
        client.lock("door", LeaseId::NONE).await.unwrap_err(),
        client.lock(long, LeaseId(1)).await.unwrap_err(),
        client.session(Duration::ZERO).await.err().unwrap(),
    ];
    for error in errors {
        assert!(matches!(error, EngineError::Invalid(_)), "{error:?}");
        assert!(error.is_surely_not_done());
    }
    let refused = [
        client.time_to_live(LeaseId(9)).await.err().unwrap(),
        client.lock("door", LeaseId(9)).await.unwrap_err(),
        client.compact(99).await.unwrap_err(),
    ];
    for error in refused {
        assert!(matches!(error, EngineError::Refused(_)), "{error:?}");
    }
    // No time at all, in which perhaps it is done, and all the time there is.
    let _ = client.with_timeout(Duration::ZERO).get("a").await;
    client.with_timeout(Duration::MAX).put("a", "1").await.unwrap();
    let lease = client.with_timeout(Duration::MAX).grant(day).await.unwrap();
    client.with_timeout(Duration::MAX).lock("door", lease).await.unwrap();
    let progress = Some(Duration::MAX);
    let options = WatchOptions { progress, ..WatchOptions::from(u64::MAX) };
    let mut watcher = client.watch("a", options).await.unwrap();
    let nothing = tokio::time::timeout(SHORT, watcher.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    one.engine.stop().await.unwrap();
}
