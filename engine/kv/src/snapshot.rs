//! The state as bytes: version, revision, history, count, then each key with its value in ascending
//! order. All numbers are little-endian and of fixed width: equal states give equal bytes.

use std::collections::BTreeMap;

use bytes::{Buf, BufMut, Bytes};
use quorate_driver::InstallError;

use crate::{KEY_LIMIT_BYTES, Revision, VALUE_LIMIT_BYTES, Value};

const VERSION: u8 = 1;
/// Version, revision, history, count.
const HEADER_BYTES: usize = 25;
/// What a key and its value take besides their bytes.
const ROW_BYTES: usize = 32;

/// What a snapshot holds.
pub(crate) struct Parts {
    pub(crate) values: BTreeMap<Bytes, Value>,
    pub(crate) revision: Revision,
    pub(crate) history: u64,
}

impl Parts {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let rows = self.values.iter().map(|(key, value)| key.len() + value.bytes.len() + ROW_BYTES);
        let mut out = Vec::with_capacity(HEADER_BYTES + rows.sum::<usize>());
        out.put_u8(VERSION);
        out.put_u64_le(self.revision);
        out.put_u64_le(self.history);
        out.put_u64_le(self.values.len() as u64);
        for (key, value) in &self.values {
            out.put_u32_le(key.len() as u32);
            out.put_u32_le(value.bytes.len() as u32);
            let numbers = [value.create_revision, value.mod_revision, value.version];
            numbers.into_iter().for_each(|number| out.put_u64_le(number));
            out.put_slice(key);
            out.put_slice(&value.bytes);
        }
        out
    }

    /// The parts of these bytes.
    pub(crate) fn decode(mut bytes: Bytes) -> Result<Parts, InstallError> {
        let refused = |what: &str| Err(InstallError(what.to_owned()));
        if bytes.len() < HEADER_BYTES {
            return refused("a key-value snapshot without a header");
        }
        let version = bytes.get_u8();
        if version != VERSION {
            return refused(&format!(
                "a key-value snapshot of version {version}; this machine reads version {VERSION}"
            ));
        }
        let (revision, history) = (bytes.get_u64_le(), bytes.get_u64_le());
        let mut values = BTreeMap::new();
        for _ in 0..bytes.get_u64_le() {
            let Some((key, value)) = row(&mut bytes, revision) else {
                return refused("a key-value snapshot with a row that no state has");
            };
            if values.last_key_value().is_some_and(|(last, _)| *last >= key) {
                return refused("a key-value snapshot with keys out of order");
            }
            values.insert(key, value);
        }
        if !bytes.is_empty() {
            return refused("a key-value snapshot with bytes left over");
        }
        Ok(Parts { values, revision, history })
    }
}

fn row(bytes: &mut Bytes, revision: Revision) -> Option<(Bytes, Value)> {
    if bytes.len() < ROW_BYTES {
        return None;
    }
    let (key, value) = (bytes.get_u32_le(), bytes.get_u32_le());
    let (create_revision, mod_revision) = (bytes.get_u64_le(), bytes.get_u64_le());
    let version = bytes.get_u64_le();
    let is_sane = (1..=KEY_LIMIT_BYTES).contains(&key)
        && value <= VALUE_LIMIT_BYTES
        && create_revision <= mod_revision
        && mod_revision <= revision
        && bytes.len() >= key as usize + value as usize;
    if !is_sane {
        return None;
    }
    // Copied: else one key that stays would keep all of the snapshot in memory.
    let key = Bytes::copy_from_slice(&bytes.split_to(key as usize));
    let bytes = Bytes::copy_from_slice(&bytes.split_to(value as usize));
    Some((key, Value { bytes, create_revision, mod_revision, version }))
}
