//! What is said of each fault and operation that is left: less, shorter, rounder.

use quorate_core::Nanos;

use super::{search::Search, times::time_of};
use crate::{
    case::{Case, PlannedOperation},
    plan::{Fault, Planned, Split, Target, When, Wire},
    profile::{MICROSECOND, MILLISECOND},
    system::System,
    world::Strike,
};

/// More than these are not looked at one by one.
const MANY: usize = 16;
/// An operation is made simpler so many times at most.
const SIMPLER: usize = 16;

const ISOLATE: Fault = Fault::Partition(Split::Isolate);
const ALL_LOST: Fault = Fault::Lossy { drop_ppm: 1_000_000 };

/// Fewer messages that come once more.
fn fewer(fault: &Planned) -> Vec<Planned> {
    let Fault::Wire(Wire::Replay { count }) = fault.fault else { return Vec::new() };
    let counts = [1, count / 4, count / 2].into_iter().filter(|fewer| (1..count).contains(fewer));
    counts.map(|count| Planned { fault: Fault::Wire(Wire::Replay { count }), ..*fault }).collect()
}

/// Simpler versions of a fault, the simplest first.
fn simpler(fault: &Planned) -> Vec<Planned> {
    let fault = *fault;
    let mut list = Vec::new();
    let kinds: &[Fault] = match fault.fault {
        Fault::KillThenPowerLoss => &[Fault::Kill, Fault::PowerLoss],
        Fault::PowerLoss => &[Fault::Kill],
        Fault::PowerLossInWrite { .. } => &[Fault::Kill, Fault::PowerLoss],
        Fault::Partition(
            Split::Halves(_)
            | Split::Bridge(_)
            | Split::Ring
            | Split::Minority(_)
            | Split::Ways(_)
            | Split::Shun(_),
        )
        | Fault::Wire(Wire::Filter { .. } | Wire::Flap { .. }) => &[ISOLATE],
        Fault::Wire(Wire::Corrupt { .. } | Wire::Narrow { .. }) => &[ISOLATE, ALL_LOST],
        Fault::Wire(Wire::Hold { shuffled: true }) => {
            &[Fault::Wire(Wire::Hold { shuffled: false })]
        }
        Fault::SlowSteps { .. } => &[Fault::Pause],
        _ => &[],
    };
    list.extend(kinds.iter().map(|kind| Planned { fault: *kind, ..fault }));
    list.extend(fewer(&fault));
    if fault.target == Target::Everyone {
        list.push(Planned { target: Target::Leader, ..fault });
    }
    list.push(Planned { again: 0, ..fault });
    list.push(Planned { chance: 0, ..fault });
    if let When::On { after, pattern, nth } = fault.when {
        for (after, nth) in [(0, 1), (0, nth), (after, 1)] {
            list.push(Planned { when: When::On { after, pattern, nth }, ..fault });
        }
    }
    list
}

/// For a fault on an event, the same at the time at which it struck: what led to the event may then
/// go.
fn timed(fault: &Planned, strike: Strike) -> Vec<Planned> {
    let When::On { .. } = fault.when else { return Vec::new() };
    let target = match fault.target {
        Target::Cause => Target::Node(strike.cause),
        Target::Node(_) | Target::Leader | Target::Everyone => fault.target,
    };
    let later = [0, MICROSECOND, MILLISECOND];
    later.map(|by| Planned { when: When::At(strike.at + by), target, ..*fault }).to_vec()
}

/// Shorter and rounder times than `time`, the best first.
fn shorter(time: Nanos) -> Vec<Nanos> {
    let round = [1_000, 100, 10, 1].map(|unit| time / (unit * MILLISECOND) * (unit * MILLISECOND));
    let mut list = vec![0, time / 4, time / 2];
    list.extend(round);
    list.retain(|shorter| *shorter < time);
    list
}

/// Rounder times than `time`, the roundest first.
fn rounder(time: Nanos) -> Vec<Nanos> {
    let down = |unit: u64| time / (unit * MILLISECOND) * (unit * MILLISECOND);
    let mut list = Vec::new();
    for unit in [100, 10, 1] {
        list.extend([down(unit), down(unit) + unit * MILLISECOND]);
    }
    if list.contains(&time) {
        list.truncate(list.iter().position(|round| *round == time).unwrap_or(0));
    }
    list
}

