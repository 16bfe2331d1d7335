//! Clients: each asks for one thing at a time, follows hints, and asks again when refused.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use quorate_core::{Index, LogId, RequestId};
use quorate_kv::{Command, CommandError};

use crate::{
    case::PlannedOperation,
    history::{Ask, Value},
};

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    /// Counted from 0.
    pub number: u64,
    /// Whom it asks first.
    pub hint: Option<u64>,
    /// What it waits for.
    pub pending: Option<Pending>,
    /// The number of its next operation.
    pub next: u64,
    /// What it is to do, in this order; what it does is drawn where there is no list.
    pub list: Option<VecDeque<PlannedOperation>>,
    /// Whether it has come to the end of its list.
    pub idle: bool,
}

/// An operation under way.
#[derive(Clone, Copy, Debug)]
pub struct Pending {
    /// Its place in the history.
    pub operation: usize,
    /// Its number among those of its client.
    pub number: u64,
    /// How many attempts were made.
    pub attempts: u64,
    /// Whether a lease will do for it.
    pub lease: bool,
    /// Of which key.
    pub key: u64,
    /// What.
    pub ask: Ask,
    /// Where it must at least stand in the log.
    pub floor: Index,
    /// The attempt under way, and to which node; none while the client waits to ask again, when
    /// all attempts were surely without effect.
    pub attempt: Option<(RequestId, u64)>,
    /// Whether the operation began after everything had healed.
    pub healed: bool,
}

/// What a node tells a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Written, at this place; for a deletion, whether there was a value.
    Wrote {
        /// Where.
        place: LogId,
        /// Whether there was a value.
        existed: Option<bool>,
    },
    /// The value, as of the entry last applied.
    Read {
        /// The value, if there is one.
        value: Option<Value>,
        /// The entry.
        applied: Index,
    },
    /// Surely not done; ask that node.
    Refused {
        /// Who leads, where known.
        leader: Option<u64>,
    },
    /// Nobody knows.
    Unknown,
}

impl Client {
    /// A client that has not asked yet.
    pub fn new(number: u64, list: Option<VecDeque<PlannedOperation>>) -> Client {
        Client { number, hint: None, pending: None, next: 0, list, idle: false }
    }

    /// The value that its operation of this number writes, and nobody else.
    pub fn value(&self, operation: u64) -> Value {
        (self.number + 1) << 40 | (operation + 1)
    }

    /// The next operation of the list, if there is one.
    pub fn listed(&self) -> Option<PlannedOperation> {
        self.list.as_ref().and_then(|list| list.front().copied())
    }
}

/// The bytes of a key.
pub fn key_bytes(key: u64) -> Bytes {
    Bytes::copy_from_slice(&key.to_be_bytes())
}

/// The command that asks for a change.
///
/// # Errors
/// As [`Command::encode`].
pub fn command(key: u64, ask: Ask, padding: u64) -> Result<Bytes, CommandError> {
    let key = key_bytes(key);
    match ask {
        Ask::Put(value) => {
            let mut bytes = BytesMut::with_capacity(8 + padding as usize);
            bytes.put_u64(value);
            bytes.put_bytes(b'.', padding as usize);
            Command::Put { key, value: bytes.freeze() }.encode()
        }
        Ask::Get | Ask::Delete => Command::Delete { key }.encode(),
    }
}

/// The number in a value's bytes.
pub fn value_of(bytes: &[u8]) -> Value {
    let mut word = [0; 8];
    for (slot, byte) in word.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    Value::from_be_bytes(word)
}
