//! The mesh: one connection to each peer, one from each.
//!
//! A connection carries frames one way. It starts with a greeting that names protocol, group, sender,
//! receiver and the sender's address; the receiver answers whether it listens. Raft messages may be
//! lost: when a peer's queue is full, or the connection breaks, they are. Requests and responses are
//! the engine's; a request that was surely not sent is told from one whose answer did not come.
//!
//! Peers come and go while it runs: they are the members of the configuration in force
//! ([`Mesh::set_members`]), and who of the group has greeted lately. That is remembered in memory
//! alone, within bounds.

mod greeting;
mod incoming;
mod link;
mod links;
mod outgoing;
mod peers;
mod seen;
mod snapshots;

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{BufMut, Bytes};
pub use greeting::Refusal as GreetingRefusal;
use link::Link;
use links::Line;
pub use outgoing::ConnectError;
use peers::Peers;
use quorate_codec::{encode_frame, encode_message};
use quorate_core::{Body, Message, NodeId};
pub(crate) use seen::LinkSeen;
pub use snapshots::SnapshotFrame;
pub(crate) use snapshots::{Fetch, Said, put_fetch, put_offer, read_fetch, read_offer};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    task::{AbortHandle, JoinSet},
};
use tracing::{Instrument, info_span};

use crate::NetParts;

/// The version of the mesh's frames; another one is refused. Version 2 forwarded single keys, and in
/// version 3 nobody said where it can be reached.
pub const WIRE_PROTOCOL: u32 = 4;

/// Frames that may wait for a peer.
const PEER_QUEUE: usize = 8 * 1024;
/// Of these, what requests may take: the nodes' own messages and answers have the rest to themselves.
const OWN_REQUESTS: usize = 4 * 1024;
/// Messages that may wait for the node.
const INBOX: usize = 4 * 1024;
/// Requests of other nodes that may wait for the engine.
const REQUESTS: usize = 4 * 1024;
/// What other nodes say about snapshots, that may wait for the node.
const SNAPSHOTS: usize = 64;
/// The longest frame that is taken. Bytes.
pub(crate) const FRAME_LIMIT: u32 = 64 * 1024 * 1024;

/// What most frames take beside entries and bodies. Bytes.
const FRAME_BYTES: usize = 128;

/// How often it is looked whether all has left.
const FLUSH_INTERVAL: Duration = Duration::from_millis(2);

pub(crate) const RAFT: u8 = 0;
pub(crate) const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
pub(crate) const OFFER: u8 = 3;
pub(crate) const FETCH: u8 = 4;

/// Who a node is in its mesh, and where the others are.
#[derive(Clone, Debug)]
pub struct MeshOptions {
    /// The group's name: a peer of another group is refused.
    pub group: u64,
    /// This node.
    pub node: NodeId,
    /// Where the others reach this node, `host:port`; it is told to whom it connects. None where it
    /// must be known to them otherwise.
    pub address: Option<Arc<str>>,
    /// The others, `host:port`, where no configuration says where they are: while there is none, and for
    /// members without an address.
    pub peers: BTreeMap<NodeId, Arc<str>>,
}

/// What the mesh dropped.
#[derive(Debug, Default)]
pub struct MeshCounters {
    /// Frames for a peer whose queue was full, or that is not in the mesh.
    pub dropped: AtomicU64,
    /// Connections that were refused, or that sent what no peer sends.
    pub refused: AtomicU64,
}

/// A request of another node, and the way to answer it.
#[derive(Debug)]
pub struct Incoming {
    /// Who asks.
    pub from: NodeId,
    /// What.
    pub body: Bytes,
    /// How to answer.
    pub responder: Responder,
}

/// Answers one request.
#[derive(Debug)]
pub struct Responder(Way);

#[derive(Debug)]
enum Way {
    Mesh { to: NodeId, id: u64, mesh: Mesh },
    Own(oneshot::Sender<Bytes>),
}

impl Responder {
    fn over(mesh: &Mesh, to: NodeId, id: u64) -> Responder {
        Responder(Way::Mesh { to, id, mesh: mesh.clone() })
    }

    /// To whoever asked over its host's own transport.
    pub(crate) fn to_own(reply: oneshot::Sender<Bytes>) -> Responder {
        Responder(Way::Own(reply))
    }

    /// Sends the answer, which is not empty; it may be lost.
    pub fn respond(self, body: &[u8]) {
        match self.0 {
            Way::Mesh { to, id, mesh } => {
                mesh.send_frame(to, RESPONSE, id, body);
            }
            Way::Own(reply) => {
                let _ = reply.send(Bytes::copy_from_slice(body));
            }
        }
    }
}

