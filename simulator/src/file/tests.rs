//! Files: what is written is read again, and what is wrong is named.

use super::*;
use crate::{
    plan::{Fault, Kinds, MessageKind, Pattern, Planned, Split, Target, When, Wire},
    profile::SECOND,
    run::{Options, replay},
    system::KvOperation,
    world::Recipe,
};

fn case(seed: u64, profile: Profile) -> Case {
    Case::new(Recipe { profile, time: SECOND, ..Recipe::new(seed) })
}

#[test]
fn what_is_written_is_read_again() {
    for profile in Profile::ALL {
        for seed in 0..300 {
            let case = case(seed, profile);
            assert_eq!(read(&write(&case)).as_ref(), Ok(&case), "{}", write(&case));
        }
    }
    let rare =
        Case { seed: u64::MAX, expected: Some(Property::LogMatching), ..case(1, Profile::Calm) };
    assert_eq!(read(&write(&rare)), Ok(rare));
}

#[test]
fn operations_and_quiet_streams_are_read_again() {
    let operation = PlannedOperation {
        client: 1,
        number: 7,
        at: 1_234_567,
        operation: KvOperation::Get { key: 2 },
        lease: true,
    };
    for list in [vec![], vec![operation, PlannedOperation { number: 9, ..operation }]] {
        let case = Case {
            operations: Some(list),
            quiet: vec![Stream::Ties, Stream::Link(0, 2), Stream::Process(1)],
            ..case(3, Profile::Swarm)
        };
        assert_eq!(read(&write(&case)).as_ref(), Ok(&case), "{}", write(&case));
    }
}

#[test]
fn a_case_from_a_file_gives_the_same_run() {
    for profile in Profile::ALL {
        let case = case(5, profile);
        let hash = |case: &Case| replay(case, Options::default()).hash;
        assert_eq!(hash(&case), hash(&read(&write(&case)).unwrap()), "{}", profile.name());
    }
}

/// What is said of the text of a case in which `from` is replaced.
fn complaint(from: &str, to: &str) -> String {
    let text = write(&case(1, Profile::Crashes));
    assert!(text.contains(from), "{text}");
    read(&text.replacen(from, to, 1)).unwrap_err().to_string()
}

#[test]
fn other_versions_are_refused_with_both_named() {
    let format = complaint("format = 1", "format = 7");
    assert!(format.contains("format 7") && format.contains("format 1"), "{format}");
    let version = complaint(&format!("\"{VERSION}\""), "\"0.0.9\"");
    assert!(version.contains("0.0.9") && version.contains(VERSION), "{version}");
}

#[test]
fn what_is_wrong_is_named_with_its_place_and_what_is_allowed() {
    let cases = [
        (
            "profile = \"crashes\"",
            "profile = \"cashes\"",
            "line 4, column 11",
            "one of calm, swarm",
        ),
        ("seed = 1", "sead = 1", "line 5, column 1", "expected one of `format`"),
        ("[[fault]]\n", "[[fault]]\nkindness = 1\n", "line", "`at`, `on`"),
        ("kind = \"kill\"", "kind = \"maim\"", "line", "`power-loss`"),
        ("kind = \"kill\"", "kind = \"partition\"", "line", "needs `split`"),
        ("kind = \"kill\"", "kind = \"kill\"\nto = 3", "line", "`to` does not belong"),
        ("kind = \"kill\"", "kind = \"disk-damage\"", "line", "needs `damage`"),
        ("kind = \"kill\"", "kind = \"disk-slow\"\ntimes = 0", "line", "1 to 1000000 are possible"),
        ("nodes = ", "nodes = 1", "line", "1 to 8 are possible"),
        ("election-timeout = \"", "election-timeout = \"x", "line", "write 20s"),
    ];
    for (from, to, place, allowed) in cases {
        let said = complaint(from, to);
        assert!(said.contains(place) && said.contains(allowed), "{said}");
    }
}

