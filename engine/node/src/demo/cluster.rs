//! Three nodes, any of which may be down.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use quorate::{Client, EmbeddedEngine, EngineConfig, EngineError, NodeId, StartError};
use tokio::net::TcpListener;

use super::{DemoError, directory::Directory};

const READY_TIMEOUT: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Cluster {
    configs: Vec<EngineConfig>,
    engines: RwLock<BTreeMap<u64, EmbeddedEngine>>,
    clients: RwLock<BTreeMap<u64, Client>>,
}

impl Cluster {
    pub(crate) async fn start(
        directory: &Directory,
        base_port: Option<u16>,
    ) -> Result<Cluster, DemoError> {
        directory.claim()?;
        let mut listeners = Vec::new();
        let mut peers = BTreeMap::new();
        for node in 1..=3_u16 {
            let port = base_port.map_or(0, |base| base + node - 1);
            let address = SocketAddr::from(([127, 0, 0, 1], port));
            let listener = TcpListener::bind(address).await;
            let listener = listener.map_err(|source| StartError::Listen { address, source })?;
            peers.insert(NodeId::of(node.into()), listener.local_addr()?);
            listeners.push(listener);
        }
        let config = |node: u64| EngineConfig {
            node: NodeId::of(node),
            group: directory.group(),
            peers: peers.clone(),
            election_timeout: Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(50),
            request_timeout: REQUEST_TIMEOUT,
            ..EngineConfig::new(directory.node(node))
        };
        let cluster = Cluster {
            configs: (1..=3).map(config).collect(),
            engines: RwLock::default(),
            clients: RwLock::default(),
        };
        for (listener, node) in listeners.into_iter().zip(1..) {
            cluster.start_on(node, listener).await?;
        }
        Ok(cluster)
    }

    async fn start_on(&self, node: u64, listener: TcpListener) -> Result<(), DemoError> {
        let config = self.configs[node as usize - 1].clone();
        let engine = EmbeddedEngine::start_on(config, Some(listener)).await?;
        write(&self.clients).insert(node, engine.client());
        write(&self.engines).insert(node, engine);
        Ok(())
    }

    pub(crate) fn ports(&self) -> [u16; 3] {
        let mut ports = [0; 3];
        let addresses = self.configs.first().map(|config| config.peers.values());
        for (port, address) in ports.iter_mut().zip(addresses.into_iter().flatten()) {
            *port = address.port();
        }
        ports
    }

    /// Waits until every node knows a leader and has caught up; says who leads.
    pub(crate) async fn wait_ready(&self) -> Result<u64, EngineError> {
        for client in self.clients() {
            client.with_timeout(READY_TIMEOUT).barrier().await?;
        }
        Ok(self.leader().unwrap_or(0))
    }

    /// The clients of the nodes that are up.
    pub(crate) fn clients(&self) -> Vec<Client> {
        let clients = self.clients.read().unwrap_or_else(PoisonError::into_inner);
        clients.values().cloned().collect()
    }

    pub(crate) fn leader(&self) -> Option<u64> {
        let engines = self.engines.read().unwrap_or_else(PoisonError::into_inner);
        engines.iter().find(|(_, engine)| engine.is_leader()).map(|(node, _)| *node)
    }

    /// Ends a node as a crash would.
    pub(crate) async fn kill(&self, node: u64) {
        write(&self.clients).remove(&node);
        let engine = write(&self.engines).remove(&node);
        if let Some(engine) = engine {
            engine.kill().await;
        }
    }

    /// Starts a killed node from its log; says how many entries that held.
    pub(crate) async fn restart(&self, node: u64) -> Result<u64, DemoError> {
        let config = &self.configs[node as usize - 1];
        let address = config.peers[&config.node];
        let listener = TcpListener::bind(address).await;
        let listener = listener.map_err(|source| StartError::Listen { address, source })?;
        self.start_on(node, listener).await?;
        let engines = self.engines.read().unwrap_or_else(PoisonError::into_inner);
        Ok(engines.get(&node).map_or(0, |engine| engine.status().last))
    }

    pub(crate) async fn stop(&self) {
        write(&self.clients).clear();
        let engines = std::mem::take(&mut *write(&self.engines));
        for engine in engines.into_values() {
            // A node that halted has said why.
            let _ = engine.stop().await;
        }
    }
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
