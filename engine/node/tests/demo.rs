//! The binary: `quorate demo` as a user runs it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    fs,
    process::{Command, Output},
};

fn demo(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate")).arg("demo").args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().count(), 1, "{text}{}", stderr(output));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_killed_leader_costs_no_acknowledged_write_and_the_next_run_finds_them_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let path = path.to_str().unwrap();
    for _ in 0..2 {
        let output = demo(&["--json", "--ops", "2000", "--data-dir", path]);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let result = json(&output);
        assert_eq!((&result["acknowledged"], &result["lost"]), (&2000.into(), &0.into()));
        for number in ["ops_per_s", "p50_us", "p99_us", "p999_us", "failover_ms"] {
            assert!(result[number].as_f64().unwrap() > 0.0, "{number} in {result}");
        }
    }
}

#[test]
fn pairs_come_from_a_file_and_a_bad_line_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("pairs.csv");
    let lines: String = (0..200).map(|number| format!("key-{number},value\n")).collect();
    fs::write(&path, &lines).unwrap();
    let output = demo(&["--json", "--quiet", "--input", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!((&json(&output)["acknowledged"], stderr(&output).as_str()), (&200.into(), ""));
    fs::write(&path, lines + "alone\n").unwrap();
    let output = demo(&["--input", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(3));
    assert!(stderr(&output).contains("line 201"), "{}", stderr(&output));
}

#[test]
fn what_cannot_run_says_why_in_a_line_and_by_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("letter.txt"), "dear reader").unwrap();
    let path = dir.path().to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().clamp(1, 65_533).to_string();
    let cases: [(&[&str], i32, &str); 4] = [
        (&["--data-dir", path], 3, "not a demo's directory"),
        (&["--base-port", &port], 3, &port),
        (&["--value-bytes", "600000"], 2, "600000"),
        (&["--no-such-flag"], 2, "--no-such-flag"),
    ];
    for (arguments, code, names) in cases {
        let output = demo(arguments);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        assert!(text.contains(names) && !text.contains("panicked"), "{arguments:?}: {text}");
        assert!(output.stdout.is_empty());
    }
}
