//! The machine as its node's task drives it, and as everybody else in the process reads it: the keys,
//! and beside them the watches of this node's clients and, while it leads, the time of leases.
//!
//! Reading never waits for others to read, and holds up applying for a bounded time only: long ranges
//! are read from a view, and a watch looks at so many changes at a time.

mod expiry;
mod history;
mod quota;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard},
};

use bytes::Bytes;
use quorate_core::{Entries, EntryRef, LogId, RoleKind};
use quorate_driver::{InstallError, SerializeState, StateMachine};
use quorate_kv::{
    Attendant, Batch, Kv, KvError, Outcome, RangeRequest, RangeResponse, Response, Revision,
    WatchId, WatchRequest,
};
use quorate_tokio::{Clock, Labels, NodeHandle};
use tokio::sync::Notify;
use tracing::debug;

pub(crate) use self::{expiry::keep_time, history::keep_history, quota::keep_quota};
use crate::telemetry::{ServiceMetrics, StateGauges};

/// The most changes that a watch is told of at once, and those of the same revision besides.
const BATCH_LIMIT: u64 = 256;
/// Keys that are read while applying waits; more are read from a view.
const WIDE_KEYS: u32 = 2048;

/// The keys, and what stands beside them.
#[derive(Debug)]
pub(crate) struct Service {
    kv: Kv,
    /// Locked by readers alone; whoever applies has both.
    desk: Mutex<Desk>,
    /// Something has changed about the time of leases.
    times: Arc<Notify>,
    clock: Clock,
    gauges: StateGauges,
}

#[derive(Debug, Default)]
struct Desk {
    attendant: Attendant,
    /// Who reads a watch.
    readers: BTreeMap<WatchId, Arc<Notify>>,
}

impl Desk {
    fn wake(&self, woken: Vec<WatchId>) {
        woken.iter().filter_map(|id| self.readers.get(id)).for_each(|reader| reader.notify_one());
    }
}

impl StateMachine for Service {
    type Response = Response;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Response {
        let log_id = entry.log_id;
        let response = self.kv.apply_entry(entry);
        let desk = self.desk.get_mut().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now().0;
        let woken = desk.attendant.applied(&self.kv, log_id, &response, now);
        desk.wake(woken);
        let moves_times = match &response.outcome {
            // A leader begins with an entry that holds no command.
            None | Some(Ok(Outcome::Granted { .. } | Outcome::Ended { .. })) => true,
            Some(Ok(Outcome::Txn(_) | Outcome::Compacted | Outcome::QuotaSet) | Err(_)) => false,
        };
        if moves_times {
            self.times.notify_one();
        }
        if let Some(Ok(Outcome::Compacted)) = response.outcome {
            debug!(revision = self.kv.compacted(), "compacted");
        }
        response
    }

    /// What is told of the state is told once for all of them.
    fn apply(&mut self, entries: &Entries) -> Vec<Response> {
        let responses = entries.iter().map(|entry| self.apply_entry(entry)).collect();
        self.gauges.show(&self.kv);
        responses
    }

    fn snapshot(&self) -> SerializeState {
        self.kv.snapshot()
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        self.kv.install(bytes)?;
        self.gauges.show(&self.kv);
        let desk = self.desk.get_mut().unwrap_or_else(PoisonError::into_inner);
        // Its last entry is not told here. Only a leader would want it, and begins with the next one
        // of its term.
        let woken = desk.attendant.installed(&self.kv, LogId::default(), self.clock.now().0);
        desk.wake(woken);
        Ok(())
    }
}

/// A node's service. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    service: Arc<RwLock<Service>>,
    times: Arc<Notify>,
    clock: Clock,
    watch_limit: u32,
    metrics: Arc<ServiceMetrics>,
}

