//! A run that was recorded answers the same, byte for byte, whenever it is stepped again.

use std::{collections::BTreeMap, fs, path::PathBuf};

use bytes::Bytes;
use quorate_codec::{TraceReader, decode_actions};
use quorate_core::{Action, Input, RoleKind};
use quorate_driver::{ReplayError, replay};
use quorate_tests::{planted::repository, trace::record};

/// The trace that is replayed on every platform.
fn committed() -> PathBuf {
    repository().join("tests/traces/group-of-three.trace")
}

/// How often each kind of thing happened in a trace.
fn kinds(trace: &[u8]) -> BTreeMap<&'static str, u32> {
    let mut reader = TraceReader::new();
    reader.feed(trace);
    reader.start().expect("a trace").expect("whole");
    let mut counts = BTreeMap::new();
    let mut count = |name| *counts.entry(name).or_insert(0) += 1;
    while let Some(record) = reader.record().expect("sound") {
        match record.event.input {
            Input::Propose { .. } => count("proposal"),
            Input::Read { .. } => count("read"),
            Input::ChangeMembers { .. } => count("change"),
            Input::Transfer { .. } => count("transfer"),
            Input::LogRead { .. } => count("log read"),
            Input::SnapshotTaken { .. } => count("snapshot taken"),
            Input::SnapshotReceived { .. } => count("snapshot received"),
            _ => {}
        }
        for action in decode_actions(record.actions).expect("sound") {
            match action {
                Action::RoleChanged { role: RoleKind::Leader, .. } => count("election won"),
                Action::Transferred { .. } => count("handed over"),
                Action::SendSnapshot { .. } => count("snapshot sent"),
                Action::Install { .. } => count("installed"),
                Action::Apply { .. } => count("applied"),
                _ => {}
            }
        }
    }
    counts
}

#[test]
fn a_recorded_run_answers_the_same_when_it_is_stepped_again() {
    let traces = record();
    let mut met = BTreeMap::new();
    for (node, trace) in &traces {
        let replayed = replay(&trace[..]).expect("a trace");
        assert_eq!(replayed.divergence, None, "{node:?}");
        assert_eq!(replayed.cut_bytes, 0);
        assert!(replayed.events > 20 && replayed.actions > 20, "{node:?}: {replayed:?}");
        for (kind, count) in kinds(trace) {
            *met.entry(kind).or_insert(0) += count;
        }
    }
    let due = [
        "proposal",
        "read",
        "change",
        "transfer",
        "log read",
        "snapshot taken",
        "snapshot received",
        "election won",
        "handed over",
        "snapshot sent",
        "installed",
        "applied",
    ];
    let missing: Vec<&str> = due.into_iter().filter(|kind| !met.contains_key(kind)).collect();
    assert!(missing.is_empty(), "{missing:?} did not happen: {met:?}");
}

#[test]
fn the_committed_trace_answers_the_same() {
    let path = committed();
    if std::env::var_os("QUORATE_BLESS").is_some() {
        // The first node to lead has lived through the most.
        let best = record().into_values().max_by_key(|trace| kinds(trace).len());
        fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
        fs::write(&path, best.expect("a trace")).expect("writable");
    }
    let trace = fs::read(&path).expect("the trace is committed");
    assert!(trace.len() < 256 * 1024, "a committed trace is small");
    let replayed = replay(&trace[..]).expect("a trace");
    assert_eq!(
        replayed.divergence, None,
        "the core answers otherwise than it did. Where that is meant, record it again: \
         QUORATE_BLESS=1 cargo test -p quorate-tests --test replay"
    );
    for kind in ["proposal", "read", "change", "transfer", "log read", "snapshot taken"] {
        assert!(kinds(&trace).contains_key(kind), "{kind}");
    }
}

#[test]
fn another_answer_is_named_and_a_cut_or_damaged_trace_is_told_from_it() {
    let trace = record().into_values().max_by_key(Bytes::len).expect("a trace");
    let whole = replay(&trace[..]).expect("a trace");
    // Cut anywhere behind its start, it is a shorter run.
    let cut = replay(&trace[..trace.len() - 3]).expect("a trace");
    assert_eq!((cut.events, cut.divergence), (whole.events - 1, None));
    assert!(cut.cut_bytes > 0);
    let mut damaged = trace.to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    let error = replay(&damaged[..]).expect_err("damaged");
    assert!(matches!(error, ReplayError::Trace(_)), "{error}");
    // The same events under other knobs: the first other answer is named.
    let mut reader = TraceReader::new();
    reader.feed(&trace);
    let mut start = reader.start().expect("a trace").expect("whole");
    let mut other = (*start.config).clone();
    (other.election_timeout, other.priority) = (other.election_timeout + 1, 50);
    start.config = other.into();
    let mut changed = Vec::new();
    quorate_codec::encode_trace_start(&start, &mut changed).expect("short");
    while let Some(record) = reader.record().expect("sound") {
        quorate_codec::encode_trace_record(&record.event, &record.actions, &mut changed)
            .expect("short");
    }
    let replayed = replay(&changed[..]).expect("a trace");
    let divergence = replayed.divergence.expect("other knobs, other answers");
    assert_eq!(divergence.event_number, replayed.events);
    assert_ne!(divergence.recorded, Some(divergence.found));
}
