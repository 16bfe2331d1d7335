//! A node in this process: its log, its task, its mesh.

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use quorate_core::{Configuration, NodeId, Persisted, RoleKind};
use quorate_driver::{Driver, Found, Recorder, Recovered};
use quorate_kv::Response;
use quorate_tokio::{
    Clock, Mesh, MeshOptions, MeshParts, NodeHandle, NodeParts, NodeStatus, SnapshotError, spawn,
};
use quorate_wal::{DirectoryDisk, Wal, WalError, WalOptions};
use tokio::{net::TcpListener, sync::mpsc, task::AbortHandle, time::timeout};

use crate::{
    Client, EngineConfig, EngineError, LeaderChanges, LeaderInfo, Start, StartError,
    client::TIMEOUT_MAX,
    server::{Served, serve},
    service::{Local, keep_time},
};

/// How long a node that stops waits for its last answers to leave.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a leader that stops waits for somebody to take over.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(2);
/// Before it asks again.
const HAND_OVER_INTERVAL: Duration = Duration::from_millis(20);

/// A node that runs inside this process. It stops when [`EmbeddedEngine::stop`] is called; dropping
/// it stops it without waiting.
pub struct EmbeddedEngine {
    client: Client,
    node: NodeHandle<Response>,
    mesh: Option<Mesh>,
    /// What runs beside the node: who serves the others, and who keeps the time of leases.
    tasks: Vec<AbortHandle>,
    stopping: tokio::sync::Mutex<()>,
    served: Served,
}

impl EmbeddedEngine {
    /// Starts a group of one, whose log is in `dir`.
    ///
    /// # Errors
    /// [`StartError`], with the way out.
    pub async fn start(dir: impl Into<PathBuf>) -> Result<EmbeddedEngine, StartError> {
        EmbeddedEngine::start_with(EngineConfig::new(dir)).await
    }

    /// Starts a node.
    ///
    /// # Errors
    /// [`StartError`], with the way out.
    pub async fn start_with(config: EngineConfig) -> Result<EmbeddedEngine, StartError> {
        let listener = match address(&config)? {
            Some(address) => {
                let bound = TcpListener::bind(address).await;
                Some(bound.map_err(|source| StartError::Listen { address, source })?)
            }
            None => None,
        };
        EmbeddedEngine::start_on(config, listener).await
    }

    /// Starts a node on a socket that is bound already; none for a group of one.
    ///
    /// # Errors
    /// [`StartError`], with the way out.
    pub async fn start_on(
        config: EngineConfig,
        listener: Option<TcpListener>,
    ) -> Result<EmbeddedEngine, StartError> {
        let core = config.core();
        core.validate()?;
        let (wal, recovered) = open_log(&config).await?;
        let persisted = persisted(&config, recovered)?;
        let clock = Clock::new();
        let driver = match recorder(&config)? {
            Some(recorder) => Driver::restore_recorded(core, persisted, clock.now(), recorder),
            None => Driver::restore(core, persisted, clock.now()),
        };
        let driver =
            driver.map_err(|source| StartError::Restore { dir: config.dir.clone(), source })?;
        let local = Local::new(clock);
        let mesh = listener.map(|listener| Mesh::start(listener, mesh_options(&config)));
        let (mesh, inbox, requests, snapshots) = match mesh {
            Some(MeshParts { mesh, inbox, requests, snapshots }) => {
                (Some(mesh), inbox, Some(requests), snapshots)
            }
            None => (None, mpsc::channel(1).1, None, mpsc::channel(1).1),
        };
        let parts = NodeParts {
            driver,
            store: wal,
            machine: local.machine(),
            mesh: mesh.clone(),
            inbox,
            snapshots,
            policy: config.snapshot_policy(),
            clock,
        };
        let node = spawn(parts).map_err(StartError::Thread)?;
        let client = Client {
            node: node.clone(),
            id: config.node,
            local: local.clone(),
            mesh: mesh.clone(),
            timeout: config.request_timeout.min(TIMEOUT_MAX),
            dir: config.dir.as_path().into(),
            members: Arc::new(config.addresses()),
            session: None,
        };
        let served = Served::new();
        let keeper = tokio::spawn(keep_time(local, node.clone())).abort_handle();
        let server =
            requests.map(|requests| tokio::spawn(serve(client.clone(), requests, served.clone())));
        let server = server.map(|server| server.abort_handle());
        let tasks = server.into_iter().chain([keeper]).collect();
        Ok(EmbeddedEngine {
            client,
            node,
            mesh,
            tasks,
            stopping: tokio::sync::Mutex::default(),
            served,
        })
    }

    /// Returns once a leader is known and this node's state holds what was acknowledged before.
    ///
    /// # Errors
    /// [`EngineError`] where that does not come about within `timeout`.
    pub async fn wait_ready(&self, timeout: Duration) -> Result<(), EngineError> {
        self.client.with_timeout(timeout).barrier().await
    }

    /// Takes a snapshot of this node's state now; answers with the last entry that it covers.
    ///
    /// # Errors
    /// [`EngineError::NotDone`] where there is nothing new, or it cannot be kept.
    pub async fn snapshot(&self) -> Result<u64, EngineError> {
        let taken = self.node.take_snapshot().await;
        let refused = |error: SnapshotError| EngineError::NotDone { reason: error.to_string() };
        Ok(taken.map_err(refused)?.index)
    }

    /// A client of this node.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// What the node is now.
    pub fn status(&self) -> NodeStatus {
        self.node.status()
    }

    /// Whether this node leads, and nobody else can: of all nodes at most one says so at a time, as
    /// long as clocks do not drift apart. A leader that has lost its quorum says so no longer than an
    /// election timeout, and a new one not before it can carry requests out.
    pub fn is_leader(&self) -> bool {
        self.node.is_leader()
    }

