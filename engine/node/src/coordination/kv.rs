//! Operations on keys, as transactions.

use bytes::Bytes;
use quorate_kv::{
    Compare, CompareOp, CompareTarget, DeleteRequest, DeleteResponse, KeyRange, KeyValue, LeaseId,
    Operation, OperationResponse, PutLease, PutRequest, RangeRequest, Revision, Txn,
};

use super::{Consistency, Coordination, Ranged, ReadOptions, Swapped};
use crate::EngineError;

pub(super) fn request(range: KeyRange, options: ReadOptions) -> RangeRequest {
    RangeRequest {
        revision: options.revision,
        limit: options.limit,
        order: options.order,
        keys_only: options.keys_only,
        ..RangeRequest::new(range)
    }
}

pub(super) async fn get(
    client: &impl Coordination,
    key: Bytes,
    consistency: Consistency,
) -> Result<Option<KeyValue>, EngineError> {
    let Ranged { mut keys, .. } =
        client.read(RangeRequest::new(KeyRange::Key(key)), consistency).await?;
    Ok(keys.pop())
}

pub(super) async fn get_multi(
    client: &impl Coordination,
    keys: Vec<Bytes>,
) -> Result<Vec<Option<KeyValue>>, EngineError> {
    let read = |key| Operation::Range(RangeRequest::new(KeyRange::Key(key)));
    let success = keys.into_iter().map(read).collect();
    let answer = client.txn(Txn { success, ..Txn::default() }).await?;
    let found = answer.responses.into_iter().map(|response| match response {
        OperationResponse::Range(mut range) => Ok(range.keys.pop()),
        other => Err(EngineError::unexpected(&other)),
    });
    found.collect()
}

pub(super) async fn put(
    client: &impl Coordination,
    put: PutRequest,
) -> Result<Revision, EngineError> {
    Ok(client.txn(Txn::of(Operation::Put(put))).await?.revision)
}

/// Grants a lease for one key; where the put is surely not done, it is taken back.
pub(super) async fn put_with_ttl(
    client: &impl Coordination,
    (key, value): (Bytes, Bytes),
    ttl: std::time::Duration,
) -> Result<(Revision, LeaseId), EngineError> {
    let lease = client.grant(ttl).await?;
    let with_lease = PutRequest { lease: PutLease::Lease(lease), ..PutRequest::new(key, value) };
    match put(client, with_lease).await {
        Ok(revision) => Ok((revision, lease)),
        Err(error) => {
            if error.is_surely_not_done() {
                // Else it runs out by itself.
                let _ = client.revoke(lease).await;
            }
            Err(error)
        }
    }
}

pub(super) async fn delete(
    client: &impl Coordination,
    range: KeyRange,
) -> Result<u64, EngineError> {
    let delete = DeleteRequest { range, previous: false };
    let mut answer = client.txn(Txn::of(Operation::Delete(delete))).await?;
    match answer.responses.pop() {
        Some(OperationResponse::Delete(DeleteResponse { deleted, .. })) => Ok(deleted),
        other => Err(EngineError::unexpected(&other)),
    }
}

pub(super) async fn compare_and_swap(
    client: &impl Coordination,
    key: Bytes,
    expected: Option<Bytes>,
    value: Bytes,
) -> Result<Swapped, EngineError> {
    let range = KeyRange::Key(key.clone());
    let target = match expected {
        Some(expected) => CompareTarget::Value(expected),
        None => CompareTarget::Version(0),
    };
    let txn = Txn {
        compare: vec![Compare { range: range.clone(), op: CompareOp::Equal, target }],
        success: vec![Operation::Put(PutRequest::new(key, value))],
        failure: vec![Operation::Range(RangeRequest::new(range))],
    };
    let mut answer = client.txn(txn).await?;
    let found = match answer.responses.pop() {
        Some(OperationResponse::Put(_)) => None,
        Some(OperationResponse::Range(mut range)) => range.keys.pop(),
        other => return Err(EngineError::unexpected(&other)),
    };
    Ok(Swapped { succeeded: answer.succeeded, revision: answer.revision, found })
}
