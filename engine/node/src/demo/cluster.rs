//! Three nodes, any of which may be down.

use std::{
    collections::BTreeMap,
    sync::{OnceLock, PoisonError, RwLock},
    time::Duration,
};

use futures_util::future::join_all;
use quorate::{Client, EmbeddedEngine, EngineConfig, EngineError, NodeId, Start, StartError};
use tokio::net::TcpListener;

use super::{DemoError, directory::Directory};

const READY_TIMEOUT: Duration = Duration::from_secs(30);
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Default)]
pub(crate) struct Cluster {
    configs: OnceLock<Vec<EngineConfig>>,
    engines: RwLock<BTreeMap<u64, EmbeddedEngine>>,
    clients: RwLock<BTreeMap<u64, Client>>,
}

impl Cluster {
    /// Starts the nodes; says on which ports.
    pub(crate) async fn start(
        &self,
        directory: &Directory,
        base_port: Option<u16>,
    ) -> Result<[u16; 3], DemoError> {
        directory.claim()?;
        let mut listeners = Vec::new();
        let mut peers = BTreeMap::new();
        let mut ports = [0; 3];
        for (node, bound) in (1_u16..).zip(&mut ports) {
            let port = base_port.map_or(0, |base| base + node - 1);
            let listener = listen(&format!("127.0.0.1:{port}")).await?;
            let address = listener.local_addr()?;
            *bound = address.port();
            peers.insert(NodeId::of(node.into()), address.into());
            listeners.push(listener);
        }
        let config = |node: u64| EngineConfig {
            node: NodeId::of(node),
            group: directory.group(),
            peers: peers.clone(),
            start: directory.start(),
            election_timeout: Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(50),
            request_timeout: REQUEST_TIMEOUT,
            ..EngineConfig::new(directory.node(node))
        };
        let configs = self.configs.get_or_init(|| (1..=3).map(config).collect());
        for (listener, config) in listeners.into_iter().zip(configs) {
            self.start_on(config.clone(), listener).await?;
        }
        Ok(ports)
    }

    async fn start_on(&self, config: EngineConfig, listener: TcpListener) -> Result<(), DemoError> {
        let node = config.node.get();
        let started = EmbeddedEngine::start_on(config, Some(listener)).await;
        let engine = started.map_err(|error| match error {
            StartError::Empty { dir } => DemoError::LostDisk { node, dir },
            other => DemoError::Start(other),
        })?;
        write(&self.clients).insert(node, engine.client());
        write(&self.engines).insert(node, engine);
        Ok(())
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
        let mut configs = self.configs.get().into_iter().flatten();
        let config = configs.find(|config| config.node.get() == node);
        if let Some(config) = config {
            let listener = listen(config.peers[&config.node].as_str()).await?;
            let start = Start::Existing;
            self.start_on(EngineConfig { start, ..config.clone() }, listener).await?;
        }
        let engines = self.engines.read().unwrap_or_else(PoisonError::into_inner);
        Ok(engines.get(&node).map_or(0, |engine| engine.status().last))
    }

    pub(crate) async fn stop(&self) {
        write(&self.clients).clear();
        let engines = std::mem::take(&mut *write(&self.engines));
        // A node that halted has said why.
        join_all(engines.values().map(EmbeddedEngine::stop)).await;
    }
}

async fn listen(address: &str) -> Result<TcpListener, DemoError> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|source| {
        DemoError::Start(StartError::Listen { address: address.to_owned(), source })
    })
}

fn write<T>(lock: &RwLock<T>) -> std::sync::RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}
