//! A handle on no node: whoever holds the other end answers in its place. For tests of what is built
//! on handles.

use std::sync::Arc;

use quorate_core::Index;
use tokio::sync::{mpsc, watch};

use crate::{
    Clock, Membership, NodeHandle, NodeStatus, ReadError, handle::Request, store::StoreEnd,
};

/// The other end of a [`NodeHandle`].
pub struct Scripted<R> {
    requests: mpsc::Receiver<Request<R>>,
    publish: watch::Sender<NodeStatus>,
    membership: watch::Sender<Membership>,
}

impl<R: Send + 'static> Scripted<R> {
    /// A handle whose node says that it is `status`, and its other end.
    pub fn new(status: NodeStatus) -> (NodeHandle<R>, Scripted<R>) {
        let (requests, queue) = mpsc::channel(16);
        let (publish, status) = watch::channel(status);
        let (tell, membership) = watch::channel(Membership::default());
        let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
        let handle = NodeHandle {
            requests,
            status,
            membership,
            task,
            store: StoreEnd::none(),
            published: Arc::default(),
            clock: Clock::new(),
            queue_full: metrics::Counter::noop(),
        };
        (handle, Scripted { requests: queue, publish, membership: tell })
    }

    /// Says that the node is now `status`.
    pub fn publish(&self, status: NodeStatus) {
        self.publish.send_replace(status);
    }

    /// Says that these are the members now.
    pub fn publish_membership(&self, membership: Membership) {
        self.membership.send_replace(membership);
    }

    /// Waits for a read, and answers it.
    pub async fn answer_read(&mut self, answer: Result<Index, ReadError>) {
        while let Some(request) = self.requests.recv().await {
            if let Request::Read(_, reply) = request {
                let _ = reply.send(answer);
                return;
            }
        }
    }
}
