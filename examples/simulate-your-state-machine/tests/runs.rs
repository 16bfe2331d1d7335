//! The bank passes, the forgetful bank is convicted, and the guide quotes the program as it is.

use std::{fs, path::Path, process::Command};

fn run(arguments: &[&str]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_simulate-your-state-machine");
    let output = Command::new(program).args(arguments).output().expect("it runs");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_bank_keeps_its_money() {
    let (code, said) = run(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.starts_with("200 seeds, 0 failed: "), "{said}");
}

#[test]
fn a_bank_that_forgets_money_is_convicted_shrunk_and_shown() {
    let (code, said) = run(&["--bug"]);
    assert_eq!(code, Some(2), "{said}");
    for part in ["FAILED seed ", "model: total: all accounts together hold ", "\nshrunk in "] {
        assert!(said.contains(part), "no {part:?} in: {said}");
    }
    let after = said.lines().find(|line| line.starts_with("  after:")).expect("what is left");
    let few = ["  after:  0 faults", "  after:  1 fault,"];
    assert!(few.iter().any(|few| after.starts_with(few)), "{said}");
    assert!(said.contains("does Transfer {") && said.contains("its last moments:\n"), "{said}");
}

#[test]
fn the_program_is_short() {
    assert!(source("examples/simulate-your-state-machine/src/main.rs").lines().count() < 150);
}

/// Each `rust` block of the guide begins with the file that it is from, and stands there line by line.
#[test]
fn the_guide_quotes_the_program() {
    let guide = source("docs/simulator.md");
    let blocks = guide.split("```rust\n").skip(1).map(|rest| rest.split("```").next());
    let mut quoted = 0;
    for block in blocks.map(Option::unwrap_or_default) {
        let (file, quote) = block.split_once('\n').expect("a block has a first line");
        let file = file.strip_prefix("// ").expect("the first line names a file");
        let (source, quote) = (source(file), lines(quote));
        let is_there = lines(&source).windows(quote.len()).any(|lines| lines == quote);
        assert!(is_there, "{file} does not hold:\n{}", quote.join("\n"));
        quoted += 1;
    }
    assert!(quoted >= 10, "only {quoted} quotes");
}

fn source(path: &str) -> String {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(top.join(path)).expect(path)
}

fn lines(text: &str) -> Vec<&str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}
