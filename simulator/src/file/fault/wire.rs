//! What faults of the network say in a table.

use super::{Kind, RawFault, Word, needed};
use crate::{
    MAX_NODES,
    plan::{Kinds, MessageKind, SHORTEST_PERIOD, Wire},
};

/// More messages than this do not come once more at a time.
const MOST_REPLAYS: u64 = 10_000;

/// The side of each node, from 0 to 3.
pub(super) fn ways_of(sides: &[u64]) -> Result<u64, String> {
    if sides.len() as u64 > MAX_NODES || sides.iter().any(|side| *side > 3) {
        return Err(format!("`sides` has 0 to 3 for each node, of which there are {MAX_NODES}"));
    }
    Ok(sides.iter().enumerate().fold(0, |places, (node, side)| places | side << (2 * node)))
}

impl RawFault {
    /// Fills in what a fault of the network has and gives its kind.
    pub(super) fn describe_wire(&mut self, wire: Wire) -> Kind {
        match wire {
            Wire::Filter { split, kinds } => {
                self.describe_split(split);
                self.messages = Some(kinds.list().map(Word).collect());
                Kind::PartitionByMessage
            }
            Wire::Flap { split, period } => {
                self.describe_split(split);
                self.period = Some(Word(period));
                Kind::FlappingPartition
            }
            Wire::Hold { shuffled } => {
                self.shuffled = Some(shuffled);
                Kind::MessageHold
            }
            Wire::Lag { by, kinds } => {
                self.by = Some(Word(by as i64));
                self.messages = Some(kinds.list().map(Word).collect());
                Kind::MessageLag
            }
            Wire::Narrow { messages, bytes } => {
                (self.max_messages, self.max_bytes) = (Some(messages), Some(bytes));
                Kind::BoundedLink
            }
            Wire::Replay { count } => {
                self.count = Some(count);
                Kind::MessageReplay
            }
            Wire::Corrupt { ppm } => {
                self.corrupt_ppm = Some(ppm);
                Kind::MessageCorruption
            }
        }
    }

    pub(super) fn read_filter(&self) -> Result<Wire, String> {
        Ok(Wire::Filter { split: self.read_split()?, kinds: self.read_kinds()? })
    }

    pub(super) fn read_lag(&self) -> Result<Wire, String> {
        Ok(Wire::Lag { by: self.longer()?, kinds: self.read_kinds()? })
    }

    fn read_kinds(&self) -> Result<Kinds, String> {
        let kinds = needed("messages", self.messages.as_ref())?;
        let kinds: Vec<MessageKind> = kinds.iter().map(|word| word.0).collect();
        Ok(Kinds::of(&kinds))
    }

    pub(super) fn read_flap(&self) -> Result<Wire, String> {
        let period = needed("period", self.period)?.0;
        if period < SHORTEST_PERIOD {
            return Err("`period` is shorter than 1ms".to_owned());
        }
        Ok(Wire::Flap { split: self.read_split()?, period })
    }

    pub(super) fn read_narrow(&self) -> Result<Wire, String> {
        let messages = needed("max-messages", self.max_messages)?;
        Ok(Wire::Narrow { messages, bytes: needed("max-bytes", self.max_bytes)? })
    }

    pub(super) fn read_replay(&self) -> Result<Wire, String> {
        let count = needed("count", self.count)?;
        if count > MOST_REPLAYS {
            return Err(format!("`count` is {count}: at most {MOST_REPLAYS} are possible"));
        }
        Ok(Wire::Replay { count })
    }
}
