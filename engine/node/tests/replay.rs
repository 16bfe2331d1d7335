//! A run of a real node, recorded and stepped again by the binary.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod binary;

use std::{fs, path::Path, process::Output, time::Duration};

use binary::*;
use quorate::{Coordination, EmbeddedEngine, EngineConfig};

fn replay(arguments: &[&str]) -> Output {
    quorate().arg("replay").args(arguments).output().unwrap()
}

/// Records a short life of a node.
fn recorded(file: &Path) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let dir = tempfile::tempdir().unwrap();
        let record_to = Some(file.to_path_buf());
        let config = EngineConfig { record_to, ..EngineConfig::new(dir.path()) };
        let engine = EmbeddedEngine::start_with(config).await.unwrap();
        engine.wait_ready(Duration::from_secs(30)).await.unwrap();
        for number in 0..50 {
            engine.client().put(format!("key-{number}"), "value").await.unwrap();
        }
        engine.snapshot().await.unwrap();
        engine.stop().await.unwrap();
    });
    // Its last task may still hold it for a moment.
    drop(runtime);
}

#[test]
fn a_recorded_life_is_answered_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("life.trace");
    recorded(&file);
    let name = file.to_str().unwrap();
    let output = replay(&["--json", name]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let result = json(&output);
    assert_eq!((&result["same"], &result["cut_bytes"]), (&true.into(), &0.into()), "{result}");
    assert!(result["events"].as_u64().unwrap() > 100, "{result}");
    let output = replay(&[name]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("same ") && text.contains(result["hash"].as_str().unwrap()), "{text}");
}

#[test]
fn what_is_no_trace_or_damaged_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("life.trace");
    recorded(&file);
    let name = file.to_str().unwrap();
    let sound = fs::read(&file).unwrap();
    let mut damaged = sound.clone();
    damaged[sound.len() / 2] ^= 1;
    let mut later = sound.clone();
    later[4] = 9;
    let cases: [(&[u8], &str); 4] = [
        (&damaged, "checksum"),
        (&later, "format 9"),
        (b"dear reader, this is a letter", "no trace"),
        (b"", "before its first event"),
    ];
    for (bytes, says) in cases {
        fs::write(&file, bytes).unwrap();
        refused(&replay(&[name]), 3, &[name, says]);
    }
    refused(&replay(&["no-such-file"]), 3, &["no-such-file"]);
    fs::write(&file, &sound[..sound.len() - 5]).unwrap();
    let output = replay(&[name]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).starts_with("cut off "));
}