#[test]
fn a_setting_out_of_its_range_is_named_with_its_line_as_files_have_it() {
    let text = write(&case(1, Profile::Crashes));
    let times = ["write-time", "write-spread", "apply-spread", "delay", "spread", "think", "pace"];
    let long = times.into_iter().chain(["gather", "patience"]).map(|name| (name, "\"100s\""));
    let others = [
        ("patience", "\"0s\""),
        ("fault-time", "\"3600000s\""),
        ("rest", "\"3600000s\""),
        ("write-stall-limit", "\"1ns\""),
        ("max-apply-bytes", "0"),
        ("padding-bytes", "1000001"),
    ];
    for (name, value) in long.chain(others) {
        let begin = format!("{name} = ");
        let number = text.lines().position(|line| line.starts_with(&begin)).expect(name);
        let mut lines: Vec<&str> = text.lines().collect();
        let line = format!("{begin}{value}");
        lines[number] = &line;
        let said = read(&lines.join("\n")).unwrap_err().to_string();
        let (place, is) = (format!("line {}, column ", number + 1), value.replace('"', ""));
        let sentence = format!("{name} is {is}: ");
        assert!(said.starts_with(&place) && said.contains(&sentence), "{said}");
        assert!(said.ends_with(" are possible") && !said.contains('_'), "{said}");
    }
}

#[test]
fn links_and_disks_that_leave_no_time_for_an_election_are_refused() {
    let mut case = case(1, Profile::Calm);
    let settings = &mut case.settings;
    settings.election_timeout = 100_000_000;
    settings.workload.patience = 100_000_000;
    (settings.write_time, settings.link.delay) = (20_000_000, 20_000_000);
    let said = read(&write(&case)).unwrap_err().to_string();
    assert!(said.contains("together is 4") && said.contains("0s to 25ms are possible"), "{said}");
}

#[test]
fn what_is_missing_may_be_of_another_build() {
    let said = complaint("scenes = ", "# scenes = ");
    let end = format!("missing field `scenes`, or the file is of another build of {VERSION}");
    assert!(said.starts_with("line ") && said.ends_with(&end), "{said}");
}

#[test]
fn a_fault_that_no_group_comes_back_from_is_refused() {
    let kinds = Kinds::of(&[MessageKind::VoteRequest]);
    let hour = 3_600 * SECOND;
    for (fault, sentence) in [
        (Fault::Drift { ppm: i64::MAX }, "-999999 to 10000000 are possible"),
        (Fault::Drift { ppm: -1_000_000 }, "ppm is -1000000: "),
        (Fault::Lossy { drop_ppm: 1_000_001 }, "drop-ppm is 1000001: 0 to 1000000 are possible"),
        (Fault::Wire(Wire::Corrupt { ppm: 1_000_001 }), "corrupt-ppm is 1000001: 0 to 1000000"),
        (Fault::Slow { by: hour }, "by is 3600s: 0s to "),
        (Fault::SlowSteps { by: hour }, "by is 3600s: 0s to "),
        (Fault::Wire(Wire::Lag { by: hour, kinds }), "by is 3600s: 0s to "),
    ] {
        let said = read(&write(&with_faults([(When::At(7), fault)]))).unwrap_err().to_string();
        assert!(said.starts_with("line ") && said.contains(sentence), "{said}");
    }
    let alien = complaint("kind = \"kill\"", "kind = \"message-hold\"\nshuffled = true\nto = 3");
    assert!(alien.ends_with("it has `at`, `shuffled`") || alien.contains("`shuffled`"), "{alien}");
    assert!(!alien.contains('['), "{alien}");
}

#[test]
fn operations_of_nobody_and_out_of_order_are_refused() {
    let with = |client, numbers: [u64; 2]| {
        let one = |number| PlannedOperation {
            client,
            number,
            at: 0,
            operation: KvOperation::Put { key: 0, session: 0 },
            lease: false,
        };
        let operations = Some(numbers.map(one).to_vec());
        read(&write(&Case { operations, ..case(1, Profile::Calm) })).unwrap_err().to_string()
    };
    assert!(with(0, [3, 3]).contains("must rise"));
    assert!(with(99, [0, 1]).contains("no client 99"));
}

