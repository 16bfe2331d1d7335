//! The commands that ask for operations, and the names of keys.

use bytes::{BufMut, Bytes, BytesMut};
use quorate_kv::{
    Command, Compare, CompareOp, CompareTarget, DeleteRequest, KeyRange, LeaseId, Operation,
    PutLease, PutRequest, RangeRequest, Txn, VALUE_LIMIT_BYTES,
};

use super::{KvOperation, lists::Link};
use crate::{history::Value, system::Asked};

/// What each account has before it is first written.
pub(super) const BALANCE: u64 = 100;
/// How many accounts there are.
pub(super) const ACCOUNTS: u64 = 4;

/// The families of keys; those of [`KvOperation::Put`] have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Account,
    Cell,
    Count,
    Item,
    Mortal,
    Lock,
    List,
}

impl Kind {
    fn letter(self) -> u8 {
        match self {
            Kind::Account => b'a',
            Kind::Cell => b'c',
            Kind::Count => b'n',
            Kind::Item => b's',
            Kind::Mortal => b'l',
            Kind::Lock => b'x',
            Kind::List => b'h',
        }
    }

    pub(super) fn key(self, number: u64) -> Bytes {
        Bytes::copy_from_slice(&[self.letter(), number as u8])
    }

    pub(super) fn all(self) -> KeyRange {
        KeyRange::prefix(Bytes::copy_from_slice(&[self.letter()]))
    }
}

/// The command that asks for an operation which does not only read.
pub(super) fn command(asked: &Asked<'_, KvOperation>) -> Command {
    let lease = LeaseId;
    match *asked.operation {
        KvOperation::Put { key, .. } => {
            in_session(asked, put(key_bytes(key), padded(asked), PutLease::None))
        }
        KvOperation::Delete { key } => Command::delete(key_bytes(key)),
        KvOperation::Compact { revision } => Command::Compact { revision },
        KvOperation::Quota { bytes } => Command::SetQuota { bytes },
        KvOperation::Move { accounts, seen, left, .. } => {
            in_session(asked, transfer(accounts, seen, left))
        }
        KvOperation::Swap { cell, seen, .. } => in_session(asked, swap(asked, cell, seen)),
        KvOperation::Several { item, range, .. } => in_session(asked, several(asked, item, range)),
        KvOperation::Append { list, seen, link: [length, hash], .. } => {
            in_session(asked, append(asked, list, seen, Link { length, hash }))
        }
        KvOperation::Open { session, ttl_ms } => {
            Command::SessionOpen { session: lease(session), ttl_ms }
        }
        KvOperation::Grant { id, ttl_ms } => Command::LeaseGrant { lease: lease(id), ttl_ms },
        KvOperation::Revoke { id } => Command::LeaseRevoke { lease: lease(id) },
        KvOperation::Attach { key, id } => {
            let by = if id > 0 { PutLease::Lease(lease(id)) } else { PutLease::None };
            Command::Txn(put(Kind::Mortal.key(key), padded(asked), by))
        }
        KvOperation::Lock { lock, id } => Command::Txn(take(asked, lock, lease(id))),
        KvOperation::Unlock { lock, id } => Command::Txn(give_back(lock, lease(id))),
        // These only read.
        KvOperation::Get { .. }
        | KvOperation::Scan { .. }
        | KvOperation::KeepAlive { .. }
        | KvOperation::Left { .. }
        | KvOperation::Watch { .. } => Command::Txn(Txn::default()),
    }
}

/// A client has one operation under way, so that it has the answers to all before this one, or has
/// given them up.
fn in_session(asked: &Asked<'_, KvOperation>, txn: Txn) -> Command {
    match asked.operation.session() {
        0 => Command::Txn(txn),
        session => Command::InSession {
            session: LeaseId(session),
            sequence: asked.number + 1,
            acknowledged: asked.number,
            txn,
        },
    }
}

fn put(key: Bytes, value: Bytes, lease: PutLease) -> Txn {
    Txn::of(Operation::Put(PutRequest { lease, ..PutRequest::new(key, value) }))
}

fn see(range: KeyRange) -> Operation {
    Operation::Range(RangeRequest::new(range))
}

fn is_as_seen(key: Bytes, seen: u64) -> Compare {
    let target = CompareTarget::ModRevision(seen);
    Compare { range: KeyRange::Key(key), op: CompareOp::Equal, target }
}

fn transfer(accounts: [u64; 2], seen: [u64; 2], left: [u64; 2]) -> Txn {
    let keys = accounts.map(|account| Kind::Account.key(account));
    let puts = keys.iter().zip(left).map(|(key, left)| {
        let value = Bytes::copy_from_slice(&left.to_be_bytes());
        Operation::Put(PutRequest { previous: true, ..PutRequest::new(key.clone(), value) })
    });
    let all = || see(Kind::Account.all());
    let success = puts.chain([all()]).collect();
    let compare = keys.iter().zip(seen).map(|(key, seen)| is_as_seen(key.clone(), seen)).collect();
    Txn { compare, success, failure: vec![all()] }
}

