//! How much is under way to a peer, and who still leads.

use crate::group::{Group, MS, id};
use quorate_core::*;

/// Commands of which each takes so many bytes on the way.
fn of(bytes: u64) -> Commands {
    commands([vec![7; (bytes - entries::ENTRY_OVERHEAD_BYTES) as usize]])
}

/// Node 1 of three leads; at most `bytes` are under way to each.
fn led(bytes: u64) -> Group {
    let mut group = Group::with_config(3, |config| config.max_inflight_bytes = bytes);
    group.elect(1);
    group.pass(50);
    group.wire.clear();
    group
}

/// How many appends with entries wait on the wire to node 2.
fn appends(group: &Group) -> usize {
    let wire = group.on_wire(1, 2).into_iter();
    let is_append = |message: &Message| match &message.body {
        Body::AppendRequest(request) => !request.entries.is_empty(),
        _ => false,
    };
    wire.filter(is_append).count()
}

#[test]
fn bytes_under_way_are_bounded_and_freed_by_what_was_answered() {
    let mut group = led(100);
    for _ in 0..4 {
        group.propose_all(1, of(60));
    }
    assert_eq!(appends(&group), 2, "the second still goes, as the first is below the limit");
    assert_eq!(group.status(1).peers[0].under_way(), (2, 120));
    group.wire.clear();
    let status = group.status(1);
    let (term, last) = (status.term, status.log.last().index);
    let round = status.peers[0].round;
    let outcome = AppendOutcome::Matched { index: last - 3 };
    let body = Body::AppendAnswer(AppendAnswer { round, priority: 100, outcome });
    group.step(1, Input::Receive { from: id(2), message: Message { term, body } });
    assert_eq!(appends(&group), 1, "60 were freed, so that one more may go");
}

#[test]
fn a_limit_that_is_reached_exactly_is_reached() {
    for (bytes, sent) in [(60, 1), (61, 2)] {
        let mut group = led(bytes);
        group.propose_all(1, of(60));
        group.propose_all(1, of(60));
        assert_eq!(appends(&group), sent, "at most {bytes}");
    }
}

#[test]
fn a_leader_that_hears_nobody_steps_down_however_busy_it_is() {
    let mut group = led(u64::MAX);
    group.isolate(1);
    for _ in 0..25 {
        group.propose_all(1, of(60));
        group.now += 5 * MS;
        group.step(1, Input::Tick);
        group.wire.clear();
    }
    assert!(!group.leads(1));
}
