//! Leases: granted by numbers drawn here, kept alive by the leader.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use quorate_core::Timestamp;
use quorate_kv::{Command, KvError, LeaseId, Outcome, RequestError};
use tokio::{sync::watch, task::AbortHandle};

use super::Client;
use crate::{
    Coordination, EngineError, LeaseStatus,
    coordination::Answered,
    forward::{Answer, Ask},
    route::Repeat,
};

/// A lease is kept alive so often in its time to live.
const KEEP_ALIVES: u32 = 3;
/// The holder's clock and the leader's may drift apart by this part of the time to live: it counts as
/// lost that much earlier.
const DRIFT_PART: u32 = 500;
/// Before a keep-alive that failed is made again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// What leases of this process were numbered from.
static DRAWN: AtomicU64 = AtomicU64::new(0);

impl Client {
    /// Grants a lease with a new number. One whose grant has an unknown end is asked for again: if
    /// it is there then, it was ours.
    pub(super) async fn grant_lease(
        &self,
        ttl: Duration,
        command: impl Fn(LeaseId, u64) -> Command,
    ) -> Answered<LeaseId> {
        let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
        let lease = self.draw();
        match self.write(&command(lease, ttl_ms), Repeat::Safe).await {
            Ok((_, Outcome::Granted { lease, .. })) => Ok(lease),
            Err(EngineError::Refused(KvError::LeaseExists { .. })) => Ok(lease),
            Ok((_, other)) => Err(EngineError::unexpected(&other)),
            Err(error) => Err(error),
        }
    }

    /// A number that nobody else draws: node, time and count are mixed, one to one in what differs.
    fn draw(&self) -> LeaseId {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
        let count = DRAWN.fetch_add(1, Ordering::Relaxed);
        let seed =
            nanos ^ self.route.id.get().rotate_left(48) ^ u64::from(std::process::id()) << 20;
        // The finish of SplitMix64, which maps different numbers to different ones.
        let mut mixed = seed.wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        // etcd's clients read it as a signed number.
        LeaseId(((mixed ^ mixed >> 31) >> 1).max(1))
    }

    pub(super) async fn keep_lease_alive(&self, lease: LeaseId) -> Answered<Duration> {
        if lease == LeaseId::NONE {
            return Err(RequestError::NoLeaseId.into());
        }
        match self.ask(&Ask::KeepAlive(lease), Repeat::Safe).await? {
            Answer::Left(Some(ttl_ms)) => Ok(Duration::from_millis(ttl_ms)),
            Answer::Left(None) => Err(EngineError::Refused(KvError::LeaseNotFound { lease })),
            other => Err(EngineError::unexpected(&other)),
        }
    }

    pub(super) async fn revoke_lease(&self, lease: LeaseId) -> Answered<u64> {
        match self.write(&Command::LeaseRevoke { lease }, Repeat::Unsafe).await? {
            (_, Outcome::Ended { deleted, .. }) => Ok(deleted),
            (_, other) => Err(EngineError::unexpected(&other)),
        }
    }

    pub(super) async fn lease_status(&self, lease: LeaseId) -> Answered<LeaseStatus> {
        let not_found = || EngineError::Refused(KvError::LeaseNotFound { lease });
        let left_ms = match self.ask(&Ask::TimeLeft(lease), Repeat::Safe).await? {
            Answer::Left(left_ms) => left_ms.ok_or_else(not_found)?,
            other => return Err(EngineError::unexpected(&other)),
        };
        self.barrier().await?;
        let held = self.local.read(|kv| kv.lease(lease).cloned()).ok_or_else(not_found)?;
        Ok(LeaseStatus {
            granted: Duration::from_millis(held.ttl_ms),
            left: Duration::from_millis(left_ms),
            keys: held.keys().cloned().collect(),
        })
    }

    /// Grants a lease, and keeps it alive until what this returns is dropped.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn hold_lease(&self, ttl: Duration) -> Answered<HeldLease> {
        let asked = self.local.clock().now();
        let lease = self.grant(ttl).await?;
        Ok(HeldLease::keep(self.clone(), lease, ttl, asked))
    }
}

/// A lease that is kept alive as long as this stands. Dropped, it is left to run out;
/// [`HeldLease::revoke`] ends it at once.
pub struct HeldLease {
    client: Client,
    lease: LeaseId,
    task: AbortHandle,
    lost: watch::Receiver<bool>,
    /// Until when it surely lives. Nanoseconds of the node's clock, which counts time asleep.
    until: Arc<AtomicU64>,
}

impl HeldLease {
    /// Keeps alive one whose grant was asked for at `asked`.
    pub(super) fn keep(
        client: Client,
        lease: LeaseId,
        ttl: Duration,
        asked: Timestamp,
    ) -> HeldLease {
        let (tell, lost) = watch::channel(false);
        let until = Arc::new(AtomicU64::new(surely_until(asked, ttl)));
        let keeper = Keeper { client: client.clone(), lease, until: until.clone() };
        let task = tokio::spawn(async move {
            keeper.keep_alive(ttl).await;
            tell.send_replace(true);
        });
        HeldLease { client, lease, task: task.abort_handle(), lost, until }
    }

    /// Its number.
    pub fn id(&self) -> LeaseId {
        self.lease
    }

    /// Whether it is certain that it lives no more, or may not live any more: its time is up, and
    /// nobody could be reached to keep it alive.
    pub fn is_lost(&self) -> bool {
        let now = self.client.local.clock().now();
        *self.lost.borrow() || self.until.load(Ordering::SeqCst) <= now.0
    }

    /// Returns once [`HeldLease::is_lost`], or a little later.
    pub async fn lost(&self) {
        // An error would say that nobody keeps it any more.
        let _ = self.lost.clone().wait_for(|lost| *lost).await;
    }

    /// Ends it, and deletes its keys; answers with how many.
    ///
    /// # Errors
    /// [`KvError::LeaseNotFound`] where it has ended; [`EngineError`].
    pub async fn revoke(self) -> Answered<u64> {
        self.task.abort();
        self.client.revoke(self.lease).await
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Until when a lease lives that was alive for `ttl` from some moment after `asked` on.
fn surely_until(asked: Timestamp, ttl: Duration) -> u64 {
    let lives = ttl - ttl / DRIFT_PART;
    asked.0.saturating_add(u64::try_from(lives.as_nanos()).unwrap_or(u64::MAX))
}

/// Who keeps a lease alive.
struct Keeper {
    client: Client,
    lease: LeaseId,
    until: Arc<AtomicU64>,
}

impl Keeper {
    /// Returns once the lease is over, or may be: as long after it was last asked for, with success,
    /// as it lives.
    async fn keep_alive(&self, ttl: Duration) {
        let mut pause = ttl / KEEP_ALIVES;
        loop {
            tokio::time::sleep(pause.min(self.left())).await;
            let left = self.left();
            if left.is_zero() {
                return;
            }
            let asked = self.client.local.clock().now();
            match self.client.with_timeout(left).keep_alive(self.lease).await {
                Ok(ttl) => {
                    self.until.store(surely_until(asked, ttl), Ordering::SeqCst);
                    pause = ttl / KEEP_ALIVES;
                }
                Err(EngineError::Refused(KvError::LeaseNotFound { .. })) => return,
                Err(_) => pause = RETRY_INTERVAL,
            }
        }
    }

    fn left(&self) -> Duration {
        self.client.local.clock().until(Timestamp(self.until.load(Ordering::SeqCst)))
    }
}
