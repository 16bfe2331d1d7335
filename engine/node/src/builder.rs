//! A node from parts of one's own: storage, state machine, transport.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, RwLock},
};

use quorate_core::NodeId;
use quorate_driver::StateMachine;
use quorate_tokio::{Clock, Transport};
use tokio::{net::TcpListener, sync::watch, task::AbortHandle};

use crate::{
    Client, EmbeddedEngine, EngineConfig, MachineClient, Node, PeerAddress, StartError,
    StorageEngine, WalStorage, WireResponse, addresses,
    membership::Keeper,
    open::{NetChoice, Opened, open},
    route::{Carrier, Route},
    server::{Served, serve},
    service::{Local, keep_history, keep_quota, keep_time},
};

/// Composes a node. What is not given is the default: a write-ahead log in the configuration's
/// directory, keys and values, a TCP mesh between the configuration's peers.
///
/// ```no_run
/// use quorate::prelude::*;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let (_stop, stopped) = tokio::sync::oneshot::channel::<()>();
/// let node = NodeBuilder::new(EngineConfig::new("./data"), stopped).build()?.start().await?;
/// let node = node.ready().await?;
/// node.client().put("hello", "world").await?;
/// node.run().await?; // until it is told to stop
/// # Ok(())
/// # }
/// ```
pub struct NodeBuilder<M = KeyValues, S = WalStorage> {
    config: EngineConfig,
    shutdown: Shutdown,
    storage: S,
    machine: M,
    net: NetChoice,
}

/// The state machine that a node has where it is given none: keys, values, leases, watches.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValues;

/// A state machine of one's own.
pub struct OwnMachine<M>(M);

/// Becomes true when the node should stop.
struct Shutdown {
    due: watch::Receiver<bool>,
    /// Runs the host's future, once the node is started.
    wait: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Shutdown {
    fn new(shutdown: impl Future + Send + 'static) -> Shutdown {
        let (tell, due) = watch::channel(false);
        let wait = Box::pin(async move {
            // Whatever it says: it has ended.
            let _ = shutdown.await;
            tell.send_replace(true);
        });
        Shutdown { due, wait }
    }
}

impl NodeBuilder {
    /// A node that is told to stop by the end of `shutdown`, whatever that ends with: a `oneshot`
    /// receiver, `tokio::signal::ctrl_c()`, a cancellation token's `cancelled_owned()`;
    /// [`std::future::pending`] where it is stopped otherwise. [`Node::run`] heeds it, and
    /// [`Node::ready`].
    pub fn new(config: EngineConfig, shutdown: impl Future + Send + 'static) -> NodeBuilder {
        NodeBuilder {
            config,
            shutdown: Shutdown::new(shutdown),
            storage: WalStorage,
            machine: KeyValues,
            net: NetChoice::Mesh(None),
        }
    }
}

impl<M, S> NodeBuilder<M, S> {
    /// Keeps log and snapshots in storage of one's own; the configuration's directory only names it in
    /// messages then.
    pub fn storage_engine<T: StorageEngine>(self, storage: T) -> NodeBuilder<M, T> {
        let NodeBuilder { config, shutdown, machine, net, .. } = self;
        NodeBuilder { config, shutdown, storage, machine, net }
    }

    /// Replicates a state machine of one's own, as it is new: what was applied before comes back from
    /// the last snapshot and the log.
    pub fn state_machine<T>(self, machine: T) -> NodeBuilder<OwnMachine<T>, S>
    where
        T: StateMachine<Response: WireResponse> + Sync + 'static,
    {
        let NodeBuilder { config, shutdown, storage, net, .. } = self;
        NodeBuilder { config, shutdown, storage, machine: OwnMachine(machine), net }
    }

    /// Reaches the others over a transport of one's own. It needs no addresses: see
    /// [`NodeBuilder::members`].
    pub fn transport(self, transport: impl Transport) -> NodeBuilder<M, S> {
        NodeBuilder { net: NetChoice::Own(Arc::new(transport)), ..self }
    }

    /// The group's members, in place of [`EngineConfig::peers`], for a transport that needs no
    /// addresses.
    pub fn members(mut self, members: impl IntoIterator<Item = NodeId>) -> NodeBuilder<M, S> {
        let nowhere = PeerAddress::from(SocketAddr::from(([0, 0, 0, 0], 0)));
        self.config.peers = members.into_iter().map(|member| (member, nowhere.clone())).collect();
        self
    }

