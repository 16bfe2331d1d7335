//! A command, as it stands in the log.

use bytes::Bytes;
use quorate_core::{Index, Term};

use super::{Txn, TxnResponse, wire};
use crate::{
    COMMAND_LIMIT_BYTES, EXPIRE_LIMIT, KvError, LEASE_TTL_MAX_MS, LEASE_TTL_MIN_MS, LeaseId,
    RequestError, Revision,
};

/// A change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Changes keys.
    Txn(Txn),
    /// Changes keys, once, however often it is tried: a command of this session and number that was
    /// carried out before gets its first answer.
    InSession {
        /// The session.
        session: LeaseId,
        /// The number of the command in its session, from 1, rising.
        sequence: u64,
        /// All answers up to this number have come; they are forgotten.
        acknowledged: u64,
        /// What to change.
        txn: Txn,
    },
    /// Lets go of what only revisions below this one show.
    Compact {
        /// The oldest revision that can be read from then on.
        revision: Revision,
    },
    /// Makes a lease: keys that are put with it are gone when it ends.
    LeaseGrant {
        /// Its number; not 0.
        lease: LeaseId,
        /// How long it lives after its grant and each keep-alive. Milliseconds;
        /// [`LEASE_TTL_MIN_MS`] to [`LEASE_TTL_MAX_MS`].
        ttl_ms: u64,
    },
    /// Ends a lease, and deletes its keys.
    LeaseRevoke {
        /// Which.
        lease: LeaseId,
    },
    /// Ends leases that have run out, as the leader saw it, and deletes their keys. Those that are
    /// not there are passed over. Made by [`crate::Attendant::due`].
    LeaseExpire {
        /// The term of the leader that saw it. In an entry of another term nothing ends: another
        /// leader has given all leases their full time.
        term: Term,
        /// The last entry which that leader had applied then. A lease that was granted behind it,
        /// under a number that was used before, does not end.
        applied: Index,
        /// Which; at most [`EXPIRE_LIMIT`].
        leases: Vec<LeaseId>,
    },
    /// Makes a session, which lives as long as the lease of the same number, which it grants.
    SessionOpen {
        /// Its number; not 0.
        session: LeaseId,
        /// How long it lives after each keep-alive. Milliseconds.
        ttl_ms: u64,
    },
    /// Sets how much the state may take.
    SetQuota {
        /// Bytes; 0 for no limit.
        bytes: u64,
    },
}

/// What a command did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The transaction was carried out.
    Txn(TxnResponse),
    /// The store is compacted.
    Compacted,
    /// The lease is granted.
    Granted {
        /// Its number.
        lease: LeaseId,
        /// How long it lives. Milliseconds.
        ttl_ms: u64,
    },
    /// Leases ended.
    Ended {
        /// Which.
        leases: Vec<LeaseId>,
        /// How many keys went with them.
        deleted: u64,
    },
    /// The quota is set.
    QuotaSet,
}

/// What the machine answers to an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The newest revision once it was applied.
    pub revision: Revision,
    /// What it did; none where the entry held no command.
    pub outcome: Option<Result<Outcome, KvError>>,
}

impl Command {
    /// Puts one key.
    pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Command {
        Command::Txn(Txn::of(super::Operation::Put(super::PutRequest::new(key, value))))
    }

    /// Deletes one key.
    pub fn delete(key: impl Into<Bytes>) -> Command {
        let range = crate::KeyRange::key(key);
        let delete = super::DeleteRequest { range, previous: false };
        Command::Txn(Txn::of(super::Operation::Delete(delete)))
    }

    /// Whether the machine will take it.
    ///
    /// # Errors
    /// [`RequestError`] names the limit that is passed.
    pub fn validate(&self) -> Result<(), RequestError> {
        match self {
            Command::Txn(txn) => txn.validate(),
            Command::InSession { session, txn, .. } => {
                session.validate()?;
                txn.validate()
            }
            Command::LeaseGrant { lease, ttl_ms }
            | Command::SessionOpen { session: lease, ttl_ms } => {
                lease.validate()?;
                match ttl_ms {
                    LEASE_TTL_MIN_MS..=LEASE_TTL_MAX_MS => Ok(()),
                    &ttl_ms => Err(RequestError::TimeToLive { ttl_ms }),
                }
            }
            Command::LeaseRevoke { lease } => lease.validate(),
            Command::LeaseExpire { leases, .. } => {
                let count = leases.len() as u64;
                if count > u64::from(EXPIRE_LIMIT) {
                    return Err(RequestError::TooManyLeases { count });
                }
                Ok(())
            }
            Command::Compact { .. } | Command::SetQuota { .. } => Ok(()),
        }
    }

    /// The bytes that go into the log.
    ///
    /// # Errors
    /// As [`Command::validate`], and where it is too long as a whole.
    pub fn encode(&self) -> Result<Bytes, RequestError> {
        self.validate()?;
        let bytes = wire::encode(self);
        let size = bytes.len() as u64;
        if size > u64::from(COMMAND_LIMIT_BYTES) {
            return Err(RequestError::TooLong { size });
        }
        Ok(bytes.into())
    }

    /// The command of these bytes; keys and values share them.
    ///
    /// # Errors
    /// [`RequestError`] for anything that [`Command::encode`] would not write.
    pub fn decode(bytes: Bytes) -> Result<Command, RequestError> {
        let size = bytes.len() as u64;
        if size > u64::from(COMMAND_LIMIT_BYTES) {
            return Err(RequestError::TooLong { size });
        }
        let command = wire::decode(bytes)?;
        command.validate()?;
        Ok(command)
    }
}

impl Response {
    /// The bytes that one node sends another.
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::new();
        wire::put_response(&mut wire::Writer(&mut bytes), self);
        bytes.into()
    }

    /// The response of these bytes; keys and values share them.
    ///
    /// # Errors
    /// [`RequestError::Malformed`] for anything that [`Response::encode`] would not write.
    pub fn decode(bytes: Bytes) -> Result<Response, RequestError> {
        let mut from = wire::Reader(bytes);
        let response = wire::get_response(&mut from)?;
        from.end(response)
    }
}
