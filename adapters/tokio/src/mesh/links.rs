//! The links of a mesh, as peers come, move and go.

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError, RwLockReadGuard, atomic::Ordering},
};

use quorate_core::{Configuration, LogId, NodeId};
use tokio::{sync::watch, task::AbortHandle};

use super::{ConnectError, Link, Mesh, outgoing, peers::Peers};

/// A link, and what keeps it up.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) link: Arc<Link>,
    places: watch::Sender<Vec<Arc<str>>>,
    task: AbortHandle,
}

impl Mesh {
    /// Takes the members of the configuration in force for its peers: connects to those that are new,
    /// and lets go of those that are none any more, unless they have greeted lately. Where a member's
    /// address is not in the configuration, it is tried where it says itself that it is, and where
    /// [`MeshOptions::peers`](super::MeshOptions::peers) says. `joined` is where the configuration
    /// stands by which this node is a member, which whoever probes it is told.
    pub fn set_members(&self, configuration: &Configuration, joined: LogId) {
        let [term, index] = &self.shared.joined;
        term.store(joined.term, Ordering::Relaxed);
        index.store(joined.index, Ordering::Relaxed);
        let mut peers = self.peers();
        peers.set_members(configuration);
        self.rewire(&peers);
    }

    /// Whether `node` listens at `address`, and where the configuration stands by which it is a member
    /// of its group: zero where it is none yet.
    ///
    /// # Errors
    /// [`ConnectError`], where nobody answers or another node does.
    pub async fn probe(&self, node: NodeId, address: &Arc<str>) -> Result<LogId, ConnectError> {
        Ok(outgoing::connect(self, self.greeting(node), address).await?.1)
    }

    /// Whom it connects to, or tries to.
    pub fn known(&self) -> Vec<NodeId> {
        self.links().keys().copied().collect()
    }

    /// Where the configuration stands by which this node is a member.
    pub(super) fn joined(&self) -> LogId {
        let [term, index] = &self.shared.joined;
        LogId::new(term.load(Ordering::Relaxed), index.load(Ordering::Relaxed))
    }

    pub(super) fn peers(&self) -> MutexGuard<'_, Peers> {
        self.shared.peers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn links(&self) -> RwLockReadGuard<'_, BTreeMap<NodeId, Line>> {
        self.shared.links.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// A node has said where it can be reached.
    pub(super) fn greeted(&self, sender: NodeId, address: Arc<str>) {
        let mut peers = self.peers();
        peers.greeted(sender, address);
        self.rewire(&peers);
    }

    /// A node cannot be reached for long.
    pub(super) fn forget(&self, peer: NodeId) {
        let mut peers = self.peers();
        peers.forget(peer);
        self.rewire(&peers);
    }

    /// Makes the links those that are wanted.
    pub(super) fn rewire(&self, peers: &Peers) {
        let wanted = peers.wanted();
        let mut gone = Vec::new();
        {
            let mut links = self.shared.links.write().unwrap_or_else(PoisonError::into_inner);
            links.retain(|peer, line| {
                let stays = wanted.contains_key(peer);
                if !stays {
                    line.task.abort();
                    gone.push(*peer);
                }
                stays
            });
            for (peer, places) in wanted {
                match links.get(&peer) {
                    Some(line) => {
                        line.places.send_if_modified(|old| {
                            let is_news = *old != places;
                            *old = places;
                            is_news
                        });
                    }
                    None => links.extend(self.connect(peer, places).map(|line| (peer, line))),
                }
            }
        }
        self.lock_waiting().retain(|_, waiting| !gone.contains(&waiting.from));
    }

    /// Starts to connect to a peer; none where the mesh is closed.
    fn connect(&self, peer: NodeId, places: Vec<Arc<str>>) -> Option<Line> {
        let link = Arc::new(Link::default());
        let (places, told) = watch::channel(places);
        let task = self.run(outgoing::run(self.clone(), peer, link.clone(), told))?;
        Some(Line { link, places, task })
    }
}
