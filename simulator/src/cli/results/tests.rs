use proptest::prelude::*;

use super::{samples::*, *};

fn text(results: &Results) -> String {
    let lines = results.lines.values().map(|line| serde_json::to_string(line).unwrap());
    let header = serde_json::to_string(&results.header).unwrap();
    [header].into_iter().chain(lines).collect::<Vec<String>>().join("\n")
}

fn parse(text: &str) -> Result<Results, String> {
    Results::parse("out/3.jsonl", text.as_bytes())
}

fn any_line() -> impl Strategy<Value = Line> {
    let violation = proptest::option::of((2..5_u8, proptest::option::of("[ab]")));
    (0..6_u64, "[abc]", 1..4_u64, violation).prop_map(|(seed, hash, cpu_ns, violation)| Line {
        cpu_ns,
        violation: violation.and_then(|(exit_code, file)| {
            broken(seed, exit_code).violation.map(|broken| Broken { file, ..broken })
        }),
        ..line(seed, &hash)
    })
}

fn any_results() -> impl Strategy<Value = Results> {
    let lines = proptest::collection::vec(any_line(), 0..8);
    (lines, 0..3_u64, proptest::option::of(1..3_u64))
        .prop_map(|(lines, shard, budget)| results("0..6", &format!("{shard}/3"), budget, lines))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn joining_is_associative_and_commutative_and_changes_nothing_when_it_is_repeated(
        one in any_results(),
        other in any_results(),
        third in any_results(),
    ) {
        let join = |a: &Results, b: &Results| a.clone().join(b.clone()).expect("of one batch");
        let all = join(&join(&one, &other), &third);
        prop_assert_eq!(&all, &join(&one, &join(&other, &third)));
        prop_assert_eq!(join(&one, &other), join(&other, &one));
        prop_assert_eq!(&all, &join(&third, &join(&one, &other)));
        prop_assert_eq!(&all, &join(&all, &one));
    }

    #[test]
    fn what_is_written_is_read(results in any_results()) {
        prop_assert_eq!(parse(&text(&results)), Ok(results));
    }
}

#[test]
fn two_results_of_one_seed_are_kept_and_equal_ones_count_once() {
    let ran = |hash| results("0..1", "0/1", None, [line(0, hash)]);
    let same = ran("a").join(ran("a")).unwrap();
    assert!(!same.lines[&0].differs());
    let both = ran("b").join(ran("a")).unwrap();
    assert_eq!((both.lines[&0].hash.as_str(), both.lines[&0].differs()), ("a", true));
    assert!(both.lines[&0].other_hashes.contains("b"));
}

#[test]
fn a_violation_is_never_dropped_for_a_pass() {
    let ran = |line| results("0..1", "0/1", None, [line]);
    // The one that passed took less time, and has the lesser hash or the same.
    for hash in ["0", "!"] {
        let failed = Line { cpu_ns: 9, ..broken(0, 2) };
        let both = ran(line(0, hash)).join(ran(failed.clone())).unwrap();
        assert_eq!(both.lines[&0].violation, failed.violation);
    }
}

#[test]
fn an_exit_code_that_no_violation_has_is_refused() {
    for code in [0, 1, 5, 130] {
        let error = parse(&text(&results("0..1", "0/1", None, [broken(0, code)]))).unwrap_err();
        assert!(error.contains("line 2: a violation with exit code"), "{error}");
    }
}

#[test]
fn a_damaged_line_is_named_with_its_file_and_number() {
    let whole = text(&results("0..3", "0/1", None, [line(0, "a"), line(1, "b")]));
    assert!(parse(&whole).is_ok());
    for (text, sentence) in [
        (whole[..whole.len() - 9].to_owned(), "out/3.jsonl, line 3: it is damaged or cut short"),
        (whole.replacen("\"seed\":0", "\"seed\":zero", 1), "out/3.jsonl, line 2: it is damaged"),
        (whole.replacen("\"format\":1", "\"format\":9", 1), "line 1: it is of format 9, but"),
        (whole.replacen("quorate-sim", "other", 1), "line 1: it is no header"),
        (String::new(), "out/3.jsonl: it is empty"),
    ] {
        let error = parse(&text).unwrap_err();
        assert!(error.contains(sentence), "{error}");
    }
}

#[test]
fn another_version_is_refused_with_both() {
    let whole = text(&results("0..3", "0/1", None, [line(0, "a")]));
    let old = whole.replacen(VERSION, "0.0.9", 1);
    let error = parse(&old).unwrap_err();
    assert!(error.contains("of quorate-sim 0.0.9") && error.contains(VERSION), "{error}");
    let mixed = whole.replacen("\"version\":\"", "\"version\":\"9", 1);
    assert!(parse(&mixed).unwrap_err().contains("line 2: a run of quorate-sim 9"));
}

#[test]
fn what_is_not_of_one_batch_is_not_joined() {
    let base = results("0..3", "0/1", None, []);
    let other = |edit: fn(&mut Header)| {
        let mut other = base.clone();
        edit(&mut other.header);
        base.clone().join(other).unwrap_err()
    };
    assert_eq!(
        other(|header| header.profile = "disk".into()),
        "profile swarm, and of profile disk"
    );
    assert_eq!(other(|header| header.time_ns = SECOND), "--time 20s, and of --time 1s");
    assert_eq!(other(|header| header.nodes = Some(3)), "--nodes drawn, and of --nodes 3");
    assert!(other(|header| header.probe = "1".into()).contains("a build whose probe is 0"));
    let versions = other(|header| header.version = "0.0.9".into());
    assert!(versions.contains(VERSION) && versions.contains("0.0.9"), "{versions}");
}
