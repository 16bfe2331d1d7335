//! What a node's life leaves in the log: each event once, with its fields, and nothing for each
//! request.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{
    LONG, Three,
    collector::{Collector, Told},
};
use quorate::{Coordination, EmbeddedEngine, EngineConfig, Start};
use tracing::Level;

/// Nothing that a request does by itself is worth an operator's time.
async fn requests_are_quiet(told: &Collector, engine: &EmbeddedEngine) {
    let place = told.len();
    let client = engine.client();
    let rounds = 300;
    for number in 0..rounds {
        client.put(format!("key-{number}"), "value").await.unwrap();
        client.get("key-1").await.unwrap();
        client.get_stale("key-1").await.unwrap();
    }
    let now = told.since(place);
    let loud: Vec<&Told> = now.iter().filter(|told| told.level <= Level::INFO).collect();
    // A slow machine may see an election, which is a handful.
    assert!(loud.len() < rounds / 10, "{loud:?}");
    let ended = now.iter().filter(|told| told.message == "request ended");
    let of = |operation: &str| {
        let is_of =
            |told: &&Told| told.fields.get("operation").is_some_and(|found| found == operation);
        ended.clone().filter(is_of).collect::<Vec<_>>()
    };
    for operation in ["write", "read"] {
        let all = of(operation);
        assert_eq!(all.len(), rounds, "{operation}");
        for told in all {
            assert_eq!((told.level, told.fields["outcome"].as_str()), (Level::DEBUG, "done"));
            assert!(told.spans.contains(&"request"), "{told:?}");
        }
    }
    assert!(of("read").iter().all(|told| told.fields["consistency"] == "Linearizable"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_life_is_told_with_its_fields() {
    let told = Collector::install();
    let dir = tempfile::tempdir().unwrap();
    let slow = |config| EngineConfig { election_timeout: Duration::from_secs(2), ..config };
    let mut three = Three::start_as(dir.path(), slow).await;

    // Start and election.
    let started = told.told(0, Level::INFO, "node started", &["term", "last", "voters"]).await;
    assert_eq!(started.fields["group"], "1");
    assert!(started.fields.contains_key("id") && started.spans.contains(&"node"), "{started:?}");
    let starts = told.since(0).into_iter().filter(|told| told.message == "node started").count();
    assert_eq!(starts, 3);
    told.told(0, Level::INFO, "role changed", &["role", "term", "leader"]).await;
    told.told(0, Level::INFO, "leader known", &["term", "leader", "id"]).await;
    let connected = told.told(0, Level::INFO, "peer connected", &["peer", "address"]).await;
    assert!(connected.spans.contains(&"mesh") && connected.fields.contains_key("node"));

    let leader = three.wait_leader().await;
    requests_are_quiet(&told, three.engines[leader].as_ref().unwrap()).await;

    // A snapshot.
    let place = told.len();
    three.engines[leader].as_ref().unwrap().snapshot().await.unwrap();
    told.told(place, Level::INFO, "snapshot begun", &["index", "id"]).await;
    told.told(place, Level::INFO, "snapshot taken", &["index"]).await;

    // The leader is lost, and comes back as a follower.
    let place = told.len();
    assert_eq!(three.kill_leader().await, leader);
    told.told(place, Level::WARN, "peer lost", &["peer", "error", "node"]).await;
    told.told(place, Level::WARN, "leader lost", &["term", "before", "id"]).await;
    three.wait_leader().await;
    told.told(place, Level::INFO, "leader known", &["term", "leader"]).await;
    let place = told.len();
    let back = EngineConfig { start: Start::Existing, ..three.configs[leader].clone() };
    let back = EmbeddedEngine::start_with(back).await.unwrap();
    back.wait_ready(LONG).await.unwrap();
    let started = told.told(place, Level::INFO, "node started", &["term", "last"]).await;
    assert!(started.fields["last"].parse::<u64>().unwrap() > 300, "{started:?}");
    assert_eq!(started.fields["id"], three.configs[leader].node.to_string());

    // A lease that runs out, and a node that stops.
    let place = told.len();
    back.client().grant(Duration::from_millis(100)).await.unwrap();
    told.told(place, Level::DEBUG, "leases expired", &["leases", "deleted"]).await;
    let place = told.len();
    three.engines[leader] = Some(back);
    three.stop().await;
    told.told(place, Level::INFO, "node stopped", &["id"]).await;
    let errors: Vec<Told> =
        told.since(0).into_iter().filter(|told| told.level == Level::ERROR).collect();
    assert!(errors.is_empty(), "nothing here needs a human: {errors:?}");
}
