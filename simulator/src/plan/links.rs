//! Faults of links and clocks, and slow processes: how they are drawn.

use super::{
    Fault, Kinds, MessageKind, Planned, Split, Target, Wire,
    draw::{ON, passing},
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
    if on.wire {
        let count = choices.between(ON, 1, 8 * busy);
        faults.extend((0..count).map(|_| wire(choices, settings)));
    }
    if on.pauses {
        let count = choices.between(ON, 0, 3 * busy);
        faults.extend((0..count).map(|_| slow_steps(choices, settings)));
    }
    // Where leases rest on clocks, these keep to the bound that nodes know.
    if on.clocks && !on.leases {
        let count = choices.between(ON, 0, 4 * busy);
        faults.extend((0..count).map(|_| freeze(choices, settings)));
    }
}

fn split(choices: &mut Choices) -> Split {
    let [mask, places] = [MAX_NODES, 2 * MAX_NODES].map(|bits| choices.draw(ON, 1 << bits));
    let splits = [
        Split::Isolate,
        Split::Minority(mask),
        Split::Ways(places),
        Split::Mute,
        Split::Deafen,
        Split::Halves(mask),
    ];
    choices.pick(ON, &splits)
}

/// Kinds that belong together.
fn kinds(choices: &mut Choices) -> Kinds {
    let single = choices.pick(ON, MessageKind::ALL);
    let sets: [&[MessageKind]; 5] = [
        &[single],
        &[MessageKind::AppendAnswer],
        &[MessageKind::AppendRequest, MessageKind::TimeoutNow],
        &[MessageKind::PreVoteRequest, MessageKind::VoteRequest],
        &[MessageKind::PreVoteAnswer, MessageKind::VoteAnswer, MessageKind::ReadAnswer],
    ];
    Kinds::of(choices.pick(ON, &sets))
}

fn wire(choices: &mut Choices, settings: &Settings) -> Planned {
    let (split, kinds) = (split(choices), kinds(choices));
    let beat = settings.heartbeat_interval / MILLISECOND;
    let period = choices.between(ON, 2, 6 * beat.max(1)) * MILLISECOND;
    let [messages, kilobytes] = [8, 16].map(|most| choices.between(ON, 1, most));
    let count = choices.between(ON, 5, 60);
    let ppm = choices.pick(ON, &[10_000, 100_000, 500_000]);
    let shuffled = choices.draw(ON, 2) == 1;
    let faults = [
        Fault::Partition(split),
        Fault::Wire(Wire::Filter { split, kinds }),
        Fault::Wire(Wire::Flap { split, period }),
        Fault::Wire(Wire::Hold { shuffled }),
        Fault::Wire(Wire::Narrow { messages, bytes: 1024 * kilobytes }),
        Fault::Wire(Wire::Replay { count }),
        Fault::Wire(Wire::Replay { count }),
        Fault::Wire(Wire::Corrupt { ppm }),
    ];
    let fault = choices.pick(ON, &faults);
    let planned = passing(choices, settings, fault);
    let everyone = choices.draw(ON, 4) == 3;
    let alone = matches!(fault, Fault::Partition(_) | Fault::Wire(Wire::Flap { .. }));
    if everyone && !alone { Planned { target: Target::Everyone, ..planned } } else { planned }
}

/// Each step takes from a tenth of a heartbeat interval up to most of one.
fn slow_steps(choices: &mut Choices, settings: &Settings) -> Planned {
    let tenths = choices.between(ON, 1, 9);
    let by = settings.heartbeat_interval * tenths / 10;
    passing(choices, settings, Fault::SlowSteps { by })
}

fn freeze(choices: &mut Choices, settings: &Settings) -> Planned {
    passing(choices, settings, Fault::FreezeClock)
}
