//! Many seeds of one system, from a program of one's own: what the command line does for the
//! key-value machine. Knows nothing of files and terminals.
//!
//! ```
//! use quorate_sim::{campaign::Campaign, profile::{Profile, SECOND}, system::KvSystem};
//!
//! let campaign = Campaign::of(KvSystem::default()).seeds(0..8).profile(Profile::Crashes);
//! let results = campaign.time(2 * SECOND).run();
//! assert_eq!(results.exit_code(), 0, "{results}");
//! ```

use std::{fmt, ops::Range, thread};

use quorate_core::Nanos;

use crate::{
    case::Case,
    hash::mix,
    marks::Marks,
    plan::Plan,
    profile::{Profile, SECOND},
    run::{Options, Report, run_case, without_panics},
    shrink::{Limits, Shrunk, shrink},
    system::System,
    world::{Recipe, Stats},
};

/// Every so many seeds one is run twice, unless all are.
const TWICE_EVERY: u64 = 16;
/// Smaller cases that are tried for a failure, unless said otherwise.
const SHRINK_RUNS: u64 = 3_000;
/// Seeds that a thread runs before all wait for each other.
const SEEDS_AT_A_TIME: u64 = 8;

type Edit<S> = Box<dyn Fn(&mut Case<S>) + Send + Sync>;

/// Which seeds to run, and how.
pub struct Campaign<S: System> {
    system: S,
    seeds: Range<u64>,
    recipe: Recipe,
    edits: Vec<Edit<S>>,
    jobs: u64,
    twice: bool,
    keep_going: bool,
    shrink_runs: u64,
}

impl<S: System> Campaign<S> {
    /// Seeds 0 to 99 of the profile `swarm`, 20 seconds each, one at a time, until one fails.
    pub fn of(system: S) -> Campaign<S> {
        Campaign {
            system,
            seeds: 0..100,
            recipe: Recipe::new(0),
            edits: Vec::new(),
            jobs: 1,
            twice: false,
            keep_going: false,
            shrink_runs: SHRINK_RUNS,
        }
    }

    /// Which seeds.
    #[must_use]
    pub fn seeds(self, seeds: Range<u64>) -> Campaign<S> {
        Campaign { seeds, ..self }
    }

    /// Which kinds of trouble.
    #[must_use]
    pub fn profile(self, profile: Profile) -> Campaign<S> {
        Campaign { recipe: Recipe { profile, ..self.recipe }, ..self }
    }

    /// How many nodes found the group, 1 to [`MAX_NODES`](crate::MAX_NODES); drawn for each seed
    /// where not said.
    #[must_use]
    pub fn nodes(self, nodes: u64) -> Campaign<S> {
        let nodes = Some(nodes.clamp(1, crate::MAX_NODES));
        Campaign { recipe: Recipe { nodes, ..self.recipe }, ..self }
    }

    /// Simulated time of a run, at least a second; two thirds have faults.
    #[must_use]
    pub fn time(self, time: Nanos) -> Campaign<S> {
        let time = time.max(SECOND);
        Campaign { recipe: Recipe { time, ..self.recipe }, ..self }
    }

    /// The same faults for every seed, in place of drawn ones.
    #[must_use]
    pub fn plan(self, plan: Plan) -> Campaign<S> {
        self.edit(move |case| case.plan = plan.clone())
    }

    /// Changes what each seed was expanded to: settings, faults, operations.
    #[must_use]
    pub fn edit(mut self, edit: impl Fn(&mut Case<S>) + Send + Sync + 'static) -> Campaign<S> {
        self.edits.push(Box::new(edit));
        self
    }

    /// How many runs at a time. The results do not depend on it.
    #[must_use]
    pub fn jobs(self, jobs: u64) -> Campaign<S> {
        Campaign { jobs: jobs.max(1), ..self }
    }

    /// Runs every seed twice and compares after each event; without this, every sixteenth.
    #[must_use]
    pub fn twice(self) -> Campaign<S> {
        Campaign { twice: true, ..self }
    }

    /// Goes on after a failure.
    #[must_use]
    pub fn keep_going(self) -> Campaign<S> {
        Campaign { keep_going: true, ..self }
    }

    /// How many smaller cases are tried for the first failure of each property; 0 for none.
    #[must_use]
    pub fn shrink_runs(self, shrink_runs: u64) -> Campaign<S> {
        Campaign { shrink_runs, ..self }
    }

    /// What a seed is expanded to.
    pub fn case(&self, seed: u64) -> Case<S> {
        let mut case = Case::with(self.system.clone(), Recipe { seed, ..self.recipe });
        self.edits.iter().for_each(|edit| edit(&mut case));
        case
    }

    /// Runs the seeds, in their order as far as anybody can see, and shrinks what fails.
    pub fn run(&self) -> Results<S> {
        let mut results = Results {
            seeds: 0,
            stats: Stats::default(),
            marks: Marks::default(),
            hash: 0,
            failures: Vec::new(),
        };
        let stride = if self.jobs == 1 { 1 } else { self.jobs * SEEDS_AT_A_TIME };
        let mut next = self.seeds.start;
        while next < self.seeds.end && (self.keep_going || results.failures.is_empty()) {
            let end = next.saturating_add(stride).min(self.seeds.end);
            for report in self.reports(next..end) {
                let has_failed = report.failure.is_some();
                results.add(report);
                if has_failed && !self.keep_going {
                    break;
                }
            }
            next = end;
        }
        self.shrink_each(&mut results.failures);
        results
    }

