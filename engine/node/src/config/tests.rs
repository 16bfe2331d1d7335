use std::{path::Path, time::Duration};

use proptest::prelude::*;

use std::collections::BTreeMap;

use super::*;

fn variables(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn wrong(text: &str) -> String {
    EngineConfig::from_toml(text).and_then(|config| config.validate()).unwrap_err().to_string()
}

#[test]
fn a_file_is_read_and_the_environment_goes_before_it_and_code_before_both() {
    let text = "election_timeout = \"2 s\"\nsegment_bytes = \"1 MiB\"\nwatch_limit = 7\nnode = 2\n\
                start = \"existing\"\n[peers]\n1 = \"127.0.0.1:1\"\n2 = \"node-2.example:2\"\n";
    let config = EngineConfig::from_toml(text).unwrap();
    let config = config
        .with_variables(variables(&[
            ("QUORATE_SEGMENT_BYTES", "2MiB"),
            ("QUORATE_ELECTION_TIMEOUT", "3s"),
            ("PATH", "/bin"),
        ]))
        .unwrap();
    let config = EngineConfig { election_timeout: Duration::from_secs(4), ..config };
    assert_eq!((config.segment_bytes, config.watch_limit), (2 * 1024 * 1024, 7));
    assert_eq!(config.election_timeout, Duration::from_secs(4));
    assert_eq!((config.node, config.start), (NodeId::of(2), Start::Existing));
    assert_eq!(config.peers[&NodeId::of(2)].as_str(), "node-2.example:2");
    config.validate().unwrap();
    let same = EngineConfig::defaults()
        .with_variables(variables(&[("QUORATE_PEERS", "1=127.0.0.1:1, 2=node-2.example:2")]))
        .unwrap();
    assert_eq!(same.peers, config.peers);
}

#[test]
fn what_is_shown_reads_back_as_the_same() {
    let config = EngineConfig {
        peers: BTreeMap::from([(NodeId::of(1), "[::1]:7000".parse().unwrap())]),
        dir: r#"/a "quoted" \ path"#.into(),
        record_to: Some("events".into()),
        election_timeout: Duration::from_nanos(1_000_000_001),
        max_inflight_bytes: 12_345,
        lease_reads: false,
        ..EngineConfig::new("x")
    };
    assert_eq!(EngineConfig::from_toml(&config.to_toml()).unwrap(), config);
    let defaults = EngineConfig::defaults();
    assert_eq!(EngineConfig::from_toml(&EngineConfig::example()).unwrap(), defaults);
    assert_eq!(EngineConfig::from_toml("").unwrap(), defaults);
    // An empty environment value of each knob is either none or refused, never a panic.
    for knob in EngineConfig::knobs() {
        let value = knob.value(&defaults);
        let text = toml::from_str::<toml::Table>(&format!("v = {value}")).unwrap()["v"].clone();
        let text = text.as_str().map_or(text.to_string(), str::to_owned);
        if knob.name() != "peers" {
            let read = EngineConfig::new("other").with_variables([(knob.variable(), text)]);
            assert_eq!(knob.value(&read.unwrap()), value, "{}", knob.name());
        }
        let _ = defaults.clone().with_variables([(knob.variable(), String::new())]);
    }
}

#[test]
fn an_unknown_key_is_refused_with_its_line_and_what_is_near() {
    let error = wrong("node = 1\n\n  heartbeat_intervall = \"1s\"\n");
    assert!(error.starts_with("line 3: there is no setting heartbeat_intervall"), "{error}");
    assert!(error.contains("did you mean heartbeat_interval,"), "{error}");
    let error = wrong("[elections]\ntimeout = \"1s\"\n");
    assert!(error.starts_with("line 1: there is no setting elections"), "{error}");
    let typo = variables(&[("QUORATE_ELECTON_TIMEOUT", "1s")]);
    let error = EngineConfig::defaults().with_variables(typo).unwrap_err().to_string();
    assert!(error.starts_with("QUORATE_ELECTON_TIMEOUT in the environment: there"), "{error}");
    for (typo, allowed) in [("QUORATE_DIRS", false), ("QUORATE_NOD", false), ("QUORATE_CI", true)] {
        let set = EngineConfig::defaults().with_variables(variables(&[(typo, "1")]));
        assert_eq!(set.is_ok(), allowed, "{typo}");
    }
    // What a host sets for a service of our name is not ours.
    let host = variables(&[
        ("QUORATE_SERVICE_HOST", "10.0.0.1"),
        ("QUORATE_PORT", "tcp://10.0.0.1:80"),
        ("QUORATE_LOG", "info"),
    ]);
    EngineConfig::defaults().with_variables(host).unwrap();
}

#[test]
fn a_wrong_value_is_refused_with_its_line_and_what_is_taken() {
    for (text, expected) in [
        ("election_timeout = 500", "line 1: election_timeout cannot be 500: it takes a time with"),
        (
            "\nelection_timeout = \"0 s\"",
            "line 2: election_timeout is \"0 s\", but must lie in 1ms to 1h",
        ),
        ("segment_bytes = \"1 KiB\"", "segment_bytes is \"1 KiB\", but must lie in 4 KiB to 4 GiB"),
        ("segment_bytes = -1", "segment_bytes cannot be -1: it takes a size"),
        ("segment_bytes = [1]", "segment_bytes cannot be […]"),
        ("priority = 101", "priority is 101, but must lie in 0 to 100"),
        ("priority = 0x100", "priority cannot be 256: it takes a whole number"),
        ("priority = 1.5", "priority cannot be 1.5"),
        ("node = 0", "node cannot be 0: it takes a node's number, from 1 on"),
        ("lease_reads = \"maybe\"", "lease_reads cannot be \"maybe\": it takes true or false"),
        ("start = \"fresh\"", "start cannot be \"fresh\": it takes one of \"new\", \"existing\""),
        ("dir = \"\"", "dir cannot be \"\": it takes a path"),
        (
            "[peers]\n1 = \"127.0.0.1:1\"\n2 = \"db.example\"",
            "line 3: peers cannot be \"2=db.example\"",
        ),
        ("node = 1\nnode = 2", "line 2: duplicate key"),
        ("node = ", "line 1: "),
        ("[node]\nx = 1", "line 2: node cannot be \"x=1\""),
        ("peers = \"1=127.0.0.1:1,1=127.0.0.1:2\"", "peers cannot be"),
    ] {
        let error = wrong(text);
        assert!(error.contains(expected), "{text:?} gives {error:?}, not {expected:?}");
    }
}

#[test]
fn knobs_that_do_not_go_together_are_both_named() {
    for (text, expected) in [
        (
            "heartbeat_interval = \"300ms\"",
            "heartbeat_interval is 300ms, but must be at most half of election_timeout; \
             election_timeout is 500ms (in code or by default)",
        ),
        (
            "commit_notify_delay = \"1s\"",
            "but must be at most heartbeat_interval; heartbeat_interval is 100ms",
        ),
        (
            "write_stall_limit = \"100ms\"",
            "but must be at least election_timeout; election_timeout is 500ms",
        ),
        (
            "node = 3\n[peers]\n1 = \"127.0.0.1:1\"",
            "node is 3, but must be one of the peers; peers is 1",
        ),
        (
            "[peers]\n1 = \"127.0.0.1:1\"\n2 = \"127.0.0.1:1\"",
            "peers is \"2=127.0.0.1:1\", but must be another address",
        ),
    ] {
        let error = wrong(text);
        assert!(error.contains(expected), "{text:?} gives {error:?}, not {expected:?}");
    }
}

#[test]
fn a_conflict_across_layers_says_where_each_value_was_set() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    std::fs::write(&file, "# ours\nelection_timeout = \"1s\"\n").unwrap();
    let set = variables(&[("QUORATE_HEARTBEAT_INTERVAL", "600ms")]);
    let error = EngineConfig::load(Some(&file), set).unwrap_err().to_string();
    let expected = format!(
        "QUORATE_HEARTBEAT_INTERVAL in the environment: heartbeat_interval is 600ms, but must be at \
         most half of election_timeout; election_timeout is 1s ({}:2)",
        file.display()
    );
    assert_eq!(error, expected);
    let gone = EngineConfig::from_file(dir.path().join("gone.toml")).unwrap_err().to_string();
    assert!(gone.contains("gone.toml") && gone.contains("name a file"), "{gone}");
    let folder = EngineConfig::from_file(dir.path()).unwrap_err().to_string();
    assert!(folder.starts_with("cannot read"), "{folder}");
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert!(matches!(EngineConfig::from_file(&file), Err(SettingError::Unreadable { .. })));
}

