//! The log store: group commits into the newest segment, one sync each.

use bytes::Bytes;
use quorate_core::{Entries, Index, LogId, NodeId, Write};
use quorate_driver::{LogStore, Recovered, SnapshotId, StoreError};

use crate::{
    Disk, DiskFile, WalError,
    batch::{decode_batch, encode_batch},
    checkpoint::Checkpoint,
    open,
    places::Places,
    record::{Header, Kind, Place, SECTOR_BYTES, encode_record},
    replay::State,
    segment::{Open, create_segment, segment_name},
    snapshots::Snapshots,
};

/// Whose log it is, and how large its files are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WalOptions {
    /// The group's name; a log of another group is refused.
    pub group: u64,
    /// The node's name; a log of another node is refused.
    pub node: NodeId,
    /// The size of a segment. Bytes; at least 4 KiB; default 16 MiB. A batch that is larger gets a
    /// segment of its own.
    pub segment_bytes: u64,
}

impl WalOptions {
    /// The least that `segment_bytes` may be.
    pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024;

    /// The defaults for `node` of `group`.
    pub fn new(group: u64, node: NodeId) -> WalOptions {
        WalOptions { group, node, segment_bytes: 16 * 1024 * 1024 }
    }
}

/// What a log has done since it was opened, and what it met when it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WalCounters {
    /// Group commits, a sync each.
    pub batches: u64,
    /// Writes in them.
    pub writes: u64,
    /// Segments begun after the first.
    pub rolls: u64,
    /// Segments removed.
    pub removed: u64,
    /// Whether opening met a torn batch.
    pub torn: bool,
    /// Whether opening met a last batch that might not have been synced, and wrote it again.
    pub rewritten: bool,
}

/// The writes of a batch, with the segment and the offset where it stands.
type Batch = ((u64, u64), Vec<Write>);

/// A batch whose entries cost more is kept once it was read, until another one is: readers that take
/// a little at a time would have all of it read anew for each part. A disk that hangs for a while
/// leaves such batches. Bytes.
const LARGE_BYTES: u64 = 64 * 1024;

/// A write-ahead log on a disk.
pub struct Wal<D: Disk> {
    pub(crate) disk: D,
    pub(crate) options: WalOptions,
    pub(crate) incarnation: u64,
    pub(crate) segment: Open<D::File>,
    /// The oldest segment that exists.
    pub(crate) oldest: u64,
    pub(crate) state: State,
    pub(crate) places: Places,
    pub(crate) snapshots: Snapshots,
    pub(crate) buffer: Vec<u8>,
    /// The segment that was read last, which is likely to be read next.
    pub(crate) reading: Option<(u64, D::File)>,
    /// The large batch that was read last.
    pub(crate) kept: Option<Batch>,
    pub(crate) failed: bool,
    pub(crate) counters: WalCounters,
}

impl<D: Disk> Wal<D> {
    /// Opens the log on `disk`, or begins it where there is none. What is returned is durable, and
    /// so is the new incarnation.
    ///
    /// # Errors
    /// [`WalError`] where the disk fails, the log is another's, or something that was durable reads
    /// back otherwise.
    pub fn open(disk: D, options: WalOptions) -> Result<(Wal<D>, Recovered), WalError> {
        open::open(disk, options)
    }

    /// What happened since the log was opened.
    pub fn counters(&self) -> WalCounters {
        self.counters
    }

    /// Writes a batch, after which the state is `after`.
    fn commit(&mut self, writes: &[Write], after: State) -> Result<(), WalError> {
        self.encode(writes);
        if self.segment.offset + self.buffer.len() as u64 > self.segment.file_bytes {
            self.roll()?;
            self.encode(writes);
        }
        let Open { file, id, offset, number, .. } = &mut self.segment;
        let written = file.write_all_at(&self.buffer, *offset).and_then(|()| file.sync_data());
        written.map_err(WalError::io(format_args!("write to segment {id}")))?;
        self.places.note(writes, *id, *offset);
        *offset += self.buffer.len() as u64;
        *number += 1;
        self.state = after;
        self.places.discard_through(self.state.base());
        if let Some(named) = self.state.snapshot().filter(|_| names_snapshot(writes)) {
            self.snapshots.remove_older(&self.disk, named);
        }
        self.counters.batches += 1;
        self.counters.writes += writes.len() as u64;
        Ok(())
    }

    fn encode(&mut self, writes: &[Write]) {
        let Open { id, offset, number, .. } = self.segment;
        let place = Place { segment: id, offset, number };
        encode_record(&mut self.buffer, Kind::Batch, place, |out| encode_batch(writes, out));
    }

    /// Begins the next segment. It is durable before older ones go.
    fn roll(&mut self) -> Result<(), WalError> {
        let (id, number) = (self.segment.id + 1, self.segment.number);
        let oldest = self.places.oldest_segment().unwrap_or(id);
        let checkpoint = Checkpoint {
            group: self.options.group,
            node: self.options.node,
            incarnation: self.incarnation,
            file_bytes: self.options.segment_bytes,
            oldest,
            previous_end: self.segment.offset,
            state: self.state.clone(),
        };
        // One that fits: a batch may be larger than a segment.
        let room = self.buffer.len() as u64;
        let mut full = std::mem::replace(
            &mut self.segment,
            create_segment(&self.disk, id, number, checkpoint, None, room)?,
        );
        full.file.trim(full.offset).map_err(WalError::io("trim a segment"))?;
        self.counters.rolls += 1;
        self.remove_before(oldest)
    }