/// Why a request has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It was surely not sent.
    #[error("not sent: node {0} cannot be reached")]
    NotSent(NodeId),
    /// It was surely not sent.
    #[error("not sent: {OWN_REQUESTS} requests to node {0} are waiting, as many as may")]
    QueueFull(NodeId),
    /// It was surely not taken.
    #[error("not taken: node {0} has as many requests waiting as it may, {REQUESTS}")]
    Busy(NodeId),
    /// It may have been taken.
    #[error("unknown: no answer from node {0}")]
    NoAnswer(NodeId),
}

/// One node's connections. Clones are the same mesh; it ends with [`Mesh::close`].
#[derive(Clone, Debug)]
pub struct Mesh {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: MeshOptions,
    peers: Mutex<Peers>,
    /// Changed with `peers` locked.
    links: RwLock<BTreeMap<NodeId, Line>>,
    /// Where the configuration stands by which this node is a member: term and index.
    joined: [AtomicU64; 2],
    next_request: AtomicU64,
    waiting: Mutex<HashMap<u64, Waiting>>,
    counters: MeshCounters,
    /// Who hears that a peer cannot be reached.
    tell: mpsc::Sender<SnapshotFrame>,
    /// None once it is closed.
    tasks: Mutex<Option<JoinSet<()>>>,
}

/// Who waits for an answer, and from whom.
#[derive(Debug)]
struct Waiting {
    from: NodeId,
    reply: oneshot::Sender<Bytes>,
}

/// Where what comes in goes.
#[derive(Clone)]
pub(crate) struct Ends {
    pub(crate) deliver: mpsc::Sender<(NodeId, Message)>,
    pub(crate) ask: mpsc::Sender<Incoming>,
    pub(crate) tell: mpsc::Sender<SnapshotFrame>,
}

impl Ends {
    /// New ones, and where what is put into them comes out.
    pub(crate) fn new() -> (Ends, NetParts) {
        let (deliver, inbox) = mpsc::channel(INBOX);
        let (ask, requests) = mpsc::channel(REQUESTS);
        let (tell, snapshots) = mpsc::channel(SNAPSHOTS);
        (Ends { deliver, ask, tell }, NetParts { net: None, inbox, requests, snapshots })
    }
}

/// The node's ends of its mesh.
pub struct MeshParts {
    /// To send with.
    pub mesh: Mesh,
    /// What the others' Raft nodes say.
    pub inbox: mpsc::Receiver<(NodeId, Message)>,
    /// What the others' engines ask.
    pub requests: mpsc::Receiver<Incoming>,
    /// What the others say about snapshots.
    pub snapshots: mpsc::Receiver<SnapshotFrame>,
}

impl Mesh {
    /// Starts to listen and to connect.
    pub fn start(listener: TcpListener, options: MeshOptions) -> MeshParts {
        let (ends, received) = Ends::new();
        let shared = Shared {
            peers: Mutex::new(Peers::new(options.node, options.peers.clone())),
            options,
            links: RwLock::default(),
            joined: [AtomicU64::new(0), AtomicU64::new(0)],
            next_request: AtomicU64::new(1),
            waiting: Mutex::default(),
            counters: MeshCounters::default(),
            tell: ends.tell.clone(),
            tasks: Mutex::new(Some(JoinSet::new())),
        };
        let mesh = Mesh { shared: Arc::new(shared) };
        mesh.rewire(&mesh.peers());
        mesh.run(incoming::listen(mesh.clone(), listener, ends));
        let NetParts { inbox, requests, snapshots, .. } = received;
        MeshParts { mesh, inbox, requests, snapshots }
    }

    /// This node.
    pub fn node(&self) -> NodeId {
        self.shared.options.node
    }

    /// What was dropped so far.
    pub fn counters(&self) -> &MeshCounters {
        &self.shared.counters
    }

    /// Sends Raft messages, as far as there is room for them: all that go to one peer at once, and
    /// without another task's help where its connection takes them.
    pub fn send(&self, messages: impl IntoIterator<Item = (NodeId, impl Borrow<Message>)>) {
        let links = self.links();
        for (to, message) in messages {
            let message = message.borrow();
            let mut frame = Vec::with_capacity(FRAME_BYTES + entries_bytes(message));
            let encoded = encode_frame(&mut frame, FRAME_LIMIT, |out| {
                out.push(RAFT);
                encode_message(message, out);
            });
            let link = links.get(&to).map(|line| &line.link);
            if encoded.is_err() || !link.is_some_and(|link| link.push(frame.into())) {
                self.shared.counters.dropped.fetch_add(1, Ordering::Relaxed);
            }
        }
        links.values().for_each(|line| line.link.write());
    }

