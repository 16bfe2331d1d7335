//! One record: a header with its own checksum, a payload, zeros to the end of the sector.
//!
//! A record is one group commit, or the checkpoint that a segment starts with. It starts on a fresh
//! sector, so that no later write ever touches a sector that was synced before. No whole sector of
//! it equals the fill of a new segment: where the payload would, it is masked.

use std::collections::BTreeSet;

use bytes::{Buf, Bytes};

/// What the disk writes whole or not at all. Bytes.
pub const SECTOR_BYTES: usize = 512;
/// What a segment holds before anything is written there.
pub const FILL: u8 = 0xF5;

const MAGIC: u32 = 0x4C57_5143; // "CQWL"
const HEADER_BYTES: usize = 56;
const CHECKED_BYTES: usize = HEADER_BYTES - 4;

/// Four bytes over and over.
type Pattern = [u8; 4];

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The state at the start of a segment.
    Checkpoint,
    /// The writes of one group commit.
    Batch,
}

/// Where a record stands, and what was durable when it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) kind: Kind,
    /// What the payload is combined with (exclusive or); zeros mostly.
    mask: Pattern,
    /// The payload's length, in bytes.
    pub(crate) len: u32,
    payload_checksum: u32,
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    /// Counted through all segments, with no gap.
    pub(crate) number: u64,
    /// Everything in this segment before here was synced when this was written.
    pub(crate) proven: u64,
}

/// A record's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) segment: u64,
    pub(crate) offset: u64,
    pub(crate) number: u64,
}

impl Header {
    /// Header, payload and padding: whole sectors.
    pub(crate) fn record_bytes(&self) -> u64 {
        record_bytes(self.len as usize)
    }

    /// The header in a record's first sector; none where there is none.
    pub(crate) fn decode(sector: &[u8]) -> Option<Header> {
        let mut bytes = sector.get(..HEADER_BYTES)?;
        let computed = crc32c::crc32c(&bytes[..CHECKED_BYTES]);
        if bytes.get_u32_le() != MAGIC {
            return None;
        }
        let kind = match bytes.get_u8() {
            0 => Kind::Checkpoint,
            1 => Kind::Batch,
            _ => return None,
        };
        let reserved = (bytes.get_u8(), bytes.get_u16_le());
        let mut header = Header {
            kind,
            mask: [0; 4],
            len: bytes.get_u32_le(),
            payload_checksum: bytes.get_u32_le(),
            segment: bytes.get_u64_le(),
            offset: bytes.get_u64_le(),
            number: bytes.get_u64_le(),
            proven: bytes.get_u64_le(),
        };
        bytes.copy_to_slice(&mut header.mask);
        let checksum = bytes.get_u32_le();
        (checksum == computed && reserved == (0, 0)).then_some(header)
    }

    fn encode(&self, out: &mut [u8]) {
        let kind = match self.kind {
            Kind::Checkpoint => 0,
            Kind::Batch => 1,
        };
        out[..4].copy_from_slice(&MAGIC.to_le_bytes());
        out[4..8].copy_from_slice(&[kind, 0, 0, 0]);
        out[8..12].copy_from_slice(&self.len.to_le_bytes());
        out[12..16].copy_from_slice(&self.payload_checksum.to_le_bytes());
        let numbers = [self.segment, self.offset, self.number, self.proven];
        for (place, number) in out[16..48].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        out[48..CHECKED_BYTES].copy_from_slice(&self.mask);
        let checksum = crc32c::crc32c(&out[..CHECKED_BYTES]);
        out[CHECKED_BYTES..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
    }

    /// Header and payload of a whole record's bytes.
    pub(crate) fn without_padding<'a>(&self, record: &'a [u8]) -> &'a [u8] {
        &record[..record.len().min(HEADER_BYTES.saturating_add(self.len as usize))]
    }

    /// The payload behind a header; none where its checksum is wrong.
    pub(crate) fn payload(&self, record: &Bytes) -> Option<Bytes> {
        let end = HEADER_BYTES.checked_add(self.len as usize)?;
        let stored = (end <= record.len()).then(|| record.slice(HEADER_BYTES..end))?;
        if crc32c::crc32c(&stored) != self.payload_checksum {
            return None;
        }
        if self.mask == Pattern::default() {
            return Some(stored);
        }
        let mut payload = stored.to_vec();
        apply_mask(&mut payload, self.mask);
        Some(payload.into())
    }
}

