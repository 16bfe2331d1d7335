//! Reads a segment back: which records it holds, and whether its end is an end, a tear or rot.
//!
//! Every record but the last of the last segment was synced before the next one was written, so
//! damage there is rot. The last one may have been torn by a power loss: then a whole sector of it
//! still holds the fill, since sectors are written whole or not at all. Anything else is rot.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    Disk, DiskFile, WalError,
    checkpoint::Checkpoint,
    record::{Header, Kind, Place, SECTOR_BYTES, is_fill},
};

/// A segment's contents.
pub(crate) struct Segment {
    pub(crate) id: u64,
    pub(crate) checkpoint: Checkpoint,
    /// The number of the checkpoint's record.
    pub(crate) number: u64,
    /// The batches, in order.
    pub(crate) batches: Vec<Batch>,
    /// Behind the last sound record.
    pub(crate) end: u64,
    /// Whether a torn record lies behind it.
    pub(crate) is_torn: bool,
}

/// What a segment says of itself and those before it.
pub(crate) struct Head {
    pub(crate) id: u64,
    pub(crate) checkpoint: Checkpoint,
    /// The number of the checkpoint's record.
    pub(crate) number: u64,
}

/// A batch's place and payload.
pub(crate) struct Batch {
    pub(crate) offset: u64,
    pub(crate) payload: Bytes,
}

/// How far a segment is known to reach.
#[derive(Clone, Copy)]
pub(crate) enum Reach {
    /// The next segment says so: all before it is proven.
    To(u64),
    /// It is the last: the end must be found.
    Unknown,
}

/// Reads segment `id`.
pub(crate) fn read_segment<D: Disk>(
    disk: &D,
    name: &str,
    id: u64,
    reach: Reach,
) -> Result<Segment, WalError> {
    let wanted = match reach {
        Reach::To(end) => end,
        Reach::Unknown => u64::MAX,
    };
    Scan { id, bytes: read(disk, name, wanted)?, reach }.run()
}

/// Reads the first record of segment `id`.
pub(crate) fn read_head<D: Disk>(disk: &D, name: &str, id: u64) -> Result<Head, WalError> {
    let reach = Reach::Unknown;
    let scan = Scan { id, bytes: read(disk, name, SECTOR_BYTES as u64)?, reach };
    let len = scan.first()?.record_bytes();
    let scan = Scan { id, bytes: read(disk, name, len)?, reach };
    let (header, checkpoint) = scan.checkpoint()?;
    Ok(Head { id, checkpoint, number: header.number })
}

/// The file's first `wanted` bytes, as far as there are any.
fn read<D: Disk>(disk: &D, name: &str, wanted: u64) -> Result<Bytes, WalError> {
    let file = disk.open(name).map_err(WalError::io(format_args!("open {name}")))?;
    let len = file.len().map_err(WalError::io(format_args!("read the length of {name}")))?;
    let mut bytes = vec![0; wanted.min(len) as usize];
    file.read_exact_at(&mut bytes, 0).map_err(WalError::io(format_args!("read {name}")))?;
    Ok(bytes.into())
}

struct Scan {
    id: u64,
    bytes: Bytes,
    reach: Reach,
}

/// What stands at an offset.
enum Found {
    Record(Header, Bytes),
    End,
    Tear,
}

impl Scan {
    fn first(&self) -> Result<Header, WalError> {
        let first = Header::decode(&self.bytes);
        first.ok_or_else(|| self.damaged(0, "no header where the segment starts"))
    }

    fn checkpoint(&self) -> Result<(Header, Checkpoint), WalError> {
        let Found::Record(header, payload) = self.at(0, self.first()?.number)? else {
            return Err(self.damaged(0, "the checkpoint is not whole"));
        };
        match (header.kind, Checkpoint::decode(payload)?) {
            (Kind::Checkpoint, Some(checkpoint)) => Ok((header, checkpoint)),
            (Kind::Checkpoint | Kind::Batch, _) => {
                Err(self.damaged(0, "the segment does not start with a checkpoint"))
            }
        }
    }

