//! The state: keys with values and revisions.

use std::collections::BTreeMap;

use bytes::Bytes;
use quorate_core::{EntryRef, Payload};
use quorate_driver::{InstallError, SerializeState, StateMachine};

use crate::{Command, CommandError, hash::Hash, snapshot::Parts};

/// A count of changes: each put, and each delete of a key that was there, is one more.
pub type Revision = u64;

/// A key's value and history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The bytes last put.
    pub bytes: Bytes,
    /// The change that created the key.
    pub create_revision: Revision,
    /// The change that last put it.
    pub mod_revision: Revision,
    /// How often it was put since it was created, from 1.
    pub version: u64,
}

/// What a command answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The entry held no command.
    None,
    /// Put.
    Put {
        /// The change that did it.
        revision: Revision,
    },
    /// Deleted, or not there.
    Deleted {
        /// The change that did it; the last change where there was no such key.
        revision: Revision,
        /// Whether the key was there.
        existed: bool,
    },
    /// Not a command: nothing changed, on any node.
    BadCommand(CommandError),
}

/// The key-value state machine. Equal histories give equal values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kv {
    values: BTreeMap<Bytes, Value>,
    revision: Revision,
    /// Over every entry applied, in order.
    history: Hash,
}

impl Kv {
    /// The value of `key`.
    pub fn get(&self, key: &[u8]) -> Option<&Value> {
        self.values.get(key)
    }

    /// Keys and values, in ascending order of keys.
    pub fn iter(&self) -> impl Iterator<Item = (&Bytes, &Value)> {
        self.values.iter()
    }

    /// How many keys there are.
    pub fn len(&self) -> u64 {
        self.values.len() as u64
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The last change; 0 before the first.
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// A hash over every entry applied and what it answered, in order: machines that have applied
    /// the same log have the same one.
    pub fn fingerprint(&self) -> u64 {
        self.history.value()
    }

    fn run(&mut self, command: Command) -> Response {
        match command {
            Command::Put { key, value } => self.put(key, value),
            Command::Delete { key } => self.delete(&key),
        }
    }

    fn put(&mut self, key: Bytes, bytes: Bytes) -> Response {
        self.revision += 1;
        let revision = self.revision;
        let value = self.values.entry(key).or_insert_with(|| Value {
            bytes: Bytes::new(),
            create_revision: revision,
            mod_revision: revision,
            version: 0,
        });
        value.bytes = bytes;
        value.mod_revision = revision;
        value.version += 1;
        Response::Put { revision }
    }

    fn delete(&mut self, key: &[u8]) -> Response {
        let existed = self.values.remove(key).is_some();
        self.revision += u64::from(existed);
        Response::Deleted { revision: self.revision, existed }
    }
}

impl StateMachine for Kv {
    type Response = Response;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Response {
        self.history.add_u64(entry.log_id.index);
        self.history.add_u64(entry.log_id.term);
        let Payload::Command(bytes) = entry.payload else { return Response::None };
        self.history.add(bytes);
        let response = match Command::decode(bytes.clone()) {
            Ok(command) => self.run(command),
            Err(error) => Response::BadCommand(error),
        };
        self.history.add_u64(self.revision);
        self.history.add_u64(self.len());
        response
    }

    /// Copies the map, whose keys and values are shared: the cost is a count for each.
    fn snapshot(&self) -> SerializeState {
        let parts = Parts {
            values: self.values.clone(),
            revision: self.revision,
            history: self.history.value(),
        };
        Box::new(move || parts.encode())
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        let Parts { values, revision, history } = Parts::decode(bytes)?;
        *self = Kv { values, revision, history: Hash::from_value(history) };
        Ok(())
    }
}
