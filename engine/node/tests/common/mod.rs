//! What the tests share: three nodes on this machine.

#![allow(dead_code, reason = "each test uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test may panic")]

pub(crate) mod collector;
pub(crate) mod growing;

use std::{collections::BTreeMap, path::Path, time::Duration};

use quorate::{Client, EmbeddedEngine, EngineConfig, NodeId, PeerAddress};
use tokio::net::TcpListener;

/// Far more than anything here takes; only a hang reaches it.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Three nodes, each of which may be down.
pub(crate) struct Three {
    pub(crate) configs: Vec<EngineConfig>,
    pub(crate) engines: Vec<Option<EmbeddedEngine>>,
}

impl Three {
    pub(crate) async fn start(dir: &Path) -> Three {
        Three::start_as(dir, |config| config).await
    }

    /// The same, with knobs of their own.
    pub(crate) async fn start_as(dir: &Path, set: impl Fn(EngineConfig) -> EngineConfig) -> Three {
        let mut listeners = Vec::new();
        for _ in 0..3 {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let peers: BTreeMap<NodeId, PeerAddress> = (1..)
            .map(NodeId::of)
            .zip(listeners.iter().map(|listener| listener.local_addr().unwrap().into()))
            .collect();
        let config = |node: NodeId| {
            set(EngineConfig {
                node,
                peers: peers.clone(),
                request_timeout: LONG,
                ..EngineConfig::new(dir.join(node.to_string()))
            })
        };
        let configs: Vec<EngineConfig> = peers.keys().copied().map(config).collect();
        let mut engines = Vec::new();
        for (config, listener) in configs.iter().zip(listeners) {
            let engine = EmbeddedEngine::start_on(config.clone(), Some(listener)).await;
            engines.push(Some(engine.unwrap()));
        }
        for engine in engines.iter().flatten() {
            engine.wait_ready(LONG).await.unwrap();
        }
        Three { configs, engines }
    }

    pub(crate) fn up(&self) -> impl Iterator<Item = &EmbeddedEngine> {
        self.engines.iter().flatten()
    }

    /// Clients of all nodes but one.
    pub(crate) fn others(&self, place: usize) -> Vec<Client> {
        let others = self.engines.iter().enumerate().filter(|(other, _)| *other != place);
        others.flat_map(|(_, engine)| engine).map(EmbeddedEngine::client).collect()
    }

    pub(crate) fn leader(&self) -> Option<usize> {
        let leads =
            |engine: &Option<EmbeddedEngine>| engine.as_ref().is_some_and(|one| one.is_leader());
        self.engines.iter().position(leads)
    }

    /// Waits until one leads; its place.
    pub(crate) async fn wait_leader(&self) -> usize {
        loop {
            match self.leader() {
                Some(leader) => return leader,
                None => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Ends the leader as a crash would; its place.
    pub(crate) async fn kill_leader(&mut self) -> usize {
        let leader = self.wait_leader().await;
        self.engines[leader].take().unwrap().kill().await;
        leader
    }

    /// A client of a node that does not lead.
    pub(crate) async fn follower(&self) -> Client {
        let leader = self.wait_leader().await;
        let mut others = self.engines.iter().enumerate().filter(|(place, _)| *place != leader);
        others.find_map(|(_, engine)| engine.as_ref()).unwrap().client()
    }

    pub(crate) async fn stop(self) {
        for engine in self.up() {
            engine.stop().await.unwrap();
        }
    }
}
