//! Breaks rules of the core, one at a time, in a copy, and sees who notices.

mod crew;
mod progress;
mod simulate;

use std::{path::PathBuf, process::ExitCode, time::Instant};

use clap::Parser;
use quorate_tests::planted::{Copy, Edit, Fate, PlantedError, SUITES, edits, repository};

/// Applies planted edits to a copy of the sources, builds it, and sees who notices: for each rule of
/// the core its test; with --simulate, for each known bug of real implementations the simulator.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  planted                                every rule's edit against its test
  planted --list                         the edits
  planted votes_are_counted              those whose test's name or bug holds this
  planted --simulate --list              the known bugs
  planted --simulate B29 B3 none         these against the simulator; `none` plants nothing
  planted --simulate --budget 600        all, 10 CPU-minutes for each of 5 ranges; goes on where it ended
  planted --simulate --budget 600 --missed-budget 60 --jobs 2
                                         two at a time; less for those that say why they are missed
  planted --simulate --quick             the ten that are convicted soonest; keeps no results
  planted --simulate --table             writes docs/planted-bugs.md from the results

Exit codes:
  0    every edit was convicted; with --simulate, all is as the rows say
  1    one survived, or did not build, or the clean sources fail
  2    a flag is wrong
  3    it cannot run
  4    with --simulate: one was convicted whose row says that it is missed or harmless
  130  with --simulate: interrupted; what is done is kept")]
struct Arguments {
    /// Only edits whose test's name holds one of these, or whose bug is one of these; with
    /// --simulate, only these known bugs.
    ids: Vec<String>,
    /// Only say which there are.
    #[arg(long)]
    list: bool,
    /// Run the simulator over each known bug, and say how many seeds it took to convict.
    #[arg(long)]
    simulate: bool,
    /// One JSON object a line instead of a table.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    simulation: simulate::Flags,
}

const CORE: &str = "raft-proto-free-core";

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(3)
        }
    }
}

fn run(arguments: &Arguments) -> Result<u8, PlantedError> {
    if arguments.simulate {
        return simulate::run(arguments);
    }
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
        return Ok(0);
    }
    Ok(if test(arguments, &edits)? { 0 } else { 1 })
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
