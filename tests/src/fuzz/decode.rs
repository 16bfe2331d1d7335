//! Any bytes into every decoder: no panic, and what is accepted encodes to the same bytes.

use bytes::{Bytes, BytesMut};
use quorate_codec::{
    decode_frame, decode_message, decode_meta, decode_persisted, decode_write, encode_frame,
    encode_message, encode_meta, encode_persisted, encode_write,
};

/// The longest body that a frame may have here, in bytes.
const FRAME_LIMIT: u32 = 1 << 16;

/// Decodes `data` as a message, a start, a write and a stream of frames.
///
/// # Panics
/// Where a decoder accepts bytes that the encoder would not write.
pub fn decode(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let mut out = Vec::new();
    if let Ok(message) = decode_message(bytes.clone()) {
        encode_message(&message, &mut out);
        assert_eq!(out, data, "a message has two forms");
    }
    out.clear();
    if let Ok(persisted) = decode_persisted(bytes.clone()) {
        encode_persisted(&persisted, &mut out);
        assert_eq!(out, data, "a start has two forms");
    }
    out.clear();
    if let Ok(meta) = decode_meta(bytes.clone()) {
        encode_meta(&meta, &mut out);
        assert_eq!(out, data, "a snapshot's meaning has two forms");
    }
    out.clear();
    if let Ok(write) = decode_write(bytes) {
        encode_write(&write, &mut out);
        assert_eq!(out, data, "a write has two forms");
    }
    out.clear();
    let mut stream = BytesMut::from(data);
    while let Ok(Some(body)) = decode_frame(&mut stream, FRAME_LIMIT) {
        let framed = encode_frame(&mut out, FRAME_LIMIT, |out| out.extend_from_slice(&body));
        assert_eq!(framed, Ok(()), "a frame is accepted over the limit");
    }
    assert!(data.starts_with(&out), "a frame has two forms");
}
