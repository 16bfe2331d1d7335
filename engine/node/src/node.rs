//! A node in this process: its log, its task, its way to the others.

use std::time::Duration;

use quorate_core::{NodeId, RoleKind};
use quorate_tokio::{NodeStatus, SnapshotError};
use tokio::{sync::watch, task::AbortHandle, time::timeout};

use crate::{
    Consistency, EngineError, LeaderChanges, LeaderInfo, Membership, MembershipChanges,
    route::Carrier, server::Served,
};

/// How long a node that stops waits for its last answers to leave.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a leader that stops waits for somebody to take over.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(2);
/// Before it asks again.
const HAND_OVER_INTERVAL: Duration = Duration::from_millis(20);

/// A node that runs inside this process. It stops when [`Node::stop`] is called; dropping it stops it
/// without waiting.
///
/// `C` is the kind of client that it has: [`Client`](crate::Client) for keys and values,
/// [`MachineClient`](crate::MachineClient) for a state machine of one's own.
pub struct Node<C: Carrier> {
    pub(crate) client: C,
    /// What runs beside the node: who serves the others, and what the state machine needs besides.
    pub(crate) tasks: Vec<AbortHandle>,
    pub(crate) stopping: tokio::sync::Mutex<()>,
    pub(crate) served: Served,
    /// Whether the node is known to have been removed.
    pub(crate) removed: watch::Receiver<bool>,
    /// Says when to stop; taken by whoever heeds it.
    pub(crate) shutdown: watch::Receiver<bool>,
}

impl<C: Carrier> Node<C> {
    /// Returns once a leader is known and this node's state holds what was acknowledged before.
    ///
    /// # Errors
    /// [`EngineError`] where that does not come about within `timeout`.
    pub async fn wait_ready(&self, timeout: Duration) -> Result<(), EngineError> {
        self.client.route().with_timeout(timeout).confirm(Consistency::Linearizable).await
    }

    /// As [`Node::wait_ready`], for as long as it takes; returns the node.
    ///
    /// # Errors
    /// [`EngineError::Halted`]; [`EngineError::NotDone`] where it was shut down before: then it has
    /// stopped.
    pub async fn ready(self) -> Result<Node<C>, EngineError> {
        let is_ready = tokio::select! {
            ready = self.wait_ready(Duration::MAX) => Some(ready),
            () = self.shut_down() => None,
        };
        match is_ready {
            Some(ready) => ready.map(|()| self),
            None => {
                self.stop().await?;
                Err(EngineError::not_done("the node was shut down before it was ready"))
            }
        }
    }

    /// Runs until it is shut down, then stops as [`Node::stop`] does; or until it was stopped.
    ///
    /// # Errors
    /// [`EngineError::Halted`] where it stopped for good, most often for its disk.
    pub async fn run(&self) -> Result<(), EngineError> {
        let mut status = self.client.route().node.watch_status();
        tokio::select! {
            () = self.shut_down() => {}
            // An error says that it has stopped.
            _ = status.wait_for(|status| status.halted.is_some()) => {}
        }
        self.stop().await
    }

    /// Returns once the node should stop.
    async fn shut_down(&self) {
        if self.shutdown.clone().wait_for(|is_due| *is_due).await.is_err() {
            // Nobody will ever say so.
            std::future::pending().await
        }
    }

    /// Takes a snapshot of this node's state now; answers with the last entry that it covers.
    ///
    /// # Errors
    /// [`EngineError::NotDone`] where there is nothing new, or it cannot be kept.
    pub async fn snapshot(&self) -> Result<u64, EngineError> {
        let taken = self.client.route().node.take_snapshot().await;
        let refused = |error: SnapshotError| EngineError::NotDone { reason: error.to_string() };
        Ok(taken.map_err(refused)?.index)
    }

    /// A client of this node.
    pub fn client(&self) -> C {
        self.client.clone()
    }

    /// What the node is now.
    pub fn status(&self) -> NodeStatus {
        self.client.route().node.status()
    }

    /// Whether this node leads, and nobody else can: of all nodes at most one says so at a time, as
    /// long as clocks do not drift apart. A leader that has lost its quorum says so no longer than an
    /// election timeout, and a new one not before it can carry requests out.
    pub fn is_leader(&self) -> bool {
        self.client.route().node.is_leader()
    }

    /// The leader and its term, as far as this node knows.
    pub fn leader_info(&self) -> LeaderInfo {
        LeaderInfo::from(&self.status())
    }

    /// Follows who leads.
    pub fn leader_changes(&self) -> LeaderChanges {
        LeaderChanges::new(self.client.route().node.watch_status())
    }

    /// The members, as far as this node knows now. What was changed lately it may not know yet.
    pub fn membership(&self) -> Membership {
        let route = self.client.route();
        let leader = route.node.status().leader;
        Membership::new(&route.node.membership(), leader, route.id, *self.removed.borrow())
    }

    /// Follows who the members are, and whether this node is one.
    pub fn watch_membership(&self) -> MembershipChanges {
        let route = self.client.route();
        let (members, status) = (route.node.watch_membership(), route.node.watch_status());
        MembershipChanges::new(members, self.removed.clone(), status, route.id)
    }

    /// Hands the leadership to another member, or to the one that is best prepared; returns once this
    /// node leads no more.
    ///
    /// # Errors
    /// [`EngineError::NotDone`] where this node does not lead, or leads on.
    pub async fn transfer_leadership(&self, to: Option<NodeId>) -> Result<(), EngineError> {
        let handed = self.client.route().node.transfer(to).await;
        handed.map_err(|error| EngineError::not_done(error.to_string()))
    }

    /// Hands the leadership over, if it has it, finishes what was accepted, as far as it can, and closes
    /// the log. Requests that come meanwhile were surely not done. May be called again.
    ///
    /// # Errors
    /// [`EngineError::Halted`] where the node had stopped for good before.
    pub async fn stop(&self) -> Result<(), EngineError> {
        // A second call waits for the first: it must not cut the hand-over short.
        let _first = self.stopping.lock().await;
        let route = self.client.route();
        let NodeStatus { halted, is_alone, .. } = self.status();
        if !is_alone {
            // Where nobody takes it over, an election finds somebody.
            let _ = timeout(HAND_OVER_TIMEOUT, self.hand_over()).await;
        }
        route.node.stop().await;
        if let Some(net) = &route.net {
            // What others asked for has its answers: they should hear them, and who leads now.
            let told = async {
                self.served.linger().await;
                net.flush().await;
            };
            let _ = timeout(FLUSH_TIMEOUT, told).await;
        }
        self.close().await;
        halted.map_or(Ok(()), |reason| Err(route.halted(&reason)))
    }

    /// Returns once this node does not lead; a follower that lags may need more than one attempt.
    async fn hand_over(&self) {
        let node = &self.client.route().node;
        while self.status().role == RoleKind::Leader && node.transfer(None).await.is_err() {
            tokio::time::sleep(HAND_OVER_INTERVAL).await;
        }
    }

    /// Ends the node as a crash would: nothing is flushed, nobody is told. Returns once its
    /// directory and address are free.
    pub async fn kill(&self) {
        let route = self.client.route();
        // All at once: what waits to be sent must not leave while the store closes.
        route.node.abort();
        if let Some(net) = &route.net {
            net.close_now();
        }
        route.node.kill().await;
        self.close().await;
    }

    async fn close(&self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        if let Some(net) = &self.client.route().net {
            net.close().await;
        }
    }
}

impl<C: Carrier> Drop for Node<C> {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
        if let Some(net) = &self.client.route().net {
            net.close_now();
        }
        self.client.route().node.abort();
    }
}
