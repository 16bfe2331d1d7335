//! Answers: in snapshots, for clients that may ask again, and between nodes.

use super::{Read, Reader, Writer};
use crate::{
    DeleteResponse, KeyValue, KvError, LeaseId, OperationResponse, Outcome, PutResponse,
    RangeResponse, RequestError, Response, TxnResponse,
};

pub(crate) fn put_response(out: &mut Writer<'_>, response: &Response) {
    out.number(response.revision);
    match &response.outcome {
        None => out.byte(0),
        Some(Ok(outcome)) => {
            out.byte(1);
            put_outcome(out, outcome);
        }
        Some(Err(error)) => {
            out.byte(2);
            put_error(out, error);
        }
    }
}

pub(crate) fn get_response(from: &mut Reader) -> Read<Response> {
    let revision = from.number()?;
    let outcome = match from.byte()? {
        0 => None,
        1 => Some(Ok(get_outcome(from)?)),
        2 => Some(Err(get_error(from)?)),
        _ => return Err(RequestError::Malformed),
    };
    Ok(Response { revision, outcome })
}

fn put_outcome(out: &mut Writer<'_>, outcome: &Outcome) {
    match outcome {
        Outcome::Txn(txn) => {
            out.byte(0);
            put_txn(out, txn);
        }
        Outcome::Compacted => out.byte(1),
        Outcome::Granted { lease, ttl_ms } => put_numbers(out, 2, &[lease.0, *ttl_ms]),
        Outcome::Ended { leases, deleted } => {
            put_numbers(out, 3, &[*deleted]);
            out.list(leases, |out, lease| out.number(lease.0));
        }
        Outcome::QuotaSet => out.byte(4),
    }
}

fn get_outcome(from: &mut Reader) -> Read<Outcome> {
    Ok(match from.byte()? {
        0 => Outcome::Txn(get_txn(from)?),
        1 => Outcome::Compacted,
        2 => Outcome::Granted { lease: LeaseId(from.number()?), ttl_ms: from.number()? },
        3 => {
            let deleted = from.number()?;
            Outcome::Ended { leases: from.list(|from| from.number().map(LeaseId))?, deleted }
        }
        4 => Outcome::QuotaSet,
        _ => return Err(RequestError::Malformed),
    })
}

fn put_numbers(out: &mut Writer<'_>, kind: u8, numbers: &[u64]) {
    out.byte(kind);
    numbers.iter().for_each(|&number| out.number(number));
}

fn put_txn(out: &mut Writer<'_>, txn: &TxnResponse) {
    out.flag(txn.succeeded);
    out.list(&txn.responses, |out, response| match response {
        OperationResponse::Range(range) => {
            out.byte(0);
            out.list(&range.keys, put_key_value);
            out.flag(range.more);
            out.number(range.count);
        }
        OperationResponse::Put(put) => {
            out.byte(1);
            out.list(put.previous.as_slice(), put_key_value);
        }
        OperationResponse::Delete(delete) => {
            put_numbers(out, 2, &[delete.deleted]);
            out.list(&delete.previous, put_key_value);
        }
        OperationResponse::Txn(txn) => {
            out.byte(3);
            put_txn(out, txn);
        }
    });
}

/// As deep as it goes: answers are read from what this machine wrote, and no deeper than commands.
fn get_txn(from: &mut Reader) -> Read<TxnResponse> {
    get_txn_at(from, 1)
}

fn get_txn_at(from: &mut Reader, depth: u32) -> Read<TxnResponse> {
    if depth > crate::TXN_LIMIT_DEPTH {
        return Err(RequestError::TooDeep);
    }
    let succeeded = from.flag()?;
    let responses = from.list(|from| {
        Ok(match from.byte()? {
            0 => OperationResponse::Range(RangeResponse {
                keys: from.list(get_key_value)?,
                more: from.flag()?,
                count: from.number()?,
            }),
            1 => {
                let mut previous = from.list(get_key_value)?;
                if previous.len() > 1 {
                    return Err(RequestError::Malformed);
                }
                OperationResponse::Put(PutResponse { previous: previous.pop() })
            }
            2 => OperationResponse::Delete(DeleteResponse {
                deleted: from.number()?,
                previous: from.list(get_key_value)?,
            }),
            3 => OperationResponse::Txn(get_txn_at(from, depth + 1)?),
            _ => return Err(RequestError::Malformed),
        })
    })?;
    Ok(TxnResponse { succeeded, responses })
}