fn swap(asked: &Asked<'_, KvOperation>, cell: u64, seen: u64) -> Txn {
    let key = Kind::Cell.key(cell);
    let value = padded(asked);
    let put = PutRequest { previous: true, ..PutRequest::new(key.clone(), value) };
    Txn {
        compare: vec![is_as_seen(key.clone(), seen)],
        success: vec![Operation::Put(put)],
        failure: vec![see(KeyRange::Key(key))],
    }
}

fn append(asked: &Asked<'_, KvOperation>, list: u64, seen: u64, link: Link) -> Txn {
    let key = Kind::List.key(list);
    let link = appended(asked, link);
    let value = [link.length.to_be_bytes(), link.hash.to_be_bytes()].concat();
    Txn {
        compare: vec![is_as_seen(key.clone(), seen)],
        failure: vec![see(KeyRange::Key(key.clone()))],
        ..put(key, value.into(), PutLease::None)
    }
}

/// A list with what this operation appends.
pub(super) fn appended(asked: &Asked<'_, KvOperation>, link: Link) -> Link {
    link.and(value_by(asked.client, asked.number))
}

/// The list in a value's bytes.
pub(super) fn link_of(bytes: &[u8]) -> Link {
    let (length, hash) = bytes.split_at(bytes.len().min(8));
    Link { length: value_of(length), hash: value_of(hash) }
}

fn several(asked: &Asked<'_, KvOperation>, item: u64, [low, high]: [u64; 2]) -> Txn {
    let key = Kind::Item.key(item);
    let target = CompareTarget::Version(0);
    let compare =
        vec![Compare { range: KeyRange::Key(key.clone()), op: CompareOp::Greater, target }];
    let value = Bytes::copy_from_slice(&value_by(asked.client, asked.number).to_be_bytes());
    let set = |key| Operation::Put(PutRequest::new(key, value.clone()));
    let range = KeyRange::Between(Kind::Item.key(low), Kind::Item.key(high));
    let remove = Operation::Delete(DeleteRequest { range, previous: true });
    let all = || see(Kind::Item.all());
    let mut failure = vec![set(key)];
    if high != item {
        let key = Kind::Item.key(high);
        let range = KeyRange::Key(key.clone());
        let target = CompareTarget::Version(0);
        // A transaction inside: the other item is added too, or seen.
        failure.push(Operation::Txn(Txn {
            compare: vec![Compare { range: range.clone(), op: CompareOp::Equal, target }],
            success: vec![set(key)],
            failure: vec![see(range)],
        }));
    }
    failure.push(all());
    Txn { compare, success: vec![remove, set(Kind::Count.key(item)), all()], failure }
}

/// The revision in which a lock is taken is its token: it rises from holder to holder.
fn take(asked: &Asked<'_, KvOperation>, lock: u64, lease: LeaseId) -> Txn {
    let key = Kind::Lock.key(lock);
    let target = CompareTarget::CreateRevision(0);
    Txn {
        compare: vec![Compare { range: KeyRange::Key(key.clone()), op: CompareOp::Equal, target }],
        failure: vec![see(KeyRange::Key(key.clone()))],
        ..put(key, padded(asked), PutLease::Lease(lease))
    }
}

fn give_back(lock: u64, lease: LeaseId) -> Txn {
    let range = KeyRange::Key(Kind::Lock.key(lock));
    let target = CompareTarget::Lease(lease);
    Txn {
        compare: vec![Compare { range: range.clone(), op: CompareOp::Equal, target }],
        ..Txn::of(Operation::Delete(DeleteRequest { range, previous: false }))
    }
}

/// The value that a client writes, with its padding.
fn padded(asked: &Asked<'_, KvOperation>) -> Bytes {
    let most = u64::from(VALUE_LIMIT_BYTES) - 8;
    let padding = asked.workload.padding_bytes.min(most) as usize;
    let mut bytes = BytesMut::with_capacity(8 + padding);
    bytes.put_u64(value_by(asked.client, asked.number));
    bytes.put_bytes(b'.', padding);
    bytes.freeze()
}

/// The value that a client's operation of this number writes, and nobody else.
pub(super) fn value_by(client: u64, operation: u64) -> Value {
    (client + 1) << 40 | (operation + 1)
}

/// The bytes of a key without a family.
pub(super) fn key_bytes(key: u64) -> Bytes {
    Bytes::copy_from_slice(&key.to_be_bytes())
}

/// The number in a value's bytes.
pub(super) fn value_of(bytes: &[u8]) -> Value {
    let mut word = [0; 8];
    for (slot, byte) in word.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    Value::from_be_bytes(word)
}
