//! The search for a smaller case: what is tried, what counts as the same failure, what it has cost.

use std::thread;

use super::{Progress, Size};
use crate::{
    case::Case,
    oracle::Violation,
    profile::MILLISECOND,
    run::{Options, Played, replay},
    system::System,
};

/// How a shrinker is bounded and watched.
pub struct Limits<'a> {
    /// Whether there is time for another try.
    pub go_on: &'a (dyn Fn() -> bool + Sync),
    /// Told of what is done.
    pub progress: &'a mut dyn FnMut(&Progress),
    /// How many tries at a time. The result does not depend on it.
    pub jobs: usize,
}

/// The smallest case so far, and how it came about.
pub(super) struct Search<'a, S: System> {
    limits: Limits<'a>,
    violation: Violation,
    best: Case<S>,
    run: Played<S::Operation>,
    /// How many other seeds are tried for a case that does not fail with its own.
    pub(super) seeds: u64,
    pub(super) phase: &'static str,
    tries: u64,
    cut: bool,
}

/// Whether two violations are the same one: the same property, and the same word about it where
/// that is what a program said.
pub(super) fn is_same(one: &Violation, other: &Violation) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    match (one, other) {
        (Violation::Panicked { message: one }, Violation::Panicked { message: other }) => {
            letters(one) == letters(other)
        }
        (Violation::Core { violation: one, .. }, Violation::Core { violation: other, .. }) => {
            std::mem::discriminant(one) == std::mem::discriminant(other)
        }
        (Violation::Model { rule: one, .. }, Violation::Model { rule: other, .. }) => one == other,
        _ => one.property() == other.property(),
    }
}

/// The same things in another interleaving: with other draws, and for every second seed also with
/// other crashes.
fn drawn_anew<S: System>(case: &Case<S>, seed: u64) -> Case<S> {
    let mut case = Case { seed, ..case.clone() };
    if seed.is_multiple_of(2) {
        let open = case.plan.faults.iter_mut().filter(|fault| fault.chance > 0);
        open.for_each(|fault| fault.chance = seed);
    }
    case
}

impl<'a, S: System> Search<'a, S> {
    /// None where the case does not fail.
    pub(super) fn new(case: Case<S>, limits: Limits<'a>) -> Option<Search<'a, S>> {
        let run = replay(&case, Options::default());
        let violation = run.violation.clone()?;
        let best = Case { expected: Some(violation.property()), ..case };
        Some(Search { limits, violation, best, run, seeds: 0, phase: "", tries: 0, cut: false })
    }

    pub(super) fn best(&self) -> &Case<S> {
        &self.best
    }

    pub(super) fn run(&self) -> &Played<S::Operation> {
        &self.run
    }

    pub(super) fn size(&self) -> Size {
        Size::of(&self.best, &self.run)
    }

    pub(super) fn tries(&self) -> u64 {
        self.tries
    }

    /// Whether the budget ended the search.
    pub(super) fn is_cut(&self) -> bool {
        self.cut
    }

    /// Tries what `edit` makes of the best case.
    pub(super) fn edit(&mut self, edit: impl FnOnce(&mut Case<S>)) -> bool {
        let mut case = self.best.clone();
        edit(&mut case);
        self.first(vec![case]).is_some()
    }

    /// Keeps the first of these cases that fails in the same way, and tells which it is. What
    /// equals the best case is passed over.
    pub(super) fn first(&mut self, cases: Vec<Case<S>>) -> Option<usize> {
        let best = &self.best;
        let mut tries = Vec::new();
        for (place, case) in cases.into_iter().enumerate().filter(|(_, case)| case != best) {
            let others: Vec<Case<S>> =
                (1..=self.seeds).map(|seed| drawn_anew(&case, seed)).collect();
            tries.push((place, case));
            tries.extend(others.into_iter().map(|other| (place, other)));
        }
        let jobs = self.limits.jobs.max(1);
        let mut left = tries.into_iter();
        loop {
            let batch: Vec<(usize, Case<S>)> = left.by_ref().take(jobs).collect();
            if batch.is_empty() {
                return None;
            }
            if !(self.limits.go_on)() {
                self.cut = true;
                return None;
            }
            self.tries += batch.len() as u64;
            let runs = self.play(&batch);
            let found = batch.into_iter().zip(runs).find(|(_, run)| self.is_failure(run));
            if let Some(((place, case), run)) = found {
                (self.best, self.run) = (case, run);
                self.tell();
                return Some(place);
            }
            self.tell();
        }
    }

    fn tell(&mut self) {
        let (phase, tries, size) = (self.phase, self.tries, self.size());
        (self.limits.progress)(&Progress { phase, tries, size });
    }

    fn is_failure(&self, run: &Played<S::Operation>) -> bool {
        run.violation.as_ref().is_some_and(|found| is_same(&self.violation, found))
    }

    fn play(&self, batch: &[(usize, Case<S>)]) -> Vec<Played<S::Operation>> {
        // A smaller case seldom fails much later.
        let until = self.run.stats.simulated;
        let until = Some(until + until / 8 + 300 * MILLISECOND);
        let options = Options { until, ..Options::default() };
        if let [(_, case)] = batch {
            return vec![replay(case, options)];
        }
        thread::scope(|scope| {
            let runs: Vec<_> =
                batch.iter().map(|(_, case)| scope.spawn(move || replay(case, options))).collect();
            let stillborn = |_| Played::default();
            runs.into_iter().map(|run| run.join().unwrap_or_else(stillborn)).collect()
        })
    }
}
