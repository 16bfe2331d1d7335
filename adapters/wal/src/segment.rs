//! Segment files: their names, and how a new one comes to be.
//!
//! A segment gets its name only when it is full-sized and synced, so a segment that is there at all
//! is there as a whole.

use crate::{
    Disk, DiskFile, WalError,
    checkpoint::Checkpoint,
    record::{FILL, Kind, Place, encode_record, record_bytes},
    snapshots::is_snapshot_file,
};

/// What a segment is called until it is whole.
const UNFINISHED: &str = "segment.tmp";
/// What a new segment is filled with, piece by piece.
static FILL_CHUNK: [u8; 64 * 1024] = [FILL; 64 * 1024];

pub(crate) fn segment_name(id: u64) -> String {
    format!("segment-{id:016}.wal")
}

/// The number in a segment's name; none for other files.
pub(crate) fn segment_id(name: &str) -> Option<u64> {
    let id = name.strip_prefix("segment-")?.strip_suffix(".wal")?.parse().ok()?;
    (segment_name(id) == name).then_some(id)
}

/// Whether a file is part of a log, finished or not.
pub(crate) fn is_log_file(name: &str) -> bool {
    name == UNFINISHED || segment_id(name).is_some() || is_snapshot_file(name)
}

/// A segment that can be appended to.
pub(crate) struct Open<F> {
    pub(crate) file: F,
    pub(crate) id: u64,
    /// Where the next record goes; all before is synced.
    pub(crate) offset: u64,
    pub(crate) file_bytes: u64,
    /// The next record's number.
    pub(crate) number: u64,
}

/// Makes segment `id` with its checkpoint, which has `number`, and the payload of a batch behind it,
/// and room for `room` bytes more; all of it is durable, under its name, when this returns.
pub(crate) fn create_segment<D: Disk>(
    disk: &D,
    id: u64,
    number: u64,
    mut checkpoint: Checkpoint,
    batch: Option<&[u8]>,
    room: u64,
) -> Result<Open<D::File>, WalError> {
    let mut head = Vec::new();
    let mut payload = Vec::new();
    checkpoint.encode(&mut payload);
    let batch_bytes = batch.map_or(0, |batch| record_bytes(batch.len()));
    let needed = record_bytes(payload.len()) + batch_bytes + room;
    checkpoint.file_bytes = checkpoint.file_bytes.max(needed);
    let place = Place { segment: id, offset: 0, number };
    encode_record(&mut head, Kind::Checkpoint, place, |out| checkpoint.encode(out));
    if let Some(batch) = batch {
        let place = Place { segment: id, offset: head.len() as u64, number: number + 1 };
        let mut record = Vec::new();
        encode_record(&mut record, Kind::Batch, place, |out| out.extend_from_slice(batch));
        head.extend_from_slice(&record);
    }
    write_whole(disk, &head, checkpoint.file_bytes)?;
    let name = segment_name(id);
    disk.rename(UNFINISHED, &name).map_err(WalError::io(format_args!("name {name}")))?;
    disk.sync_dir().map_err(WalError::io("sync the directory"))?;
    let file = disk.open(&name).map_err(WalError::io(format_args!("open {name}")))?;
    let number = number + 1 + u64::from(batch.is_some());
    let offset = head.len() as u64;
    Ok(Open { file, id, offset, file_bytes: checkpoint.file_bytes, number })
}

/// Writes and syncs the unfinished segment: its head, then fill up to its size, so that later
/// flushes change no metadata. Whatever a crash left of one is gone since the log was opened.
fn write_whole<D: Disk>(disk: &D, head: &[u8], file_bytes: u64) -> Result<(), WalError> {
    let failed = || WalError::io("create a segment");
    let mut file = disk.create(UNFINISHED).map_err(failed())?;
    file.write_all_at(head, 0).map_err(failed())?;
    let mut offset = head.len() as u64;
    while offset < file_bytes {
        let len = (file_bytes - offset).min(FILL_CHUNK.len() as u64);
        file.write_all_at(&FILL_CHUNK[..len as usize], offset).map_err(failed())?;
        offset += len;
    }
    file.sync_data().map_err(failed())?;
    disk.sync_dir().map_err(WalError::io("sync the directory"))
}

/// Removes what a crash left of a segment that was being made.
pub(crate) fn remove_unfinished<D: Disk>(disk: &D) -> Result<(), WalError> {
    let names = disk.list().map_err(WalError::io("list the directory"))?;
    if names.iter().any(|name| name == UNFINISHED) {
        disk.remove(UNFINISHED).map_err(WalError::io("remove an unfinished segment"))?;
    }
    Ok(())
}