    fn run(self) -> Result<Segment, WalError> {
        let (header, checkpoint) = self.checkpoint()?;
        let cut = match self.reach {
            Reach::To(end) => (self.bytes.len() as u64) < end,
            Reach::Unknown => (self.bytes.len() as u64) < checkpoint.file_bytes,
        };
        if cut {
            // A file is full-sized and synced before it gets its name, so no crash cuts it
            // (docs/decisions/0005).
            return Err(self.damaged(self.bytes.len() as u64, "the file was cut off here"));
        }
        self.batches(checkpoint, header.number, header.record_bytes())
    }

    fn batches(
        &self,
        checkpoint: Checkpoint,
        number: u64,
        mut end: u64,
    ) -> Result<Segment, WalError> {
        let mut batches = Vec::new();
        let is_torn = loop {
            match self.at(end, number + 1 + batches.len() as u64)? {
                Found::Record(header, payload) => {
                    if header.kind != Kind::Batch {
                        return Err(self.damaged(end, "a checkpoint amid a segment"));
                    }
                    batches.push(Batch { offset: end, payload });
                    end += header.record_bytes();
                }
                Found::End => break false,
                Found::Tear => break true,
            }
        };
        Ok(Segment { id: self.id, checkpoint, number, batches, end, is_torn })
    }

    /// What stands at `offset`, where record `number` is due.
    fn at(&self, offset: u64, number: u64) -> Result<Found, WalError> {
        let is_proven = match self.reach {
            Reach::To(end) if offset == end => return Ok(Found::End),
            Reach::To(_) => true,
            Reach::Unknown => false,
        };
        let sector = self.slice(offset, SECTOR_BYTES as u64);
        if sector.is_empty() {
            return Ok(Found::End);
        }
        if is_fill(sector) && !is_proven {
            return self.nothing_behind(offset + SECTOR_BYTES as u64, offset);
        }
        let Some(header) = Header::decode(sector) else {
            return Err(self.damaged(offset, "a record's header is not what was written"));
        };
        let place = Place { segment: header.segment, offset: header.offset, number: header.number };
        if place != (Place { segment: self.id, offset, number }) {
            return Err(self.damaged(offset, "a record that belongs elsewhere"));
        }
        let record = self.bytes.slice(self.range(offset, header.record_bytes()));
        if let Some(payload) = header.payload(&record) {
            return Ok(Found::Record(header, payload));
        }
        let is_partial = record.chunks(SECTOR_BYTES).any(is_fill);
        if is_proven || !is_partial {
            return Err(self.damaged(offset, "a record's payload is not what was written"));
        }
        self.nothing_behind(offset + header.record_bytes(), offset)
    }

    /// A tear or an end at `offset`, unless a later record proves that it was whole once.
    fn nothing_behind(&self, from: u64, offset: u64) -> Result<Found, WalError> {
        let mut is_clean = true;
        for (place, sector) in self.sectors(from) {
            if is_fill(sector) {
                continue;
            }
            is_clean = false;
            let header = Header::decode(sector);
            let proves = header.is_some_and(|header| {
                (header.segment, header.offset) == (self.id, place) && header.proven > offset
            });
            if proves {
                return Err(self.damaged(offset, "a record is missing that was synced"));
            }
        }
        let was_fill = is_fill(self.slice(offset, SECTOR_BYTES as u64));
        Ok(if was_fill && is_clean { Found::End } else { Found::Tear })
    }

    fn sectors(&self, from: u64) -> impl Iterator<Item = (u64, &[u8])> {
        let len = self.bytes.len() as u64;
        let places = (from..len).step_by(SECTOR_BYTES);
        places.map(|place| (place, self.slice(place, SECTOR_BYTES as u64)))
    }

    /// At most `len` bytes from `offset`, as far as there are any.
    fn slice(&self, offset: u64, len: u64) -> &[u8] {
        &self.bytes[self.range(offset, len)]
    }

    fn range(&self, offset: u64, len: u64) -> Range<usize> {
        let all = self.bytes.len() as u64;
        let (start, end) = (offset.min(all), offset.saturating_add(len).min(all));
        start as usize..end as usize
    }

    fn damaged(&self, offset: u64, what: &str) -> WalError {
        WalError::Damaged { segment: self.id, offset, what: what.to_owned() }
    }
}