fn with<S: System>(case: &Case<S>, place: usize, fault: Planned) -> Case<S> {
    let mut case = case.clone();
    case.plan.faults[place] = fault;
    case
}

/// Each fault.
pub(super) fn faults<S: System>(search: &mut Search<'_, S>) {
    if search.best().plan.faults.len() > MANY {
        return;
    }
    let mut place = 0;
    while place < search.best().plan.faults.len() {
        for simpler in simpler(&search.best().plan.faults[place]) {
            search.first(vec![with(search.best(), place, simpler)]);
        }
        if let Some(strike) = search.run().struck.iter().find(|strike| strike.planned == place) {
            let timed = timed(&search.best().plan.faults[place], *strike);
            let cases = timed.into_iter().map(|fault| with(search.best(), place, fault));
            search.first(cases.collect());
        }
        let fault = search.best().plan.faults[place];
        let durations = shorter(fault.duration).into_iter();
        let cases =
            durations.map(|duration| with(search.best(), place, Planned { duration, ..fault }));
        search.first(cases.collect());
        let mut fault = search.best().plan.faults[place];
        let times = rounder(*time_of(&mut fault)).into_iter();
        let cases = times.map(|time| {
            let mut fault = fault;
            *time_of(&mut fault) = time;
            with(search.best(), place, fault)
        });
        search.first(cases.collect());
        place += 1;
    }
}

/// Each operation.
pub(super) fn operations<S: System>(search: &mut Search<'_, S>) {
    let system = search.best().system.clone();
    let simplest = |operation: &S::Operation| system.simpler(operation).into_iter().next();
    search.edit(|case| {
        for planned in case.operations.iter_mut().flatten() {
            planned.lease = false;
            planned.operation =
                simplest(&planned.operation).unwrap_or_else(|| planned.operation.clone());
        }
    });
    if len(search) > MANY {
        return;
    }
    for place in 0..len(search) {
        change(search, place, &|planned| planned.lease = false);
        for _ in 0..SIMPLER {
            let Some(planned) = at(search, place) else { return };
            let simpler = system.simpler(&planned.operation).into_iter();
            let cases = simpler.map(|operation| {
                let mut case = search.best().clone();
                if let Some(planned) = planned_at(&mut case, place) {
                    planned.operation = operation;
                }
                case
            });
            if search.first(cases.collect()).is_none() {
                break;
            }
        }
        let time = at(search, place).map_or(0, |planned| planned.at);
        for time in rounder(time) {
            if change(search, place, &|planned| planned.at = time) {
                break;
            }
        }
    }
}

fn len<S: System>(search: &Search<'_, S>) -> usize {
    search.best().operations.as_ref().map_or(0, Vec::len)
}

fn at<'a, S: System>(
    search: &'a Search<'_, S>,
    place: usize,
) -> Option<&'a PlannedOperation<S::Operation>> {
    search.best().operations.as_ref().and_then(|all| all.get(place))
}

fn planned_at<S: System>(
    case: &mut Case<S>,
    place: usize,
) -> Option<&mut PlannedOperation<S::Operation>> {
    case.operations.as_mut().and_then(|all| all.get_mut(place))
}

/// Tries a change of one operation.
fn change<S: System>(
    search: &mut Search<'_, S>,
    place: usize,
    change: &dyn Fn(&mut PlannedOperation<S::Operation>),
) -> bool {
    search.edit(|case| {
        if let Some(planned) = planned_at(case, place) {
            change(planned);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounder_times_come_roundest_first_and_end_at_what_is_there() {
        let millis = |list: &[u64]| list.iter().map(|ms| ms * MILLISECOND).collect::<Vec<u64>>();
        assert_eq!(rounder(1_234_567_890), millis(&[1_200, 1_300, 1_230, 1_240, 1_234, 1_235]));
        assert_eq!(rounder(1_230 * MILLISECOND), millis(&[1_200, 1_300]));
        assert!(rounder(1_200 * MILLISECOND).is_empty());
    }
}
