//! The binary as a user runs it.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::{
    fs,
    io::{BufRead, BufReader, Lines},
    path::{Path, PathBuf},
    process::{Child, ChildStderr, Command, Output, Stdio},
    time::{Duration, Instant},
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

/// How much the journals of all runs hold. Bytes.
fn journals(dir: &Path) -> u64 {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let found = names.filter(|name| name.extension().is_some_and(|end| end == "acknowledged"));
    found.map(|name| fs::metadata(name).unwrap().len()).sum()
}

/// A run that would take minutes, amid its writes.
pub struct Endless {
    child: Child,
    lines: Option<Lines<BufReader<ChildStderr>>>,
}

impl Endless {
    pub fn start(dir: &Path) -> Endless {
        let mut command = quorate();
        command.args(["demo", "--ops", "10000000", "--data-dir", dir.to_str().unwrap()]);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        lines.find(|line| line.as_ref().unwrap().contains("elected")).unwrap().unwrap();
        let run = Endless { child, lines: Some(lines) };
        let (before, begin) = (journals(dir), Instant::now());
        while journals(dir) < before + 4_000 {
            assert!(begin.elapsed() < Duration::from_secs(60), "nothing is acknowledged");
            std::thread::sleep(Duration::from_millis(1));
        }
        run
    }

    /// Sends it `signal`; its exit code, and what it says last.
    pub fn end(mut self, signal: &str) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
        let rest: Vec<String> = self.lines.take().unwrap().map(Result::unwrap).collect();
        (self.child.wait().unwrap().code(), rest.join("\n"))
    }
}

impl Drop for Endless {
    fn drop(&mut self) {
        // Has no effect where it has ended.
        let _ = self.child.kill();
    }
}
