//! `core`: all systems on the same work, their repetitions interleaved so that a slow minute of
//! the machine is a slow minute for all.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use quorate_bench_harness::Scenario;

use crate::{
    case::{Case, Filter},
    report::{self, Row},
    run::{self, Answer, Cost},
    system::{self, System},
};

#[derive(Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Options {
    /// Peers to measure beside quorate: all, none, or of raft,noraft,omnipaxos,openraft
    #[arg(long, default_value = "all", value_name = "LIST")]
    peers: String,
    /// Only these scenarios: commit, heartbeat, read, election, catch-up, truncation, compaction,
    /// memory
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    scenario: Vec<Scenario>,
    /// Only groups of this many nodes
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    nodes: Vec<usize>,
    /// Only these batches
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    batch: Vec<usize>,
    /// Only payloads of this many bytes
    #[arg(long, value_delimiter = ',', value_name = "LIST")]
    payload: Vec<usize>,
    /// Repetitions of each case, each with groups of their own
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    repetitions: u32,
    /// A tenth of the work, twice: to see that it runs, not to quote
    #[arg(long)]
    quick: bool,
    /// Also count instructions, with callgrind (slow)
    #[arg(long)]
    instructions: bool,
    /// Write the rows here, as a JSON array
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables here, as well as to the output
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  The whole table, with instructions, into files (takes a while):
    cargo run --release -p quorate-bench -- core --instructions --json rows.json --markdown table.md
  Commit in groups of three with small payloads, beside noraft:
    cargo run --release -p quorate-bench -- core --scenario commit --nodes 3 --payload 16 --peers noraft
  Only quorate, only to see that it runs:
    cargo run --release -p quorate-bench -- core --peers none --quick
";

/// Measures, prints and writes.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let filter = Filter {
        scenarios: options.scenario.clone(),
        nodes: options.nodes.clone(),
        batches: options.batch.clone(),
        payloads: options.payload.clone(),
    };
    let cases = Case::all(&filter);
    if cases.is_empty() {
        return Err("no case has all of these; leave out --nodes, --batch or --payload".to_owned());
    }
    if options.instructions && !run::has_valgrind() {
        return Err(format!("--instructions {}", run::VALGRIND_HINT));
    }
    for file in options.json.iter().chain(&options.markdown) {
        // Said now, not after all the measuring.
        writable(file)?;
    }
    let bar = progress_bar();
    let mut systems = vec![system::quorate()?];
    systems.extend(system::peers(&options.peers, |message| bar.set_message(message.to_owned()))?);
    bar.set_length((cases.len() * systems.len()) as u64 * u64::from(options.repetitions()));
    let mut rows = Vec::new();
    for case in &cases {
        rows.extend(rows_of(case, &systems, options, &bar)?);
    }
    bar.finish_and_clear();
    print!("{}", report::markdown(&rows));
    write(options.json.as_ref(), &report::json(&rows)?)?;
    write(options.markdown.as_ref(), &report::markdown(&rows))
}

impl Options {
    fn repetitions(&self) -> u32 {
        if self.quick { self.repetitions.min(2) } else { self.repetitions }
    }
}

fn rows_of(
    case: &Case,
    systems: &[System],
    options: &Options,
    bar: &ProgressBar,
) -> Result<Vec<Row>, String> {
    let mut costs: Vec<Vec<Cost>> = vec![vec![]; systems.len()];
    let mut is_not_yet = vec![false; systems.len()];
    for _ in 0..options.repetitions() {
        for (place, system) in systems.iter().enumerate() {
            bar.inc(1);
            bar.set_message(format!("{} {} of {}", system.name, case.scenario, case.nodes));
            let Ok(program) = &system.program else { continue };
            match run::once(program, case, case.units(options.quick))? {
                Answer::Cost(cost) => costs[place].push(cost),
                Answer::NotYet => is_not_yet[place] = true,
                Answer::Senseless => {}
            }
        }
    }
    let mut rows = Vec::new();
    for (place, system) in systems.iter().enumerate() {
        let program = match &system.program {
            Ok(program) => program,
            Err(why) => {
                rows.push(Row::noted(system, case, why));
                continue;
            }
        };
        if is_not_yet[place] {
            rows.push(Row::noted(system, case, "not yet"));
        } else if !costs[place].is_empty() {
            bar.set_message(format!("{} {}, counting instructions", system.name, case.scenario));
            let count = |()| run::instructions(program, case);
            let instructions = options.instructions.then_some(()).map(count).transpose()?.flatten();
            rows.push(Row::measured(system, case, &costs[place], instructions));
        }
    }
    Ok(rows)
}

fn writable(file: &Path) -> Result<(), String> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    if folder.is_none_or(Path::is_dir) {
        return Ok(());
    }
    Err(format!("{} cannot be written: its folder does not exist; make it first", file.display()))
}

fn write(file: Option<&PathBuf>, text: &str) -> Result<(), String> {
    let Some(file) = file else { return Ok(()) };
    fs::write(file, text).map_err(|error| format!("{} cannot be written: {error}", file.display()))
}

/// Shown on a terminal only.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} [{wide_bar}] {pos}/{len} {msg}");
    ProgressBar::new(1).with_style(style.expect("a good template"))
}
