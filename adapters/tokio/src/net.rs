//! How a node reaches the others: over its mesh, or over a transport of its host's own.

use std::{borrow::Borrow, sync::Arc, time::Duration};

use bytes::{Buf, Bytes};
use quorate_core::{Message, NodeId};
use quorate_driver::{SnapshotId, SnapshotSend};
use tokio::sync::mpsc;

use crate::{
    Inbox, Incoming, Mesh, MeshParts, RequestError, SnapshotFrame, Transport, mesh::Ends,
    transport::Parcels,
};

/// A node's way to the others. Clones are the same.
#[derive(Clone)]
pub struct Net(Way);

#[derive(Clone)]
enum Way {
    Mesh(Mesh),
    Own(Parcels),
}

/// The node's ends of its way to the others.
pub struct NetParts {
    /// To send with; none for a group of one.
    pub net: Option<Net>,
    /// What the others' Raft nodes say.
    pub inbox: mpsc::Receiver<(NodeId, Message)>,
    /// What the others' engines ask.
    pub requests: mpsc::Receiver<Incoming>,
    /// What the others say about snapshots.
    pub snapshots: mpsc::Receiver<SnapshotFrame>,
}

impl NetParts {
    /// Of a node that has no others.
    pub fn alone() -> NetParts {
        let (_, received) = Ends::new();
        NetParts { net: None, ..received }
    }

    /// Of `node`, over its host's transport, which is opened.
    pub fn over(transport: Arc<dyn Transport>, node: NodeId) -> NetParts {
        let (ends, received) = Ends::new();
        transport.open(Inbox { node, ends });
        NetParts { net: Some(Net(Way::Own(Parcels(transport)))), ..received }
    }
}

impl From<MeshParts> for NetParts {
    fn from(parts: MeshParts) -> NetParts {
        let MeshParts { mesh, inbox, requests, snapshots } = parts;
        NetParts { net: Some(mesh.into()), inbox, requests, snapshots }
    }
}

impl From<Mesh> for Net {
    fn from(mesh: Mesh) -> Net {
        Net(Way::Mesh(mesh))
    }
}

impl Net {
    /// The mesh, where it is one.
    pub fn mesh(&self) -> Option<&Mesh> {
        match &self.0 {
            Way::Mesh(mesh) => Some(mesh),
            Way::Own(_) => None,
        }
    }

    /// Sends Raft messages, as far as there is room for them.
    pub fn send(&self, messages: impl IntoIterator<Item = (NodeId, impl Borrow<Message>)>) {
        match &self.0 {
            Way::Mesh(mesh) => mesh.send(messages),
            Way::Own(own) => {
                messages.into_iter().for_each(|(to, message)| own.send(to, message.borrow()))
            }
        }
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
        match &self.0 {
            Way::Mesh(mesh) => mesh.request(to, body, timeout).await,
            Way::Own(own) => own.request(to, body, timeout).await,
        }
    }

    /// Says that this node has a snapshot that another one lacks. It may be lost.
    pub(crate) fn offer_snapshot(&self, send: &SnapshotSend, id: SnapshotId) {
        match &self.0 {
            Way::Mesh(mesh) => mesh.offer_snapshot(send, id),
            Way::Own(own) => own.offer_snapshot(send, id),
        }
    }

    /// Asks another node for a part of a snapshot; none where it has it no more.
    pub(crate) async fn fetch_part(
        &self,
        from: NodeId,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
        timeout: Duration,
    ) -> Result<Option<Bytes>, RequestError> {
        let mut answer = match &self.0 {
            Way::Mesh(mesh) => mesh.fetch_part(from, id, offset, max_bytes, timeout).await?,
            Way::Own(own) => own.fetch_part(from, id, offset, max_bytes, timeout).await?,
        };
        let has_it = !answer.is_empty() && answer.get_u8() == 1;
        Ok(has_it.then_some(answer))
    }

    /// Returns once what waits for peers that can be reached has left.
    pub async fn flush(&self) {
        match &self.0 {
            Way::Mesh(mesh) => mesh.flush().await,
            Way::Own(own) => own.0.flush().await,
        }
    }

    /// Ends all connections at once; the mesh's address is free then.
    pub async fn close(&self) {
        match &self.0 {
            Way::Mesh(mesh) => mesh.close().await,
            Way::Own(own) => own.0.close(),
        }
    }

    /// As [`Net::close`], without waiting.
    pub fn close_now(&self) {
        match &self.0 {
            Way::Mesh(mesh) => mesh.close_now(),
            Way::Own(own) => own.0.close(),
        }
    }
}
