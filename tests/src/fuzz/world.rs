//! Any bytes as the chance of a whole simulated world: it passes, whatever is drawn.

use quorate_sim::{
    case::Case,
    choices::Choices,
    marks::Marks,
    profile::{Profile, SECOND},
    system::KvSystem,
    world::{Recipe, World},
};

/// Simulated time of a run: long enough for faults and for what follows from them.
const TIME: u64 = 3 * SECOND;

/// Reads the first byte of `data` as a profile, and all others as what is drawn in a run of it: its
/// settings, its faults, the network, the disks. Behind the last byte all is benign. Tells what was
/// reached; none where there is no byte.
///
/// # Panics
/// Where the run breaks a property.
pub fn world(data: &[u8]) -> Option<Marks> {
    let (first, rest) = data.split_first()?;
    let profile = Profile::ALL[usize::from(*first) % Profile::ALL.len()];
    let mut choices = Choices::from_bytes(rest.to_vec());
    let case = Case::draw(
        &mut choices,
        KvSystem::default(),
        Recipe { profile, time: TIME, ..Recipe::new(0) },
    );
    let mut world = World::with(choices, case).unwrap_or_else(|violation| panic!("{violation}"));
    loop {
        match world.step() {
            Ok(true) => {}
            Ok(false) => return Some(world.marks()),
            Err(violation) => panic!(
                "{violation}, after {} events\n{:?}\n{}",
                world.stats().events,
                world.settings(),
                world.plan()
            ),
        }
    }
}
