//! Carrying out what other nodes ask of this one.

use std::sync::Arc;

use bytes::Bytes;
use quorate_tokio::Incoming;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    Client,
    forward::{Answer, Ask},
};

/// Requests of other nodes that are carried out at the same time.
const FORWARDED_LIMIT: usize = 4 * 1024;
/// The longest answer that is sent. Bytes.
const ANSWER_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// Room for requests that are carried out.
#[derive(Clone, Debug)]
pub(crate) struct Places(Arc<Semaphore>);

impl Places {
    pub(crate) fn new() -> Places {
        Places(Arc::new(Semaphore::new(FORWARDED_LIMIT)))
    }

    /// Returns once every request that was taken has its answer on the way.
    pub(crate) async fn all_answered(&self) {
        let _ = self.0.acquire_many(FORWARDED_LIMIT as u32).await;
    }
}

/// Runs until the mesh has closed.
pub(crate) async fn serve(
    client: Client,
    mut requests: mpsc::Receiver<Incoming>,
    Places(places): Places,
) {
    while let Some(Incoming { body, responder, .. }) = requests.recv().await {
        let Ok(place) = places.clone().try_acquire_owned() else {
            let reason =
                format!("the leader's limit of {FORWARDED_LIMIT} forwarded requests is reached");
            responder.respond(&Answer::NotDone(reason).encode());
            continue;
        };
        let client = client.clone();
        tokio::spawn(async move {
            responder.respond(&encode(&answer(&client, body).await));
            drop(place);
        });
    }
}

async fn answer(client: &Client, body: Bytes) -> Answer {
    match Ask::decode(body) {
        Some(ask) => client.carry_out(ask).await,
        None => Answer::NotDone("the request makes no sense".to_owned()),
    }
}

/// An answer that is too long would be dropped, and its asker wait in vain.
fn encode(answer: &Answer) -> Vec<u8> {
    let bytes = answer.encode();
    if bytes.len() <= ANSWER_LIMIT_BYTES {
        return bytes;
    }
    let reason = format!(
        "it was done, but its answer takes {} bytes, over the limit of {ANSWER_LIMIT_BYTES}: \
         read less at once",
        bytes.len()
    );
    Answer::Unknown(reason).encode()
}