    fn report(&self, seed: u64) -> Report<S> {
        let twice = self.twice || seed.is_multiple_of(TWICE_EVERY);
        let recipe = Recipe { seed, ..self.recipe };
        run_case(recipe, self.case(seed), Options { twice, ..Options::default() })
    }

    /// The reports of these seeds, in their order.
    fn reports(&self, seeds: Range<u64>) -> Vec<Report<S>> {
        let jobs = self.jobs.min(seeds.end - seeds.start);
        if jobs == 1 {
            return seeds.map(|seed| self.report(seed)).collect();
        }
        let mut reports = thread::scope(|scope| {
            let every = |first: u64| (first..seeds.end).step_by(jobs as usize);
            let threads: Vec<_> = (seeds.start..seeds.start + jobs)
                .map(|first| {
                    scope.spawn(move || every(first).map(|seed| self.report(seed)).collect())
                })
                .collect();
            let join = |thread: thread::ScopedJoinHandle<'_, Vec<Report<S>>>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().flat_map(join).collect::<Vec<_>>()
        });
        reports.sort_by_key(|report| report.recipe.seed);
        reports
    }

    /// Makes the first failure of each property smaller.
    fn shrink_each(&self, failures: &mut [Failed<S>]) {
        let mut seen = Vec::new();
        for failed in failures.iter_mut().filter(|_| self.shrink_runs > 0) {
            let Some(failure) = &failed.report.failure else { continue };
            let property = failure.violation.property();
            if seen.contains(&property) {
                continue;
            }
            seen.push(property);
            let tries = std::sync::atomic::AtomicU64::new(0);
            let one_more = || tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let go_on = || one_more() * self.jobs < self.shrink_runs;
            let jobs = self.jobs as usize;
            let limits = Limits { go_on: &go_on, progress: &mut |_| {}, jobs };
            failed.shrunk = without_panics(|| shrink(failure.case.clone(), limits));
        }
    }
}

/// What a campaign has come to.
#[derive(Clone, Debug)]
pub struct Results<S: System> {
    /// How many seeds were run.
    pub seeds: u64,
    /// What was counted in all of them.
    pub stats: Stats,
    /// What was reached.
    pub marks: Marks,
    /// A hash over all runs.
    pub hash: u64,
    /// What failed, by seed.
    pub failures: Vec<Failed<S>>,
}

/// A seed that failed.
#[derive(Clone, Debug)]
pub struct Failed<S: System> {
    /// Its run.
    pub report: Report<S>,
    /// The same failure made smaller, for the first one of each property.
    pub shrunk: Option<Shrunk<S>>,
}

impl<S: System> Results<S> {
    fn add(&mut self, report: Report<S>) {
        self.seeds += 1;
        self.stats.merge(&report.stats);
        self.marks.merge(&report.marks);
        self.hash = self.hash.wrapping_add(mix(report.recipe.seed, report.hash));
        if report.failure.is_some() {
            self.failures.push(Failed { report, shrunk: None });
        }
    }

    /// The exit code: 0 pass, 2 safety, 3 liveness, 4 not deterministic.
    pub fn exit_code(&self) -> u8 {
        self.failures.iter().map(|failed| failed.report.exit_code()).min().unwrap_or(0)
    }
}

impl<S: System> Failed<S> {
    /// The smallest case that shows the failure.
    pub fn case(&self) -> Option<&Case<S>> {
        let whole = self.report.failure.as_ref().map(|failure| &failure.case);
        self.shrunk.as_ref().map(|shrunk| &shrunk.case).or(whole)
    }
}

impl<S: System> fmt::Display for Failed<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(failure) = &self.report.failure else { return Ok(()) };
        let seed = self.report.recipe.seed;
        let (violation, event) = (&failure.violation, failure.event);
        let property = violation.property();
        writeln!(out, "FAILED seed {seed} at event {event}: {property}: {violation}")?;
        match &self.shrunk {
            Some(shrunk) => write!(out, "shrunk in {} runs\n{shrunk}", shrunk.tries),
            None => write!(out, "faults:\n{}", failure.case.plan),
        }
    }
}

impl<S: System> fmt::Display for Results<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failures.iter().try_for_each(|failed| write!(out, "{failed}"))?;
        let Results { seeds, stats, hash, failures, .. } = self;
        let (failed, simulated) = (failures.len(), stats.simulated / SECOND);
        let Stats { events, operations, answered, faults, commits, restarts, .. } = stats;
        writeln!(
            out,
            "{seeds} seeds, {failed} failed: {simulated} simulated seconds, {events} events, \
             {faults} faults, {restarts} restarts, {commits} commits, {operations} operations \
             ({answered} answered), hash {hash:016x}"
        )
    }
}
