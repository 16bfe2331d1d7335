//! Shards, budgets, results and their merging, and what documents say of engines.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

const QUORATE_SIM: &str = env!("CARGO_BIN_EXE_quorate-sim");

/// A folder of a test's own, in which `quorate-sim` is found by its name.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("campaign-{name}"));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("out")).expect("a folder");
        Folder(path)
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let programs = Path::new(QUORATE_SIM).parent().expect("a folder").display().to_string();
        let path = format!("{programs}:{}", std::env::var("PATH").unwrap_or_default());
        let mut command = Command::new(program);
        command.args(arguments).current_dir(&self.0).env("PATH", path);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(QUORATE_SIM, arguments).output().expect("the command runs")
    }

    fn shard(&self, shard: &str, out: &str) {
        let shape = ["run", "--seeds", "3..10", "--time", "1s", "--failures", "none"];
        let output = self.run(&[&shape[..], &["--shard", shard, "--out", out]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }

    /// All files of `out`, merged.
    fn merged(&self) -> (Option<i32>, serde_json::Value) {
        let folder = fs::read_dir(self.0.join("out")).expect("a folder");
        let files = folder.map(|file| file.expect("a file").path().display().to_string());
        let files: Vec<String> = files.filter(|file| file.ends_with(".jsonl")).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        let output = self.run(&[&["merge", "--json"][..], &files].concat());
        (output.status.code(), json(&output))
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output.stderr)))
}

#[test]
fn shards_merge_to_the_whole_in_any_steps() {
    let folder = Folder::new("shards");
    let whole = ["run", "--seeds", "3..10", "--time", "1s", "--json", "--out", "whole.jsonl"];
    let whole = json(&folder.run(&whole));
    for index in 0..3 {
        folder.shard(&format!("{index}/3"), &format!("{index}.jsonl"));
    }
    let merge = |files: &[&str]| folder.run(&[&["merge", "--json"][..], files].concat());
    let all = merge(&["2.jsonl", "0.jsonl", "1.jsonl"]);
    assert_eq!(all.status.code(), Some(0), "{}", text(&all.stderr));
    let sum = json(&all);
    for name in ["hash", "seeds"] {
        assert_eq!(sum[name], whole[name], "{name}");
    }
    for name in ["events", "simulated_ns", "messages", "commits"] {
        assert_eq!(sum["stats"][name], whole[name], "{name}");
    }
    let some = merge(&["0.jsonl", "2.jsonl", "--out", "some.jsonl"]);
    assert_eq!(some.status.code(), Some(130), "a shard has no file");
    assert_eq!(json(&some)["absent_shards"], serde_json::json!(["1/3"]));
    // Whoever is in several files counts once.
    for files in [&["some.jsonl", "1.jsonl"][..], &["1.jsonl", "some.jsonl", "0.jsonl"]] {
        assert_eq!(text(&merge(files).stdout), text(&all.stdout));
    }
    let both = json(&merge(&["whole.jsonl", "some.jsonl", "1.jsonl"]));
    assert_eq!((&both["hash"], &both["seeds"]), (&sum["hash"], &sum["seeds"]));
}

#[test]
fn what_a_share_lacks_is_judged_when_all_are_merged() {
    let folder = Folder::new("share");
    // Too few and too short to show what the profile expects.
    let run = |more: &[&str]| {
        let shape = ["run", "--seeds", "0..4", "--time", "1s", "--failures", "none", "--profile"];
        folder.run(&[&shape[..], &["lease-broken"], more].concat())
    };
    assert_eq!(run(&[]).status.code(), Some(5));
    for (shard, out) in [("0/2", "out/0.jsonl"), ("1/2", "out/1.jsonl")] {
        let share = run(&["--shard", shard, "--out", out]);
        assert_eq!(share.status.code(), Some(0), "{}", text(&share.stderr));
        let told = text(&share.stdout);
        assert!(told.contains("this is one share of 2: `merge` judges that"), "{told}");
    }
    let (code, all) = folder.merged();
    assert_eq!((code, &all["seeds"]), (Some(5), &serde_json::json!(4)));
}

