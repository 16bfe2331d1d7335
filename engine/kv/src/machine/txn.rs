//! Transactions: which branch is taken, and what it does.

use super::Kv;
use crate::{
    Compare, CompareTarget, DeleteRequest, DeleteResponse, KvError, LeaseId, Operation,
    OperationResponse, PutLease, PutRequest, PutResponse, PutValue, RangeRequest, Txn, TxnResponse,
    store::{Put, Record, Store, Writes},
};

/// Puts go on once this share of the quota is free again. Percent.
const SPACE_FREE_PERCENT: u64 = 10;

/// Carries a transaction out, or changes nothing.
pub(super) fn run(kv: &mut Kv, txn: &Txn) -> Result<TxnResponse, KvError> {
    let path = Path::of(&kv.store, txn);
    let mut needs = Needs::default();
    check(kv, txn, &path, &mut needs)?;
    kv.room_for(needs.bytes)?;
    let mut writes = Writes::begin(&kv.store);
    Ok(execute(kv, txn, &path, &mut writes))
}

/// Which branches are taken, of a transaction and of those in it. All conditions see the state
/// before the outermost transaction, as in etcd.
struct Path {
    succeeded: bool,
    /// For each transaction in the branch that is taken, in order.
    inner: Vec<Path>,
}

impl Path {
    fn of(store: &Store, txn: &Txn) -> Path {
        let succeeded = txn.compare.iter().all(|compare| holds(store, compare));
        let inner = branch(txn, succeeded).iter().filter_map(|operation| match operation {
            Operation::Txn(txn) => Some(Path::of(store, txn)),
            Operation::Range(_) | Operation::Put(_) | Operation::Delete(_) => None,
        });
        Path { succeeded, inner: inner.collect() }
    }
}

fn branch(txn: &Txn, succeeded: bool) -> &[Operation] {
    if succeeded { &txn.success } else { &txn.failure }
}

/// Whether a condition holds: of each key of its range.
fn holds(store: &Store, compare: &Compare) -> bool {
    let mut found = store.newest_of(&compare.range).peekable();
    if found.peek().is_none() {
        return holds_of(None, compare);
    }
    found.all(|record| holds_of(Some(record), compare))
}

/// A key that is not there has zeros for numbers, and no value to compare.
fn holds_of(record: Option<&Record>, compare: &Compare) -> bool {
    let number = |of: fn(&Record) -> u64| record.map_or(0, of);
    let ordering = match &compare.target {
        CompareTarget::Version(given) => number(|record| record.version).cmp(given),
        CompareTarget::CreateRevision(given) => number(|one| one.create_revision).cmp(given),
        CompareTarget::ModRevision(given) => number(|one| one.mod_revision).cmp(given),
        CompareTarget::Lease(given) => number(|record| record.lease.0).cmp(&given.0),
        CompareTarget::Value(given) => match record {
            Some(record) => record.value.cmp(given),
            None => return false,
        },
    };
    compare.op.holds(ordering)
}

/// What the branch that is taken will add.
#[derive(Default)]
struct Needs {
    bytes: u64,
}

/// Whether all operations of the branch that is taken can be carried out: none is before all are.
fn check(kv: &Kv, txn: &Txn, path: &Path, needs: &mut Needs) -> Result<(), KvError> {
    let mut inner = path.inner.iter();
    for operation in branch(txn, path.succeeded) {
        match operation {
            Operation::Range(range) if range.revision > 0 => kv.store.readable(range.revision)?,
            Operation::Range(_) | Operation::Delete(_) => {}
            Operation::Put(put) => check_put(kv, put, needs)?,
            Operation::Txn(txn) => check(kv, txn, next(&mut inner), needs)?,
        }
    }
    Ok(())
}

fn next<'a>(inner: &mut impl Iterator<Item = &'a Path>) -> &'a Path {
    inner.next().expect("a path has a step for each transaction in its branch")
}

