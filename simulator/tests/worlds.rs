//! Whole runs: they pass, they repeat, and they meet what they are meant to meet.

use std::collections::BTreeSet;

use quorate_driver::ActionKind;
use quorate_sim::{
    case::Case,
    marks::{Mark, Marks},
    oracle::{Property, Violation},
    plan::{Fault, Pattern, Planned, Target, When, Wire},
    profile::{MILLISECOND, Profile, SECOND},
    run::{Options, Report, replay, run},
    world::{Recipe, World},
};

fn short(seed: u64, profile: Profile) -> Recipe {
    Recipe { profile, time: 6 * SECOND, ..Recipe::new(seed) }
}

fn pass(recipe: Recipe, options: Options) -> Report {
    let report = run(recipe, options);
    if let Some(failure) = &report.failure {
        panic!("{}\n{}\n{}", failure.violation, failure.case.plan, report.command());
    }
    report
}

#[test]
fn swarm_seeds_pass_and_reach_their_marks() {
    let mut marks = Marks::default();
    for seed in 200..224 {
        let report = pass(short(seed, Profile::Swarm), Options::default());
        assert!(report.stats.commits > 0 && report.stats.answered > 0, "seed {seed}");
        marks.merge(&report.marks);
    }
    let expected = [
        Mark::GroupCommit,
        Mark::BatchProposed,
        Mark::ConflictTruncation,
        Mark::OutcomeUnknown,
        Mark::ReadWaitedForApply,
        Mark::LeaderCrashedMidBroadcast,
        Mark::CrashedWhileWriting,
        Mark::SegmentRotated,
        Mark::UntoldWriteRecovered,
        Mark::LastBatchRewritten,
        Mark::KilledUnsynced,
        Mark::LeaderDeposed,
        Mark::PartitionBlocked,
        Mark::OneWayBlocked,
        Mark::CutOnEvent,
        Mark::DiskProbed,
        Mark::Paused,
        Mark::DiskStalled,
        Mark::ClockDrifted,
        Mark::ClockSteppedBack,
        Mark::FailedWrite,
        Mark::FailedSync,
        Mark::MessageLost,
        Mark::MessageRepeated,
        Mark::MessageOvertook,
        Mark::LinkSlowed,
        Mark::StaleCompletion,
        Mark::FaultOnEvent,
    ];
    let missing: Vec<Mark> = expected.into_iter().filter(|mark| marks.count(*mark) == 0).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

#[test]
fn crashes_tear_what_the_disk_was_writing() {
    let mut marks = Marks::default();
    for seed in 0..40 {
        marks.merge(&pass(short(seed, Profile::Crashes), Options::default()).marks);
    }
    let expected = [
        Mark::StoppedInWrite,
        Mark::StoppedInSync,
        Mark::StoppedInDirectory,
        Mark::StoppedInOpen,
        Mark::UnsyncedLost,
        Mark::LostAfterKill,
        Mark::PowerLostWhileDown,
        Mark::DirectoryLost,
        Mark::TornTail,
        Mark::TornBatchMet,
        Mark::StaleCompletion,
    ];
    for mark in expected {
        assert!(marks.count(mark) > 0, "{mark} was never reached");
    }
}

#[test]
fn changes_of_members_meet_what_they_are_meant_to_meet() {
    let mut marks = Marks::default();
    for seed in 0..64 {
        marks.merge(&pass(short(seed, Profile::Members), Options::default()).marks);
    }
    let expected = [
        Mark::JointEntered,
        Mark::MembersChanged,
        Mark::LearnerPromoted,
        Mark::SpareJoined,
        Mark::RemovedLeaderWent,
        Mark::Transferred,
        Mark::SnapshotTaken,
        Mark::LogCompacted,
        Mark::SnapshotPart,
        Mark::SnapshotResumed,
        Mark::SnapshotInstalled,
        Mark::StartedFromSnapshot,
    ];
    for mark in expected {
        assert!(marks.count(mark) > 0, "{mark} was never reached");
    }
}

#[test]
fn all_that_the_machine_can_do_passes_and_reaches_its_marks() {
    let mut marks = Marks::default();
    for seed in 0..16 {
        let report =
            pass(short(seed, Profile::Kv), Options { twice: seed < 2, ..Options::default() });
        marks.merge(&report.marks);
    }
    for mark in [
        Mark::TxnDone,
        Mark::TxnRefused,
        Mark::LeaseKept,
        Mark::LeaseExpired,
        Mark::KeyExpired,
        Mark::WatchTold,
        Mark::WatchTakenUp,
        Mark::WatchCompacted,
        Mark::LockTaken,
    ] {
        assert!(marks.count(mark) > 0, "{mark} was never reached");
    }
}

/// The stale read of a world whose nodes know of no drift, if there is one.
fn stale(seed: u64) -> Option<Violation> {
    let recipe = Recipe { profile: Profile::Leases, ..Recipe::new(seed) };
    let mut case = Case::new(recipe);
    case.settings.max_clock_drift_ppm = 0;
    let mut world = World::of(case).expect("a start");
    loop {
        match world.step() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(violation) => return Some(violation),
        }
    }
}

#[test]
fn leases_that_do_not_reckon_with_drift_give_stale_reads() {
    // Some of a hundred seeds show it: a voter must stand in the last moments of the lease.
    let found = (100..130).find_map(stale);
    assert!(matches!(found, Some(Violation::StaleLeaseRead { .. })), "{found:?}");
}

