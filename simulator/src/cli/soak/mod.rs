//! A campaign that goes on hour by hour: all profiles in turn, and what they came to so far in a folder.

mod state;

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use quorate_core::Nanos;
use quorate_sim::{
    duration,
    profile::{Profile, SECOND},
    words::counted,
};
use serde_json::json;

use self::state::{State, Sum};
use super::{
    RunArgs, Shape, batch, failures,
    interrupt::{self, INTERRUPTED},
    output, profile, progress,
    seeds::Seeds,
    shard::Shard,
};

const EXAMPLES: &str = "\
Examples:
  quorate-sim soak --dir soak --for 1h --jobs 2       an hour of all profiles
  quorate-sim soak --dir soak --for 1h --jobs 2       the next hour: it goes on where the last one ended
  quorate-sim soak --dir soak --for 0s                what all hours came to so far
  quorate-sim soak --dir kv --profiles kv,leases --for 10m --first 1000000
                                                      two profiles, on seeds of their own

The folder holds soak.json, written anew every few seconds and whole at any time, and failures/. Exit codes are those
of `run`, over all that the folder knows: 0 pass, 1 usage, 2 to 4 the gravest violation, 5 something that a profile
must meet was not met, 130 interrupted.";

/// How many seeds of one profile are run before another one has its turn, for each job.
const ROUND_SEEDS: u64 = 20;

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct SoakArgs {
    /// The folder that remembers; made where it is missing.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
    /// How long to go on, as 10m or 1h; 0s only tells what is known.
    #[arg(long = "for", value_name = "TIME", value_parser = duration::parse, default_value = "1h")]
    time_to_run: Nanos,
    /// Which profiles, with commas between; all of them where nothing is said. They get equal shares of the
    /// processor.
    #[arg(long, value_delimiter = ',', value_parser = profile)]
    profiles: Vec<Profile>,
    /// The seed that each profile begins with, in a new folder: machines that share the work begin far from
    /// each other.
    #[arg(long, default_value_t = 0)]
    first: u64,
    /// How many runs at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1024))]
    jobs: u64,
    /// Simulated time of a run, as 20s or 500ms; two thirds have faults.
    #[arg(long, value_parser = super::time, default_value = "20s")]
    time: Nanos,
    /// Leave failures as they are, without looking for smaller ones.
    #[arg(long)]
    no_shrink: bool,
    /// Print what all of it came to as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &SoakArgs) -> u8 {
    let mut state = match begin(args) {
        Ok(state) => state,
        Err(error) => return output::usage(&error),
    };
    let interrupted = match go_on(args, &mut state) {
        Ok(interrupted) => interrupted,
        Err(error) => return output::usage(&cannot_write(&args.dir, &error)),
    };
    let code = output::code(exit_code(&state, interrupted));
    if args.json {
        output::tell!(
            "{}",
            json!({ "exit_code": code, "interrupted": interrupted, "soak": &state })
        );
    } else {
        tell(&state, interrupted);
    }
    code
}

fn begin(args: &SoakArgs) -> Result<State, String> {
    let path = state_path(&args.dir);
    let state = match fs::read_to_string(&path) {
        Ok(text) => State::read(&text, args.time)
            .map_err(|error| format!("'{}': {error}", path.display()))?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => State::new(args.time, args.first),
        Err(error) => return Err(format!("'{}' cannot be read: {error}", path.display())),
    };
    fs::create_dir_all(&args.dir).map_err(|error| cannot_write(&args.dir, &error))?;
    Ok(state)
}

fn cannot_write(dir: &Path, error: &io::Error) -> String {
    format!("'{}' cannot be written to: {error}; name another folder", dir.display())
}

fn state_path(dir: &Path) -> PathBuf {
    dir.join("soak.json")
}

/// Runs until the time is over; whether it was interrupted.
fn go_on(args: &SoakArgs, state: &mut State) -> io::Result<bool> {
    let (flag, budget) = (interrupt::flag(), Duration::from_nanos(args.time_to_run));
    let started = Instant::now();
    let mut line = progress::Line::new(None, Some(budget), false);
    loop {
        let left = budget.saturating_sub(started.elapsed());
        if left.is_zero() || flag.is_set() {
            break;
        }
        let profile = state.next(&profiles(args));
        let round = round(args, profile, state.sum(profile).next, left);
        let mut total = batch::once(&round, &mut line);
        if !args.no_shrink && !total.interrupted {
            line.above(|| failures::shrink_each(&round, &total.failures, &mut total.kept));
        }
        state.take(profile, &total);
        state.write(&state_path(&args.dir))?;
    }
    line.end();
    Ok(flag.is_set())
}

