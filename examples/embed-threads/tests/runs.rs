//! The program does what it says.

use std::process::Command;

#[test]
fn the_program_checks_its_promises_and_ends() {
    let output = Command::new(env!("CARGO_BIN_EXE_embed-threads")).output().expect("it runs");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    assert!(said.starts_with("embed-threads: ok: 900 writes acknowledged"), "{said}");
    assert_eq!(said.lines().count(), 1);
}