    /// Asks another node's engine, and waits for the answer at most `timeout`.
    ///
    /// # Errors
    /// [`RequestError`] says whether it may have been taken.
    pub async fn request(
        &self,
        to: NodeId,
        body: &[u8],
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        self.ask(to, REQUEST, body, timeout).await
    }

    async fn ask(
        &self,
        to: NodeId,
        kind: u8,
        body: &[u8],
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        let id = self.shared.next_request.fetch_add(1, Ordering::Relaxed);
        let (reply, answer) = oneshot::channel();
        self.lock_waiting().insert(id, Waiting { from: to, reply });
        let _forget = Forget { mesh: self, id };
        self.send_request(to, kind, id, body)?;
        match tokio::time::timeout(timeout, answer).await {
            Ok(Ok(body)) if body.is_empty() => Err(RequestError::Busy(to)),
            Ok(Ok(body)) => Ok(body),
            Ok(Err(_)) | Err(_) => Err(RequestError::NoAnswer(to)),
        }
    }

    /// Returns once what waits for peers that are connected has been given to their connections.
    pub async fn flush(&self) {
        while self.links().values().any(|line| line.link.waiting() > 0) {
            tokio::time::sleep(FLUSH_INTERVAL).await;
        }
        // The last of it is being written.
        tokio::time::sleep(FLUSH_INTERVAL).await;
    }

    /// Ends all connections at once, and frees the address.
    pub async fn close(&self) {
        let tasks = self.tasks().take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        self.lock_waiting().clear();
    }

    /// As [`Mesh::close`], without waiting.
    pub fn close_now(&self) {
        if let Some(tasks) = self.tasks().as_mut() {
            tasks.abort_all();
        }
        self.lock_waiting().clear();
    }

    fn greeting(&self, receiver: NodeId) -> greeting::Greeting {
        let MeshOptions { group, node, .. } = self.shared.options;
        greeting::Greeting { group, sender: node, receiver }
    }

    fn tasks(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.shared.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, task: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
        let MeshOptions { group, node, .. } = self.shared.options;
        let mut tasks = self.tasks();
        let tasks = tasks.as_mut()?;
        while tasks.try_join_next().is_some() {}
        Some(tasks.spawn(task.instrument(info_span!("mesh", group, %node))))
    }

    fn send_request(&self, to: NodeId, kind: u8, id: u64, body: &[u8]) -> Result<(), RequestError> {
        {
            let links = self.links();
            let link = links.get(&to).map(|line| &line.link);
            let link = link.filter(|link| link.is_up()).ok_or(RequestError::NotSent(to))?;
            if link.waiting() >= OWN_REQUESTS {
                return Err(RequestError::QueueFull(to));
            }
        }
        if self.send_frame(to, kind, id, body) { Ok(()) } else { Err(RequestError::NotSent(to)) }
    }

    fn send_frame(&self, to: NodeId, kind: u8, id: u64, body: &[u8]) -> bool {
        let mut frame = Vec::with_capacity(FRAME_BYTES + body.len());
        let encoded = encode_frame(&mut frame, FRAME_LIMIT, |out| {
            out.put_u8(kind);
            out.put_u64_le(id);
            out.extend_from_slice(body);
        });
        encoded.is_ok() && self.post(to, frame.into())
    }

    fn post(&self, to: NodeId, frame: Bytes) -> bool {
        self.links().get(&to).is_some_and(|line| line.link.post(frame))
    }

    fn lock_waiting(&self) -> MutexGuard<'_, HashMap<u64, Waiting>> {
        self.shared.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a message's entries take in memory, and its frame hardly more. Bytes.
fn entries_bytes(message: &Message) -> usize {
    match &message.body {
        Body::AppendRequest(request) => request.entries.cost() as usize,
        Body::AppendAnswer(_)
        | Body::PreVoteRequest(_)
        | Body::PreVoteAnswer(_)
        | Body::VoteRequest(_)
        | Body::VoteAnswer(_)
        | Body::TimeoutNow
        | Body::ReadRequest(_)
        | Body::ReadAnswer(_) => 0,
    }
}

/// Forgets a request whose asker no longer waits.
struct Forget<'a> {
    mesh: &'a Mesh,
    id: u64,
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        self.mesh.lock_waiting().remove(&self.id);
    }
}
