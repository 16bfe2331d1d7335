//! A soak as a user meets it: an hour, the next hour, and what they came to.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn folder(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("soak-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    path
}

fn soak(dir: &Path, more: &[&str]) -> Output {
    let dir = dir.to_str().expect("a name in letters");
    let arguments = [&["soak", "--dir", dir], more].concat();
    Command::new(env!("CARGO_BIN_EXE_quorate-sim"))
        .args(arguments)
        .output()
        .expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The seeds that were run of a profile, by what the command prints.
fn seeds(output: &Output, profile: &str) -> (u64, u64) {
    let printed: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let sum = &printed["soak"]["profiles"][profile];
    (sum["seeds"].as_u64().unwrap_or(0), sum["next"].as_u64().unwrap_or(0))
}

#[test]
fn the_next_hour_goes_on_where_the_last_one_ended() {
    let dir = folder("hours");
    let two = ["--profiles", "calm,kv", "--time", "2s", "--for", "1s", "--first", "500", "--json"];
    let first = soak(&dir, &two);
    assert!(matches!(first.status.code(), Some(0 | 5)), "{}", text(&first.stderr));
    let (ran, next) = seeds(&first, "calm");
    assert!(ran > 0 && next == 500 + ran, "{ran} {next}");
    let again = soak(&dir, &two);
    let (more, next) = seeds(&again, "calm");
    assert!(more > ran && next == 500 + more, "{more} {next}");
    assert!(seeds(&again, "kv").0 > 0);
    // Nothing is run, and all is told.
    let told = soak(&dir, &["--time", "2s", "--for", "0s"]);
    assert_eq!(told.status.code(), again.status.code());
    let told = text(&told.stdout);
    assert!(told.starts_with(&format!("calm         {more} seeds, ")), "{told}");
    assert!(told.trim_end().ends_with("0 violations"), "{told}");
}

#[test]
fn what_a_profile_expects_is_no_violation() {
    let dir = folder("expected");
    let output = soak(&dir, &["--profiles", "lease-broken", "--for", "3s"]);
    let told = text(&output.stdout);
    assert!(told.contains("as it must") && told.contains("0 violations"), "{told}");
}

#[test]
fn a_folder_that_cannot_be_gone_on_with_is_refused_and_left_as_it_is() {
    let dir = folder("refused");
    assert!(
        soak(&dir, &["--time", "2s", "--profiles", "calm", "--for", "200ms"]).status.code()
            != Some(1)
    );
    let path = dir.join("soak.json");
    let before = fs::read_to_string(&path).expect("it is there");
    let longer = soak(&dir, &["--time", "3s"]);
    assert_eq!(longer.status.code(), Some(1));
    assert!(text(&longer.stderr).contains("its runs are of 2s, not of 3s: give --time 2s"));
    for damaged in [&before[..before.len() / 2], "", &before.replace("\"next\"", "\"nxt\"")] {
        fs::write(&path, damaged).expect("it can be written");
        let refused = soak(&dir, &["--time", "2s"]);
        assert_eq!(refused.status.code(), Some(1), "{damaged}");
        assert!(text(&refused.stderr).contains("name another folder"));
        assert_eq!(fs::read_to_string(&path).expect("it is there"), damaged);
    }
    fs::write(dir.join("file"), "").expect("it can be written");
    let nowhere = soak(&dir.join("file/below"), &["--for", "1s"]);
    assert_eq!(nowhere.status.code(), Some(1));
    let stormy = soak(&dir, &["--profiles", "calm,stormy"]);
    assert!(text(&stormy.stderr).contains("one of calm, swarm"));
}
