use quorate_core::Nanos;

use super::{cause::story, *};
use crate::{
    case::Case,
    profile::{Profile, SECOND},
    run::{Options, Played, replay},
    world::Recipe,
};

fn traced(case: &Case) -> Played {
    replay(case, Options { trace: true, ..Options::default() })
}

/// Runs with every kind of fault, and their records.
fn records() -> Vec<Record> {
    let run = |profile: Profile| {
        let recipe = Recipe { profile, time: 4 * SECOND, ..Recipe::new(3) };
        traced(&Case::new(recipe)).trace
    };
    [Profile::Network, Profile::Disk, Profile::Members].into_iter().flat_map(run).collect()
}

/// A stale read: clocks drift, and no node reckons with it.
fn failing() -> Played {
    let case = |seed| {
        let mut case = Case::new(Recipe { profile: Profile::Leases, ..Recipe::new(seed) });
        case.settings.max_clock_drift_ppm = 0;
        case
    };
    let breaks = |case: &Case| replay(case, Options::default()).violation.is_some();
    let case = (100..200).map(case).find(breaks).expect("clocks drift beyond what nodes allow for");
    traced(&case)
}

/// The end of the run that begins at `start`.
fn end(all: &[Record], start: usize) -> usize {
    all[start + 1..].iter().position(|record| record.id == 0).map_or(all.len(), |at| start + 1 + at)
}

/// Looks at each record with the one that led to it.
fn each(all: &[Record], mut look: impl FnMut(&Record, Option<&Record>)) {
    let mut start = 0;
    while start < all.len() {
        let run = &all[start..end(all, start)];
        for (place, record) in run.iter().enumerate() {
            assert_eq!(record.id, place as u64);
            look(record, record.cause.map(|cause| &run[cause as usize]));
        }
        start += run.len();
    }
}

#[test]
fn what_led_to_something_came_before_it() {
    let mut before: Nanos = 0;
    each(&records(), |record, cause| {
        before = if record.id == 0 { 0 } else { before };
        assert!(record.at >= before, "{record}");
        before = record.at;
        assert!(record.cause.into_iter().chain(record.with.clone()).all(|id| id < record.id));
        assert!(cause.is_none_or(|cause| cause.at <= record.at));
    });
}

#[test]
fn each_delivery_is_led_to_by_its_send_and_each_restart_by_an_end() {
    let (mut heard, mut restarts) = (0, 0);
    each(&records(), |record, cause| match &record.what {
        What::Deliver { node, from, message, .. } => {
            let Some(What::Send { node: by, to, message: sent, fate, arrives }) =
                cause.map(|cause| &cause.what)
            else {
                panic!("{record} without a send");
            };
            assert_eq!((from, node, message), (by, to, sent));
            assert!(*fate == Fate::Sent && arrives.iter().any(|at| *at <= record.at));
            heard += 1;
        }
        What::Start { life, .. } if *life > 1 => {
            // A fault that struck a node that was down already may start it, too.
            let is_end = |what: &What| match what {
                What::Crash { .. } | What::StartFailed { .. } | What::Heal => true,
                What::Fault { nodes, .. } => record.what.node().is_some_and(|n| nodes.contains(&n)),
                _ => false,
            };
            assert!(cause.is_some_and(|cause| is_end(&cause.what)), "{record}");
            restarts += 1;
        }
        _ => {}
    });
    assert!(heard > 1_000 && restarts > 0, "{heard} heard, {restarts} restarts");
}

#[test]
fn what_a_partition_blocks_is_laid_to_it() {
    let all = records();
    let mut blocked = 0;
    let mut start = 0;
    while start < all.len() {
        let run = &all[start..end(&all, start)];
        for record in run {
            let What::Send { node, to, fate: Fate::Blocked, .. } = &record.what else { continue };
            let blocks = |id: &RecordId| match &run[*id as usize].what {
                What::Fault { links, .. } => links.contains(&(*node, *to)),
                _ => false,
            };
            assert!(!record.with.is_empty() && record.with.iter().all(blocks), "{record}");
            blocked += 1;
        }
        start += run.len();
    }
    assert!(blocked > 0);
}

#[test]
fn a_story_leads_from_the_faults_to_the_violation() {
    let played = failing();
    let records = &played.trace;
    let story = story(records).expect("it fails");
    let what = |step: &cause::Step| &records[step.record as usize].what;
    assert!(matches!(story.steps.last().map(what), Some(What::Violation { .. })));
    let is_drift = |step: &cause::Step| matches!(what(step), What::Fault { text, .. } if text.contains("Drift"));
    assert!(story.steps.iter().any(is_drift));
    assert!(story.steps.len() <= cause::STEPS_MAX + 40, "{}", story.steps.len());
    // Each step but the last leads to a later one.
    for step in &story.steps[..story.steps.len() - 1] {
        let leads = story.steps.iter().any(|other| other.from.contains(&step.record));
        assert!(leads, "{}", records[step.record as usize]);
    }
    assert_eq!(cause::story(&records[..records.len() - 1]), None, "no violation, no story");
}

#[test]
fn a_message_that_did_not_come_is_on_the_way_to_the_timer_that_it_would_have_reset() {
    let spoken = || Spoken { term: 1, said: Said::TimeoutNow };
    let (fate, arrives) = (Fate::Blocked, Vec::new());
    let what = [
        What::Fault {
            planned: 0,
            text: "a partition".into(),
            nodes: vec![0],
            links: vec![(0, 1)],
            until: 9,
        },
        What::Timer { node: 0 },
        What::Send { node: 0, to: 1, message: spoken(), fate, arrives },
        What::Note { text: "beside it".into() },
        What::Timer { node: 1 },
        What::Violation { property: "liveness".into(), text: "stuck".into(), nodes: vec![1] },
    ];
    let links: [(Option<u64>, &[u64]); 6] =
        [(None, &[]), (None, &[]), (Some(1), &[0]), (None, &[]), (None, &[]), (Some(4), &[])];
    let records: Vec<Record> = (0..)
        .zip(what.into_iter().zip(links))
        .map(|(id, (what, (cause, with)))| Record {
            id,
            at: id,
            event: id,
            cause,
            with: with.to_vec(),
            what,
        })
        .collect();
    let steps = story(&records).expect("it fails").steps;
    let steps: Vec<(u64, Vec<u64>)> = steps.into_iter().map(|s| (s.record, s.from)).collect();
    assert_eq!(steps, [(0, vec![]), (2, vec![0]), (4, vec![2]), (5, vec![4])]);
}

#[test]
fn a_record_is_a_line_of_json_and_a_line_of_text() {
    let message = Spoken { term: 3, said: Said::TimeoutNow };
    let what = What::Send { node: 0, to: 2, message, fate: Fate::Lost, arrives: Vec::new() };
    let record = Record { id: 7, at: 1_500_000, event: 4, cause: Some(5), with: vec![2], what };
    assert_eq!(
        record.to_string(),
        "0.001500s node 0 to node 2, lost: stand for election now in term 3"
    );
    assert_eq!(
        serde_json::to_string(&record).unwrap(),
        r#"{"id":7,"at":1500000,"event":4,"cause":5,"with":[2],"kind":"send","node":0,"to":2,"message":{"term":3,"body":"timeout-now"},"fate":"lost","arrives":[]}"#
    );
}
