//! What becomes of disks and machines, drawn as faults are: strain that passes, and damage that
//! stays.

use super::{Fault, Planned, Target, When};
use crate::{
    choices::{Chance, Choices},
    disk::Damage,
    plan::draw::ON,
    profile::{MICROSECOND, MILLISECOND, Settings},
};

/// Names these draws, so that they shift none of the others.
const STRAIN: u64 = 1 << 40;
const DAMAGE: u64 = 2 << 40;
const AMNESIA: u64 = 3 << 40;

/// Draws what `settings` allows.
pub(super) fn draw(
    choices: &mut Choices,
    settings: &Settings,
    busy: u64,
    faults: &mut Vec<Planned>,
) {
    let on = settings.families;
    let mut chance = |key| Chance::new(choices.keyed(ON, key, [u64::MAX])[0]);
    if on.strain {
        let mut chance = chance(STRAIN);
        let count = 1 + chance.below(3 * busy);
        faults.extend((0..count).map(|_| strain(&mut chance, settings)));
    }
    if on.damage {
        let mut chance = chance(DAMAGE);
        // Beyond the model as many are damaged as there are.
        let most = if settings.atlas { 3 * busy } else { 2 * settings.nodes };
        for _ in 0..1 + chance.below(most) {
            damage(&mut chance, settings, faults);
        }
    }
    if on.amnesia {
        let mut chance = chance(AMNESIA);
        for _ in 0..1 + chance.below(3) {
            faults.push(amnesia(&mut chance, settings));
        }
    }
}

fn time(chance: &mut Chance, settings: &Settings) -> u64 {
    chance.below(settings.fault_time / MICROSECOND) * MICROSECOND
}

fn node(chance: &mut Chance, settings: &Settings) -> Target {
    Target::Node(chance.below(settings.first_nodes()))
}

fn planned(when: u64, fault: Fault, target: Target, duration: u64) -> Planned {
    Planned { when: When::At(when), fault, target, duration, again: 0, chance: 0 }
}

/// A disk that is full, slow, or fails to read; all of it passes.
fn strain(chance: &mut Chance, settings: &Settings) -> Planned {
    let at = time(chance, settings);
    let target = if chance.below(2) == 1 { node(chance, settings) } else { Target::Leader };
    let scale = [50, 500, 3_000][chance.below(3) as usize] * MILLISECOND;
    let duration = scale + chance.below(scale);
    let left = chance.below(3 * settings.segment_bytes);
    let times = [3, 10, 100][chance.below(3) as usize];
    let faults = [
        Fault::SlowDisk { times },
        Fault::FullDisk { left },
        Fault::FailRead { after: chance.below(12) },
    ];
    let fault = faults[chance.below(faults.len() as u64) as usize];
    planned(at, fault, target, duration)
}

/// A disk that loses something that was synced, and in most cases a start of its node a little
/// later, which must notice it; or a machine that is lost.
fn damage(chance: &mut Chance, settings: &Settings, faults: &mut Vec<Planned>) {
    let at = time(chance, settings);
    let target = node(chance, settings);
    if chance.below(4) == 3 {
        faults.push(planned(at, Fault::LoseMachine, target, 0));
        return;
    }
    let kind = Damage::ALL[chance.below(Damage::ALL.len() as u64) as usize];
    let target = if chance.below(4) == 3 { Target::Leader } else { target };
    faults.push(planned(at, Fault::Damage(kind), target, 0));
    let later = at + chance.below(1_000) * MILLISECOND;
    let crashes = [Fault::PowerLoss, Fault::PowerLoss, Fault::Kill];
    let crash = crashes[chance.below(3) as usize];
    if chance.below(4) != 3 {
        faults.push(planned(later, crash, target, (1 + chance.below(200)) * MILLISECOND));
    }
}

fn amnesia(chance: &mut Chance, settings: &Settings) -> Planned {
    let at = time(chance, settings);
    let target = if chance.below(2) == 1 { node(chance, settings) } else { Target::Leader };
    let scale = [20, 300, 3_000][chance.below(3) as usize] * MILLISECOND;
    planned(at, Fault::Amnesia, target, scale + chance.below(scale))
}
