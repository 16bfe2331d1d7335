//! Writes, as a log store keeps them.

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::{HardState, SnapshotMeta, Write};

use crate::{
    DISK_VERSION, DecodeError,
    bytes::{Reader, put_node, put_token, put_u64},
    configuration::{meta, put_meta},
    entries::{entries, put_entries},
};

/// Appends the encoding of `write` to `out`. Equal writes give equal bytes.
pub fn encode_write(write: &Write, out: &mut Vec<u8>) {
    out.push(DISK_VERSION);
    put_write(out, write);
}

pub(crate) fn put_write(out: &mut Vec<u8>, write: &Write) {
    put_token(out, write.seq);
    put_hard_state(out, write.hard_state);
    put_u64(out, write.truncate_from);
    put_u64(out, write.discard_through);
    put_snapshot(out, write.snapshot.as_deref());
    put_entries(out, &write.entries);
}

/// The write of these bytes. Commands share the buffer.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_write`] would not write.
pub fn decode_write(bytes: Bytes) -> Result<Write, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.version(DISK_VERSION)?;
    let found = write(&mut reader)?;
    reader.finish()?;
    Ok(found)
}

pub(crate) fn write(reader: &mut Reader) -> Result<Write, DecodeError> {
    let seq = reader.token("seq")?;
    let hard_state = hard_state(reader)?;
    let truncate_from = reader.u64("point of truncation")?;
    let discard_through = reader.u64("point of discarding")?;
    let snapshot = snapshot(reader)?;
    let entries = entries(reader)?;
    Ok(Write { seq, hard_state, truncate_from, entries, snapshot, discard_through })
}

pub(crate) fn put_hard_state(out: &mut Vec<u8>, state: HardState) {
    put_u64(out, state.term);
    put_node(out, state.voted_for);
    put_u64(out, state.promise);
}

pub(crate) fn hard_state(reader: &mut Reader) -> Result<HardState, DecodeError> {
    Ok(HardState {
        term: reader.u64("term")?,
        voted_for: reader.node("vote")?,
        promise: reader.u64("promise")?,
    })
}

pub(crate) fn put_snapshot(out: &mut Vec<u8>, snapshot: Option<&SnapshotMeta>) {
    out.push(u8::from(snapshot.is_some()));
    if let Some(snapshot) = snapshot {
        put_meta(out, snapshot);
    }
}

pub(crate) fn snapshot(reader: &mut Reader) -> Result<Option<Arc<SnapshotMeta>>, DecodeError> {
    if reader.flag("snapshot")? { meta(reader).map(Some) } else { Ok(None) }
}