    /// Listens on a socket that is bound already.
    pub fn listener(self, listener: TcpListener) -> NodeBuilder<M, S> {
        NodeBuilder { net: NetChoice::Mesh(Some(listener)), ..self }
    }

    /// Checks what can be checked without touching anything.
    ///
    /// # Errors
    /// [`StartError::Setting`], [`StartError::NotAFounder`].
    pub fn build(self) -> Result<PreparedNode<M, S>, StartError> {
        let NodeBuilder { config, shutdown, storage, machine, net } = self;
        addresses::check(&config)?;
        config.validate()?;
        config.core().validate()?;
        Ok(PreparedNode { config, shutdown, storage, machine, net })
    }
}

/// A node that has all its parts, and has touched none of them yet.
#[must_use = "it does nothing until it is started"]
pub struct PreparedNode<M, S> {
    config: EngineConfig,
    shutdown: Shutdown,
    storage: S,
    machine: M,
    net: NetChoice,
}

impl<S: StorageEngine> PreparedNode<KeyValues, S> {
    /// Opens the storage, and begins to serve the other members of the group.
    ///
    /// # Errors
    /// [`StartError`], with the way out.
    pub async fn start(self) -> Result<EmbeddedEngine, StartError> {
        let clock = Clock::new();
        let local = Local::new(clock, &self.config.labels(), self.config.watch_limit);
        let (quota, kept) = (self.config.quota_bytes, self.config.compact_after);
        let machine = local.machine();
        let make = {
            let local = local.clone();
            |route| Client { route, local, session: None }
        };
        let mut node = launch(self, machine, clock, make).await?;
        let handle = &node.client.route.node;
        let keeper = tokio::spawn(keep_time(local.clone(), handle.clone()));
        let quota = tokio::spawn(keep_quota(local.clone(), handle.clone(), quota));
        let history = tokio::spawn(keep_history(local, handle.clone(), kept));
        let keepers = [keeper, quota, history];
        node.tasks.extend(keepers.map(|keeper| keeper.abort_handle()));
        Ok(node)
    }
}

impl<M, S> PreparedNode<OwnMachine<M>, S>
where
    M: StateMachine<Response: WireResponse> + Sync + 'static,
    S: StorageEngine,
{
    /// Opens the storage, and begins to serve the other members of the group.
    ///
    /// # Errors
    /// [`StartError`], with the way out.
    pub async fn start(self) -> Result<Node<MachineClient<M>>, StartError> {
        let PreparedNode { config, shutdown, storage, machine, net } = self;
        let machine = Arc::new(RwLock::new(machine.0));
        let prepared = PreparedNode { config, shutdown, storage, machine: (), net };
        let make = {
            let machine = machine.clone();
            |route| MachineClient::new(route, machine)
        };
        launch(prepared, machine, Clock::new(), make).await
    }
}

/// The one way in which a node starts, whatever its parts are.
async fn launch<M, S, C, P>(
    prepared: PreparedNode<P, S>,
    machine: Arc<RwLock<M>>,
    clock: Clock,
    client: impl FnOnce(Route<M::Response>) -> C,
) -> Result<Node<C>, StartError>
where
    M: StateMachine + Sync + 'static,
    S: StorageEngine,
    C: Carrier<Response = M::Response>,
{
    let PreparedNode { config, shutdown, storage, net, .. } = prepared;
    let opened = open(&config, storage, net, machine, clock).await?;
    let Opened { route, requests, address } = opened;
    let client = client(route);
    let (tell_removed, removed) = watch::channel(false);
    let members = client.route().net.is_some().then(|| Keeper {
        client: client.clone(),
        address: config.address.clone(),
        fall_back: address.map(|address| address.to_string()),
        removed: tell_removed,
        patience: config.election_timeout,
    });
    let members = members.map(|members| tokio::spawn(members.run()).abort_handle());
    let served = Served::new(config.forwarded_limit);
    let server =
        requests.map(|requests| tokio::spawn(serve(client.clone(), requests, served.clone())));
    let waiter = tokio::spawn(shutdown.wait).abort_handle();
    let tasks: Vec<AbortHandle> = server
        .map(|server| server.abort_handle())
        .into_iter()
        .chain(members)
        .chain([waiter])
        .collect();
    let stopping = tokio::sync::Mutex::default();
    Ok(Node { client, tasks, stopping, served, removed, shutdown: shutdown.due })
}
