//! The known bugs of real implementations, against the simulator.

use std::{fs, io::IsTerminal, path::PathBuf, time::Duration};

use clap::Args;
use quorate_tests::planted::{
    Copy, PlantedError,
    convict::{Court, Effort},
    known::{Row, rows},
    page::{line, page},
    repository,
    results::{self, CLEAN, Outcome, clean_row},
    switch::switched,
};

use super::{Arguments, CORE, workshop};

const SIMULATED: [&str; 6] =
    [CORE, "adapters/codec", "adapters/driver", "adapters/wal", "engine/kv", "simulator"];
const RESULTS: &str = "tests/planted/results.jsonl";
const PAGE: &str = "docs/planted-bugs.md";
/// What `--results` says where nothing is to be kept.
const NONE: &str = "none";

#[derive(Args)]
pub(super) struct Flags {
    /// With --simulate: processor time for each range of seeds. Seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    budget: u64,
    /// With --simulate: how many disjoint ranges of seeds; four fifths of them must find it.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    ranges: u64,
    /// With --simulate: how long to make the first failure smaller at most; 0 for not at all.
    /// Seconds.
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(0..=3_600))]
    shrink_budget: u64,
    /// With --simulate: under this profile in place of the row's own.
    #[arg(long)]
    profile: Option<String>,
    /// With --simulate: the ten that are convicted soonest, and the clean sources.
    #[arg(long)]
    quick: bool,
    /// With --simulate: where results are kept, a line for each row; `none` for nowhere. What is
    /// there already, with at least this budget, is not run again. By default
    /// tests/planted/results.jsonl.
    #[arg(long, value_name = "FILE")]
    results: Option<String>,
    /// With --simulate: run also what the results have already.
    #[arg(long)]
    again: bool,
    /// With --simulate: run nothing, and write docs/planted-bugs.md from the results.
    #[arg(long)]
    table: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<bool, PlantedError> {
    let flags = &arguments.simulation;
    let rows = rows(&repository())?;
    let kept = match flags.results.as_deref() {
        Some(NONE) => None,
        Some(path) => Some(PathBuf::from(path)),
        None if flags.quick || flags.profile.is_some() => None,
        None => Some(repository().join(RESULTS)),
    };
    let before = kept.as_deref().map(results::read).transpose()?.unwrap_or_default();
    if flags.table {
        let path = repository().join(PAGE);
        fs::write(&path, page(&rows, &before))
            .map_err(|error| PlantedError::Io(format!("write {}", path.display()), error))?;
        return Ok(true);
    }
    let chosen = choose(arguments, &rows)?;
    if arguments.list {
        for (row, _) in &chosen {
            println!("{:5} {:9} {}", row.id, row.breaks, row.what);
        }
        return Ok(true);
    }
    let court = build(&rows)?;
    let effort = Effort {
        ranges: flags.ranges,
        budget: Duration::from_secs(flags.budget),
        shrink: (flags.shrink_budget > 0).then_some(Duration::from_secs(flags.shrink_budget)),
    };
    let mut all = true;
    for (row, number) in chosen {
        let old = before.iter().find(|old| old.id == row.id && old.settles(&row, effort));
        let outcome = match old {
            Some(old) if !flags.again => old.clone(),
            Some(_) | None => {
                let (found, shrunk) = court.try_row(&row, number, effort, &mut progress)?;
                let outcome = Outcome::now(&row, effort, found, shrunk);
                if let Some(path) = &kept {
                    results::add(path, &outcome)?;
                }
                outcome
            }
        };
        all &= outcome.is_as_due() || row.missed.is_some();
        tell(arguments, &row, &outcome)?;
    }
    Ok(all)
}

/// The rows that are asked for, each with its number, and the clean sources where they are.
fn choose(arguments: &Arguments, rows: &[Row]) -> Result<Vec<(Row, u32)>, PlantedError> {
    let (ids, quick) = (&arguments.ids, arguments.simulation.quick);
    let known = |id: &&String| {
        *id == CLEAN
            || rows.iter().any(|row| row.is_planted() && (row.id == **id || row.bug() == **id))
    };
    if let Some(id) = ids.iter().find(|id| !known(id)) {
        let what = format!("no planted bug is called '{id}'; try --simulate --list");
        return Err(PlantedError::Table(what));
    }
    let is_wanted = |row: &Row| {
        let is_named = ids.iter().any(|id| row.id == *id || row.bug() == id);
        row.is_planted() && (ids.is_empty() || is_named) && (!quick || row.quick)
    };
    let clean = clean_row();
    let all = [(&clean, 0)].into_iter().chain(rows.iter().zip(1..));
    let chosen = all.filter(|(row, _)| is_wanted(row)).map(|(row, number)| {
        let profile = arguments.simulation.profile.as_ref().unwrap_or(&row.profile).clone();
        (Row { profile, ..row.clone() }, number)
    });
    Ok(chosen.collect())
}

/// Builds the simulator with every row planted.
fn build(rows: &[Row]) -> Result<Court, PlantedError> {
    let (repository, folder) = (repository(), workshop("simulate"));
    let sources = switched(&repository, rows)?;
    let copy = Copy::with(&repository, &folder, &SIMULATED, &sources)?;
    progress("building the simulator with all of them");
    let simulator = copy.build_simulator()?;
    Ok(Court { simulator, failures: folder.join("failures") })
}

/// Says what is going on, where somebody looks.
fn progress(text: &str) {
    if std::io::stderr().is_terminal() {
        eprint!("\r\x1b[2K{text}");
    }
}

fn tell(arguments: &Arguments, row: &Row, outcome: &Outcome) -> Result<(), PlantedError> {
    progress("");
    if arguments.json {
        let text = serde_json::to_string(outcome)
            .map_err(|error| PlantedError::Table(error.to_string()))?;
        println!("{text}");
        return Ok(());
    }
    println!("{}", line(row, outcome));
    if let Some(violation) = outcome.finds().find_map(|found| found.violation.as_ref()) {
        println!("          {violation}");
    }
    if !outcome.is_as_due()
        && let Some(why) = &row.missed
    {
        println!("          known to be missed: {why}");
    }
    Ok(())
}