#[test]
fn files_that_cannot_be_summed_are_refused_with_their_names() {
    let folder = Folder::new("refused");
    folder.shard("0/2", "good.jsonl");
    let good = fs::read_to_string(folder.0.join("good.jsonl")).expect("it was written");
    let other = ["run", "--seeds", "0", "--time", "2s", "--out", "longer.jsonl"];
    assert_eq!(folder.run(&other).status.code(), Some(0));
    let version = env!("CARGO_PKG_VERSION");
    for (name, from, to, sentence) in [
        ("version.jsonl", version, "0.0.9", "line 1: it is of quorate-sim 0.0.9, but this is"),
        ("line.jsonl", "\"seed\":5", "\"seed\":five", "line.jsonl, line 3: it is damaged"),
        (
            "mark.jsonl",
            "\"marks\":{",
            "\"marks\":{\"Luck\":1,",
            "line 2: it is damaged or cut short: no mark 'Luck'",
        ),
        ("probe.jsonl", "\"probe\":\"", "\"probe\":\"1", "are not of one batch: of a build whose"),
    ] {
        fs::write(folder.0.join(name), good.replacen(from, to, 1)).expect("a file");
        let output = folder.run(&["merge", "good.jsonl", name]);
        let error = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{name}");
        assert!(error.contains(sentence) && error.contains(name), "{error}");
    }
    let cut = &good[..good.len() - 20];
    fs::write(folder.0.join("cut.jsonl"), cut).expect("a file");
    let error = text(&folder.run(&["merge", "cut.jsonl"]).stderr);
    assert!(error.contains("cut.jsonl, line 5: it is damaged or cut short"), "{error}");
    let error = text(&folder.run(&["merge", "good.jsonl", "longer.jsonl"]).stderr);
    assert!(
        error.contains("good.jsonl and longer.jsonl are not of one batch: of --time 1s"),
        "{error}"
    );
    let lying = good.replacen("\"hash\":\"", "\"hash\":\"f", 1);
    fs::write(folder.0.join("lying.jsonl"), lying).expect("a file");
    let output = folder.run(&["merge", "good.jsonl", "lying.jsonl"]);
    assert_eq!(output.status.code(), Some(4), "two results for one seed");
    assert!(text(&output.stdout).starts_with("NOT DETERMINISTIC seed 3: hash "));
}

#[test]
fn an_interrupted_share_of_a_wide_range_merges_at_once() {
    let folder = Folder::new("wide");
    folder.shard("0/1", "good.jsonl");
    let good = fs::read_to_string(folder.0.join("good.jsonl")).expect("it was written");
    let wide = good.replacen("3..10", "3..1000000000000", 1);
    fs::write(folder.0.join("out/wide.jsonl"), wide).expect("a file");
    let begun = std::time::Instant::now();
    let (code, merged) = folder.merged();
    assert!(begun.elapsed() < Duration::from_secs(60), "no seed is looked for");
    assert_eq!((code, merged["unrun"].as_u64()), (Some(130), Some(999_999_999_990)));
    let header = good.lines().next().expect("a header").replace("null", "1");
    fs::write(folder.0.join("out/wide.jsonl"), format!("{header}\n")).expect("a file");
    let none = folder.run(&["merge", "out/wide.jsonl"]);
    assert!(text(&none.stdout).contains("no seed was run: that is no pass"));
}

#[test]
fn a_budget_says_how_far_it_came() {
    let folder = Folder::new("budget");
    let begun = std::time::Instant::now();
    let output = folder.run(&[
        "run",
        "--budget",
        "1s",
        "--time",
        "1s",
        "--profile",
        "calm",
        "--out",
        "out/0.jsonl",
    ]);
    assert!(begun.elapsed() < Duration::from_secs(60), "only seeds under way go on");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let said = text(&output.stdout);
    let below = said.strip_prefix("the budget is over: the seeds of this shard below ");
    let below = below.and_then(|rest| rest.split(' ').next()).expect("it says so");
    let (code, merged) = folder.merged();
    assert_eq!((code, merged["seeds"].to_string().as_str()), (Some(0), below));
    let endless = folder.run(&["run", "--seeds", "5.."]);
    assert_eq!(endless.status.code(), Some(1));
    assert!(text(&endless.stderr).contains("give a --budget"));
}

#[cfg(unix)]
#[test]
fn whatever_ends_a_run_leaves_whole_results() {
    for signal in ["INT", "TERM", "KILL"] {
        let folder = Folder::new(signal);
        let run = ["run", "--seeds", "0..1000000", "--time", "1s", "--out", "out/0.jsonl"];
        let mut command = folder.command(QUORATE_SIM, &run);
        let child = command.stdout(Stdio::piped()).spawn().expect("it runs");
        // As soon as there is something to lose.
        let out = folder.0.join("out/0.jsonl");
        let lines = || fs::read_to_string(&out).unwrap_or_default().lines().count();
        while lines() < 4 {
            std::thread::sleep(Duration::from_millis(20));
        }
        let kill =
            Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status();
        assert!(kill.expect("kill runs").success());
        let output = child.wait_with_output().expect("it ends");
        if signal != "KILL" {
            assert_eq!(output.status.code(), Some(130), "{signal}");
            assert!(text(&output.stdout).contains(" seeds, interrupted, 0 failed"), "{signal}");
        }
        let (code, merged) = folder.merged();
        assert_eq!(code, Some(130), "not all was run");
        assert_eq!(merged["seeds"].as_u64(), Some(lines() as u64 - 1));
    }
}

