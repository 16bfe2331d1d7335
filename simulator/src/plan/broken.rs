//! Clocks that break the bound on which leases rest.

use super::{
    Fault, Planned, Split, Target, When,
    draw::{ON, time},
};
use crate::{
    choices::Choices,
    profile::{MILLISECOND, Settings},
};

/// How far clocks run off, in a million: three times as fast beside half as fast.
const FAST: i64 = 2_000_000;
const SLOW: i64 = -500_000;

/// A leader believes in its lease for longer than the others keep their promises, and is cut off:
/// they elect another one, which commits, while the first one still answers.
pub(super) fn draw(choices: &mut Choices, settings: &Settings, faults: &mut Vec<Planned>) {
    for _ in 0..choices.between(ON, 3, 8) {
        let at = time(choices, settings);
        let timeout = settings.election_timeout;
        let split = choices.pick(ON, &[Split::Isolate, Split::Isolate, Split::Deafen, Split::Mute]);
        let wait = choices.between(ON, 1, 100) * MILLISECOND;
        let how = choices.draw(ON, 3);
        let spared = choices.draw(ON, settings.all_nodes());
        let mut add = |after, fault, target, duration| {
            let when = When::At(at + after);
            faults.push(Planned { when, fault, target, duration, again: 0, chance: 0 });
        };
        add(wait, Fault::Partition(split), Target::Leader, 4 * timeout);
        match how {
            0 => {
                add(0, Fault::Drift { ppm: FAST }, Target::Everyone, 0);
                add(0, Fault::Drift { ppm: SLOW }, Target::Leader, 0);
            }
            1 => add(wait, Fault::FreezeClock, Target::Leader, 4 * timeout),
            _ => {
                // A leader among them loses its lease by this; the one that is spared may lead.
                let by = (2 * timeout) as i64;
                for node in (0..settings.all_nodes()).filter(|node| *node != spared) {
                    add(wait + MILLISECOND, Fault::Jump { by }, Target::Node(node), 0);
                }
            }
        }
    }
}
