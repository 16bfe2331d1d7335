//! A node's snapshots: taken when they are due, offered to who lacks them, fetched when offered.

use std::time::Instant;

use quorate_core::Timestamp;
use quorate_driver::{SnapshotJob, StateMachine};
use tracing::{Instrument, debug, info, warn};

use crate::{
    SnapshotError,
    fetch::{Offer, fetch},
    handle::SnapshotReply,
    mesh::{Said, SnapshotFrame},
    node::Task,
    store::StoreJob,
    turn::Fetched,
};

impl<M: StateMachine + Sync + 'static> Task<M> {
    /// Takes a snapshot where the policy asks for one.
    pub(crate) fn take_due_snapshot(&mut self) {
        if self.driver.is_snapshot_due(self.policy)
            && let Some(job) = self.set_aside()
        {
            self.keep(job);
        }
    }

    /// Takes a snapshot because somebody asked.
    pub(crate) fn take_asked_snapshot(&mut self, reply: SnapshotReply) {
        match self.set_aside() {
            Some(job) => {
                self.answers.snapshots.push(reply);
                self.keep(job);
            }
            None => {
                let _ = reply.send(Err(SnapshotError::NothingToTake));
            }
        }
    }

    fn set_aside(&mut self) -> Option<SnapshotJob> {
        match self.machine.read() {
            Ok(machine) => self.driver.take_snapshot(&*machine),
            Err(poisoned) => self.driver.take_snapshot(&*poisoned.into_inner()),
        }
    }

    /// Makes bytes of it on a thread that may take its time, and hands them to the store.
    fn keep(&self, job: SnapshotJob) {
        let (jobs, metrics) = (self.jobs.clone(), self.metrics.snapshots.clone());
        info!(index = job.last().index, "snapshot begun");
        tokio::task::spawn_blocking(move || {
            let begun = Instant::now();
            let bytes = job.serialize();
            metrics.serialize_seconds.record(begun.elapsed());
            metrics.bytes.set(bytes.total() as f64);
            let _ = jobs.send(StoreJob::Keep(bytes));
        });
    }

    /// Offers snapshots to who lacks them, and lets go received ones that are of no use.
    pub(crate) fn move_snapshots(&mut self) {
        let sends: Vec<_> = self.driver.drain_snapshot_sends().collect();
        for send in sends {
            if let Some(net) = &self.net {
                self.metrics.snapshots.offers.increment(1);
                debug!(to = %send.to, index = send.meta.last.index, "snapshot offered");
                let _ = self.jobs.send(StoreJob::Offer(net.clone(), send));
            }
        }
        for last in self.driver.drain_discards() {
            let _ = self.jobs.send(StoreJob::Discard(last));
        }
    }

    /// Takes what another node says about snapshots, or what is known of it.
    pub(crate) fn take_frame(&mut self, frame: SnapshotFrame, now: Timestamp) {
        match frame.0 {
            Said::Fetch(fetch) => {
                let _ = self.jobs.send(StoreJob::Fetch(fetch));
            }
            Said::Offer(offer) => self.consider(offer),
            Said::Unreachable(peer) => self.driver.peer_unreachable(peer, now),
        }
    }

    /// One is fetched at a time. An offer that is not taken comes again.
    fn consider(&mut self, offer: Offer) {
        let is_news = offer.id.last.index > self.driver.raft().status().commit;
        let Some(net) = self.net.clone().filter(|_| is_news && !self.is_fetching) else { return };
        self.is_fetching = true;
        let (jobs, tell) = (self.jobs.clone(), self.fetched.clone());
        let metrics = self.metrics.snapshots.clone();
        let fetching = async move {
            let Offer { from, term, id, .. } = offer;
            info!(%from, index = id.last.index, bytes = id.len, "snapshot on its way");
            let fetched: Fetched = match fetch(&net, &jobs, &offer, &metrics).await {
                Ok(()) => {
                    metrics.fetched.increment(1);
                    Some((term, offer.meta))
                }
                Err(error) => {
                    metrics.not_fetched.increment(1);
                    warn!(%from, index = id.last.index, %error, "a snapshot did not come whole");
                    None
                }
            };
            metrics.fetched_bytes.set(0.0);
            metrics.fetch_bytes.set(0.0);
            let _ = tell.send(fetched);
        };
        self.fetches.spawn(fetching.in_current_span());
    }
}