    /// The leader and its term, as far as this node knows.
    pub fn leader_info(&self) -> LeaderInfo {
        LeaderInfo::from(&self.status())
    }

    /// Follows who leads.
    pub fn leader_changes(&self) -> LeaderChanges {
        LeaderChanges::new(self.node.watch_status())
    }

    /// Hands the leadership to another member, or to the one that is best prepared; returns once this
    /// node leads no more.
    ///
    /// # Errors
    /// [`EngineError::NotDone`] where this node does not lead, or leads on.
    pub async fn transfer_leadership(&self, to: Option<NodeId>) -> Result<(), EngineError> {
        let handed = self.node.transfer(to).await;
        handed.map_err(|error| EngineError::not_done(error.to_string()))
    }

    /// How many watches this node's clients have.
    pub fn watches(&self) -> u64 {
        self.client.local.watches()
    }

    /// Hands the leadership over, if it has it, finishes what was accepted, as far as it can, and closes
    /// the log. Requests that come meanwhile were surely not done. May be called again.
    ///
    /// # Errors
    /// [`EngineError::Halted`] where the node had stopped for good before.
    pub async fn stop(&self) -> Result<(), EngineError> {
        // A second call waits for the first: it must not cut the hand-over short.
        let _first = self.stopping.lock().await;
        let NodeStatus { halted, is_alone, .. } = self.status();
        if !is_alone {
            // Where nobody takes it over, an election finds somebody.
            let _ = timeout(HAND_OVER_TIMEOUT, self.hand_over()).await;
        }
        self.node.stop().await;
        if let Some(mesh) = &self.mesh {
            // What others asked for has its answers: they should hear them, and who leads now.
            let told = async {
                self.served.linger().await;
                mesh.flush().await;
            };
            let _ = timeout(FLUSH_TIMEOUT, told).await;
        }
        self.close().await;
        halted.map_or(Ok(()), |reason| Err(self.client.halted(&reason)))
    }

    /// Returns once this node does not lead; a follower that lags may need more than one attempt.
    async fn hand_over(&self) {
        while self.status().role == RoleKind::Leader && self.node.transfer(None).await.is_err() {
            tokio::time::sleep(HAND_OVER_INTERVAL).await;
        }
    }

    /// Ends the node as a crash would: nothing is flushed, nobody is told. Returns once its
    /// directory and address are free.
    pub async fn kill(&self) {
        // All at once: what waits to be sent must not leave while the store closes.
        self.node.abort();
        if let Some(mesh) = &self.mesh {
            mesh.close_now();
        }
        self.node.kill().await;
        self.close().await;
    }

    async fn close(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        if let Some(mesh) = &self.mesh {
            mesh.close().await;
        }
    }
}

impl Drop for EmbeddedEngine {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        if let Some(mesh) = self.mesh.take() {
            mesh.close_now();
        }
        self.node.abort();
    }
}

/// Where this node listens; none for a group of one.
fn address(config: &EngineConfig) -> Result<Option<SocketAddr>, StartError> {
    if config.peers.is_empty() {
        return Ok(None);
    }
    let node = config.node;
    config.peers.get(&node).copied().map(Some).ok_or(StartError::NoAddress { node })
}

/// Where the node's life is recorded, if it is.
fn recorder(config: &EngineConfig) -> Result<Option<Recorder>, StartError> {
    let Some(file) = config.record_to.clone() else { return Ok(None) };
    match std::fs::File::create(&file) {
        Ok(opened) => Ok(Some(Recorder::new(opened))),
        Err(source) => Err(StartError::Record { file, source }),
    }
}

fn mesh_options(config: &EngineConfig) -> MeshOptions {
    MeshOptions { group: config.group, node: config.node, peers: config.peers.clone() }
}

async fn open_log(config: &EngineConfig) -> Result<(Wal<DirectoryDisk>, Recovered), StartError> {
    let dir = config.dir.clone();
    let mut options = WalOptions::new(config.group, config.node);
    options.segment_bytes = config.segment_bytes;
    let opened = tokio::task::spawn_blocking(move || {
        let disk = DirectoryDisk::open(dir)?;
        Wal::open(disk, options)
    });
    let opened = match opened.await {
        Ok(opened) => opened,
        Err(error) => Err(WalError::Io {
            action: "open the log".to_owned(),
            source: std::io::Error::other(error),
        }),
    };
    opened.map_err(|source| StartError::Log { dir: config.dir.clone(), source })
}

/// What to start from, where that is what was asked for.
fn persisted(config: &EngineConfig, recovered: Recovered) -> Result<Persisted, StartError> {
    let dir = || config.dir.clone();
    let given = config.members();
    match (&recovered.found, config.start) {
        (Some(_), Start::New) => return Err(StartError::AlreadyUsed { dir: dir() }),
        (None, Start::Existing) => return Err(StartError::Empty { dir: dir() }),
        (Some(found), Start::Existing | Start::NewOrExisting) => {
            let founded = founders(found);
            if founded != given {
                return Err(StartError::Members { dir: dir(), founded, given });
            }
        }
        (None, Start::New | Start::NewOrExisting) => {}
    }
    Ok(recovered.found_or_bootstrap(Arc::new(Configuration::new(given))))
}

/// The voters in the newest configuration of a log, or of the snapshot that it begins with.
fn founders(found: &Found) -> Vec<NodeId> {
    let in_log = found.log.configurations().last().map(|(_, members)| members);
    let in_snapshot = found.snapshot.as_ref().map(|snapshot| &snapshot.configuration);
    in_log.or(in_snapshot).map(|newest| newest.voters().to_vec()).unwrap_or_default()
}
