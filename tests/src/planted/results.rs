//! What became of each row, kept as JSON, an object a line, so that a long run can be resumed.

use std::{
    fs,
    io::Write,
    path::Path,
    time::{SystemTime, UNIX_EPOCH},
};

use quorate_sim::{file::VERSION, hash::mix_bytes};
use serde::{Deserialize, Serialize};

use super::{
    PlantedError,
    convict::{Effort, Found, Shrunk, Trial},
    failed,
    known::Row,
    source::{self, UNKNOWN},
};

/// The name of the row in which nothing is planted.
pub const CLEAN: &str = "none";

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Which row.
    pub id: String,
    /// What was planted, as a hash: another edit is another row.
    pub planted: String,
    /// The commit of the sources that it was planted in, as [`source::commit`] gives it.
    #[serde(default = "unknown")]
    pub commit: String,
    /// The version of the simulator: another one may draw other numbers for a seed.
    #[serde(default = "unknown")]
    pub version: String,
    /// The profile of the simulator.
    pub profile: String,
    /// Processor time for each range. Seconds.
    pub budget_s: u64,
    /// How many ranges were to be run.
    pub ranges: u64,
    /// In how many of them it had to be found.
    pub needed: u64,
    /// When it ended: year, month and day.
    pub date: String,
    /// What the ranges came to, in order.
    pub found: Vec<Found>,
    /// What the first failure was made of.
    pub shrunk: Option<Shrunk>,
}

fn unknown() -> String {
    UNKNOWN.to_owned()
}

/// What an outcome says of its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing was planted, and nothing found.
    Clean,
    /// Nothing was planted, and something found.
    NotClean,
    /// Found, as it should be.
    Convicted,
    /// Found, though its row says why it is not: the text is wrong.
    ConvictedAfterAll,
    /// Not found, as its row says.
    MissedAsKnown,
    /// Not found, though it should be.
    Missed,
}

impl Verdict {
    /// The exit code: 0 as the rows expect, 1 something was not convicted or the clean sources fail, 4
    /// something was convicted whose row says that it is not.
    pub fn exit_code(self) -> u8 {
        match self {
            Verdict::Clean | Verdict::Convicted | Verdict::MissedAsKnown => 0,
            Verdict::NotClean | Verdict::Missed => 1,
            Verdict::ConvictedAfterAll => 4,
        }
    }
}

impl Outcome {
    /// What became of `row` now, in sources of `commit`.
    pub fn now(row: &Row, commit: &str, effort: Effort, trial: Trial) -> Outcome {
        let Trial { found, shrunk } = trial;
        Outcome {
            id: row.id.clone(),
            planted: fingerprint(row),
            commit: commit.to_owned(),
            version: VERSION.to_owned(),
            profile: row.profile.clone(),
            budget_s: effort.budget.as_secs(),
            ranges: effort.ranges,
            needed: effort.needed(),
            date: today(),
            found,
            shrunk,
        }
    }

    /// The ranges in which something broke.
    pub fn finds(&self) -> impl Iterator<Item = &Found> {
        self.found.iter().filter(|found| found.property.is_some())
    }

    /// Whether enough ranges found it.
    pub fn is_convicted(&self) -> bool {
        self.finds().count() as u64 >= self.needed
    }

    /// What it says of its row.
    pub fn verdict(&self, row: &Row) -> Verdict {
        match (self.id == CLEAN, self.is_convicted(), row.excuse().is_some()) {
            (true, _, _) if self.finds().count() == 0 => Verdict::Clean,
            (true, _, _) => Verdict::NotClean,
            (false, true, false) => Verdict::Convicted,
            (false, true, true) => Verdict::ConvictedAfterAll,
            (false, false, true) => Verdict::MissedAsKnown,
            (false, false, false) => Verdict::Missed,
        }
    }

    /// Whether there is nothing to be gained from trying `row` with `effort` in sources of `commit`.
    pub fn settles(&self, row: &Row, commit: &str, effort: Effort) -> bool {
        let is_same = (&self.planted, &self.profile) == (&fingerprint(row), &row.profile)
            && self.commit == commit
            && source::is_certain(commit);
        let is_as_hard = self.budget_s >= effort.budget.as_secs() && self.ranges >= effort.ranges;
        let was_convicted = row.id != CLEAN && self.is_convicted() && self.ranges >= effort.ranges;
        is_same && (is_as_hard || was_convicted)
    }

    /// The number in the middle of what the finds say; the lower one of two.
    pub fn median(&self, number: impl Fn(&Found) -> f64) -> Option<f64> {
        let mut numbers: Vec<f64> = self.finds().map(number).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len().checked_sub(1)? / 2).copied()
    }

    /// The properties that broke, each once, in the order of the ranges.
    pub fn properties(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for name in self.finds().filter_map(|found| found.property.as_deref()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }
}

/// The row in which nothing is planted.
pub fn clean_row() -> Row {
    Row {
        id: CLEAN.to_owned(),
        what: "nothing is planted".to_owned(),
        seen: String::new(),
        breaks: String::new(),
        profile: "swarm".to_owned(),
        uses: Vec::new(),
        edit: Vec::new(),
        absent: None,
        missed: None,
        harmless: None,
        quick: true,
    }
}

fn fingerprint(row: &Row) -> String {
    let mut hash = 0;
    for edit in &row.edit {
        for text in [&edit.file.display().to_string(), &edit.find, &edit.replace] {
            hash = mix_bytes(hash, text.as_bytes());
        }
    }
    format!("{hash:016x}")
}