pub(crate) fn put_key_value(out: &mut Writer<'_>, pair: &KeyValue) {
    out.bytes(&pair.key);
    out.bytes(&pair.value);
    let numbers = [pair.create_revision, pair.mod_revision, pair.version, pair.lease.0];
    numbers.into_iter().for_each(|number| out.number(number));
}

pub(crate) fn get_key_value(from: &mut Reader) -> Read<KeyValue> {
    Ok(KeyValue {
        key: from.bytes()?,
        value: from.bytes()?,
        create_revision: from.number()?,
        mod_revision: from.number()?,
        version: from.number()?,
        lease: LeaseId(from.number()?),
    })
}

fn put_error(out: &mut Writer<'_>, error: &KvError) {
    match *error {
        KvError::Request(error) => {
            out.byte(0);
            put_request_error(out, error);
        }
        KvError::Compacted { asked, compacted } => put_numbers(out, 1, &[asked, compacted]),
        KvError::FutureRevision { asked, current } => put_numbers(out, 2, &[asked, current]),
        KvError::KeyNotFound => out.byte(3),
        KvError::LeaseNotFound { lease } => put_numbers(out, 4, &[lease.0]),
        KvError::LeaseExists { lease } => put_numbers(out, 5, &[lease.0]),
        KvError::TooManyLeases => out.byte(6),
        KvError::NoSpace { used, quota } => put_numbers(out, 7, &[used, quota]),
        KvError::SessionNotFound { session } => put_numbers(out, 8, &[session.0]),
        KvError::TooManySessions => out.byte(9),
        KvError::AnswerGone { sequence } => put_numbers(out, 10, &[sequence]),
        KvError::TooManyAnswers { count } => put_numbers(out, 11, &[count]),
    }
}

fn get_error(from: &mut Reader) -> Read<KvError> {
    Ok(match from.byte()? {
        0 => KvError::Request(get_request_error(from)?),
        1 => KvError::Compacted { asked: from.number()?, compacted: from.number()? },
        2 => KvError::FutureRevision { asked: from.number()?, current: from.number()? },
        3 => KvError::KeyNotFound,
        4 => KvError::LeaseNotFound { lease: LeaseId(from.number()?) },
        5 => KvError::LeaseExists { lease: LeaseId(from.number()?) },
        6 => KvError::TooManyLeases,
        7 => KvError::NoSpace { used: from.number()?, quota: from.number()? },
        8 => KvError::SessionNotFound { session: LeaseId(from.number()?) },
        9 => KvError::TooManySessions,
        10 => KvError::AnswerGone { sequence: from.number()? },
        11 => KvError::TooManyAnswers { count: from.number()? },
        _ => return Err(RequestError::Malformed),
    })
}

fn put_request_error(out: &mut Writer<'_>, error: RequestError) {
    match error {
        RequestError::EmptyKey => out.byte(0),
        RequestError::KeyTooLong { size } => put_numbers(out, 1, &[size]),
        RequestError::ValueTooLong { size } => put_numbers(out, 2, &[size]),
        RequestError::TooLong { size } => put_numbers(out, 3, &[size]),
        RequestError::TooManyOperations { count } => put_numbers(out, 4, &[count]),
        RequestError::TooDeep => out.byte(5),
        RequestError::DuplicateKey => out.byte(6),
        RequestError::TimeToLive { ttl_ms } => put_numbers(out, 7, &[ttl_ms]),
        RequestError::NoLeaseId => out.byte(8),
        RequestError::TooManyLeases { count } => put_numbers(out, 9, &[count]),
        RequestError::Version { found, expected } => {
            put_numbers(out, 10, &[u64::from(found), u64::from(expected)]);
        }
        RequestError::Malformed => out.byte(11),
    }
}

fn get_request_error(from: &mut Reader) -> Read<RequestError> {
    Ok(match from.byte()? {
        0 => RequestError::EmptyKey,
        1 => RequestError::KeyTooLong { size: from.number()? },
        2 => RequestError::ValueTooLong { size: from.number()? },
        3 => RequestError::TooLong { size: from.number()? },
        4 => RequestError::TooManyOperations { count: from.number()? },
        5 => RequestError::TooDeep,
        6 => RequestError::DuplicateKey,
        7 => RequestError::TimeToLive { ttl_ms: from.number()? },
        8 => RequestError::NoLeaseId,
        9 => RequestError::TooManyLeases { count: from.number()? },
        10 => {
            let mut small = || u8::try_from(from.number()?).map_err(|_| RequestError::Malformed);
            RequestError::Version { found: small()?, expected: small()? }
        }
        11 => RequestError::Malformed,
        _ => return Err(RequestError::Malformed),
    })
}
