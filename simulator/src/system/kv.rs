//! The built-in system: puts, gets and deletions of a few keys, judged to be linearizable.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use quorate_core::{Index, LogId};
use quorate_kv::{Command, Kv, Response, VALUE_LIMIT_BYTES};
use serde::{Deserialize, Serialize};

use super::{Asked, Draw, End, System, Turn, Wanted};
use crate::{
    case::Verb,
    hash::mix,
    history::{Ask, History, Told, Value},
    linearize::{Verdict, judge},
    oracle::Violation,
};

/// Steps of the search for a linear order of one key's operations.
const SEARCH_STEPS: u64 = 300_000;

/// The key-value machine, and what its clients saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvSystem {
    /// What clients asked and were told.
    pub history: History,
    given_up: u64,
}

/// An operation on a key. A written value follows from the client and the operation's number.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvOperation {
    /// What is asked for.
    pub verb: Verb,
    /// Of which key.
    pub key: u64,
}

impl fmt::Debug for KvOperation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} of key {}", format!("{:?}", self.verb).to_lowercase(), self.key)
    }
}

impl System for KvSystem {
    const NAME: &'static str = "kv";
    type Machine = Kv;
    type Operation = KvOperation;
    type Answer = Told;

    fn machine(&self) -> Kv {
        Kv::default()
    }

    fn draw(&self, turn: &Turn<'_>, draw: &mut Draw<'_>) -> KvOperation {
        let workload = turn.workload;
        let [key, reads, deletes] = draw.all([workload.keys, 100, 100]);
        let verb = match turn.wanted {
            Wanted::Write => Verb::Put,
            Wanted::Read => Verb::Get,
            Wanted::Any if reads < workload.read_percent => Verb::Get,
            Wanted::Any if deletes < workload.delete_percent => Verb::Delete,
            Wanted::Any => Verb::Put,
        };
        KvOperation { verb, key }
    }

    fn is_read(&self, operation: &KvOperation) -> bool {
        operation.verb == Verb::Get
    }

    fn command(&self, asked: &Asked<'_, KvOperation>) -> Bytes {
        let key = key_bytes(asked.operation.key);
        let command = match asked.operation.verb {
            Verb::Put => {
                let most = u64::from(VALUE_LIMIT_BYTES) - 8;
                let padding = asked.workload.padding_bytes.min(most) as usize;
                let mut bytes = BytesMut::with_capacity(8 + padding);
                bytes.put_u64(value_by(asked.client, asked.number));
                bytes.put_bytes(b'.', padding);
                Command::Put { key, value: bytes.freeze() }
            }
            Verb::Get | Verb::Delete => Command::Delete { key },
        };
        command.encode().expect("a short key and a value within its limit")
    }

    fn answer(&self, _operation: &KvOperation, response: &Response) -> Option<Told> {
        match response {
            Response::Put { .. } => Some(Told::Done),
            Response::Deleted { existed, .. } => Some(Told::Removed { existed: *existed }),
            Response::None | Response::BadCommand(_) => None,
        }
    }

    fn read(&self, machine: &Kv, operation: &KvOperation) -> Told {
        let value = machine.get(&key_bytes(operation.key));
        Told::Got(value.map(|value| value_of(&value.bytes)))
    }

    fn hash_response(&self, response: &Response) -> u64 {
        match response {
            Response::None => 1,
            Response::Put { revision } => mix(2, *revision),
            Response::Deleted { revision, existed } => mix(3 + u64::from(*existed), *revision),
            Response::BadCommand(_) => 5,
        }
    }

    fn fingerprint(&self, machine: &Kv) -> u64 {
        machine.fingerprint()
    }

    fn simpler(&self, operation: &KvOperation) -> Vec<KvOperation> {
        let mut list = Vec::new();
        if operation.key > 0 {
            list.push(KvOperation { key: 0, ..*operation });
        }
        if operation.verb == Verb::Delete {
            list.push(KvOperation { verb: Verb::Put, ..*operation });
        }
        list
    }

    fn begun(&mut self, asked: &Asked<'_, KvOperation>, moment: u64) {
        let KvOperation { verb, key } = *asked.operation;
        let ask = match verb {
            Verb::Get => Ask::Get,
            Verb::Delete => Ask::Delete,
            Verb::Put => Ask::Put(value_by(asked.client, asked.number)),
        };
        self.history.invoke(asked.client, key, ask, moment);
    }

    fn ended(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        end: &End<Told>,
        moment: u64,
    ) -> Result<(), Violation> {
        let (told, place) = match end {
            End::Wrote { place, answer } => (*answer, *place),
            End::Read { applied, answer } => (*answer, at_index(*applied)),
            End::Never => (Told::Never, LogId::ZERO),
            End::Unknown => (Told::Unknown, LogId::ZERO),
        };
        // What is unknown has no end: it may take effect at any later time.
        let moment = if told == Told::Unknown { u64::MAX } else { moment };
        self.history.answer(asked.index, told, place, moment);
        Ok(())
    }

    /// The operations of each key have an order that explains every answer.
    fn finished(&mut self, _machine: &Kv) -> Result<(), Violation> {
        for key in self.history.keys() {
            match judge(&self.history.of_key(key), SEARCH_STEPS) {
                Verdict::Linearizable => {}
                Verdict::Not { stuck_at } => {
                    let stuck_at = format!("{stuck_at:?}");
                    return Err(Violation::NotLinearizable { key, stuck_at });
                }
                Verdict::GivenUp { .. } => self.given_up += 1,
            }
        }
        Ok(())
    }

    fn searches_given_up(&self) -> u64 {
        self.given_up
    }
}

fn at_index(index: Index) -> LogId {
    LogId::new(0, index)
}

/// The value that a client's operation of this number writes, and nobody else.
fn value_by(client: u64, operation: u64) -> Value {
    (client + 1) << 40 | (operation + 1)
}

/// The bytes of a key.
fn key_bytes(key: u64) -> Bytes {
    Bytes::copy_from_slice(&key.to_be_bytes())
}

/// The number in a value's bytes.
fn value_of(bytes: &[u8]) -> Value {
    let mut word = [0; 8];
    for (slot, byte) in word.iter_mut().zip(bytes) {
        *slot = *byte;
    }
    Value::from_be_bytes(word)
}
