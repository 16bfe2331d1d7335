//! `quorate demo` as a user runs it: what it shows, what it keeps, what it finds again.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod binary;

use std::{
    fs::{self, OpenOptions},
    io::Write,
};

use binary::*;

#[test]
fn a_killed_leader_costs_no_acknowledged_write_and_the_next_run_finds_them_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let mut before = 0;
    for _ in 0..3 {
        let output = demo(&["--json", "--ops", "2000", "--data-dir", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let result = json(&output);
        assert_eq!((&result["lost"], &result["earlier_found"]), (&0.into(), &before.into()));
        for number in ["ops_per_s", "p50_us", "p99_us", "p999_us", "failover_ms"] {
            assert!(result[number].as_f64().unwrap() > 0.0, "{number} in {result}");
        }
        // The first stream, and what went on around the kill.
        let acknowledged = result["acknowledged"].as_u64().unwrap();
        assert!(acknowledged >= 2000 + 3 * 500, "{result}");
        before += acknowledged;
    }
}

#[test]
fn it_is_shown_in_order_with_a_table_at_the_end() {
    let output = demo(&["--ops", "400"]);
    let said = stderr(&output) + &String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let order = [
        "three nodes on 127.0.0.1:",
        "is elected leader",
        "writing 100/400",
        "400 values written",
        "400 values read back linearizably",
        "is killed in mid-stream",
        "takes over",
        "is back, with",
        "read from every node",
        "operations",
        "linearizable reads",
        "throughput",
        "p50",
        "p99",
        "p99.9",
        "failover_ms",
        "acknowledged writes lost: 0",
    ];
    let mut rest = said.as_str();
    for part in order {
        let place = rest.find(part);
        assert!(place.is_some(), "{part:?} is not in its place: {said}");
        rest = &rest[place.unwrap() + part.len()..];
    }
}

#[test]
fn a_value_that_is_missing_is_counted_as_lost_and_the_exit_code_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    kept_run(&path);
    // An acknowledgement of what was never written.
    let journal = OpenOptions::new().append(true).open(path.join("run-0001.acknowledged"));
    journal.unwrap().write_all(b"b77777\n").unwrap();
    let output = demo(&["--json", "--quiet", "--data-dir", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert_eq!(json(&output)["lost"], 1);
}

#[cfg(unix)]
#[test]
fn what_an_interrupted_run_had_acknowledged_is_found_by_the_next() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let first = kept_run(&path)["acknowledged"].as_u64().unwrap();
    let (code, said) = Endless::start(&path).end("-INT");
    assert_eq!(code, Some(130), "{said}");
    assert!(said.contains("interrupted: ") && said.contains("--data-dir"), "{said}");
    let (code, said) = Endless::start(&path).end("-KILL");
    assert_eq!(code, None, "{said}");
    let result = kept_run(&path);
    let found = result["earlier_found"].as_u64().unwrap();
    assert!(result["lost"] == 0 && found > first + 500, "{result}, {first} at first");
}

#[test]
fn pairs_of_a_file_are_written_and_found_again_also_where_a_later_run_replaced_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let input = dir.path().join("pairs");
    let csv: String = (0..200).map(|number| format!("key-{number},\"1, or so\"\n")).collect();
    let json_lines =
        "{\"key\": \"key-7\", \"value\": \"two\\nlines\"}\n\n{\"key\":\"n\",\"value\":2}";
    // With a heading, without, and in the other format.
    let files = [format!("key,value\n{csv}"), csv, json_lines.to_owned()];
    for (text, (pairs, earlier)) in files.iter().zip([(200, 0), (200, 200), (2, 200)]) {
        fs::write(&input, text).unwrap();
        let (input, path) = (input.to_str().unwrap(), path.to_str().unwrap());
        let output = demo(&["--json", "--quiet", "--input", input, "--data-dir", path]);
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
        let result = json(&output);
        assert_eq!((&result["reads"], &result["lost"]), (&pairs.into(), &0.into()), "{result}");
        // Besides those that were written around the kills.
        assert!(result["earlier_found"].as_u64().unwrap() >= earlier, "{result}");
    }
}
