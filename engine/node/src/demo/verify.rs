//! Whether everything that was acknowledged is there.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use quorate::EngineError;

use super::{DemoError, cluster::Cluster, input::Pairs, journal::Ledger, voice::Voice};

/// Without catching up for so long a node counts as broken.
const BARRIER_TIMEOUT: Duration = Duration::from_secs(60);

/// What reading back saw.
pub(crate) struct Reads {
    pub(crate) count: u64,
    pub(crate) elapsed: Duration,
    /// Values that were missing or other than written.
    pub(crate) wrong: u64,
}

/// Reads every pair back linearizably, through all nodes in turn.
pub(crate) async fn read_back(
    cluster: &Cluster,
    pairs: &Pairs,
    readers: u32,
    voice: &Voice,
) -> Result<Reads, DemoError> {
    let (next, wrong) = (AtomicU64::new(0), AtomicU64::new(0));
    let clients = cluster.clients();
    let begin = Instant::now();
    let read_all = |number: u32| {
        let client = &clients[number as usize % clients.len()];
        let (next, wrong) = (&next, &wrong);
        async move {
            loop {
                let place = next.fetch_add(1, Ordering::Relaxed);
                if place >= pairs.len() {
                    return Ok::<(), EngineError>(());
                }
                let (key, value) = pairs.get(place);
                if client.get_linearizable(key).await?.as_ref() != Some(&value) {
                    wrong.fetch_add(1, Ordering::Relaxed);
                }
                voice.advance();
            }
        }
    };
    try_join_all((0..readers).map(read_all)).await?;
    Ok(Reads { count: pairs.len(), elapsed: begin.elapsed(), wrong: wrong.into_inner() })
}

/// How many keys of the ledger are missing, or other than acknowledged, in the own state of any of
/// the three nodes.
pub(crate) async fn lost(cluster: &Cluster, ledger: &Ledger) -> Result<u64, DemoError> {
    let clients = cluster.clients();
    for client in &clients {
        client.with_timeout(BARRIER_TIMEOUT).barrier().await?;
    }
    Ok(ledger.lost(|key| clients.iter().map(|client| client.peek(key)).collect()))
}
