//! What the rest of a process holds of a node.

use std::sync::Arc;

use bytes::Bytes;
use metrics::Counter;
use quorate_core::{Consistency, Index, LogId, MemberChange, NodeId, Refusal, RoleKind, Term};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
};

use crate::{Clock, Contact, Membership, published::Published, store::StoreEnd};

/// What a node is, as far as others in its process need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its role.
    pub role: RoleKind,
    /// Its term.
    pub term: Term,
    /// The leader of the term, where known.
    pub leader: Option<NodeId>,
    /// Whether it is the only voter.
    pub is_alone: bool,
    /// The last entry applied to its state machine.
    pub applied: Index,
    /// The last entry that it knows to be committed.
    pub commit: Index,
    /// The last entry of its log.
    pub last: Index,
    /// The last entry that its newest snapshot covers; 0 where there is none.
    pub snapshot: Index,
    /// Why it stopped for good, if it did.
    pub halted: Option<String>,
}

impl NodeStatus {
    /// Whether it differs from an older one by more than how far the log and the state are.
    pub(crate) fn is_news_to(&self, old: &NodeStatus) -> bool {
        let NodeStatus { applied, commit, last, .. } = *old;
        NodeStatus { applied, commit, last, ..self.clone() } != *old
    }
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
    #[error("unknown: the node stopped, or was removed, before the outcome was known")]
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

/// Why the leadership was not handed over.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// The node leads on, or never led.
    #[error("not handed over: {0}")]
    Refused(Refusal),
    /// The node's queue is full.
    #[error("not handed over: the node's queue of {limit} requests is full; try again later")]
    QueueFull {
        /// How many it holds.
        limit: usize,
    },
    /// The node no longer runs.
    #[error("not handed over: the node has stopped")]
    Stopped,
}

/// Why no snapshot was taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// The newest one covers all, or another is being taken.
    #[error("no snapshot taken: there is nothing new, or another is under way")]
    NothingToTake,
    /// It could not be kept. The node goes on.
    #[error("no snapshot taken: {0}")]
    NotKept(String),
    /// The node's queue is full.
    #[error("no snapshot taken: the node's queue of {limit} requests is full; try again later")]
    QueueFull {
        /// How many it holds.
        limit: usize,
    },
    /// The node no longer runs.
    #[error("no snapshot taken: the node has stopped")]
    Stopped,
}

pub(crate) type ProposeReply<R> = oneshot::Sender<Result<(LogId, R), ProposeError>>;
pub(crate) type ReadReply = oneshot::Sender<Result<Index, ReadError>>;
pub(crate) type TransferReply = oneshot::Sender<Result<(), TransferError>>;
pub(crate) type SnapshotReply = oneshot::Sender<Result<LogId, SnapshotError>>;

/// What handles ask of a node's task.
pub(crate) enum Request<R> {
    Propose(Queued<Bytes, R>),
    Change(Queued<Vec<MemberChange>, R>),
    Read(Consistency, ReadReply),
    Transfer(Option<NodeId>, TransferReply),
    Snapshot(SnapshotReply),
    Contact(oneshot::Sender<Contact>),
    Stop,
}

/// Something to append that nothing has taken yet. Dropped, it tells its proposer that it was surely
/// not done; one that was taken and is not heard of again is unknown.
pub(crate) struct Queued<C, R> {
    inner: Option<(C, ProposeReply<R>)>,
}

impl<C, R> Queued<C, R> {
    pub(crate) fn new(what: C, reply: ProposeReply<R>) -> Queued<C, R> {
        Queued { inner: Some((what, reply)) }
    }

    /// Takes it, to give it to the node: from now on it may be done.
    pub(crate) fn take(mut self) -> Option<(C, ProposeReply<R>)> {
        self.inner.take()
    }
}

impl<C, R> Drop for Queued<C, R> {
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
    pub(crate) membership: watch::Receiver<Membership>,
    pub(crate) task: AbortHandle,
    pub(crate) store: StoreEnd,
    pub(crate) published: Arc<Published>,
    pub(crate) clock: Clock,
    /// Counts proposals that find the queue full.
    pub(crate) queue_full: Counter,
}

