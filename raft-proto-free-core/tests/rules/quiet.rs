//! Who falls silent, and who may not.

use crate::group::{Group, MS, id};
use quorate_core::*;

fn led(size: u64) -> Group {
    let mut group = Group::new(size);
    if size > 1 {
        group.elect(1);
    }
    group.pass(50);
    assert!(group.leads(1));
    group
}

fn quiesces(group: &mut Group) -> bool {
    group.step(1, Input::Quiesce);
    group.status(1).quiesced
}

#[test]
fn a_leader_falls_silent_once_and_has_no_deadline_then() {
    let mut group = led(3);
    assert!(quiesces(&mut group));
    let said = group.wire.len();
    assert_eq!(said, 2);
    assert_eq!(group.step(1, Input::Quiesce), []);
    assert_eq!(group.due(1), None);
    group.settle();
    assert!(group.status(2).quiesced && group.status(3).quiesced);
    assert_eq!((group.due(2), group.due(3)), (None, None));
    assert_eq!(group.step(2, Input::Quiesce), [], "only a leader says so");
    group.step(1, Input::Wake);
    group.settle();
    assert!(!group.status(2).quiesced && !group.status(1).quiesced);
}

#[test]
fn nobody_is_silent_about_what_is_not_committed() {
    let mut group = led(1);
    group.hold_writes(1);
    group.propose(1, "x");
    assert!(!quiesces(&mut group));
    group.release_writes(1);
    assert!(quiesces(&mut group));
}

#[test]
fn nobody_is_silent_about_what_is_not_applied() {
    let mut group = led(3);
    group.member(1).hold_work = true;
    group.propose(1, "x");
    group.pass(50);
    assert_eq!(group.status(1).commit, group.status(1).log.last().index);
    assert!(!quiesces(&mut group));
    group.release_work(1);
    assert!(quiesces(&mut group));
}

#[test]
fn nobody_is_silent_before_everyone_has_everything() {
    let mut group = led(3);
    group.cut(1, 3);
    group.propose(1, "x");
    group.settle();
    assert!(!quiesces(&mut group));
    group.heal();
    group.pass(50);
    assert!(quiesces(&mut group));
}

#[test]
fn nobody_is_silent_while_somebody_waits() {
    let mut group = led(3);
    group.read(1, 11);
    assert!(!quiesces(&mut group), "for a read");
    group.settle();
    group.cut(1, 2);
    group.step(1, Input::Transfer { request: 12, to: Some(id(2)) });
    group.wire.clear();
    assert!(!quiesces(&mut group), "for a transfer");
}

#[test]
fn nobody_is_silent_under_a_published_lease() {
    let mut group = Group::with_config(3, |config| config.publish_lease = true);
    group.elect(1);
    group.pass(50);
    assert!(!quiesces(&mut group));
}

fn bare(group: &mut Group, prev: LogId, promise: u64, quiesce: bool) {
    let (commit, round, entries) = (prev.index, 9, Entries::new());
    let request = AppendRequest { prev, commit, round, promise, quiesce, entries };
    let message = Message { term: 2, body: Body::AppendRequest(request) };
    group.step(2, Input::Receive { from: id(1), message });
}

#[test]
fn a_follower_rests_at_the_leaders_word_only() {
    let mut group = led(3);
    let last = group.status(2).log.last();
    bare(&mut group, last, 100 * MS, false);
    assert!(!group.status(2).quiesced);
    bare(&mut group, last, 100 * MS, true);
    assert!(group.status(2).quiesced);
}

#[test]
fn a_follower_rests_only_where_its_disk_does() {
    let mut group = led(3);
    let last = group.status(2).log.last();
    group.hold_writes(2);
    bare(&mut group, last, 150 * MS, true);
    bare(&mut group, last, 150 * MS, true);
    assert!(!group.status(2).quiesced, "a longer promise is not durable yet");
    group.release_writes(2);
    bare(&mut group, last, 150 * MS, true);
    assert!(group.status(2).quiesced);
}

