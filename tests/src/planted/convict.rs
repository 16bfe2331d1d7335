//! What the simulator makes of one planted bug: several disjoint ranges of seeds, each with a budget
//! of processor time, and the first failure made smaller.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{PlantedError, failed, known::Row, switch::SWITCH};

/// Seeds from one range to the next: more than any budget runs.
const RANGE_SEEDS: u64 = 1_000_000;
/// Seeds of the first run of a range, from which it is reckoned how many the next takes.
const FIRST_SEEDS: u64 = 16;
/// A run of the simulator is given seeds for about this much processor time.
const RUN_TIME: Duration = Duration::from_secs(10);
/// A run that takes this long by the clock does not end.
const RUN_LIMIT: Duration = Duration::from_secs(300);
/// What is said to be violated where a run does not end.
const ENDLESS: &str = "never-ends";

/// How hard to look for a bug.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Disjoint ranges of seeds, at least 1.
    pub ranges: u64,
    /// Processor time for each.
    pub budget: Duration,
    /// Time to make the first failure smaller; none leaves it as it is.
    pub shrink: Option<Duration>,
}

impl Effort {
    /// In how many ranges a bug must be found to be convicted: four of five.
    pub fn needed(&self) -> u64 {
        (self.ranges * 4).div_ceil(5)
    }
}

/// What one range of seeds came to.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
pub struct Found {
    /// The range's first seed.
    pub first_seed: u64,
    /// Seeds run, the one that failed included.
    pub seeds: u64,
    /// Processor time that they took. Seconds.
    pub cpu_s: f64,
    /// The property that broke; none where none did within the budget.
    pub property: Option<String>,
    /// What broke it, as a sentence.
    pub violation: Option<String>,
}

/// How large a failure is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Size {
    /// In its plan.
    pub faults: u64,
    /// Of its clients.
    pub operations: u64,
    /// Members or not.
    pub nodes: u64,
    /// Until it breaks.
    pub events: u64,
}

/// What the first failure was made of.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Shrunk {
    /// As it was found.
    pub before: Size,
    /// As small as it got.
    pub after: Size,
    /// Runs that it took.
    pub runs: u64,
    /// How long it took by the clock. Seconds.
    pub seconds: f64,
    /// Processor time that it took. Seconds; the same as `seconds` where the system does not say.
    pub cpu_s: f64,
    /// Whether the budget ended it.
    pub cut: bool,
}

/// What became of a row.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trial {
    /// What the ranges came to, in order.
    pub found: Vec<Found>,
    /// What the first failure was made of.
    pub shrunk: Option<Shrunk>,
}

/// A simulator in which every row is planted. Several rows may be tried at once.
pub struct Court {
    /// The executable.
    pub simulator: PathBuf,
    /// Where failures are written, each row's to a folder of its own.
    pub failures: PathBuf,
    /// Once it is set, what is under way is given up.
    pub stop: Arc<AtomicBool>,
}

/// One row, and where it is tried.
struct Case<'a> {
    row: &'a Row,
    number: u32,
    folder: PathBuf,
}

/// What the simulator came to.
enum Said {
    Summary(Value),
    Endless,
    Interrupted,
}

/// Told each time something is known: in words, and the row's processor time so far in seconds.
pub type Watch<'a> = &'a mut dyn FnMut(&str, f64);

