//! What of the log stays behind a snapshot.

use crate::group::Group;
use quorate_core::*;

/// A group of one whose last ten entries cost a hundred bytes each.
fn with_ten(config: impl Fn(&mut Config)) -> Group {
    let mut group = Group::with_config(1, config);
    group.pass(10);
    let bytes = 100 - entries::ENTRY_OVERHEAD_BYTES as usize;
    for _ in 0..10 {
        group.propose_all(1, commands([vec![7; bytes]]));
    }
    group
}

/// How much the write that names a snapshot of all that is applied lets go; none where it says nothing.
fn discards(group: &mut Group) -> Option<Index> {
    let index = group.status(1).applied;
    let actions = group.step(1, Input::SnapshotTaken { index });
    actions.iter().find_map(|action| match action {
        Action::Write(write) => Some(write.discard_through),
        _ => None,
    })
}

fn retain(group: &mut Group, entries: u64, bytes: u64) {
    group.step(1, Input::Retain { entries, bytes });
}

#[test]
fn so_many_entries_stay_as_the_knob_says() {
    for (entries, kept) in [(0, 0), (1, 1), (4, 4)] {
        let mut group = with_ten(|config| config.retain_entries = entries);
        let applied = group.status(1).applied;
        assert_eq!(discards(&mut group), Some(applied - kept));
        assert_eq!(group.status(1).log.base().index, applied - kept);
    }
}

#[test]
fn the_host_may_say_otherwise_in_entries_and_in_bytes() {
    for (entries, bytes, kept) in [
        (3, u64::MAX, 3),
        (u64::MAX, 0, 0),
        (u64::MAX, 99, 0),
        (u64::MAX, 100, 1),
        (u64::MAX, 399, 3),
        (2, 399, 2),
    ] {
        // All but the ten are gone from memory, so that each counts a hundred.
        let mut group = with_ten(|config| config.retain_entries = 10);
        let applied = group.status(1).applied;
        assert_eq!(discards(&mut group), Some(applied - 10));
        group.propose_all(1, commands([vec![7; 100 - entries::ENTRY_OVERHEAD_BYTES as usize]]));
        retain(&mut group, entries, bytes);
        assert_eq!(discards(&mut group), Some(applied + 1 - kept), "{entries} {bytes}");
    }
}

#[test]
fn where_all_stays_nothing_is_discarded() {
    let mut group = with_ten(|config| config.retain_entries = 10_000);
    assert_eq!(discards(&mut group), Some(0));
    assert_eq!(group.status(1).log.base(), LogId::ZERO);
    let mut group = with_ten(|config| config.retain_entries = 0);
    let applied = group.status(1).applied;
    assert_eq!(discards(&mut group), Some(applied));
    group.propose(1, "x");
    retain(&mut group, 1, u64::MAX);
    assert_eq!(discards(&mut group), Some(0), "what is gone is gone already");
}
