//! Members that are named by hosts.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::{collections::BTreeMap, path::Path};

use common::LONG;
use quorate::{
    Coordination, EmbeddedEngine, EngineConfig, MemberError, NodeId, PeerAddress, StartError,
};

/// Ports that were free a moment ago.
fn hosts() -> BTreeMap<NodeId, PeerAddress> {
    let listeners = [(); 3].map(|()| std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let ports = listeners.iter().map(|listener| listener.local_addr().unwrap().port());
    let hosts = ports.map(|port| format!("localhost:{port}").parse().unwrap());
    (1..).map(NodeId::of).zip(hosts).collect()
}

async fn start(dir: &Path, peers: &BTreeMap<NodeId, PeerAddress>) -> Vec<EmbeddedEngine> {
    let mut engines = Vec::new();
    for node in peers.keys().copied() {
        let config = EngineConfig {
            node,
            peers: peers.clone(),
            request_timeout: LONG,
            ..EngineConfig::new(dir.join(node.to_string()))
        };
        engines.push(EmbeddedEngine::start_with(config).await.unwrap());
    }
    for engine in &engines {
        engine.wait_ready(LONG).await.unwrap();
    }
    engines
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_forms_by_host_names_and_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let peers = hosts();
    for life in 0..2 {
        let engines = start(dir.path(), &peers).await;
        for (number, engine) in engines.iter().enumerate() {
            engine.client().put(format!("{life}/{number}"), "1").await.unwrap();
        }
        let members = engines[0].client().members().await.unwrap();
        let told: Vec<String> = members.into_iter().flat_map(|member| member.address).collect();
        let named: Vec<String> = peers.values().map(ToString::to_string).collect();
        assert_eq!(told, named, "nobody says that it is elsewhere");
        for engine in engines {
            engine.stop().await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_is_no_address_is_named_and_a_host_that_is_not_ours_as_well() {
    for wrong in ["db.example", "", "a b:1", "db.example:0", "db.example:99999", "a:1,b:2", "a=b:1"]
    {
        let error = wrong.parse::<PeerAddress>().unwrap_err();
        assert_eq!(error, MemberError::Address { address: wrong.to_owned() });
    }
    for right in ["db.example:1", "[::1]:7000", "10.0.0.1:7000", "localhost:65535"] {
        assert_eq!(right.parse::<PeerAddress>().unwrap().as_str(), right);
    }
    let dir = tempfile::tempdir().unwrap();
    let one = NodeId::of(1);
    let peers = BTreeMap::from([(one, "no-such-host.invalid:7000".parse().unwrap())]);
    let config = EngineConfig { peers, ..EngineConfig::new(dir.path().join("data")) };
    let error = EmbeddedEngine::start_with(config).await.err().unwrap();
    assert!(
        matches!(&error, StartError::Listen { address, .. }
        if address == "no-such-host.invalid:7000"),
        "{error}"
    );
    assert!(error.to_string().contains("EngineConfig::listen"), "{error}");
    assert!(!dir.path().join("data").exists(), "nothing was touched");
}
