//! A disk in memory that fails on command and forgets what was not synced.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

pub mod faulty;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use quorate_core::{
    Configuration, Entries, HardState, LogId, LogSummary, NodeId, Payload, Seq, SnapshotMeta,
    Write, commands,
};
use quorate_driver::{Found, LogStore, Recovered, SnapshotId, StoreError};
use quorate_wal::{Disk, DiskFile, FILL, SECTOR_BYTES, Wal, WalError, WalOptions};

/// Files by name, as the process sees them.
pub type Files = BTreeMap<String, Vec<u8>>;

#[derive(Default)]
struct Inner {
    files: Files,
    /// What a power loss leaves.
    durable: Files,
    /// The disk operation that fails, counted down; all after it fail too.
    fuse: Option<u64>,
    operations: u64,
    read_bytes: u64,
    full_at: Option<usize>,
}

/// Cloning gives another handle to the same disk.
#[derive(Clone, Default)]
pub struct MemoryDisk(Arc<Mutex<Inner>>);

impl MemoryDisk {
    pub fn with(files: Files) -> MemoryDisk {
        let disk = MemoryDisk::default();
        disk.inner().durable = files.clone();
        disk.inner().files = files;
        disk
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().expect("no test panics with the disk in hand")
    }

    pub fn files(&self) -> Files {
        self.inner().files.clone()
    }

    pub fn durable(&self) -> Files {
        self.inner().durable.clone()
    }

    /// The operation after `count` more fails, and all after it.
    pub fn fail_after(&self, count: u64) {
        self.inner().fuse = Some(count);
    }

    pub fn fill_up_at(&self, bytes: usize) {
        self.inner().full_at = Some(bytes);
    }

    pub fn operations(&self) -> u64 {
        self.inner().operations
    }

    /// How much was read so far.
    pub fn read_bytes(&self) -> u64 {
        self.inner().read_bytes
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> io::Result<T>) -> io::Result<T> {
        let mut inner = self.inner();
        inner.operations += 1;
        match &mut inner.fuse {
            Some(0) => return Err(io::Error::other("the fuse blew")),
            Some(left) => *left -= 1,
            None => {}
        }
        change(&mut inner)
    }
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for MemoryDisk {
    type File = MemoryFile;

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.inner().files.keys().cloned().collect())
    }
    fn open(&self, name: &str) -> io::Result<MemoryFile> {
        self.inner().files.get(name).ok_or_else(missing)?;
        Ok(MemoryFile { disk: self.clone(), name: name.to_owned() })
    }
    fn create(&self, name: &str) -> io::Result<MemoryFile> {
        self.change(|inner| Ok(inner.files.insert(name.to_owned(), Vec::new())))?;
        self.open(name)
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.change(|inner| {
            let file = inner.files.remove(from).ok_or_else(missing)?;
            inner.files.insert(to.to_owned(), file);
            // The contents were synced under the old name.
            if let Some(synced) = inner.durable.get(from).cloned() {
                inner.durable.insert(format!("{to}.renamed"), synced);
            }
            Ok(())
        })
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.change(|inner| inner.files.remove(name).map(drop).ok_or_else(missing))
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.change(|inner| {
            let renamed: Vec<String> = inner.durable.keys().cloned().collect();
            for name in renamed.iter().filter_map(|name| name.strip_suffix(".renamed")) {
                if let Some(file) = inner.durable.remove(&format!("{name}.renamed")) {
                    inner.durable.insert(name.to_owned(), file);
                }
            }
            let files: Vec<String> = inner.files.keys().cloned().collect();
            inner.durable.retain(|name, _| files.contains(name));
            Ok(())
        })
    }
    fn space_left(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

pub struct MemoryFile {
    disk: MemoryDisk,
    name: String,
}

impl DiskFile for MemoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.disk.inner().files.get(&self.name).ok_or_else(missing)?.len() as u64)
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.inner();
        inner.read_bytes += buffer.len() as u64;
        let file = inner.files.get(&self.name).ok_or_else(missing)?;
        let start = offset as usize;
        let found = file.get(start..start + buffer.len());
        buffer.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        self.disk.change(|inner| {
            let used: usize = inner.files.values().map(Vec::len).sum();
            if inner.full_at.is_some_and(|full| used + data.len() > full) {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let file = inner.files.get_mut(&self.name).ok_or_else(missing)?;
            let end = offset as usize + data.len();
            file.resize(file.len().max(end), 0);
            file[offset as usize..end].copy_from_slice(data);
            Ok(())
        })
    }
    fn trim(&mut self, len: u64) -> io::Result<()> {
        self.disk.change(|inner| {
            let file = inner.files.get_mut(&self.name).ok_or_else(missing)?;
            file.truncate(len as usize);
            Ok(())
        })
    }
    fn sync_data(&mut self) -> io::Result<()> {
        self.disk.change(|inner| {
            let file = inner.files.get(&self.name).cloned().ok_or_else(missing)?;
            inner.durable.insert(self.name.clone(), file);
            Ok(())
        })
    }
}

pub const SMALL: WalOptions = WalOptions { group: 7, node: NodeId::of(1), segment_bytes: 4 * 1024 };

pub fn open(disk: &MemoryDisk) -> Result<(Wal<MemoryDisk>, Recovered), WalError> {
    Wal::open(disk.clone(), SMALL)
}