    pub(crate) fn remove_before(&mut self, oldest: u64) -> Result<(), WalError> {
        if self.oldest >= oldest {
            return Ok(());
        }
        for id in self.oldest..oldest {
            let name = segment_name(id);
            self.disk.remove(&name).map_err(WalError::io(format_args!("remove {name}")))?;
            self.counters.removed += 1;
        }
        self.oldest = oldest;
        self.disk.sync_dir().map_err(WalError::io("sync the directory"))
    }

    fn file_of(&mut self, segment: u64) -> Result<&D::File, WalError> {
        let open = match self.reading.take() {
            Some((id, file)) if id == segment => file,
            Some(_) | None => {
                let name = segment_name(segment);
                self.disk.open(&name).map_err(WalError::io(format_args!("open {name}")))?
            }
        };
        Ok(&self.reading.insert((segment, open)).1)
    }

    /// Reads a batch back, with its checksum.
    fn read_batch(&mut self, segment: u64, offset: u64) -> Result<Vec<Write>, WalError> {
        let damaged = |what: &str| WalError::Damaged { segment, offset, what: what.to_owned() };
        let mut record = std::mem::take(&mut self.buffer);
        let file = self.file_of(segment)?;
        let read = |buffer: &mut [u8], offset: u64| {
            let read = file.read_exact_at(buffer, offset);
            read.map_err(WalError::io(format_args!("read segment {segment}")))
        };
        record.resize(SECTOR_BYTES, 0);
        read(&mut record, offset)?;
        let header = Header::decode(&record)
            .filter(|header| (header.segment, header.offset) == (segment, offset))
            .ok_or_else(|| damaged("a record's header is not what was written"))?;
        record.resize(header.record_bytes() as usize, 0);
        read(&mut record[SECTOR_BYTES..], offset + SECTOR_BYTES as u64)?;
        // Entries share these bytes for as long as anybody holds one: no padding, then.
        let payload = header.payload(&Bytes::copy_from_slice(header.without_padding(&record)));
        self.buffer = record;
        let payload =
            payload.ok_or_else(|| damaged("a record's payload is not what was written"))?;
        decode_batch(payload).map_err(|error| damaged(&error.to_string()))
    }
}

impl<D: Disk + Send> LogStore for Wal<D>
where
    D::File: Send,
{
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        if self.failed {
            return Err(StoreError::Failed);
        }
        if writes.is_empty() {
            return Ok(());
        }
        let mut after = self.state.clone();
        for write in writes {
            let named = write.snapshot.as_ref().map(|snapshot| snapshot.last);
            if let Some(last) = named.filter(|last| !self.snapshots.has(*last)) {
                let what = format!("a write names the snapshot of {last:?}, which is not here");
                return Err(StoreError::OutOfOrder(what));
            }
            after.take(write)?;
        }
        // After a failed write or sync nobody knows what the disk holds: only opening tells.
        self.commit(writes, after).map_err(|error| {
            self.failed = true;
            StoreError::from(error)
        })
    }

    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError> {
        let (mut found, mut cost) = (Entries::new(), 0);
        let through = through.min(self.state.last().index);
        let mut next = self.places.find(from).filter(|_| from > self.state.base());
        // Entries of one group commit lie in one record: it is read once.
        let mut batch = self.kept.take();
        while let Some(stretch) = next.and_then(|place| self.places.get(place))
            && stretch.first <= through
            && cost < max_bytes.max(1)
        {
            let place = (stretch.segment, stretch.offset);
            let writes = match batch.take() {
                Some((at, writes)) if at == place => writes,
                Some(_) | None => self.read_batch(place.0, place.1)?,
            };
            let Some(write) = writes.get(stretch.write as usize) else { break };
            let is_first = stretch.first < from;
            let entries = &write.entries;
            let mut part = if is_first { entries.starting_at(from) } else { entries.clone() };
            part.truncate_from(stretch.last.min(through) + 1);
            cost += part.cost();
            found.extend(part).map_err(|error| StoreError::Io(error.to_string()))?;
            next = next.map(|place| place + 1);
            batch = Some((place, writes));
        }
        self.kept = batch.filter(|(_, writes)| is_large(writes));
        if found.is_empty() {
            return Err(StoreError::NotFound(from));
        }
        Ok(if cost > max_bytes { found.capped(max_bytes) } else { found })
    }

    fn space_left(&self) -> u64 {
        self.disk.space_left().unwrap_or(0)
    }

    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError> {
        self.snapshots.begin(&self.disk, id)
    }

    fn snapshot_write(
        &mut self,
        id: SnapshotId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.snapshots.write(&self.disk, id, offset, bytes)
    }

    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError> {
        self.snapshots.finish(&self.disk, id)
    }

    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        self.snapshots.find(last)
    }

    fn snapshot_read(
        &mut self,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError> {
        self.snapshots.read(&self.disk, id, offset, max_bytes)
    }

    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError> {
        if self.state.snapshot() == Some(last) {
            return Ok(());
        }
        self.snapshots.remove(&self.disk, last)
    }
}

fn is_large(writes: &[Write]) -> bool {
    writes.iter().map(|write| write.entries.cost()).sum::<u64>() > LARGE_BYTES
}

fn names_snapshot(writes: &[Write]) -> bool {
    writes.iter().any(|write| write.snapshot.is_some())
}
