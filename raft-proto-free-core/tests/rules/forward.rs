//! Reads at a node that does not lead: every one is answered, once, in time.

use crate::group::{Group, MS, id};
use quorate_core::*;

/// Node 1 of three leads term 2, and all is committed.
fn led() -> Group {
    let mut group = Group::new(3);
    group.elect(1);
    group.pass(10);
    group
}

/// What became of each read at `node`, in order.
fn answers(group: &mut Group, node: u64) -> Vec<(u64, Option<Refusal>)> {
    let notices = group.notices(node).into_iter();
    let answered = notices.filter_map(|notice| match notice {
        Action::ReadReady { request, .. } => Some((request, None)),
        Action::Refused { request, reason } => Some((request, Some(reason))),
        _ => None,
    });
    answered.collect()
}

fn questions(group: &Group, node: u64) -> Vec<ReadRequest> {
    let asked = group.on_wire(node, 1).into_iter().filter_map(|message| match message.body {
        Body::ReadRequest(request) => Some(request),
        _ => None,
    });
    asked.collect()
}

/// Answers the question that `node` asked last, in the name of `from`.
fn answer(group: &mut Group, node: u64, from: u64, term: u64, token: Token, index: u64) {
    let outcome = ReadOutcome::Ready { index };
    let body = Body::ReadAnswer(ReadAnswer { token, outcome });
    group.step(node, Input::Receive { from: id(from), message: Message { term, body } });
}

#[test]
fn one_question_serves_all_that_came_before_it() {
    let mut group = led();
    for request in 11..14 {
        group.read(2, request);
    }
    assert_eq!(questions(&group, 2).len(), 1);
    group.settle();
    assert_eq!(answers(&mut group, 2), [(11, None), (12, None), (13, None)]);
}

#[test]
fn a_question_rests_on_the_lease_only_where_all_readers_do() {
    let mut group = led();
    let mut read = |request, consistency| {
        group.step(2, Input::Read { request, consistency });
    };
    read(1, Consistency::Lease);
    read(2, Consistency::Lease);
    read(3, Consistency::Linearizable);
    let first = questions(&group, 2)[0];
    assert_eq!(first.consistency, Consistency::Lease);
    group.wire.clear();
    answer(&mut group, 2, 1, 2, first.token, 1);
    assert_eq!(questions(&group, 2)[0].consistency, Consistency::Linearizable);
}

#[test]
fn a_reader_waits_an_election_timeout_and_no_longer() {
    let mut group = led();
    let start = group.now;
    group.wire.clear();
    group.read(2, 11);
    group.now += 30 * MS;
    group.read(2, 12);
    group.now += 30 * MS;
    group.read(2, 13);
    // The leader is heard, so that nobody campaigns; it answers no question.
    group.wire.clear();
    let heard = |group: &mut Group| {
        let prev = group.status(2).log.last();
        let request = AppendRequest {
            prev,
            commit: prev.index,
            round: 9,
            promise: 100 * MS,
            quiesce: false,
            entries: Entries::new(),
        };
        let message = Message { term: 2, body: Body::AppendRequest(request) };
        group.step(2, Input::Receive { from: id(1), message });
    };
    heard(&mut group);
    assert_eq!(group.due(2), Some(start + 100 * MS));
    group.now = start + 100 * MS - 1;
    group.step(2, Input::Tick);
    assert_eq!(answers(&mut group, 2), []);
    group.now += 1;
    group.step(2, Input::Tick);
    assert_eq!(answers(&mut group, 2), [(11, Some(Refusal::NoQuorum))]);
    // The two that came later were asked about together, and wait from when the first of them came.
    heard(&mut group);
    assert_eq!(group.due(2), Some(start + 130 * MS));
    group.now = start + 130 * MS;
    group.step(2, Input::Tick);
    let late = Some(Refusal::NoQuorum);
    assert_eq!(answers(&mut group, 2), [(12, late), (13, late)]);
    assert!(group.due(2) > Some(group.now), "nothing is left to expire");
}

#[test]
fn readers_that_wait_behind_a_late_question_expire_with_it_only_if_they_are_late_too() {
    let mut group = led();
    group.read(2, 11);
    group.read(2, 12);
    group.now += 100 * MS;
    group.wire.clear();
    group.step(2, Input::Tick);
    let found = answers(&mut group, 2);
    assert_eq!(found.len(), 2, "both are late, and none is asked about again: {found:?}");
    assert_eq!(questions(&group, 2), []);
}

