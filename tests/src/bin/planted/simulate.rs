//! The known bugs of real implementations, against the simulator.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use clap::Args;
use quorate_sim::words::counted;
use quorate_tests::planted::{
    Copy, PlantedError,
    convict::{Court, Effort},
    known::{Row, rows},
    page::{line, page},
    repository,
    results::{self, CLEAN, Outcome, Verdict, clean_row},
    source,
    switch::switched,
};

use super::{
    Arguments, CORE,
    crew::{Task, work},
    progress::Progress,
    workshop,
};

const SIMULATED: [&str; 6] =
    [CORE, "adapters/codec", "adapters/driver", "adapters/wal", "engine/kv", "simulator"];
/// What a result depends on besides, but for the edits: a change of anything else settles it.
const MANIFESTS: [&str; 2] = ["Cargo.toml", "Cargo.lock"];
const RESULTS: &str = "tests/planted/results.jsonl";
const PAGE: &str = "docs/planted-bugs.md";
/// What `--results` says where nothing is to be kept.
const NONE: &str = "none";
/// As a shell reports a process that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

#[derive(Args)]
pub(super) struct Flags {
    /// With --simulate: processor time for each range of seeds. Seconds.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    budget: u64,
    /// With --simulate: the same for rows that say why they are not convicted. By default, as
    /// --budget. Seconds.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    missed_budget: Option<u64>,
    /// With --simulate: how many rows at a time.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    jobs: u64,
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
    /// there already, with at least this budget and of the same commit of the sources (or
    /// QUORATE_COMMIT, where git does not know), is not run again. By default
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

impl Flags {
    /// How hard to look for a row.
    fn effort(&self, row: &Row) -> Effort {
        let budget = match (self.missed_budget, row.excuse()) {
            (Some(budget), Some(_)) => budget,
            (_, _) => self.budget,
        };
        Effort {
            ranges: self.ranges,
            budget: Duration::from_secs(budget),
            shrink: (self.shrink_budget > 0).then_some(Duration::from_secs(self.shrink_budget)),
        }
    }

    /// Where results are kept, if they are.
    fn kept(&self) -> Option<PathBuf> {
        match self.results.as_deref() {
            Some(NONE) => None,
            Some(path) => Some(PathBuf::from(path)),
            None if self.quick || self.profile.is_some() => None,
            None => Some(repository().join(RESULTS)),
        }
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<u8, PlantedError> {
    let flags = &arguments.simulation;
    let rows = rows(&repository())?;
    let kept = flags.kept();
    let before = kept.as_deref().map(results::read).transpose()?.unwrap_or_default();
    if flags.table {
        let path = repository().join(PAGE);
        fs::write(&path, page(&rows, &before))
            .map_err(|error| PlantedError::Io(format!("write {}", path.display()), error))?;
        return Ok(0);
    }
    let chosen = choose(arguments, &rows)?;
    if arguments.list {
        for (row, _) in &chosen {
            println!("{:5} {:9} {}", row.id, row.breaks, row.what);
        }
        return Ok(0);
    }
    let commit = source::commit(&repository(), &[&SIMULATED[..], &MANIFESTS].concat());
    let mut verdicts = BTreeMap::new();
    let mut tasks = Vec::new();
    for (row, number) in chosen {
        let effort = flags.effort(&row);
        let old = before.iter().find(|old| old.id == row.id && old.settles(&row, &commit, effort));
        match old.filter(|_| !flags.again) {
            Some(old) => {
                tell(arguments, &row, old)?;
                verdicts.insert(row.id.clone(), old.verdict(&row));
            }
            None => tasks.push(Task { row, number, effort }),
        }
    }
    let (left, stop) = (tasks.len(), interruptible());
    if left > 0 {
        let court = match build(&rows, stop.clone()) {
            // Ctrl-C ends cargo, too.
            Err(_) if stop.load(Ordering::Relaxed) => return Ok(conclude(&verdicts, true)),
            court => court?,
        };
        let progress = Progress::new(left as u64);
        work(&court, flags.jobs, tasks, &progress, &mut |task, trial| {
            let outcome = Outcome::now(&task.row, &commit, task.effort, trial);
            if let Some(path) = &kept {
                results::add(path, &outcome)?;
            }
            verdicts.insert(task.row.id.clone(), outcome.verdict(&task.row));
            progress.above(|| tell(arguments, &task.row, &outcome))
        })?;
        progress.end();
    }
    Ok(conclude(&verdicts, stop.load(Ordering::Relaxed)))
}

/// Set by Ctrl-C.
fn interruptible() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let handler = stop.clone();
    // Without a handler the process just ends at once; what is done is kept all the same.
    let _ = ctrlc::set_handler(move || handler.store(true, Ordering::Relaxed));
    stop
}

/// Says what does not fit its rows, and gives the exit code: the gravest.
fn conclude(verdicts: &BTreeMap<String, Verdict>, is_interrupted: bool) -> u8 {
    let of = |wanted: Verdict| -> Vec<&str> {
        let those = verdicts.iter().filter(|(_, verdict)| **verdict == wanted);
        those.map(|(id, _)| id.as_str()).collect()
    };
    for (verdict, what) in [
        (Verdict::NotClean, "the clean sources fail"),
        (Verdict::Missed, "not convicted, though nothing says why"),
        (Verdict::ConvictedAfterAll, "convicted, though the row says why it is not: mend its text"),
    ] {
        let ids = of(verdict);
        if !ids.is_empty() {
            eprintln!("{what}: {}", ids.join(", "));
        }
    }
    if is_interrupted {
        eprintln!("interrupted; {} done", counted(verdicts.len() as u64, "row"));
    }
    let codes = verdicts.values().map(|verdict| verdict.exit_code()).filter(|code| *code > 0);
    codes.min().unwrap_or(if is_interrupted { INTERRUPTED } else { 0 })
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
fn build(rows: &[Row], stop: Arc<AtomicBool>) -> Result<Court, PlantedError> {
    let (repository, folder) = (repository(), workshop("simulate"));
    let sources = switched(&repository, rows)?;
    let copy = Copy::with(&repository, &folder, &SIMULATED, &sources)?;
    let building = Progress::new(0);
    building.say("building the simulator with all of them");
    let simulator = copy.build_simulator()?;
    building.end();
    Ok(Court { simulator, failures: folder.join("failures"), stop })
}

fn tell(arguments: &Arguments, row: &Row, outcome: &Outcome) -> Result<(), PlantedError> {
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
    match (outcome.verdict(row), row.excuse()) {
        (Verdict::MissedAsKnown, Some(why)) => println!("          known to be missed: {why}"),
        (Verdict::ConvictedAfterAll, Some(why)) => {
            println!("          convicted, though its row says: {why}");
        }
        (_, _) => {}
    }
    Ok(())
}