#[test]
fn a_follower_rests_only_where_its_log_is_the_leaders() {
    let mut group = led(3);
    let before = group.status(2).log.last();
    let mut entries = Entries::new();
    entries.append(LogId::new(2, before.index + 1), commands(["x"])).expect("it follows");
    let (commit, promise) = (before.index, 100 * MS);
    let request =
        AppendRequest { prev: before, commit, round: 8, promise, quiesce: false, entries };
    let message = Message { term: 2, body: Body::AppendRequest(request) };
    group.step(2, Input::Receive { from: id(1), message });
    // Another leader has nothing behind `before`.
    let request = AppendRequest {
        prev: before,
        commit,
        round: 1,
        promise,
        quiesce: true,
        entries: Entries::new(),
    };
    let message = Message { term: 3, body: Body::AppendRequest(request) };
    group.step(2, Input::Receive { from: id(3), message });
    assert_eq!(group.status(2).leader, Some(id(3)));
    assert!(!group.status(2).quiesced);
}

#[test]
fn a_lease_that_did_not_move_is_not_published_again() {
    let mut group = Group::with_config(3, |config| config.publish_lease = true);
    group.elect(1);
    group.pass(50);
    let is_lease = |action: &Action| matches!(action, Action::Lease { .. });
    group.notices(1);
    assert!(!group.step(1, Input::Tick).iter().any(is_lease));
    group.pass(20);
    assert!(group.notices(1).iter().any(is_lease));
}

#[test]
fn a_node_that_halts_takes_back_a_lease_if_it_published_one() {
    for publishes in [false, true] {
        let mut group = Group::with_config(3, |config| config.publish_lease = publishes);
        group.elect(1);
        group.pass(50);
        group.excused.insert(1);
        let seq = Token { incarnation: 1, number: 1 };
        let actions = group.step(1, Input::WriteFailed { seq });
        assert_eq!(actions.contains(&Action::Lease { until: None }), publishes);
    }
}

#[test]
fn a_follower_gives_back_memory_only_once_it_has_nothing_to_do() {
    let mut group = led(3);
    group.member(2).hold_work = true;
    group.propose(1, "x");
    group.settle();
    let last = group.status(2).log.last();
    assert_eq!(group.status(2).commit, last.index);
    bare(&mut group, last, 100 * MS, false);
    assert!(group.status(2).log.cached_bytes() > 0, "an entry is not applied yet");
    group.release_work(2);
    let next = LogId::new(2, last.index + 1);
    let mut entries = Entries::new();
    entries.append(next, commands(["y"])).expect("it follows");
    let (commit, promise) = (last.index, 100 * MS);
    let request = AppendRequest { prev: last, commit, round: 9, promise, quiesce: false, entries };
    let message = Message { term: 2, body: Body::AppendRequest(request) };
    group.step(2, Input::Receive { from: id(1), message });
    let cached = group.status(2).log.first_cached();
    assert!(cached <= last.index, "more is coming in: {cached}");
    bare(&mut group, next, 100 * MS, false);
    bare(&mut group, next, 100 * MS, false);
    assert_eq!(group.status(2).log.cached_bytes(), 0, "all is applied");
}

#[test]
fn a_lease_that_is_over_when_it_is_known_is_not_published() {
    for late in [0, 1] {
        let mut group = Group::with_config(3, |config| {
            config.publish_lease = true;
            config.max_clock_drift_ppm = 0;
        });
        // The answers to the term's first entry are all that confirms it.
        group.campaign(1);
        while !group.leads(1) {
            assert!(group.deliver_one());
        }
        group.now += 100 * MS - 1 + late;
        group.settle();
        let is_lease = |action: &Action| matches!(action, Action::Lease { .. });
        let published = group.notices(1).into_iter().filter(is_lease).count();
        assert_eq!(published > 0, late == 0);
    }
}
