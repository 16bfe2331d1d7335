//! A world runs from each of the four sources of chance.

use quorate_sim::{
    case::Case,
    choices::{Choices, Enumerator, Recording, Widths},
    profile::{Profile, SECOND},
    system::KvSystem,
    world::{Recipe, World},
};

fn recipe(profile: Profile) -> Recipe {
    Recipe { profile, time: 3 * SECOND, nodes: Some(3), ..Recipe::new(11) }
}

/// Runs what a source draws to its end, and gives the source back.
fn live(mut choices: Choices, profile: Profile) -> (u64, Choices) {
    let case = Case::draw(&mut choices, KvSystem::default(), recipe(profile));
    let mut world = World::with(choices, case).expect("a start");
    while world.step().unwrap_or_else(|violation| panic!("{violation}\n{}", world.plan())) {}
    (world.hash(), world.into_choices())
}

#[test]
fn a_recording_gives_the_run_that_it_is_of() {
    let mut choices = Choices::from_seed(11);
    choices.keep_record();
    let (hash, mut choices) = live(choices, Profile::Swarm);
    let recording = choices.take_record().expect("it was kept");
    assert!(recording.draws.len() > 1_000);
    let (again, choices) = live(Choices::from_recording(recording.clone()), Profile::Swarm);
    assert_eq!((again, choices.has_parted()), (hash, None));
    let draws = recording.draws[..recording.draws.len() / 2].to_vec();
    let (other, choices) = live(Choices::from_recording(Recording { draws }), Profile::Swarm);
    assert_ne!(other, hash, "the second half is benign");
    assert!(choices.has_parted().is_some());
}

#[test]
fn the_first_draws_of_a_world_are_enumerated() {
    let mut ways = Enumerator::new(Widths { draws: 4, values: 2 });
    let mut hashes = Vec::new();
    while let Some(choices) = ways.begin() {
        let (hash, choices) = live(choices, Profile::Network);
        hashes.push(hash);
        ways.end(choices);
    }
    assert_eq!(hashes.len(), 16);
    hashes.sort_unstable();
    hashes.dedup();
    assert!(hashes.len() > 1, "not all of these draws count where the number of nodes is given");
}

#[test]
fn no_bytes_is_the_benign_run_and_any_bytes_are_another() {
    let (benign, _) = live(Choices::from_bytes(Vec::new()), Profile::Swarm);
    let bytes = (0..2_000_u32).map(|number| (number * 37 % 251) as u8).collect();
    let (other, _) = live(Choices::from_bytes(bytes), Profile::Swarm);
    assert_ne!(benign, other);
}
