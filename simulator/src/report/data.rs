//! What a page is made of: the records that it shows, and what must be known of those before.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::{
    case::Case,
    run::Played,
    system::System,
    trace::{
        NodeState, Record, RecordId, Said, What,
        cause::{Story, story},
    },
};

/// The most records that a page shows: the last ones before the violation, or of the run. Earlier
/// ones are left out, but for the faults and for what the violation rests on.
pub const RECORDS_MAX: usize = 20_000;

/// How a run ended, in a few words.
pub(super) fn headline<O>(played: &Played<O>) -> String {
    match &played.violation {
        Some(violation) => format!("{} is violated", violation.property()),
        None => "the run passed".to_owned(),
    }
}

/// All that the page knows.
pub(super) fn of<S: System>(
    case: &Case<S>,
    played: &Played<S::Operation>,
    source: &str,
    command: &str,
) -> Value {
    let records = &played.trace;
    let story = story(records).unwrap_or_default();
    let first = records.len().saturating_sub(RECORDS_MAX);
    let quiet = quiet(records);
    let on_page = |record: &Record| page_record(record, quiet.contains(&record.id));
    let shown: Vec<Value> = records[first..].iter().map(on_page).collect();
    let steps: BTreeSet<RecordId> = story.steps.iter().map(|step| step.record).collect();
    let is_kept = |record: &&Record| {
        steps.contains(&record.id)
            || matches!(record.what, What::Fault { .. } | What::FaultEnded { .. } | What::Heal)
    };
    let earlier: Vec<Value> = records[..first].iter().filter(is_kept).map(on_page).collect();
    json!({
        "source": source,
        "command": command,
        "version": env!("CARGO_PKG_VERSION"),
        "headline": headline(played),
        "verdict": verdict(played),
        "seed": case.seed,
        "profile": case.profile.name(),
        "nodes": case.settings.all_nodes(),
        "clients": case.settings.workload.clients,
        "settings": settings(case),
        "events": played.stats.events,
        "simulated": played.stats.simulated,
        "faults": case.plan.faults.len(),
        "operations": played.stats.operations,
        "leftOut": first,
        "before": before(&records[..first]),
        "earlier": earlier,
        "records": shown,
        "story": story_json(&story),
    })
}

fn verdict<O>(played: &Played<O>) -> Value {
    let Some(violation) = &played.violation else { return Value::Null };
    let property = violation.property();
    json!({
        "property": property.name(),
        "what": violation.to_string(),
        "meaning": property.meaning(),
        "why": property.why(),
    })
}

/// The settings that a reader of a run wants to know.
fn settings<S: System>(case: &Case<S>) -> Value {
    let settings = &case.settings;
    json!({
        "election timeout": crate::duration::write(settings.election_timeout),
        "heartbeat interval": crate::duration::write(settings.heartbeat_interval),
        "time of a write": crate::duration::write(settings.write_time),
        "delay of a message": crate::duration::write(settings.link.delay),
        "clock drift reckoned with": format!("{} ppm", settings.max_clock_drift_ppm),
    })
}

fn story_json(story: &Story) -> Value {
    let steps = story.steps.iter();
    let steps: Vec<Value> =
        steps.map(|step| json!({ "record": step.record, "from": step.from })).collect();
    json!({ "steps": steps, "faultsLeftOut": story.faults_left_out })
}

fn page_record(record: &Record, quiet: bool) -> Value {
    let mut value = json!(record);
    value["text"] = record.what.to_string().into();
    if quiet {
        value["quiet"] = true.into();
    }
    value
}

/// What nodes showed at the end of what is left out.
fn before(records: &[Record]) -> Value {
    let mut states: BTreeMap<u64, Option<&NodeState>> = BTreeMap::new();
    let mut clocks: BTreeMap<u64, (i64, i64)> = BTreeMap::new();
    for record in records {
        match &record.what {
            What::Start { node, state, .. } | What::State { node, state, .. } => {
                states.insert(*node, Some(state));
            }
            What::Crash { node, .. } => {
                states.insert(*node, None);
            }
            What::Clock { node, offset, drift_ppm, .. } => {
                clocks.insert(*node, (*offset, *drift_ppm));
            }
            _ => {}
        }
    }
    json!({ "states": states, "clocks": clocks })
}

/// The records that a reader can mostly do without: heartbeats, and requests that were refused.
fn quiet(records: &[Record]) -> BTreeSet<RecordId> {
    let mut quiet = heartbeats(records);
    for record in records {
        if matches!(record.what, What::Answer { refused: true, .. }) {
            quiet.extend(attempt(records, record));
        }
    }
    quiet
}

/// The records of an attempt that was refused, from its answer back to where the client asked.
fn attempt(records: &[Record], answer: &Record) -> Vec<RecordId> {
    let mut found = vec![answer.id];
    let mut cause = answer.cause;
    while let Some(record) = cause.map(|cause| &records[cause as usize]) {
        match record.what {
            What::Propose { .. } | What::Request { .. } => found.push(record.id),
            What::Ask { .. } => {
                found.push(record.id);
                return found;
            }
            _ => break,
        }
        cause = record.cause;
    }
    // It is refused for another reason than the request itself, as a lost leadership.
    Vec::new()
}

/// The records that only keep a leader in place: empty appends, the answers to them, and the
/// timers that do nothing else.
fn heartbeats(records: &[Record]) -> BTreeSet<RecordId> {
    let mut quiet = BTreeSet::new();
    let mut busy = BTreeSet::new();
    for record in records {
        let is_quiet = match &record.what {
            What::Send { message, .. } | What::Deliver { message, .. } => match message.said {
                Said::AppendAnswer(_) => record.cause.is_some_and(|cause| quiet.contains(&cause)),
                _ => message.is_heartbeat(),
            },
            _ => false,
        };
        if is_quiet {
            quiet.insert(record.id);
        } else {
            busy.extend(record.cause);
        }
    }
    let is_idle =
        |record: &&Record| matches!(record.what, What::Timer { .. }) && !busy.contains(&record.id);
    quiet.extend(records.iter().filter(is_idle).map(|record| record.id));
    quiet
}
