//! Breaks rules of the core, one at a time, in a copy, and sees who notices.

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use quorate_tests::planted::{
    Copy, Edit, Fate, PlantedError, SUITES, Simulated, edits, repository,
};

/// Applies each planted edit to a copy of the sources, builds it, and sees its test fail.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  planted                          every rule's edit against its test
  planted --list                   the edits
  planted votes_are_counted        those whose test's name or bug holds this
  planted --simulate B1 B29 B30    these against the simulator instead of the test

Exit codes:
  0  every edit was convicted
  1  one survived, or did not build
  2  a flag is wrong
  3  it cannot run")]
struct Arguments {
    /// Only edits whose test's name holds one of these, or whose bug is one of these.
    ids: Vec<String>,
    /// Only say which edits there are.
    #[arg(long)]
    list: bool,
    /// Run the simulator over each broken copy, and say how many seeds it took to convict.
    #[arg(long)]
    simulate: bool,
    /// With --simulate: how many seeds to run at most.
    #[arg(long, default_value_t = 2_000)]
    seeds: u64,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
}

const CORE: &str = "raft-proto-free-core";
const SIMULATED: [&str; 6] =
    [CORE, "adapters/codec", "adapters/driver", "adapters/wal", "engine/kv", "simulator"];

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, PlantedError> {
    let repository = repository();
    let mut edits = edits(&repository)?;
    if !arguments.ids.is_empty() {
        edits.retain(|edit| arguments.ids.iter().any(|id| is_named(edit, id)));
    }
    if edits.is_empty() {
        return Err(PlantedError::Table("no edit has such a name; try --list".to_owned()));
    }
    if arguments.list {
        for edit in &edits {
            println!("{:4} {}: {}", edit.bug.as_deref().unwrap_or(""), edit.test, edit.why);
        }
        return Ok(true);
    }
    if arguments.simulate { simulate(arguments, &edits) } else { test(arguments, &edits) }
}

fn is_named(edit: &Edit, id: &str) -> bool {
    edit.bug.as_deref() == Some(id) || edit.test.contains(id)
}

/// Where copies are built.
fn workshop(name: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| repository().join("target")).join("planted").join(name)
}

fn test(arguments: &Arguments, edits: &[Edit]) -> Result<bool, PlantedError> {
    let mut copy = Copy::new(&repository(), &workshop("test"), &[CORE])?;
    copy.plant(None)?;
    for suite in SUITES {
        let clean = copy.try_test(suite, None)?;
        if clean != Fate::Survived {
            let text = format!("{suite}: the unedited sources fail already: {clean:?}");
            return Err(PlantedError::Table(text));
        }
    }
    let mut all = true;
    for edit in edits {
        let begin = Instant::now();
        copy.plant(Some(edit))?;
        let fate = copy.try_test(&edit.suite, Some(&edit.test))?;
        all &= fate == Fate::Convicted;
        let seconds = begin.elapsed().as_secs_f64();
        let said = match &fate {
            Fate::Convicted => "convicted",
            Fate::Survived => "SURVIVED",
            Fate::DoesNotBuild(_) => "NO BUILD",
        };
        if arguments.json {
            let fate = said.to_lowercase();
            let line = serde_json::json!({"test": edit.test, "bug": edit.bug, "fate": fate});
            println!("{line}");
        } else {
            println!(
                "{said:9} {seconds:5.1} s  {:4} {}",
                edit.bug.as_deref().unwrap_or(""),
                edit.test
            );
        }
        if let Fate::DoesNotBuild(text) = fate {
            eprintln!("{text}");
        }
    }
    copy.plant(None)?;
    Ok(all)
}

fn simulate(arguments: &Arguments, edits: &[Edit]) -> Result<bool, PlantedError> {
    let mut copy = Copy::new(&repository(), &workshop("simulate"), &SIMULATED)?;
    let mut all = true;
    for edit in edits {
        copy.plant(Some(edit))?;
        let (said, simulated) = match copy.try_simulator(arguments.seeds)? {
            Ok(found) if found.oracle.is_some() => ("convicted", found),
            Ok(found) => ("SURVIVED", found),
            Err(fate) => {
                eprintln!("{}: {fate:?}", edit.test);
                ("NO BUILD", Simulated { seeds: 0, cpu_ns: 0, oracle: None })
            }
        };
        all &= said == "convicted";
        let seconds = simulated.cpu_ns as f64 / 1e9;
        let (bug, seeds) = (edit.bug.as_deref().unwrap_or(""), simulated.seeds);
        let oracle = simulated.oracle.unwrap_or_default();
        if arguments.json {
            let fate = said.to_lowercase();
            let line = serde_json::json!({
                "bug": bug, "test": edit.test, "fate": fate, "seeds": seeds, "cpu_s": seconds,
                "oracle": oracle,
            });
            println!("{line}");
        } else {
            println!(
                "{said:9} {seeds:5} seeds {seconds:7.2} CPU-s  {bug:4} {}\n          {oracle}",
                edit.test
            );
        }
    }
    copy.plant(None)?;
    Ok(all)
}
