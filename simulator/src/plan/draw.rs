//! How a seed is expanded to faults.

use quorate_core::Nanos;

use super::{
    Fault, Pattern, Plan, Planned, Split, Target, When, broken, events, events::highest_nth, links,
    operations, scenes, storage,
};
use crate::{
    choices::{Choices, Stream},
    profile::{MICROSECOND, MILLISECOND, Profile, Settings},
};

pub(super) const ON: Stream = Stream::Plan;

/// Enough to tell crashes apart, and short enough to be read.
const CHANCES: u64 = 1 << 20;

/// Draws a fault of one family within the time for faults.
type Draw = fn(&mut Choices, &Settings) -> Planned;

impl Plan {
    /// Draws the faults that `settings` allows.
    pub fn draw(choices: &mut Choices, profile: Profile, settings: &Settings) -> Plan {
        let mut plan = Plan::default();
        let on = settings.families;
        let busy = match profile {
            Profile::Calm => 0,
            Profile::Swarm => 1,
            Profile::Crashes
            | Profile::Network
            | Profile::Disk
            | Profile::Damage
            | Profile::BeyondModel
            | Profile::Members
            | Profile::Leases
            | Profile::LeaseBroken
            | Profile::Kv => 2,
        };
        let families: [(bool, u64, Draw); 7] = [
            (on.crashes, 6, crash),
            (on.triggers, 12, triggered_crash),
            (on.partitions, 8, partition),
            (on.cuts, 6, triggered_partition),
            (on.links, 4, link),
            (on.clocks, 6, clock),
            (on.pauses, 6, pause),
        ];
        for (enabled, most, draw) in families {
            let count = if enabled { choices.between(ON, 1, most * busy.max(1)) } else { 0 };
            plan.faults.extend((0..count).map(|_| draw(choices, settings)));
        }
        let relays = if on.partitions { choices.between(ON, 0, 3 * busy) } else { 0 };
        for _ in 0..relays {
            relay(choices, settings, &mut plan.faults);
        }
        if on.disks {
            let count = choices.between(ON, 1, 3 * busy.max(1));
            plan.faults.extend((0..count).map(|_| disk(choices, settings)));
        }
        operations::draw(choices, settings, busy.max(1), &mut plan.faults);
        storage::draw(choices, settings, busy.max(1), &mut plan.faults);
        links::draw(choices, settings, busy.max(1), &mut plan.faults);
        events::draw(choices, settings, busy.max(1), &mut plan.faults);
        scenes::draw(choices, profile, settings, &mut plan.faults);
        if profile == Profile::LeaseBroken {
            broken::draw(choices, settings, &mut plan.faults);
        }
        for (number, fault) in plan.faults.iter_mut().enumerate() {
            [fault.chance] = choices.keyed(ON, number as u64, [CHANCES]);
        }
        plan
    }
}

pub(super) fn time(choices: &mut Choices, settings: &Settings) -> Nanos {
    choices.draw(ON, settings.fault_time / MICROSECOND) * MICROSECOND
}

pub(super) fn target(choices: &mut Choices) -> Target {
    match choices.draw(ON, 8) {
        0..=3 => Target::Node(choices.draw(ON, crate::MAX_NODES)),
        _ => Target::Leader,
    }
}

/// A fault that begins at some time and passes, of whom is drawn last.
pub(super) fn passing(choices: &mut Choices, settings: &Settings, fault: Fault) -> Planned {
    let planned = passing_of(choices, settings, fault, Target::Leader);
    Planned { target: target(choices), ..planned }
}

/// A fault of this target that begins at some time and passes.
pub(super) fn passing_of(
    choices: &mut Choices,
    settings: &Settings,
    fault: Fault,
    target: Target,
) -> Planned {
    let when = When::At(time(choices, settings));
    let duration = lasting(choices, settings);
    Planned { when, fault, target, duration, again: 0, chance: 0 }
}

pub(super) fn crash_kind(choices: &mut Choices) -> (Fault, Nanos, u64) {
    let fault = choices.pick(ON, &[Fault::Kill, Fault::PowerLoss, Fault::KillThenPowerLoss]);
    let down = choices.pick(ON, &[1, 20, 200, 1_500]) * MILLISECOND;
    let again = choices.pick(ON, &[0, 0, 0, 1, 4]);
    (fault, down + choices.draw(ON, down), again)
}

fn crash(choices: &mut Choices, settings: &Settings) -> Planned {
    let (fault, duration, again) = crash_kind(choices);
    let everyone = choices.draw(ON, 6) == 5;
    let target = if everyone { Target::Everyone } else { target(choices) };
    Planned { when: When::At(time(choices, settings)), fault, target, duration, again, chance: 0 }
}

