//! Arguments, and the batch that they ask for.

mod batch;
mod explore;
mod failures;
mod files;
mod interrupt;
mod merge;
mod output;
mod progress;
mod replay;
mod results;
mod seeds;
mod shard;
mod shrink;
mod soak;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use quorate_core::Nanos;
use quorate_sim::{
    MAX_NODES,
    case::Case,
    duration, file,
    profile::{Profile, SECOND},
    world::Recipe,
};

use seeds::Seeds;
use shard::Shard;

const EXAMPLES: &str = "\
Examples:
  quorate-sim run --seeds 0..1000 --jobs 2      a thousand seeds, two at a time
  quorate-sim run --seeds 42 --trace -          one seed, with all that happens in it
  quorate-sim run --profile disk --twice        each seed twice, compared after each event
  quorate-sim run --budget 5m --shard 3/64 --out 3.jsonl
                                                for five minutes, one of 64 processes, with its results
  quorate-sim merge out/*.jsonl                 the results of all of them
  quorate-sim soak --dir soak --for 1h          an hour of all profiles; again, and it goes on
  quorate-sim explore --terms 1 --entries 1     every state of a small group
  quorate-sim plan --seed 42                    the settings and faults of a seed
  quorate-sim plan --seed 42 --toml             the same as a file that can be edited and replayed
  quorate-sim replay failures/swarm-42.toml     a failure, once more
  quorate-sim shrink failures/swarm-42.toml     a failure, made smaller";

/// Finds bugs in quorate by simulating clusters with faults.
///
/// A run follows from its seed alone. Exit codes: 0 pass, 1 usage, 2 a safety property is broken,
/// 3 a liveness property is broken, 4 a run is not deterministic, 5 the runs never met what they
/// are meant to test, or were none, or the violation that a profile or a file expects is not seen, 130 interrupted
/// (Ctrl-C, or as a scheduler ends a process).
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
    /// Goes on hour by hour with all profiles, and remembers what they came to.
    Soak(soak::SoakArgs),
    /// Joins the results of several processes.
    Merge(merge::MergeArgs),
    /// Looks at every state that a small group of cores can come to, within bounds.
    Explore(explore::ExploreArgs),
}

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// Which seeds: `A..B`, without B, or a single one; `A..` as far as the budget allows. 0..100
    /// where nothing is said, and 0.. where a budget is given.
    #[arg(long)]
    seeds: Option<Seeds>,
    /// Which share of the seeds is run: `I/N`, with I from 0 to N-1, runs every Nth from the Ith on;
    /// `slurm` and `kubernetes` read that from what a task of an array, or a pod of an indexed Job,
    /// has in its environment.
    #[arg(long, value_name = "I/N", value_parser = shard::parse, default_value = "0/1", env = shard::VARIABLE)]
    shard: Shard,
    /// Begin no more seeds after this time, as 30s, 5m or 2h.
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub(crate) budget: Option<Nanos>,
    /// Write the result of each seed to this file as it ends, as JSON lines for `merge`. What the file
    /// held before is gone.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// How many runs at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub(crate) jobs: u64,
    #[command(flatten)]
    pub(crate) shape: Shape,
    /// Write a line for each thing that happens to this file, as JSON where it ends in .jsonl;
    /// `-` for the standard output. Of one seed only.
    #[arg(long)]
    pub(crate) trace: Option<String>,
    /// Go on after a failure.
    #[arg(long)]
    pub(crate) keep_going: bool,
    /// Run every seed twice and compare after each event; without this, one of sixteen.
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
    /// Write no page for a browser beside a smaller failure.
    #[arg(long)]
    pub(crate) no_html: bool,
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
    /// calm, swarm, crashes, network, disk, damage, beyond-model, members, leases, lease-broken or kv.
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
        output::code(match self.command {
            Command::Run(args) => batch::run(&args),
            Command::Plan(args) => plan(&args),
            Command::Replay(args) => replay::run(&args),
            Command::Shrink(args) => shrink::run(&args),
            Command::Soak(args) => soak::run(&args),
            Command::Merge(args) => merge::run(&args),
            Command::Explore(args) => explore::run(&args),
        })
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
    fn times_are_read_as_they_are_meant() {
        assert_eq!(time("20s"), Ok(20 * SECOND));
        assert_eq!(time("1500ms"), Ok(SECOND / 2 * 3));
        assert!(time("1").is_err() && time("0s").is_err());
    }
}