fn profiles(args: &SoakArgs) -> Vec<Profile> {
    if args.profiles.is_empty() { Profile::ALL.to_vec() } else { args.profiles.clone() }
}

/// A few seeds of one profile, as `run` would be asked for them.
fn round(args: &SoakArgs, profile: Profile, first: u64, left: Duration) -> RunArgs {
    let end = first.saturating_add(ROUND_SEEDS.saturating_mul(args.jobs));
    RunArgs {
        seeds: Some(Seeds { first, end: Some(end) }),
        shard: Shard::WHOLE,
        budget: Some(left.as_nanos().try_into().unwrap_or(Nanos::MAX)),
        out: None,
        jobs: args.jobs,
        shape: Shape { profile, time: args.time, nodes: None },
        trace: None,
        keep_going: true,
        twice: false,
        json: args.json,
        failures: args.dir.join("failures").display().to_string(),
        no_shrink: args.no_shrink,
        no_html: false,
        shrink_budget: 10 * SECOND,
    }
}

/// Over all that is known. What was never run has not passed.
fn exit_code(state: &State, interrupted: bool) -> u8 {
    let gravest = state.sums().flat_map(|(_, sum)| sum.violations.values());
    if let Some(code) = gravest.map(|broken| broken.exit_code).min() {
        return code;
    }
    let lacks = |(profile, sum): (Profile, &Sum)| {
        !sum.missing(profile).is_empty() || sum.lacks_expected(profile)
    };
    let is_empty = state.sums().all(|(_, sum)| sum.seeds == 0);
    match (interrupted, is_empty || state.sums().any(lacks)) {
        (true, _) => INTERRUPTED,
        (false, true) => output::NOT_MET,
        (false, false) => 0,
    }
}

fn tell(state: &State, interrupted: bool) {
    for (profile, sum) in state.sums() {
        let rate = output::per_second(sum.stats.events, sum.cpu_ns);
        let rate = rate.map_or(String::new(), |rate| format!(", {rate} events per CPU-second"));
        let found = sum.violations.len() as u64;
        output::tell!(
            "{:<12} {}, {} simulated, {}{rate}, {}",
            profile.name(),
            counted(sum.seeds, "seed"),
            hours(sum.stats.simulated),
            counted(sum.stats.events, "event"),
            counted(found, "violation"),
        );
        for mark in sum.missing(profile) {
            output::tell!("{:<12} never met: {mark:?}", "");
        }
        if let Some(expected) = profile.expectation() {
            let seen = counted(sum.expected, "seed");
            output::tell!("{:<12} as it must, {expected}: by {seen}", "");
        }
        for (seed, broken) in &sum.violations {
            let (property, violation) = (&broken.property, &broken.violation);
            let file = broken.file.as_deref().unwrap_or("not written");
            output::tell!("{:<12} seed {seed}: {property}: {violation} ({file})", "");
        }
    }
    let all = |count: fn(&Sum) -> u64| state.sums().map(|(_, sum)| count(sum)).sum::<u64>();
    output::tell!(
        "{}{} in all: {} simulated, {}, {} of a processor, {}",
        if interrupted { "interrupted; " } else { "" },
        counted(all(|sum| sum.seeds), "seed"),
        hours(all(|sum| sum.stats.simulated)),
        counted(all(|sum| sum.stats.events), "event"),
        hours(all(|sum| sum.cpu_ns)),
        counted(all(|sum| sum.violations.len() as u64), "violation"),
    );
}

/// A long time, in hours with a tenth.
fn hours(nanos: Nanos) -> String {
    let tenths = nanos / (360 * SECOND);
    if tenths == 0 {
        duration::write(nanos / SECOND * SECOND)
    } else {
        format!("{}.{} h", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_in_hours_once_there_are_some() {
        assert_eq!(hours(359 * SECOND), "359s");
        assert_eq!(hours(360 * SECOND), "0.1 h");
        assert_eq!(hours(90 * 60 * SECOND), "1.5 h");
    }

    #[test]
    fn nothing_run_has_not_passed() {
        let state = State::new(SECOND, 0);
        assert_eq!(exit_code(&state, false), output::NOT_MET);
        assert_eq!(exit_code(&state, true), INTERRUPTED);
    }
}
