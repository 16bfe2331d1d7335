//! The command line as a user meets it.

use std::process::{Command, Output, Stdio};

fn quorate_sim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate-sim"))
        .args(arguments)
        .output()
        .expect("the command runs")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn wrong_usage_is_one_clear_sentence_with_the_way_out_and_exit_code_1() {
    let cases: [(&[&str], &str); 18] = [
        (&["run", "--seeds", "9..3"], "write A..B with A below B"),
        (&["run", "--seeds", "x"], "write A..B or a seed"),
        (&["run", "--seeds", "18446744073709551615"], "holds no seed"),
        (&["run", "--shard", "4/4"], "they count from 0"),
        (&["run", "--shard", "slurm"], "SLURM_ARRAY_TASK_ID is not set"),
        (&["run", "--seeds", "0", "--out", "/no/such/place"], "name another file"),
        (
            &["run", "--profile", "stormy"],
            "one of calm, swarm, crashes, network, disk, damage, beyond-model",
        ),
        (&["run", "--time", "5"], "write 20s, 1.5ms"),
        (&["run", "--seeds", "0", "--trace", "/no/such/place"], "name another file or -"),
        (&["replay", "/no/such/file.toml"], "cannot be read"),
        (&["shrink", "/no/such/file.toml", "--budget", "5"], "write 20s, 1.5ms"),
        (&["run", "--seeds", "0..2", "--trace", "-"], "--trace shows one run: name one seed"),
        (&["run", "--seeds", "0", "--out", "-"], "--out cannot be the standard output"),
        (&["run", "--seeds", "0", "--out", "z", "--trace", "./z"], "--out and --trace are both"),
        (&["replay", "a.toml", "--html", "-"], "--html cannot be the standard output"),
        (&["shrink", "a.toml", "-o", "-"], "--output cannot be the standard output"),
        (&["merge", "a.jsonl", "--out", "-"], "--out cannot be the standard output"),
        (&["run", "--sed", "3"], "a similar argument exists: '--seeds'"),
    ];
    for (arguments, sentence) in cases {
        let output = quorate_sim(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(sentence), "{}", text(&output.stderr));
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_has_examples() {
    for command in ["replay", "shrink"] {
        let output = quorate_sim(&[command, "--help"]);
        assert!(text(&output.stdout).contains(&format!("quorate-sim {command} failures/")));
    }
    for arguments in [&["--help"][..], &["run", "--help"]] {
        let output = quorate_sim(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("quorate-sim run --seeds 42 --trace -"));
    }
}

#[test]
fn a_run_tells_its_summary_and_nothing_else_and_the_same_each_time() {
    let run = |more: &[&str]| {
        let arguments = [&["run", "--seeds", "3..6", "--time", "2s"], more].concat();
        let output = quorate_sim(&arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(output.stderr.is_empty(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let hash = |line: String| line.split("hash ").nth(1).unwrap()[..16].to_owned();
    let first = run(&[]);
    assert!(first.starts_with("3 seeds, 0 failed: "), "{first}");
    assert_eq!(first.lines().count(), 2);
    assert_eq!(hash(first), hash(run(&["--twice", "--jobs", "2"])));
    assert!(run(&["--json"]).starts_with('{'));
    let traced = quorate_sim(&["run", "--seeds", "3", "--time", "2s", "--trace", "-"]);
    assert!(text(&traced.stdout).lines().count() > 100);
}

/// A file of this test's own.
fn file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("quorate-sim-{}-{name}", std::process::id()));
    std::fs::write(&path, text).expect("a file in the folder for them");
    path.display().to_string()
}

#[test]
fn a_plan_as_a_file_replays_to_the_run_of_its_seed() {
    let plan = quorate_sim(&["plan", "--seed", "7", "--time", "2s", "--toml"]);
    let path = file("plan.toml", &text(&plan.stdout));
    let replayed = quorate_sim(&["replay", &path]);
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stderr));
    assert!(text(&replayed.stdout).starts_with("passed, hash "));
    let json = |output: &Output| -> serde_json::Value {
        serde_json::from_slice(&output.stdout).expect("a line of JSON")
    };
    let again = json(&quorate_sim(&["replay", &path, "--json"]));
    let run = json(&quorate_sim(&["run", "--seeds", "7", "--time", "2s", "--json"]));
    assert_eq!(again["size"]["events"], run["events"]);
    assert_eq!(quorate_sim(&["shrink", &path]).status.code(), Some(5), "it does not fail");
}

#[test]
fn a_file_is_never_written_over_what_is_read() {
    let plan = text(&quorate_sim(&["plan", "--seed", "7", "--time", "2s", "--toml"]).stdout);
    let path = file("kept.toml", &plan);
    let page = file("kept.html", "");
    for (more, sentence) in [
        (["--html", &path, "--json", "--json"], "FILE and --html are both"),
        (["--trace", &path, "--html", &page], "FILE and --trace are both"),
        (["--trace", &page, "--html", &page], "--html and --trace are both"),
    ] {
        let more = if more[2] == more[3] { &more[..2] } else { &more[..] };
        let output = quorate_sim(&[&["replay", &path], more].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(sentence), "{}", text(&output.stderr));
    }
    assert_eq!(std::fs::read_to_string(&path).expect("it is there"), plan);
}

/// Runs with the standard output gone to where nothing fits.
#[cfg(target_os = "linux")]
fn into_full(arguments: &[&str]) -> Output {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
    let child = Command::new(env!("CARGO_BIN_EXE_quorate-sim"))
        .args(arguments)
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn();
    child.and_then(std::process::Child::wait_with_output).expect("the command runs")
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_written_is_said_and_is_no_pass() {
    let plan = text(&quorate_sim(&["plan", "--seed", "7", "--time", "2s", "--toml"]).stdout);
    let (path, out) = (file("full.toml", &plan), file("full.jsonl", ""));
    let run = ["run", "--seeds", "7", "--time", "2s"];
    assert_eq!(quorate_sim(&[&run[..], &["--out", &out]].concat()).status.code(), Some(0));
    let said = "the standard output is cut short: ";
    for arguments in [
        &["plan", "--seed", "7", "--toml"][..],
        &run,
        &[&run[..], &["--json"]].concat(),
        &["replay", &path],
        &["merge", &out],
        &["explore", "--states", "10"],
    ] {
        let output = into_full(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(text(&output.stderr).matches(said).count(), 1, "{}", text(&output.stderr));
    }
    let failing = file("full-failing.toml", &failing());
    assert_eq!(into_full(&["replay", &failing]).status.code(), Some(2), "a violation stands");
    for arguments in [&["replay", &path][..], &run] {
        let output = quorate_sim(&[arguments, &["--trace", "/dev/full"]].concat());
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains("the trace is cut short"), "{arguments:?}");
    }
    let shape = ["run", "--profile", "lease-broken", "--seeds", "3", "--json"];
    let output = quorate_sim(&[&shape[..], &["--failures", "/dev/null/none"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(value["exit_code"], 1);
}

#[test]
fn no_seed_is_no_pass_and_an_empty_variable_is_none() {
    let none = quorate_sim(&["run", "--budget", "0s"]);
    assert_eq!(none.status.code(), Some(5));
    assert!(text(&none.stdout).contains("no seed was run: that is no pass"));
    let empty = Command::new(env!("CARGO_BIN_EXE_quorate-sim"))
        .args(["run", "--seeds", "0..2", "--time", "1s"])
        .env("QUORATE_SHARD", "")
        .output()
        .expect("the command runs");
    assert_eq!(empty.status.code(), Some(0), "{}", text(&empty.stderr));
    assert!(text(&empty.stdout).starts_with("2 seeds, 0 failed"));
    // More shards than seeds: this one has nothing to do.
    let beyond = quorate_sim(&["run", "--seeds", "0..2", "--shard", "2/3"]);
    assert_eq!(beyond.status.code(), Some(0), "{}", text(&beyond.stdout));
}

#[test]
fn a_search_that_is_cut_off_has_not_looked_at_the_state_that_it_was_at() {
    for mode in [&[][..], &["--deep"]] {
        let cut = quorate_sim(&[&["explore", "--states", "1", "--json"], mode].concat());
        let value: serde_json::Value = serde_json::from_slice(&cut.stdout).expect("JSON");
        assert!(value["waiting"].as_u64() > Some(0), "{value}");
    }
}

#[test]
fn a_wrong_file_and_one_of_another_version_are_refused() {
    let plan = text(&quorate_sim(&["plan", "--seed", "7", "--toml"]).stdout);
    let cases = [
        ("seed = 7", "seed = x", "line 5, column 8"),
        ("format = 1", "format = 2", "of format 2, but this quorate-sim reads format 1"),
        (env!("CARGO_PKG_VERSION"), "0.0.0", "of quorate-sim 0.0.0, but this is quorate-sim"),
    ];
    for (from, to, sentence) in cases {
        let path = file("wrong.toml", &plan.replacen(from, to, 1));
        let output = quorate_sim(&["replay", &path]);
        assert_eq!(output.status.code(), Some(1));
        assert!(text(&output.stderr).contains(sentence), "{}", text(&output.stderr));
    }
}

/// The file of a failure: clocks drift, and no node reckons with it.
fn failing() -> String {
    let plan = quorate_sim(&["plan", "--seed", "104", "--profile", "leases", "--toml"]);
    let plan = text(&plan.stdout);
    let from = plan.lines().find(|line| line.starts_with("max-clock-drift-ppm"));
    let from = from.expect("a setting");
    plan.replacen(from, "max-clock-drift-ppm = 0", 1)
}

#[test]
fn a_failure_is_shrunk_and_the_smaller_one_shows_it_again() {
    let (path, small) = (file("failing.toml", &failing()), file("small.toml", ""));
    let replayed = quorate_sim(&["replay", &path]);
    assert_eq!(replayed.status.code(), Some(2));
    assert!(text(&replayed.stdout).starts_with("FAILED lease-read at event "));
    let json = quorate_sim(&["shrink", &path, "-o", &small, "--budget", "1s", "--json"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(json["exit_code"], 0);
    let shrunk = quorate_sim(&["shrink", &path, "-o", &small, "--budget", "2s"]);
    assert_eq!(shrunk.status.code(), Some(0), "{}", text(&shrunk.stderr));
    assert!(text(&shrunk.stdout).contains(&format!("-p quorate-sim -- replay {small}")));
    assert_eq!(quorate_sim(&["replay", &small]).status.code(), Some(2));
    let healed = std::fs::read_to_string(&small).expect("it was written");
    let other = healed.replace("\nexpected = \"lease-read\"", "\nexpected = \"liveness\"");
    let other = quorate_sim(&["replay", &file("other.toml", &other)]);
    assert_eq!(other.status.code(), Some(5), "{}", text(&other.stdout));
    assert!(text(&other.stdout).contains("the file expects another violation: liveness"));
    let healed = healed.replace("max-clock-drift-ppm = 0", "max-clock-drift-ppm = 100000");
    let gone = quorate_sim(&["replay", &file("healed.toml", &healed)]);
    assert_eq!(gone.status.code(), Some(5), "{}", text(&gone.stdout));
    assert!(text(&gone.stdout).contains("lease-read is not violated any more"));
}

#[test]
fn a_profile_that_expects_a_violation_passes_where_it_is_seen_and_only_there() {
    let folder = file("expected", "");
    std::fs::remove_file(&folder).expect("it was just written");
    let broken = |seeds: &str| {
        let shape = ["run", "--profile", "lease-broken", "--seeds", seeds];
        quorate_sim(&[&shape[..], &["--failures", &folder]].concat())
    };
    let unseen = broken("0..2");
    assert_eq!(unseen.status.code(), Some(5), "{}", text(&unseen.stdout));
    assert!(text(&unseen.stdout).contains("expected, but not seen: lease-read is broken"));
    let seen = broken("0..4");
    assert_eq!(seen.status.code(), Some(0), "{}", text(&seen.stdout));
    let sentence = "as expected, lease-read is broken: by 1 of 4 seeds, the first of them 3";
    assert!(text(&seen.stdout).contains(sentence), "{}", text(&seen.stdout));
    let path = format!("{folder}/lease-broken-3.toml");
    let replayed = quorate_sim(&["replay", &path]);
    assert_eq!(replayed.status.code(), Some(0), "{}", text(&replayed.stdout));
    assert!(text(&replayed.stdout).contains("as the profile lease-broken expects"));
    let shrunk = quorate_sim(&["shrink", &path, "--budget", "2s"]);
    assert_eq!(shrunk.status.code(), Some(0), "{}", text(&shrunk.stderr));
    let small = format!("{folder}/lease-broken-3.shrunk.toml");
    assert_eq!(quorate_sim(&["replay", &small]).status.code(), Some(0));
}

#[test]
fn a_replay_writes_a_page_and_a_trace_of_json_lines() {
    let case = file("traced.toml", &failing());
    let (page, trace) = (file("page.html", ""), file("trace.jsonl", ""));
    let replayed = quorate_sim(&["replay", &case, "--html", &page, "--trace", &trace]);
    assert_eq!(replayed.status.code(), Some(2));
    let page = std::fs::read_to_string(&page).expect("it was written");
    assert!(page.starts_with("<!doctype html>") && page.contains("lease-read is violated"));
    let trace = std::fs::read_to_string(&trace).expect("it was written");
    let records: Vec<serde_json::Value> =
        trace.lines().map(|line| serde_json::from_str(line).expect("a line of JSON")).collect();
    assert!(records.len() > 1_000);
    let last = records.last().expect("some");
    assert_eq!((&last["kind"], &last["property"]), (&"violation".into(), &"lease-read".into()));
    assert!(records.iter().all(|record| record["cause"].as_u64() < record["id"].as_u64()));
    let nowhere = quorate_sim(&["replay", &case, "--html", "/no/such/place.html"]);
    assert_eq!(nowhere.status.code(), Some(1));
    assert!(text(&nowhere.stderr).contains("the page cannot be written to '/no/such/place.html'"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_prints_what_was_done_so_far() {
    let child = Command::new(env!("CARGO_BIN_EXE_quorate-sim"))
        .args(["run", "--seeds", "0..1000000", "--time", "1s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_secs(1));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    assert!(text(&output.stdout).contains("seeds, interrupted, 0 failed"));
}