impl<R> Clone for NodeHandle<R> {
    fn clone(&self) -> Self {
        NodeHandle {
            requests: self.requests.clone(),
            status: self.status.clone(),
            membership: self.membership.clone(),
            task: self.task.clone(),
            store: self.store.clone(),
            published: self.published.clone(),
            clock: self.clock,
            queue_full: self.queue_full.clone(),
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
        self.append(|reply| Request::Propose(Queued::new(command, reply))).await
    }

    /// Changes the members; answers with the place of the change once it is committed and applied
    /// here.
    ///
    /// # Errors
    /// [`ProposeError`]: all but [`ProposeError::Unknown`] say that it was surely not done.
    pub async fn change_members(&self, changes: Vec<MemberChange>) -> Result<LogId, ProposeError> {
        let changed = self.append(|reply| Request::Change(Queued::new(changes, reply))).await?;
        Ok(changed.0)
    }

    async fn append(
        &self,
        request: impl FnOnce(ProposeReply<R>) -> Request<R>,
    ) -> Result<(LogId, R), ProposeError> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(request(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                self.queue_full.increment(1);
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
        self.read_index_with(Consistency::Linearizable).await
    }

    /// As [`NodeHandle::read_index`], on what `consistency` says.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn read_index_with(&self, consistency: Consistency) -> Result<Index, ReadError> {
        let (reply, answer) = oneshot::channel();
        let request = Request::Read(consistency, reply);
        self.requests.try_send(request).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                ReadError::QueueFull { limit: self.requests.max_capacity() }
            }
            mpsc::error::TrySendError::Closed(_) => ReadError::Stopped,
        })?;
        answer.await.unwrap_or(Err(ReadError::Stopped))
    }

    /// Whether the state machine, as it is now or later, may answer a read that was invoked before
    /// this is called: this node leads, and its lease runs. False says nothing: ask
    /// [`NodeHandle::read_index_with`]. Does not pass through the node's task.
    pub fn may_read(&self) -> bool {
        !self.task.is_finished() && self.published.may_read(|| self.clock.now())
    }

    /// Whether this node leads, and nobody else can: of all nodes at most one says so at a time, as
    /// far as clocks drift apart by no more than is configured. A leader that has lost its quorum
    /// says so no longer than an election timeout, and a new one not before its first commit.
    pub fn is_leader(&self) -> bool {
        let (is_leader, is_alone) = {
            let status = self.status.borrow();
            (status.role == RoleKind::Leader && status.halted.is_none(), status.is_alone)
        };
        let is_running = !self.task.is_finished();
        let needs_none = is_alone || !self.published.is_kept();
        is_running && is_leader && (needs_none || self.published.has_lease(|| self.clock.now()))
    }

    /// Hands the leadership to another voter, or to the one that is best prepared; returns once this
    /// node leads no more.
    ///
    /// # Errors
    /// [`TransferError`].
    pub async fn transfer(&self, to: Option<NodeId>) -> Result<(), TransferError> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(Request::Transfer(to, reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                TransferError::QueueFull { limit: self.requests.max_capacity() }
            }
            mpsc::error::TrySendError::Closed(_) => TransferError::Stopped,
        })?;
        answer.await.unwrap_or(Err(TransferError::Stopped))
    }

    /// Takes a snapshot of the state machine; answers with the last entry that it covers once it is
    /// durable.
    ///
    /// # Errors
    /// [`SnapshotError`].
    pub async fn take_snapshot(&self) -> Result<LogId, SnapshotError> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(Request::Snapshot(reply)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => {
                SnapshotError::QueueFull { limit: self.requests.max_capacity() }
            }
            mpsc::error::TrySendError::Closed(_) => SnapshotError::Stopped,
        })?;
        answer.await.unwrap_or(Err(SnapshotError::Stopped))
    }

    /// What the node is now.
    pub fn status(&self) -> NodeStatus {
        self.status.borrow().clone()
    }

    /// Follows what the node is. That [`NodeStatus::applied`], [`NodeStatus::commit`] and
    /// [`NodeStatus::last`] have risen is no news: with each command, everybody who follows would be
    /// woken.
    pub fn watch_status(&self) -> watch::Receiver<NodeStatus> {
        self.status.clone()
    }

    /// The configuration in force.
    pub fn membership(&self) -> Membership {
        self.membership.borrow().clone()
    }

    /// Follows the configuration in force. What is passed quickly may be passed over.
    pub fn watch_membership(&self) -> watch::Receiver<Membership> {
        self.membership.clone()
    }

    /// What the node knows of the others; none where it has stopped, or has too much to do.
    pub async fn contact(&self) -> Option<Contact> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(Request::Contact(reply)).ok()?;
        answer.await.ok()
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
