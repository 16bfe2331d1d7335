//! The state: keys with their revisions, leases, sessions, and how much it may take.

mod read;
mod snapshot;
mod txn;
mod view;

use bytes::Bytes;
use quorate_core::{EntryRef, LogId, Payload};
use quorate_driver::{InstallError, SerializeState, StateMachine};

use crate::{
    Change, Command, KeyValue, KvError, Lease, LeaseId, Outcome, QUOTA_DEFAULT_BYTES, Response,
    Revision, Txn,
    hash::Hash,
    lease::Leases,
    session::{Known, Session, Sessions},
    store::{Record, Store, Writes},
};

pub use self::view::View;

/// The key-value state machine. Equal histories give equal values, and a copy shares all that
/// neither changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kv {
    store: Store,
    leases: Leases,
    sessions: Sessions,
    /// What the state may take; 0 for no limit. Bytes.
    quota: u64,
    /// Whether a put was refused for want of space, and no space has come since.
    no_space: bool,
    /// Over every entry applied, in order.
    history: Hash,
}

impl Default for Kv {
    fn default() -> Kv {
        Kv {
            store: Store::default(),
            leases: Leases::default(),
            sessions: Sessions::default(),
            quota: QUOTA_DEFAULT_BYTES,
            no_space: false,
            history: Hash::default(),
        }
    }
}

impl Kv {
    /// The newest revision; 1 before the first change.
    pub fn revision(&self) -> Revision {
        self.store.revision()
    }

    /// The oldest revision that can be read; 0 where nothing was compacted.
    pub fn compacted(&self) -> Revision {
        self.store.compacted()
    }

    /// How many keys there are.
    pub fn len(&self) -> u64 {
        self.store.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the state takes, as its quota counts. Bytes.
    pub fn used(&self) -> u64 {
        self.store.cost()
    }

    /// What it may take; 0 for no limit. Bytes.
    pub fn quota(&self) -> u64 {
        self.quota
    }

    /// Whether a put was refused for want of space, and no space has come since: puts are refused,
    /// while deletes and compactions are not.
    pub fn is_out_of_space(&self) -> bool {
        self.no_space
    }

    /// The key as it is now.
    pub fn get(&self, key: &[u8]) -> Option<KeyValue> {
        self.store.get(key).map(|record| record.key_value())
    }

    /// All keys as they are now, in rising order.
    pub fn iter(&self) -> impl Iterator<Item = KeyValue> + '_ {
        self.store.newest().map(|record| record.key_value())
    }

    /// All leases.
    pub fn leases(&self) -> impl Iterator<Item = (LeaseId, &Lease)> {
        self.leases.iter()
    }

    /// How many leases there are, sessions included.
    pub fn lease_count(&self) -> u64 {
        self.leases.len()
    }

    /// How many sessions there are.
    pub fn session_count(&self) -> u64 {
        self.sessions.len()
    }

    /// A lease.
    pub fn lease(&self, lease: LeaseId) -> Option<&Lease> {
        self.leases.get(lease)
    }

    /// Whether there is this session.
    pub fn has_session(&self, session: LeaseId) -> bool {
        self.sessions.has(session)
    }

