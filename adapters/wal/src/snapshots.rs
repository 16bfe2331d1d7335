//! Snapshot files beside the segments: written in parts under another name, synced, then renamed.
//!
//! A file starts with a header that says what it is. What an earlier life left unfinished goes when
//! the log is opened: after a failed sync the page cache may hold what the disk does not, so no
//! bytes of another life are trusted that were not synced under their final name.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes};
use quorate_codec::Checksum;
use quorate_core::LogId;
use quorate_driver::{SnapshotId, StoreError};

use crate::{Disk, DiskFile, WalError};

const MAGIC: u32 = 0x4E53_5143; // "CQSN"
const FORMAT: u32 = 1;
const HEADER_BYTES: u64 = 48;
/// A sync at least every so many bytes, so that none takes long. Bytes.
const SYNC_BYTES: u64 = 8 * 1024 * 1024;
/// What is read at once to check a whole file. Bytes.
const CHECK_BYTES: u64 = 1024 * 1024;

/// Which snapshots there are.
#[derive(Debug, Default)]
pub(crate) struct Snapshots {
    group: u64,
    /// Durable under their final names.
    finished: BTreeMap<LogId, SnapshotId>,
    /// Begun in this life: how much is written, and the checksum of that.
    unfinished: BTreeMap<SnapshotId, (u64, Checksum)>,
}

fn name(last: LogId) -> String {
    format!("snapshot-{:016}-{:016}.snap", last.index, last.term)
}

fn unfinished_name(last: LogId) -> String {
    format!("snapshot-{:016}-{:016}.part", last.index, last.term)
}

/// Whether a file is a snapshot, finished or not.
pub(crate) fn is_snapshot_file(name: &str) -> bool {
    last_of(name).is_some() || is_unfinished(name)
}

fn is_unfinished(name: &str) -> bool {
    name.starts_with("snapshot-") && name.ends_with(".part")
}

/// What the snapshot of this name covers; none for other files.
fn last_of(file: &str) -> Option<LogId> {
    let (index, term) = file.strip_prefix("snapshot-")?.strip_suffix(".snap")?.split_once('-')?;
    let last = LogId::new(term.parse().ok()?, index.parse().ok()?);
    (name(last) == file).then_some(last)
}

fn header(group: u64, id: SnapshotId) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES as usize);
    out.put_u32_le(MAGIC);
    out.put_u32_le(FORMAT);
    [group, id.last.term, id.last.index, id.len].into_iter().for_each(|part| out.put_u64_le(part));
    out.put_u32_le(id.checksum);
    let own = crc32c::crc32c(&out);
    out.put_u32_le(own);
    out
}

/// What a file says that it is.
fn read_header<F: DiskFile>(file: &F, group: u64) -> Result<SnapshotId, String> {
    let mut bytes = vec![0; HEADER_BYTES as usize];
    file.read_exact_at(&mut bytes, 0).map_err(|error| format!("its header: {error}"))?;
    let own = crc32c::crc32c(&bytes[..HEADER_BYTES as usize - 4]);
    let mut bytes = &bytes[..];
    let (magic, format, of) = (bytes.get_u32_le(), bytes.get_u32_le(), bytes.get_u64_le());
    let last = LogId::new(bytes.get_u64_le(), bytes.get_u64_le());
    let id = SnapshotId { last, len: bytes.get_u64_le(), checksum: bytes.get_u32_le() };
    if (magic, bytes.get_u32_le()) != (MAGIC, own) {
        return Err("its header is not what was written".to_owned());
    }
    if format != FORMAT {
        return Err(format!("it has format {format}, this version reads format {FORMAT}"));
    }
    if of != group {
        return Err(format!("it belongs to group {of}, not {group}"));
    }
    let len = file.len().map_err(|error| format!("its length: {error}"))?;
    if len != HEADER_BYTES.saturating_add(id.len) {
        return Err(format!("it has {len} bytes, not {} and a header", id.len));
    }
    Ok(id)
}

