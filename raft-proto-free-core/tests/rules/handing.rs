//! Leaders that make way: for who should rather lead, and for a disk that hangs.

use crate::group::{Group, MS, id};
use quorate_core::*;

#[test]
fn a_hand_over_that_failed_is_tried_again_after_ten_timeouts() {
    let mut group = Group::with_config(3, |config| {
        config.priority = if config.node == id(2) { 100 } else { 50 };
    });
    group.elect(1);
    group.settle();
    // Node 2 said what it is, and is gone.
    group.member(2).up = false;
    group.isolate(2);
    let mut told = Vec::new();
    for ms in 0..2_500 {
        group.pass(1);
        let is_under_way = group.status(1).transfer.is_some();
        if told.last().is_none_or(|&(_, last)| last != is_under_way) {
            told.push((ms, is_under_way));
        }
    }
    let [_, (first, true), (over, false), (second, true), ..] = told[..] else {
        panic!("it tries, gives up, and tries again: {told:?}");
    };
    assert!(first < 150, "after the first timeout: {told:?}");
    // A heartbeat's interval may pass until it looks again.
    assert!((1_000..=1_020).contains(&(second - over)), "{told:?}");
    assert!(group.leads(1));
}

/// The writes that these actions ask for.
fn writes(actions: &[Action]) -> Vec<Token> {
    let asked = actions.iter().filter_map(|action| match action {
        Action::Write(write) => Some(write.seq),
        _ => None,
    });
    asked.collect()
}

/// Node 1 leads; its disk holds a write since now, and another one since `later`.
fn two_writes(later: u64) -> (Group, Vec<Token>) {
    let mut group = Group::with_config(3, |config| config.write_stall_limit = 500 * MS);
    group.elect(1);
    group.pass(10);
    group.hold_writes(1);
    let mut asked = writes(&group.propose(1, "x"));
    group.pass(later);
    asked.extend(writes(&group.propose(1, "y")));
    group.settle();
    (group, asked)
}

#[test]
fn a_disk_hangs_once_the_limit_is_over() {
    let (mut group, _) = two_writes(0);
    let start = group.now;
    group.pass(499);
    group.now = start + 500 * MS;
    group.step(1, Input::Tick);
    assert!(!group.status(1).stalled && group.leads(1));
    group.now += 1;
    group.step(1, Input::Tick);
    assert!(group.status(1).stalled && !group.leads(1));
}

#[test]
fn a_disk_is_well_again_when_its_oldest_write_is_younger_than_half_the_limit() {
    for (later, is_well) in [(251, true), (249, false)] {
        let (mut group, asked) = two_writes(later);
        let [first, ..] = asked[..] else { panic!("{asked:?}") };
        group.pass(501 - later);
        assert!(group.status(1).stalled);
        group.step(1, Input::Written { seq: first });
        assert_eq!(!group.status(1).stalled, is_well, "{later} of 501");
    }
}
