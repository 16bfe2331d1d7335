//! What is wrong with a request: of itself, or as the state is.

use crate::{
    COMMAND_LIMIT_BYTES, EXPIRE_LIMIT, KEY_LIMIT_BYTES, LEASE_LIMIT, LEASE_TTL_MAX_MS,
    LEASE_TTL_MIN_MS, LeaseId, Revision, SESSION_LIMIT, TXN_LIMIT_DEPTH, TXN_LIMIT_OPERATIONS,
    VALUE_LIMIT_BYTES,
};

/// Why a request can never be carried out, whatever the state, or bytes are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The key is empty.
    #[error("the key is empty: a key has 1 to {KEY_LIMIT_BYTES} bytes")]
    EmptyKey,
    /// The key is too long.
    #[error("the key takes {size} bytes, over the limit of {KEY_LIMIT_BYTES}: use a shorter key")]
    KeyTooLong {
        /// Its length in bytes.
        size: u64,
    },
    /// The value is too long.
    #[error(
        "the value takes {size} bytes, over the limit of {VALUE_LIMIT_BYTES}: \
         split it over several keys"
    )]
    ValueTooLong {
        /// Its length in bytes.
        size: u64,
    },
    /// The whole request is too long.
    #[error(
        "the request takes {size} bytes, over the limit of {COMMAND_LIMIT_BYTES}: \
         make several of it"
    )]
    TooLong {
        /// Its length in bytes.
        size: u64,
    },
    /// A transaction has too many comparisons or operations.
    #[error(
        "the transaction has {count} comparisons or operations in one list, over the limit of \
         {TXN_LIMIT_OPERATIONS}: make several of it"
    )]
    TooManyOperations {
        /// How many there are.
        count: u64,
    },
    /// Transactions stand too deep in one another.
    #[error("the transaction is nested deeper than {TXN_LIMIT_DEPTH}: flatten it")]
    TooDeep,
    /// A transaction would change one key twice.
    #[error("the transaction may change one key twice: put or delete each key once a branch")]
    DuplicateKey,
    /// A lease's time to live is out of range.
    #[error(
        "a lease of {ttl_ms} ms: a time to live is {LEASE_TTL_MIN_MS} to {LEASE_TTL_MAX_MS} ms"
    )]
    TimeToLive {
        /// What was asked for.
        ttl_ms: u64,
    },
    /// 0 names no lease.
    #[error("0 names no lease: choose another number")]
    NoLeaseId,
    /// Too many leases in one request.
    #[error("{count} leases at once, over the limit of {EXPIRE_LIMIT}: make several requests")]
    TooManyLeases {
        /// How many there are.
        count: u64,
    },
    /// The bytes were written by another version.
    #[error("command version {found}, this machine reads version {expected}")]
    Version {
        /// The version found.
        found: u8,
        /// The version that this machine reads and writes.
        expected: u8,
    },
    /// The bytes are no request.
    #[error("these bytes are not a command")]
    Malformed,
}

/// Why a request was not carried out, as the state is: nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// It can never be carried out.
    #[error(transparent)]
    Request(#[from] RequestError),
    /// What was asked for is compacted.
    #[error("revision {asked} is compacted: the oldest that is kept is {compacted}")]
    Compacted {
        /// The revision asked for.
        asked: Revision,
        /// The oldest revision that can be read.
        compacted: Revision,
    },
    /// What was asked for is yet to come.
    #[error("revision {asked} is yet to come: the newest is {current}")]
    FutureRevision {
        /// The revision asked for.
        asked: Revision,
        /// The newest revision.
        current: Revision,
    },
    /// A put that keeps value or lease, of a key that is not there.
    #[error("the key is not there, so that it has no value and no lease to keep")]
    KeyNotFound,
    /// There is no such lease: it was revoked, it expired, or it never was.
    #[error("there is no lease {lease}: grant one")]
    LeaseNotFound {
        /// The lease named.
        lease: LeaseId,
    },
    /// There is such a lease already.
    #[error("there is a lease {lease} already: choose another number")]
    LeaseExists {
        /// The lease named.
        lease: LeaseId,
    },
    /// There are too many leases.
    #[error("there are {LEASE_LIMIT} leases already: revoke some")]
    TooManyLeases,
    /// The state is as large as it may be.
    #[error(
        "the state takes {used} bytes of its {quota}: delete keys and compact, \
         or set a larger quota"
    )]
    NoSpace {
        /// What it takes now. Bytes.
        used: u64,
        /// What it may take. Bytes.
        quota: u64,
    },
    /// The session is not there: it expired, was closed, or never was. Whether a request that was
    /// sent before in it was carried out can no longer be known.
    #[error("there is no session {session}: it has expired or was closed; open another one")]
    SessionNotFound {
        /// The session named.
        session: LeaseId,
    },
    /// There are too many sessions.
    #[error("there are {SESSION_LIMIT} sessions already: close some")]
    TooManySessions,
    /// The session has forgotten what it answered to this request.
    #[error("request {sequence} of the session was acknowledged or is too long ago")]
    AnswerGone {
        /// The number of the request.
        sequence: u64,
    },
    /// The session holds as many answers as it may.
    #[error("the session holds {count} answers: acknowledge those that have come")]
    TooManyAnswers {
        /// How many it holds.
        count: u64,
    },
}
