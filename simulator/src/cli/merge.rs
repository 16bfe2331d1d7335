//! Results of several processes, as one.

use std::{collections::BTreeMap, path::PathBuf};

use clap::Args;
use quorate_sim::{
    hash::mix,
    marks::{Mark, Marks},
    oracle::Property,
    profile::{Expectation, Profile, SECOND},
    words::counted,
    world::Stats,
};
use serde_json::json;

use super::{
    files, output,
    results::{Line, Results},
    seeds::Seeds,
    shard::Shard,
};

const EXAMPLES: &str = "\
Examples:
  quorate-sim merge out/*.jsonl                          what a campaign came to
  quorate-sim merge out/*.jsonl --json                   the same for programs
  quorate-sim merge out/1*.jsonl --out some.jsonl        a part of it, to be merged again

A seed that is in several files counts once. Merging is in any order, and in any steps.
Exit codes: 0 pass, 1 a file is damaged or of another batch, 2 to 4 the gravest failure as with `run`
(4 also where two files have different results for one seed), 5 required marks or the violation that
the profile expects are missing, or there is no seed at all, 130 not all of what was asked for was run.";

/// The most lines that name seeds or shards.
const TOLD: usize = 10;
/// Not everything was run.
const INCOMPLETE: u8 = 130;
/// One seed gave two results.
const NOT_DETERMINISTIC: u8 = 4;

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct MergeArgs {
    /// Files that `run --out` or `merge --out` wrote.
    #[arg(required = true)]
    files: Vec<String>,
    /// Write all results to this file, which can be merged again.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

/// What all of it comes to.
struct Summary<'a> {
    seeds: u64,
    stats: Stats,
    marks: Marks,
    cpu_ns: u64,
    hash: u64,
    failed: Vec<&'a Line>,
    /// What the profile is meant to show.
    expectation: Option<Expectation>,
    /// The runs that showed it.
    expected: Vec<&'a Line>,
    differing: Vec<&'a Line>,
    missing: Vec<Mark>,
    /// Shards of which there is no file.
    absent: Vec<Shard>,
    /// Seeds that were asked for, without a budget, and not run.
    unrun: u64,
}

pub(super) fn run(args: &MergeArgs) -> u8 {
    if let Err(error) = files::named("--out", args.out.as_deref()) {
        return output::usage(&error);
    }
    let results = match read(&args.files) {
        Ok(results) => results,
        Err(error) => return output::usage(&error),
    };
    if let Some(path) = &args.out
        && let Err(error) = results.write(path)
    {
        return output::usage(&error);
    }
    let summary = summary(&results);
    if args.json {
        tell_json(&results, &summary);
    } else {
        tell(&results, &summary);
    }
    exit_code(&summary)
}

fn read(files: &[String]) -> Result<Results, String> {
    let mut all: Option<(&String, Results)> = None;
    for path in files {
        let results = Results::read(path)?;
        all = Some(match all {
            None => (path, results),
            Some((first, sum)) => {
                let joined = sum.join(results).map_err(|conflict| {
                    format!("{first} and {path} are not of one batch: of {conflict}; merge each by itself")
                })?;
                (first, joined)
            }
        });
    }
    all.map(|(_, results)| results).ok_or_else(|| "no file to merge".to_owned())
}

fn summary(results: &Results) -> Summary<'_> {
    let profile = Profile::parse(&results.header.profile);
    let (mut stats, mut marks, mut cpu_ns, mut hash) =
        (Stats::default(), Marks::default(), 0_u64, 0_u64);
    for line in results.lines.values() {
        stats.merge(&line.stats);
        marks.merge(&line.marks);
        cpu_ns = cpu_ns.saturating_add(line.cpu_ns);
        let of_run = u64::from_str_radix(&line.hash, 16).unwrap_or_default();
        hash = hash.wrapping_add(mix(line.seed, of_run));
    }
    let lines = results.lines.values();
    let missing = profile.map(|profile| marks.missing_of(profile, results.lines.len() as u64));
    let (absent, unrun) = unrun(results);
    let expectation = profile.and_then(Profile::expectation);
    let is_expected = |line: &&Line| {
        let broken = line.violation.as_ref().and_then(|broken| Property::parse(&broken.property));
        let (Some(expectation), Some(broken)) = (expectation, broken) else { return false };
        expectation.is_broken_by(broken)
    };
    let broken = lines.clone().filter(|line| line.violation.is_some());
    let (expected, failed) = broken.partition(is_expected);
    Summary {
        seeds: results.lines.len() as u64,
        stats,
        cpu_ns,
        hash,
        failed,
        expectation,
        expected,
        differing: lines.filter(|line| line.differs()).collect(),
        missing: missing.unwrap_or_default(),
        marks,
        absent,
        unrun,
    }
}

/// What was asked for and is not there: whole shards, and seeds of those that are.
fn unrun(results: &Results) -> (Vec<Shard>, u64) {
    // For each shard of each batch, whether all of it was asked for.
    let mut batches: BTreeMap<(Seeds, u64), BTreeMap<u64, bool>> = BTreeMap::new();
    for part in &results.header.parts {
        let Shard { index, of } = part.shard;
        let shards = batches.entry((part.seeds, of)).or_default();
        *shards.entry(index).or_default() |= part.budget_ns.is_none();
    }
    let (mut absent, mut missing) = (Vec::new(), 0_u64);
    for ((seeds, of), shards) in batches {
        let ran = ran(results, seeds, of);
        let due = shards.iter().filter(|(_, is_due)| **is_due).map(|(index, _)| *index);
        for (index, end) in due.filter_map(|index| Some((index, seeds.end?))) {
            let count = Shard { index, of }.count(seeds.first, end);
            let there = ran.get(&index).copied().unwrap_or_default();
            missing = missing.saturating_add(count.saturating_sub(there));
        }
        let gone = (0..of).filter(|index| !shards.contains_key(index));
        absent.extend(gone.map(|index| Shard { index, of }));
    }
    (absent, missing)
}

/// How many seeds of each shard there are. A range may be far too wide to be walked.
fn ran(results: &Results, seeds: Seeds, of: u64) -> BTreeMap<u64, u64> {
    let mut counts = BTreeMap::new();
    for seed in results.lines.range(seeds.first..seeds.last_end()).map(|(seed, _)| seed) {
        *counts.entry((seed - seeds.first) % of).or_default() += 1;
    }
    counts
}

fn exit_code(summary: &Summary<'_>) -> u8 {
    let failed = summary.failed.iter().filter_map(|line| line.violation.as_ref());
    let differs = (!summary.differing.is_empty()).then_some(NOT_DETERMINISTIC);
    let worst = failed.map(|broken| broken.exit_code).chain(differs).min();
    let is_incomplete = summary.unrun > 0 || !summary.absent.is_empty();
    let is_seen = summary.expectation.is_none() || !summary.expected.is_empty();
    let is_met = summary.seeds > 0 && is_seen && summary.missing.is_empty();
    let otherwise = match (is_incomplete, is_met) {
        (true, _) => INCOMPLETE,
        (false, false) => output::NOT_MET,
        (false, true) => 0,
    };
    worst.unwrap_or(otherwise)
}

fn tell(results: &Results, summary: &Summary<'_>) {
    for line in summary.failed.iter().take(TOLD) {
        let Some(broken) = &line.violation else { continue };
        let file = broken.file.as_ref().map(|file| format!(" ({file})")).unwrap_or_default();
        let (property, violation) = (&broken.property, &broken.violation);
        output::tell!(
            "FAILED seed {} at event {}: {property}: {violation}{file}",
            line.seed,
            broken.event
        );
    }
    for line in summary.differing.iter().take(TOLD) {
        let others: Vec<&str> = line.other_hashes.iter().map(String::as_str).collect();
        output::tell!(
            "NOT DETERMINISTIC seed {}: hash {} and also {}",
            line.seed,
            line.hash,
            others.join(", ")
        );
    }
    let stats = summary.stats;
    let rate = output::per_second(stats.events, summary.cpu_ns);
    let rate = rate.map_or(String::new(), |rate| format!(" ({rate} per CPU-second)"));
    output::tell!(
        "{} of {}, {} failed: {}, {}{rate}, {}, hash {:016x}",
        counted(summary.seeds, "seed"),
        results.header.profile,
        summary.failed.len() + summary.differing.len(),
        counted(stats.simulated / SECOND, "simulated second"),
        counted(stats.events, "event"),
        counted(stats.messages, "message"),
        summary.hash,
    );
    if !summary.absent.is_empty() {
        let names: Vec<String> = summary.absent.iter().take(TOLD).map(Shard::to_string).collect();
        let more = if summary.absent.len() > TOLD { ", …" } else { "" };
        let count = counted(summary.absent.len() as u64, "shard");
        output::tell!("without a file: {count}: {}{more}", names.join(", "));
    }
    if summary.seeds == 0 {
        output::nothing();
    }
    if summary.unrun > 0 {
        output::tell!("asked for, but not run: {}", counted(summary.unrun, "seed"));
    }
    output::missing(&summary.missing);
    if let Some(expectation) = summary.expectation {
        let seeds: Vec<u64> = summary.expected.iter().map(|line| line.seed).collect();
        output::expectation(&seeds, summary.seeds, expectation);
    }
}

fn tell_json(results: &Results, summary: &Summary<'_>) {
    let stats = summary.stats;
    let failures: Vec<serde_json::Value> = summary
        .failed
        .iter()
        .map(|line| json!({ "seed": line.seed, "violation": line.violation }))
        .collect();
    let differing: Vec<serde_json::Value> = summary
        .differing
        .iter()
        .map(|line| json!({ "seed": line.seed, "hash": line.hash, "others": line.other_hashes }))
        .collect();
    let names: Vec<String> = summary.absent.iter().map(Shard::to_string).collect();
    let value = json!({
        "profile": results.header.profile,
        "seeds": summary.seeds,
        "hash": format!("{:016x}", summary.hash),
        "events_per_cpu_second": output::per_second(stats.events, summary.cpu_ns),
        "cpu_ns": summary.cpu_ns,
        "stats": stats,
        "marks": summary.marks,
        "missing": summary.missing.iter().map(Mark::to_string).collect::<Vec<String>>(),
        "expectation": summary.expectation.map(|expected| expected.to_string()),
        "expected_seeds": summary.expected.iter().map(|line| line.seed).collect::<Vec<u64>>(),
        "failures": failures,
        "not_deterministic": differing,
        "absent_shards": names,
        "unrun": summary.unrun,
        "exit_code": exit_code(summary),
    });
    output::tell!("{value}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::results::samples::{broken, line, results};

    #[test]
    fn what_was_asked_for_and_is_not_there_is_told() {
        let part = |shard| results("0..10", shard, None, []);
        let whole = part("0/2").join(part("1/2")).expect("of one batch");
        assert_eq!(unrun(&whole), (vec![], 10));
        let (absent, missing) = unrun(&part("1/3"));
        assert_eq!((absent.len(), missing), (2, 3));
        let ran = results("0..3", "0/1", None, [line(0, "a"), line(1, "b"), line(2, "c")]);
        assert_eq!(unrun(&ran), (vec![], 0));
        assert_eq!(unrun(&results("0..10", "0/1", Some(1), [])), (vec![], 0), "a budget was over");
        assert_eq!(unrun(&results("0..", "0/1", Some(1), [])), (vec![], 0));
    }

    #[test]
    fn the_gravest_decides_and_what_was_not_run_has_not_passed() {
        let of = |results: &Results| exit_code(&summary(results));
        let ran = |lines: Vec<Line>| results("0..2", "0/1", None, lines);
        assert_eq!(of(&ran(vec![line(0, "a"), line(1, "b")])), 0);
        assert_eq!(of(&ran(vec![line(0, "a")])), INCOMPLETE);
        assert_eq!(of(&ran(vec![broken(0, 3), broken(1, 2)])), 2);
        let one = ran(vec![line(0, "a"), line(1, "b")]);
        let other = ran(vec![line(0, "a"), line(1, "c")]);
        assert_eq!(of(&one.join(other).expect("of one batch")), NOT_DETERMINISTIC);
        let many = (0..500).map(|seed| line(seed, "a")).collect::<Vec<Line>>();
        assert_eq!(of(&results("0..500", "0/1", None, many)), output::NOT_MET);
        assert_eq!(of(&results("0..10", "0/1", Some(0), [])), output::NOT_MET, "nothing was run");
    }

    #[test]
    fn a_range_is_not_walked_and_sums_do_not_wrap() {
        let wide = "0..1000000000000";
        let ran = results(wide, "1/4", None, [line(1, "a"), line(2, "b"), line(5, "c")]);
        assert_eq!(
            unrun(&ran),
            (
                vec![
                    Shard { index: 0, of: 4 },
                    Shard { index: 2, of: 4 },
                    Shard { index: 3, of: 4 }
                ],
                250_000_000_000 - 2
            )
        );
        let mut long = line(0, "a");
        (long.cpu_ns, long.stats.events) = (u64::MAX, u64::MAX);
        let both = results("0..2", "0/1", None, [long, line(1, "b")]);
        let sum = summary(&both);
        assert_eq!((sum.cpu_ns, sum.stats.events), (u64::MAX, u64::MAX));
    }
}
