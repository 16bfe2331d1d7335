//! Each program checks its promises, and ends.

use std::process::Command;

fn runs(program: &str, says: &str) {
    let output = Command::new(program).output().expect("it runs");
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    assert_eq!(said.lines().last(), Some(says), "{said}");
}

#[test]
fn the_quick_start() {
    runs(env!("CARGO_BIN_EXE_quick-start"), "quick-start: ok: 2 keys at revision 4");
}

#[test]
fn the_fenced_lock() {
    let says = "fenced-lock: ok: 3 writes taken, the sleeper's refused";
    runs(env!("CARGO_BIN_EXE_fenced-lock"), says);
}

#[test]
fn the_leader_election() {
    runs(env!("CARGO_BIN_EXE_leader-election"), "leader-election: ok: worker two took over");
}

#[test]
fn the_service_discovery() {
    runs(env!("CARGO_BIN_EXE_service-discovery"), "service-discovery: ok: both came and went");
}

#[test]
fn the_growing_cluster() {
    let says = "growing-cluster: ok: from one node to three, one replaced, nothing lost";
    runs(env!("CARGO_BIN_EXE_growing-cluster"), says);
}
