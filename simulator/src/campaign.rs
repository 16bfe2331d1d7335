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

use std::{fmt, ops::Range};

use quorate_core::Nanos;

use crate::{
    case::Case,
    hash::{mix, scatter},
    marks::Marks,
    plan::Plan,
    pool,
    profile::{Profile, SECOND},
    run::{Options, Report, run_case, without_panics},
    shrink::{Limits, Shrunk, shrink},
    system::System,
    words::counted,
    world::{Recipe, Stats},
};

/// Of so many seeds one is run twice, unless all are; which ones does not depend on shards.
const TWICE_EVERY: u64 = 16;
/// Smaller cases that are tried for a failure, unless said otherwise.
const SHRINK_RUNS: u64 = 3_000;

type Edit<S> = Box<dyn Fn(&mut Case<S>) + Send + Sync>;

/// Which seeds to run, and how.
pub struct Campaign<S: System> {
    system: S,
    seeds: Range<u64>,
    recipe: Recipe,
    edits: Vec<Edit<S>>,
    jobs: u64,
    options: Options,
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
            options: Options::default(),
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

    /// Runs every seed twice and compares after each event; without this, one of sixteen.
    #[must_use]
    pub fn twice(self) -> Campaign<S> {
        Campaign { options: Options { twice: true, ..self.options }, ..self }
    }

    /// Keeps a record for each thing that happens.
    #[must_use]
    pub fn trace(self) -> Campaign<S> {
        Campaign { options: Options { trace: true, ..self.options }, ..self }
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

    /// Runs one seed.
    pub fn report(&self, seed: u64) -> Report<S> {
        let twice = self.options.twice || scatter(seed).is_multiple_of(TWICE_EVERY);
        let recipe = Recipe { seed, ..self.recipe };
        run_case(recipe, self.case(seed), Options { twice, ..self.options })
    }

    /// Runs the seeds, in their order as far as anybody can see, and shrinks what fails.
    pub fn run(&self) -> Results<S> {
        let mut reports = Vec::new();
        let jobs = self.jobs.min(self.seeds.end.saturating_sub(self.seeds.start));
        pool::each(
            jobs,
            self.seeds.clone(),
            |seed| self.report(seed),
            |_, report| {
                let goes_on = self.keep_going || report.failure.is_none();
                reports.push(report);
                goes_on
            },
        );
        reports.sort_by_key(|report| report.recipe.seed);
        let mut results = Results {
            seeds: 0,
            stats: Stats::default(),
            marks: Marks::default(),
            hash: 0,
            failures: Vec::new(),
        };
        // What other threads had begun behind the first failure is as if it had not been.
        for report in reports {
            results.add(report);
            if !self.keep_going && !results.failures.is_empty() {
                break;
            }
        }
        self.shrink_each(&mut results.failures);
        results
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
            Some(shrunk) => write!(out, "shrunk in {}\n{shrunk}", counted(shrunk.tries, "run")),
            None => write!(out, "faults:\n{}", failure.case.plan),
        }
    }
}

impl<S: System> fmt::Display for Results<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failures.iter().try_for_each(|failed| write!(out, "{failed}"))?;
        let Results { seeds, stats, hash, failures, .. } = self;
        let (seeds, failed) = (counted(*seeds, "seed"), failures.len());
        let told = [
            counted(stats.simulated / SECOND, "simulated second"),
            counted(stats.events, "event"),
            counted(stats.faults, "fault"),
            counted(stats.restarts, "restart"),
            counted(stats.commits, "commit"),
            counted(stats.operations, "operation"),
        ];
        let (told, answered) = (told.join(", "), stats.answered);
        writeln!(out, "{seeds}, {failed} failed: {told} ({answered} answered), hash {hash:016x}")
    }
}
