//! What a segment starts with: whose it is, what came before it, the state at that point.

use bytes::{Buf, BufMut, Bytes};
use quorate_codec::{decode_persisted, encode_persisted};
use quorate_core::{NodeId, Seq};

use crate::{WalError, replay::State};

/// The format of segments. Another number is refused.
pub const FORMAT: u32 = 3;

/// A segment's first record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Checkpoint {
    pub(crate) group: u64,
    pub(crate) node: NodeId,
    /// The life that wrote this segment.
    pub(crate) incarnation: u64,
    /// How long the segment's file is at least, in bytes: a shorter one was cut.
    pub(crate) file_bytes: u64,
    /// The oldest segment that is still needed.
    pub(crate) oldest: u64,
    /// Where the segment before this one ends, in bytes; what lies behind is not part of the log.
    pub(crate) previous_end: u64,
    /// Hard state, snapshot and the shape of the log; without entries.
    pub(crate) state: State,
}

impl Checkpoint {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.put_u32_le(FORMAT);
        let numbers = [
            self.group,
            self.node.get(),
            self.incarnation,
            self.file_bytes,
            self.oldest,
            self.previous_end,
            self.state.seq.incarnation,
            self.state.seq.number,
        ];
        numbers.into_iter().for_each(|number| out.put_u64_le(number));
        encode_persisted(&self.state.to_checkpoint(self.incarnation), out);
    }

    /// None where these bytes are no checkpoint.
    ///
    /// # Errors
    /// [`WalError::Format`] for another version's.
    pub(crate) fn decode(mut bytes: Bytes) -> Result<Option<Checkpoint>, WalError> {
        if bytes.len() < 4 {
            return Ok(None);
        }
        let found = bytes.get_u32_le();
        if found != FORMAT {
            return Err(WalError::Format { found, expected: FORMAT });
        }
        if bytes.len() < 64 {
            return Ok(None);
        }
        let (group, node) = (bytes.get_u64_le(), NodeId::new(bytes.get_u64_le()));
        let (incarnation, file_bytes) = (bytes.get_u64_le(), bytes.get_u64_le());
        let (oldest, previous_end) = (bytes.get_u64_le(), bytes.get_u64_le());
        let seq = Seq { incarnation: bytes.get_u64_le(), number: bytes.get_u64_le() };
        let (Some(node), Ok(found)) = (node, decode_persisted(bytes)) else { return Ok(None) };
        let Some(state) = State::from_checkpoint(seq, found) else { return Ok(None) };
        Ok(Some(Checkpoint { group, node, incarnation, file_bytes, oldest, previous_end, state }))
    }
}
