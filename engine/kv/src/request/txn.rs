//! Transactions: compare, then do the one or the other, in one revision.

use std::cmp::Ordering;

use bytes::Bytes;

use super::{RangeRequest, RangeResponse};
use crate::{
    KeyRange, KeyValue, LeaseId, RequestError, Revision, TXN_LIMIT_DEPTH, TXN_LIMIT_OPERATIONS,
    VALUE_LIMIT_BYTES, key_range::validate_key,
};

/// Which value a put gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutValue {
    /// This one; at most [`VALUE_LIMIT_BYTES`].
    New(Bytes),
    /// The one that the key has.
    Keep,
}

/// By which lease a key lives from a put on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PutLease {
    /// None: it stays until it is deleted.
    None,
    /// This one.
    Lease(LeaseId),
    /// The one that it has, or none.
    Keep,
}

/// Gives a key a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutRequest {
    /// 1 to [`crate::KEY_LIMIT_BYTES`].
    pub key: Bytes,
    /// Its value.
    pub value: PutValue,
    /// The lease that it lives by: a put without one detaches the old one.
    pub lease: PutLease,
    /// Answer with what it was before.
    pub previous: bool,
}

impl PutRequest {
    /// A put that stays.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> PutRequest {
        let value = PutValue::New(value.into());
        PutRequest { key: key.into(), value, lease: PutLease::None, previous: false }
    }

    fn validate(&self) -> Result<(), RequestError> {
        validate_key(&self.key)?;
        match &self.value {
            PutValue::New(value) if value.len() as u64 > u64::from(VALUE_LIMIT_BYTES) => {
                Err(RequestError::ValueTooLong { size: value.len() as u64 })
            }
            PutValue::New(_) | PutValue::Keep => match self.lease {
                PutLease::Lease(LeaseId::NONE) => Err(RequestError::NoLeaseId),
                PutLease::Lease(_) | PutLease::None | PutLease::Keep => Ok(()),
            },
        }
    }
}

/// Deletes keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteRequest {
    /// Which keys.
    pub range: KeyRange,
    /// Answer with what they were.
    pub previous: bool,
}

/// What is compared, and with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareTarget {
    /// How often the key was put since it was created; 0 where it is not there.
    Version(u64),
    /// The revision that created it; 0 where it is not there.
    CreateRevision(Revision),
    /// The revision that last changed it; 0 where it is not there.
    ModRevision(Revision),
    /// Its value. Nothing holds of the value of a key that is not there.
    Value(Bytes),
    /// Its lease; 0 where it has none or is not there.
    Lease(LeaseId),
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    /// What is found is the one given.
    Equal,
    /// It is another one.
    NotEqual,
    /// It is above.
    Greater,
    /// It is below.
    Less,
}

impl CompareOp {
    /// Whether it holds of `ordering`, of what is found against what is given.
    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            CompareOp::Equal => ordering == Ordering::Equal,
            CompareOp::NotEqual => ordering != Ordering::Equal,
            CompareOp::Greater => ordering == Ordering::Greater,
            CompareOp::Less => ordering == Ordering::Less,
        }
    }
}

/// A condition on a key, or on each key that a range holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// Which keys. A range without keys fulfils any condition but one on values.
    pub range: KeyRange,
    /// How.
    pub op: CompareOp,
    /// What, and with what.
    pub target: CompareTarget,
}

/// A step of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Reads.
    Range(RangeRequest),
    /// Puts.
    Put(PutRequest),
    /// Deletes.
    Delete(DeleteRequest),
    /// A transaction in this one. Its conditions see the state before the outermost one.
    Txn(Txn),
}

/// If all conditions hold, one list of operations; if not, another. Each operation sees what those
/// before it did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// The conditions. None holds.
    pub compare: Vec<Compare>,
    /// What is done where all hold.
    pub success: Vec<Operation>,
    /// What is done where one does not.
    pub failure: Vec<Operation>,
}

