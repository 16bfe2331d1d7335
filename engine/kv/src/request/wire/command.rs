//! Commands.

use bytes::Bytes;

use super::{Read, Reader, Writer};
use crate::{
    Command, Compare, CompareOp, CompareTarget, DeleteRequest, KeyRange, LeaseId, Operation,
    PutLease, PutRequest, PutValue, RangeRequest, RequestError, SortBy, SortOrder, TXN_LIMIT_DEPTH,
    Txn,
};

/// Version 1 knew puts and deletes of one key, without revisions that can be read.
const VERSION: u8 = 2;

pub(crate) fn encode(command: &Command) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    let mut out = Writer(&mut bytes);
    match command {
        Command::Txn(txn) => {
            out.byte(0);
            put_txn(&mut out, txn);
        }
        Command::InSession { session, sequence, acknowledged, txn } => {
            out.byte(1);
            [session.0, *sequence, *acknowledged].into_iter().for_each(|one| out.number(one));
            put_txn(&mut out, txn);
        }
        Command::Compact { revision } => put_numbers(&mut out, 2, &[*revision]),
        Command::LeaseGrant { lease, ttl_ms } => put_numbers(&mut out, 3, &[lease.0, *ttl_ms]),
        Command::LeaseRevoke { lease } => put_numbers(&mut out, 4, &[lease.0]),
        Command::LeaseExpire { term, applied, leases } => {
            put_numbers(&mut out, 5, &[*term, *applied]);
            out.list(leases, |out, lease| out.number(lease.0));
        }
        Command::SessionOpen { session, ttl_ms } => {
            put_numbers(&mut out, 6, &[session.0, *ttl_ms]);
        }
        Command::SetQuota { bytes } => put_numbers(&mut out, 7, &[*bytes]),
    }
    bytes
}

fn put_numbers(out: &mut Writer<'_>, kind: u8, numbers: &[u64]) {
    out.byte(kind);
    numbers.iter().for_each(|&number| out.number(number));
}

pub(crate) fn decode(bytes: Bytes) -> Read<Command> {
    let mut from = Reader(bytes);
    let found = from.byte()?;
    if found != VERSION {
        return Err(RequestError::Version { found, expected: VERSION });
    }
    let command = match from.byte()? {
        0 => Command::Txn(get_txn(&mut from, 1)?),
        1 => Command::InSession {
            session: get_lease(&mut from)?,
            sequence: from.number()?,
            acknowledged: from.number()?,
            txn: get_txn(&mut from, 1)?,
        },
        2 => Command::Compact { revision: from.number()? },
        3 => Command::LeaseGrant { lease: get_lease(&mut from)?, ttl_ms: from.number()? },
        4 => Command::LeaseRevoke { lease: get_lease(&mut from)? },
        5 => Command::LeaseExpire {
            term: from.number()?,
            applied: from.number()?,
            leases: from.list(get_lease)?,
        },
        6 => Command::SessionOpen { session: get_lease(&mut from)?, ttl_ms: from.number()? },
        7 => Command::SetQuota { bytes: from.number()? },
        _ => return Err(RequestError::Malformed),
    };
    from.end(command)
}

fn get_lease(from: &mut Reader) -> Read<LeaseId> {
    from.number().map(LeaseId)
}

fn put_txn(out: &mut Writer<'_>, txn: &Txn) {
    out.list(&txn.compare, put_compare);
    out.list(&txn.success, put_operation);
    out.list(&txn.failure, put_operation);
}

fn get_txn(from: &mut Reader, depth: u32) -> Read<Txn> {
    if depth > TXN_LIMIT_DEPTH {
        return Err(RequestError::TooDeep);
    }
    Ok(Txn {
        compare: from.list(get_compare)?,
        success: from.list(|from| get_operation(from, depth))?,
        failure: from.list(|from| get_operation(from, depth))?,
    })
}

fn put_operation(out: &mut Writer<'_>, operation: &Operation) {
    match operation {
        Operation::Range(range) => {
            out.byte(0);
            put_range_request(out, range);
        }
        Operation::Put(put) => {
            out.byte(1);
            put_put(out, put);
        }
        Operation::Delete(delete) => {
            out.byte(2);
            put_range(out, &delete.range);
            out.flag(delete.previous);
        }
        Operation::Txn(txn) => {
            out.byte(3);
            put_txn(out, txn);
        }
    }
}

fn get_operation(from: &mut Reader, depth: u32) -> Read<Operation> {
    Ok(match from.byte()? {
        0 => Operation::Range(get_range_request(from)?),
        1 => Operation::Put(get_put(from)?),
        2 => Operation::Delete(DeleteRequest { range: get_range(from)?, previous: from.flag()? }),
        3 => Operation::Txn(get_txn(from, depth + 1)?),
        _ => return Err(RequestError::Malformed),
    })
}