fn check_put(kv: &Kv, put: &PutRequest, needs: &mut Needs) -> Result<(), KvError> {
    // No key is changed twice in a branch, so it is still as it was.
    let now = || kv.store.get(&put.key).ok_or(KvError::KeyNotFound);
    let value = match &put.value {
        PutValue::New(value) => value.len() as u64,
        PutValue::Keep => now()?.value.len() as u64,
    };
    match put.lease {
        PutLease::Keep => _ = now()?,
        PutLease::Lease(lease) if kv.leases.get(lease).is_none() => {
            return Err(KvError::LeaseNotFound { lease });
        }
        PutLease::Lease(_) | PutLease::None => {}
    }
    needs.bytes += Record::cost_of(put.key.len() as u64 + value);
    Ok(())
}

fn execute(kv: &mut Kv, txn: &Txn, path: &Path, writes: &mut Writes) -> TxnResponse {
    let mut inner = path.inner.iter();
    let mut responses = Vec::with_capacity(branch(txn, path.succeeded).len());
    for operation in branch(txn, path.succeeded) {
        responses.push(match operation {
            Operation::Range(range) => OperationResponse::Range(range_in(kv, range)),
            Operation::Put(put) => OperationResponse::Put(execute_put(kv, put, writes)),
            Operation::Delete(delete) => {
                OperationResponse::Delete(execute_delete(kv, delete, writes))
            }
            Operation::Txn(txn) => {
                OperationResponse::Txn(execute(kv, txn, next(&mut inner), writes))
            }
        });
    }
    TxnResponse { succeeded: path.succeeded, responses }
}

/// Reads within a transaction see what it has done so far.
fn range_in(kv: &Kv, range: &RangeRequest) -> crate::RangeResponse {
    kv.range(range).expect("its revision was checked, and only rises")
}

fn execute_put(kv: &mut Kv, put: &PutRequest, writes: &mut Writes) -> PutResponse {
    let value = match &put.value {
        // Copied: else it would keep the whole entry that it came in, and those beside it.
        PutValue::New(value) => Some(bytes::Bytes::copy_from_slice(value)),
        PutValue::Keep => None,
    };
    let lease = match put.lease {
        PutLease::None => Some(LeaseId::NONE),
        PutLease::Lease(lease) => Some(lease),
        PutLease::Keep => None,
    };
    let (now, before) = kv.store.put(writes, Put { key: &put.key, value, lease });
    let had = before.as_ref().map_or(LeaseId::NONE, |before| before.lease);
    if now.lease != had {
        kv.leases.detach(had, &now.key);
        kv.leases.attach(now.lease, &now.key);
    }
    PutResponse { previous: before.filter(|_| put.previous).map(|before| before.key_value()) }
}

fn execute_delete(kv: &mut Kv, delete: &DeleteRequest, writes: &mut Writes) -> DeleteResponse {
    let found: Vec<_> = kv.store.newest_of(&delete.range).cloned().collect();
    for record in &found {
        kv.leases.detach(record.lease, &record.key);
        kv.store.delete(writes, &record.key);
    }
    let deleted = found.len() as u64;
    let shown = found.iter().filter(|_| delete.previous);
    DeleteResponse { deleted, previous: shown.map(|record| record.key_value()).collect() }
}

impl Kv {
    /// Whether so many bytes more fit.
    fn room_for(&mut self, bytes: u64) -> Result<(), KvError> {
        let (used, quota) = (self.used(), self.quota);
        if bytes == 0 || quota == 0 {
            return Ok(());
        }
        self.no_space |= used.saturating_add(bytes) > quota;
        if self.no_space { Err(KvError::NoSpace { used, quota }) } else { Ok(()) }
    }

    /// Ends the want of space, where there is some again.
    pub(super) fn spacious(&mut self) {
        if self.no_space {
            let enough = self.quota - self.quota / 100 * SPACE_FREE_PERCENT;
            self.no_space = self.quota > 0 && self.used() > enough;
        }
    }
}
