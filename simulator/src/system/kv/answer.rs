//! What clients are told of their operations, and what nodes are compared by.

use std::sync::Arc;

use quorate_kv::{
    Batch, KeyValue, KvError, LeaseError, OperationResponse, Outcome, RangeResponse, Response,
    Revision, TimeToLive, TxnResponse,
};

use crate::{
    hash::{mix, mix_bytes},
    history::Told,
};

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvAnswer {
    /// Of an operation on one key, or of a compaction: what became of it.
    Told {
        /// What.
        told: Told,
        /// The newest revision that the node knew.
        revision: Revision,
        /// A hash of the machine's answer; 0 where it was only read.
        hash: u64,
    },
    /// Of any other command: what the machine answered.
    Response(Arc<Response>),
    /// Of a scan.
    Range {
        /// The newest revision that the node knew.
        revision: Revision,
        /// What it found.
        found: Arc<Result<RangeResponse, KvError>>,
    },
    /// Of a keep-alive: how long the lease lives from when it was asked. Milliseconds.
    Kept(Result<u64, LeaseError>),
    /// Of a look at a lease.
    Left(Result<TimeToLive, LeaseError>),
    /// Of a watch, which had been told of all below a revision: what it read.
    Watched {
        /// The first revision that it had not been told of.
        from: Revision,
        /// Whether it had read on that node before, and stood where it had left it.
        kept: bool,
        /// What it read.
        batch: Arc<Result<Batch, KvError>>,
    },
}

/// What became of an operation on one key, or of a compaction; none where the machine must not
/// answer so.
pub(super) fn told(response: &Response) -> Option<Told> {
    match response.outcome.as_ref()? {
        Ok(Outcome::Txn(txn)) => match txn.responses.as_slice() {
            [OperationResponse::Put(_)] => Some(Told::Done),
            [OperationResponse::Delete(delete)] => {
                Some(Told::Removed { existed: delete.deleted > 0 })
            }
            _ => None,
        },
        // Another client may have asked for the same, or for more.
        Ok(Outcome::Compacted) | Err(KvError::Compacted { .. }) => Some(Told::Done),
        Err(KvError::NoSpace { .. }) => Some(Told::Never),
        // Whether it was carried out when it was sent before cannot be known.
        Err(KvError::SessionNotFound { .. }) => Some(Told::Unknown),
        Ok(Outcome::Granted { .. } | Outcome::Ended { .. } | Outcome::QuotaSet) | Err(_) => None,
    }
}

/// A hash of a response: the same on every node.
pub(super) fn hash(response: &Response) -> u64 {
    let kind = match &response.outcome {
        None => 1,
        Some(Ok(outcome)) => hash_outcome(outcome),
        Some(Err(error)) => mix_bytes(2, error.to_string().as_bytes()),
    };
    mix(kind, response.revision)
}

fn hash_outcome(outcome: &Outcome) -> u64 {
    match outcome {
        Outcome::Txn(txn) => hash_txn(txn),
        Outcome::Compacted => 4,
        Outcome::Granted { lease, ttl_ms } => mix(mix(5, lease.0), *ttl_ms),
        Outcome::Ended { leases, deleted } => {
            leases.iter().fold(mix(6, *deleted), |hash, lease| mix(hash, lease.0))
        }
        Outcome::QuotaSet => 7,
    }
}

fn hash_txn(txn: &TxnResponse) -> u64 {
    txn.responses.iter().fold(8 + u64::from(txn.succeeded), |hash, response| match response {
        OperationResponse::Range(range) => hash_keys(mix(hash, range.count), &range.keys),
        OperationResponse::Put(put) => hash_keys(mix(hash, 1), put.previous.as_slice()),
        OperationResponse::Delete(delete) => hash_keys(mix(hash, delete.deleted), &delete.previous),
        OperationResponse::Txn(txn) => mix(hash, hash_txn(txn)),
    })
}

fn hash_keys(hash: u64, keys: &[KeyValue]) -> u64 {
    keys.iter().fold(hash, |hash, one| {
        let numbers = [one.create_revision, one.mod_revision, one.version, one.lease.0];
        let hash = numbers.into_iter().fold(mix_bytes(hash, &one.key), mix);
        mix_bytes(hash, &one.value)
    })
}
