//! Opening a node's parts, and putting them together.

use std::{
    net::SocketAddr,
    sync::{Arc, RwLock},
};

use quorate_core::{Configuration, NodeId, Persisted};
use quorate_driver::{Driver, Found, Recorder, Recovered, StateMachine};
use quorate_tokio::{
    Clock, Incoming, Mesh, MeshOptions, Net, NetParts, NodeOptions, NodeParts, spawn_with,
};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    EngineConfig, Start, StartError, StorageEngine, builder::NetChoice, route::Route,
    telemetry::RequestMetrics,
};

/// A node that runs, and what has to be served.
pub(crate) struct Opened<R> {
    pub(crate) route: Route<R>,
    /// What the other members' engines ask; none where there are no others.
    pub(crate) requests: Option<mpsc::Receiver<Incoming>>,
}

/// Opens everything, in an order in which whatever fails leaves nothing behind.
pub(crate) async fn open<M, S>(
    config: &EngineConfig,
    storage: S,
    net: NetChoice,
    machine: Arc<RwLock<M>>,
    clock: Clock,
) -> Result<Opened<M::Response>, StartError>
where
    M: StateMachine + Sync + 'static,
    S: StorageEngine,
{
    let core = config.core();
    let net = listen(config, net).await?;
    let (store, recovered) = open_storage(config, storage).await?;
    let persisted = persisted(config, recovered)?;
    let driver = match recorder(config)? {
        Some(recorder) => Driver::restore_recorded(core, persisted, clock.now(), recorder),
        None => Driver::restore(core, persisted, clock.now()),
    };
    let driver =
        driver.map_err(|source| StartError::Restore { dir: config.dir.clone(), source })?;
    let NetParts { net, inbox, requests, snapshots } = connect(config, net);
    let requests = net.is_some().then_some(requests);
    let policy = config.snapshot_policy();
    let parts =
        NodeParts { driver, store, machine, net: net.clone(), inbox, snapshots, policy, clock };
    let options = NodeOptions { group: config.group, request_queue: config.request_queue };
    let node = spawn_with(parts, options).map_err(|error| {
        // Others must not take it for a node that is there.
        net.iter().for_each(Net::close_now);
        StartError::Thread(error)
    })?;
    let dir = config.dir.as_path().into();
    let metrics = Arc::new(RequestMetrics::new(&config.labels()));
    let timeout = config.request_timeout;
    let route = Route {
        node,
        id: config.node,
        net,
        timeout,
        dir,
        metrics,
        command_limit: config.command_limit(),
    };
    Ok(Opened { route, requests })
}

/// Has the address that the node listens on, before anything else is touched.
async fn listen(config: &EngineConfig, net: NetChoice) -> Result<NetChoice, StartError> {
    match (net, address(config)?) {
        (NetChoice::Mesh(None), Some(address)) => {
            let bound = TcpListener::bind(address).await;
            let bound = bound.map_err(|source| StartError::Listen { address, source })?;
            Ok(NetChoice::Mesh(Some(bound)))
        }
        (net, _) => Ok(net),
    }
}

fn connect(config: &EngineConfig, net: NetChoice) -> NetParts {
    match net {
        NetChoice::Mesh(None) => NetParts::alone(),
        NetChoice::Mesh(Some(listener)) => Mesh::start(listener, mesh_options(config)).into(),
        NetChoice::Own(transport) => NetParts::over(transport, config.node),
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

fn mesh_options(config: &EngineConfig) -> MeshOptions {
    MeshOptions { group: config.group, node: config.node, peers: config.peers.clone() }
}

async fn open_storage<S: StorageEngine>(
    config: &EngineConfig,
    storage: S,
) -> Result<(S::Store, Recovered), StartError> {
    let config = config.clone();
    let opened = tokio::task::spawn_blocking(move || storage.open(&config)).await;
    opened.unwrap_or_else(|error| Err(StartError::storage(error)))
}

/// Where the node's life is recorded, if it is.
fn recorder(config: &EngineConfig) -> Result<Option<Recorder>, StartError> {
    let Some(file) = config.record_to.clone() else { return Ok(None) };
    match std::fs::File::create(&file) {
        Ok(opened) => Ok(Some(Recorder::new(opened))),
        Err(source) => Err(StartError::Record { file, source }),
    }
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
