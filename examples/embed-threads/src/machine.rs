//! The state machine: a map. It knows no node, leader or time, so the same commands give the same
//! state everywhere.

use std::collections::BTreeMap;

use crate::record::Reader;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    map: BTreeMap<String, String>,
}

impl Machine {
    /// The command that puts `value` under `key`.
    pub(crate) fn put(key: &str, value: &str) -> Vec<u8> {
        let mut command = Vec::new();
        for text in [key, value] {
            command.extend((text.len() as u64).to_le_bytes());
            command.extend(text.as_bytes());
        }
        command
    }

    /// Applies one command. A command that says nothing changes nothing, on every node alike.
    pub(crate) fn apply(&mut self, command: &[u8]) {
        let mut reader = Reader::new(command);
        if let Some((key, value)) = reader.text().zip(reader.text()) {
            self.map.insert(key, value);
        }
    }

    pub(crate) fn get(&self, key: &str) -> Option<String> {
        self.map.get(key).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// All of it, as the commands that would make it.
    pub(crate) fn snapshot(&self) -> Vec<u8> {
        self.map.iter().flat_map(|(key, value)| Machine::put(key, value)).collect()
    }

    /// What [`Machine::snapshot`] gave; none where the bytes say something else.
    pub(crate) fn from_snapshot(bytes: &[u8]) -> Option<Machine> {
        let mut reader = Reader::new(bytes);
        let mut machine = Machine::default();
        while !reader.is_empty() {
            let (key, value) = (reader.text()?, reader.text()?);
            machine.map.insert(key, value);
        }
        Some(machine)
    }
}
