//! The binary as a user runs it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

pub fn quorate() -> Command {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
}

pub fn demo(arguments: &[&str]) -> Output {
    quorate().arg("demo").args(arguments).output().unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The one line of stdout.
pub fn json(output: &Output) -> serde_json::Value {
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(text.lines().count(), 1, "{text}{}", stderr(output));
    serde_json::from_str(&text).unwrap()
}

/// That the binary refused with `code`, in one sentence with each of `says`.
pub fn refused(output: &Output, code: i32, says: &[&str]) {
    let text = stderr(output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{text}");
    assert!(text.ends_with(&format!("{}\n", errors[0])), "the last thing that is said: {text}");
    for says in says {
        assert!(errors[0].contains(says), "{says:?} in {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
    assert!(output.stdout.is_empty());
}

/// A small run that keeps its data: what it says in JSON.
pub fn kept_run(dir: &Path) -> serde_json::Value {
    let dir = dir.to_str().unwrap();
    let output = demo(&["--json", "--quiet", "--ops", "400", "--data-dir", dir]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    json(&output)
}

/// That everything earlier runs had acknowledged is there.
pub fn nothing_is_lost(dir: &Path, acknowledged: u64) {
    let result = kept_run(dir);
    assert_eq!((&result["lost"], &result["earlier_found"]), (&0.into(), &acknowledged.into()));
}

/// A node's segments, oldest first.
pub fn segments(node: &Path) -> Vec<PathBuf> {
    let names = fs::read_dir(node).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<PathBuf> =
        names.filter(|path| path.extension().is_some_and(|end| end == "wal")).collect();
    found.sort();
    found
}
