//! What a node starts from.

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::{Configuration, Index, LogSummary, Persisted, TermRun};

use crate::{
    DISK_VERSION, DecodeError,
    bytes::{Reader, put_log_id, put_u64},
    configuration::{configuration, put_configuration},
    write::{hard_state, put_hard_state, put_snapshot, snapshot},
};

const BOOTSTRAP: u8 = 0;
const JOIN: u8 = 1;
const LOADED: u8 = 2;

/// What a run takes. Bytes.
const RUN_BYTES: u64 = 16;
/// What a configuration and its place take at least. Bytes.
const CONFIGURATION_BYTES: u64 = 13;

/// Appends the encoding of `persisted` to `out`. Equal values give equal bytes.
pub fn encode_persisted(persisted: &Persisted, out: &mut Vec<u8>) {
    out.push(DISK_VERSION);
    put_persisted(out, persisted);
}

pub(crate) fn put_persisted(out: &mut Vec<u8>, persisted: &Persisted) {
    match persisted {
        Persisted::Bootstrap { configuration, incarnation } => {
            out.push(BOOTSTRAP);
            put_u64(out, *incarnation);
            put_configuration(out, configuration);
        }
        Persisted::Join { incarnation } => {
            out.push(JOIN);
            put_u64(out, *incarnation);
        }
        Persisted::Loaded { incarnation, hard_state, snapshot, log, applied } => {
            out.push(LOADED);
            put_u64(out, *incarnation);
            put_hard_state(out, *hard_state);
            put_snapshot(out, snapshot.as_deref());
            put_summary(out, log);
            put_u64(out, *applied);
        }
    }
}

/// What these bytes say.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_persisted`] would not write.
pub fn decode_persisted(bytes: Bytes) -> Result<Persisted, DecodeError> {
    let mut reader = Reader::new(bytes);
    reader.version(DISK_VERSION)?;
    let found = persisted(&mut reader)?;
    reader.finish()?;
    Ok(found)
}

pub(crate) fn persisted(reader: &mut Reader) -> Result<Persisted, DecodeError> {
    let kind = reader.u8("kind of a start")?;
    let incarnation = reader.u64("incarnation")?;
    Ok(match kind {
        BOOTSTRAP => {
            let configuration = Arc::new(configuration(reader)?);
            Persisted::Bootstrap { configuration, incarnation }
        }
        JOIN => Persisted::Join { incarnation },
        LOADED => Persisted::Loaded {
            incarnation,
            hard_state: hard_state(reader)?,
            snapshot: snapshot(reader)?,
            log: summary(reader)?,
            applied: reader.u64("applied")?,
        },
        tag => return Err(DecodeError::Tag { what: "kind of a start", tag }),
    })
}

fn put_summary(out: &mut Vec<u8>, log: &LogSummary) {
    put_log_id(out, log.base());
    put_log_id(out, log.last());
    put_u64(out, log.runs().len() as u64);
    for run in log.runs() {
        put_u64(out, run.term);
        put_u64(out, run.first);
    }
    put_u64(out, log.configurations().len() as u64);
    for (index, members) in log.configurations() {
        put_u64(out, *index);
        put_configuration(out, members);
    }
}

fn summary(reader: &mut Reader) -> Result<LogSummary, DecodeError> {
    let (base, last) = (reader.log_id("base")?, reader.log_id("last entry")?);
    let mut runs = Vec::new();
    for _ in 0..reader.count(RUN_BYTES, "runs")? {
        runs.push(TermRun {
            term: reader.u64("term of a run")?,
            first: reader.u64("first index")?,
        });
    }
    let mut configurations: Vec<(Index, Arc<Configuration>)> = Vec::new();
    for _ in 0..reader.count(CONFIGURATION_BYTES, "configurations")? {
        let index = reader.u64("place of a configuration")?;
        configurations.push((index, Arc::new(configuration(reader)?)));
    }
    LogSummary::from_parts(base, last, runs, configurations)
        .ok_or(DecodeError::NotCanonical { what: "summary of a log" })
}