    /// The changes of `from` and of the revisions above it, in order; each is what a watch tells.
    ///
    /// # Errors
    /// [`KvError::Compacted`] where some of them are not kept any more.
    pub fn changes(&self, from: Revision) -> Result<impl Iterator<Item = Change> + '_, KvError> {
        self.kept(from)?;
        Ok(self.records_since(from).map(|record| self.change(record)))
    }

    /// Whether the changes of `from` and of the revisions above it are all kept.
    pub(crate) fn kept(&self, from: Revision) -> Result<(), KvError> {
        let compacted = self.compacted();
        if from < compacted { Err(KvError::Compacted { asked: from, compacted }) } else { Ok(()) }
    }

    /// What the changes of `from` and of the revisions above it left, in order.
    pub(crate) fn records_since(&self, from: Revision) -> impl Iterator<Item = &Record> {
        self.store.changes(from).map(AsRef::as_ref)
    }

    /// What a record changed.
    pub(crate) fn change(&self, record: &Record) -> Change {
        self.store.change(record)
    }

    /// A hash over every entry applied and what it led to, in order: machines that have applied the
    /// same log have the same one.
    pub fn fingerprint(&self) -> u64 {
        self.history.value()
    }

    /// Carries a command out.
    fn run(&mut self, at: LogId, command: Command) -> Result<Outcome, KvError> {
        match command {
            Command::Txn(txn) => self.txn(&txn),
            // Answered by `apply`, which keeps the whole answer.
            Command::InSession { txn, .. } => self.txn(&txn),
            Command::Compact { revision } => {
                self.store.compact(revision)?;
                Ok(Outcome::Compacted)
            }
            Command::LeaseGrant { lease, ttl_ms } => self.grant(at, lease, ttl_ms),
            Command::SessionOpen { session, ttl_ms } => {
                if self.sessions.is_full() {
                    return Err(KvError::TooManySessions);
                }
                let granted = self.grant(at, session, ttl_ms)?;
                self.sessions.open(session, Session::default());
                Ok(granted)
            }
            Command::LeaseRevoke { lease } if self.lease(lease).is_none() => {
                Err(KvError::LeaseNotFound { lease })
            }
            Command::LeaseRevoke { lease } => Ok(self.end_leases(vec![lease])),
            Command::LeaseExpire { term, applied, mut leases } => {
                // What one leader saw is nothing to the terms of others, and nothing to a lease
                // that it had not seen granted.
                let was_seen = |lease: &Lease| term == at.term && lease.granted <= applied;
                leases.retain(|&lease| self.lease(lease).is_some_and(was_seen));
                Ok(self.end_leases(leases))
            }
            Command::SetQuota { bytes } => {
                self.quota = bytes;
                Ok(Outcome::QuotaSet)
            }
        }
    }

    fn grant(&mut self, at: LogId, lease: LeaseId, ttl_ms: u64) -> Result<Outcome, KvError> {
        self.leases.grant(lease, ttl_ms, at.index)?;
        Ok(Outcome::Granted { lease, ttl_ms })
    }

    /// Ends those of these leases that there are, and deletes their keys in one revision.
    fn end_leases(&mut self, mut leases: Vec<LeaseId>) -> Outcome {
        let mut writes = Writes::begin(&self.store);
        let mut deleted = 0;
        leases.retain(|&lease| {
            let Some(ended) = self.leases.end(lease) else { return false };
            self.sessions.end(lease);
            for key in ended.keys() {
                deleted += 1;
                self.store.delete(&mut writes, key);
            }
            true
        });
        Outcome::Ended { leases, deleted }
    }

    fn txn(&mut self, txn: &Txn) -> Result<Outcome, KvError> {
        txn::run(self, txn).map(Outcome::Txn)
    }

    /// What an entry of a session answers: the first answer, however often it comes.
    fn once(&mut self, at: LogId, command: Command) -> Response {
        let Command::InSession { session, sequence, acknowledged, .. } = command else {
            return self.answer(at, command);
        };
        match self.sessions.look_up(session, sequence, acknowledged) {
            Ok(Known::Answered(response)) => response.as_ref().clone(),
            Ok(Known::New) => {
                let response = self.answer(at, command);
                self.sessions.answered(session, sequence, response.clone());
                response
            }
            Err(error) => Response { revision: self.revision(), outcome: Some(Err(error)) },
        }
    }

    fn answer(&mut self, at: LogId, command: Command) -> Response {
        let outcome = self.run(at, command);
        Response { revision: self.revision(), outcome: Some(outcome) }
    }
}

impl StateMachine for Kv {
    type Response = Response;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Response {
        self.store.sweep();
        self.spacious();
        self.history.add_u64(entry.log_id.index);
        self.history.add_u64(entry.log_id.term);
        let Payload::Command(bytes) = entry.payload else {
            return Response { revision: self.revision(), outcome: None };
        };
        self.history.add(bytes);
        let response = match Command::decode(bytes.clone()) {
            Ok(command) => self.once(entry.log_id, command),
            Err(error) => Response { revision: self.revision(), outcome: Some(Err(error.into())) },
        };
        let led_to = [self.revision(), self.len(), self.used(), self.leases.len()];
        led_to.into_iter().for_each(|number| self.history.add_u64(number));
        response
    }

    /// Copies a pointer for each sixty-four keys, leases or sessions or so: applying goes on beside
    /// it.
    fn snapshot(&self) -> SerializeState {
        let set_aside = self.clone();
        Box::new(move || snapshot::encode(&set_aside))
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        *self = snapshot::decode(bytes)?;
        Ok(())
    }
}
