//! What of a node's times counts in its fingerprint: their distance from now, and nothing else.

use crate::group::{Group, MS, id};
use quorate_core::*;

/// The same happenings at another reading of the clocks: equal fingerprints, all along.
fn same_whenever(happenings: impl Fn(&mut Group)) {
    let run = |start: u64| {
        let mut group = Group::with_config(3, |config| config.retain_entries = 0);
        for node in 1..=3 {
            group.step(node, Input::Tick);
            group.member(node).skew += start;
        }
        group.elect(1);
        group.pass(10);
        happenings(&mut group);
        group
    };
    let (early, late) = (run(0), run(7_777 * MS));
    for node in 1..=3 {
        let (early, late) = (early.raft(node), late.raft(node));
        assert_ne!(early, late, "node {node}: their clocks differ");
        assert_eq!(early.fingerprint(), late.fingerprint(), "node {node}");
    }
}

#[test]
fn reads_that_wait_count_by_what_is_left_of_their_time() {
    same_whenever(|group| {
        group.isolate(1);
        group.read(1, 7);
        group.pass(3);
        group.read(2, 8);
        group.pass(3);
        group.read(2, 9);
        let answered =
            |action: &Action| matches!(action, Action::ReadReady { .. } | Action::Refused { .. });
        assert!(!(1..=2).any(|node| group.notices(node).iter().any(answered)), "all wait");
    });
}

#[test]
fn a_transfer_counts_by_what_is_left_of_its_time() {
    same_whenever(|group| {
        group.isolate(1);
        group.pass(2);
        group.step(1, Input::Transfer { request: 12, to: Some(id(2)) });
        assert!(group.status(1).transfer.is_some());
    });
}

#[test]
fn a_snapshot_asked_for_counts_by_when_that_was() {
    same_whenever(|group| {
        group.isolate(3);
        for _ in 0..5 {
            group.propose(1, "x");
        }
        group.pass(5);
        group.snapshot(1);
        group.pass(30);
        // Node 3 holds nothing of it.
        let (term, round) = (group.status(1).term, group.status(1).peers[1].round + 1);
        let outcome = AppendOutcome::Conflict { rejected: 1, hint: LogId::ZERO };
        let body = Body::AppendAnswer(AppendAnswer { round, priority: 100, outcome });
        group.step(1, Input::Receive { from: id(3), message: Message { term, body } });
        group.pass(3);
        assert!(matches!(group.status(1).peers[1].flow, Flow::Snapshot { .. }));
    });
}

#[test]
fn a_disk_that_lags_counts_by_how_long_it_has() {
    same_whenever(|group| {
        group.hold_writes(2);
        group.propose(1, "x");
        group.pass(7);
    });
}

#[test]
fn another_distance_from_now_is_another_node() {
    let mut group = Group::new(3);
    group.elect(1);
    group.pass(10);
    for node in 1..=3 {
        let mut later = group.raft(node).clone();
        let at = Timestamp(group.now + crate::group::SKEW + MS);
        assert!(later.step(Event { at, input: Input::Tick }).is_empty(), "nothing is due");
        assert_ne!(later.fingerprint(), group.raft(node).fingerprint(), "node {node}");
    }
}
