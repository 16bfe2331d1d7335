//! A campaign from the command line: which seeds, for how long, and what is kept and told of them.

use std::{
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use quorate_sim::{
    campaign::Campaign,
    hash::mix,
    marks::Marks,
    pool,
    run::Report,
    system::KvSystem,
    world::{Recipe, Stats},
};

use super::{
    RunArgs,
    failures::{self, Kept},
    files,
    interrupt::{self, INTERRUPTED},
    output, progress,
    results::{Header, Line, Part, Sink},
    seeds::Seeds,
};

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

/// What is to be run.
struct Batch<'a> {
    args: &'a RunArgs,
    seeds: Seeds,
    deadline: Option<Instant>,
    interrupt: &'static interrupt::Flag,
}

impl Batch<'_> {
    fn new(args: &RunArgs) -> Batch<'_> {
        let seeds = args.seeds.unwrap_or(Seeds {
            first: 0,
            // A budget alone takes what it can.
            end: args.budget.is_none().then_some(SEEDS),
        });
        let budget = args.budget.map(Duration::from_nanos);
        let deadline = budget.and_then(|budget| Instant::now().checked_add(budget));
        Batch { args, seeds, deadline, interrupt: interrupt::flag() }
    }

    /// The seeds, as long as there is time.
    fn seeds(&self) -> impl Iterator<Item = u64> + Send {
        let is_over = || {
            let is_late = self.deadline.is_some_and(|deadline| Instant::now() >= deadline);
            is_late || self.interrupt.is_set()
        };
        (0..).map_while(move |nth| if is_over() { None } else { self.seed(nth) })
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

    fn campaign(&self) -> Campaign<KvSystem> {
        let Recipe { profile, nodes, time, .. } = self.args.shape.recipe(0);
        let mut campaign = Campaign::of(KvSystem::default()).profile(profile).time(time);
        if let Some(nodes) = nodes {
            campaign = campaign.nodes(nodes);
        }
        if self.args.twice {
            campaign = campaign.twice();
        }
        if self.args.trace.is_some() { campaign.trace() } else { campaign }
    }

    /// Runs them, and takes the reports in as runs end.
    fn run(&self, mut trace: output::Trace, sink: &mut Sink, line: &mut progress::Line) -> Total {
        let args = self.args;
        let (started, campaign) = (Instant::now(), self.campaign());
        let mut total = Total::default();
        let has_stopped = AtomicBool::new(false);
        let run = |seed| {
            let began = cpu_nanos();
            let report = campaign.report(seed);
            (report, cpu_nanos().saturating_sub(began))
        };
        let jobs = args.jobs.min(self.count().unwrap_or(u64::MAX));
        pool::each(jobs, self.seeds(), run, |_, (report, cpu_nanos)| {
            trace.write(&report.trace);
            let goes_on = !total.take(args, report, cpu_nanos, line, sink) || args.keep_going;
            has_stopped.fetch_or(!goes_on, Ordering::Relaxed);
            goes_on
        });
        total.wall_nanos = started.elapsed().as_nanos() as u64;
        total.interrupted = self.interrupt.is_set();
        // Seeds are begun in order, and whichever was begun has ended.
        let has_stopped = total.interrupted || has_stopped.load(Ordering::Relaxed);
        let is_over = args.budget.is_some() && !has_stopped;
        total.came_to = if is_over { self.seed(total.seeds) } else { None };
        total
    }
}

impl Total {
    /// Takes a report in, and says whether it is a failure.
    fn take(
        &mut self,
        args: &RunArgs,
        report: Report,
        cpu_nanos: u64,
        line: &mut progress::Line,
        sink: &mut Sink,
    ) -> bool {
        self.seeds += 1;
        self.cpu_nanos += cpu_nanos;
        self.stats.merge(&report.stats);
        self.marks.merge(&report.marks);
        self.hash = self.hash.wrapping_add(mix(report.recipe.seed, report.hash));
        let is_expected = report.is_expected();
        let has_failed = report.failure.is_some() && !is_expected;
        line.ran(report.stats.events, has_failed);
        let mut file = None;
        if has_failed {
            line.above(|| {
                output::failure(&report);
                file = failures::write(args, &report);
            });
        }
        if is_expected {
            if self.expected.is_empty() {
                line.above(|| file = failures::write(args, &report));
            }
            self.expected.push(report.recipe.seed);
        }
        sink.write(&Line::of(&report, cpu_nanos, file.as_deref()));
        if has_failed {
            self.kept.push(Kept { file, ..Kept::default() });
            self.failures.push(report);
        }
        has_failed
    }
}

