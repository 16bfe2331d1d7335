//! Large steps at once: only what came shortly before the failure, only a share of the operations,
//! a quiet place. Cheap runs come first, so what does not show the failure costs little.

use quorate_core::Nanos;

use super::{
    phases::{quieten, streams},
    search::Search,
    settings,
    times::{cut_out, time},
};
use crate::{
    case::Case,
    plan::{Fault, Planned},
    system::System,
};

/// One operation of so many is kept.
const SHARES: [u64; 4] = [1, 2, 8, 32];
/// Where a run takes less than one of so many, a case is tried with so many other seeds, too.
const CHEAP: [(u64, u64); 4] = [(64, 16), (16, 6), (4, 2), (1, 0)];

/// A large step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    /// How much of the time before the failure is kept.
    stretch: Nanos,
    /// One operation of so many is kept.
    share: u64,
    /// Whether settings and draws become benign.
    quiet: bool,
}

/// All steps for a failure at `end`, the cheapest first.
fn steps(end: Nanos, shortest: Nanos) -> Vec<Step> {
    let mut list = Vec::new();
    let mut stretch = shortest.max(1);
    loop {
        let stretch_here = stretch.min(end);
        for share in SHARES {
            for quiet in [true, false] {
                list.push(Step { stretch: stretch_here, share, quiet });
            }
        }
        if stretch >= end {
            break;
        }
        stretch = stretch.saturating_mul(2);
    }
    list.sort_by_key(|step| step.stretch / step.share);
    list
}

fn made<S: System>(case: &Case<S>, step: Step, end: Nanos) -> Case<S> {
    let mut case = case.clone();
    // The group needs a while to elect its first leader.
    let settle = 2 * case.settings.election_timeout;
    let from = end - step.stretch;
    // A clock that runs wrong goes on doing so.
    let lasts = |fault: &Planned| matches!(fault.fault, Fault::Drift { .. });
    case.plan.faults.retain(|fault| time(fault) >= from || lasts(fault));
    if let Some(list) = &mut case.operations {
        list.retain(|operation| operation.at >= from);
        let mut place = 0;
        list.retain(|_| {
            place += 1;
            place % step.share == 0
        });
    }
    cut_out(&mut case, 0, from.saturating_sub(settle));
    if step.quiet {
        settings::benign(&mut case.settings);
        let all = streams(&case).concat();
        quieten(&mut case, &all);
    }
    case
}

/// Takes the cheapest large steps that show the failure, one after the other.
pub(super) fn coarse<S: System>(search: &mut Search<'_, S>) {
    loop {
        let end = search.run().stats.simulated.min(search.best().settings.fault_time);
        let shortest = search.best().settings.election_timeout;
        let steps = steps(end, shortest);
        let best = search.best().clone();
        let mut left = steps.into_iter().peekable();
        let mut found = None;
        for (part, seeds) in CHEAP {
            let is_due = |step: &Step| part == 1 || step.stretch / step.share < end / part;
            let mut cases = Vec::new();
            while let Some(step) = left.next_if(is_due) {
                cases.push(made(&best, step, end));
            }
            search.seeds = seeds;
            found = found.or_else(|| search.first(cases));
        }
        if found.is_none() {
            return;
        }
        // What is short already is left to finer steps.
        if search.run().stats.simulated >= end / 2 || search.is_cut() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_begin_with_the_cheapest_and_end_with_all_of_it() {
        let steps = steps(1_000, 100);
        assert_eq!(steps[0], Step { stretch: 100, share: 32, quiet: true });
        assert_eq!(steps.last(), Some(&Step { stretch: 1_000, share: 1, quiet: false }));
        assert!(steps.len() <= 40);
    }
}
