//! What operators and hosts ask for, drawn as faults are: other members, another leader, silence.

use super::{
    Fault, Planned, Split, Target, When, Wish,
    draw::{ON, passing_of, target, time},
};
use crate::{
    MAX_NODES,
    choices::Choices,
    profile::{MILLISECOND, Settings},
};

/// Draws what `settings` allows.
pub(super) fn draw(
    choices: &mut Choices,
    settings: &Settings,
    busy: u64,
    faults: &mut Vec<Planned>,
) {
    let on = settings.families;
    if on.members {
        let count = choices.between(ON, 2, 10 * busy);
        faults.extend((0..count).map(|_| members(choices, settings)));
    }
    if on.transfers {
        let count = choices.between(ON, 1, 6 * busy);
        faults.extend((0..count).map(|_| transfer(choices, settings)));
    }
    // Scenes set the clocks themselves.
    if on.leases && !on.scenes {
        for _ in 0..choices.between(ON, 1 + 3 * (busy - 1), 4 * busy) {
            squeeze(choices, settings, faults);
        }
    }
    if on.snapshots {
        let count = choices.between(ON, 1, 6 * busy);
        faults.extend((0..count).map(|_| snapshot(choices, settings)));
    }
    if on.hosts {
        let count = choices.between(ON, 1, 6 * busy);
        faults.extend((0..count).map(|_| host(choices, settings)));
    }
}

fn members(choices: &mut Choices, settings: &Settings) -> Planned {
    let [node, old] = [0, 1].map(|_| choices.draw(ON, MAX_NODES));
    let max_lag = choices.pick(ON, &[10, 0, 1_000]);
    let mask = choices.draw(ON, 1 << MAX_NODES);
    let wishes = [
        Wish::Voter(node),
        Wish::Newcomer { node, max_lag },
        Wish::Newcomer { node, max_lag },
        Wish::Learner(node),
        Wish::Remove(node),
        Wish::RemoveLeader,
        Wish::Replace { old, new: node },
        Wish::Voters(mask),
    ];
    let wish = choices.pick(ON, &wishes);
    passing_of(choices, settings, Fault::Members(wish), Target::Leader)
}

fn transfer(choices: &mut Choices, settings: &Settings) -> Planned {
    let to = choices.draw(ON, MAX_NODES);
    let to = choices.pick(ON, &[None, Some(to), Some(to)]);
    passing_of(choices, settings, Fault::Transfer(to), Target::Leader)
}

/// The leader's clock runs as slowly as it may, those of the others as fast; then the leader is cut
/// off, and its lease must end before the others can have elected another one.
fn squeeze(choices: &mut Choices, settings: &Settings, faults: &mut Vec<Planned>) {
    let at = time(choices, settings);
    let bound = settings.max_clock_drift_ppm as i64;
    let split = choices.pick(ON, &[Split::Isolate, Split::Isolate, Split::Deafen, Split::Mute]);
    let mut add = |after: u64, fault, target, duration| {
        let when = When::At(at + after * MILLISECOND);
        faults.push(Planned { when, fault, target, duration, again: 0, chance: 0 });
    };
    add(0, Fault::Drift { ppm: bound }, Target::Everyone, 0);
    add(1, Fault::Drift { ppm: -bound }, Target::Leader, 0);
    let wait = 2 + choices.draw(ON, 200);
    add(wait, Fault::Partition(split), Target::Leader, 4 * settings.election_timeout);
}

fn snapshot(choices: &mut Choices, settings: &Settings) -> Planned {
    let target = target(choices);
    let fault = choices.pick(ON, &[Fault::Snapshot, Fault::Snapshot, Fault::DamagedMachine]);
    // A leader has nobody to ask.
    let node = Target::Node(choices.draw(ON, MAX_NODES));
    let target = if fault == Fault::DamagedMachine { node } else { target };
    passing_of(choices, settings, fault, target)
}

fn host(choices: &mut Choices, settings: &Settings) -> Planned {
    let target = target(choices);
    let faults = [Fault::Quiesce, Fault::Quiesce, Fault::Stop, Fault::LowSpace];
    let fault = choices.pick(ON, &faults);
    passing_of(choices, settings, fault, target)
}
