//! The table of planted bugs as a page: `docs/planted-bugs.md`.

use std::fmt::Write;

use super::{
    known::Row,
    results::{CLEAN, Outcome, clean_row},
};

const HEAD: &str = "# Planted bugs

Every bug of real implementations of Raft that we know of and that touches the core, the driver, the log
or the state machine, planted in a copy of our own sources and looked for by the
[simulator](simulator.md). The rows and their edits stand in
[`tests/planted/known`](../tests/planted/known); this page is written from them and from
[`tests/planted/results.jsonl`](../tests/planted/results.jsonl), and a test holds it to that.

```text
cargo run --release -p quorate-tests --bin planted -- --simulate --budget 600   # all; resumes
cargo run --release -p quorate-tests --bin planted -- --simulate --table        # writes this page
cargo run --release -p quorate-tests --bin planted -- --simulate B29 --results none
cargo run --release -p quorate-tests --bin planted -- --simulate --quick        # the ten of CI
```

A bug is *convicted* if it is found in at least four of five disjoint ranges of seeds, within the budget
of processor time that a range has; a row ends early once that cannot be any more. One build holds all
of them: the body of each function that a row touches is there once as it is and once for each row, under
a switch that a run is given. *Seeds* and *CPU-s* are the medians over the ranges that found it, up to and
with the first seed that fails. *Shrunk* is the first failure: faults, operations of clients, nodes and
events before and after, and the time that this took by the clock and of a processor. *Breaks*: safety of
elections (ES), leader completeness (LC), log matching (LM), state machine safety (SM), linearizability
(LIN), durability (DUR), liveness (LIVE).
";

/// The page.
pub fn page(rows: &[Row], outcomes: &[Outcome]) -> String {
    let outcome = |row: &Row| outcomes.iter().find(|outcome| outcome.id == row.id);
    let planted: Vec<(&Row, Option<&Outcome>)> =
        rows.iter().filter(|row| row.is_planted()).map(|row| (row, outcome(row))).collect();
    let mut out = HEAD.to_owned();
    put(&mut out, format_args!("\n{}\n", summary(&planted)));
    put(&mut out, format_args!("{}\n", clean(outcomes)));
    convicted(&mut out, &planted);
    others(&mut out, &planted);
    absent(&mut out, rows);
    out
}

fn put(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
}

fn summary(planted: &[(&Row, Option<&Outcome>)]) -> String {
    let tried: Vec<&Outcome> = planted.iter().filter_map(|(_, outcome)| *outcome).collect();
    let convicted = tried.iter().filter(|outcome| outcome.is_convicted()).count();
    let dates: Vec<&str> = tried.iter().map(|outcome| outcome.date.as_str()).collect();
    let within = match (dates.iter().min(), dates.iter().max()) {
        (Some(first), Some(last)) if first == last => format!(" on {first}"),
        (Some(first), Some(last)) => format!(" from {first} to {last}"),
        (_, _) => String::new(),
    };
    let not_run = planted.len() - tried.len();
    format!(
        "**{convicted} of {} rows convicted**, {} looked for and not convicted, {not_run} not run yet; \
         tried{within}, on two cores that had other work to do.",
        planted.len(),
        tried.len() - convicted,
    )
}

fn clean(outcomes: &[Outcome]) -> String {
    let Some(clean) = outcomes.iter().find(|outcome| outcome.id == CLEAN) else {
        return "The clean sources were not run yet.".to_owned();
    };
    let seeds: u64 = clean.found.iter().map(|found| found.seeds).sum();
    let seconds: f64 = clean.found.iter().map(|found| found.cpu_s).sum();
    let finds = clean.properties();
    let said = if finds.is_empty() { "no violation".to_owned() } else { finds.join(", ") };
    format!("With nothing planted: {seeds} seeds in {seconds:.0} CPU-s, {said}.")
}