/// Looks at the snapshot that the log names: whole, where `deep` says so.
pub(crate) fn check<D: Disk>(
    disk: &D,
    group: u64,
    last: LogId,
    deep: bool,
) -> Result<SnapshotId, WalError> {
    let name = name(last);
    let bad = |what: String| WalError::Snapshot { file: name.clone(), what };
    let file = disk.open(&name).map_err(|error| bad(format!("it does not open: {error}")))?;
    let id = read_header(&file, group).map_err(bad)?;
    if id.last != last {
        return Err(bad(format!("it covers {:?}", id.last)));
    }
    let mut sum = Checksum::default();
    let mut offset = 0;
    while deep && offset < id.len {
        let mut bytes = vec![0; (id.len - offset).min(CHECK_BYTES) as usize];
        let read = file.read_exact_at(&mut bytes, HEADER_BYTES + offset);
        read.map_err(|error| bad(error.to_string()))?;
        sum.add(&bytes);
        offset += bytes.len() as u64;
    }
    if deep && sum.value() != id.checksum {
        return Err(bad("its contents are not what was written".to_owned()));
    }
    Ok(id)
}

impl Snapshots {
    /// For a log on an empty disk.
    pub(crate) fn new(group: u64) -> Snapshots {
        Snapshots { group, ..Snapshots::default() }
    }

    /// Finds what earlier lives left: the one that is `named` must be there, older and unfinished
    /// ones go.
    pub(crate) fn open<D: Disk>(
        disk: &D,
        group: u64,
        named: Option<LogId>,
        names: &[String],
    ) -> Result<Snapshots, WalError> {
        let mut found = Snapshots::new(group);
        if let Some(last) = named {
            found.finished.insert(last, check(disk, group, last, false)?);
        }
        let newest = named.map_or(0, |named| named.index);
        for name in names.iter().filter(|name| is_snapshot_file(name)) {
            let last = last_of(name);
            if last.is_some() && last == named {
                continue;
            }
            // One that was finished and never named may be named yet.
            if let Some(last) = last.filter(|last| last.index > newest)
                && let Ok(id) = check(disk, group, last, false)
            {
                found.finished.insert(last, id);
                continue;
            }
            disk.remove(name).map_err(WalError::io(format_args!("remove {name}")))?;
        }
        Ok(found)
    }

    /// Whether a write may name it.
    pub(crate) fn has(&self, last: LogId) -> bool {
        self.finished.contains_key(&last)
    }

    pub(crate) fn find(&self, last: LogId) -> Result<SnapshotId, StoreError> {
        self.finished.get(&last).copied().ok_or(StoreError::NoSnapshot(last))
    }

    pub(crate) fn begin<D: Disk>(&mut self, disk: &D, id: SnapshotId) -> Result<u64, StoreError> {
        if self.has(id.last) {
            return Ok(id.len);
        }
        if let Some((written, _)) = self.unfinished.get(&id) {
            return Ok(*written);
        }
        // Of the same state there may be other bytes: of a machine that makes them anew each time.
        self.unfinished.retain(|other, _| other.last != id.last);
        let name = unfinished_name(id.last);
        remove_if_there(disk, &name)?;
        let mut file = disk.create(&name).map_err(WalError::io(format_args!("create {name}")))?;
        let header = header(self.group, id);
        file.write_all_at(&header, 0).map_err(WalError::io(format_args!("write {name}")))?;
        self.unfinished.insert(id, (0, Checksum::default()));
        Ok(0)
    }

    pub(crate) fn write<D: Disk>(
        &mut self,
        disk: &D,
        id: SnapshotId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let (written, sum) =
            self.unfinished.get(&id).copied().ok_or(StoreError::NoSnapshot(id.last))?;
        if written != offset {
            let what = format!("a snapshot of {written} bytes goes on at {offset}");
            return Err(StoreError::OutOfOrder(what));
        }
        let (mut sum, end) = (sum, offset + bytes.len() as u64);
        if let Err(error) = append(disk, id, offset, bytes) {
            // Nobody knows what is there now.
            self.drop_unfinished(disk, id);
            return Err(error.into());
        }
        sum.add(bytes);
        self.unfinished.insert(id, (end, sum));
        Ok(())
    }

