//! Carrying out what other nodes ask of this one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use quorate_tokio::Incoming;
use tokio::sync::{Semaphore, mpsc};

use crate::{
    WireResponse,
    forward::{Answer, Ask},
    route::Carrier,
};

/// Without a request for so long, nobody takes this node for the leader any more.
const LINGER: Duration = Duration::from_millis(100);
/// The longest answer that is sent. Bytes.
const ANSWER_LIMIT_BYTES: usize = 32 * 1024 * 1024;

/// Requests that are carried out.
#[derive(Clone, Debug)]
pub(crate) struct Served {
    places: Arc<Semaphore>,
    /// How many may be carried out at the same time.
    limit: u32,
    /// How many were taken so far.
    taken: Arc<AtomicU64>,
}

impl Served {
    pub(crate) fn new(limit: u32) -> Served {
        let places = Arc::new(Semaphore::new(limit as usize));
        Served { places, limit, taken: Arc::default() }
    }

    /// Returns once no more requests come, and all that came have had their answer for a while: whoever
    /// has not heard that this node stops is told so.
    pub(crate) async fn linger(&self) {
        loop {
            let taken = self.taken.load(Ordering::SeqCst);
            let _ = self.places.acquire_many(self.limit).await;
            // Whoever sees the connection end before it has read the last answers has none.
            tokio::time::sleep(LINGER).await;
            if self.taken.load(Ordering::SeqCst) == taken {
                return;
            }
        }
    }
}

/// Runs until the mesh has closed.
pub(crate) async fn serve<C: Carrier>(
    client: C,
    mut requests: mpsc::Receiver<Incoming>,
    served: Served,
) {
    while let Some(Incoming { body, responder, .. }) = requests.recv().await {
        served.taken.fetch_add(1, Ordering::SeqCst);
        let metrics = &client.route().metrics;
        let Ok(place) = served.places.clone().try_acquire_owned() else {
            metrics.forwarded_refused.increment(1);
            let limit = served.limit;
            let reason = format!("the leader's limit of {limit} forwarded requests is reached");
            responder.respond(&Answer::<C::Response>::NotDone(reason).encode());
            continue;
        };
        metrics.forwarded.increment(1);
        let client = client.clone();
        tokio::spawn(async move {
            responder.respond(&encode(&answer(&client, body).await));
            drop(place);
        });
    }
}

async fn answer<C: Carrier>(client: &C, body: Bytes) -> Answer<C::Response> {
    match Ask::decode(body) {
        Some(ask) => client.carry_out(ask).await,
        None => Answer::NotDone("the request makes no sense".to_owned()),
    }
}

/// An answer that is too long would be dropped, and its asker wait in vain.
fn encode<R: WireResponse>(answer: &Answer<R>) -> Vec<u8> {
    let bytes = answer.encode();
    if bytes.len() <= ANSWER_LIMIT_BYTES {
        return bytes;
    }
    let reason = format!(
        "it was done, but its answer takes {} bytes, over the limit of {ANSWER_LIMIT_BYTES}: \
         read less at once",
        bytes.len()
    );
    Answer::<R>::Unknown(reason).encode()
}
