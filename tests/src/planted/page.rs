//! The table of planted bugs as a page: `docs/planted-bugs.md`.

use std::fmt::Write;

use quorate_sim::words::counted;

use super::{
    known::Row,
    results::{CLEAN, Outcome, Verdict},
    source::UNKNOWN,
};

const HEAD: &str = "# Planted bugs

Every bug of real implementations of Raft that we know of and that touches the core, the driver, the log
or the state machine, planted in a copy of our own sources and looked for by the
[simulator](simulator.md). The rows and their edits stand in
[`tests/planted/known`](../tests/planted/known); this page is written from them and from
[`tests/planted/results.jsonl`](../tests/planted/results.jsonl), and a test holds it to that.

```text
cargo run --release -p quorate-tests --bin planted -- --simulate --budget 600 --missed-budget 60   # all; resumes
cargo run --release -p quorate-tests --bin planted -- --simulate --table        # writes this page
cargo run --release -p quorate-tests --bin planted -- --simulate B29 --results none
cargo run --release -p quorate-tests --bin planted -- --simulate --quick        # the ten of CI
```

A bug is *convicted* if it is found in at least four of five disjoint ranges of seeds, within the budget
of processor time that a range has; a row ends early once that cannot be any more. *Budget* is that time
for rows that are not convicted, of which those that say why may get less. One build holds all
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
    put(&mut out, format_args!("{}\n", sources(outcomes)));
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

/// Which commits the rows are of: one is the aim.
fn sources(outcomes: &[Outcome]) -> String {
    let mut commits: Vec<(&str, usize)> = Vec::new();
    for outcome in outcomes {
        match commits.iter_mut().find(|(commit, _)| *commit == outcome.commit) {
            Some((_, rows)) => *rows += 1,
            None => commits.push((&outcome.commit, 1)),
        }
    }
    match commits.as_slice() {
        [] => "No row was run yet.".to_owned(),
        [(UNKNOWN, _)] => "Of which commit the rows are was not noted.".to_owned(),
        [(commit, _)] => format!("All rows are of one commit of the sources: {commit}."),
        _ => {
            let each = commits.iter().map(|(commit, rows)| format!("{commit} ({rows})"));
            let each: Vec<String> = each.collect();
            format!("The rows are of several commits of the sources: {}.", each.join(", "))
        }
    }
}

fn clean(outcomes: &[Outcome]) -> String {
    let Some(clean) = outcomes.iter().find(|outcome| outcome.id == CLEAN) else {
        return "The clean sources were not run yet.".to_owned();
    };
    let seeds: u64 = clean.found.iter().map(|found| found.seeds).sum();
    let seconds: f64 = clean.found.iter().map(|found| found.cpu_s).sum();
    let finds = clean.properties();
    let said = if finds.is_empty() { "no violation".to_owned() } else { finds.join(", ") };
    let seeds = counted(seeds, "seed");
    format!("With nothing planted: {seeds} in {seconds:.0} CPU-s, {said}.")
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
    out.push_str("\n## Not convicted\n");
    let (harmless, missed): (Vec<_>, Vec<_>) = planted
        .iter()
        .filter(|(_, outcome)| !outcome.is_some_and(Outcome::is_convicted))
        .partition(|(row, _)| row.harmless.is_some());
    for (title, rows) in [("Harmless here, and why", harmless), ("Missed", missed)] {
        put(
            out,
            format_args!(
                "\n### {title}\n\n\
                 | id | the wrong line | seen in | breaks | profile | ranges | budget | looked for | why |\n\
                 |---|---|---|---|---|---|---|---|---|\n"
            ),
        );
        for (row, outcome) in rows {
            let looked = outcome.map(effort);
            let (ranges, budget, looked) = looked
                .unwrap_or_else(|| ("–".to_owned(), "–".to_owned(), "not run yet".to_owned()));
            let Row { id, what, seen, breaks, profile, .. } = row;
            let why = row.excuse().unwrap_or("not looked into yet");
            put(
                out,
                format_args!(
                    "| {id} | {what} | {seen} | {breaks} | {profile} | {ranges} | {budget} | {looked} | {why} |\n",
                ),
            );
        }
    }
}

/// Ranges, the budget of each, and what was looked for.
fn effort(outcome: &Outcome) -> (String, String, String) {
    let seeds: u64 = outcome.found.iter().map(|found| found.seeds).sum();
    let seconds: f64 = outcome.found.iter().map(|found| found.cpu_s).sum();
    let (finds, run) = (outcome.finds().count(), outcome.found.len());
    let mut said = format!("{}, {seconds:.0} CPU-s", counted(seeds, "seed"));
    if finds > 0 {
        said.push_str(": ");
        said.push_str(&outcome.properties().join(", "));
    }
    (format!("{finds} of {run} run"), format!("{} s", outcome.budget_s), said)
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
    let said = match outcome.verdict(row) {
        Verdict::Clean => "clean",
        Verdict::NotClean => "NOT CLEAN",
        Verdict::Convicted | Verdict::ConvictedAfterAll => "convicted",
        Verdict::MissedAsKnown => "missed",
        Verdict::Missed => "MISSED",
    };
    let (finds, run) = (outcome.finds().count(), outcome.found.len());
    let seeds = outcome.median(|found| found.seeds as f64);
    let cpu = outcome.median(|found| found.cpu_s);
    let first = seeds.zip(cpu).map_or(String::new(), |(seeds, cpu)| {
        let (seeds, properties) = (counted(seeds as u64, "seed"), outcome.properties().join(", "));
        format!("{seeds:>12} {cpu:7.2} CPU-s  {properties}")
    });
    let shrunk = outcome.shrunk.map_or(String::new(), |shrunk| {
        let after = shrunk.after;
        format!(
            "; shrunk to {}, {}, {} in {:.1} s",
            counted(after.faults, "fault"),
            counted(after.operations, "operation"),
            counted(after.nodes, "node"),
            shrunk.seconds
        )
    });
    format!("{said:9} {:5} {finds}/{run} {first}{shrunk}", row.id)
}