#[test]
fn every_profile_passes() {
    for profile in Profile::ALL.into_iter().filter(|it| it.expectation().is_none()) {
        for seed in 100..104 {
            pass(short(seed, profile), Options::default());
        }
    }
}

#[test]
fn a_calm_world_keeps_its_first_leader() {
    let recipe = Recipe { nodes: Some(3), ..short(7, Profile::Calm) };
    let report = pass(recipe, Options::default());
    assert_eq!((report.stats.elections, report.stats.restarts), (1, 0));
}

#[test]
fn a_seed_always_gives_the_same_run() {
    for seed in 0..4 {
        let recipe = short(seed, Profile::Swarm);
        let first = pass(recipe, Options { twice: true, ..Options::default() });
        let traced = pass(recipe, Options { trace: true, ..Options::default() });
        assert_eq!(
            (first.hash, first.stats),
            (traced.hash, traced.stats),
            "a trace changes nothing"
        );
        assert!(!traced.trace.is_empty() && first.trace.is_empty());
        let other = pass(short(seed + 1, Profile::Swarm), Options::default());
        assert_ne!(first.hash, other.hash);
    }
}

#[test]
fn clocks_beyond_the_bound_show_the_stale_read_and_nothing_else() {
    let mut seen = 0;
    for seed in 0..12 {
        let recipe = Recipe { profile: Profile::LeaseBroken, ..Recipe::new(seed) };
        let report = run(recipe, Options::default());
        let Some(failure) = &report.failure else { continue };
        assert_eq!(failure.violation.property(), Property::LeaseRead, "{}", report.command());
        assert!(report.is_expected());
        seen += 1;
    }
    assert!(seen > 0, "an oracle that never fires proves nothing");
}

/// A calm case of three nodes with these faults alone.
fn with(faults: Vec<Planned>) -> Case {
    let recipe = Recipe { nodes: Some(3), ..short(7, Profile::Calm) };
    let mut case = Case::new(recipe);
    case.plan.faults = faults;
    case
}

fn at(millis: u64, fault: Fault, target: Target, duration: u64) -> Planned {
    let (when, duration) = (When::At(millis * MILLISECOND), duration * MILLISECOND);
    Planned { when, fault, target, duration, again: 0, chance: 9 }
}

/// What a calm world of three nodes with these faults reached; it passes.
fn reached(faults: Vec<Planned>) -> Marks {
    let played = replay(&with(faults), Options { twice: true, ..Options::default() });
    assert_eq!(played.violation, None);
    played.marks
}

#[test]
fn messages_of_earlier_terms_and_lives_come_again_and_do_no_harm() {
    let mut faults = Vec::new();
    for round in 0..6 {
        faults.push(at(500 * round + 300, Fault::Kill, Target::Leader, 30));
        faults.push(at(
            500 * round + 700,
            Fault::Wire(Wire::Replay { count: 40 }),
            Target::Everyone,
            0,
        ));
    }
    let marks = reached(faults);
    for mark in [Mark::MessageReplayed, Mark::OldTermReplayed, Mark::ReplayedAcrossRestart] {
        assert!(marks.count(mark) > 0, "{mark} was never reached");
    }
}

#[test]
fn each_fault_of_the_network_takes_effect() {
    let faults = [
        (Wire::Hold { shuffled: true }, Mark::MessageHeld),
        (Wire::Narrow { messages: 1, bytes: 100 }, Mark::LinkFull),
        (Wire::Corrupt { ppm: 300_000 }, Mark::CorruptionRefused),
    ];
    for (wire, mark) in faults {
        let marks = reached(vec![at(1_000, Fault::Wire(wire), Target::Leader, 1_000)]);
        assert!(marks.count(mark) > 0, "{mark} was never reached");
    }
    let marks = reached(vec![
        at(1_000, Fault::SlowSteps { by: 3 * MILLISECOND }, Target::Leader, 800),
        at(2_000, Fault::FreezeClock, Target::Leader, 800),
    ]);
    assert!(marks.count(Mark::StepSlowed) > 0 && marks.count(Mark::ClockFroze) == 1);
}

#[test]
fn every_pattern_comes_to_pass() {
    // A node that misuses its core, or whose log has lost an entry, would be a bug of ours.
    let never = [Pattern::Action(ActionKind::Misuse)];
    let mut left: BTreeSet<String> = Pattern::ALL.iter().map(Pattern::to_string).collect();
    for seed in 0..60 {
        let recipe = Recipe { profile: Profile::Swarm, ..Recipe::new(seed) };
        let mut case = Case::new(recipe);
        let first = case.plan.faults.len();
        case.plan.faults.extend(Pattern::ALL.into_iter().map(|pattern| Planned {
            when: When::On { after: 0, pattern, nth: 1 },
            fault: Fault::Pause,
            target: Target::Cause,
            duration: 0,
            again: 0,
            chance: 0,
        }));
        let played = replay(&case, Options::default());
        assert_eq!(played.violation, None, "seed {seed}");
        for strike in played.struck.iter().filter(|strike| strike.planned >= first) {
            left.remove(&Pattern::ALL[strike.planned - first].to_string());
        }
    }
    assert_eq!(left, never.iter().map(Pattern::to_string).collect());
}
