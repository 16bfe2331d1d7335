//! What a segment starts with: whose it is, what came before it, the state at that point.

use bytes::{Buf, BufMut, Bytes};
use quorate_codec::{decode_write, encode_write};
use quorate_core::{Entries, NodeId, Write};

use crate::WalError;

/// The format of segments. Another number is refused.
pub const FORMAT: u32 = 1;

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
    /// Hard state, snapshot, point of discarding, and the end of the log; without entries.
    pub(crate) state: Write,
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
        ];
        numbers.into_iter().for_each(|number| out.put_u64_le(number));
        encode_write(&Write { entries: Entries::new(), ..self.state.clone() }, out);
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
        if bytes.len() < 48 {
            return Ok(None);
        }
        let (group, node) = (bytes.get_u64_le(), NodeId::new(bytes.get_u64_le()));
        let (incarnation, file_bytes) = (bytes.get_u64_le(), bytes.get_u64_le());
        let (oldest, previous_end) = (bytes.get_u64_le(), bytes.get_u64_le());
        let (Some(node), Ok(state)) = (node, decode_write(bytes)) else { return Ok(None) };
        Ok(Some(Checkpoint { group, node, incarnation, file_bytes, oldest, previous_end, state }))
    }
}
