//! Runs a program for a case: once for its time, twice under callgrind for its instructions.

use std::process::{Command, Output};

use serde::Deserialize;

use crate::{case::Case, system::Program};

/// How to get valgrind where it is missing.
pub(crate) const VALGRIND_HINT: &str =
    "needs valgrind (Debian and Ubuntu: apt-get install valgrind; Fedora: dnf install valgrind)";

/// What a repetition cost, for each unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Cost {
    pub(crate) ns: f64,
    pub(crate) allocations: f64,
    pub(crate) bytes: f64,
}

/// What a program says to a case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Cost(Cost),
    /// It will be able to, and is not yet.
    NotYet,
    /// It makes no sense for this system.
    Senseless,
}

#[derive(Deserialize)]
struct Line {
    note: Option<String>,
    units: Option<u64>,
    ns: Option<u64>,
    allocations: Option<u64>,
    bytes: Option<u64>,
}

/// One repetition.
pub(crate) fn once(program: &Program, case: &Case, units: u64) -> Result<Answer, String> {
    let output = start(&program.path.to_string_lossy(), &[], program, case, units)?;
    let text = String::from_utf8_lossy(&output.stdout);
    match text.lines().next() {
        Some(line) => answer(line),
        None => Ok(Answer::Senseless),
    }
}

fn answer(line: &str) -> Result<Answer, String> {
    let unreadable = || format!("a program printed what is no row: {line}");
    let line: Line = serde_json::from_str(line).map_err(|_| unreadable())?;
    if line.note.is_some() {
        return Ok(Answer::NotYet);
    }
    let (Some(units), Some(ns), Some(allocations), Some(bytes)) =
        (line.units, line.ns, line.allocations, line.bytes)
    else {
        return Err("a program printed a row that lacks a number".to_owned());
    };
    let each = |sum: u64| sum as f64 / units as f64;
    Ok(Answer::Cost(Cost { ns: each(ns), allocations: each(allocations), bytes: each(bytes) }))
}

/// Instructions for each unit: the difference of two run lengths, so that set-up cancels out.
pub(crate) fn instructions(program: &Program, case: &Case) -> Result<Option<f64>, String> {
    let Some([short, long]) = case.instruction_units() else { return Ok(None) };
    let count = |units| -> Result<u64, String> {
        let words = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];
        let output = start("valgrind", &words, program, case, units)?;
        collected(&String::from_utf8_lossy(&output.stderr))
    };
    let (fewer, more) = (count(short)?, count(long)?);
    Ok(Some(more.saturating_sub(fewer) as f64 / (long - short) as f64))
}

/// Whether valgrind can be started.
pub(crate) fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|out| out.status.success())
}

/// The sum in callgrind's last words: `==1== Collected : 123`.
fn collected(said: &str) -> Result<u64, String> {
    let line = said.lines().rev().find_map(|line| line.split_once("Collected : "));
    let number = line.and_then(|(_, number)| number.trim().parse().ok());
    number.ok_or_else(|| format!("valgrind did not say what it counted; it said: {said}"))
}

/// Starts `first` with `words`, where `first` is the program or what runs it.
fn start(
    first: &str,
    words: &[&str],
    program: &Program,
    case: &Case,
    units: u64,
) -> Result<Output, String> {
    let mut command = Command::new(first);
    command.args(words);
    if !words.is_empty() {
        command.arg(&program.path);
    }
    command.args(&program.words).args(case.words(units));
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| format!("{shown} does not start: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = said.lines().find(|line| line.contains("panicked") || line.contains("assertion"));
    let why = why.or(said.lines().last()).unwrap_or("it said nothing");
    Err(format!("{shown}\nfailed ({}): {why}\nrun that line to see all of it", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_divided_by_its_units() {
        let line = r#"{"system":"a","units":4,"ns":100,"allocations":2,"bytes":8}"#;
        let cost = Cost { ns: 25.0, allocations: 0.5, bytes: 2.0 };
        assert_eq!(answer(line), Ok(Answer::Cost(cost)));
    }

    #[test]
    fn a_row_with_a_note_is_not_yet_measured() {
        assert_eq!(answer(r#"{"system":"a","note":"not yet"}"#), Ok(Answer::NotYet));
        assert!(answer("hello").is_err());
    }

    #[test]
    fn the_sum_is_found_in_what_callgrind_says() {
        let said = "==7== Events    : Ir\n==7== Collected : 28340\n==7== \n==7== I refs: 28,340";
        assert_eq!(collected(said), Ok(28_340));
    }
}
