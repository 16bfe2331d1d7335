//! quorate as it is embedded: one node, or several on loopback.

use std::{collections::BTreeMap, path::Path, time::Duration};

use bytes::Bytes;
use quorate::{
    Client as Embedded, Consistency, Coordination, Durability, EmbeddedEngine, EngineConfig,
    KeyRange, NodeId, PeerAddress, RangeRequest,
};
use quorate_bench_load::{Case, Client, KEY_BYTES, Operation, System};
use tokio::{net::TcpListener, task::AbortHandle};

/// The setting that acknowledges from memory.
pub(crate) const BUFFERED: &str = "buffered";
/// How long an entry may be in memory alone.
const FLUSH_INTERVAL: Duration = Duration::from_millis(10);
/// How long starting may take.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// How often what is old is let go, as a program that writes much does.
const COMPACT_INTERVAL: Duration = Duration::from_secs(1);
/// Revisions that are kept then.
const KEPT_REVISIONS: u64 = 10_000;

/// The nodes.
pub(crate) struct Engines {
    engines: Vec<EmbeddedEngine>,
    leader: Leader,
    compacting: AbortHandle,
}

/// A client of the leader.
#[derive(Clone)]
pub(crate) struct Leader(Embedded);

impl Client for Leader {
    async fn put(&self, key: [u8; KEY_BYTES], value: Bytes) -> Result<(), String> {
        let key = Bytes::copy_from_slice(&key);
        self.0.put(key, value).await.map(drop).map_err(|error| error.to_string())
    }

    async fn read(&self, key: [u8; KEY_BYTES], operation: Operation) -> Result<bool, String> {
        let key = Bytes::copy_from_slice(&key);
        let found = match operation {
            Operation::Put | Operation::Linearizable => self.0.get(key).await,
            Operation::Lease => self.0.get_lease(key).await,
            Operation::Stale => self.0.get_stale(key).await,
        };
        found.map(|found| found.is_some()).map_err(|error| error.to_string())
    }
}

impl System for Engines {
    type Client = Leader;

    fn name(case: &Case) -> String {
        if is_buffered(case) { "quorate buffered".to_owned() } else { "quorate".to_owned() }
    }

    fn durable(case: &Case) -> &'static str {
        match (is_buffered(case), case.nodes) {
            (true, _) => "no: from the memory of a majority",
            (false, 1) => "yes: synced",
            (false, _) => "yes: synced by a majority",
        }
    }

    async fn start(case: &Case, dir: &Path) -> Result<Engines, String> {
        let mut engines = Vec::new();
        for (config, listener) in configs(case, dir).await? {
            let engine = EmbeddedEngine::start_on(config, listener).await;
            engines.push(engine.map_err(|error| error.to_string())?);
        }
        for engine in &engines {
            engine.wait_ready(START_TIMEOUT).await.map_err(|error| error.to_string())?;
        }
        let leads = engines.iter().find(|engine| engine.is_leader());
        let leader = Leader(leads.ok_or("no node leads")?.client());
        let compacting = tokio::spawn(compact(leader.0.clone())).abort_handle();
        Ok(Engines { engines, leader, compacting })
    }

    fn client(&self) -> Leader {
        self.leader.clone()
    }

    async fn stop(self) {
        self.compacting.abort();
        for engine in &self.engines {
            engine.kill().await;
        }
    }
}

fn is_buffered(case: &Case) -> bool {
    case.settings.as_deref() == Some(BUFFERED)
}

/// A node's configuration and its socket, for each node.
async fn configs(
    case: &Case,
    dir: &Path,
) -> Result<Vec<(EngineConfig, Option<TcpListener>)>, String> {
    let durability = if is_buffered(case) {
        Durability::Buffered { interval: FLUSH_INTERVAL }
    } else {
        Durability::Durable
    };
    if case.nodes == 1 {
        return Ok(vec![(EngineConfig { durability, ..EngineConfig::new(dir) }, None)]);
    }
    let failed = |error: std::io::Error| format!("no port on loopback: {error}");
    let mut listeners = Vec::new();
    let mut peers: BTreeMap<NodeId, PeerAddress> = BTreeMap::new();
    for node in (1..=case.nodes).map(NodeId::of) {
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed)?;
        peers.insert(node, listener.local_addr().map_err(failed)?.into());
        listeners.push((node, listener));
    }
    let config = |node: NodeId| {
        let dir = dir.join(node.to_string());
        EngineConfig { node, peers: peers.clone(), durability, ..EngineConfig::new(dir) }
    };
    Ok(listeners.into_iter().map(|(node, listener)| (config(node), Some(listener))).collect())
}

/// Lets go of old revisions, over and over.
async fn compact(client: Embedded) {
    let newest = RangeRequest { count_only: true, ..RangeRequest::new(KeyRange::key("none")) };
    loop {
        tokio::time::sleep(COMPACT_INTERVAL).await;
        let Ok(read) = client.read(newest.clone(), Consistency::Stale).await else { continue };
        // One that is refused is asked for again.
        let _ = client.compact(read.revision.saturating_sub(KEPT_REVISIONS)).await;
    }
}