/// Runs the seeds, and tells of failures alone.
pub(super) fn once(args: &RunArgs, line: &mut progress::Line) -> Total {
    Batch::new(args).run(output::Trace::Nowhere, &mut Sink::nowhere(), line)
}

/// Runs the seeds and gives the exit code.
pub(super) fn run(args: &RunArgs) -> u8 {
    let batch = Batch::new(args);
    if batch.seeds.end.is_none() && args.budget.is_none() {
        return output::usage("seeds without an end never end: write A..B, or give a --budget");
    }
    if let Err(error) = check(args, &batch) {
        return output::usage(&error);
    }
    let (trace, mut sink) = match open(args, &batch) {
        Ok(both) => both,
        Err(error) => return output::usage(&error),
    };
    let budget = args.budget.map(Duration::from_nanos);
    let is_hidden = args.trace.as_deref() == Some("-");
    let mut line = progress::Line::new(batch.count(), budget, is_hidden);
    let mut total = batch.run(trace, &mut sink, &mut line);
    line.end();
    if !args.no_shrink && !total.interrupted {
        failures::shrink_each(args, &total.failures, &mut total.kept);
    }
    // A share beyond the last seed has nothing to do.
    let is_empty = total.seeds == 0 && batch.count() != Some(0);
    conclude(args, &total, is_empty)
}

/// Whether what is to be written has places of its own.
fn check(args: &RunArgs, batch: &Batch<'_>) -> Result<(), String> {
    let (out, trace) = (args.out.as_deref(), args.trace.as_deref().map(Path::new));
    files::named("--out", out)?;
    files::different(&[("--out", out), ("--trace", trace)])?;
    if trace.is_some() && batch.count() != Some(1) {
        return Err("--trace shows one run: name one seed, as --seeds 42".to_owned());
    }
    Ok(())
}

/// Where all that is written goes.
fn open(args: &RunArgs, batch: &Batch<'_>) -> Result<(output::Trace, Sink), String> {
    let trace = output::Trace::open(args.trace.as_deref())
        .map_err(|error| output::no_trace(args.trace.as_deref(), &error))?;
    let sink = match &args.out {
        None => Sink::nowhere(),
        Some(path) => Sink::open(path, &Header::new(&args.shape, batch.part()))?,
    };
    Ok((trace, sink))
}

/// What this thread has spent on a processor; 0 where the system does not say.
fn cpu_nanos() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0)
}

/// `is_empty`: whether there were seeds, of which none was run.
fn conclude(args: &RunArgs, total: &Total, is_empty: bool) -> u8 {
    let missing = total.marks.missing_of(args.shape.profile(), total.seeds);
    let expectation = args.shape.profile().expectation();
    let lacks = !missing.is_empty() || (expectation.is_some() && total.expected.is_empty());
    // One share of a campaign may well lack what the others saw.
    let is_share = args.shard.of > 1;
    let code = output::code(exit_code(total, is_empty || (lacks && !is_share)));
    if args.json {
        output::json(total, &missing, expectation, is_share, code);
    } else {
        output::summary(total, &missing);
        if let Some(expectation) = expectation {
            output::expectation(&total.expected, total.seeds, expectation);
        }
        if is_share && lacks {
            output::tell!("this is one share of {}: `merge` judges that", args.shard.of);
        }
        if is_empty {
            output::nothing();
        }
    }
    code
}

/// `lacks`: whether something was not seen that such a batch must see.
fn exit_code(total: &Total, lacks: bool) -> u8 {
    let failed = total.failures.iter().map(Report::exit_code).min();
    // What was not run has not passed.
    let otherwise = match (total.interrupted, lacks) {
        (true, _) => INTERRUPTED,
        (false, true) => output::NOT_MET,
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
