//! Many seeds on several threads; each world lives on one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

use quorate_sim::{
    hash::{mix, scatter},
    marks::Marks,
    run::{Options, Report, run as run_seed},
    world::Stats,
};

use super::{
    RunArgs,
    failures::{self, Kept},
    output, progress,
    results::{Header, Line, Part, Sink},
    seeds::Seeds,
};

/// Of so many seeds one is run twice; which ones does not depend on shards.
const TWICE_EVERY: u64 = 16;
/// As a shell reports a process that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// How many seeds there are where nothing is said.
const SEEDS: u64 = 100;

/// What a batch has come to.
#[derive(Default)]
pub(super) struct Total {
    pub(super) seeds: u64,
    pub(super) stats: Stats,
    pub(super) marks: Marks,
    pub(super) failures: Vec<Report>,
    /// Those that showed what their profile expects.
    pub(super) expected: Vec<u64>,
    /// What was kept of each of them.
    pub(super) kept: Vec<Kept>,
    pub(super) cpu_nanos: u64,
    pub(super) wall_nanos: u64,
    pub(super) interrupted: bool,
    /// All its seeds below this were run, where the budget ended it.
    pub(super) came_to: Option<u64>,
    /// Of all runs, in whatever order they ended.
    pub(super) hash: u64,
}

/// What the threads share.
struct Shared {
    args: RunArgs,
    seeds: Seeds,
    /// How many seeds of the shard were begun.
    begun: AtomicU64,
    stop: AtomicBool,
    deadline: Option<Instant>,
}

impl Shared {
    fn new(args: &RunArgs) -> Shared {
        let seeds = args.seeds.unwrap_or(Seeds {
            first: 0,
            // A budget alone takes what it can.
            end: args.budget.is_none().then_some(SEEDS),
        });
        let budget = args.budget.map(Duration::from_nanos);
        let deadline = budget.and_then(|budget| Instant::now().checked_add(budget));
        let (begun, stop) = (AtomicU64::new(0), AtomicBool::new(false));
        Shared { args: args.clone(), seeds, begun, stop, deadline }
    }

    /// The next seed to run, if any.
    fn next(&self) -> Option<u64> {
        let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
        if is_late || self.stop.load(Ordering::Relaxed) {
            return None;
        }
        self.seed(self.begun.fetch_add(1, Ordering::Relaxed))
    }

    fn seed(&self, nth: u64) -> Option<u64> {
        let seed = self.args.shard.seed(self.seeds.first, nth)?;
        (seed < self.seeds.last_end()).then_some(seed)
    }

    fn part(&self) -> Part {
        Part { seeds: self.seeds, shard: self.args.shard, budget_ns: self.args.budget }
    }

    /// How many seeds there are, where they end.
    fn count(&self) -> Option<u64> {
        self.seeds.end.map(|end| self.args.shard.count(self.seeds.first, end))
    }
}

/// Runs the seeds and gives the exit code.
pub(super) fn run(args: &RunArgs) -> u8 {
    let shared = Arc::new(Shared::new(args));
    if shared.seeds.end.is_none() && args.budget.is_none() {
        return output::usage("seeds without an end never end: write A..B, or give a --budget");
    }
    let interrupted = Arc::new(AtomicBool::new(false));
    let handler = (shared.clone(), interrupted.clone());
    // Without a handler the run just ends at once.
    let _ = ctrlc::set_handler(move || {
        handler.1.store(true, Ordering::Relaxed);
        handler.0.stop.store(true, Ordering::Relaxed);
    });
    let (trace, mut sink) = match open(args, &shared) {
        Ok(both) => both,
        Err(error) => return output::usage(&error),
    };
    let mut total = batch(&shared, trace, &mut sink);
    total.interrupted = interrupted.load(Ordering::Relaxed);
    if !args.no_shrink && !total.interrupted {
        failures::shrink_each(args, &total.failures, &mut total.kept);
    }
    conclude(args, &total)
}

/// Where all that is written goes.
fn open(args: &RunArgs, shared: &Shared) -> Result<(output::Trace, Sink), String> {
    let trace = output::Trace::open(args.trace.as_deref())
        .map_err(|error| output::no_trace(args.trace.as_deref(), &error))?;
    let sink = match &args.out {
        None => Sink::nowhere(),
        Some(path) => Sink::open(path, &Header::new(&args.shape, shared.part()))?,
    };
    Ok((trace, sink))
}

