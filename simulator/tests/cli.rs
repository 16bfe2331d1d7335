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
    let cases: [(&[&str], &str); 7] = [
        (&["run", "--seeds", "9..3"], "write A..B with A below B"),
        (&["run", "--seeds", "x"], "write A..B or a seed"),
        (&["run", "--seeds", "18446744073709551615"], "holds no seed"),
        (&["run", "--profile", "stormy"], "one of calm, swarm, crashes, network, disk"),
        (&["run", "--time", "5"], "write 20s or 500ms"),
        (&["run", "--seeds", "0", "--trace", "/no/such/place"], "name another file or -"),
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
    assert!(run(&["--trace", "-"]).lines().count() > 100);
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