fn convicted(out: &mut String, planted: &[(&Row, Option<&Outcome>)]) {
    out.push_str(
        "\n## Convicted\n\n\
         | id | the wrong line | seen in | breaks | profile | ranges | seeds | CPU-s | property | shrunk | s |\n\
         |---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for (row, outcome) in planted {
        let Some(outcome) = outcome.filter(|outcome| outcome.is_convicted()) else { continue };
        let (shrunk, seconds) = shrunk(outcome);
        let seeds = outcome.median(|found| found.seeds as f64).unwrap_or(0.0);
        let cpu = outcome.median(|found| found.cpu_s).unwrap_or(0.0);
        let Row { id, what, seen, breaks, profile, .. } = row;
        let (finds, properties) = (outcome.finds().count(), outcome.properties().join(", "));
        put(
            out,
            format_args!(
                "| {id} | {what} | {seen} | {breaks} | {profile} | {finds}/{} | {seeds:.0} | {cpu:.2} | \
             {properties} | {shrunk} | {seconds} |\n",
                outcome.ranges,
            ),
        );
    }
}

fn shrunk(outcome: &Outcome) -> (String, String) {
    let Some(shrunk) = outcome.shrunk else { return (String::new(), String::new()) };
    let (before, after) = (shrunk.before, shrunk.after);
    let cut = if shrunk.cut { ", cut" } else { "" };
    let sizes = format!(
        "{}, {}, {}, {} → {}, {}, {}, {}",
        before.faults,
        before.operations,
        before.nodes,
        before.events,
        after.faults,
        after.operations,
        after.nodes,
        after.events,
    );
    (sizes, format!("{:.1} ({:.1} CPU){cut}", shrunk.seconds, shrunk.cpu_s))
}

fn others(out: &mut String, planted: &[(&Row, Option<&Outcome>)]) {
    out.push_str(
        "\n## Not convicted\n\n\
         | id | the wrong line | seen in | breaks | profile | ranges | looked for | why |\n\
         |---|---|---|---|---|---|---|---|\n",
    );
    for (row, outcome) in planted {
        let looked = match outcome {
            Some(outcome) if outcome.is_convicted() => continue,
            Some(outcome) => effort(outcome),
            None => ("–".to_owned(), "not run yet".to_owned()),
        };
        let Row { id, what, seen, breaks, profile, missed, .. } = row;
        let why = missed.as_deref().unwrap_or("not looked into yet");
        put(
            out,
            format_args!(
                "| {id} | {what} | {seen} | {breaks} | {profile} | {} | {} | {why} |\n",
                looked.0, looked.1,
            ),
        );
    }
}

fn effort(outcome: &Outcome) -> (String, String) {
    let seeds: u64 = outcome.found.iter().map(|found| found.seeds).sum();
    let seconds: f64 = outcome.found.iter().map(|found| found.cpu_s).sum();
    let (finds, run) = (outcome.finds().count(), outcome.found.len());
    let mut said = format!("{seeds} seeds, {seconds:.0} CPU-s");
    if finds > 0 {
        said.push_str(": ");
        said.push_str(&outcome.properties().join(", "));
    }
    (format!("{finds} of {run} run"), said)
}

fn absent(out: &mut String, rows: &[Row]) {
    out.push_str(
        "\n## What cannot be here\n\n| id | the wrong line | seen in | breaks | why |\n|---|---|---|---|---|\n",
    );
    for row in rows {
        let Row { id, what, seen, breaks, absent: Some(why), .. } = row else { continue };
        put(out, format_args!("| {id} | {what} | {seen} | {breaks} | {why} |\n"));
    }
}

/// A line about an outcome, as the runner prints it.
pub fn line(row: &Row, outcome: &Outcome) -> String {
    let is_clean = row.id == clean_row().id;
    let said = match (outcome.is_as_due(), is_clean) {
        (true, true) => "clean",
        (false, true) => "NOT CLEAN",
        (true, false) => "convicted",
        (false, false) => "missed",
    };
    let (finds, run) = (outcome.finds().count(), outcome.found.len());
    let seeds = outcome.median(|found| found.seeds as f64);
    let cpu = outcome.median(|found| found.cpu_s);
    let first = seeds.zip(cpu).map_or(String::new(), |(seeds, cpu)| {
        format!("{seeds:6.0} seeds {cpu:7.2} CPU-s  {}", outcome.properties().join(", "))
    });
    let shrunk = outcome.shrunk.map_or(String::new(), |shrunk| {
        let after = shrunk.after;
        format!(
            "; shrunk to {} faults, {} operations, {} nodes in {:.1} s",
            after.faults, after.operations, after.nodes, shrunk.seconds
        )
    });
    format!("{said:9} {:5} {finds}/{run} {first}{shrunk}", row.id)
}
