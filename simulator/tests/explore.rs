//! Exhaustive search as a user meets it.

use std::process::{Command, Output};

fn explore(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quorate-sim"));
    command.arg("explore").args(arguments).output().expect("the command runs")
}

const TINY: [&str; 10] =
    ["--terms", "1", "--entries", "0", "--crashes", "0", "--timeouts", "1", "--messages", "2"];

#[test]
fn a_small_search_ends_and_says_why() {
    let output = explore(&TINY);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "quiet where there is no terminal");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("up to 1 leader and") && text.contains("; exhausted"), "{text}");
    let value = |more: &[&str]| -> serde_json::Value {
        let output = explore(&[&TINY[..], &["--json"], more].concat());
        serde_json::from_slice(&output.stdout).expect("a line of JSON")
    };
    let (whole, bound) = (value(&[]), value(&["--states", "9"]));
    assert_eq!((&whole["end"], &whole["exit_code"]), (&"exhausted".into(), &0.into()));
    assert_eq!((&bound["end"], &bound["states"]), (&"states".into(), &9.into()));
    let all = value(&["--no-symmetry"]);
    assert!(all["states"].as_u64() > whole["states"].as_u64(), "{all} {whole}");
}

#[test]
fn wrong_bounds_are_refused_with_what_is_allowed() {
    for (arguments, sentence) in [
        (["--nodes", "0"], "0 is not in 1..=8"),
        (["--nodes", "9"], "9 is not in 1..=8"),
        (["--terms", "0"], "0 is not in 1..=200"),
        (["--messages", "x"], "invalid digit"),
    ] {
        let output = explore(&arguments);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(error.contains(sentence), "{error}");
    }
}
