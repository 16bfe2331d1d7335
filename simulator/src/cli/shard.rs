//! Which part of a range of seeds is this process's: from the command line, or from the variables that
//! an engine sets for each of its tasks.

use std::fmt;

use serde::{Deserialize, Serialize};

/// More shards than this are a mistake.
const SHARDS_LIMIT: u64 = 1_000_000;
/// The variable that stands for the argument.
pub(super) const VARIABLE: &str = "QUORATE_SHARD";
/// All seeds.
const WHOLE: Shard = Shard { index: 0, of: 1 };
/// What may be written.
const FORMS: &str = "write I/N with I from 0 to N-1, slurm or kubernetes";

/// One of `of` equal parts: of the seeds of a range every `of`th, from the `index`th on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Shard {
    /// Counted from 0.
    pub(super) index: u64,
    pub(super) of: u64,
}

impl Shard {
    /// All seeds.
    pub(super) const WHOLE: Shard = Shard { index: 0, of: 1 };

    /// The `nth` of its seeds, counted from 0; none where numbers end.
    pub(super) fn seed(self, start: u64, nth: u64) -> Option<u64> {
        let before = nth.checked_mul(self.of)?.checked_add(self.index)?;
        start.checked_add(before)
    }

    /// How many of the seeds from `start` up to `end` are its.
    pub(super) fn count(self, start: u64, end: u64) -> u64 {
        let all = end.saturating_sub(start);
        all.saturating_sub(self.index).div_ceil(self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.index, self.of)
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> String {
        shard.to_string()
    }
}

impl TryFrom<String> for Shard {
    type Error = String;

    fn try_from(text: String) -> Result<Shard, String> {
        split(&text)
    }
}

/// The shard that an argument names. A variable that is set to nothing names none.
pub(super) fn parse(text: &str) -> Result<Shard, String> {
    parse_in(text, &|name| std::env::var(name).ok())
}

type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

fn parse_in(text: &str, variables: Variables<'_>) -> Result<Shard, String> {
    match text {
        "" if variables(VARIABLE).is_some_and(|text| text.is_empty()) => Ok(WHOLE),
        "slurm" => slurm(variables),
        "kubernetes" => kubernetes(variables),
        _ => split(text),
    }
}

fn split(text: &str) -> Result<Shard, String> {
    let wrong = || format!("'{text}' is no shard: {FORMS}");
    let (index, of) = text.split_once('/').ok_or_else(wrong)?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| wrong());
    within(number(index)?, number(of)?).ok_or_else(|| {
        format!("there is no shard {text}: they count from 0, and are 1 to {SHARDS_LIMIT}")
    })
}

fn within(index: u64, of: u64) -> Option<Shard> {
    ((1..=SHARDS_LIMIT).contains(&of) && index < of).then_some(Shard { index, of })
}

/// A variable's number.
fn number(variables: Variables<'_>, name: &str) -> Result<u64, String> {
    let text = variables(name).ok_or_else(|| format!("{name} is not set: {FORMS}"))?;
    text.parse().map_err(|_| format!("{name} is '{text}', which is not a number"))
}

/// A task of an array: `sbatch --array=0-63`, or any other range, with or without a step.
fn slurm(variables: Variables<'_>) -> Result<Shard, String> {
    let id = number(variables, "SLURM_ARRAY_TASK_ID")?;
    let of = number(variables, "SLURM_ARRAY_TASK_COUNT")?;
    let first = number(variables, "SLURM_ARRAY_TASK_MIN")?;
    // Slurm sets it for ranges; a list of tasks, as 1,5,7, has no order that a task could know of.
    let step = if variables("SLURM_ARRAY_TASK_STEP").is_some() {
        number(variables, "SLURM_ARRAY_TASK_STEP")?.max(1)
    } else {
        1
    };
    let found = id.checked_sub(first).filter(|behind| behind % step == 0);
    found.and_then(|behind| within(behind / step, of)).ok_or_else(|| {
        format!(
            "task {id} is none of {of} tasks from {first} on in steps of {step}: use an array that \
             is a range, as --array=0-63"
        )
    })
}