/// What a record of a payload of `len` bytes takes. Bytes, a multiple of [`SECTOR_BYTES`].
pub(crate) fn record_bytes(len: usize) -> u64 {
    (HEADER_BYTES + len).next_multiple_of(SECTOR_BYTES) as u64
}

/// Makes `out` the record at `place` whose payload `write` appends. Everything before it in its
/// segment is synced.
pub(crate) fn encode_record(
    out: &mut Vec<u8>,
    kind: Kind,
    place: Place,
    write: impl FnOnce(&mut Vec<u8>),
) {
    out.clear();
    out.resize(HEADER_BYTES, 0);
    write(out);
    let len = out.len() - HEADER_BYTES;
    out.resize(record_bytes(len) as usize, 0);
    let mask = mask_payload(out, len);
    let header = Header {
        kind,
        mask,
        len: u32::try_from(len).unwrap_or(u32::MAX),
        payload_checksum: crc32c::crc32c(&out[HEADER_BYTES..HEADER_BYTES + len]),
        segment: place.segment,
        offset: place.offset,
        number: place.number,
        proven: place.offset,
    };
    header.encode(out);
}

/// Masks the payload so that no whole sector looks as if it was never written. There is always such
/// a mask: each sector rules out at most one of 2^32, and a record has fewer sectors than that.
fn mask_payload(record: &mut [u8], len: usize) -> Pattern {
    if !record.chunks(SECTOR_BYTES).any(is_fill) {
        return Pattern::default();
    }
    let ruled_out: BTreeSet<u32> = record.chunks(SECTOR_BYTES).filter_map(rules_out).collect();
    let free = (1..u32::MAX).find(|mask| !ruled_out.contains(mask)).unwrap_or(u32::MAX);
    let mask = free.to_le_bytes();
    apply_mask(&mut record[HEADER_BYTES..HEADER_BYTES + len], mask);
    mask
}

/// The mask that would make this sector look like fill.
fn rules_out(sector: &[u8]) -> Option<u32> {
    let first = sector.first_chunk::<4>()?;
    let repeats = sector.chunks(4).all(|part| part == first);
    repeats.then(|| u32::from_le_bytes(first.map(|byte| byte ^ FILL)))
}

fn apply_mask(payload: &mut [u8], mask: Pattern) {
    payload.iter_mut().zip(mask.iter().cycle()).for_each(|(byte, mask)| *byte ^= mask);
}

/// Whether nothing was ever written to this sector.
pub(crate) fn is_fill(sector: &[u8]) -> bool {
    sector.iter().all(|byte| *byte == FILL)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { segment: 3, offset: 1024, number: 9 };

    fn record(payload: &[u8]) -> Bytes {
        let mut out = Vec::new();
        encode_record(&mut out, Kind::Batch, PLACE, |out| out.extend_from_slice(payload));
        out.into()
    }

    #[test]
    fn a_record_reads_back() {
        for len in [0, 1, 455, 456, 457, 5_000] {
            let payload = vec![7; len];
            let record = record(&payload);
            assert_eq!(record.len() % SECTOR_BYTES, 0);
            let header = Header::decode(&record).expect("a header");
            assert_eq!((header.segment, header.offset, header.number), (3, 1024, 9));
            assert_eq!(header.payload(&record).expect("sound"), payload);
        }
    }

    #[test]
    fn no_sector_of_a_record_looks_unwritten_whatever_a_client_puts() {
        // Every sector of one byte repeated, so that no mask of one byte would do.
        let all: Vec<u8> = (0..=255).flat_map(|byte| [byte; SECTOR_BYTES]).collect();
        for byte in 0..=255 {
            let mut payload = vec![FILL; 2_000];
            payload.extend(vec![byte; 2_000]);
            payload.truncate(SECTOR_BYTES * 4 - HEADER_BYTES);
            payload.extend(&all);
            let record = record(&payload);
            assert!(!record.chunks(SECTOR_BYTES).any(is_fill), "{byte}");
            let header = Header::decode(&record).expect("a header");
            assert_eq!(header.payload(&record).expect("sound"), payload);
        }
    }

    #[test]
    fn a_flipped_bit_in_header_or_payload_is_seen() {
        let record = record(b"payload");
        for bit in 0..(HEADER_BYTES + 7) * 8 {
            let mut damaged = record.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            let damaged = Bytes::from(damaged);
            let read = Header::decode(&damaged).and_then(|header| header.payload(&damaged));
            assert_eq!(read, None, "bit {bit}");
        }
    }
}
