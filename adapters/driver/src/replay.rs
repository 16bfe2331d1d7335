//! Stepping a trace again: a fresh core is given the same events, and must answer the same, byte for
//! byte.

use std::io;

use quorate_codec::{TraceError, TraceReader, TraceRecord, decode_actions, encode_actions};
use quorate_core::{Action, Event, Raft, RestoreError};

/// What is read at once. Bytes.
const READ_BYTES: usize = 256 * 1024;

/// What became of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replayed {
    /// How many events were stepped.
    pub events: u64,
    /// How many actions followed from them.
    pub actions: u64,
    /// A hash over all actions that the fresh core gave, as they are encoded (FNV-1a): the same on
    /// every platform.
    pub hash: u64,
    /// The first event that was answered otherwise than it was recorded.
    pub divergence: Option<Box<Divergence>>,
    /// How many bytes at the end belong to a record that was cut short.
    pub cut_bytes: u64,
}

/// An event that was answered otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Which event, counted from 1.
    pub event_number: u64,
    /// The event.
    pub event: Event,
    /// What was recorded; none where that makes no sense.
    pub recorded: Option<Vec<Action>>,
    /// What the fresh core answered.
    pub found: Vec<Action>,
}

/// Why there was nothing to compare.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The trace cannot be read.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The bytes are no trace.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The core does not start from what the recorded one started from.
    #[error("the core does not start as it did: {0}")]
    Restore(#[from] RestoreError),
}

/// Steps a trace again, to its end or its first divergence.
///
/// # Errors
/// [`ReplayError`] where there is nothing to compare.
pub fn replay(mut from: impl io::Read) -> Result<Replayed, ReplayError> {
    let mut reader = TraceReader::new();
    let mut chunk = vec![0; READ_BYTES];
    let mut fresh: Option<Fresh> = None;
    loop {
        let len = from.read(&mut chunk)?;
        reader.feed(&chunk[..len]);
        if fresh.is_none()
            && let Some(start) = reader.start()?
        {
            fresh = Some(Fresh::new(Raft::restore(start.config, start.persisted, start.at)?));
        }
        if let Some(fresh) = &mut fresh {
            while let Some(record) = reader.record()? {
                fresh.step(record);
                if fresh.replayed.divergence.is_some() {
                    return Ok(fresh.replayed.clone());
                }
            }
        }
        if len == 0 {
            break;
        }
    }
    let Some(Fresh { mut replayed, .. }) = fresh else { return Err(TraceError::NoStart.into()) };
    replayed.cut_bytes = reader.left();
    Ok(replayed)
}

/// A core that is stepped again.
struct Fresh {
    raft: Raft,
    replayed: Replayed,
    encoded: Vec<u8>,
}

impl Fresh {
    fn new(raft: Raft) -> Fresh {
        let replayed =
            Replayed { events: 0, actions: 0, hash: OFFSET, divergence: None, cut_bytes: 0 };
        Fresh { raft, replayed, encoded: Vec::new() }
    }

    fn step(&mut self, record: TraceRecord) {
        let TraceRecord { event, actions: recorded } = record;
        let found = self.raft.step(event.clone());
        self.encoded.clear();
        encode_actions(&found, &mut self.encoded);
        self.replayed.events += 1;
        self.replayed.actions += found.len() as u64;
        self.replayed.hash = fnv(self.replayed.hash, &self.encoded);
        if self.encoded[..] != recorded[..] {
            let event_number = self.replayed.events;
            let recorded = decode_actions(recorded).ok();
            let divergence = Divergence { event_number, event, recorded, found };
            self.replayed.divergence = Some(Box::new(divergence));
        }
    }
}

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}
