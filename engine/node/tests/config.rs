//! `quorate config`, as an operator runs it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod binary;

use std::path::Path;

use binary::{json, quorate, refused, stderr};
use quorate::EngineConfig;

fn config(arguments: &[&str], variables: &[(&str, &str)]) -> std::process::Output {
    let mut command = quorate();
    command.arg("config").args(arguments);
    // What this process was told is not what the operator sets.
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUORATE_"))
    {
        command.env_remove(name);
    }
    command.envs(variables.iter().copied()).output().unwrap()
}

fn written(dir: &Path, text: &str) -> String {
    let file = dir.join("node.toml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn the_example_is_good_and_what_is_shown_is_in_force() {
    let dir = tempfile::tempdir().unwrap();
    let example = config(&["example"], &[]);
    let file = written(dir.path(), &String::from_utf8(example.stdout).unwrap());
    let output = config(&["check", &file], &[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(json(&config(&["check", "--json", &file], &[]))["ok"], true);

    let shown = config(&["show", &file], &[("QUORATE_ELECTION_TIMEOUT", "1 s")]);
    let shown = EngineConfig::from_toml(&String::from_utf8(shown.stdout).unwrap()).unwrap();
    let expected = EngineConfig {
        election_timeout: std::time::Duration::from_secs(1),
        ..EngineConfig::from_toml("").unwrap()
    };
    assert_eq!(shown, expected);
    let shown = json(&config(&["show", "--json"], &[("QUORATE_WATCH_LIMIT", "5")]));
    assert_eq!((&shown["watch_limit"], &shown["election_timeout"]), (&5.into(), &"500ms".into()));
}

#[test]
fn what_is_wrong_is_said_in_one_sentence_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = written(dir.path(), "node = 1\nheartbeat_intervall = \"1s\"\n");
    let says = [":2: there is no setting heartbeat_intervall", "did you mean heartbeat_interval,"];
    refused(&config(&["check", &file], &[]), 1, &says);
    refused(&config(&["show", &file], &[]), 1, &says);
    let output = config(&["check", "--json", &file], &[]);
    assert_eq!(output.status.code(), Some(1));
    let found = json(&output);
    assert_eq!(found["ok"], false);
    assert!(found["error"].as_str().unwrap().contains(says[0]), "{found}");

    let file = written(dir.path(), "election_timeout = \"1s\"\n");
    let set = [("QUORATE_HEARTBEAT_INTERVAL", "600ms")];
    // A file is checked by itself, unless the environment is asked for.
    assert_eq!(config(&["check", &file], &set).status.code(), Some(0));
    let says = ["heartbeat_interval is 600ms", "election_timeout is 1s", "node.toml:1"];
    refused(&config(&["check", "--environment", &file], &set), 1, &says);
    let gone = dir.path().join("gone.toml");
    refused(&config(&["check", gone.to_str().unwrap()], &[]), 3, &["gone.toml", "name a file"]);
}
