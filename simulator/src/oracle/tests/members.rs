//! Changes of members, and snapshots.

use quorate_core::SnapshotMeta;

use super::{rules::rule, *};
use crate::oracle::members::{address, adjacent, stands};

/// On the way from the first `old` voters to the first `new`.
fn joint(old: u64, new: u64) -> Configuration {
    Configuration::of((1..=new).map(NodeId::of), (1..=old).map(NodeId::of), [], 1).unwrap()
}

#[test]
fn a_quorum_of_one_half_only() {
    let oracles = three(2);
    let entry = LogId::new(1, 1);
    assert_eq!(oracles.lacks(0, &all(3), entry), Ok(()));
    let mut five = Oracles::new(5);
    for node in 0..2 {
        durable(&mut five.durable[node], &write(1, state(1, 1), 1, 1, &["a"]));
    }
    assert_eq!(five.lacks(0, &joint(3, 2), entry), Ok(()));
    let lacking = |members: &Configuration| match five.lacks(0, members, entry) {
        Err(Violation::CommitWithoutQuorum { holders, needed, .. }) => Some((holders, needed)),
        Ok(()) | Err(_) => None,
    };
    assert_eq!(lacking(&joint(3, 5)), Some((2, 3)), "the new half lacks one");
    assert_eq!(lacking(&joint(5, 3)), Some((2, 3)), "the old half lacks one");
}

#[test]
fn a_step_to_members_whose_quorums_are_apart() {
    let judge = |old: Configuration, new: Configuration| adjacent(0, &old, &new);
    assert_eq!(judge(all(1), joint(1, 3)), Ok(()));
    assert_eq!(judge(joint(1, 3), all(3)), Ok(()));
    assert_eq!(judge(all(3), all(4)), Ok(()), "one at a time is safe");
    let apart = judge(all(1), all(3));
    assert!(matches!(apart, Err(Violation::QuorumsApart { .. })));
    assert!(judge(joint(1, 3), all(5)).is_err());
}

#[test]
fn a_member_whose_address_is_lost() {
    let told = |members: Configuration, of: &[u64]| {
        let place = |id: &u64| (NodeId::of(*id), address(NodeId::of(*id)));
        members.with_addresses(of.iter().map(place)).unwrap()
    };
    let judge = |old, new| adjacent(0, &old, &new);
    assert_eq!(judge(told(joint(2, 3), &[3]), told(all(3), &[3])), Ok(()));
    assert_eq!(judge(told(joint(3, 2), &[3]), told(all(2), &[])), Ok(()), "it is gone");
    let lost = judge(told(joint(2, 3), &[3]), told(all(3), &[]));
    assert_eq!(rule(lost), Some(Property::AddressesKept));
    let elsewhere = all(3).with_addresses([(NodeId::of(3), address(NodeId::of(2)))]).unwrap();
    assert_eq!(rule(judge(told(joint(2, 3), &[]), elsewhere)), Some(Property::AddressesKept));
}

#[test]
fn a_candidate_that_is_no_voter() {
    assert_eq!(stands(2, 7, &all(3), None), Ok(()));
    assert_eq!(stands(2, 7, &joint(3, 2), None), Ok(()), "it votes in the old half");
    assert_eq!(stands(2, 7, &all(2), Some(&all(3))), Ok(()), "it may hold the only copy");
    let removed = stands(2, 7, &all(2), Some(&joint(1, 2)));
    assert_eq!(removed, Err(Violation::NoVoterStands { node: 2, term: 7 }));
    assert!(stands(0, 7, &Configuration::EMPTY, None).is_err());
}

/// A write that names a snapshot of `last` in place of the whole log.
fn install(last: LogId, members: Configuration) -> Write {
    let meta = SnapshotMeta { last, configuration: Arc::new(members) };
    Write {
        snapshot: Some(Arc::new(meta)),
        discard_through: last.index,
        ..write(2, state(1, 1), 1, 1, &[])
    }
}

#[test]
fn a_snapshot_of_what_is_not_committed_or_with_other_members() {
    let mut oracles = three(2);
    let place = LogId::new(1, 1);
    let uncommitted = oracles.write(2, &install(place, all(3)));
    assert!(matches!(uncommitted, Err(Violation::SnapshotUncommitted { .. })));
    oracles.commit(0, 0, 1, 0, [&all(3); 2], |_| Some(1)).unwrap();
    let other = oracles.write(2, &install(LogId::new(2, 1), all(3)));
    assert!(matches!(other, Err(Violation::SnapshotUncommitted { .. })));
    oracles.log.configuration(place, &Arc::new(joint(3, 4)));
    let half = oracles.write(2, &install(place, all(4)));
    assert!(matches!(half, Err(Violation::SnapshotMembers { .. })));
    assert_eq!(oracles.write(2, &install(place, joint(3, 4))), Ok(()));
    oracles.durable[2].complete();
    assert_eq!(oracles.durable[2].term_at(1), Some(1), "the snapshot stands for the entry");
}

#[test]
fn a_disk_that_forgets_its_snapshot() {
    let mut oracles = three(2);
    oracles.commit(0, 0, 1, 0, [&all(3); 2], |_| Some(1)).unwrap();
    oracles.write(2, &install(LogId::new(1, 1), all(3))).unwrap();
    oracles.durable[2].complete();
    let found = |snapshot| {
        let log = LogSummary::new(LogId::new(1, 1));
        let found = Some(Found { hard_state: state(1, 1), snapshot, log });
        Recovered { incarnation: 2, found }
    };
    let mut judge = |snapshot| oracles.durable[2].recover(2, &found(snapshot), &Entries::new());
    assert!(judge(install(LogId::new(1, 1), all(3)).snapshot).is_ok());
    assert!(matches!(judge(None), Err(Violation::Recovered { .. })));
}

#[test]
fn an_install_that_goes_back_or_is_not_committed() {
    let logs = committed(&["a", "b"]);
    let mut machines = Machines::new(3);
    assert!(apply(&mut machines, 0, 1, "a", 7) && apply(&mut machines, 0, 2, "b", 8));
    assert_eq!(machines.installed(1, LogId::new(1, 2), &logs), Ok(()));
    assert!(machines.installed(1, LogId::new(1, 1), &logs).is_err(), "back");
    assert!(machines.installed(2, LogId::new(2, 2), &logs).is_err(), "another term");
    assert_eq!(machines.fingerprint(0, 5), Ok(()));
    assert_eq!(machines.installed(2, LogId::new(1, 2), &logs), Ok(()));
    assert!(machines.fingerprint(2, 6).is_err(), "another state than replay gives");
}
