//! Disks that lose what was synced and machines that are lost: within the atlas the group comes back,
//! beyond it nodes stop aloud, and nobody diverges.

use quorate_sim::{
    case::Case,
    disk::Damage,
    marks::{Mark, Marks},
    plan::{Fault, Planned, Target, When},
    profile::{MILLISECOND, Profile, SECOND},
    run::{Options, Played, replay, run},
    world::Recipe,
};

/// A calm group of three whose disks rot, one second after the other, each with a power loss behind
/// it.
fn rotting(kind: Damage, atlas: bool) -> Case {
    let recipe = Recipe { profile: Profile::Calm, nodes: Some(3), ..Recipe::new(7) };
    let mut case = Case::new(Recipe { time: 10 * SECOND, ..recipe });
    (case.settings.atlas, case.settings.reserves) = (atlas, 1);
    let fault = |at, fault, node| Planned {
        when: When::At(at),
        fault,
        target: Target::Node(node),
        duration: 10 * MILLISECOND,
        again: 0,
        chance: 1 + node,
    };
    for node in 0..3 {
        let at = (1 + 2 * node) * SECOND / 2;
        case.plan.faults.push(fault(at, Fault::Damage(kind), node));
        case.plan.faults.push(fault(at + 200 * MILLISECOND, Fault::PowerLoss, node));
    }
    case
}

fn passed(case: &Case) -> Played {
    let played = replay(case, Options::default());
    assert_eq!(played.violation, None, "{}", case.plan);
    played
}

#[test]
fn within_the_atlas_one_of_three_is_damaged_and_replaced() {
    for kind in Damage::ALL {
        let marks = passed(&rotting(kind, true)).marks;
        let damaged = [Mark::Rotted, Mark::SectorUnreadable, Mark::WriteAstray];
        let damaged: u64 = damaged.map(|mark| marks.count(mark)).into_iter().sum();
        let replaced = marks.count(Mark::MachineReplaced) > 0;
        assert_eq!((damaged, marks.count(Mark::DamageRefused), replaced), (1, 1, true), "{kind:?}");
    }
}

#[test]
fn beyond_the_atlas_all_refuse_and_the_group_stands_still() {
    for kind in Damage::ALL {
        let marks = passed(&rotting(kind, false)).marks;
        assert!(marks.count(Mark::DamageRefused) > 1, "{kind:?}");
        assert_eq!(marks.count(Mark::QuorumLost), 1, "{kind:?}");
    }
}

#[test]
fn a_lost_machine_comes_back_under_another_id() {
    let mut case = rotting(Damage::Bit, true);
    case.plan.faults.truncate(1);
    case.plan.faults[0].fault = Fault::LoseMachine;
    let marks = passed(&case).marks;
    let reached = [Mark::MachineLost, Mark::ReplacementStarted, Mark::MachineReplaced];
    assert!(reached.into_iter().all(|mark| marks.count(mark) > 0));
}

#[test]
fn a_lost_machine_that_nobody_replaces_is_removed() {
    let mut case = rotting(Damage::Bit, true);
    case.plan.faults.truncate(1);
    (case.plan.faults[0].fault, case.settings.reserves) = (Fault::LoseMachine, 0);
    let marks = passed(&case).marks;
    assert_eq!((marks.count(Mark::MachineLost), marks.count(Mark::ReplacementStarted)), (1, 0));
    assert!(marks.count(Mark::MembersChanged) > 0);
}

#[test]
fn a_full_disk_takes_writes_again_once_there_is_room() {
    let mut case = rotting(Damage::Bit, true);
    case.plan.faults.truncate(3);
    for fault in &mut case.plan.faults {
        (fault.fault, fault.duration) = (Fault::FullDisk { left: 100 }, 3 * SECOND);
    }
    case.settings.segment_bytes = 8 * 1024;
    let marks = passed(&case).marks;
    assert!(marks.count(Mark::DiskFull) > 0 && marks.count(Mark::NoSpace) > 0);
}

/// What a few seeds of a profile reach.
fn reached(profile: Profile, seeds: std::ops::Range<u64>) -> Marks {
    let mut marks = Marks::default();
    for seed in seeds {
        let report = run(Recipe { profile, ..Recipe::new(seed) }, Options::default());
        assert!(report.failure.is_none(), "{}", report.command());
        marks.merge(&report.marks);
    }
    marks
}

#[test]
fn damage_meets_what_it_is_meant_to_meet() {
    let marks = reached(Profile::Damage, 0..30);
    let expected = [
        Mark::FailedRead,
        Mark::DiskFull,
        Mark::DiskSlowed,
        Mark::Rotted,
        Mark::SectorUnreadable,
        Mark::WriteAstray,
        Mark::DamageRefused,
        Mark::DamageHalted,
        Mark::MachineLost,
        Mark::MachineReplaced,
    ];
    let missing: Vec<Mark> = expected.into_iter().filter(|mark| marks.count(*mark) == 0).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

#[test]
fn beyond_the_model_quorums_are_lost_and_disks_forget() {
    let marks = reached(Profile::BeyondModel, 0..40);
    for mark in [Mark::DamageRefused, Mark::QuorumLost, Mark::Forgot] {
        assert!(marks.count(mark) > 0, "{mark} was never reached");
    }
}
