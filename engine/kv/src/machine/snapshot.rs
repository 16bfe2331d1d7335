//! The state as bytes: all records by key and revision, then leases, then sessions. Equal states
//! give equal bytes.

use std::sync::Arc;

use bytes::Bytes;
use quorate_driver::InstallError;

use super::Kv;
use crate::{
    KEY_LIMIT_BYTES, LEASE_LIMIT, LeaseId, RequestError, SESSION_LIMIT, VALUE_LIMIT_BYTES,
    hash::Hash,
    lease::Leases,
    request::wire::{Read, Reader, Writer, get_response, put_response},
    session::{Session, Sessions},
    store::{Record, Restored, Store},
};

/// Version 1 held one value a key.
const VERSION: u8 = 2;

pub(super) fn encode(kv: &Kv) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(usize::try_from(kv.used()).unwrap_or(0));
    let mut out = Writer(&mut bytes);
    out.byte(VERSION);
    let store = &kv.store;
    let (swept, sub) = store.swept();
    let numbers = [store.revision(), store.compacted(), swept, u64::from(sub), kv.quota];
    numbers.into_iter().for_each(|number| out.number(number));
    out.flag(kv.no_space);
    out.number(kv.history.value());
    out.number(store.records().count() as u64);
    store.records().for_each(|record| put_record(&mut out, record));
    out.number(kv.leases.len());
    for (id, lease) in kv.leases.iter() {
        out.number(id.0);
        out.number(lease.ttl_ms);
        out.number(lease.granted);
    }
    out.number(kv.sessions.len());
    for (id, session) in kv.sessions.iter() {
        out.number(id.0);
        out.number(session.acknowledged);
        out.number(session.answers.len() as u64);
        for (&sequence, response) in &session.answers {
            out.number(sequence);
            put_response(&mut out, response);
        }
    }
    bytes
}

pub(super) fn decode(bytes: Bytes) -> Result<Kv, InstallError> {
    let version = bytes.first().copied();
    if version.is_some_and(|version| version != VERSION) {
        return Err(InstallError(format!(
            "a key-value snapshot of version {}; this machine reads version {VERSION}",
            version.unwrap_or_default()
        )));
    }
    read(bytes).map_err(|error| InstallError(format!("a key-value snapshot: {error}")))
}

fn read(bytes: Bytes) -> Read<Kv> {
    let mut from = Reader(bytes);
    from.byte()?;
    let (revision, compacted) = (from.number()?, from.number()?);
    let swept = (from.number()?, get_sub(&mut from)?);
    let quota = from.number()?;
    let no_space = from.flag()?;
    let history = Hash::from_value(from.number()?);
    let mut restored = Restored::begin(revision, compacted, swept).ok_or(MALFORMED)?;
    let records = from.number()?;
    for _ in 0..records {
        let record = get_record(&mut from)?;
        restored.push(record).ok_or(MALFORMED)?;
    }
    let store = restored.end().ok_or(MALFORMED)?;
    let mut leases = Leases::default();
    for _ in 0..bounded(from.number()?, LEASE_LIMIT)? {
        let (id, ttl_ms) = (LeaseId(from.number()?), from.number()?);
        leases.grant(id, ttl_ms, from.number()?).map_err(|_| MALFORMED)?;
    }
    attach(&store, &mut leases)?;
    let sessions = get_sessions(&mut from, &leases)?;
    from.end(Kv { store, leases, sessions, quota, no_space, history })
}

const MALFORMED: RequestError = RequestError::Malformed;

fn bounded(count: u64, limit: u32) -> Read<u64> {
    if count > u64::from(limit) { Err(MALFORMED) } else { Ok(count) }
}

/// Which keys live by a lease stands in their newest records.
fn attach(store: &Store, leases: &mut Leases) -> Read<()> {
    for record in store.newest().filter(|record| record.lease != LeaseId::NONE) {
        if leases.get(record.lease).is_none() {
            return Err(MALFORMED);
        }
        leases.attach(record.lease, &record.key);
    }
    Ok(())
}

fn get_sessions(from: &mut Reader, leases: &Leases) -> Read<Sessions> {
    let mut sessions = Sessions::default();
    for _ in 0..bounded(from.number()?, SESSION_LIMIT)? {
        let id = LeaseId(from.number()?);
        let mut session = Session { acknowledged: from.number()?, ..Session::default() };
        for _ in 0..from.number()? {
            session.answers.insert(from.number()?, Arc::new(get_response(from)?));
        }
        if leases.get(id).is_none() || sessions.has(id) {
            return Err(MALFORMED);
        }
        sessions.open(id, session);
    }
    Ok(sessions)
}

fn get_sub(from: &mut Reader) -> Read<u32> {
    u32::try_from(from.number()?).map_err(|_| MALFORMED)
}

fn put_record(out: &mut Writer<'_>, record: &Record) {
    out.bytes(&record.key);
    out.number(record.mod_revision);
    out.number(u64::from(record.sub));
    out.number(record.version);
    if !record.is_gone() {
        out.number(record.create_revision);
        out.number(record.lease.0);
        out.bytes(&record.value);
    }
}

fn get_record(from: &mut Reader) -> Read<Record> {
    let key = from.bytes()?;
    let mod_revision = from.number()?;
    let sub = get_sub(from)?;
    let version = from.number()?;
    let (create_revision, lease, value) = match version {
        0 => (0, LeaseId::NONE, Bytes::new()),
        _ => (from.number()?, LeaseId(from.number()?), from.bytes()?),
    };
    let is_sane = (1..=KEY_LIMIT_BYTES as usize).contains(&key.len())
        && value.len() <= VALUE_LIMIT_BYTES as usize
        && create_revision <= mod_revision;
    if !is_sane {
        return Err(MALFORMED);
    }
    // Copied: else one key that stays would keep all of the snapshot in memory.
    let (key, value) = (Bytes::copy_from_slice(&key), Bytes::copy_from_slice(&value));
    Ok(Record { key, value, create_revision, mod_revision, sub, version, lease })
}