/// A write of term `term` that puts `lens` of commands at `from`.
pub fn write(number: u64, term: u64, from: u64, lens: &[usize]) -> Write {
    let mut entries = Entries::new();
    if !lens.is_empty() {
        let payloads = lens.iter().map(|len| vec![number as u8; *len]);
        entries.append(LogId::new(term, from), commands(payloads)).expect("in order");
    }
    Write {
        seq: Seq { incarnation: 1, number },
        hard_state: HardState { term, voted_for: Some(NodeId::of(2)), promise: number },
        truncate_from: from,
        entries,
        snapshot: None,
        discard_through: 0,
    }
}

/// What a log holds, entries included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub found: Found,
    pub entries: Entries,
}

/// What an opened log holds: entries are read back from the disk.
pub fn held<D: Disk + Send>(wal: &mut Wal<D>, recovered: &Recovered) -> Option<Held>
where
    D::File: Send,
{
    let found = recovered.found.clone()?;
    let mut entries = Entries::new();
    let mut next = found.log.base().index + 1;
    while next <= found.log.last().index {
        let part = wal.read(next, u64::MAX, 2_000).expect("what was found can be read");
        next = part.last().expect("a read is not empty").index + 1;
        entries.extend(part).expect("in order");
    }
    if let Some(snapshot) = &found.snapshot {
        let id = wal.snapshot_find(snapshot.last).expect("what is named is here");
        let bytes = wal.snapshot_read(id, 0, u64::MAX).expect("it can be read");
        assert_eq!(bytes, snapshot_bytes(snapshot.last));
        id.check(&bytes).expect("it is whole");
    }
    Some(Held { found, entries })
}

/// What the next life on this disk finds.
pub fn found(disk: &MemoryDisk) -> Option<Held> {
    let (mut wal, recovered) = open(disk).expect("opens");
    held(&mut wal, &recovered)
}

/// What writes leave, by the plainest way to say it.
pub fn twin<'a>(writes: impl IntoIterator<Item = &'a Write>) -> Option<Held> {
    let mut twin: Option<(HardState, Option<Arc<SnapshotMeta>>, LogId, Entries)> = None;
    for write in writes {
        let (_, snapshot, base, old) = twin.take().unwrap_or_default();
        let mut entries = old.ending_before(write.truncate_from);
        entries.extend(write.entries.clone()).expect("in order");
        let snapshot = write.snapshot.clone().or(snapshot);
        let place = |id: &LogId| id.index == write.discard_through && id.index > base.index;
        let entry = entries.iter().map(|entry| entry.log_id).find(place);
        let head = entry.or(snapshot.as_ref().map(|snapshot| snapshot.last).filter(place));
        let base = head.unwrap_or(base);
        let entries = entries.starting_at(base.index + 1);
        twin = Some((write.hard_state, snapshot, base, entries));
    }
    twin.map(|(hard_state, snapshot, base, entries)| {
        let log = LogSummary::of(base, &entries);
        Held { found: Found { hard_state, snapshot, log }, entries }
    })
}

/// The state after an entry.
pub fn snapshot_bytes(last: LogId) -> Vec<u8> {
    vec![last.index as u8; 300 + (last.index * 97 % 2_000) as usize]
}

/// Keeps the snapshots that a write names.
pub fn keep_snapshot(wal: &mut impl LogStore, write: &Write) -> Result<(), StoreError> {
    let Some(snapshot) = &write.snapshot else { return Ok(()) };
    let bytes = snapshot_bytes(snapshot.last);
    let id = SnapshotId::of(snapshot.last, &bytes);
    let mut written = wal.snapshot_begin(id)? as usize;
    while written < bytes.len() {
        let end = (written + 700).min(bytes.len());
        wal.snapshot_write(id, written as u64, &bytes[written..end])?;
        written = end;
    }
    wal.snapshot_finish(id)
}

/// Five batches over two segments, with a truncation and more than a sector in some.
pub fn history() -> Vec<Vec<Write>> {
    vec![
        vec![write(1, 1, 1, &[10, 20]), write(2, 1, 3, &[700])],
        vec![write(3, 2, 4, &[1, 2, 3, 4, 5])],
        vec![write(4, 3, 6, &[900, 900]), write(5, 3, 8, &[])],
        vec![write(6, 3, 8, &[1500])],
        vec![write(7, 4, 9, &[30]), write(8, 4, 10, &[600, 40])],
    ]
}

/// A log in which all of `batches` was written and synced.
pub fn written(batches: &[Vec<Write>]) -> MemoryDisk {
    let disk = MemoryDisk::default();
    let (mut wal, _) = open(&disk).expect("opens");
    for batch in batches {
        batch.iter().for_each(|write| keep_snapshot(&mut wal, write).expect("keeps"));
        wal.write(batch).expect("writes");
    }
    disk
}

pub fn fill_sector() -> [u8; SECTOR_BYTES] {
    [FILL; SECTOR_BYTES]
}

pub fn snapshot(term: u64, index: u64) -> Arc<SnapshotMeta> {
    let configuration = Arc::new(Configuration::new([NodeId::of(1), NodeId::of(2)]));
    Arc::new(SnapshotMeta { last: LogId::new(term, index), configuration })
}

pub fn is_command(payload: &Payload) -> bool {
    matches!(payload, Payload::Command(_))
}