#[test]
fn an_operation_may_spell_out_what_is_so_without_it() {
    let operation = KvOperation::Put { key: 2, session: 0 };
    let one = PlannedOperation { client: 0, number: 0, at: 0, operation, lease: false };
    let case = Case { operations: Some(vec![one]), ..case(1, Profile::Calm) };
    let text = write(&case);
    assert!(text.contains("key = 2\n") && !text.contains("session = "), "{text}");
    let spelt = |more: &str| read(&text.replace("key = 2\n", &format!("key = 2\n{more}")));
    for more in ["session = 0\n", "lease = false\n", "session = 0\nlease = false\n"] {
        assert_eq!(spelt(more).as_ref(), Ok(&case), "{more}");
        assert_eq!(write(&spelt(more).unwrap()), text);
    }
    assert_ne!(spelt("session = 1\n").as_ref(), Ok(&case));
    for alien in ["seen = 0\n", "session = 0\nid = 0\n", "session = false\n"] {
        assert!(spelt(alien).is_err(), "{alien}");
    }
}

/// One fault of each kind that concerns the network, slow processes or clocks.
fn wired() -> Vec<Fault> {
    let kinds = Kinds::of(&[MessageKind::VoteRequest, MessageKind::SnapshotAnswer]);
    let split = Split::Ways(0b01_10_11_00);
    vec![
        Fault::Partition(Split::Minority(0b101)),
        Fault::Wire(Wire::Filter { split, kinds }),
        Fault::Wire(Wire::Flap { split: Split::Halves(0b11), period: 7_000_000 }),
        Fault::Wire(Wire::Hold { shuffled: true }),
        Fault::Wire(Wire::Hold { shuffled: false }),
        Fault::Wire(Wire::Narrow { messages: 4, bytes: 100 }),
        Fault::Wire(Wire::Replay { count: 9 }),
        Fault::Wire(Wire::Corrupt { ppm: 7 }),
        Fault::Wire(Wire::Lag { by: 3_000, kinds }),
        Fault::Partition(Split::Shun(0b10)),
        Fault::PowerLossInWrite { after: 2 },
        Fault::SlowSteps { by: 1_000_000 },
        Fault::FreezeClock,
    ]
}

fn with_faults(faults: impl IntoIterator<Item = (When, Fault)>) -> Case {
    let faults = faults.into_iter().map(|(when, fault)| Planned {
        when,
        fault,
        target: Target::Cause,
        duration: 1_000,
        again: 0,
        chance: 5,
    });
    Case { plan: Plan { faults: faults.collect() }, ..case(1, Profile::Calm) }
}

#[test]
fn faults_of_the_network_are_read_again_and_so_is_every_event() {
    let case = with_faults(wired().into_iter().map(|fault| (When::At(7), fault)));
    assert_eq!(read(&write(&case)).as_ref(), Ok(&case), "{}", write(&case));
    let on = |pattern| (When::On { after: 1, pattern, nth: 2 }, Fault::Pause);
    let case = with_faults(Pattern::ALL.into_iter().map(on));
    assert_eq!(read(&write(&case)).as_ref(), Ok(&case));
}

#[test]
fn what_is_wrong_with_a_fault_of_the_network_is_named() {
    let text = write(&with_faults(wired().into_iter().map(|fault| (When::At(7), fault))));
    let cases = [
        ("period = \"7ms\"", "period = \"1us\"", "`period` is shorter than 1ms"),
        ("count = 9", "count = 1000000", "at most 10000 are possible"),
        ("sides = [0", "sides = [4", "`sides` has 0 to 3 for each node"),
        ("\"vote-request\"", "\"vote\"", "no kind of message 'vote': one of pre-vote-request"),
        ("max-bytes = 100\n", "", "such a fault needs `max-bytes`"),
        ("shuffled = true\n", "", "such a fault needs `shuffled`"),
        ("corrupt-ppm = 7", "corrupt-ppm = 7\ncount = 1", "`count` does not belong"),
        ("at = \"7ns\"", "on = \"luck\"", "no event 'luck': one of vote-granted"),
    ];
    for (from, to, sentence) in cases {
        assert!(text.contains(from), "{from} is not in {text}");
        let said = read(&text.replacen(from, to, 1)).unwrap_err().to_string();
        assert!(said.contains(sentence) && said.starts_with("line "), "{said}");
    }
}
