//! The program checks its promises, and ends.

use std::process::Command;

#[test]
fn a_node_on_the_store_has_everything_back_after_a_crash() {
    let output = Command::new(env!("CARGO_BIN_EXE_custom-store")).output().expect("it runs");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    assert_eq!(said.trim_end(), "custom-store: ok: 300 writes, 2 crashes, nothing lost");
}
