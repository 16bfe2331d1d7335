//! Scenes: a few faults that belong together, at the turning points that a profile is about.
//!
//! What a scene needs (who leads, how far a change has got) is found by events and by the order of
//! its faults, and no scene knows what comes of it. Where each fault is drawn by itself, all of them
//! at the right moments are too rare.

mod holders;
mod leases;
mod members;
mod network;
mod rest;
mod terms;

use quorate_core::Nanos;

use super::{Fault, Pattern, Planned, Split, Target, When, draw::ON};
use crate::{
    choices::{Chance, Choices},
    profile::{MICROSECOND, MILLISECOND, Profile, Settings},
};

/// Names these draws, so that they shift none of the others.
const SCENES: u64 = u64::from_be_bytes(*b"  scenes");

/// Draws what `settings` allows. Scenes follow each other at about this distance, so that one is
/// mostly over when the next begins.
pub(super) fn draw(
    choices: &mut Choices,
    profile: Profile,
    settings: &Settings,
    faults: &mut Vec<Planned>,
) {
    rest::draw(choices, settings, faults);
    if !settings.families.scenes {
        return;
    }
    let play: fn(&mut Scene<'_>) = match profile {
        Profile::Leases => leases::play,
        Profile::Members => members::play,
        Profile::Crashes => terms::play,
        Profile::Network => network::play,
        Profile::Kv => holders::play,
        Profile::Calm
        | Profile::Swarm
        | Profile::Disk
        | Profile::Damage
        | Profile::BeyondModel
        | Profile::LeaseBroken => return,
    };
    let [drawn] = choices.keyed(ON, SCENES, [u64::MAX]);
    let mut chance = Chance::new(drawn);
    let apart = SCENE_TIMEOUTS * settings.election_timeout;
    let mut start = chance.below(apart / MICROSECOND) * MICROSECOND;
    while start < settings.fault_time {
        play(&mut Scene { start, chance: &mut chance, settings, faults });
        start += apart + chance.below(apart / MICROSECOND) * MICROSECOND;
    }
}

/// Election timeouts from one scene to the next: as many at least, and at most twice as many.
const SCENE_TIMEOUTS: u64 = 6;

/// What a scene is made of. Times count from its start.
struct Scene<'a> {
    start: Nanos,
    chance: &'a mut Chance,
    settings: &'a Settings,
    faults: &'a mut Vec<Planned>,
}

impl Scene<'_> {
    /// A fault at a time.
    fn at(&mut self, after: Nanos, fault: Fault, target: Target, duration: Nanos) {
        self.add(When::At(self.start + after), fault, target, duration);
    }

    /// A fault on whoever does something for the `nth` time from then on.
    fn on(&mut self, after: Nanos, event: (Pattern, u64), fault: Fault, duration: Nanos) {
        let (pattern, nth) = event;
        let when = When::On { after: self.start + after, pattern, nth };
        self.add(when, fault, Target::Cause, duration);
    }

    fn add(&mut self, when: When, fault: Fault, target: Target, duration: Nanos) {
        self.faults.push(Planned { when, fault, target, duration, again: 0, chance: 0 });
    }

    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64 {
        self.chance.below(bound)
    }

    /// A time below `bound`, in whole microseconds.
    fn time(&mut self, bound: Nanos) -> Nanos {
        self.below(bound / MICROSECOND) * MICROSECOND
    }

    fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.chance.below(list.len() as u64) as usize]
    }

    /// Any node that runs from the beginning.
    fn node(&mut self) -> u64 {
        self.below(self.settings.first_nodes())
    }

    /// Any set of such nodes.
    fn mask(&mut self) -> u64 {
        self.below(1 << self.settings.first_nodes())
    }

    fn timeout(&self) -> Nanos {
        self.settings.election_timeout
    }

    /// A way to keep a leader from its quorum.
    fn cut(&mut self) -> Fault {
        let mask = self.mask();
        let splits = [
            Split::Isolate,
            Split::Minority(mask),
            Split::Minority(mask),
            Split::Isolate,
            Split::Mute,
        ];
        Fault::Partition(self.pick(&splits))
    }

    /// A crash.
    fn crash(&mut self) -> Fault {
        self.pick(&[Fault::Kill, Fault::PowerLoss])
    }

    /// How long a node is down that starts again at once.
    const SOON: Nanos = MILLISECOND;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;

    fn drawn(profile: Profile, seed: u64) -> (Settings, Plan) {
        let mut choices = Choices::from_seed(seed);
        let settings = Settings::draw(&mut choices, profile, None, 20 * crate::profile::SECOND);
        let plan = Plan::draw(&mut choices, profile, &settings);
        (settings, plan)
    }

    #[test]
    fn scenes_are_added_and_change_nothing_that_was_drawn_before() {
        for profile in [Profile::Members, Profile::Crashes, Profile::Network, Profile::Kv] {
            let mut added = 0;
            for seed in 0..20 {
                let (settings, plan) = drawn(profile, seed);
                let mut without = settings;
                without.families.scenes = false;
                let mut choices = Choices::from_seed(seed);
                // What the settings draw comes first.
                let _ = Settings::draw(&mut choices, profile, None, 20 * crate::profile::SECOND);
                let few = Plan::draw(&mut choices, profile, &without);
                assert_eq!(plan.faults[..few.faults.len()], few.faults[..], "{profile:?} {seed}");
                added += plan.faults.len() - few.faults.len();
            }
            assert!(added > 0, "{profile:?} has no scenes");
        }
    }

    #[test]
    fn scenes_begin_within_the_time_for_faults_and_leave_room_for_each_other() {
        for profile in [Profile::Leases, Profile::Members, Profile::Crashes, Profile::Network] {
            for seed in 0..20 {
                let (settings, plan) = drawn(profile, seed);
                let most = settings.fault_time / (SCENE_TIMEOUTS * settings.election_timeout) + 1;
                assert!(plan.faults.len() as u64 <= 200 + 20 * most, "{profile:?} {seed}");
            }
        }
    }
}
