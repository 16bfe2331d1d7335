//! Published leases: other threads read under them, so each word about them counts.

use crate::group::{Group, MS, id};
use quorate_core::*;

const NONE: [bool; 0] = [];

fn leases(actions: &[Action]) -> Vec<bool> {
    let words = actions.iter().filter_map(|action| match action {
        Action::Lease { until } => Some(until.is_some()),
        _ => None,
    });
    words.collect()
}

fn publishing(size: u64, lease_reads: bool) -> Group {
    let mut group = Group::with_config(size, |config| {
        config.publish_lease = true;
        config.lease_reads = lease_reads;
    });
    if size > 1 {
        group.elect(1);
    }
    group.pass(50);
    group.step(1, Input::Tick);
    group
}

#[test]
fn a_lease_ends_with_the_knob_that_allowed_it() {
    let mut group = publishing(3, true);
    assert_eq!(group.status(1).lease_until.is_some(), leases(&group.notices(1)).contains(&true));
    let config = Config { lease_reads: false, ..group.raft(1).config().clone() };
    let actions = group.step(1, Input::Reconfigure { config: config.into() });
    assert_eq!(leases(&actions), [false]);
    group.pass(50);
    assert_eq!(leases(&group.notices(1)), [false], "said once");
}

#[test]
fn a_lease_that_is_not_there_is_not_taken_back() {
    let mut group = publishing(3, false);
    assert_eq!(leases(&group.notices(1)), NONE);
    // A clock that went back, and another promise: both void what there is.
    group.pass(5);
    group.now -= MS;
    assert_eq!(leases(&group.step(1, Input::Tick)), NONE);
    let config = Config { election_timeout: 200 * MS, ..group.raft(1).config().clone() };
    assert_eq!(leases(&group.step(1, Input::Reconfigure { config: config.into() })), NONE);
    assert_eq!(leases(&group.step(1, Input::Transfer { request: 3, to: Some(id(2)) })), NONE);
}

#[test]
fn a_lease_is_over_at_its_last_moment() {
    for late in [0, 1] {
        let mut group = publishing(3, true);
        group.isolate(1);
        let until = group.status(1).lease_until.expect("it has a lease");
        group.now = until.0 - group.members[&1].skew - 1 + late;
        group.step(1, Input::Tick);
        assert!(group.leads(1));
        assert_eq!(group.status(1).lease_until.is_some(), late == 0);
    }
}

#[test]
fn voters_who_confirmed_nothing_end_a_lease() {
    let mut group = publishing(1, true);
    assert_eq!(leases(&group.notices(1)).last(), Some(&true));
    let changes = [2, 3].map(|node| MemberChange::AddVoter { node: id(node) }).to_vec();
    group.step(1, Input::ChangeMembers { request: 1, changes, expected_term: None });
    assert_eq!(leases(&group.notices(1)), [false], "a majority of the new half is not heard of");
}
