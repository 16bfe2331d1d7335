//! Scenes, and the ways back after the faults: they take effect, and the group stands them.

use quorate_sim::{
    case::Case,
    marks::{Mark, Marks},
    plan::{Fault, Kinds, MessageKind, Pattern, Planned, Split, Target, When, Wire},
    profile::{MILLISECOND, Profile, SECOND},
    run::{Options, replay, run},
    world::Recipe,
};

fn marks_of(profile: Profile, seeds: std::ops::Range<u64>) -> Marks {
    let mut marks = Marks::default();
    for seed in seeds {
        let recipe = Recipe { profile, time: 6 * SECOND, ..Recipe::new(seed) };
        let report = run(recipe, Options::default());
        if let Some(failure) = &report.failure {
            panic!("{}\n{}", failure.violation, report.command());
        }
        marks.merge(&report.marks);
    }
    marks
}

#[test]
fn each_profile_with_scenes_reaches_what_they_are_for() {
    let due = [
        (Profile::Leases, vec![Mark::KindLate, Mark::LeaseRead, Mark::LeaderDeposed]),
        (Profile::Members, vec![Mark::JointEntered, Mark::CameToRest]),
        (Profile::Network, vec![Mark::KindLate, Mark::CameToRest, Mark::WentOnPartlyHealed]),
        (Profile::Crashes, vec![Mark::CrashedSavingTerm]),
    ];
    for (profile, expected) in due {
        let marks = marks_of(profile, 300..324);
        for mark in expected {
            assert!(marks.count(mark) > 0, "{}: {mark} was never reached", profile.name());
        }
    }
}

/// A calm case of `nodes` nodes with these faults alone.
fn with(nodes: u64, faults: Vec<Planned>) -> Case {
    let recipe =
        Recipe { nodes: Some(nodes), profile: Profile::Calm, time: 6 * SECOND, ..Recipe::new(7) };
    let mut case = Case::new(recipe);
    case.plan.faults = faults;
    case
}

fn planned(when: When, fault: Fault, target: Target, millis: u64) -> Planned {
    Planned { when, fault, target, duration: millis * MILLISECOND, again: 0, chance: 9 }
}

fn reached(case: &Case, mark: Mark) -> u64 {
    let played = replay(case, Options { twice: true, ..Options::default() });
    assert_eq!(played.violation, None);
    played.marks.count(mark)
}

#[test]
fn a_fault_of_each_new_kind_takes_effect() {
    let (at, leader) = (When::At(SECOND), Target::Leader);
    let kinds = Kinds::of(&[MessageKind::AppendAnswer]);
    let lag = Fault::Wire(Wire::Lag { by: 20 * MILLISECOND, kinds });
    assert!(reached(&with(3, vec![planned(at, lag, leader, 500)]), Mark::KindLate) > 0);
    let shun = Fault::Partition(Split::Shun(0b111));
    assert!(reached(&with(3, vec![planned(at, shun, leader, 500)]), Mark::PartitionBlocked) > 0);
    for pattern in [Pattern::SavingTerm, Pattern::SavingTermWithEntries] {
        let on = When::On { after: 0, pattern, nth: 1 };
        let crash = planned(on, Fault::PowerLossInWrite { after: 1 }, Target::Cause, 5);
        let deaf = Wire::Filter {
            split: Split::Deafen,
            kinds: Kinds::of(&[MessageKind::PreVoteRequest, MessageKind::VoteRequest]),
        };
        let deaf = planned(When::At(0), Fault::Wire(deaf), Target::Node(2), 3_000);
        let case = with(3, vec![deaf, planned(at, Fault::Kill, leader, 900), crash]);
        assert!(reached(&case, Mark::CrashedSavingTerm) > 0, "{pattern}");
    }
}

#[test]
fn a_group_comes_to_rest_without_a_write_though_one_lags_behind_the_log() {
    let mut case = with(3, Vec::new());
    let settings = &mut case.settings;
    settings.rest = 2 * settings.election_timeout + settings.workload.patience;
    (settings.retain_entries, settings.fault_time) = (0, 4 * SECOND);
    let rest = settings.rest;
    let far = planned(When::At(SECOND), Fault::Partition(Split::Isolate), Target::Node(2), 9_000);
    let keep = When::At(4 * SECOND - rest / 4);
    case.plan.faults = vec![far, planned(keep, Fault::Snapshot, Target::Everyone, 0)];
    assert_eq!(reached(&case, Mark::CameToRest), 1);
    assert!(reached(&case, Mark::SnapshotInstalled) > 0);
}

#[test]
fn a_group_goes_on_over_the_links_that_there_are() {
    for seed in 0..8 {
        let mut case = with(5, Vec::new());
        (case.seed, case.settings.partly_heals) = (seed, true);
        assert_eq!(reached(&case, Mark::WentOnPartlyHealed), 1, "seed {seed}");
    }
}
