//! Writes, as a log store keeps them.

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::{HardState, SnapshotMeta, Write};

use crate::{
    DISK_VERSION, DecodeError,
    bytes::{Reader, put_node, put_token, put_u64},
    entries::{configuration, entries, put_entries, put_snapshot},
};

/// Appends the encoding of `write` to `out`. Equal writes give equal bytes.
pub fn encode_write(write: &Write, out: &mut Vec<u8>) {
    out.push(DISK_VERSION);
    put_token(out, write.seq);
    put_u64(out, write.hard_state.term);
    put_node(out, write.hard_state.voted_for);
    put_u64(out, write.hard_state.promise);
    put_u64(out, write.truncate_from);
    put_u64(out, write.discard_through);
    match &write.snapshot {
        Some(snapshot) => {
            out.push(1);
            put_snapshot(out, snapshot.last, &snapshot.configuration);
        }
        None => out.push(0),
    }
    put_entries(out, &write.entries);
}

/// The write of these bytes. Commands share the buffer.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_write`] would not write.
pub fn decode_write(bytes: Bytes) -> Result<Write, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.version(DISK_VERSION)?;
    let seq = reader.token("seq")?;
    let hard_state = HardState {
        term: reader.u64("term")?,
        voted_for: reader.node("vote")?,
        promise: reader.u64("promise")?,
    };
    let truncate_from = reader.u64("point of truncation")?;
    let discard_through = reader.u64("point of discarding")?;
    let snapshot = if reader.flag("snapshot")? { Some(snapshot(&mut reader)?) } else { None };
    let entries = entries(&mut reader)?;
    reader.finish()?;
    Ok(Write { seq, hard_state, truncate_from, entries, snapshot, discard_through })
}

fn snapshot(reader: &mut Reader) -> Result<Arc<SnapshotMeta>, DecodeError> {
    let last = reader.log_id("last entry of a snapshot")?;
    let count = reader.u32("voters")?;
    let configuration = Arc::new(configuration(reader, count)?);
    Ok(Arc::new(SnapshotMeta { last, configuration }))
}
