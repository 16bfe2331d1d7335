//! Arguments, and the batch that they ask for.

mod batch;
mod failures;
mod output;
mod replay;
mod shrink;

use std::ops::Range;

use clap::{Args, Parser, Subcommand};
use quorate_core::Nanos;
use quorate_sim::{
    MAX_NODES,
    case::Case,
    duration, file,
    profile::{Profile, SECOND},
    world::Recipe,
};

const EXAMPLES: &str = "\
Examples:
  quorate-sim run --seeds 0..1000 --jobs 2      a thousand seeds, two at a time
  quorate-sim run --seeds 42 --trace -          one seed, with all that happens in it
  quorate-sim run --profile disk --twice        each seed twice, compared after each event
  quorate-sim plan --seed 42                    the settings and faults of a seed
  quorate-sim plan --seed 42 --toml             the same as a file that can be edited and replayed
  quorate-sim replay failures/swarm-42.toml     a failure, once more
  quorate-sim shrink failures/swarm-42.toml     a failure, made smaller";

/// Finds bugs in quorate by simulating clusters with faults.
///
/// A run follows from its seed alone. Exit codes: 0 pass, 1 usage, 2 a safety property is broken,
/// 3 a liveness property is broken, 4 a run is not deterministic, 5 the runs never met what they
/// are meant to test, or a file's violation is not seen any more, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "quorate-sim", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a range of seeds, with every oracle on.
    Run(RunArgs),
    /// Shows what a seed is expanded to: its settings and its faults.
    Plan(PlanArgs),
    /// Runs what a file holds: a failure, or a case written by hand.
    Replay(replay::ReplayArgs),
    /// Makes a failing case smaller: fewer faults, operations and nodes, the same violation.
    Shrink(shrink::ShrinkArgs),
}

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// Which seeds: `A..B`, without B, or a single one.
    #[arg(long, value_parser = seeds, default_value = "0..100")]
    pub(crate) seeds: Range<u64>,
    /// How many runs at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(crate) jobs: u64,
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// Write a line for each thing that happens to this file; `-` for the standard output.
    #[arg(long)]
    pub(crate) trace: Option<String>,
    /// Go on after a failure.
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Run every seed twice and compare after each event; without this, every sixteenth.
    #[arg(long)]
    pub(crate) twice: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder to which failures are written, one file each; `none` for nowhere.
    #[arg(long, value_name = "DIR", default_value = "failures")]
    pub(crate) failures: String,
    /// Leave failures as they are, without looking for smaller ones.
    #[arg(long)]
    pub(crate) no_shrink: bool,
    /// How long to look for a smaller failure at most.
    #[arg(long, value_name = "TIME", value_parser = duration::parse, default_value = "10s")]
    pub(crate) shrink_budget: Nanos,
}

#[derive(Clone, Debug, Args)]
struct PlanArgs {
    /// Which seed.
    #[arg(long)]
    seed: u64,
    /// As a file for `replay`.
    #[arg(long)]
    toml: bool,
    #[command(flatten)]
    shape: Shape,
}

/// What runs are like.
#[derive(Clone, Debug, Args)]
pub(crate) struct Shape {
    /// calm, swarm, crashes, network, disk, damage, beyond-model, members or leases.
    #[arg(long, value_parser = profile, default_value = "swarm")]
    profile: Profile,
    /// Simulated time of a run, as 20s or 500ms; two thirds have faults.
    #[arg(long, value_parser = time, default_value = "20s")]
    time: Nanos,
    /// How many nodes; drawn for each seed where not given.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=MAX_NODES))]
    nodes: Option<u64>,
}

impl Shape {
    pub(crate) fn recipe(&self, seed: u64) -> Recipe {
        Recipe { seed, profile: self.profile, nodes: self.nodes, time: self.time }
    }

    pub(crate) fn profile(&self) -> Profile {
        self.profile
    }
}

impl Cli {
    /// Does it, and gives the exit code.
    pub(crate) fn run(self) -> u8 {
        match self.command {
            Command::Run(args) => batch::run(&args),
            Command::Plan(args) => plan(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Shrink(args) => shrink::run(&args),
        }
    }
}

fn plan(args: &PlanArgs) -> u8 {
    let case = Case::new(args.shape.recipe(args.seed));
    if args.toml {
        output::put(&file::write(&case));
        return 0;
    }
    output::put(&output::expanded(&case));
    0
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let number = |text: &str| {
        text.parse::<u64>().map_err(|_| format!("'{text}' is not a number: write A..B or a seed"))
    };
    let range = match text.split_once("..") {
        Some((first, end)) => number(first)?..number(end)?,
        None => number(text)?..number(text)?.saturating_add(1),
    };
    if range.is_empty() {
        return Err(format!("{text} holds no seed: write A..B with A below B; B is not run"));
    }
    Ok(range)
}

fn profile(text: &str) -> Result<Profile, String> {
    let names: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name()).collect();
    Profile::parse(text).ok_or_else(|| format!("no profile '{text}': one of {}", names.join(", ")))
}

fn time(text: &str) -> Result<Nanos, String> {
    let time = duration::parse(text)?;
    if (SECOND..=3_600 * SECOND).contains(&time) {
        return Ok(time);
    }
    Err(format!("{text} is out of range: 1s to 3600s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_they_are_meant() {
        assert_eq!(seeds("3..9"), Ok(3..9));
        assert_eq!(seeds("7"), Ok(7..8));
        assert!(seeds("9..3").is_err() && seeds("x").is_err());
        assert_eq!(time("20s"), Ok(20 * SECOND));
        assert_eq!(time("1500ms"), Ok(SECOND / 2 * 3));
        assert!(time("1").is_err() && time("0s").is_err());
    }
}
