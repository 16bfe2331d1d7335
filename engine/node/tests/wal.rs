//! `quorate wal` as a user runs it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod binary;

use std::{fs, path::Path, process::Output};

use binary::*;

fn wal(arguments: &[&str]) -> Output {
    quorate().arg("wal").args(arguments).output().unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Flips a bit of the first batch.
fn rot(node: &Path) {
    let segment = segments(node).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[2 * 512 + 70] ^= 0x10;
    fs::write(segment, bytes).unwrap();
}

#[test]
fn a_sound_log_is_described_and_a_repair_leaves_it_alone() {
    let dir = tempfile::tempdir().unwrap();
    let acknowledged = kept_run(dir.path())["acknowledged"].as_u64().unwrap();
    let node = dir.path().join("node-2");
    let node = node.to_str().unwrap();
    let output = wal(&["check", node]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    for part in ["sound", "node         2", "format       3", "entries      1 to "] {
        assert!(stdout(&output).contains(part), "{part} in {}", stdout(&output));
    }
    let summary = json(&wal(&["check", "--json", node]));
    assert_eq!((&summary["sound"], &summary["node"]), (&true.into(), &2.into()));
    assert!(summary["last_index"].as_u64().unwrap() >= acknowledged, "{summary}");
    let output = wal(&["repair", "--yes", node]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("nothing to repair"));
    nothing_is_lost(dir.path(), acknowledged);
}

#[test]
fn a_damaged_log_is_set_aside_only_with_consent_and_nothing_is_deleted() {
    let dir = tempfile::tempdir().unwrap();
    kept_run(dir.path());
    let node = dir.path().join("node-2");
    rot(&node);
    let before: Vec<Vec<u8>> =
        segments(&node).iter().map(|segment| fs::read(segment).unwrap()).collect();
    let name = node.to_str().unwrap();
    let output = wal(&["check", name]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stdout(&output).starts_with("damaged: segment 1, byte 1024: "), "{}", stdout(&output));
    assert!(stdout(&output).contains("quorate wal repair"));
    let output = wal(&["check", "--json", name]);
    assert_eq!(output.status.code(), Some(1));
    let damage = &json(&output)["damage"];
    assert_eq!((&damage["segment"], &damage["offset"]), (&1.into(), &1024.into()));
    let output = wal(&["repair", name]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--yes") && stderr(&output).contains("new id"));
    assert_eq!(segments(&node).len(), before.len(), "nothing is done without consent");
    let output = wal(&["repair", "--yes", name]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("damaged-1") && stdout(&output).contains("new id"));
    let aside = segments(&node.join("damaged-1"));
    let after: Vec<Vec<u8>> = aside.iter().map(|segment| fs::read(segment).unwrap()).collect();
    assert_eq!((segments(&node).len(), after), (0, before));
    // The node does not come back under its old name.
    let output = demo(&["--quiet", "--data-dir", dir.path().to_str().unwrap()]);
    refused(&output, 3, &["node-2", "damaged-1", "new id"]);
    refused(&wal(&["check", name]), 3, &["damaged-1", "new id"]);
}

#[test]
fn what_is_no_log_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    kept_run(&data);
    let (empty, missing) = (dir.path().join("empty"), dir.path().join("missing"));
    fs::create_dir(&empty).unwrap();
    let lock = fs::File::open(data.join("node-1").join("LOCK")).unwrap();
    lock.lock().unwrap();
    let cases = [
        (empty.as_path(), "holds no log"),
        (&missing, "missing"),
        (&data, "/node-1"),
        (&data.join("node-1"), "in use by another process"),
    ];
    for (path, says) in cases {
        let path = path.to_str().unwrap();
        refused(&wal(&["check", path]), 3, &[path, says]);
        refused(&wal(&["repair", "--yes", path]), 3, &[path, says]);
    }
    assert!(fs::read_dir(&empty).unwrap().next().is_none() && !missing.exists());
}
