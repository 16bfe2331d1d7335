//! `budget`: what quorate may cost in instructions and allocations. Both repeat from run to run,
//! time does not, so time is never gated.

use std::{env, fs, path::PathBuf};

use clap::Args;
use quorate_bench_harness::Scenario;
use serde::{Deserialize, Serialize};

use crate::{
    case::Case,
    run::{self, Answer},
    system::{self, Program},
};

/// What may be added to a measured number before it is over the budget.
const SLACK: f64 = 1.03;

const CASES: [Case; 6] = [
    Case::new(Scenario::Commit, 3, 1),
    Case::new(Scenario::Commit, 3, 16),
    Case::new(Scenario::Commit, 3, 256),
    Case::new(Scenario::Heartbeat, 3, 1),
    Case::new(Scenario::Read, 3, 1),
    Case::new(Scenario::Read, 3, 64),
];

#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Rewrite the file with what is measured now and 3 % slack
    #[arg(long)]
    write: bool,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    row: Vec<Limit>,
}

/// What one case may cost, for each unit.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    scenario: String,
    nodes: usize,
    batch: usize,
    payload: usize,
    instructions: f64,
    allocations: f64,
}

const HEAD: &str = "\
# The most that quorate-core, its driver included, may cost for each entry, round or read:
# what was measured and 3 %. `cargo run --release -p quorate-bench -- budget` checks it, and with
# `--write` rewrites it.

";

/// Measures and compares, or writes.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    if !run::has_valgrind() {
        if env::var_os("QUORATE_CI").is_some_and(|value| value == "1") {
            return Err(format!("the budget {}", run::VALGRIND_HINT));
        }
        println!("skipped: {}", run::VALGRIND_HINT);
        return Ok(());
    }
    let program = system::quorate()?.program?;
    let measured: Result<Vec<Limit>, String> =
        CASES.iter().map(|case| measure(&program, case)).collect();
    let measured = measured?;
    if options.write { write(&measured) } else { compare(&measured, &read()?) }
}

fn measure(program: &Program, case: &Case) -> Result<Limit, String> {
    let Answer::Cost(cost) = run::once(program, case, case.units(true))? else {
        return Err(format!("{} is not measured", case.scenario));
    };
    let instructions = run::instructions(program, case)?;
    let instructions = instructions.ok_or_else(|| format!("{} is not counted", case.scenario))?;
    Ok(Limit {
        scenario: case.scenario.name().to_owned(),
        nodes: case.nodes,
        batch: case.batch,
        payload: case.payload,
        instructions,
        allocations: cost.allocations,
    })
}

fn compare(measured: &[Limit], budget: &Budget) -> Result<(), String> {
    let mut over = Vec::new();
    for cost in measured {
        let Limit { scenario, nodes, batch, payload, .. } = cost;
        let name = format!("{scenario}, {nodes} nodes, batch {batch}, {payload} bytes");
        let key = |row: &Limit| (row.scenario.clone(), row.nodes, row.batch, row.payload);
        let Some(limit) = budget.row.iter().find(|row| key(row) == key(cost)) else {
            return Err(format!(
                "{} has no row for {name}; `budget --write` adds it",
                shown_file()
            ));
        };
        let pairs = [
            ("instructions", cost.instructions, limit.instructions),
            ("allocations", cost.allocations, limit.allocations),
        ];
        for (what, cost, limit) in pairs {
            println!("{name}: {cost:.4} {what}, of at most {limit}");
            if cost > limit {
                over.push(format!("{name}: {cost:.4} {what}, more than the budget's {limit}"));
            }
        }
    }
    if over.is_empty() {
        return Ok(());
    }
    let way_out = "find what was added (benches/README.md, Profiles), or, if it is worth that, \
                   run `budget --write` and say why in the commit";
    Err(format!("over the budget:\n  {}\n{way_out}", over.join("\n  ")))
}

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("budget.toml")
}

fn shown_file() -> &'static str {
    "benches/budget.toml"
}

fn read() -> Result<Budget, String> {
    let text = fs::read_to_string(file());
    let text = text.map_err(|error| format!("{} cannot be read: {error}", shown_file()))?;
    toml::from_str(&text).map_err(|error| format!("{} is no budget: {error}", shown_file()))
}

fn write(measured: &[Limit]) -> Result<(), String> {
    let with_slack = |cost: &Limit| Limit {
        instructions: (cost.instructions * SLACK).ceil(),
        allocations: (cost.allocations * SLACK * 10_000.0).ceil() / 10_000.0,
        ..cost.clone()
    };
    let budget = Budget { row: measured.iter().map(with_slack).collect() };
    let text = toml::to_string(&budget).map_err(|error| format!("no budget: {error}"))?;
    fs::write(file(), format!("{HEAD}{text}"))
        .map_err(|error| format!("{} cannot be written: {error}", shown_file()))?;
    println!("{} is rewritten", shown_file());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(instructions: f64, allocations: f64) -> Limit {
        let scenario = "commit".to_owned();
        Limit { scenario, nodes: 3, batch: 1, payload: 16, instructions, allocations }
    }

    #[test]
    fn what_is_over_the_budget_is_said_with_both_numbers() {
        let budget = Budget { row: vec![limit(100.0, 1.0)] };
        assert_eq!(compare(&[limit(100.0, 1.0)], &budget), Ok(()));
        let error = compare(&[limit(104.0, 1.0)], &budget).expect_err("it is over");
        assert!(error.contains("104.0000 instructions, more than the budget's 100"), "{error}");
    }

    #[test]
    fn the_committed_budget_has_a_row_for_each_case() {
        let budget = read().expect("a budget");
        assert_eq!(budget.row.len(), CASES.len());
    }
}
