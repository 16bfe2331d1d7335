//! Entries: runs of one term, each entry with its kind and length. How they lie together in memory
//! leaves no trace.

use std::sync::Arc;

use quorate_core::{Commands, Entries, LogId, Payload, Term};

use crate::{
    DecodeError,
    bytes::{Reader, put_u32, put_u64},
    configuration::{configuration, put_configuration},
};

/// What each entry takes besides its command: a kind and a length. Bytes.
const ENTRY_HEADER_BYTES: u64 = 5;

const NOOP: u8 = 0;
const CONFIGURATION: u8 = 1;
const COMMAND: u8 = 2;

pub(crate) fn put_entries(out: &mut Vec<u8>, entries: &Entries) {
    put_u64(out, entries.first().map_or(0, |first| first.index));
    put_u64(out, entries.len());
    let mut term: Option<(Term, usize)> = None;
    for (first, payloads) in entries.runs() {
        // The count of a run is known only once a run of another term follows.
        let place = match term {
            Some((last, place)) if last == first.term => place,
            Some(_) | None => {
                put_u64(out, first.term);
                put_u32(out, 0);
                out.len() - 4
            }
        };
        term = Some((first.term, place));
        add_to_u32(out, place, payloads.len() as u32);
        payloads.iter().for_each(|payload| put_payload(out, payload));
    }
}

fn add_to_u32(out: &mut [u8], place: usize, more: u32) {
    if let Some(field) = out.get_mut(place..place + 4) {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(field);
        field.copy_from_slice(&(u32::from_le_bytes(bytes) + more).to_le_bytes());
    }
}

pub(crate) fn put_payload(out: &mut Vec<u8>, payload: &Payload) {
    match payload {
        Payload::Noop => {
            out.push(NOOP);
            put_u32(out, 0);
        }
        Payload::Configuration(members) => {
            out.push(CONFIGURATION);
            let place = out.len();
            put_u32(out, 0);
            put_configuration(out, members);
            let len = out.len() - place - 4;
            add_to_u32(out, place, len as u32);
        }
        Payload::Command(command) => {
            out.push(COMMAND);
            put_u32(out, command.len() as u32);
            out.extend_from_slice(command);
        }
    }
}

pub(crate) fn entries(reader: &mut Reader) -> Result<Entries, DecodeError> {
    let (mut index, mut left) = (reader.u64("first index")?, reader.u64("entry count")?);
    if (index == 0) != (left == 0) {
        return Err(DecodeError::NotCanonical { what: "first index" });
    }
    let mut found = Entries::new();
    while left > 0 {
        let term = reader.u64("term of a run")?;
        if found.last().is_some_and(|last| last.term == term) {
            return Err(DecodeError::NotCanonical { what: "term of a run" });
        }
        let count = u64::from(reader.u32("length of a run")?);
        // Each entry takes some bytes: a count that they cannot hold allocates nothing.
        let limit = left.min(reader.left() / ENTRY_HEADER_BYTES);
        if count == 0 || count > limit {
            return Err(DecodeError::Range { what: "length of a run", found: count, limit });
        }
        // A single one takes no list.
        let commands: Commands = if count == 1 {
            payload(reader)?.into()
        } else {
            let mut payloads = Vec::with_capacity(count as usize);
            for _ in 0..count {
                payloads.push(payload(reader)?);
            }
            payloads.into()
        };
        found.append(LogId::new(term, index), commands)?;
        index += count;
        left -= count;
    }
    Ok(found)
}

pub(crate) fn payload(reader: &mut Reader) -> Result<Payload, DecodeError> {
    let (kind, len) = (reader.u8("kind of an entry")?, reader.u32("length of an entry")?);
    match kind {
        NOOP if len == 0 => Ok(Payload::Noop),
        NOOP => Err(DecodeError::NotCanonical { what: "no-op" }),
        CONFIGURATION => {
            let mut own = Reader::new(reader.slice(len, "configuration")?);
            let members = configuration(&mut own)?;
            own.finish()?;
            Ok(Payload::Configuration(Arc::new(members)))
        }
        COMMAND => Ok(Payload::Command(reader.slice(len, "command")?)),
        tag => Err(DecodeError::Tag { what: "kind of an entry", tag }),
    }
}
