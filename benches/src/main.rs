//! Measures quorate-core beside its peers on the same work: one thread, in memory, without
//! serialization. `benches/README.md` says what is measured and how.

mod budget;
mod case;
mod cluster;
mod compare;
mod engine;
mod quorate;
mod reopen;
mod report;
mod run;
mod state;
mod system;

use std::{env, process::ExitCode};

use clap::{Parser, Subcommand};

/// Measures quorate-core beside its peers: the same work, one thread, in memory
#[derive(Debug, Parser)]
#[command(name = "quorate-bench", version, after_help = HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Measure all systems and print their tables
    Core(compare::Options),
    /// Load whole engines, ours and d-engine, and print how they bear it
    Cluster(cluster::Options),
    /// How long an engine takes to come back with much data
    Reopen(reopen::Options),
    /// What the key-value machine alone costs, and how long a snapshot holds it up
    State(state::Options),
    /// Check quorate's instructions and allocations against benches/budget.toml
    Budget(budget::Options),
}

const HELP: &str = "\
`quorate-bench measure --help` shows how one case of quorate alone is measured, as it is under a
profiler.

Exit codes: 0 done; 1 over the budget, or something failed and is said; 2 a wrong command line.
";

fn main() -> ExitCode {
    // Before clap, so that its work is in no profile.
    if env::args().nth(1).is_some_and(|word| word == "measure") {
        return quorate_bench_harness::main::<quorate::Cluster>(env::args().skip(2));
    }
    if env::args().nth(1).is_some_and(|word| word == "load") {
        return quorate_bench_load::main::<engine::Engines>(env::args().skip(2));
    }
    let done = match Arguments::parse().command {
        Task::Core(options) => compare::run(&options),
        Task::Cluster(options) => cluster::run(&options),
        Task::Reopen(options) => reopen::run(&options),
        Task::State(options) => state::run(&options),
        Task::Budget(options) => budget::run(&options),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            ExitCode::FAILURE
        }
    }
}