impl Court {
    /// Looks for the bug of row `number`, 0 for none, in one range after the other; stops as soon as
    /// too many are without a find. None where it was interrupted.
    ///
    /// # Errors
    /// Where the simulator cannot be run, or says nothing that can be read.
    pub fn try_row(
        &self,
        row: &Row,
        number: u32,
        effort: Effort,
        watch: Watch<'_>,
    ) -> Result<Option<Trial>, PlantedError> {
        let case = Case { row, number, folder: self.failures.join(&row.id) };
        let (mut trial, mut failure, mut spent) = (Trial::default(), None, 0.0);
        for range in 0..effort.ranges {
            let mut watch = |text: &str, cpu: f64| watch(text, spent + cpu);
            let Some((found, file)) = self.try_range(&case, range, effort.budget, &mut watch)?
            else {
                return Ok(None);
            };
            spent += found.cpu_s;
            failure = failure.or(file);
            trial.found.push(found);
            let without = trial.found.iter().filter(|found| found.property.is_none());
            if number > 0 && without.count() as u64 > effort.ranges - effort.needed() {
                break;
            }
        }
        if let (Some(file), Some(budget)) = (failure, effort.shrink) {
            watch("making the failure smaller", spent);
            trial.shrunk = self.shrink(&case, &file, budget)?;
        }
        Ok((!self.is_stopped()).then_some(trial))
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn try_range(
        &self,
        case: &Case<'_>,
        range: u64,
        budget: Duration,
        watch: Watch<'_>,
    ) -> Result<Option<(Found, Option<PathBuf>)>, PlantedError> {
        let first_seed = range * RANGE_SEEDS;
        let mut found = Found { first_seed, seeds: 0, cpu_s: 0.0, property: None, violation: None };
        while found.cpu_s < budget.as_secs_f64() {
            let from = first_seed + found.seeds;
            let seeds = self.seeds_of_next_run(&found, budget);
            watch(&format!("range {}, {} seeds", range + 1, found.seeds), found.cpu_s);
            let list = format!("{from}..{}", from + seeds);
            let folder = case.folder.display().to_string();
            let arguments = ["run", "--json", "--no-shrink", "--seeds", &list, "--profile"];
            let arguments = [&arguments[..], &[&case.row.profile, "--failures", &folder]].concat();
            let summary = match self.simulator(case, &arguments)? {
                Said::Summary(summary) => summary,
                Said::Interrupted => return Ok(None),
                Said::Endless => {
                    found.property = Some(ENDLESS.to_owned());
                    found.seeds += seeds;
                    return Ok(Some((found, None)));
                }
            };
            found.cpu_s += seconds(&summary["cpu_ns"]);
            let Some(failure) = summary["failures"].as_array().and_then(|list| list.first()) else {
                found.seeds += seeds;
                continue;
            };
            let text = |name: &str| failure[name].as_str().map(str::to_owned);
            found.seeds = failure["seed"].as_u64().unwrap_or(from) + 1 - first_seed;
            (found.property, found.violation) = (text("property"), text("violation"));
            return Ok(Some((found, text("file").map(PathBuf::from))));
        }
        Ok(Some((found, None)))
    }

    fn seeds_of_next_run(&self, found: &Found, budget: Duration) -> u64 {
        if found.seeds == 0 {
            return FIRST_SEEDS;
        }
        let left = (budget.as_secs_f64() - found.cpu_s).min(RUN_TIME.as_secs_f64());
        let each = (found.cpu_s / found.seeds as f64).max(1e-6);
        // Below what a batch must have to be judged by what it reached.
        ((left / each).ceil() as u64).clamp(1, 400)
    }

    fn shrink(
        &self,
        case: &Case<'_>,
        file: &Path,
        budget: Duration,
    ) -> Result<Option<Shrunk>, PlantedError> {
        let (file, budget) = (file.display().to_string(), format!("{}ms", budget.as_millis()));
        let arguments = ["shrink", &file, "--json", "--budget", &budget];
        let summary = match self.simulator(case, &arguments)? {
            Said::Summary(summary) if summary["after"].is_object() => summary,
            Said::Summary(_) | Said::Endless | Said::Interrupted => return Ok(None),
        };
        let size = |side: &str| {
            let number = |name: &str| summary[side][name].as_u64().unwrap_or(0);
            let (faults, operations) = (number("faults"), number("operations"));
            Size { faults, operations, nodes: number("nodes"), events: number("events") }
        };
        let wall = seconds(&summary["wall_ns"]);
        Ok(Some(Shrunk {
            before: size("before"),
            after: size("after"),
            runs: summary["runs"].as_u64().unwrap_or(0),
            seconds: wall,
            cpu_s: if summary["cpu_ns"].is_u64() { seconds(&summary["cpu_ns"]) } else { wall },
            cut: summary["cut"].as_bool().unwrap_or(false),
        }))
    }

    /// Runs the simulator and reads the one object that it prints.
    fn simulator(&self, case: &Case<'_>, arguments: &[&str]) -> Result<Said, PlantedError> {
        if self.is_stopped() {
            return Ok(Said::Interrupted);
        }
        fs::create_dir_all(&case.folder).map_err(failed("create the folder of failures"))?;
        let output = case.folder.join("output.json");
        let file = fs::File::create(&output).map_err(failed("create a file"))?;
        let child = Command::new(&self.simulator)
            .args(arguments)
            .env(SWITCH, case.number.to_string())
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("run the simulator"))?;
        if !ends(child)? {
            return Ok(Said::Endless);
        }
        let text = fs::read_to_string(&output).map_err(failed("read what the simulator said"))?;
        // Ctrl-C reaches the simulator as well, maybe before it can say anything.
        if self.is_stopped() {
            return Ok(Said::Interrupted);
        }
        let summary: Value = serde_json::from_str(text.trim()).map_err(|error| {
            PlantedError::Table(format!("the simulator said {text:?}: {error}"))
        })?;
        let is_whole = summary["interrupted"].as_bool() != Some(true);
        Ok(if is_whole { Said::Summary(summary) } else { Said::Interrupted })
    }
}

/// Nanoseconds of a summary as seconds.
fn seconds(nanos: &Value) -> f64 {
    nanos.as_u64().unwrap_or(0) as f64 / 1e9
}

/// Waits for a process, but not for ever.
fn ends(mut child: Child) -> Result<bool, PlantedError> {
    let until = Instant::now() + RUN_LIMIT;
    while child.try_wait().map_err(failed("wait for the simulator"))?.is_none() {
        if Instant::now() > until {
            let _ = child.kill();
            let _ = child.wait();
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(5));
    }
    Ok(true)
}
