//! An entry as bytes: term, kind, and what it carries.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};
use quorate_codec::{decode_meta, encode_meta};
use quorate_core::{EntryRef, Index, LogId, Payload, SnapshotMeta};

const NOOP: u8 = 0;
const COMMAND: u8 = 1;
const CONFIGURATION: u8 = 2;

pub(crate) fn key(index: Index) -> [u8; 9] {
    let mut key = [b'e'; 9];
    key[1..].copy_from_slice(&index.to_be_bytes());
    key
}

pub(crate) fn encode(entry: EntryRef<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    out.put_u64(entry.log_id.term);
    match entry.payload {
        Payload::Noop => out.put_u8(NOOP),
        Payload::Command(command) => {
            out.put_u8(COMMAND);
            out.put_slice(command);
        }
        Payload::Configuration(members) => {
            out.put_u8(CONFIGURATION);
            // The codec writes a configuration with its place.
            let meta = SnapshotMeta { last: entry.log_id, configuration: Arc::clone(members) };
            encode_meta(&meta, &mut out);
        }
    }
    out
}

/// None for bytes that no entry has.
pub(crate) fn decode(index: Index, mut bytes: Bytes) -> Option<(LogId, Payload)> {
    if bytes.len() < 9 {
        return None;
    }
    let log_id = LogId::new(bytes.get_u64(), index);
    let payload = match bytes.get_u8() {
        NOOP if bytes.is_empty() => Payload::Noop,
        COMMAND => Payload::Command(bytes),
        CONFIGURATION => {
            let meta = decode_meta(bytes).ok().filter(|meta| meta.last == log_id)?;
            Payload::Configuration(Arc::clone(&meta.configuration))
        }
        _ => return None,
    };
    Some((log_id, payload))
}
