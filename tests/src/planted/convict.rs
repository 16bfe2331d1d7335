//! What the simulator makes of one planted bug: several disjoint ranges of seeds, each with a budget
//! of processor time, and the first failure made smaller.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
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

/// A simulator in which every row is planted.
pub struct Court {
    /// The executable.
    pub simulator: PathBuf,
    /// Where failures are written.
    pub failures: PathBuf,
}

impl Court {
    /// Looks for the bug of row `number`, 0 for none, in one range after the other; stops as soon as
    /// too many are without a find. `progress` is told each time something is known.
    ///
    /// # Errors
    /// Where the simulator cannot be run, or says nothing that can be read.
    pub fn try_row(
        &self,
        row: &Row,
        number: u32,
        effort: Effort,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(Vec<Found>, Option<Shrunk>), PlantedError> {
        let (mut ranges, mut failure) = (Vec::new(), None);
        for range in 0..effort.ranges {
            let (found, file) = self.try_range(row, number, range, effort.budget, progress)?;
            failure = failure.or(file);
            ranges.push(found);
            let without = ranges.iter().filter(|found| found.property.is_none()).count() as u64;
            if number > 0 && without > effort.ranges - effort.needed() {
                break;
            }
        }
        let shrunk = match (failure, effort.shrink) {
            (Some(file), Some(budget)) => {
                progress(&format!("{}: making the failure smaller", row.id));
                self.shrink(&file, number, budget)?
            }
            (_, _) => None,
        };
        Ok((ranges, shrunk))
    }

    fn try_range(
        &self,
        row: &Row,
        number: u32,
        range: u64,
        budget: Duration,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(Found, Option<PathBuf>), PlantedError> {
        let first_seed = range * RANGE_SEEDS;
        let mut found = Found { first_seed, seeds: 0, cpu_s: 0.0, property: None, violation: None };
        while found.cpu_s < budget.as_secs_f64() {
            let from = first_seed + found.seeds;
            let seeds = self.seeds_of_next_run(&found, budget);
            progress(&format!(
                "{}: range {}, {} seeds, {:.0} of {} CPU-s",
                row.id,
                range + 1,
                found.seeds,
                found.cpu_s,
                budget.as_secs()
            ));
            let list = format!("{from}..{}", from + seeds);
            let failures = self.failures.display().to_string();
            let arguments = ["run", "--json", "--no-shrink", "--seeds", &list, "--profile"];
            let arguments = [&arguments[..], &[&row.profile, "--failures", &failures]].concat();
            let (summary, _) = self.simulator(number, &arguments)?;
            let Some(summary) = summary else {
                found.property = Some(ENDLESS.to_owned());
                found.seeds += seeds;
                return Ok((found, None));
            };
            found.cpu_s += summary["cpu_ns"].as_u64().unwrap_or(0) as f64 / 1e9;
            let Some(failure) = summary["failures"].as_array().and_then(|list| list.first()) else {
                found.seeds += seeds;
                continue;
            };
            let text = |name: &str| failure[name].as_str().map(str::to_owned);
            found.seeds = failure["seed"].as_u64().unwrap_or(from) + 1 - first_seed;
            (found.property, found.violation) = (text("property"), text("violation"));
            return Ok((found, text("file").map(PathBuf::from)));
        }
        Ok((found, None))
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
        file: &Path,
        number: u32,
        budget: Duration,
    ) -> Result<Option<Shrunk>, PlantedError> {
        let (file, budget) = (file.display().to_string(), format!("{}ms", budget.as_millis()));
        let arguments = ["shrink", &file, "--json", "--budget", &budget];
        let (summary, cpu) = self.simulator(number, &arguments)?;
        let Some(summary) = summary.filter(|summary| summary["after"].is_object()) else {
            return Ok(None);
        };
        let size = |side: &str| {
            let number = |name: &str| summary[side][name].as_u64().unwrap_or(0);
            let (faults, operations) = (number("faults"), number("operations"));
            Size { faults, operations, nodes: number("nodes"), events: number("events") }
        };
        let seconds = summary["wall_ns"].as_u64().unwrap_or(0) as f64 / 1e9;
        Ok(Some(Shrunk {
            before: size("before"),
            after: size("after"),
            runs: summary["runs"].as_u64().unwrap_or(0),
            seconds,
            cpu_s: cpu.unwrap_or(seconds),
            cut: summary["cut"].as_bool().unwrap_or(false),
        }))
    }

    /// Runs the simulator and reads the one object that it prints; none where it does not end.
    /// Besides, what processor time it took, where the system says. Seconds.
    fn simulator(
        &self,
        number: u32,
        arguments: &[&str],
    ) -> Result<(Option<Value>, Option<f64>), PlantedError> {
        fs::create_dir_all(&self.failures).map_err(failed("create the folder of failures"))?;
        let output = self.failures.join("output.json");
        let file = fs::File::create(&output).map_err(failed("create a file"))?;
        let before = children_cpu();
        let child = Command::new(&self.simulator)
            .args(arguments)
            .env(SWITCH, number.to_string())
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("run the simulator"))?;
        if !ends(child)? {
            return Ok((None, None));
        }
        let cpu = children_cpu().zip(before).map(|(now, before)| now - before);
        let text = fs::read_to_string(&output).map_err(failed("read what the simulator said"))?;
        let summary = serde_json::from_str(text.trim()).map_err(|error| {
            PlantedError::Table(format!("the simulator said {text:?}: {error}"))
        })?;
        Ok((Some(summary), cpu))
    }
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

/// What the processes that this one waited for took of a processor; none where the system does not
/// say. Seconds.
fn children_cpu() -> Option<f64> {
    /// The kernel counts in hundredths of a second for programs, whatever it does itself.
    const TICKS_PER_SECOND: f64 = 100.0;
    let text = fs::read_to_string("/proc/self/stat").ok()?;
    // The name, in parentheses, may hold anything. Behind it, from the third: the 16th and 17th.
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((number(13)? + number(14)?) / TICKS_PER_SECOND)
}
