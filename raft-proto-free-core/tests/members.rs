//! Rules about members that a scenario cannot express, since no sane node says such things.
//!
//! `tests/planted/scenarios.toml` holds the edits that these tests convict beside those of the scenarios.

mod group;

use std::sync::Arc;

use group::{Group, MS, id};
use quorate_core::*;

fn say(group: &mut Group, from: u64, to: u64, term: u64, body: Body) {
    group.step(to, Input::Receive { from: id(from), message: Message { term, body } });
}

fn append(prev: LogId, entries: Entries) -> Body {
    let request =
        AppendRequest { prev, commit: 0, round: 1, promise: 100 * MS, quiesce: false, entries };
    Body::AppendRequest(request)
}

fn entries(first: LogId, payloads: Vec<Payload>) -> Entries {
    let mut entries = Entries::new();
    for (index, payload) in (first.index..).zip(payloads) {
        let log_id = LogId::new(first.term, index);
        entries.append(log_id, payload.into()).expect("entries in order");
    }
    entries
}

fn voters(list: &[u64]) -> Payload {
    Payload::Configuration(Arc::new(Configuration::new(list.iter().map(|node| id(*node)))))
}

fn in_force(group: &Group, node: u64) -> Vec<u64> {
    group.status(node).configuration.voters().iter().map(|node| node.get()).collect()
}

/// Whether the node stands when `leader` asks it to.
fn stands_when_told(group: &mut Group, leader: u64, node: u64) -> bool {
    let term = group.status(leader).term;
    say(group, leader, node, term, Body::TimeoutNow);
    group.status(node).role != RoleKind::Follower
}

#[test]
fn any_number_of_configurations_go_with_their_entries() {
    let mut group = Group::new(3);
    let two = vec![Payload::Noop, voters(&[1, 2, 4]), voters(&[1, 5]), voters(&[6])];
    let founding = LogId::new(1, 1);
    say(&mut group, 1, 3, 2, append(founding, entries(LogId::new(2, 2), two)));
    assert_eq!(in_force(&group, 3), [6]);
    let three = vec![Payload::Noop];
    say(&mut group, 2, 3, 3, append(LogId::new(2, 3), entries(LogId::new(3, 4), three)));
    assert_eq!(in_force(&group, 3), [1, 2, 4], "the one before the last two");
    let four = vec![Payload::Noop];
    say(&mut group, 1, 3, 4, append(founding, entries(LogId::new(4, 2), four)));
    assert_eq!(in_force(&group, 3), [1, 2, 3], "the founding one");
}

#[test]
fn a_learner_that_is_told_to_stand_does_not() {
    let mut group = Group::new(3);
    group.elect(1);
    group.join(4);
    let changes = vec![MemberChange::AddLearner { node: id(4), promotion: Promotion::OnDemand }];
    group.step(1, Input::ChangeMembers { request: 1, changes, expected_term: None });
    group.pass(60);
    assert_eq!(group.status(4).leader, Some(id(1)));
    assert!(!stands_when_told(&mut group, 1, 4));
    assert!(stands_when_told(&mut group, 1, 2));
}

#[test]
fn a_voter_of_priority_0_that_is_told_to_stand_does_not() {
    let mut group = Group::with_config(3, |config| {
        config.priority = if config.node == id(2) { 0 } else { 100 };
    });
    group.elect(1);
    assert!(!stands_when_told(&mut group, 1, 2));
}

#[test]
fn only_the_leader_tells_a_voter_to_stand() {
    let mut group = Group::new(3);
    group.elect(1);
    say(&mut group, 3, 2, 2, Body::TimeoutNow);
    say(&mut group, 1, 2, 1, Body::TimeoutNow);
    say(&mut group, 1, 2, 3, Body::TimeoutNow);
    assert_eq!(group.status(2).role, RoleKind::Follower);
    assert_eq!(group.status(2).drops.stale, 3);
}
