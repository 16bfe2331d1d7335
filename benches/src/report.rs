//! Rows, as JSON and as Markdown. Knows no program.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{case::Case, run::Cost, system::System};
use quorate_bench_harness::Scenario;

/// A row of the JSON file: nothing but these fields, each for one unit.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) system: &'static str,
    scenario: &'static str,
    nodes: usize,
    batch: usize,
    payload: usize,
    /// Median over the repetitions.
    pub(crate) ns: Option<f64>,
    ns_min: Option<f64>,
    instructions: Option<f64>,
    allocations: Option<f64>,
    bytes: Option<f64>,
    #[serde(skip)]
    case: Case,
    #[serde(skip)]
    commit_news: &'static str,
    /// Why there are no numbers.
    #[serde(skip)]
    note: Option<String>,
}

impl Row {
    fn empty(system: &System, case: &Case) -> Row {
        Row {
            system: system.name,
            scenario: case.scenario.name(),
            nodes: case.nodes,
            batch: case.batch,
            payload: case.payload,
            ns: None,
            ns_min: None,
            instructions: None,
            allocations: None,
            bytes: None,
            case: *case,
            commit_news: system.commit_news,
            note: None,
        }
    }

    /// A row that says why it has no numbers.
    pub(crate) fn noted(system: &System, case: &Case, note: &str) -> Row {
        Row { note: Some(note.to_owned()), ..Row::empty(system, case) }
    }

    /// A row of measured repetitions, of which there is at least one.
    pub(crate) fn measured(
        system: &System,
        case: &Case,
        costs: &[Cost],
        instructions: Option<f64>,
    ) -> Row {
        let sorted = |of: fn(&Cost) -> f64| {
            let mut values: Vec<f64> = costs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let times = sorted(|cost| cost.ns);
        let median = |values: &[f64]| values.get(values.len() / 2).copied().map(rounded);
        let is_time_measured = case.scenario != Scenario::Memory;
        let when_timed = |value: Option<f64>| value.filter(|_| is_time_measured);
        Row {
            ns: when_timed(median(&times)),
            ns_min: when_timed(times.first().copied().map(rounded)),
            instructions: instructions.map(rounded),
            allocations: when_timed(median(&sorted(|cost| cost.allocations))),
            bytes: median(&sorted(|cost| cost.bytes)),
            ..Row::empty(system, case)
        }
    }
}

/// To a ten-thousandth: more would be noise, less would hide a rare allocation.
fn rounded(value: f64) -> f64 {
    (value * 10_000.0).round() / 10_000.0
}

/// The JSON array, a row a line.
pub(crate) fn json(rows: &[Row]) -> Result<String, String> {
    let lines: Result<Vec<String>, _> = rows.iter().map(serde_json::to_string).collect();
    let lines = lines.map_err(|error| format!("a row cannot be written: {error}"))?;
    Ok(format!("[\n{}\n]\n", lines.join(",\n")))
}

/// A table for each scenario, and in it the systems of each case beside one another.
pub(crate) fn markdown(rows: &[Row]) -> String {
    let mut text = String::new();
    let mut last = None;
    for row in rows {
        if last != Some(row.scenario) {
            head(&mut text, &row.case);
            last = Some(row.scenario);
        }
        let ours = rows.iter().find(|other| other.case == row.case && other.system == "quorate");
        line(&mut text, row, ours.and_then(|ours| ours.ns));
    }
    text
}

fn head(text: &mut String, case: &Case) {
    let start = if text.is_empty() { "" } else { "\n" };
    let scenario = case.scenario;
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{start}### {scenario}, for each {}\n", case.unit());
    let columns = [
        "nodes",
        "batch",
        "payload",
        "system",
        "ns (median)",
        "ns (least)",
        "× quorate",
        "instructions",
        "allocations",
        "bytes",
        "followers learn the commit index",
    ];
    let _ = writeln!(text, "| {} |", columns.join(" | "));
    let _ = writeln!(text, "|{}", "---|".repeat(columns.len()));
}

fn line(text: &mut String, row: &Row, ours: Option<f64>) {
    let Row { nodes, batch, payload, system, commit_news, .. } = row;
    let ratio = row.ns.zip(ours).map(|(ns, ours)| ns / ours);
    let numbers = match &row.note {
        Some(note) => format!("{note} | | | | | "),
        None => {
            let numbers = [row.ns, row.ns_min, ratio, row.instructions, row.allocations, row.bytes];
            numbers.map(shown).join(" | ")
        }
    };
    let _ =
        writeln!(text, "| {nodes} | {batch} | {payload} | {system} | {numbers} | {commit_news} |");
}

/// Three digits that count, and thousands apart.
fn shown(value: Option<f64>) -> String {
    let Some(value) = value else { return "–".to_owned() };
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 0.1 => format!("{value:.4}"),
        small if small < 10.0 => format!("{value:.2}"),
        small if small < 100.0 => format!("{value:.1}"),
        _ => grouped(value.round() as u64),
    }
}

pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn system(name: &'static str) -> System {
        System { name, commit_news: "eagerly", program: Err("not built: no compiler".to_owned()) }
    }

    #[test]
    fn a_json_row_has_exactly_the_agreed_fields() {
        let cost = |ns| Cost { ns, allocations: 0.00791, bytes: 40.0 };
        let case = Case::new(Scenario::Commit, 3, 256);
        let costs = [cost(30.0), cost(10.0), cost(20.0)];
        let rows = [Row::measured(&system("quorate"), &case, &costs, None)];
        let expected = r#"{"system":"quorate","scenario":"commit","nodes":3,"batch":256,"payload":16,"ns":20.0,"ns_min":10.0,"instructions":null,"allocations":0.0079,"bytes":40.0}"#;
        assert_eq!(json(&rows), Ok(format!("[\n{expected}\n]\n")));
    }

    #[test]
    fn a_row_without_numbers_says_why() {
        let case = Case::new(Scenario::Heartbeat, 3, 1);
        let text = markdown(&[Row::noted(&system("peer"), &case, "not built: no compiler")]);
        assert!(text.contains("| peer | not built: no compiler |"), "{text}");
    }

    #[test]
    fn numbers_are_shown_with_three_digits_that_count() {
        let cases =
            [(0.0079, "0.0079"), (1.234, "1.23"), (56.78, "56.8"), (1_234_567.0, "1,234,567")];
        for (value, expected) in cases {
            assert_eq!(shown(Some(value)), expected);
        }
    }
}
