//! A group that grows and shrinks, and clients that count what happens to their requests meanwhile.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use quorate::{Client, Coordination, EmbeddedEngine, EngineConfig, NodeId, Start};
use tokio::{net::TcpListener, task::JoinHandle};

use super::LONG;

/// How long a request may take while members come and go: several elections, on a busy machine.
pub(crate) const OUTAGE: Duration = Duration::from_secs(20);

/// Nodes, by name.
pub(crate) struct Group {
    dir: PathBuf,
    pub(crate) nodes: BTreeMap<u64, EmbeddedEngine>,
    pub(crate) addresses: BTreeMap<u64, SocketAddr>,
}

pub(crate) fn node(id: u64) -> NodeId {
    NodeId::of(id)
}

impl Group {
    /// A group of one, node 1, that listens.
    pub(crate) async fn found(dir: &Path) -> Group {
        let mut group =
            Group { dir: dir.to_owned(), nodes: BTreeMap::new(), addresses: BTreeMap::new() };
        group.start(1, |config| config).await;
        group.nodes[&1].wait_ready(LONG).await.unwrap();
        group
    }

    pub(crate) fn config(&self, id: u64) -> EngineConfig {
        EngineConfig {
            node: node(id),
            request_timeout: LONG,
            // Segments roll, and snapshots are taken, while members come and go.
            segment_bytes: 256 * 1024,
            snapshot_every_entries: 500,
            retain_entries: 100,
            ..EngineConfig::new(self.dir.join(id.to_string()))
        }
    }

    /// Starts a node on a free port.
    pub(crate) async fn start(&mut self, id: u64, set: impl FnOnce(EngineConfig) -> EngineConfig) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let config = set(self.config(id));
        let engine = EmbeddedEngine::start_on(config, Some(listener)).await.unwrap();
        self.addresses.insert(id, address);
        self.nodes.insert(id, engine);
    }

    /// Starts a node and adds it, asking `through`; returns once it votes.
    pub(crate) async fn grow(&mut self, id: u64, through: u64) {
        self.start(id, |config| EngineConfig { start: Start::Join, ..config }).await;
        let address = self.addresses[&id].to_string();
        let client = self.client(through);
        client.member_add(node(id), address, None).await.unwrap();
        self.wait_voter(id).await;
    }

    /// Waits until the node knows itself that it votes.
    pub(crate) async fn wait_voter(&self, id: u64) {
        let mut changes = self.nodes[&id].watch_membership();
        let votes = changes.wait_for(|now| now.is_settled() && now.voters().contains(&node(id)));
        tokio::time::timeout(LONG, votes).await.expect("it is promoted").expect("it runs");
    }

    pub(crate) async fn kill(&mut self, id: u64) {
        self.nodes.remove(&id).unwrap().kill().await;
    }

    pub(crate) async fn stop(&mut self, id: u64) {
        self.nodes.remove(&id).unwrap().stop().await.unwrap();
    }

    pub(crate) fn client(&self, id: u64) -> Client {
        self.nodes[&id].client()
    }

    /// Who leads.
    pub(crate) async fn leader(&self) -> u64 {
        let found = async {
            loop {
                if let Some((id, _)) = self.nodes.iter().find(|(_, engine)| engine.is_leader()) {
                    return *id;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LONG, found).await.expect("somebody leads")
    }

    /// The voters, as the group says.
    pub(crate) async fn voters(&self, through: u64) -> Vec<u64> {
        self.client(through).barrier().await.unwrap();
        let members = self.nodes[&through].membership();
        assert!(members.is_settled(), "{members:?}");
        members.voters().into_iter().map(NodeId::get).collect()
    }

    pub(crate) async fn stop_all(mut self) {
        while let Some((_, engine)) = self.nodes.pop_first() {
            engine.stop().await.unwrap();
        }
    }
}

/// Clients that put numbers, each under keys of its own, until they are told to end.
pub(crate) struct Load {
    end: Arc<AtomicBool>,
    writers: Vec<JoinHandle<Written>>,
}

/// What one client had acknowledged.
pub(crate) struct Written {
    pub(crate) writer: usize,
    pub(crate) count: u64,
    pub(crate) slowest: Duration,
}

impl Load {
    pub(crate) fn start(clients: impl IntoIterator<Item = Client>) -> Load {
        let end = Arc::new(AtomicBool::new(false));
        let write = |(writer, client)| tokio::spawn(write(writer, client, end.clone()));
        let writers = clients.into_iter().enumerate().map(write).collect();
        Load { end, writers }
    }

    /// Ends it, and reads every write back that was acknowledged.
    pub(crate) async fn check(self, reader: &Client) -> u64 {
        self.end.store(true, Ordering::SeqCst);
        let mut total = 0;
        for writer in self.writers {
            let Written { writer, count, slowest } = writer.await.unwrap();
            assert!(slowest < OUTAGE, "writer {writer} waited {slowest:?}");
            assert!(count > 0, "writer {writer} wrote nothing");
            for number in 0..count {
                let found = reader.get_lease(key(writer, number)).await.unwrap();
                let value = found.map(|found| found.value);
                assert_eq!(value, Some(number.to_string().into()), "{writer}: {number} of {count}");
            }
            total += count;
        }
        total
    }
}

fn key(writer: usize, number: u64) -> String {
    format!("load/{writer}/{number:08}")
}

async fn write(writer: usize, client: Client, end: Arc<AtomicBool>) -> Written {
    let client = client.with_timeout(OUTAGE);
    let mut written = Written { writer, count: 0, slowest: Duration::ZERO };
    while !end.load(Ordering::SeqCst) {
        let asked = Instant::now();
        // Whether a write to a leader that died was done is not known: the same again does no harm.
        loop {
            match client.put(key(writer, written.count), written.count.to_string()).await {
                Ok(_) => break,
                Err(quorate::EngineError::Unknown { .. }) if asked.elapsed() < OUTAGE => {}
                Err(error) => panic!("writer {writer} after {:?}: {error}", asked.elapsed()),
            }
        }
        written.count += 1;
        written.slowest = written.slowest.max(asked.elapsed());
    }
    written
}
