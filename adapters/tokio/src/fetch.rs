//! Getting a snapshot from another node: it offers, this one asks for one part after the other, from
//! where its store has it so far.

use std::{sync::Arc, time::Duration};

use quorate_core::{NodeId, SnapshotMeta, Term};
use quorate_driver::{SnapshotId, StoreError};
use tokio::sync::oneshot;

use crate::{
    Net, RequestError,
    metrics::SnapshotMetrics,
    store::{Jobs, StoreJob},
};

/// What is asked for at once: little enough that other messages do not wait long behind it. Bytes.
const PART_BYTES: u64 = 512 * 1024;
/// How long a part may take.
const PART_TIMEOUT: Duration = Duration::from_secs(5);

/// A snapshot that another node offers.
#[derive(Clone, Debug)]
pub(crate) struct Offer {
    pub(crate) from: NodeId,
    pub(crate) term: Term,
    pub(crate) id: SnapshotId,
    pub(crate) meta: Arc<SnapshotMeta>,
}

/// Why a snapshot did not come. Nothing is lost: it will be offered again, and goes on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Peer(#[from] RequestError),
    #[error("the peer has it no more")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the node has stopped")]
    Stopped,
}

/// Returns once the snapshot is durable under its final name.
pub(crate) async fn fetch(
    net: &Net,
    jobs: &Jobs,
    offer: &Offer,
    metrics: &SnapshotMetrics,
) -> Result<(), FetchError> {
    let id = offer.id;
    let mut here = ask(jobs, |reply| StoreJob::Begin(id, reply)).await?;
    metrics.fetch_bytes.set(id.len as f64);
    while here < id.len {
        metrics.fetched_bytes.set(here as f64);
        let wanted = (id.len - here).min(PART_BYTES);
        let part = net.fetch_part(offer.from, id, here, wanted, PART_TIMEOUT).await?;
        let part = part.filter(|part| !part.is_empty() && part.len() as u64 <= wanted);
        let part = part.ok_or(FetchError::Gone)?;
        let len = part.len() as u64;
        ask(jobs, |reply| StoreJob::Part(id, here, part, reply)).await?;
        here += len;
    }
    ask(jobs, |reply| StoreJob::Finish(id, reply)).await
}

async fn ask<T>(
    jobs: &Jobs,
    job: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> StoreJob,
) -> Result<T, FetchError> {
    let (reply, answer) = oneshot::channel();
    jobs.send(job(reply)).map_err(|_| FetchError::Stopped)?;
    Ok(answer.await.map_err(|_| FetchError::Stopped)??)
}
