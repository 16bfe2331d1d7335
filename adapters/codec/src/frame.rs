//! Frames on a byte stream: length, checksum, body.

use bytes::{Buf, Bytes, BytesMut};

/// What a frame takes besides its body: length and checksum. Bytes.
pub const FRAME_HEADER_BYTES: usize = 8;

/// Why a stream holds no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length is over the limit.
    #[error("a frame of {found} bytes, over the limit of {limit}")]
    TooLong {
        /// The length in the header.
        found: u64,
        /// The limit.
        limit: u32,
    },
    /// The body is not what was sent.
    #[error("a frame's checksum is {found:#010x}, its body's {computed:#010x}")]
    Checksum {
        /// The checksum in the header.
        found: u32,
        /// The checksum of the body.
        computed: u32,
    },
}

/// Appends a frame whose body `write` writes.
///
/// # Errors
/// [`FrameError::TooLong`] where the body is over `limit`; `out` is as before.
pub fn encode_frame(
    out: &mut Vec<u8>,
    limit: u32,
    write: impl FnOnce(&mut Vec<u8>),
) -> Result<(), FrameError> {
    let start = out.len();
    out.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
    write(out);
    let body = start + FRAME_HEADER_BYTES;
    let found = (out.len() - body) as u64;
    let len = match u32::try_from(found) {
        Ok(len) if len <= limit => len,
        Ok(_) | Err(_) => {
            out.truncate(start);
            return Err(FrameError::TooLong { found, limit });
        }
    };
    let checksum = crc32c::crc32c(&out[body..]);
    out[start..start + 4].copy_from_slice(&len.to_le_bytes());
    out[start + 4..body].copy_from_slice(&checksum.to_le_bytes());
    Ok(())
}

/// A body that is longer shares the memory of the stream; others are copied. Bytes.
const SHARED_BYTES: usize = 16 * 1024;

/// Takes the next frame's body off the front of `input`; none while it is not yet whole. At most
/// `limit` and a header need ever be buffered. What is kept of a short body keeps none of the others
/// in memory, and `input` can be used again.
///
/// # Errors
/// [`FrameError`]: the stream cannot be trusted any more.
pub fn decode_frame(input: &mut BytesMut, limit: u32) -> Result<Option<Bytes>, FrameError> {
    let Some(header) = input.get(..FRAME_HEADER_BYTES) else { return Ok(None) };
    let mut header = header;
    let (len, found) = (header.get_u32_le(), header.get_u32_le());
    if len > limit {
        return Err(FrameError::TooLong { found: len.into(), limit });
    }
    let whole = FRAME_HEADER_BYTES + len as usize;
    if input.len() < whole {
        return Ok(None);
    }
    let body = if whole > SHARED_BYTES {
        input.split_to(whole).freeze().slice(FRAME_HEADER_BYTES..)
    } else {
        let body = Bytes::copy_from_slice(&input[FRAME_HEADER_BYTES..whole]);
        input.advance(whole);
        body
    };
    let computed = crc32c::crc32c(&body);
    if computed != found {
        return Err(FrameError::Checksum { found, computed });
    }
    Ok(Some(body))
}
