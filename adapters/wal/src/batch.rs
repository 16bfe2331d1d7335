//! The payload of a batch: the writes of one group commit, each with its length.

use bytes::{Buf, Bytes};
use quorate_codec::{DecodeError, decode_write, encode_write};
use quorate_core::Write;

pub(crate) fn encode_batch(writes: &[Write], out: &mut Vec<u8>) {
    for write in writes {
        let place = out.len();
        out.extend_from_slice(&[0; 4]);
        encode_write(write, out);
        let len = u32::try_from(out.len() - place - 4).unwrap_or(u32::MAX);
        out[place..place + 4].copy_from_slice(&len.to_le_bytes());
    }
}

pub(crate) fn decode_batch(mut bytes: Bytes) -> Result<Vec<Write>, DecodeError> {
    let mut writes = Vec::new();
    while !bytes.is_empty() {
        let left = bytes.len() as u64;
        if left < 4 {
            return Err(DecodeError::Short { what: "length of a write", needed: 4, left });
        }
        let needed = u64::from(bytes.get_u32_le());
        if left - 4 < needed {
            return Err(DecodeError::Short { what: "write", needed, left: left - 4 });
        }
        writes.push(decode_write(bytes.split_to(needed as usize))?);
    }
    Ok(writes)
}
