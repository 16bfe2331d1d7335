//! When a node that hears nobody stands, and what stepping down takes back.

use std::sync::Arc;

use crate::group::{Group, MS, config, id};
use quorate_core::*;

const TIMEOUT: u64 = 100 * MS;

/// How long a new voter of three waits.
fn wait(seed: u64, priority: u8) -> u64 {
    let configuration = Arc::new(Configuration::new([1, 2, 3].map(id)));
    let persisted = Persisted::Bootstrap { configuration, incarnation: 1 };
    let config = Config { seed, priority, ..config(1) };
    let raft = Raft::restore(config, persisted, Timestamp(0)).expect("a sound start");
    raft.deadline().expect("a voter waits for a leader").0
}

#[test]
fn a_wait_is_drawn_above_the_timeout_and_up_to_its_double() {
    let mut waits: Vec<u64> = (0..500).map(|seed| wait(seed, 100)).collect();
    waits.sort_unstable();
    let (first, last) = (waits[0], waits[waits.len() - 1]);
    assert!(TIMEOUT < first && last <= 2 * TIMEOUT, "{first} to {last}");
    assert!(first < TIMEOUT + TIMEOUT / 20 && last > 2 * TIMEOUT - TIMEOUT / 20);
    waits.dedup();
    assert!(waits.len() > 490, "they hardly ever meet");
    let middle = waits[waits.len() / 2];
    assert!(middle.abs_diff(TIMEOUT * 3 / 2) < TIMEOUT / 10, "{middle}");
}

#[test]
fn whoever_should_rather_not_lead_waits_longer() {
    for seed in 0..20 {
        let soon = wait(seed, 100);
        for priority in [99, 60, 50, 1] {
            let patience = TIMEOUT / 100 * (100 - u64::from(priority));
            assert_eq!(wait(seed, priority), soon + patience, "priority {priority}");
        }
    }
}

#[test]
fn everybody_but_a_leader_shows_when_it_campaigns() {
    let mut group = Group::new(3);
    for node in 1..=3 {
        let raft = group.raft(node);
        assert_eq!(raft.status().election_due, raft.deadline(), "node {node}");
    }
    group.elect(1);
    let shown = [1, 2].map(|node| group.status(node).election_due.is_some());
    assert_eq!(shown, [false, true]);
}

#[test]
fn a_longer_promise_to_a_leader_makes_the_wait_longer() {
    let mut group = Group::new(3);
    let request = AppendRequest {
        prev: LogId::new(1, 1),
        commit: 0,
        round: 1,
        promise: 400 * MS,
        quiesce: false,
        entries: Entries::new(),
    };
    let message = Message { term: 2, body: Body::AppendRequest(request) };
    group.step(2, Input::Receive { from: id(1), message });
    let due = group.due(2).expect("a follower waits");
    assert!(due > group.now + 400 * MS, "{due}");
}

#[test]
fn a_leader_that_steps_down_takes_back_a_lease_if_it_published_one() {
    for publishes in [false, true] {
        let mut group = Group::with_config(3, |config| config.publish_lease = publishes);
        group.elect(1);
        group.pass(50);
        let lease_end = group.status(1).lease_until.expect("it has a lease");
        group.notices(1);
        group.isolate(1);
        let message = Message { term: 9, body: Body::AppendRequest(heartbeat_of_9()) };
        group.step(1, Input::Receive { from: id(2), message });
        let taken_back = group.notices(1).contains(&Action::Lease { until: None });
        assert_eq!(taken_back, publishes);
        assert!(!group.leads(1));
        // Where somebody may still read under the lease, this node helps nobody to lead.
        group.wire.clear();
        group.cut.clear();
        let last = LogId::new(9, 9);
        let campaign = Token { incarnation: 1, number: 1 };
        let request = VoteRequest { last, campaign, transfer: true };
        let message = Message { term: 10, body: Body::VoteRequest(request) };
        group.step(1, Input::Receive { from: id(3), message });
        assert_eq!(group.status(1).voted_for == Some(id(3)), !publishes);
        group.now = lease_end.0 - group.members[&1].skew;
        let message = Message { term: 10, body: Body::VoteRequest(request) };
        group.step(1, Input::Receive { from: id(3), message });
        assert_eq!(group.status(1).voted_for, Some(id(3)), "until it has passed");
    }
}

fn heartbeat_of_9() -> AppendRequest {
    AppendRequest {
        prev: LogId::new(1, 1),
        commit: 0,
        round: 1,
        promise: TIMEOUT,
        quiesce: false,
        entries: Entries::new(),
    }
}

#[test]
fn each_wait_is_drawn_anew() {
    let mut group = Group::new(3);
    group.isolate(1);
    let mut waits = Vec::new();
    for _ in 0..20 {
        group.campaign(1);
        group.wire.clear();
        waits.push(group.due(1).expect("it will stand again") - group.now);
    }
    waits.sort_unstable();
    waits.dedup();
    assert_eq!(waits.len(), 20);
}
