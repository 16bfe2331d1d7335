//! What came in for a node's task, and waiting for it.

use std::{sync::Arc, time::Duration};

use quorate_core::{Message, NodeId, SnapshotMeta, Term};
use tokio::sync::mpsc;

use crate::{SnapshotFrame, handle::Request, store::StoreDone};

/// Inputs of each kind that are stepped before what they ask for is started.
const INPUTS_PER_TURN: usize = 4 * 1024;

/// A snapshot from another node that is durable here; none where it did not come.
pub(crate) type Fetched = Option<(Term, Arc<SnapshotMeta>)>;

/// Where inputs come from.
pub(crate) struct Sources<R> {
    pub(crate) queue: mpsc::Receiver<Request<R>>,
    pub(crate) inbox: mpsc::Receiver<(NodeId, Message)>,
    pub(crate) snapshots: mpsc::Receiver<SnapshotFrame>,
    pub(crate) done: mpsc::UnboundedReceiver<StoreDone>,
    pub(crate) fetched: mpsc::UnboundedReceiver<Fetched>,
}

/// What came in during one turn.
pub(crate) struct Turn<R> {
    pub(crate) requests: Vec<Request<R>>,
    pub(crate) messages: Vec<(NodeId, Message)>,
    pub(crate) frames: Vec<SnapshotFrame>,
    pub(crate) done: Vec<StoreDone>,
    pub(crate) fetched: Vec<Fetched>,
    /// Whether the last handle is gone: then the queue has no more to say.
    is_alone: bool,
    /// Whether several asked at once last time: then others are about to ask, too.
    is_busy: bool,
}

impl<R> Turn<R> {
    pub(crate) fn new() -> Turn<R> {
        Turn {
            requests: Vec::new(),
            messages: Vec::new(),
            frames: Vec::new(),
            done: Vec::new(),
            fetched: Vec::new(),
            is_alone: false,
            is_busy: false,
        }
    }

    /// Waits for the first input, at most as long as nothing is due; then takes all that is there:
    /// it is stepped together, as one batch and one group commit.
    pub(crate) async fn wait(&mut self, left: Option<Duration>, from: &mut Sources<R>) {
        let sleep = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(done) = from.done.recv() => self.done.push(done),
            Some(message) = from.inbox.recv() => self.messages.push(message),
            Some(frame) = from.snapshots.recv() => self.frames.push(frame),
            Some(fetched) = from.fetched.recv() => self.fetched.push(fetched),
            request = from.queue.recv(), if !self.is_alone => {
                self.is_alone = request.is_none();
                self.requests.push(request.unwrap_or(Request::Stop));
            }
            () = sleep => {}
        }
        if self.is_busy {
            // They do so first: one batch, and one round, is cheaper than two.
            tokio::task::yield_now().await;
        }
        take_more(&mut self.requests, || from.queue.try_recv().ok());
        take_more(&mut self.messages, || from.inbox.try_recv().ok());
        take_more(&mut self.frames, || from.snapshots.try_recv().ok());
        take_more(&mut self.done, || from.done.try_recv().ok());
        self.is_busy = self.requests.len() > 1;
    }
}

fn take_more<T>(into: &mut Vec<T>, mut next: impl FnMut() -> Option<T>) {
    while into.len() < INPUTS_PER_TURN {
        let Some(input) = next() else { return };
        into.push(input);
    }
}