impl Local {
    pub(crate) fn new(clock: Clock, labels: &Labels, watch_limit: u32) -> Local {
        let times = Arc::new(Notify::new());
        let (kv, mut gauges) = (Kv::default(), StateGauges::new(labels));
        gauges.show(&kv);
        let service = Service { kv, desk: Mutex::default(), times: times.clone(), clock, gauges };
        let metrics = Arc::new(ServiceMetrics::new(labels));
        Local { service: Arc::new(RwLock::new(service)), times, clock, watch_limit, metrics }
    }

    /// What is told of leases and watches.
    pub(crate) fn metrics(&self) -> &ServiceMetrics {
        &self.metrics
    }

    /// The most watches on this node.
    pub(crate) fn watch_limit(&self) -> u32 {
        self.watch_limit
    }

    /// The node's clock.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// What the node's task applies to.
    pub(crate) fn machine(&self) -> Arc<RwLock<Service>> {
        self.service.clone()
    }

    /// Reads the keys, quickly.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Kv) -> T) -> T {
        read(&self.service().kv)
    }

    /// Reads a range, which may be long; with the newest revision.
    pub(crate) fn range(
        &self,
        request: &RangeRequest,
    ) -> Result<(Revision, RangeResponse), KvError> {
        let view = {
            let service = self.service();
            let kv = &service.kv;
            if !kv.is_wide(&request.range, WIDE_KEYS) {
                return Ok((kv.revision(), kv.range(request)?));
            }
            kv.view()
        };
        Ok((view.revision(), view.range(request)?))
    }

    /// Begins a watch; with its first revision. None where there are too many. The reader is woken when
    /// there is something to read.
    pub(crate) fn begin_watch(
        &self,
        request: WatchRequest,
    ) -> Result<Option<(WatchId, Arc<Notify>, Revision)>, KvError> {
        let service = self.service();
        let mut desk = service.desk();
        if desk.readers.len() as u64 >= u64::from(self.watch_limit) {
            self.metrics.watches_refused.increment(1);
            return Ok(None);
        }
        let next = if request.from > 0 { request.from } else { service.kv.revision() + 1 };
        let id = desk.attendant.watches().begin(&service.kv, request)?;
        let reader = Arc::new(Notify::new());
        desk.readers.insert(id, reader.clone());
        self.metrics.watches.set(desk.readers.len() as f64);
        Ok(Some((id, reader, next)))
    }

    /// What a watch has to tell now. None for one that has ended.
    pub(crate) fn read_watch(&self, id: WatchId) -> Option<Result<Batch, KvError>> {
        let service = self.service();
        let mut desk = service.desk();
        desk.attendant.watches().read(&service.kv, id, BATCH_LIMIT)
    }

    pub(crate) fn end_watch(&self, id: WatchId) {
        let service = self.service();
        let mut desk = service.desk();
        desk.attendant.watches().end(id);
        desk.readers.remove(&id);
        self.metrics.watches.set(desk.readers.len() as f64);
    }

    /// How many watches there are.
    pub(crate) fn watches(&self) -> u64 {
        self.service().desk().readers.len() as u64
    }

    /// Asks what keeps the time of leases, once it knows what the node is; with the time.
    pub(crate) fn attend<T>(
        &self,
        node: &NodeHandle<Response>,
        ask: impl FnOnce(&mut Attendant, &Kv, u64) -> T,
    ) -> T {
        let now = self.clock.now().0;
        let service = self.service();
        let mut desk = service.desk();
        // Looked at while the desk is held: an older status never comes after a newer one.
        let seen = node.status();
        match seen.role {
            RoleKind::Leader if seen.halted.is_none() => {
                desk.attendant.leads(&service.kv, seen.term, now);
            }
            RoleKind::Leader
            | RoleKind::Follower
            | RoleKind::PreCandidate
            | RoleKind::Candidate => desk.attendant.follows(),
        }
        ask(&mut desk.attendant, &service.kv, now)
    }

    fn service(&self) -> RwLockReadGuard<'_, Service> {
        self.service.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Service {
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
