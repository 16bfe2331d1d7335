//! How fast the simulator is, on one core: `cargo bench -p quorate-sim`.
//!
//! An event is one pop of the queue. All oracles judge, no trace is kept, no seed is run twice. Time
//! is what this thread spent on a processor, since a clock would count whatever else runs. Nothing
//! is asserted on time; but a seed that fails, or that runs otherwise without the log or the
//! key-value machine, ends the bench.

mod null;
mod table;

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use clap::Parser;
use quorate_core::Nanos;
use quorate_sim::{
    MAX_NODES,
    case::Case,
    profile::{Profile, SECOND},
    run::{Options, run_case, without_panics},
    system::{KvSystem, System},
    world::Recipe,
};

use null::Null;
use table::{Cost, Part, Row};

/// Profiles that are measured, where none is named.
const PROFILES: [Profile; 7] = [
    Profile::Calm,
    Profile::Swarm,
    Profile::Network,
    Profile::Crashes,
    Profile::Disk,
    Profile::Members,
    Profile::Leases,
];
/// The profile in which no process ends, so that a log in memory serves.
const WITHOUT_CRASHES: Profile = Profile::Calm;
/// Seeds of a row, where nobody says otherwise.
const SEEDS: u64 = 40;

/// Events per CPU-second of the simulator, and what the log and the key-value machine cost.
#[derive(Parser)]
#[command(name = "speed", version)]
struct Arguments {
    /// Seeds of a row, from 0 on; at least 1.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    seeds: Option<u64>,
    /// Nodes that found the group.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=MAX_NODES))]
    nodes: u64,
    /// Profiles to measure, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = profile)]
    profiles: Option<Vec<Profile>>,
    /// A JSON object in place of tables.
    #[arg(long)]
    json: bool,
    /// Given by `cargo bench`; without it a row is one seed, unless --seeds says otherwise.
    #[arg(long, hide = true)]
    bench: bool,
    /// Given by `cargo test`.
    #[arg(long, hide = true)]
    test: bool,
}

fn profile(name: &str) -> Result<Profile, String> {
    let names = Profile::ALL.map(Profile::name).join(", ");
    Profile::parse(name).ok_or_else(|| format!("no such profile; there are {names}"))
}

impl Arguments {
    fn seeds(&self) -> u64 {
        let is_bench = self.bench && !self.test;
        self.seeds.unwrap_or(if is_bench { SEEDS } else { 1 })
    }

    fn profiles(&self) -> &[Profile] {
        self.profiles.as_deref().unwrap_or(&PROFILES)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match without_panics(|| measure(&arguments)) {
        Ok(text) => {
            // Whoever no longer listens, as `head` may not, misses it.
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<String, String> {
    if spent().is_none() {
        return Err("this system does not say what a thread spends on a processor".to_owned());
    }
    let (seeds, nodes) = (arguments.seeds(), arguments.nodes);
    let batch = |profile| Batch { profile, seeds, nodes, compacts: true };
    // Whatever is slow the first time only is not counted.
    Batch { seeds: 1, ..batch(Profile::Calm) }.run(KvSystem::default(), false)?;
    let mut rows = Vec::new();
    let mut parts = Vec::new();
    for profile in arguments.profiles().iter().copied() {
        let batch = batch(profile);
        tell(&format!("{}: {} seeds", profile.name(), batch.seeds));
        let whole = batch.run(KvSystem::default(), false)?;
        rows.push(Row { profile, cost: whole });
        if profile == WITHOUT_CRASHES {
            tell(&format!("{}: without log and key-value machine", profile.name()));
            parts.push(Batch { compacts: false, ..batch }.parts()?);
        }
    }
    tell("");
    Ok(if arguments.json {
        table::json(arguments.nodes, &rows, &parts)
    } else {
        table::markdown(arguments.nodes, &rows, &parts)
    })
}

/// Progress, where somebody sees it.
fn tell(what: &str) {
    if std::io::stderr().is_terminal() {
        // The line is written over by the next one.
        eprint!("\r\x1b[K{what}");
    }
}

/// What a row measures.
#[derive(Clone, Copy)]
struct Batch {
    profile: Profile,
    seeds: u64,
    nodes: u64,
    /// Whether clients compact: which revision follows from what a machine answered before.
    compacts: bool,
}

impl Batch {
    /// Runs without the log, without the key-value machine, and without either.
    fn parts(&self) -> Result<Part, String> {
        let whole = self.run(KvSystem::default(), false)?;
        let part = Part {
            profile: self.profile,
            whole,
            without_log: self.run(KvSystem::default(), true)?,
            without_machine: self.run(Null::default(), false)?,
            without_both: self.run(Null::default(), true)?,
        };
        let others = [part.without_log, part.without_machine, part.without_both];
        if others.iter().any(|other| other.hash != whole.hash) {
            let name = self.profile.name();
            return Err(format!("runs of {name} change where a part is left out: not comparable"));
        }
        Ok(part)
    }

    fn run<S: System>(&self, system: S, log_in_memory: bool) -> Result<Cost, String> {
        let mut cost = Cost::default();
        for seed in 0..self.seeds {
            let (profile, nodes) = (self.profile, Some(self.nodes));
            let recipe = Recipe { seed, profile, nodes, time: 20 * SECOND };
            let mut case = Case::with(system.clone(), recipe);
            case.settings.log_in_memory = log_in_memory;
            if !self.compacts {
                case.settings.workload.compact_percent = 0;
            }
            let before = spent();
            let report = run_case(recipe, case, Options::default());
            let nanos = spent().zip(before).map_or(0, |(after, before)| after - before);
            if let Some(failure) = report.failure.as_ref().filter(|_| !report.is_expected()) {
                let name = profile.name();
                return Err(format!("seed {seed} of {name} failed: {}", failure.violation));
            }
            cost.add(&report.stats, report.hash, nanos);
        }
        Ok(cost)
    }
}

/// What this thread has spent on a processor; none where the system does not say.
fn spent() -> Option<Nanos> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok()
}
