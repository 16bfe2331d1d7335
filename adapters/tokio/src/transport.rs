//! A transport of the host's own: parcels of bytes to other nodes, and questions with an answer.
//!
//! What is in a parcel is the node's business. Whoever carries them need not look into them.

use std::{pin::Pin, sync::Arc, time::Duration};

use bytes::{Buf, Bytes};
use quorate_codec::{decode_message, encode_message};
use quorate_core::{Message, NodeId};
use quorate_driver::{SnapshotId, SnapshotSend};
use tokio::sync::{mpsc::error::TrySendError, oneshot};

use crate::{
    RequestError,
    mesh::{
        Ends, FETCH, Incoming, OFFER, RAFT, REQUEST, Responder, Said, SnapshotFrame, put_fetch,
        put_offer, read_fetch, read_offer,
    },
};

/// What a [`Transport`] answers with once it knows.
pub type Answering<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Carries a node's parcels to the others of its group, and theirs to it.
///
/// Parcels may be lost, repeated, delayed and overtake one another: that costs time, never what was
/// acknowledged. They must not be changed, and nobody may send in another's name: whoever carries
/// them over a network that others share must see to both, with TLS or the like. Most are small; one
/// is at most 64 MiB long.
pub trait Transport: Send + Sync + 'static {
    /// Called once, before anything else: from now on what comes in goes to `inbox`.
    fn open(&self, inbox: Inbox);

    /// Sends a parcel, or drops it where `to` cannot be reached or too much waits for it already. Must
    /// not wait: the node's own task calls this.
    fn send(&self, to: NodeId, parcel: Bytes);

    /// Takes `question` to the other node's [`Inbox::ask`], and answers with what that answers, within
    /// `timeout`.
    ///
    /// # Errors
    /// [`RequestError`]. All but [`RequestError::NoAnswer`] promise that the other node never gets the
    /// question: where that is not certain, it is the one to say.
    fn ask(
        &self,
        to: NodeId,
        question: Bytes,
        timeout: Duration,
    ) -> Answering<'_, Result<Bytes, RequestError>>;

    /// Returns once what was sent has left, as far as that can be known. The node calls it before it
    /// closes, and waits 2 s at most.
    fn flush(&self) -> Answering<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Nothing more is sent, and what comes in is dropped. Must not wait; may be called again.
    fn close(&self);
}

/// Where a [`Transport`] puts what comes in for its node. Clones are the same.
#[derive(Clone)]
pub struct Inbox {
    pub(crate) node: NodeId,
    pub(crate) ends: Ends,
}

/// No node sends this: whoever did speaks another version, or is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a parcel of this version: the connection it came over should be ended")]
pub struct BadParcel;

impl Inbox {
    /// Whose it is.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Takes a parcel that `from` sent. Waits while the node has as many as it may: meanwhile take no
    /// more from the one who sends so much.
    ///
    /// # Errors
    /// [`BadParcel`].
    pub async fn deliver(&self, from: NodeId, mut parcel: Bytes) -> Result<(), BadParcel> {
        if parcel.is_empty() {
            return Err(BadParcel);
        }
        match parcel.get_u8() {
            RAFT => {
                let message = decode_message(parcel).map_err(|_| BadParcel)?;
                // An error says that the node has stopped: it hears nothing more.
                let _ = self.ends.deliver.send((from, message)).await;
                Ok(())
            }
            OFFER => {
                let offer = read_offer(from, parcel).ok_or(BadParcel)?;
                // It comes again: what is dropped while the node is busy is not missed.
                let _ = self.ends.tell.try_send(offer);
                Ok(())
            }
            _ => Err(BadParcel),
        }
    }

    /// What was sent to `peer` lately probably did not arrive: the node goes on from what that one is known
    /// to hold, in place of waiting for answers. Nothing rests on its being told.
    pub fn unreachable(&self, peer: NodeId) {
        let _ = self.ends.tell.try_send(SnapshotFrame(Said::Unreachable(peer)));
    }

    /// Puts a question of `from` to the node; the answer goes back. Dropped before it has answered, the
    /// question may have been taken nevertheless.
    ///
    /// # Errors
    /// [`RequestError`], to be told to whoever asked: [`RequestError::NoAnswer`] leaves open whether it
    /// was taken, the others do not.
    pub async fn ask(&self, from: NodeId, mut question: Bytes) -> Result<Bytes, RequestError> {
        let node = self.node;
        if question.is_empty() {
            return Err(RequestError::NotSent(node));
        }
        let (reply, answer) = oneshot::channel();
        let responder = Responder::to_own(reply);
        let taken = match question.get_u8() {
            REQUEST => {
                let incoming = Incoming { from, body: question, responder };
                self.ends.ask.try_send(incoming).map_err(|error| is_full(&error))
            }
            FETCH => {
                let fetch = read_fetch(responder, question).ok_or(RequestError::NotSent(node))?;
                self.ends.tell.try_send(fetch).map_err(|error| is_full(&error))
            }
            _ => Err(false),
        };
        match taken {
            Ok(()) => answer.await.map_err(|_| RequestError::NoAnswer(node)),
            Err(true) => Err(RequestError::Busy(node)),
            Err(false) => Err(RequestError::NotSent(node)),
        }
    }
}

fn is_full<T>(error: &TrySendError<T>) -> bool {
    matches!(error, TrySendError::Full(_))
}

/// A node's end of its host's transport.
#[derive(Clone)]
pub(crate) struct Parcels(pub(crate) Arc<dyn Transport>);

impl Parcels {
    pub(crate) fn send(&self, to: NodeId, message: &Message) {
        let mut parcel = vec![RAFT];
        encode_message(message, &mut parcel);
        self.0.send(to, parcel.into());
    }

    pub(crate) fn offer_snapshot(&self, send: &SnapshotSend, id: SnapshotId) {
        let mut parcel = vec![OFFER];
        put_offer(&mut parcel, send, id);
        self.0.send(send.to, parcel.into());
    }

    pub(crate) async fn fetch_part(
        &self,
        from: NodeId,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        let mut question = vec![FETCH];
        put_fetch(&mut question, id, offset, max_bytes);
        self.ask(from, question, timeout).await
    }

    pub(crate) async fn request(
        &self,
        to: NodeId,
        body: &[u8],
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        let mut question = Vec::with_capacity(1 + body.len());
        question.push(REQUEST);
        question.extend_from_slice(body);
        self.ask(to, question, timeout).await
    }

    /// A transport that forgets the time must not keep its node waiting.
    async fn ask(
        &self,
        to: NodeId,
        question: Vec<u8>,
        timeout: Duration,
    ) -> Result<Bytes, RequestError> {
        let asking = self.0.ask(to, question.into(), timeout);
        match tokio::time::timeout(timeout, asking).await {
            Ok(answer) => answer,
            Err(_) => Err(RequestError::NoAnswer(to)),
        }
    }
}
