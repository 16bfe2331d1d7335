//! Configurations and what snapshots stand for.

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::{Configuration, Learner, NodeId, PROTOCOL, Promotion, SnapshotMeta};

use crate::{
    DISK_VERSION, DecodeError,
    bytes::{Reader, put_log_id, put_node, put_u16, put_u32, put_u64},
};

const ON_DEMAND: u8 = 0;
const WHEN_CAUGHT_UP: u8 = 1;

pub(crate) fn put_configuration(out: &mut Vec<u8>, members: &Configuration) {
    put_u16(out, members.protocol());
    let counts = [members.voters().len(), members.outgoing().len(), members.learners().len()];
    // A configuration names at most 255 of a kind.
    out.extend(counts.map(|count| u8::try_from(count).unwrap_or(u8::MAX)));
    for node in members.voters().iter().chain(members.outgoing()) {
        put_node(out, Some(*node));
    }
    for learner in members.learners() {
        put_node(out, Some(learner.id));
        put_promotion(out, learner.promotion);
    }
    put_u16(out, u16::try_from(members.addresses().len()).unwrap_or(u16::MAX));
    for (node, address) in members.addresses() {
        put_node(out, Some(*node));
        put_address(out, address);
    }
}

/// Of any length: a wish that will be refused is recorded as it was.
pub(crate) fn put_address(out: &mut Vec<u8>, address: &str) {
    put_u32(out, u32::try_from(address.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(address.as_bytes());
}

pub(crate) fn address(reader: &mut Reader) -> Result<Arc<str>, DecodeError> {
    let what = "address";
    let len = reader.u32(what)?;
    let bytes = reader.slice(len, what)?;
    std::str::from_utf8(&bytes).map(Arc::from).map_err(|_| DecodeError::NotCanonical { what })
}

pub(crate) fn put_promotion(out: &mut Vec<u8>, promotion: Promotion) {
    match promotion {
        Promotion::OnDemand => out.push(ON_DEMAND),
        Promotion::WhenCaughtUp { max_lag } => {
            out.push(WHEN_CAUGHT_UP);
            put_u64(out, max_lag);
        }
    }
}

/// Members in ascending order, each once.
pub(crate) fn configuration(reader: &mut Reader) -> Result<Configuration, DecodeError> {
    let protocol = reader.u16("protocol")?;
    let [voters, outgoing, learners] =
        [reader.u8("voters")?, reader.u8("outgoing voters")?, reader.u8("learners")?];
    let voters = nodes(reader, voters, "voters")?;
    let outgoing = nodes(reader, outgoing, "outgoing voters")?;
    let mut found: Vec<Learner> = Vec::new();
    for _ in 0..learners {
        let learner = learner(reader)?;
        if found.last().is_some_and(|last| last.id >= learner.id) {
            return Err(DecodeError::NotCanonical { what: "learners" });
        }
        found.push(learner);
    }
    let addresses = addresses(reader)?;
    if voters.is_empty() && outgoing.is_empty() && found.is_empty() {
        let is_empty = protocol == PROTOCOL && addresses.is_empty();
        let not_canonical = DecodeError::NotCanonical { what: "configuration of nobody" };
        return if is_empty { Ok(Configuration::EMPTY) } else { Err(not_canonical) };
    }
    let made = Configuration::of(voters, outgoing, found, protocol)?;
    if addresses.iter().any(|(node, _)| !made.is_member(*node)) {
        return Err(DecodeError::NotCanonical { what: "addresses" });
    }
    Ok(made.with_addresses(addresses)?)
}

fn addresses(reader: &mut Reader) -> Result<Vec<(NodeId, Arc<str>)>, DecodeError> {
    let what = "addresses";
    let mut found: Vec<(NodeId, Arc<str>)> = Vec::new();
    for _ in 0..reader.u16(what)? {
        let node = reader.named(what)?;
        if found.last().is_some_and(|(last, _)| *last >= node) {
            return Err(DecodeError::NotCanonical { what });
        }
        found.push((node, address(reader)?));
    }
    Ok(found)
}

fn nodes(reader: &mut Reader, count: u8, what: &'static str) -> Result<Vec<NodeId>, DecodeError> {
    let mut found: Vec<NodeId> = Vec::new();
    for _ in 0..count {
        let node = reader.named(what)?;
        if found.last().is_some_and(|last| *last >= node) {
            return Err(DecodeError::NotCanonical { what });
        }
        found.push(node);
    }
    Ok(found)
}

fn learner(reader: &mut Reader) -> Result<Learner, DecodeError> {
    let id = reader.named("learners")?;
    let promotion = promotion(reader)?;
    Ok(Learner { id, promotion })
}

pub(crate) fn promotion(reader: &mut Reader) -> Result<Promotion, DecodeError> {
    match reader.u8("promotion")? {
        ON_DEMAND => Ok(Promotion::OnDemand),
        WHEN_CAUGHT_UP => Ok(Promotion::WhenCaughtUp { max_lag: reader.u64("lag")? }),
        tag => Err(DecodeError::Tag { what: "promotion", tag }),
    }
}

pub(crate) fn put_meta(out: &mut Vec<u8>, meta: &SnapshotMeta) {
    put_log_id(out, meta.last);
    put_configuration(out, &meta.configuration);
}

pub(crate) fn meta(reader: &mut Reader) -> Result<Arc<SnapshotMeta>, DecodeError> {
    let last = reader.log_id("last entry of a snapshot")?;
    let configuration = Arc::new(configuration(reader)?);
    Ok(Arc::new(SnapshotMeta { last, configuration }))
}

/// Appends the encoding of what a snapshot stands for to `out`.
pub fn encode_meta(meta: &SnapshotMeta, out: &mut Vec<u8>) {
    out.push(DISK_VERSION);
    put_meta(out, meta);
}

/// What the snapshot of these bytes stands for.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_meta`] would not write.
pub fn decode_meta(bytes: Bytes) -> Result<Arc<SnapshotMeta>, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.version(DISK_VERSION)?;
    let found = meta(&mut reader)?;
    reader.finish()?;
    Ok(found)
}