fn triggered_crash(choices: &mut Choices, settings: &Settings) -> Planned {
    let (fault, duration, again) = crash_kind(choices);
    let pattern = choices.pick(ON, &Pattern::POINTS);
    let nth = choices.between(ON, 1, highest_nth(pattern));
    let everyone = choices.draw(ON, 10) == 9;
    let target = if everyone { Target::Everyone } else { Target::Cause };
    let when = When::On { after: time(choices, settings), pattern, nth };
    Planned { when, fault, target, duration, again, chance: 0 }
}

/// Cuts off whoever did something, at the moment it did it: a leader that has just won, that has
/// sent to some, or that has just learnt of a commit.
fn triggered_partition(choices: &mut Choices, settings: &Settings) -> Planned {
    let pattern = choices.pick(
        ON,
        &[
            Pattern::BecameLeader,
            Pattern::MidBroadcast,
            Pattern::Committed,
            Pattern::VoteGranted,
            Pattern::EnteredJoint,
            Pattern::HandedOver,
        ],
    );
    let nth = choices.between(ON, 1, highest_nth(pattern));
    let split = choices.pick(ON, &[Split::Isolate, Split::Isolate, Split::Mute, Split::Deafen]);
    let when = When::On { after: time(choices, settings), pattern, nth };
    let duration = lasting(choices, settings);
    Planned {
        when,
        fault: Fault::Partition(split),
        target: Target::Cause,
        duration,
        again: 0,
        chance: 0,
    }
}

/// One leader after the other is cut off, each for long enough that the rest elects the next, and
/// each comes back about when that one goes: logs that parted meet without the one who would
/// reconcile them.
fn relay(choices: &mut Choices, settings: &Settings, faults: &mut Vec<Planned>) {
    let start = time(choices, settings);
    let [leaders, timeouts] = [(2, 5), (2, 4)].map(|(low, high)| choices.between(ON, low, high));
    let beat = settings.heartbeat_interval;
    let step = timeouts * settings.election_timeout + choices.draw(ON, settings.election_timeout);
    for number in 0..leaders {
        let early = choices.draw(ON, 2 * beat);
        let at = (start + number * step).saturating_sub(early);
        faults.push(Planned {
            when: When::At(at),
            fault: Fault::Partition(Split::Isolate),
            target: Target::Leader,
            duration: step,
            again: 0,
            chance: 0,
        });
    }
}

fn partition(choices: &mut Choices, settings: &Settings) -> Planned {
    let mask = choices.draw(ON, 1 << crate::MAX_NODES);
    let splits = [
        Split::Isolate,
        Split::Halves(mask),
        Split::Mute,
        Split::Deafen,
        Split::Bridge(mask),
        Split::Ring,
    ];
    let fault = Fault::Partition(choices.pick(ON, &splits));
    passing(choices, settings, fault)
}

pub(super) fn lasting(choices: &mut Choices, settings: &Settings) -> Nanos {
    let two_elections = 2 * settings.election_timeout / MILLISECOND;
    let scale = choices.pick(ON, &[50, 500, 3_000, two_elections]) * MILLISECOND;
    scale + choices.draw(ON, scale)
}

fn link(choices: &mut Choices, settings: &Settings) -> Planned {
    let drop_ppm = choices.between(ON, 50_000, 700_000);
    let by = choices.between(ON, 1, 300) * MILLISECOND;
    let fault = choices.pick(ON, &[Fault::Lossy { drop_ppm }, Fault::Slow { by }]);
    passing(choices, settings, fault)
}

fn clock(choices: &mut Choices, settings: &Settings) -> Planned {
    let limit = choices.pick(ON, &[100, 10_000, 200_000]);
    // Leases hold while clocks are within the bound that nodes know, and only step back.
    let bound = if settings.families.leases { settings.max_clock_drift_ppm } else { limit };
    let limit = limit.min(bound);
    let ppm = choices.draw(ON, 2 * limit + 1) as i64 - limit as i64;
    let by = choices.draw(ON, 2_000 * MILLISECOND) as i64 - (1_000 * MILLISECOND) as i64;
    let by = if settings.families.leases { -by.abs() } else { by };
    let fault = choices.pick(ON, &[Fault::Drift { ppm }, Fault::Drift { ppm }, Fault::Jump { by }]);
    let when = When::At(time(choices, settings));
    Planned { when, fault, target: target(choices), duration: 0, again: 0, chance: 0 }
}

fn pause(choices: &mut Choices, settings: &Settings) -> Planned {
    passing(choices, settings, Fault::Pause)
}

fn disk(choices: &mut Choices, settings: &Settings) -> Planned {
    let after = choices.draw(ON, 12);
    let fault = choices.pick(ON, &[Fault::StallDisk, Fault::FailDisk { after }]);
    passing(choices, settings, fault)
}
