//! A node's key-value service: the production machine, and what stands beside it.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::{EntryRef, LogId, RequestId, Term, Timestamp};
use quorate_driver::{InstallError, SerializeState, StateMachine};
use quorate_kv::{
    Asked, Attendant, Batch, Kv, KvError, LeaseError, LeaseId, Response, Revision, TimeToLive,
    WatchId, WatchRequest,
};

use crate::profile::MILLISECOND;

/// After an expiry was refused, so long until the next try.
const AGAIN: u64 = 20 * MILLISECOND;

/// The machine of a node, and what goes with its process.
#[derive(Debug, Default)]
pub struct Service {
    /// The state.
    pub kv: Kv,
    /// Whether anything beside the state is asked for in this run.
    attends: bool,
    beside: Attendant,
    /// What the node's clock showed last.
    now: Timestamp,
    /// Keep-alives that wait to be confirmed.
    asked: BTreeMap<RequestId, Asked>,
    /// Each client's watch here, and the revision that it reads next.
    watching: BTreeMap<u64, (WatchId, Revision)>,
    /// Nothing is proposed before.
    hold_until: Timestamp,
}

impl Service {
    pub(super) fn new(attends: bool) -> Service {
        Service { attends, ..Service::default() }
    }

    /// The node does something when its clock shows `now`: gives the command to propose, if any.
    pub(super) fn attend(&mut self, now: Timestamp, leads: Option<Term>) -> Option<Bytes> {
        if !self.attends {
            return None;
        }
        self.now = now;
        match leads {
            Some(term) => self.beside.leads(&self.kv, term, now.0),
            None => {
                self.beside.follows();
                self.asked.clear();
                return None;
            }
        }
        if now < self.hold_until {
            return None;
        }
        let due = self.beside.due(now.0)?;
        Some(due.encode().expect("no more leases than one command takes"))
    }

    /// What was given out in `term` was not proposed.
    pub(super) fn refused(&mut self, term: Term) {
        self.beside.refused(term);
        self.hold_until = Timestamp(self.now.0 + AGAIN);
    }

    /// When there may be something to propose.
    pub(super) fn wake_at(&self) -> Option<Timestamp> {
        self.beside.wake_at().map(|at| Timestamp(at).max(self.hold_until))
    }

    /// The state is that of a snapshot whose last entry is `last`.
    pub(super) fn installed(&mut self, last: LogId) {
        if self.attends {
            self.beside.installed(&self.kv, last, self.now.0);
        }
    }

    /// Somebody asks to keep a lease alive; false where this node does not lead.
    pub(super) fn keep_alive(
        &mut self,
        request: RequestId,
        lease: LeaseId,
        now: Timestamp,
    ) -> bool {
        match self.beside.keep_alive(lease, now.0) {
            Ok(asked) => {
                self.asked.insert(request, asked);
                true
            }
            Err(_) => false,
        }
    }

    /// The node led after that was asked.
    pub(super) fn confirmed(&mut self, request: RequestId) -> Result<u64, LeaseError> {
        let asked = self.asked.remove(&request).ok_or(LeaseError::NotLeading)?;
        self.beside.confirmed(asked)
    }

    pub(super) fn time_to_live(&self, lease: LeaseId) -> Result<TimeToLive, LeaseError> {
        self.beside.time_to_live(&self.kv, lease, self.now.0)
    }

    /// Whether a client's watch is here, and has read up to a revision.
    pub(super) fn is_watching(&self, client: u64, from: Revision) -> bool {
        self.watching.get(&client).is_some_and(|(_, next)| *next == from)
    }

    /// A client reads on in its watch from a revision; one that stands elsewhere here, or that is to
    /// be begun afresh, is cancelled first.
    pub(super) fn watch(
        &mut self,
        client: u64,
        request: WatchRequest,
        limit: u64,
        afresh: bool,
    ) -> Result<Batch, KvError> {
        let from = request.from;
        let id = match self.watching.get(&client) {
            Some((id, _)) if self.is_watching(client, from) && !afresh => *id,
            Some(_) | None => {
                self.cancel(client);
                self.beside.watches().begin(&self.kv, request)?
            }
        };
        self.watching.insert(client, (id, from));
        let read = self.beside.watches().read(&self.kv, id, limit).expect("it was just found");
        match &read {
            Ok(batch) => {
                self.watching.insert(client, (id, from.max(batch.through + 1)));
            }
            Err(_) => self.cancel(client),
        }
        read
    }

    fn cancel(&mut self, client: u64) {
        if let Some((id, _)) = self.watching.remove(&client) {
            self.beside.watches().end(id);
        }
    }
}

impl StateMachine for Service {
    type Response = Response;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Response {
        let response = self.kv.apply_entry(entry);
        if self.attends {
            self.beside.applied(&self.kv, entry.log_id, &response, self.now.0);
        }
        response
    }

    fn snapshot(&self) -> SerializeState {
        self.kv.snapshot()
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        self.kv.install(bytes)
    }
}
