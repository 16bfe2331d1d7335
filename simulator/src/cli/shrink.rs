//! A failing case, made smaller.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use quorate_core::Nanos;
use quorate_sim::{
    case::Case,
    duration, file,
    run::{PROGRAM, without_panics},
    shrink::{Limits, Progress, Shrunk, shrink},
    words::counted,
};
use serde_json::json;

use super::{
    files,
    interrupt::{self, INTERRUPTED},
    output, replay,
};

const EXAMPLES: &str = "\
Examples:
  quorate-sim shrink failures/swarm-42.toml                    writes failures/swarm-42.shrunk.toml
  quorate-sim shrink failures/swarm-42.toml -o small.toml      elsewhere
  quorate-sim shrink failures/swarm-42.toml --budget 5m --jobs 2

Without a budget that ends it, the result does not depend on the time or on --jobs.
Exit codes: 0 done, 1 the file cannot be read or written, 5 the run of the file does not fail, 130
interrupted, and the smallest case so far is written.";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ShrinkArgs {
    /// The file: written at a failure, or by hand; `-` for the standard input.
    file: String,
    /// Where the smaller case goes; by default beside FILE, as NAME.shrunk.toml.
    #[arg(short, long)]
    output: Option<PathBuf>,
    /// How long it may take at most.
    #[arg(long, value_parser = duration::parse, default_value = "30s")]
    budget: Nanos,
    /// How many runs at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1024))]
    jobs: u64,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// What was made of a case, and how long that took.
pub(super) struct Result {
    pub(super) shrunk: Shrunk,
    pub(super) took: Duration,
    /// Processor time; none where the system does not say.
    pub(super) cpu_nanos: Option<u64>,
    pub(super) path: PathBuf,
}

pub(super) fn run(args: &ShrinkArgs) -> u8 {
    if let Err(error) = files::named("--output", args.output.as_deref()) {
        return output::usage(&error);
    }
    let case = match replay::read(&args.file) {
        Ok(case) => case,
        Err(error) => return output::usage(&error),
    };
    let expected = case.expected;
    let target = args.output.clone().unwrap_or_else(|| target_of(&args.file));
    if let Some(folder) = target.parent().filter(|folder| !folder.as_os_str().is_empty())
        && !folder.is_dir()
    {
        let folder = folder.display();
        return output::usage(&format!("there is no folder '{folder}' for the smaller case"));
    }
    let found = match within(case, args.budget, args.jobs, target) {
        Ok(Some(found)) => found,
        Ok(None) => {
            eprintln!("the run of {} does not fail: there is nothing to shrink", args.file);
            return output::NOT_MET;
        }
        Err(error) => return output::usage(&error),
    };
    let property = found.shrunk.violation.property();
    if expected.is_some_and(|expected| expected != property) {
        eprintln!("the file expects another violation than the one that is shrunk: {property}");
    }
    let code = if interrupt::flag().is_set() { INTERRUPTED } else { 0 };
    if args.json {
        let mut value = json_of(&found);
        value["exit_code"] = code.into();
        output::tell!("{value}")
    } else {
        tell(&found)
    }
    code
}

/// Beside the file, under a name of its own.
pub(super) fn target_of(path: &str) -> PathBuf {
    let stem = if path == "-" { "failure" } else { path.strip_suffix(".toml").unwrap_or(path) };
    PathBuf::from(format!("{stem}.shrunk.toml"))
}

/// Shrinks within a budget and writes what comes of it; none where the case does not fail.
pub(super) fn within(
    case: Case,
    budget: Nanos,
    jobs: u64,
    path: PathBuf,
) -> std::result::Result<Option<Result>, String> {
    let (started, cpu_before) = (Instant::now(), process_cpu_nanos());
    let budget = Duration::from_nanos(budget);
    let stop = interrupt::flag();
    let go_on = || started.elapsed() < budget && !stop.is_set();
    let bar = bar();
    let mut progress = |progress: &Progress| {
        bar.set_message(format!("{}: {}", progress.phase, progress.size));
        bar.set_position(progress.tries);
    };
    let limits = Limits { go_on: &go_on, progress: &mut progress, jobs: jobs as usize };
    let shrunk = without_panics(|| shrink(case, limits));
    bar.finish_and_clear();
    let took = started.elapsed();
    let cpu_nanos =
        process_cpu_nanos().zip(cpu_before).map(|(now, before)| now.saturating_sub(before));
    let Some(shrunk) = shrunk else { return Ok(None) };
    let text = file::write(&shrunk.case);
    files::write_whole(&path, |out| out.write_all(text.as_bytes())).map_err(|error| {
        format!("the smaller case cannot be written to '{}': {error}", path.display())
    })?;
    Ok(Some(Result { shrunk, took, cpu_nanos, path }))
}

fn bar() -> ProgressBar {
    // It shows itself only where standard error is a terminal.
    let style = ProgressStyle::with_template("{spinner} {pos} runs, {elapsed}: {wide_msg}");
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = style { bar.with_style(style) } else { bar }
}

/// Tells what was made of a case.
pub(super) fn tell(found: &Result) {
    let Result { shrunk, took, path, .. } = found;
    let cut = match (shrunk.cut, interrupt::flag().is_set()) {
        (true, true) => ", interrupted",
        (true, false) => ", ended by its budget",
        (false, _) => "",
    };
    let runs = counted(shrunk.tries, "run");
    output::tell!("shrunk in {:.1} s and {runs}{cut}", took.as_secs_f64());
    output::put(&shrunk.to_string());
    output::tell!("reproduce: {PROGRAM} replay {} --trace -", path.display());
}

/// The same for programs.
pub(super) fn json_of(found: &Result) -> serde_json::Value {
    let Result { shrunk, took, cpu_nanos, path } = found;
    json!({
        "file": path.display().to_string(),
        "property": shrunk.violation.property().name(),
        "violation": shrunk.violation.to_string(),
        "before": output::size_json(&shrunk.before),
        "after": output::size_json(&shrunk.after),
        "runs": shrunk.tries,
        "wall_ns": took.as_nanos() as u64,
        "cpu_ns": cpu_nanos,
        "cut": shrunk.cut,
    })
}

/// What this process has spent on processors; none where the system does not say.
fn process_cpu_nanos() -> Option<u64> {
    /// The kernel counts in hundredths of a second for programs, whatever it does itself.
    const NANOS_PER_TICK: u64 = 10_000_000;
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything. Behind it, from the third: the 14th and 15th.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    Some((number(11)? + number(12)?) * NANOS_PER_TICK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smaller_case_goes_beside_the_larger_one() {
        assert_eq!(target_of("a/b.toml"), PathBuf::from("a/b.shrunk.toml"));
        assert_eq!(target_of("case"), PathBuf::from("case.shrunk.toml"));
        assert_eq!(target_of("-"), PathBuf::from("failure.shrunk.toml"));
    }
}
