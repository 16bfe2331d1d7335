//! Wire and disk encoding of quorate-core's types: versioned, length-capped, total, canonical.
//!
//! Whatever bytes come in, decoding answers with a value or a [`DecodeError`]; it allocates no more
//! than a small multiple of the input, and takes only the one form that encoding writes.
//!
//! All numbers are little-endian and of fixed width. A message is: version (1 byte), term (8), kind
//! (1), body. A write is: version, seq, hard state, truncation and discarding points, snapshot,
//! entries. Entries are: first index, count, then for each run of one term its term, its count, and
//! for each entry kind (1), length (4) and bytes. A configuration is: protocol (2), the counts of
//! voters, outgoing voters and learners (1 each), their names (8 each), a learner's followed by when
//! it is promoted.

mod action;
mod bytes;
mod checksum;
mod config;
mod configuration;
mod entries;
mod error;
mod event;
mod frame;
mod message;
mod notice;
mod persisted;
mod trace;
mod write;

pub use checksum::Checksum;
pub use configuration::{decode_meta, encode_meta};
pub use error::DecodeError;
pub use frame::{FRAME_HEADER_BYTES, FrameError, decode_frame, encode_frame};
pub use message::{decode_message, encode_message};
pub use persisted::{decode_persisted, encode_persisted};
pub use trace::{
    TRACE_FORMAT, TRACE_RECORD_LIMIT, TraceError, TraceReader, TraceRecord, TraceStart,
    decode_actions, encode_actions, encode_trace_record, encode_trace_start,
};
pub use write::{decode_write, encode_write};

/// The version of messages.
pub const WIRE_VERSION: u8 = 3;
/// The version of writes on disk.
pub const DISK_VERSION: u8 = 3;
