//! The bank passes, and the forgetful bank is convicted.

use std::process::Command;

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
    assert!(include_str!("../src/main.rs").lines().count() < 150);
}