/// Takes the reports in as runs end.
fn batch(shared: &Arc<Shared>, mut trace: output::Trace, sink: &mut Sink) -> Total {
    let args = &shared.args;
    let started = Instant::now();
    let budget = args.budget.map(Duration::from_nanos);
    let mut line = progress::Line::new(shared.count(), budget, args.trace.as_deref() == Some("-"));
    let mut total = Total::default();
    for (report, cpu_nanos) in start(shared) {
        total.seeds += 1;
        total.cpu_nanos += cpu_nanos;
        total.stats.merge(&report.stats);
        total.marks.merge(&report.marks);
        total.hash = total.hash.wrapping_add(mix(report.recipe.seed, report.hash));
        let is_expected = report.is_expected();
        let has_failed = report.failure.is_some() && !is_expected;
        line.ran(report.stats.events, has_failed);
        trace.write(&report.trace);
        let mut file = None;
        if has_failed {
            line.above(|| {
                output::failure(&report);
                file = failures::write(args, &report);
            });
        }
        if is_expected {
            if total.expected.is_empty() {
                line.above(|| file = failures::write(args, &report));
            }
            total.expected.push(report.recipe.seed);
        }
        sink.write(&Line::of(&report, cpu_nanos, file.as_deref()));
        if has_failed {
            total.kept.push(Kept { file, ..Kept::default() });
            total.failures.push(report);
            if !args.keep_going {
                shared.stop.store(true, Ordering::Relaxed);
            }
        }
    }
    line.end();
    total.wall_nanos = started.elapsed().as_nanos() as u64;
    // Seeds are begun in order, and whichever was begun has ended.
    let is_over = args.budget.is_some() && !shared.stop.load(Ordering::Relaxed);
    total.came_to = if is_over { shared.seed(total.seeds) } else { None };
    total
}

/// Starts the threads; the reports come in as runs end.
fn start(shared: &Arc<Shared>) -> mpsc::Receiver<(Report, u64)> {
    let (send, receive) = mpsc::channel();
    let jobs = shared.args.jobs.min(shared.count().unwrap_or(u64::MAX));
    for _ in 0..jobs {
        let (shared, send) = (shared.clone(), send.clone());
        thread::spawn(move || {
            let args = &shared.args;
            while let Some(seed) = shared.next() {
                let twice = args.twice || scatter(seed).is_multiple_of(TWICE_EVERY);
                let options = Options { twice, trace: args.trace.is_some(), until: None };
                let began = cpu_nanos();
                let report = run_seed(args.shape.recipe(seed), options);
                let spent = cpu_nanos().saturating_sub(began);
                if send.send((report, spent)).is_err() {
                    return;
                }
            }
        });
    }
    receive
}

/// What this thread has spent on a processor; 0 where the system does not say.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

fn conclude(args: &RunArgs, total: &Total) -> u8 {
    let missing = total.marks.missing_of(args.shape.profile(), total.seeds);
    let expectation = args.shape.profile().expectation();
    if args.json {
        output::json(total, &missing, expectation);
    } else {
        output::summary(total, &missing);
        if let Some(expectation) = expectation {
            output::expectation(&total.expected, total.seeds, expectation);
        }
    }
    let is_unseen = expectation.is_some() && total.expected.is_empty();
    exit_code(total, !missing.is_empty() || is_unseen)
}

/// `lacks`: whether something was not seen that such a batch must see.
fn exit_code(total: &Total, lacks: bool) -> u8 {
    let failed = total.failures.iter().map(Report::exit_code).min();
    // What was not run has not passed.
    let otherwise = match (total.interrupted, lacks) {
        (true, _) => INTERRUPTED,
        (false, true) => 5,
        (false, false) => 0,
    };
    failed.unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_cut_short_or_met_too_little_has_not_passed() {
        let mut total = Total::default();
        assert_eq!(exit_code(&total, false), 0);
        assert_eq!(exit_code(&total, true), 5);
        total.interrupted = true;
        assert_eq!(exit_code(&total, false), INTERRUPTED);
    }
}
