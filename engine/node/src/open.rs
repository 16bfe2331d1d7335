//! Opening a node's parts, and putting them together.

use std::sync::{Arc, RwLock};

use quorate_core::Persisted;
use quorate_driver::{Driver, Recorder, Recovered, StateMachine};
use quorate_tokio::{
    Clock, Incoming, Mesh, MeshOptions, Net, NetParts, NodeOptions, NodeParts, Transport,
    spawn_with,
};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    EngineConfig, Start, StartError, StorageEngine, addresses, route::Route,
    telemetry::RequestMetrics,
};

/// How a node will reach the others.
pub(crate) enum NetChoice {
    /// Over TCP, where there are others; on a socket that is bound already, if one is given.
    Mesh(Option<TcpListener>),
    Own(Arc<dyn Transport>),
}

/// A node that runs, and what has to be served.
pub(crate) struct Opened<R> {
    pub(crate) route: Route<R>,
    /// What the other members' engines ask; none where there are no others.
    pub(crate) requests: Option<mpsc::Receiver<Incoming>>,
    /// Where the others reach this node's mesh, if it has one.
    pub(crate) address: Option<Arc<str>>,
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
    let net = listen_as_logged(config, net, &recovered).await?;
    let address = match &net {
        NetChoice::Mesh(Some(listener)) => Some(addresses::advertised(config, listener)?),
        NetChoice::Mesh(None) | NetChoice::Own(_) => None,
    };
    let (early, store) = config.durability.of(store)?;
    let persisted = persisted(config, recovered, address.clone())?;
    let driver = match recorder(config)? {
        Some(recorder) => Driver::restore_recorded(core, persisted, clock.now(), recorder),
        None => Driver::restore(core, persisted, clock.now()),
    };
    let driver =
        driver.map_err(|source| StartError::Restore { dir: config.dir.clone(), source })?;
    let NetParts { net, inbox, requests, snapshots } = connect(config, net, &address);
    let requests = net.is_some().then_some(requests);
    let policy = config.snapshot_policy();
    let parts = NodeParts {
        driver,
        store,
        early,
        machine,
        net: net.clone(),
        inbox,
        snapshots,
        policy,
        clock,
    };
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
        promotion: config.promotion,
        dir,
        metrics,
        command_limit: config.command_limit(),
    };
    Ok(Opened { route, requests, address })
}

/// Has the address that the node listens on, before anything else is touched.
async fn listen(config: &EngineConfig, net: NetChoice) -> Result<NetChoice, StartError> {
    match net {
        NetChoice::Mesh(None) => Ok(NetChoice::Mesh(addresses::listen(config).await?)),
        NetChoice::Mesh(Some(_)) | NetChoice::Own(_) => Ok(net),
    }
}

/// Where the configuration says nothing, the log does.
async fn listen_as_logged(
    config: &EngineConfig,
    net: NetChoice,
    recovered: &Recovered,
) -> Result<NetChoice, StartError> {
    match net {
        NetChoice::Mesh(None) => {
            Ok(NetChoice::Mesh(addresses::listen_as_logged(config, recovered).await?))
        }
        NetChoice::Mesh(Some(_)) | NetChoice::Own(_) => Ok(net),
    }
}

fn connect(config: &EngineConfig, net: NetChoice, address: &Option<Arc<str>>) -> NetParts {
    let (group, node) = (config.group, config.node);
    match net {
        NetChoice::Mesh(None) => NetParts::alone(),
        NetChoice::Mesh(Some(listener)) => {
            let address = address.clone();
            let given = config.peers.iter();
            let peers = given.map(|(node, at)| (*node, at.text())).collect();
            Mesh::start(listener, MeshOptions { group, node, address, peers }).into()
        }
        NetChoice::Own(transport) => NetParts::over(transport, node),
    }
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
///
/// Whom the configuration names counts for a group that is founded now. Where there is a log it says
/// who the members are: they may have changed since. It may even leave this node out: a node that was
/// added may not have got so far, and one that is on its way out may still be needed.
fn persisted(
    config: &EngineConfig,
    recovered: Recovered,
    address: Option<Arc<str>>,
) -> Result<Persisted, StartError> {
    let dir = || config.dir.clone();
    match (&recovered.found, config.start) {
        (Some(_), Start::New) => Err(StartError::AlreadyUsed { dir: dir() }),
        (None, Start::Existing) => Err(StartError::Empty { dir: dir() }),
        (_, Start::Join) => Ok(recovered.found_or_join()),
        (Some(_), Start::Existing | Start::NewOrExisting) => Ok(recovered.loaded()),
        (None, Start::New | Start::NewOrExisting) => {
            let founding = addresses::founding(config, address)?;
            Ok(recovered.found_or_bootstrap(Arc::new(founding)))
        }
    }
}
