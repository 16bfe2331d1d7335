//! What the tests share: a machine under test, and commands of any kind.

#![allow(dead_code, reason = "each test uses some of it")]

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::{EntryRef, LogId, Payload};
use quorate_driver::StateMachine;
use quorate_kv::{
    Command, Compare, CompareOp, CompareTarget, DeleteRequest, KeyRange, Kv, KvError, LeaseId,
    Operation, Outcome, PutLease, PutRequest, PutValue, RangeRequest, Response, SortBy, SortOrder,
    Txn,
};

/// A machine, and how many entries it has applied.
#[derive(Clone, Default)]
pub(crate) struct Machine {
    pub(crate) kv: Kv,
    index: u64,
}

impl Machine {
    pub(crate) fn apply(&mut self, command: &Command) -> Response {
        self.apply_bytes(command.encode().expect("within the limits"))
    }

    pub(crate) fn apply_bytes(&mut self, bytes: Bytes) -> Response {
        self.index += 1;
        let payload = Payload::Command(bytes);
        self.kv.apply_entry(EntryRef { log_id: LogId::new(1, self.index), payload: &payload })
    }

    pub(crate) fn run(&mut self, command: &Command) -> Result<Outcome, KvError> {
        self.apply(command).outcome.expect("a command has an outcome")
    }

    /// The same, from its own snapshot.
    pub(crate) fn reborn(&self) -> Machine {
        let mut kv = Kv::default();
        kv.install(self.kv.snapshot()().into()).expect("its own snapshot");
        Machine { kv, index: self.index }
    }
}

pub(crate) fn key() -> impl Strategy<Value = Bytes> {
    (0_u8..6).prop_map(|number| Bytes::from(vec![b'k', b'0' + number]))
}

pub(crate) fn range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        4 => key().prop_map(KeyRange::Key),
        2 => (key(), key()).prop_map(|(start, end)| KeyRange::Between(start, end)),
        1 => key().prop_map(KeyRange::From),
        1 => Just(KeyRange::ALL),
    ]
}

fn value() -> impl Strategy<Value = Bytes> {
    proptest::collection::vec(any::<u8>(), 0..6).prop_map(Bytes::from)
}

pub(crate) fn lease() -> impl Strategy<Value = LeaseId> {
    (1_u64..4).prop_map(LeaseId)
}

pub(crate) fn put() -> impl Strategy<Value = PutRequest> {
    let value = prop_oneof![5 => value().prop_map(PutValue::New), 1 => Just(PutValue::Keep)];
    let lease = prop_oneof![
        3 => Just(PutLease::None),
        3 => lease().prop_map(PutLease::Lease),
        1 => Just(PutLease::Keep),
    ];
    (key(), value, lease, any::<bool>()).prop_map(|(key, value, lease, previous)| PutRequest {
        key,
        value,
        lease,
        previous,
    })
}

pub(crate) fn read() -> impl Strategy<Value = RangeRequest> {
    let sorts =
        [SortBy::Key, SortBy::Version, SortBy::CreateRevision, SortBy::ModRevision, SortBy::Value];
    let how = (0..sorts.len(), any::<bool>(), any::<bool>(), any::<bool>());
    (range(), 0_u64..12, 0_u64..4, how, proptest::array::uniform4(0_u64..8)).prop_map(
        move |(range, revision, limit, (sort, down, keys_only, count_only), bounds)| RangeRequest {
            range,
            revision,
            limit,
            sort_by: sorts[sort],
            order: if down { SortOrder::Descending } else { SortOrder::Ascending },
            keys_only,
            count_only,
            min_mod_revision: bounds[0] / 3,
            max_mod_revision: if bounds[1] < 6 { 0 } else { bounds[1] },
            min_create_revision: bounds[2] / 3,
            max_create_revision: if bounds[3] < 6 { 0 } else { bounds[3] },
        },
    )
}

fn compare() -> impl Strategy<Value = Compare> {
    let ops = [CompareOp::Equal, CompareOp::NotEqual, CompareOp::Greater, CompareOp::Less];
    let target = prop_oneof![
        (0_u64..4).prop_map(CompareTarget::Version),
        (0_u64..12).prop_map(CompareTarget::CreateRevision),
        (0_u64..12).prop_map(CompareTarget::ModRevision),
        value().prop_map(CompareTarget::Value),
        (0_u64..4).prop_map(|id| CompareTarget::Lease(LeaseId(id))),
    ];
    (range(), 0..ops.len(), target).prop_map(move |(range, op, target)| Compare {
        range,
        op: ops[op],
        target,
    })
}

/// A transaction, which may change a key twice and so be refused.
pub(crate) fn txn() -> impl Strategy<Value = Txn> {
    let leaf = prop_oneof![
        1 => read().prop_map(Operation::Range),
        3 => put().prop_map(Operation::Put),
        1 => (range(), any::<bool>())
            .prop_map(|(range, previous)| Operation::Delete(DeleteRequest { range, previous })),
    ];
    let operation = leaf.prop_recursive(2, 12, 3, |inner| {
        let list = || proptest::collection::vec(inner.clone(), 0..3);
        (proptest::collection::vec(compare(), 0..2), list(), list()).prop_map(
            |(compare, success, failure)| Operation::Txn(Txn { compare, success, failure }),
        )
    });
    let list = proptest::collection::vec(operation.boxed(), 0..4).boxed();
    (proptest::collection::vec(compare(), 0..3), list.clone(), list)
        .prop_map(|(compare, success, failure)| Txn { compare, success, failure })
}

/// A command that the machine takes.
pub(crate) fn command() -> impl Strategy<Value = Command> {
    let valid = |txn: &Txn| txn.validate().is_ok();
    let ttl = 100_u64..5_000;
    prop_oneof![
        8 => put().prop_map(|put| Command::Txn(Txn::of(Operation::Put(put)))),
        4 => txn().prop_filter("a key twice", valid).prop_map(Command::Txn),
        2 => (range(), any::<bool>()).prop_map(|(range, previous)| {
            Command::Txn(Txn::of(Operation::Delete(DeleteRequest { range, previous })))
        }),
        1 => (1_u64..20).prop_map(|revision| Command::Compact { revision }),
        3 => (lease(), ttl.clone()).prop_map(|(lease, ttl_ms)| Command::LeaseGrant {
            lease,
            ttl_ms,
        }),
        1 => lease().prop_map(|lease| Command::LeaseRevoke { lease }),
        1 => (1_u64..3, 0_u64..40, proptest::collection::vec(lease(), 0..3)).prop_map(
            |(term, applied, leases)| Command::LeaseExpire { term, applied, leases },
        ),
        2 => (lease(), ttl).prop_map(|(session, ttl_ms)| Command::SessionOpen {
            session,
            ttl_ms,
        }),
        3 => (lease(), 1_u64..6, 0_u64..5, put()).prop_map(|(session, sequence, acknowledged, put)| {
            let txn = Txn::of(Operation::Put(put));
            Command::InSession { session, sequence, acknowledged, txn }
        }),
        1 => prop_oneof![Just(0), Just(2_000_u64), Just(1 << 20)]
            .prop_map(|bytes| Command::SetQuota { bytes }),
    ]
}