fn put_put(out: &mut Writer<'_>, put: &PutRequest) {
    out.bytes(&put.key);
    match &put.value {
        PutValue::Keep => out.byte(0),
        PutValue::New(value) => {
            out.byte(1);
            out.bytes(value);
        }
    }
    match put.lease {
        PutLease::None => out.byte(0),
        PutLease::Keep => out.byte(1),
        PutLease::Lease(lease) => put_numbers(out, 2, &[lease.0]),
    }
    out.flag(put.previous);
}

fn get_put(from: &mut Reader) -> Read<PutRequest> {
    let key = from.bytes()?;
    let value = match from.byte()? {
        0 => PutValue::Keep,
        1 => PutValue::New(from.bytes()?),
        _ => return Err(RequestError::Malformed),
    };
    let lease = match from.byte()? {
        0 => PutLease::None,
        1 => PutLease::Keep,
        2 => PutLease::Lease(get_lease(from)?),
        _ => return Err(RequestError::Malformed),
    };
    Ok(PutRequest { key, value, lease, previous: from.flag()? })
}

pub(crate) fn put_range(out: &mut Writer<'_>, range: &KeyRange) {
    match range {
        KeyRange::Key(key) => {
            out.byte(0);
            out.bytes(key);
        }
        KeyRange::Between(start, end) => {
            out.byte(1);
            out.bytes(start);
            out.bytes(end);
        }
        KeyRange::From(start) => {
            out.byte(2);
            out.bytes(start);
        }
    }
}

pub(crate) fn get_range(from: &mut Reader) -> Read<KeyRange> {
    Ok(match from.byte()? {
        0 => KeyRange::Key(from.bytes()?),
        1 => KeyRange::Between(from.bytes()?, from.bytes()?),
        2 => KeyRange::From(from.bytes()?),
        _ => return Err(RequestError::Malformed),
    })
}

const SORTS: [SortBy; 5] =
    [SortBy::Key, SortBy::Version, SortBy::CreateRevision, SortBy::ModRevision, SortBy::Value];
const ORDERS: [SortOrder; 2] = [SortOrder::Ascending, SortOrder::Descending];
const COMPARES: [CompareOp; 4] =
    [CompareOp::Equal, CompareOp::NotEqual, CompareOp::Greater, CompareOp::Less];

fn put_one_of<T: PartialEq>(out: &mut Writer<'_>, all: &[T], one: &T) {
    let place = all.iter().position(|other| other == one).expect("all are listed");
    out.byte(place as u8);
}

fn get_one_of<T: Copy>(from: &mut Reader, all: &[T]) -> Read<T> {
    all.get(usize::from(from.byte()?)).copied().ok_or(RequestError::Malformed)
}

fn put_range_request(out: &mut Writer<'_>, request: &RangeRequest) {
    put_range(out, &request.range);
    put_one_of(out, &SORTS, &request.sort_by);
    put_one_of(out, &ORDERS, &request.order);
    out.flag(request.keys_only);
    out.flag(request.count_only);
    let numbers = [
        request.revision,
        request.limit,
        request.min_mod_revision,
        request.max_mod_revision,
        request.min_create_revision,
        request.max_create_revision,
    ];
    numbers.into_iter().for_each(|number| out.number(number));
}

fn get_range_request(from: &mut Reader) -> Read<RangeRequest> {
    Ok(RangeRequest {
        range: get_range(from)?,
        sort_by: get_one_of(from, &SORTS)?,
        order: get_one_of(from, &ORDERS)?,
        keys_only: from.flag()?,
        count_only: from.flag()?,
        revision: from.number()?,
        limit: from.number()?,
        min_mod_revision: from.number()?,
        max_mod_revision: from.number()?,
        min_create_revision: from.number()?,
        max_create_revision: from.number()?,
    })
}

fn put_compare(out: &mut Writer<'_>, compare: &Compare) {
    put_range(out, &compare.range);
    put_one_of(out, &COMPARES, &compare.op);
    match &compare.target {
        CompareTarget::Version(version) => put_numbers(out, 0, &[*version]),
        CompareTarget::CreateRevision(revision) => put_numbers(out, 1, &[*revision]),
        CompareTarget::ModRevision(revision) => put_numbers(out, 2, &[*revision]),
        CompareTarget::Value(value) => {
            out.byte(3);
            out.bytes(value);
        }
        CompareTarget::Lease(lease) => put_numbers(out, 4, &[lease.0]),
    }
}

fn get_compare(from: &mut Reader) -> Read<Compare> {
    let (range, op) = (get_range(from)?, get_one_of(from, &COMPARES)?);
    let target = match from.byte()? {
        0 => CompareTarget::Version(from.number()?),
        1 => CompareTarget::CreateRevision(from.number()?),
        2 => CompareTarget::ModRevision(from.number()?),
        3 => CompareTarget::Value(from.bytes()?),
        4 => CompareTarget::Lease(get_lease(from)?),
        _ => return Err(RequestError::Malformed),
    };
    Ok(Compare { range, op, target })
}
