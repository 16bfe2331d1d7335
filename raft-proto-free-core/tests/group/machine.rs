//! A state machine in memory, and its snapshots on their way.

use std::sync::Arc;

use quorate_core::*;

/// A state machine in memory: the commands it applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// The last entry applied.
    pub last: LogId,
    /// All of them, as far as this life saw them or a snapshot brought them.
    pub applied: Vec<LogId>,
    pub commands: Vec<String>,
    /// Stands for everything that was applied, in its order.
    pub digest: u64,
}

impl Machine {
    /// Applies one entry.
    pub fn apply(&mut self, entry: EntryRef<'_>) {
        assert_eq!(entry.log_id.index, self.last.index + 1, "applied out of order");
        self.last = entry.log_id;
        self.applied.push(entry.log_id);
        self.digest = fold(self.digest, &digest_of(entry).to_le_bytes());
        if let Payload::Command(bytes) = entry.payload {
            self.commands.push(String::from_utf8_lossy(bytes).into_owned());
        }
    }
}

/// Stands for an entry and what it holds.
pub fn digest_of(entry: EntryRef<'_>) -> u64 {
    let seed = fold(entry.log_id.term, &entry.log_id.index.to_le_bytes());
    match entry.payload {
        Payload::Command(bytes) => fold(seed ^ 1, bytes),
        Payload::Configuration(members) => fold(seed ^ 2, format!("{members:?}").as_bytes()),
        Payload::Noop => seed,
    }
}

/// The hash FNV-1a, begun at `seed`.
fn fold(seed: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A snapshot on its way.
#[derive(Clone, Debug)]
pub struct Parcel {
    pub term: Term,
    pub meta: Arc<SnapshotMeta>,
    pub machine: Machine,
}
