//! The engine as its users meet it: restarts, forwarding, fail-over, and what is refused.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use common::{LONG, Three};

use quorate::{
    Consistency, Coordination, EmbeddedEngine, EngineConfig, EngineError, KeyRange, NodeId,
    RangeRequest, RequestError, Start, StartError, VALUE_LIMIT_BYTES,
};
use quorate_wal::WalError;
use tokio::net::TcpListener;

#[tokio::test]
async fn a_node_that_was_stopped_or_killed_comes_back_with_all_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    for run in 0..4_u32 {
        let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
        engine.wait_ready(LONG).await.unwrap();
        let client = engine.client();
        for earlier in 0..run {
            let value = client.get_linearizable(format!("key-{earlier}")).await.unwrap();
            assert_eq!(value, Some(format!("value-{earlier}").into()));
        }
        client.put(format!("key-{run}"), format!("value-{run}")).await.unwrap();
        if run % 2 == 0 {
            engine.stop().await.unwrap();
            engine.stop().await.unwrap();
        } else {
            engine.kill().await;
        }
    }
}

#[tokio::test]
async fn what_is_deleted_is_gone_and_a_second_delete_finds_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
    let client = engine.client();
    client.put("a", "1").await.unwrap();
    assert!(client.delete("a").await.unwrap());
    assert!(!client.delete("a").await.unwrap());
    assert_eq!(client.get_linearizable("a").await.unwrap(), None);
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn a_value_or_key_over_the_limit_is_refused_before_it_is_proposed() {
    let dir = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
    let client = engine.client();
    client.put("a", vec![0; VALUE_LIMIT_BYTES as usize]).await.unwrap();
    let error = client.put("a", vec![0; VALUE_LIMIT_BYTES as usize + 1]).await.unwrap_err();
    let size = u64::from(VALUE_LIMIT_BYTES) + 1;
    assert_eq!(error, EngineError::Invalid(RequestError::ValueTooLong { size }));
    let error = client.put("", "1").await.unwrap_err();
    assert_eq!(error, EngineError::Invalid(RequestError::EmptyKey));
    engine.stop().await.unwrap();
}

/// With one thread for all: the timer fires only where the reader lets it.
#[tokio::test]
async fn a_client_that_reads_without_end_does_not_keep_the_thread() {
    let dir = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    for consistency in [Consistency::Stale, Consistency::Lease] {
        let (client, begun) = (engine.client(), Instant::now());
        let is_over = Arc::new(AtomicBool::new(false));
        let over = is_over.clone();
        let reading = tokio::spawn(async move {
            let request = RangeRequest::new(KeyRange::key("none"));
            while !over.load(Ordering::Relaxed) && begun.elapsed() < LONG {
                client.read(request.clone(), consistency).await.unwrap();
            }
            over.load(Ordering::Relaxed)
        });
        tokio::time::sleep(Duration::from_millis(10)).await;
        is_over.store(true, Ordering::Relaxed);
        assert!(reading.await.unwrap(), "{consistency:?}");
    }
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn requests_to_a_stopped_node_fail_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    let client = engine.client().with_timeout(LONG);
    engine.stop().await.unwrap();
    let put = tokio::time::timeout(LONG / 2, client.put("a", "1")).await;
    assert!(matches!(put, Ok(Err(EngineError::NotDone { .. }))), "{put:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_node_takes_writes_and_every_node_reads_them_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let three = Three::start(dir.path()).await;
    for (number, writer) in three.up().enumerate() {
        for round in 0..20 {
            let (key, value) = (format!("key-{number}-{round}"), format!("value-{round}"));
            writer.client().put(key.clone(), value.clone()).await.unwrap();
            for reader in three.up() {
                let client = reader.client();
                let read = client.get_linearizable(key.clone()).await.unwrap();
                assert_eq!(read.as_deref(), Some(value.as_bytes()));
                client.barrier().await.unwrap();
                let own = client.peek(key.as_bytes());
                assert_eq!(own.as_deref(), Some(value.as_bytes()));
            }
        }
    }
    three.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_the_leader_is_killed_the_others_go_on_and_it_catches_up_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut three = Three::start(dir.path()).await;
    three.up().next().unwrap().client().put("before", "1").await.unwrap();
    let dead = three.kill_leader().await;
    let client = three.up().next().unwrap().client();
    // Whether a write to the dead leader was done is not known: the same again does no harm.
    while let Err(error) = client.put("after", "2").await {
        assert!(matches!(error, EngineError::Unknown { .. }), "{error}");
    }
    assert_eq!(client.get_linearizable("before").await.unwrap(), Some("1".into()));
    let config = EngineConfig { start: Start::Existing, ..three.configs[dead].clone() };
    let back = EmbeddedEngine::start_with(config).await.unwrap();
    back.wait_ready(LONG).await.unwrap();
    for (key, value) in [("before", "1"), ("after", "2")] {
        assert_eq!(back.client().peek(key.as_bytes()).as_deref(), Some(value.as_bytes()));
    }
    three.engines[dead] = Some(back);
    three.stop().await;
}

#[tokio::test]
async fn without_a_majority_a_write_ends_at_its_deadline_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let peers = BTreeMap::from([
        (NodeId::of(1), listener.local_addr().unwrap().into()),
        (NodeId::of(2), nobody.into()),
        (NodeId::of(3), "127.0.0.1:2".parse().unwrap()),
    ]);
    let config = EngineConfig { peers, ..EngineConfig::new(dir.path()) };
    let engine = EmbeddedEngine::start_on(config, Some(listener)).await.unwrap();
    let client = engine.client().with_timeout(Duration::from_millis(50));
    let error = client.put("a", "1").await.unwrap_err();
    assert!(matches!(&error, EngineError::NotDone { reason } if reason.contains("leader")));
    engine.stop().await.unwrap();
}

async fn refused(config: EngineConfig) -> StartError {
    EmbeddedEngine::start_with(config).await.err().expect("it does not start")
}

#[tokio::test]
async fn a_directory_that_does_not_fit_is_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig::new(dir.path().join("node"));
    let missing =
        EngineConfig { start: Start::Existing, ..EngineConfig::new(dir.path().join("x")) };
    assert!(matches!(refused(missing).await, StartError::Empty { .. }));
    let engine = EmbeddedEngine::start_with(config.clone()).await.unwrap();
    engine.client().put("a", "1").await.unwrap();
    let error = refused(config.clone()).await;
    assert!(matches!(error, StartError::Log { source: WalError::InUse { .. }, .. }), "{error}");
    engine.stop().await.unwrap();
    let error = refused(EngineConfig { start: Start::New, ..config.clone() }).await;
    assert!(matches!(error, StartError::AlreadyUsed { .. }), "{error}");
    let error = refused(EngineConfig { group: 99, ..config.clone() }).await;
    assert!(
        matches!(error, StartError::Log { source: WalError::Foreign { what: "group", .. }, .. }),
        "{error}"
    );
    let error = refused(EngineConfig { node: NodeId::of(2), ..config.clone() }).await;
    assert!(
        matches!(error, StartError::Log { source: WalError::Foreign { what: "node", .. }, .. }),
        "{error}"
    );
    // None of it has harmed the log.
    let engine = EmbeddedEngine::start_with(config).await.unwrap();
    assert_eq!(engine.client().get_linearizable("a").await.unwrap(), Some("1".into()));
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap();
    let peers = BTreeMap::from([(NodeId::of(1), address.into())]);
    let error = refused(EngineConfig { peers, ..EngineConfig::new(dir.path()) }).await;
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}
