//! What the rest of a process holds of a node.

use bytes::Bytes;
use quorate_core::{Index, LogId, NodeId, Refusal, RoleKind, Term};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
};

use crate::store::StoreEnd;

/// What a node is, as far as others in its process need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its role.
    pub role: RoleKind,
    /// Its term.
    pub term: Term,
    /// The leader of the term, where known.
    pub leader: Option<NodeId>,
    /// The last entry applied to its state machine.
    pub applied: Index,
    /// The last entry that it knows to be committed.
    pub commit: Index,
    /// The last entry of its log.
    pub last: Index,
    /// Why it stopped for good, if it did.
    pub halted: Option<String>,
}

/// Why a proposal has no response.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProposeError {
    /// Surely not done.
    #[error("not done: {0}")]
    Refused(Refusal),
    /// Surely not done: a new leader put something else in its place.
    #[error("not done: another leader took over before it was committed")]
    Replaced,
    /// Surely not done: the node's queue is full.
    #[error("not done: the node's queue of {limit} requests is full; try again later")]
    QueueFull {
        /// How many it holds.
        limit: usize,
    },
    /// Surely not done: the node no longer runs.
    #[error("not done: the node has stopped")]
    Stopped,
    /// It may yet be done.
    #[error("unknown: the node stopped before the outcome was known")]
    Unknown,
}

/// Why a read was not confirmed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Ask again, or ask the leader.
    #[error("not read: {0}")]
    Refused(Refusal),
    /// The node's queue is full.
    #[error("not read: the node's queue of {limit} requests is full; try again later")]
    QueueFull {
        /// How many it holds.
        limit: usize,
    },
    /// The node no longer runs.
    #[error("not read: the node has stopped")]
    Stopped,
}

pub(crate) type ProposeReply<R> = oneshot::Sender<Result<(LogId, R), ProposeError>>;
pub(crate) type ReadReply = oneshot::Sender<Result<Index, ReadError>>;

/// What handles ask of a node's task.
pub(crate) enum Request<R> {
    Propose(Queued<R>),
    Read(ReadReply),
    Stop,
}

/// A command that nothing has taken yet. Dropped, it tells its proposer that it was surely not done;
/// one that was taken and is not heard of again is unknown.
pub(crate) struct Queued<R> {
    inner: Option<(Bytes, ProposeReply<R>)>,
}

impl<R> Queued<R> {
    pub(crate) fn new(command: Bytes, reply: ProposeReply<R>) -> Queued<R> {
        Queued { inner: Some((command, reply)) }
    }

    /// Takes it, to give it to the node: from now on it may be done.
    pub(crate) fn take(mut self) -> Option<(Bytes, ProposeReply<R>)> {
        self.inner.take()
    }
}

impl<R> Drop for Queued<R> {
    fn drop(&mut self) {
        if let Some((_, reply)) = self.inner.take() {
            let _ = reply.send(Err(ProposeError::Stopped));
        }
    }
}

/// A handle on a node. Clones are the same node.
pub struct NodeHandle<R> {
    pub(crate) requests: mpsc::Sender<Request<R>>,
    pub(crate) status: watch::Receiver<NodeStatus>,
    pub(crate) task: AbortHandle,
    pub(crate) store: StoreEnd,
}

impl<R> Clone for NodeHandle<R> {
    fn clone(&self) -> Self {
        NodeHandle {
            requests: self.requests.clone(),
            status: self.status.clone(),
            task: self.task.clone(),
            store: self.store.clone(),
        }
    }
}

impl<R> NodeHandle<R> {
    /// Proposes a command; answers with its place and the state machine's response once it is
    /// committed and applied here.
    ///
    /// # Errors
    /// [`ProposeError`]: all but [`ProposeError::Unknown`] say that it was surely not done.
    pub async fn propose(&self, command: Bytes) -> Result<(LogId, R), ProposeError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Propose(Queued::new(command, reply));
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                ProposeError::QueueFull { limit: self.requests.max_capacity() }
            }
            mpsc::error::TrySendError::Closed(_) => ProposeError::Stopped,
        })?;
        answer.await.unwrap_or(Err(ProposeError::Unknown))
    }

    /// Returns once the state machine may answer a linearizable read that was invoked when this was
    /// called, with the index that the read rests on: any node that has applied it may answer, too.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_index(&self) -> Result<Index, ReadError> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(Request::Read(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                ReadError::QueueFull { limit: self.requests.max_capacity() }
            }
            mpsc::error::TrySendError::Closed(_) => ReadError::Stopped,
        })?;
        answer.await.unwrap_or(Err(ReadError::Stopped))
    }

    /// What the node is now.
    pub fn status(&self) -> NodeStatus {
        self.status.borrow().clone()
    }

    /// Follows what the node is.
    pub fn watch_status(&self) -> watch::Receiver<NodeStatus> {
        self.status.clone()
    }

    /// Stops taking requests, finishes what was accepted before, for 2 s at most, and closes the
    /// store.
    pub async fn stop(&self) {
        let _ = self.requests.send(Request::Stop).await;
        self.requests.closed().await;
        self.store.closed().await;
    }

    /// As [`NodeHandle::kill`], without waiting.
    pub fn abort(&self) {
        self.store.kill();
        self.task.abort();
    }

    /// Ends the node as a crash would: nothing is flushed, nobody is told. Returns once the store
    /// is closed and its directory free.
    pub async fn kill(&self) {
        self.abort();
        self.store.closed().await;
    }
}
