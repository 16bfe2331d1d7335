//! Many seeds on several threads; each world lives on one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Instant,
};

use indicatif::{ProgressBar, ProgressStyle};
use quorate_sim::{
    hash::mix,
    marks::{Mark, Marks},
    profile::Profile,
    run::{Options, Report, run as run_seed},
    world::Stats,
};

use super::{
    RunArgs,
    failures::{self, Kept},
    output,
};

/// Every so many seeds one is run twice.
const TWICE_EVERY: u64 = 16;
/// As a shell reports a process that Ctrl-C ended.
const INTERRUPTED: u8 = 130;
/// A batch of so many swarm runs must reach every mark.
const MARKS_FROM: u64 = 500;

/// What a batch has come to.
#[derive(Default)]
pub(super) struct Total {
    pub(super) seeds: u64,
    pub(super) stats: Stats,
    pub(super) marks: Marks,
    pub(super) failures: Vec<Report>,
    /// What was kept of each of them.
    pub(super) kept: Vec<Kept>,
    pub(super) cpu_nanos: u64,
    pub(super) wall_nanos: u64,
    pub(super) interrupted: bool,
    /// Of all runs, in whatever order they ended.
    pub(super) hash: u64,
}

/// Runs the seeds and gives the exit code.
pub(super) fn run(args: &RunArgs) -> u8 {
    let stop = Arc::new(AtomicBool::new(false));
    let interrupted = Arc::new(AtomicBool::new(false));
    let handler = (stop.clone(), interrupted.clone());
    // Without a handler the run just ends at once.
    let _ = ctrlc::set_handler(move || {
        handler.1.store(true, Ordering::Relaxed);
        handler.0.store(true, Ordering::Relaxed);
    });
    let mut sink = match output::Trace::open(args.trace.as_deref()) {
        Ok(sink) => sink,
        Err(error) => return output::usage(&output::no_trace(args.trace.as_deref(), &error)),
    };
    let started = Instant::now();
    let bar = bar(args);
    let mut total = Total::default();
    for (report, cpu_nanos) in start(args, &stop) {
        total.seeds += 1;
        total.cpu_nanos += cpu_nanos;
        total.stats.merge(&report.stats);
        total.marks.merge(&report.marks);
        total.hash = total.hash.wrapping_add(mix(report.recipe.seed, report.hash));
        bar.inc(1);
        sink.write(&report.trace);
        if report.failure.is_some() {
            bar.suspend(|| {
                output::failure(&report);
                let file = failures::write(args, &report);
                total.kept.push(Kept { file, shrunk: None });
            });
            total.failures.push(report);
            if !args.keep_going {
                stop.store(true, Ordering::Relaxed);
            }
        }
    }
    bar.finish_and_clear();
    total.wall_nanos = started.elapsed().as_nanos() as u64;
    total.interrupted = interrupted.load(Ordering::Relaxed);
    if !args.no_shrink && !total.interrupted {
        failures::shrink_each(args, &total.failures, &mut total.kept);
    }
    conclude(args, &total)
}

fn bar(args: &RunArgs) -> ProgressBar {
    if args.trace.as_deref() == Some("-") {
        return ProgressBar::hidden();
    }
    // It shows itself only where standard error is a terminal.
    let bar = ProgressBar::new(args.seeds.end - args.seeds.start);
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left");
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

/// Starts the threads; the reports come in as runs end.
fn start(args: &RunArgs, stop: &Arc<AtomicBool>) -> mpsc::Receiver<(Report, u64)> {
    let next = Arc::new(AtomicU64::new(args.seeds.start));
    let (send, receive) = mpsc::channel();
    for _ in 0..args.jobs.min(args.seeds.end - args.seeds.start) {
        let (next, stop, send, args) = (next.clone(), stop.clone(), send.clone(), args.clone());
        thread::spawn(move || {
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= args.seeds.end || stop.load(Ordering::Relaxed) {
                    return;
                }
                let twice = args.twice || seed.is_multiple_of(TWICE_EVERY);
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
    let profile = args.shape.profile();
    let due = profile == Profile::Swarm && total.seeds >= MARKS_FROM;
    let mut missing = if due { total.marks.missing() } else { Vec::new() };
    missing.extend(profile.expects().missing(&total.marks, total.seeds));
    if args.json {
        output::json(total, &missing);
    } else {
        output::summary(total, &missing);
    }
    exit_code(total, &missing)
}

fn exit_code(total: &Total, missing: &[Mark]) -> u8 {
    let failed = total.failures.iter().map(Report::exit_code).min();
    // What was not run has not passed.
    let otherwise = match (total.interrupted, missing.is_empty()) {
        (true, _) => INTERRUPTED,
        (false, false) => 5,
        (false, true) => 0,
    };
    failed.unwrap_or(otherwise)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_that_was_cut_short_or_met_too_little_has_not_passed() {
        let mut total = Total::default();
        assert_eq!(exit_code(&total, &[]), 0);
        assert_eq!(exit_code(&total, &[Mark::TornTail]), 5);
        total.interrupted = true;
        assert_eq!(exit_code(&total, &[]), INTERRUPTED);
    }
}
