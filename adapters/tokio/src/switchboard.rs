//! Nodes of one process that reach each other without sockets, and can be cut off: for tests, and as the
//! shortest [`Transport`] there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use quorate_core::NodeId;
use tokio::{sync::mpsc, task::AbortHandle, time::timeout as within};

use crate::{Answering, Inbox, RequestError, Transport};

/// Parcels that may wait for a node.
const PARCELS: usize = 4 * 1024;

/// Connects the nodes of one process. Clones are the same.
#[derive(Clone, Default)]
pub struct Switchboard {
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    nodes: BTreeMap<NodeId, Plugged>,
    /// How many plugs there were.
    plugs: u64,
    /// Who does not reach whom.
    cut: BTreeSet<(NodeId, NodeId)>,
}

struct Plugged {
    plug: u64,
    inbox: Inbox,
    parcels: mpsc::Sender<(NodeId, Bytes)>,
    task: AbortHandle,
}

/// A node's way to the others on its [`Switchboard`].
pub struct Plug {
    node: NodeId,
    number: u64,
    board: Switchboard,
}

impl Switchboard {
    /// One that connects nobody yet.
    pub fn new() -> Switchboard {
        Switchboard::default()
    }

    /// The transport of `node`. A node that starts again takes another one.
    pub fn plug(&self, node: NodeId) -> Plug {
        let mut shared = self.shared();
        shared.plugs += 1;
        Plug { node, number: shared.plugs, board: self.clone() }
    }

    /// Cuts off `node`: nothing reaches it, and nothing that it says reaches the others.
    pub fn cut_off(&self, node: NodeId, others: impl IntoIterator<Item = NodeId>) {
        let mut shared = self.shared();
        others.into_iter().for_each(|other| shared.cut.extend([(node, other), (other, node)]));
    }

    /// All reach all again.
    pub fn heal(&self) {
        self.shared().cut.clear();
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn reach(&self, from: NodeId, to: NodeId) -> Option<&Plugged> {
        self.nodes.get(&to).filter(|_| !self.cut.contains(&(from, to)))
    }
}

impl Transport for Plug {
    fn open(&self, inbox: Inbox) {
        let (parcels, mut waiting) = mpsc::channel::<(NodeId, Bytes)>(PARCELS);
        let node = inbox.clone();
        let task = tokio::spawn(async move {
            while let Some((from, parcel)) = waiting.recv().await {
                // What is no parcel has nobody to blame here: all are of this process.
                let _ = node.deliver(from, parcel).await;
            }
        });
        let plugged = Plugged { plug: self.number, inbox, parcels, task: task.abort_handle() };
        self.board.shared().nodes.insert(self.node, plugged);
    }

    fn send(&self, to: NodeId, parcel: Bytes) {
        if let Some(plugged) = self.board.shared().reach(self.node, to) {
            let _ = plugged.parcels.try_send((self.node, parcel));
        }
    }

    fn ask(
        &self,
        to: NodeId,
        question: Bytes,
        timeout: Duration,
    ) -> Answering<'_, Result<Bytes, RequestError>> {
        let inbox = self.board.shared().reach(self.node, to).map(|plugged| plugged.inbox.clone());
        Box::pin(async move {
            let inbox = inbox.ok_or(RequestError::NotSent(to))?;
            let answered = within(timeout, inbox.ask(self.node, question)).await;
            let answer = answered.unwrap_or(Err(RequestError::NoAnswer(to)))?;
            // The answer takes the same way back.
            let comes_back = self.board.shared().reach(to, self.node).is_some();
            if comes_back { Ok(answer) } else { Err(RequestError::NoAnswer(to)) }
        })
    }

    fn close(&self) {
        let mut shared = self.board.shared();
        // A node that was started again may have another one by now.
        if shared.nodes.get(&self.node).is_some_and(|plugged| plugged.plug == self.number)
            && let Some(plugged) = shared.nodes.remove(&self.node)
        {
            plugged.task.abort();
        }
    }
}
