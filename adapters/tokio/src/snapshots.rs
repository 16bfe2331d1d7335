//! A node's snapshots: taken when they are due, offered to who lacks them, fetched when offered.

use quorate_core::Timestamp;
use quorate_driver::{SnapshotJob, StateMachine};
use tracing::{debug, warn};

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
        let jobs = self.jobs.clone();
        tokio::task::spawn_blocking(move || {
            let _ = jobs.send(StoreJob::Keep(job.serialize()));
        });
    }

    /// Offers snapshots to who lacks them, and lets go received ones that are of no use.
    pub(crate) fn move_snapshots(&mut self) {
        let sends: Vec<_> = self.driver.drain_snapshot_sends().collect();
        for send in sends {
            if let Some(net) = &self.net {
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
        self.fetches.spawn(async move {
            let Offer { from, term, id, .. } = offer;
            debug!(%from, index = id.last.index, bytes = id.len, "fetching a snapshot");
            let fetched: Fetched = match fetch(&net, &jobs, &offer).await {
                Ok(()) => Some((term, offer.meta)),
                Err(error) => {
                    warn!(%from, index = id.last.index, %error, "a snapshot did not come whole");
                    None
                }
            };
            let _ = tell.send(fetched);
        });
    }
}