#[test]
fn whoever_gives_the_leader_up_tells_its_readers() {
    let told = Some(Refusal::NotLeader { leader: None });
    let mut group = led();
    group.cut(1, 2);
    // They come when the leader has been silent for almost too long already.
    group.now = group.due(2).expect("a follower waits") - MS;
    group.read(2, 11);
    group.read(2, 12);
    group.campaign(2);
    assert_eq!(group.status(2).role, RoleKind::PreCandidate);
    assert_eq!(answers(&mut group, 2), [(11, told), (12, told)]);
    let mut group = led();
    group.read(2, 11);
    let message = Message { term: 2, body: Body::TimeoutNow };
    group.step(2, Input::Receive { from: id(1), message });
    assert_eq!(group.status(2).role, RoleKind::Candidate);
    assert_eq!(answers(&mut group, 2), [(11, told)]);
}

#[test]
fn a_follower_of_a_new_leader_tells_the_readers_of_the_old_one() {
    let mut group = led();
    group.cut(1, 2);
    group.read(2, 11);
    group.settle();
    let request = AppendRequest {
        prev: LogId::new(1, 1),
        commit: 0,
        round: 1,
        promise: 100 * MS,
        quiesce: false,
        entries: Entries::new(),
    };
    let message = Message { term: 3, body: Body::AppendRequest(request) };
    group.step(2, Input::Receive { from: id(3), message });
    let told = Some(Refusal::NotLeader { leader: Some(id(3)) });
    assert_eq!(answers(&mut group, 2), [(11, told)]);
}

#[test]
fn a_node_without_a_leader_refuses_at_once() {
    let mut group = Group::new(3);
    group.read(2, 11);
    let told = Some(Refusal::NotLeader { leader: None });
    assert_eq!(answers(&mut group, 2), [(11, told)]);
    group.campaign(2);
    group.read(2, 12);
    assert_eq!(answers(&mut group, 2), [(12, told)]);
}

#[test]
fn readers_that_wait_are_bounded_those_under_way_included() {
    let mut group = Group::with_config(3, |config| config.max_pending_reads = 3);
    group.elect(1);
    group.pass(10);
    for request in 11..15 {
        group.read(2, request);
    }
    let busy = Some(Refusal::Busy { limit: Limit::PendingReads });
    assert_eq!(answers(&mut group, 2), [(14, busy)]);
    for request in 21..25 {
        group.read(1, request);
    }
    assert_eq!(answers(&mut group, 1), [(24, busy)], "and those of a leader");
}

#[test]
fn only_the_leader_that_was_asked_answers_and_only_that_question() {
    let mut group = led();
    group.read(2, 11);
    let token = questions(&group, 2)[0].token;
    group.wire.clear();
    let dropped = group.status(2).drops;
    answer(&mut group, 2, 3, 2, token, 1);
    assert_eq!(group.status(2).drops.unasked, dropped.unasked + 1);
    answer(&mut group, 2, 1, 1, token, 1);
    assert_eq!(group.status(2).drops.stale, dropped.stale + 1);
    let other = Token { number: token.number + 1, ..token };
    answer(&mut group, 2, 1, 2, other, 1);
    assert_eq!(answers(&mut group, 2), []);
    answer(&mut group, 2, 1, 2, token, 1);
    assert_eq!(answers(&mut group, 2), [(11, None)]);
    answer(&mut group, 2, 1, 2, token, 1);
    assert_eq!(answers(&mut group, 2), [], "once");
}

#[test]
fn a_question_of_a_later_term_ends_a_leadership() {
    for (term, leads) in [(2, true), (3, false)] {
        let mut group = led();
        let token = Token { incarnation: 1, number: 9 };
        let request = ReadRequest { token, consistency: Consistency::Linearizable };
        let message = Message { term, body: Body::ReadRequest(request) };
        group.step(1, Input::Receive { from: id(2), message });
        assert_eq!((group.leads(1), group.status(1).term), (leads, term));
    }
}

#[test]
fn a_lone_node_answers_a_read_in_the_same_step() {
    let mut group = Group::new(1);
    group.pass(1);
    for request in 7..9 {
        let actions =
            group.step(1, Input::Read { request, consistency: Consistency::Linearizable });
        assert!(actions.iter().any(|action| matches!(action, Action::ReadReady { .. })));
    }
}
