//! What clients asked and were told, in the order in which it happened.

use quorate_core::LogId;

/// A value that a client wrote: every write has a number of its own.
pub type Value = u64;

/// What a client asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The value of the key.
    Get,
    /// To set the key to this value.
    Put(Value),
    /// To remove the key.
    Delete,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// Nothing yet, or the outcome is not known: it takes effect at any later time, or never.
    Unknown,
    /// Surely not done.
    Never,
    /// Read: this value, or none.
    Got(Option<Value>),
    /// Written.
    Done,
    /// Removed, or not there.
    Removed {
        /// Whether there was a value.
        existed: bool,
    },
}

/// One operation of a client. Moments count what happened in the run, so no two are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who asked.
    pub client: u64,
    /// Of which key.
    pub key: u64,
    /// What.
    pub ask: Ask,
    /// The moment before anything was sent.
    pub invoked: u64,
    /// The moment of the answer; `u64::MAX` where there is none.
    pub returned: u64,
    /// The answer.
    pub told: Told,
    /// Where it stands in the log: a write's own entry; for a read, the last one applied.
    pub place: LogId,
}

/// All operations of a run on the key-value machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    operations: Vec<Operation>,
}

impl History {
    /// Begins an operation and gives its place in the history.
    pub fn invoke(&mut self, client: u64, key: u64, ask: Ask, moment: u64) -> usize {
        self.operations.push(Operation {
            client,
            key,
            ask,
            invoked: moment,
            returned: u64::MAX,
            told: Told::Unknown,
            place: LogId::ZERO,
        });
        self.operations.len() - 1
    }

    /// Ends an operation with an answer.
    pub fn answer(&mut self, operation: usize, told: Told, place: LogId, moment: u64) {
        if let Some(operation) = self.operations.get_mut(operation) {
            operation.told = told;
            operation.place = place;
            operation.returned = moment;
        }
    }

    /// All operations, in the order of their invocation.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operations of one key.
    pub fn of_key(&self, key: u64) -> Vec<Operation> {
        self.operations.iter().filter(|operation| operation.key == key).copied().collect()
    }

    /// The keys that were asked for, ascending.
    pub fn keys(&self) -> Vec<u64> {
        let mut keys: Vec<u64> = self.operations.iter().map(|operation| operation.key).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}
