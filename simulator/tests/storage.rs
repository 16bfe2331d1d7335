//! Disks that lose what was synced and machines that are lost: within the atlas the group comes back,
//! beyond it nodes stop aloud, and nobody diverges.

use quorate_sim::{
    case::Case,
    disk::Damage,
    marks::{Mark, Marks},
    plan::{Fault, Planned, Target, When},
    profile::{MILLISECOND, Profile, SECOND},
    run::{Options, Played, replay, run},
    world::{LIVENESS_TIMEOUTS, Recipe},
};

/// A calm group of three with these faults, by the time in milliseconds and the node.
fn calm(faults: &[(u64, Fault, Target)], chance: u64) -> Case {
    let recipe = Recipe { profile: Profile::Calm, nodes: Some(3), ..Recipe::new(7) };
    let mut case = Case::new(Recipe { time: 4 * SECOND, ..recipe });
    case.settings.reserves = 1;
    case.plan.faults.extend(faults.iter().map(|(at, fault, target)| Planned {
        when: When::At(at * MILLISECOND),
        fault: *fault,
        target: *target,
        duration: 10 * MILLISECOND,
        again: 0,
        chance,
    }));
    case
}

/// All disks of such a group are damaged, and then their nodes lose their power, one after the other.
fn rotting(kind: Damage, chance: u64) -> Case {
    let two = |node: u64| {
        let target = Target::Node(node);
        let power = 1_200 + 300 * node;
        [(1_000 + node, Fault::Damage(kind), target), (power, Fault::PowerLoss, target)]
    };
    let faults: Vec<_> = (0..3).flat_map(two).collect();
    calm(&faults, chance)
}

/// Damage lands somewhere: so many places are tried.
const TRIES: u64 = 6;
/// And so many at most, until it lands on so much that a quorum is gone.
const TRIES_MAX: u64 = 60;

fn passed(case: &Case) -> Played {
    let played = replay(case, Options::default());
    assert_eq!(played.violation, None, "{}", case.plan);
    played
}

#[test]
fn within_the_atlas_one_of_three_is_damaged_and_replaced() {
    for kind in Damage::ALL {
        let mut refusals = 0;
        for chance in 1..=TRIES {
            let marks = passed(&rotting(kind, chance)).marks;
            let damaged = [Mark::Rotted, Mark::SectorUnreadable, Mark::WriteAstray];
            let damaged: u64 = damaged.map(|mark| marks.count(mark)).into_iter().sum();
            let refused = marks.count(Mark::DamageRefused);
            assert!(damaged <= 1 && refused <= damaged, "{kind:?}: {refused} of {damaged}");
            assert_eq!(marks.count(Mark::MachineReplaced) > 0, refused > 0, "{kind:?}");
            refusals += refused;
        }
        assert!(refusals > 0, "{kind:?}");
    }
}

#[test]
fn beyond_the_atlas_nodes_refuse_and_the_group_stands_still() {
    for kind in Damage::ALL {
        let is_lost = |chance| {
            let mut case = rotting(kind, chance);
            (case.settings.atlas, case.settings.reserves) = (false, 0);
            passed(&case).marks.count(Mark::QuorumLost) > 0
        };
        assert!((1..=TRIES_MAX).any(is_lost), "{kind:?}");
    }
}

#[test]
fn a_lost_machine_comes_back_under_another_id() {
    let marks = passed(&calm(&[(500, Fault::LoseMachine, Target::Node(1))], 1)).marks;
    let reached = [Mark::MachineLost, Mark::ReplacementStarted, Mark::MachineReplaced];
    assert!(reached.into_iter().all(|mark| marks.count(mark) > 0));
}

#[test]
fn a_lost_machine_that_nobody_can_replace_is_removed() {
    let mut case = calm(&[(500, Fault::LoseMachine, Target::Node(1))], 1);
    case.settings.reserves = 0;
    let marks = passed(&case).marks;
    assert_eq!((marks.count(Mark::MachineLost), marks.count(Mark::ReplacementStarted)), (1, 0));
    assert!(marks.count(Mark::MembersChanged) > 0);
}

#[test]
fn whoever_gets_a_damaged_snapshot_refuses_it_and_its_sender_is_replaced() {
    for kind in [Damage::Sector, Damage::Latent] {
        let faults = [
            (900, Fault::Snapshot, Target::Everyone),
            (1_300, Fault::Damage(kind), Target::Leader),
            (1_500, Fault::LoseMachine, Target::Node(0)),
        ];
        let refused: u64 = (1..=12)
            .map(|chance| {
                let mut case = calm(&faults, chance);
                (case.settings.atlas, case.settings.retain_entries) = (false, 0);
                (case.settings.nodes, case.settings.reserves) = (5, 3);
                passed(&case).marks.count(Mark::DamagedSnapshotRefused)
            })
            .sum();
        assert!(refused > 0, "{kind:?}");
    }
}

/// Every part is a message, and the network repeats one in ten.
#[test]
fn a_snapshot_whose_parts_come_twice_is_sent_once() {
    let mut parts = 0;
    for seed in 1..=8 {
        let damaged = (1_000, Fault::DamagedMachine, Target::Node(1));
        let mut case = calm(&[damaged, (1_500, damaged.1, Target::Node(2))], seed);
        (case.seed, case.settings.part_bytes) = (seed, 256);
        (case.settings.workload.keys, case.settings.workload.padding_bytes) = (16, 2_000);
        (case.settings.link.duplicate_ppm, case.settings.link.in_order) = (100_000, true);
        parts += passed(&case).marks.count(Mark::SnapshotPart);
    }
    assert!(parts > 500, "{parts}");
}

#[test]
fn a_full_disk_takes_writes_again_once_there_is_room() {
    let full = Fault::FullDisk { left: 100 };
    let faults = [(400, full, Target::Everyone), (800, Fault::Kill, Target::Node(1))];
    let mut case = calm(&faults, 1);
    case.plan.faults[0].duration = SECOND;
    let marks = passed(&case).marks;
    assert!(marks.count(Mark::DiskFull) > 0, "a start takes room");
    assert!(marks.count(Mark::NoSpace) > 0, "a host that looks is warned");
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

/// Each entry is read back from the disk by itself, and all are applied anew before one more can be
/// answered.
#[test]
fn a_group_that_has_yet_to_apply_a_long_log_is_not_stuck() {
    let mut case = calm(&[(7_900, Fault::PowerLoss, Target::Everyone)], 1);
    let settings = &mut case.settings;
    (settings.fault_time, settings.election_timeout) = (8 * SECOND, 100 * MILLISECOND);
    (settings.heartbeat_interval, settings.cache_bytes) = (20 * MILLISECOND, 0);
    (settings.max_apply_bytes, settings.snapshot_every) = (64, 0);
    settings.write_time = 3 * MILLISECOND;
    settings.workload.clients = 24;
    settings.workload.read_percent = 0;
    let (fault_time, election_timeout) = (case.settings.fault_time, case.settings.election_timeout);
    let played = passed(&case);
    assert!(played.stats.simulated > fault_time + LIVENESS_TIMEOUTS * election_timeout);
}