impl Txn {
    /// One operation.
    pub fn of(operation: Operation) -> Txn {
        Txn { compare: Vec::new(), success: vec![operation], failure: Vec::new() }
    }

    /// Whether it can be carried out.
    ///
    /// # Errors
    /// [`RequestError`] names the limit that is passed.
    pub fn validate(&self) -> Result<(), RequestError> {
        // Most have one operation, which clashes with nothing.
        match (&self.compare[..], &self.success[..], &self.failure[..]) {
            ([], [Operation::Range(range)], []) => range.validate(),
            ([], [Operation::Put(put)], []) => put.validate(),
            ([], [Operation::Delete(delete)], []) => delete.range.validate(),
            _ => self.validate_at(1).map(drop),
        }
    }

    /// The same, at this depth; answers with the keys that it may change.
    fn validate_at(&self, depth: u32) -> Result<Changed, RequestError> {
        if depth > TXN_LIMIT_DEPTH {
            return Err(RequestError::TooDeep);
        }
        for count in [self.compare.len(), self.success.len(), self.failure.len()] {
            if count as u64 > u64::from(TXN_LIMIT_OPERATIONS) {
                return Err(RequestError::TooManyOperations { count: count as u64 });
            }
        }
        for compare in &self.compare {
            compare.range.validate()?;
        }
        let mut changed = validate_branch(&self.success, depth)?;
        // Only one of both is done: they may change the same keys.
        changed.join(validate_branch(&self.failure, depth)?);
        Ok(changed)
    }
}

/// What a branch may change.
#[derive(Default)]
struct Changed {
    puts: Vec<Bytes>,
    deletes: Vec<KeyRange>,
}

impl Changed {
    fn join(&mut self, other: Changed) {
        self.puts.extend(other.puts);
        self.deletes.extend(other.deletes);
    }

    /// Whether a key may be put by one and put or deleted by the other.
    fn clashes(&self, other: &Changed) -> bool {
        let put_by = |puts: &[Bytes], deletes: &[KeyRange]| {
            puts.iter().any(|key| deletes.iter().any(|range| range.contains(key)))
        };
        self.puts.iter().any(|key| other.puts.contains(key))
            || put_by(&self.puts, &other.deletes)
            || put_by(&other.puts, &self.deletes)
    }
}

fn validate_branch(operations: &[Operation], depth: u32) -> Result<Changed, RequestError> {
    let mut changed = Changed::default();
    for operation in operations {
        let next = match operation {
            Operation::Range(range) => {
                range.validate()?;
                continue;
            }
            Operation::Put(put) => {
                put.validate()?;
                Changed { puts: vec![put.key.clone()], deletes: Vec::new() }
            }
            Operation::Delete(delete) => {
                delete.range.validate()?;
                Changed { puts: Vec::new(), deletes: vec![delete.range.clone()] }
            }
            Operation::Txn(txn) => txn.validate_at(depth + 1)?,
        };
        if changed.clashes(&next) {
            return Err(RequestError::DuplicateKey);
        }
        changed.join(next);
    }
    Ok(changed)
}

/// What a put did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutResponse {
    /// What the key was before, where that was asked for and it was there.
    pub previous: Option<KeyValue>,
}

/// What a delete did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteResponse {
    /// How many keys it deleted.
    pub deleted: u64,
    /// What they were, where that was asked for.
    pub previous: Vec<KeyValue>,
}

/// What an operation of a transaction did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OperationResponse {
    /// It read.
    Range(RangeResponse),
    /// It put.
    Put(PutResponse),
    /// It deleted.
    Delete(DeleteResponse),
    /// It was a transaction.
    Txn(TxnResponse),
}

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnResponse {
    /// Whether all conditions held.
    pub succeeded: bool,
    /// An answer for each operation of the branch that was taken.
    pub responses: Vec<OperationResponse>,
}
