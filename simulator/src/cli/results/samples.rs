//! Results made up for tests.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

pub(in crate::cli) fn line(seed: u64, hash: &str) -> Line {
    Line {
        seed,
        profile: "swarm".into(),
        version: VERSION.into(),
        hash: hash.into(),
        cpu_ns: 1,
        stats: Stats::default(),
        marks: Marks::default(),
        violation: None,
        other_hashes: BTreeSet::new(),
    }
}

pub(in crate::cli) fn broken(seed: u64, exit_code: u8) -> Line {
    let broken = Broken {
        property: "liveness".into(),
        event: 7,
        violation: "stuck".into(),
        file: None,
        exit_code,
    };
    Line { violation: Some(broken), ..line(seed, "0") }
}

pub(in crate::cli) fn results(
    seeds: &str,
    shard: &str,
    budget_ns: Option<u64>,
    lines: impl IntoIterator<Item = Line>,
) -> Results {
    let part = Part {
        seeds: seeds.parse().expect("a range"),
        shard: shard.to_owned().try_into().expect("a shard"),
        budget_ns,
    };
    let header = Header {
        version: VERSION.into(),
        format: FORMAT,
        probe: "0".into(),
        profile: "swarm".into(),
        time_ns: 20 * SECOND,
        nodes: None,
        parts: BTreeSet::from([part]),
    };
    let mut results = Results { header, lines: BTreeMap::new() };
    lines.into_iter().for_each(|line| results.put(line));
    results
}
