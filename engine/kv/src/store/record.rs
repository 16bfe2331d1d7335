//! What one change left of one key.

use bytes::Bytes;

use crate::{LeaseId, Revision};

/// What is charged for each record beside its key and its value. Bytes.
const RECORD_BYTES: u64 = 160;

/// A key as one change left it: with a value, or gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) key: Bytes,
    /// Empty where the key is gone.
    pub(crate) value: Bytes,
    /// The revision that created the key; 0 where it is gone.
    pub(crate) create_revision: Revision,
    /// The revision that left it so.
    pub(crate) mod_revision: Revision,
    /// The place of this change among those of its revision, from 0.
    pub(crate) sub: u32,
    /// Puts since it was created, from 1; 0 where it is gone.
    pub(crate) version: u64,
    /// The lease that it lives by; 0 for none.
    pub(crate) lease: LeaseId,
}

impl Record {
    pub(crate) fn is_gone(&self) -> bool {
        self.version == 0
    }

    /// Its place among all changes.
    pub(crate) fn position(&self) -> (Revision, u32) {
        (self.mod_revision, self.sub)
    }

    /// What is charged for it. Bytes.
    pub(crate) fn cost(&self) -> u64 {
        Record::cost_of((self.key.len() + self.value.len()) as u64)
    }

    /// What is charged for one with so many bytes of key and value. Bytes.
    pub(crate) fn cost_of(bytes: u64) -> u64 {
        bytes + RECORD_BYTES
    }

    pub(crate) fn key_value(&self) -> KeyValue {
        KeyValue {
            key: self.key.clone(),
            value: self.value.clone(),
            create_revision: self.create_revision,
            mod_revision: self.mod_revision,
            version: self.version,
            lease: self.lease,
        }
    }
}

/// A key with its value and history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The key.
    pub key: Bytes,
    /// The bytes last put.
    pub value: Bytes,
    /// The revision that created the key.
    pub create_revision: Revision,
    /// The revision that last changed it.
    pub mod_revision: Revision,
    /// How often it was put since it was created, from 1.
    pub version: u64,
    /// The lease that it lives by; 0 for none.
    pub lease: LeaseId,
}

/// What became of a key in a revision, as a watch tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The revision.
    pub revision: Revision,
    /// The key.
    pub key: Bytes,
    /// What it is now; none where it was deleted.
    pub now: Option<KeyValue>,
    /// What it was before; none where it was not there, or where that is compacted.
    pub before: Option<KeyValue>,
}
