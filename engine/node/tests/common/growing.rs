//! A group that grows and shrinks, and clients that count what happens to their requests meanwhile.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
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
        Group::found_as(dir, |config| config).await
    }

    /// The same, with knobs of its own.
    pub(crate) async fn found_as(
        dir: &Path,
        set: impl FnOnce(EngineConfig) -> EngineConfig,
    ) -> Group {
        let mut group =
            Group { dir: dir.to_owned(), nodes: BTreeMap::new(), addresses: BTreeMap::new() };
        group.start(1, set).await;
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
    run: u64,
    end: Arc<AtomicBool>,
    quiet: Arc<Mutex<Quiet>>,
    writers: Vec<JoinHandle<Written>>,
}

/// When a write was acknowledged last, and the longest time in which none was.
struct Quiet {
    last: Instant,
    longest: Duration,
}

/// What one client had acknowledged.
struct Written {
    count: u64,
    /// How often it had to ask again, since the end of a write was unknown.
    unknown: u64,
    slowest: Duration,
}

/// What became of all of them.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) count: u64,
    pub(crate) unknown: u64,
    /// The longest time in which no write was acknowledged.
    pub(crate) quiet: Duration,
    /// The longest time that a write took.
    pub(crate) slowest: Duration,
}

impl Load {
    pub(crate) fn start(clients: impl IntoIterator<Item = Client>) -> Load {
        static RUNS: AtomicU64 = AtomicU64::new(0);
        let run = RUNS.fetch_add(1, Ordering::SeqCst);
        let end = Arc::new(AtomicBool::new(false));
        let quiet = Quiet { last: Instant::now(), longest: Duration::ZERO };
        let quiet = Arc::new(Mutex::new(quiet));
        let write = |(writer, client)| {
            tokio::spawn(write((run, writer), client, end.clone(), quiet.clone()))
        };
        let writers = clients.into_iter().enumerate().map(write).collect();
        Load { run, end, quiet, writers }
    }

    /// Ends it, and reads every write back that was acknowledged.
    pub(crate) async fn check(self, reader: &Client) -> Ended {
        self.end.store(true, Ordering::SeqCst);
        let mut ended =
            Ended { count: 0, unknown: 0, quiet: Duration::ZERO, slowest: Duration::ZERO };
        for (writer, task) in self.writers.into_iter().enumerate() {
            let Written { count, unknown, slowest } = task.await.unwrap();
            assert!(slowest < OUTAGE, "writer {writer} waited {slowest:?}");
            assert!(count > 0, "writer {writer} wrote nothing");
            for number in 0..count {
                let found = reader.get_lease(key((self.run, writer), number)).await.unwrap();
                let value = found.map(|found| found.value);
                assert_eq!(value, Some(number.to_string().into()), "{writer}: {number} of {count}");
            }
            ended.count += count;
            ended.unknown += unknown;
            ended.slowest = ended.slowest.max(slowest);
        }
        ended.quiet = self.quiet.lock().unwrap().longest;
        ended
    }
}

fn key((run, writer): (u64, usize), number: u64) -> String {
    format!("load/{run}/{writer}/{number:08}")
}

async fn write(
    writer: (u64, usize),
    client: Client,
    end: Arc<AtomicBool>,
    quiet: Arc<Mutex<Quiet>>,
) -> Written {
    let client = client.with_timeout(OUTAGE);
    let mut written = Written { count: 0, unknown: 0, slowest: Duration::ZERO };
    while !end.load(Ordering::SeqCst) {
        let asked = Instant::now();
        // Whether a write to a leader that died was done is not known: the same again does no harm.
        loop {
            match client.put(key(writer, written.count), written.count.to_string()).await {
                Ok(_) => break,
                Err(quorate::EngineError::Unknown { .. }) if asked.elapsed() < OUTAGE => {
                    written.unknown += 1;
                }
                Err(error) => panic!("writer {writer:?} after {:?}: {error}", asked.elapsed()),
            }
        }
        let now = Instant::now();
        let mut quiet = quiet.lock().unwrap();
        quiet.longest = quiet.longest.max(now - quiet.last);
        quiet.last = now;
        written.count += 1;
        written.slowest = written.slowest.max(now - asked);
    }
    written
}
