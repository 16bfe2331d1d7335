//! Shrinking: what is left still fails, in the same way, and is small.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::{
    disk::Damage,
    oracle::Property,
    plan::{Fault, Planned, Target, When},
    profile::{MICROSECOND, Profile, SECOND},
    run::{Options, replay},
    world::Recipe,
};

/// A world whose clocks break the bound that leases rest on: its lease reads are stale at times.
fn broken_clocks() -> Case {
    Case::new(Recipe { profile: Profile::LeaseBroken, ..Recipe::new(14) })
}

/// A group whose disks take an hour: it does not come back.
fn stuck() -> Case {
    let mut case = Case::new(Recipe { time: 3 * SECOND, ..Recipe::new(3) });
    case.settings.write_time = 3_600 * SECOND;
    case
}

fn shrunk(case: Case, jobs: usize) -> Shrunk {
    let limits = Limits { go_on: &|| true, progress: &mut |_| {}, jobs };
    shrink(case, limits).expect("the case fails")
}

#[test]
fn a_stale_read_is_shrunk_to_little() {
    let tries = AtomicU64::new(0);
    let go_on = || tries.fetch_add(1, Ordering::Relaxed) < 600;
    let limits = Limits { go_on: &go_on, progress: &mut |_| {}, jobs: 1 };
    let found = shrink(broken_clocks(), limits).expect("the case fails");
    assert_eq!(found.violation.property(), Property::LeaseRead);
    assert!(found.after.faults <= 10 && found.after.operations <= 20, "{}", found.after);
    let again = replay(&found.case, Options::default());
    assert_eq!(again.violation, Some(found.violation));
}

#[test]
fn the_result_depends_on_nothing_but_the_case() {
    assert_eq!(shrunk(stuck(), 1).case, shrunk(stuck(), 3).case);
}

#[test]
fn what_needs_no_fault_is_shrunk_to_none() {
    let found = shrunk(stuck(), 1);
    assert_eq!(found.violation.property(), Property::Liveness);
    assert_eq!((found.after.faults, found.after.nodes, found.after.clients), (0, 1, 1));
}

#[test]
fn a_budget_ends_it_with_what_there_is() {
    let limits = Limits { go_on: &|| false, progress: &mut |_| {}, jobs: 1 };
    let found = shrink(broken_clocks(), limits).expect("the case fails");
    assert!(found.cut);
    assert_eq!((found.before, found.tries), (found.after, 0));
}

#[test]
fn damage_and_machines_that_stand_by_go_where_they_are_not_needed() {
    let mut case = stuck();
    case.settings.reserves = 1;
    let faults = [Fault::Damage(Damage::Sector), Fault::LoseMachine, Fault::SlowDisk { times: 9 }];
    for (fault, node) in faults.into_iter().zip(0..) {
        let (when, target) = (When::At(100 * MICROSECOND), Target::Node(node));
        case.plan.faults.push(Planned { when, fault, target, duration: 0, again: 0, chance: 7 });
    }
    let found = shrunk(case, 1);
    assert_eq!(found.violation.property(), Property::Liveness);
    assert_eq!((found.after.faults, found.case.settings.reserves), (0, 0));
}

#[test]
fn what_does_not_fail_is_not_shrunk() {
    let case = Case::new(Recipe { profile: Profile::Calm, time: SECOND, ..Recipe::new(1) });
    let limits = Limits { go_on: &|| true, progress: &mut |_| {}, jobs: 1 };
    assert!(shrink(case, limits).is_none());
}

#[test]
fn another_rule_of_a_system_is_another_failure() {
    let [total, again, order] = [("total", "4"), ("total", "five"), ("order", "4")]
        .map(|(rule, what)| Violation::model(rule, what));
    assert!(search::is_same(&total, &again) && !search::is_same(&total, &order));
}

#[test]
fn operations_as_a_list_give_the_same_run() {
    for (profile, seed) in Profile::ALL.into_iter().zip(0..) {
        let mut case = Case::new(Recipe { profile, time: 3 * SECOND, ..Recipe::new(seed) });
        let until = Some(case.settings.fault_time - 1_000 * MICROSECOND);
        let options = Options { until, ..Options::default() };
        let first = replay(&case, options);
        case.operations = Some(first.begun.clone());
        let second = replay(&case, options);
        assert_eq!((first.hash, first.begun), (second.hash, second.begun), "{}", profile.name());
    }
}