#[test]
fn the_page_and_the_example_say_what_the_code_does() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
    held(&docs.join("quorate.toml"), |_| EngineConfig::example());
    held(&docs.join("configuration.md"), |page| {
        let (head, _) = page.split_once("\n### ").expect("the page has its table last");
        format!("{head}{}", EngineConfig::table())
    });
}

/// With `QUORATE_BLESS=1` the page is written anew.
fn held(page: &Path, expected: impl FnOnce(&str) -> String) {
    let found = std::fs::read_to_string(page).unwrap_or_default();
    let expected = expected(&found);
    if std::env::var_os("QUORATE_BLESS").is_some() {
        std::fs::write(page, &expected).unwrap();
    } else {
        let page = page.display();
        assert!(
            found == expected,
            "{page} is not what the code says: QUORATE_BLESS=1 writes it anew"
        );
    }
}

proptest! {
    #[test]
    fn no_text_makes_reading_panic(text in "(?s).{0,80}", knob in 0..EngineConfig::knobs().len()) {
        let _ = EngineConfig::from_toml(&text);
        let knob = EngineConfig::knobs()[knob];
        let _ = EngineConfig::from_toml(&format!("{} = {text}", knob.name()));
        let _ = EngineConfig::defaults().with_variables([(knob.variable(), text)]);
    }

    #[test]
    fn what_the_engine_takes_is_what_its_core_takes(
        times in proptest::array::uniform4(0_u64..10_000_000_000),
        messages in (0_u64..1 << 31, 0_u32..70_000),
        others in (0_u8..=255, 0_u32..200_000, 0_u64..1 << 31),
    ) {
        let [election, heartbeat, notify, stall] = times.map(Duration::from_nanos);
        let config = EngineConfig {
            election_timeout: election,
            heartbeat_interval: heartbeat / 4,
            commit_notify_delay: notify / 20,
            write_stall_limit: stall * 4,
            max_message_bytes: messages.0,
            max_inflight_messages: messages.1,
            priority: others.0 / 2,
            max_clock_drift_ppm: others.1,
            max_apply_bytes: others.2,
            ..EngineConfig::defaults()
        };
        prop_assert_eq!(config.validate().is_ok(), config.core().validate().is_ok());
    }
}