/// What `docs/campaigns.md` says, with a campaign that takes a moment.
fn documented(begin: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/campaigns.md");
    let document = fs::read_to_string(path).expect("it is committed");
    let blocks = document.split("```text\n").skip(1);
    let mut blocks = blocks.filter_map(|block| block.split("```").next());
    let block = blocks.find(|block| block.contains(begin)).expect("such a block");
    for part in ["0..100000", "--budget\", \"30m", "--budget 30m"] {
        assert!(part.starts_with("--budget") || block.contains(part), "{part}");
    }
    let block = block.replace("0..100000", "0..6").replace("--budget 30m", "--time 1s");
    block.replace("\"--budget\", \"30m\"", "\"--time\", \"1s\"")
}

#[test]
fn the_slurm_array_of_the_document_runs_under_what_slurm_sets() {
    let folder = Folder::new("slurm");
    let script = documented("#SBATCH");
    fs::write(folder.0.join("job.sh"), script).expect("a file");
    // As `--array=1-3` sets it.
    for task in ["1", "2", "3"] {
        let mut command = folder.command("bash", &["job.sh"]);
        command.env("SLURM_ARRAY_TASK_ID", task).env("SLURM_ARRAY_TASK_MIN", "1");
        command.env("SLURM_ARRAY_TASK_COUNT", "3").env("SLURM_ARRAY_TASK_MAX", "3");
        let output = command.output().expect("bash runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert!(text(&output.stdout).starts_with("2 seeds, 0 failed"));
    }
    let (code, merged) = folder.merged();
    assert_eq!((code, merged["seeds"].as_u64()), (Some(0), Some(6)));
}

#[test]
fn the_indexed_job_of_the_document_runs_under_what_kubernetes_sets() {
    let folder = Folder::new("kubernetes");
    let manifest = documented("kind: Job");
    let value = |name: &str| {
        let line = manifest.lines().find(|line| line.trim_start().starts_with(name));
        line.and_then(|line| line.split_once(": ")).expect(name).1.trim().to_owned()
    };
    assert_eq!(
        value("completions"),
        value("value").replace('"', ""),
        "both say how many there are"
    );
    assert_eq!(value("completionMode"), "Indexed");
    let command: Vec<String> = serde_json::from_str(&value("command")).expect("a list");
    for index in ["0", "1"] {
        let expand = |argument: &String| argument.replace("$(JOB_COMPLETION_INDEX)", index);
        let arguments: Vec<String> = command.iter().map(expand).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let mut pod = folder.command(arguments[0], &arguments[1..]);
        pod.env("JOB_COMPLETION_INDEX", index).env("JOB_COMPLETIONS", "2");
        let output = pod.output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let (code, merged) = folder.merged();
    assert_eq!((code, merged["seeds"].as_u64()), (Some(0), Some(6)));
}

#[test]
fn gnu_parallel_runs_the_line_of_the_document() {
    if Command::new("parallel").arg("--version").output().is_err() {
        eprintln!("skipped: needs parallel (apt install parallel)");
        assert!(std::env::var_os("QUORATE_CI").is_none(), "it must be there under CI");
        return;
    }
    let folder = Folder::new("parallel");
    let line = documented("| parallel");
    assert!(line.contains("seq 0 63") && line.contains("{}/64"), "{line}");
    let line = line.replace("seq 0 63", "seq 0 2").replace("{}/64", "{}/3");
    let output = folder.command("bash", &["-c", &line]).stdin(Stdio::null()).output();
    let output = output.expect("bash runs");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let (code, merged) = folder.merged();
    assert_eq!((code, merged["seeds"].as_u64()), (Some(0), Some(6)));
    assert_eq!(fs::read_to_string(folder.0.join("out/log")).expect("a log").lines().count(), 4);
}

#[test]
fn progress_is_shown_on_a_terminal_and_nowhere_else() {
    let folder = Folder::new("progress");
    let run = "quorate-sim run --seeds 0..6 --time 1s --failures none";
    let quiet = folder.command("bash", &["-c", run]).output().expect("bash runs");
    assert!(quiet.stderr.is_empty(), "{}", text(&quiet.stderr));
    // `script` gives it a terminal, where there is such a program.
    let mut script = folder.command("script", &["-qec", run, "/dev/null"]);
    let Ok(shown) = script.env("TERM", "xterm").stdin(Stdio::null()).output() else { return };
    let shown = text(&shown.stdout);
    assert!(shown.contains("/6 seeds, ") && shown.contains(" events/s, 0 violations"), "{shown}");
}