/// The outcomes in a file, the last of each row; none where there is no such file.
///
/// # Errors
/// Where the file cannot be read, or a line is none of ours.
pub fn read(path: &Path) -> Result<Vec<Outcome>, PlantedError> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.map_err(failed(format!("read {}", path.display())))?,
    };
    let mut found: Vec<Outcome> = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        let outcome: Outcome = serde_json::from_str(line).map_err(|error| {
            PlantedError::Table(format!("{}:{number}: {error}", path.display()))
        })?;
        found.retain(|old| old.id != outcome.id);
        found.push(outcome);
    }
    Ok(found)
}

/// Adds an outcome to a file.
///
/// # Errors
/// Where the file cannot be written.
pub fn add(path: &Path, outcome: &Outcome) -> Result<(), PlantedError> {
    let line =
        serde_json::to_string(outcome).map_err(|error| PlantedError::Table(error.to_string()))?;
    let open = fs::OpenOptions::new().create(true).append(true).open(path);
    open.and_then(|mut file| writeln!(file, "{line}"))
        .map_err(failed(format!("write {}", path.display())))
}

/// Year, month and day in Greenwich.
fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    date_of(since.as_secs() / 86_400)
}

/// The date so many days after the first of January 1970, by eras of 400 years that begin in March.
fn date_of(days: u64) -> String {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn found(property: Option<&str>, seeds: u64) -> Found {
        let property = property.map(str::to_owned);
        Found { first_seed: 0, seeds, cpu_s: 1.0, property, violation: None }
    }

    fn outcome(found: Vec<Found>) -> Outcome {
        let effort = Effort { ranges: 5, budget: Duration::from_secs(9), shrink: None };
        let row = Row { id: "B1".to_owned(), ..clean_row() };
        Outcome::now(&row, "abc", effort, Trial { found, shrunk: None })
    }

    #[test]
    fn four_of_five_ranges_convict() {
        let hit = |seeds| found(Some("liveness"), seeds);
        let four = outcome(vec![hit(9), hit(1), found(None, 80), hit(5), hit(7)]);
        assert!(four.is_convicted());
        assert_eq!(four.median(|found| found.seeds as f64), Some(5.0));
        assert_eq!(four.properties(), ["liveness"]);
        let three = outcome(vec![hit(9), hit(1), found(None, 80), hit(5), found(None, 80)]);
        assert!(!three.is_convicted());
    }

    #[test]
    fn what_the_row_says_and_what_was_found_must_agree() {
        let row = Row { id: "B1".to_owned(), ..clean_row() };
        let why = Some("nobody looks".to_owned());
        let missed = Row { missed: why.clone(), ..row.clone() };
        let harmless = Row { harmless: why, ..row.clone() };
        let found_it = outcome(vec![found(Some("liveness"), 1); 4]);
        let found_none = outcome(vec![found(None, 1); 2]);
        let judged = |outcome: &Outcome| {
            [&row, &missed, &harmless].map(|row| outcome.verdict(row).exit_code())
        };
        assert_eq!(judged(&found_it), [0, 4, 4]);
        assert_eq!(judged(&found_none), [1, 0, 0]);
        let clean = Outcome { id: CLEAN.to_owned(), ..found_none };
        assert_eq!(clean.verdict(&clean_row()), Verdict::Clean);
        let broken = Outcome { id: CLEAN.to_owned(), ..outcome(vec![found(Some("liveness"), 3)]) };
        assert_eq!(broken.verdict(&clean_row()).exit_code(), 1);
    }

    #[test]
    fn a_row_is_tried_again_where_that_may_tell_more() {
        let row = Row { id: "B1".to_owned(), ..clean_row() };
        let effort =
            |seconds| Effort { ranges: 5, budget: Duration::from_secs(seconds), shrink: None };
        let missed = outcome(vec![found(None, 1), found(None, 1)]);
        let settles = |seconds| missed.settles(&row, "abc", effort(seconds));
        assert!(settles(9) && !settles(10));
        let convicted = outcome(vec![found(Some("liveness"), 1); 4]);
        assert!(convicted.settles(&row, "abc", effort(10)));
        let edit = super::super::known::Planting {
            file: "a".into(),
            find: "b".to_owned(),
            replace: "c".to_owned(),
        };
        assert!(!convicted.settles(&Row { edit: vec![edit], ..row }, "abc", effort(1)));
    }

    #[test]
    fn other_sources_and_sources_of_no_known_commit_settle_nothing() {
        let row = Row { id: "B1".to_owned(), ..clean_row() };
        let effort = Effort { ranges: 5, budget: Duration::from_secs(1), shrink: None };
        let convicted = outcome(vec![found(Some("liveness"), 1); 4]);
        assert!(convicted.settles(&row, "abc", effort) && !convicted.settles(&row, "abd", effort));
        for commit in [UNKNOWN, "abc+"] {
            let of = Outcome { commit: commit.to_owned(), ..convicted.clone() };
            assert!(!of.settles(&row, commit, effort), "{commit}");
        }
    }

    #[test]
    fn what_was_added_last_counts() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        assert_eq!(read(&path).unwrap(), []);
        let (first, second) = (outcome(vec![]), outcome(vec![found(Some("liveness"), 2)]));
        add(&path, &first).unwrap();
        add(&path, &second).unwrap();
        assert_eq!(read(&path).unwrap(), [second]);
        fs::write(&path, "{}\n").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("results.jsonl:1: missing field"));
    }

    #[test]
    fn days_have_dates() {
        let dates = [0, 59, 11_016, 20_513].map(date_of);
        assert_eq!(dates, ["1970-01-01", "1970-03-01", "2000-02-29", "2026-03-01"]);
    }
}