/// A pod of an indexed Job, whose manifest passes the number of completions on.
fn kubernetes(variables: Variables<'_>) -> Result<Shard, String> {
    let index = number(variables, "JOB_COMPLETION_INDEX")?;
    let of = number(variables, "JOB_COMPLETIONS")?;
    within(index, of).ok_or_else(|| {
        format!("JOB_COMPLETION_INDEX is {index}, which is none of JOB_COMPLETIONS, {of}")
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn with(text: &str, variables: &[(&str, &str)]) -> Result<Shard, String> {
        let all: BTreeMap<&str, &str> = variables.iter().copied().collect();
        parse_in(text, &|name| all.get(name).map(|value| (*value).to_owned()))
    }

    #[test]
    fn shards_cover_a_range_without_overlap() {
        for of in 1..9 {
            let mut seeds = Vec::new();
            for index in 0..of {
                let shard = Shard { index, of };
                let count = shard.count(5, 42);
                seeds.extend((0..count).filter_map(|nth| shard.seed(5, nth)));
                assert!(shard.seed(5, count).is_some_and(|next| next >= 42));
            }
            seeds.sort_unstable();
            assert_eq!(seeds, (5..42).collect::<Vec<u64>>(), "{of} shards");
        }
        assert_eq!(Shard { index: 3, of: 4 }.count(0, 2), 0);
        assert_eq!(Shard { index: 1, of: 2 }.seed(u64::MAX, 0), None);
    }

    #[test]
    fn a_shard_is_written_as_its_index_and_their_number() {
        assert_eq!(with("3/64", &[]), Ok(Shard { index: 3, of: 64 }));
        for wrong in ["64/64", "0/0", "1", "a/2", "-1/2", "1/2/3", "", "0/9999999"] {
            assert!(with(wrong, &[]).is_err(), "{wrong}");
        }
        assert_eq!(with("", &[("QUORATE_SHARD", "")]), Ok(WHOLE));
        assert!(with("2/2", &[]).unwrap_err().contains("count from 0"));
        assert!(with("2", &[]).unwrap_err().contains("I from 0 to N-1"));
    }

    #[test]
    fn an_array_task_is_a_shard_wherever_the_array_begins() {
        let task = |id: &str, count: &str, min: &str, step: &str| {
            let names = ["TASK_ID", "TASK_COUNT", "TASK_MIN", "TASK_STEP"];
            let names = names.map(|name| format!("SLURM_ARRAY_{name}"));
            let values = [id, count, min, step];
            let all: Vec<(&str, &str)> = names
                .iter()
                .map(String::as_str)
                .zip(values)
                .filter(|set| !set.1.is_empty())
                .collect();
            with("slurm", &all)
        };
        assert_eq!(task("0", "64", "0", ""), Ok(Shard { index: 0, of: 64 }));
        assert_eq!(task("64", "64", "1", "1"), Ok(Shard { index: 63, of: 64 }));
        assert_eq!(task("15", "4", "3", "4"), Ok(Shard { index: 3, of: 4 }));
        assert!(task("9", "3", "1", "1").unwrap_err().contains("an array that is a range"));
        assert!(task("", "3", "1", "").unwrap_err().contains("SLURM_ARRAY_TASK_ID is not set"));
        assert!(task("x", "3", "1", "").unwrap_err().contains("is 'x', which is not a number"));
    }

    #[test]
    fn a_pod_is_a_shard() {
        let pod = |index, of| {
            with("kubernetes", &[("JOB_COMPLETION_INDEX", index), ("JOB_COMPLETIONS", of)])
        };
        assert_eq!(pod("7", "8"), Ok(Shard { index: 7, of: 8 }));
        assert!(pod("8", "8").unwrap_err().contains("which is none of"));
        let alone = with("kubernetes", &[("JOB_COMPLETION_INDEX", "1")]);
        assert!(alone.unwrap_err().contains("JOB_COMPLETIONS is not set"));
    }
}