    pub(crate) fn finish<D: Disk>(&mut self, disk: &D, id: SnapshotId) -> Result<(), StoreError> {
        if self.has(id.last) {
            return Ok(());
        }
        let (written, sum) =
            self.unfinished.get(&id).copied().ok_or(StoreError::NoSnapshot(id.last))?;
        if (written, sum.value()) != (id.len, id.checksum) {
            self.drop_unfinished(disk, id);
            let what = format!(
                "{written} bytes with checksum {:#010x}, where {} with {:#010x} are due",
                sum.value(),
                id.len,
                id.checksum
            );
            return Err(StoreError::BadSnapshot { last: id.last, what });
        }
        if let Err(error) = name_finally(disk, id) {
            // Whether the name is durable is not known: it is not to be relied on.
            self.drop_unfinished(disk, id);
            let _ = remove_if_there(disk, &name(id.last));
            return Err(error.into());
        }
        self.unfinished.remove(&id);
        self.finished.insert(id.last, id);
        Ok(())
    }

    pub(crate) fn read<D: Disk>(
        &self,
        disk: &D,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError> {
        if self.find(id.last)? != id {
            return Err(StoreError::NoSnapshot(id.last));
        }
        let name = name(id.last);
        let mut bytes = vec![0; id.len.saturating_sub(offset).min(max_bytes) as usize];
        let file = disk.open(&name).map_err(WalError::io(format_args!("open {name}")))?;
        file.read_exact_at(&mut bytes, HEADER_BYTES + offset.min(id.len))
            .map_err(WalError::io(format_args!("read {name}")))?;
        Ok(bytes.into())
    }

    pub(crate) fn remove<D: Disk>(&mut self, disk: &D, last: LogId) -> Result<(), StoreError> {
        self.unfinished.retain(|id, _| id.last != last);
        self.finished.remove(&last);
        remove_if_there(disk, &unfinished_name(last))?;
        remove_if_there(disk, &name(last))?;
        Ok(())
    }

    /// Removes what is older than the snapshot that a durable write names. A file that cannot be
    /// removed now is when the log is opened next.
    pub(crate) fn remove_older<D: Disk>(&mut self, disk: &D, named: LogId) {
        let finished = self.finished.keys().filter(|last| last.index < named.index);
        let unfinished = self.unfinished.keys().map(|id| &id.last);
        let unfinished = unfinished.filter(|last| last.index <= named.index);
        let old: Vec<LogId> = finished.chain(unfinished).copied().collect();
        for last in old {
            let _ = self.remove(disk, last);
        }
    }

    fn drop_unfinished<D: Disk>(&mut self, disk: &D, id: SnapshotId) {
        self.unfinished.remove(&id);
        let _ = remove_if_there(disk, &unfinished_name(id.last));
    }
}

fn append<D: Disk>(disk: &D, id: SnapshotId, offset: u64, bytes: &[u8]) -> Result<(), WalError> {
    let name = unfinished_name(id.last);
    let failed = || WalError::io(format!("write {name}"));
    let mut file = disk.open(&name).map_err(failed())?;
    file.write_all_at(bytes, HEADER_BYTES + offset).map_err(failed())?;
    let end = offset + bytes.len() as u64;
    if offset / SYNC_BYTES != end / SYNC_BYTES {
        file.sync_data().map_err(failed())?;
    }
    Ok(())
}

fn name_finally<D: Disk>(disk: &D, id: SnapshotId) -> Result<(), WalError> {
    let (from, to) = (unfinished_name(id.last), name(id.last));
    let mut file = disk.open(&from).map_err(WalError::io(format_args!("open {from}")))?;
    file.sync_data().map_err(WalError::io(format_args!("sync {from}")))?;
    disk.rename(&from, &to).map_err(WalError::io(format_args!("name {to}")))?;
    disk.sync_dir().map_err(WalError::io("sync the directory"))
}

fn remove_if_there<D: Disk>(disk: &D, name: &str) -> Result<(), WalError> {
    match disk.remove(name) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        result => result.map_err(WalError::io(format_args!("remove {name}"))),
    }
}
