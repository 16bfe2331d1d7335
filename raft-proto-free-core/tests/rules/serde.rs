//! Everything that goes in and out is data: it can be written down and read back. With the feature
//! `serde`.

use std::{fmt::Debug, sync::Arc};

use quorate_core::*;
use serde::{Serialize, de::DeserializeOwned};

fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let text = serde_json::to_string(value).expect("it can be written");
    let back: T = serde_json::from_str(&text).expect("it can be read");
    assert_eq!(&back, value, "{text}");
}

fn members() -> Arc<Configuration> {
    let id = NodeId::of;
    let promotion = Promotion::WhenCaughtUp { max_lag: 3 };
    let learners = [Learner { id: id(4), promotion }];
    let made = Configuration::of([id(1), id(2)], [id(1), id(3)], learners, 9).expect("sound");
    Arc::new(made.with_addresses([(id(1), "a:1".into()), (id(3), "c:1".into())]).expect("sound"))
}

fn log() -> Entries {
    let mut entries = Entries::new();
    let payloads = vec![Payload::Configuration(members()), Payload::Noop];
    entries.append(LogId::new(1, 1), payloads.into()).expect("in order");
    entries.append(LogId::new(2, 3), commands(["a", "b"])).expect("in order");
    entries
}

#[test]
fn configurations_entries_and_summaries_come_back() {
    comes_back(&*members());
    comes_back(&Configuration::new([NodeId::of(7)]));
    comes_back(&Configuration::EMPTY);
    let nobody = serde_json::to_string(&Configuration::EMPTY).expect("it can be written");
    let nobody = nobody.replace(r#""protocol":1"#, r#""protocol":7"#);
    let read: Configuration = serde_json::from_str(&nobody).expect("it can be read");
    assert_eq!((read.voters(), read.protocol()), (&[][..], 7));
    comes_back(&log());
    comes_back(&Entries::new());
    comes_back(&LogSummary::of(LogId::ZERO, &log()));
    comes_back(&LogSummary::new(LogId::new(3, 9)));
    comes_back(&commands(["a", "b"]));
}

#[test]
fn what_contradicts_itself_is_not_read() {
    let refuses = |text: &str, what: &str| {
        assert!(text.contains(what), "{text}");
        text.replace(what, "")
    };
    let text = serde_json::to_string(&*members()).expect("it can be written");
    let voiceless = text.replacen("[1,2]", "[]", 1);
    assert!(serde_json::from_str::<Configuration>(&voiceless).is_err(), "{voiceless}");
    let nowhere = text.replacen("a:1", "", 1);
    assert!(serde_json::from_str::<Configuration>(&nowhere).is_err(), "{nowhere}");
    let text = serde_json::to_string(&LogSummary::of(LogId::ZERO, &log())).expect("written");
    let runless = refuses(&text, "{\"term\":2,\"first\":3}").replace(",]", "]");
    assert!(serde_json::from_str::<LogSummary>(&runless).is_err(), "{runless}");
    let text = serde_json::to_string(&log()).expect("written");
    let gap = text.replacen("\"index\":3", "\"index\":9", 1);
    assert!(serde_json::from_str::<Entries>(&gap).is_err(), "{gap}");
}

#[test]
fn a_run_written_down_goes_again() {
    let config = Config::new(NodeId::of(1), 7);
    let start = Persisted::Bootstrap {
        configuration: Arc::new(Configuration::new([NodeId::of(1)])),
        incarnation: 1,
    };
    comes_back(&config);
    comes_back(&start);
    let events = [
        Input::Tick,
        Input::Written { seq: Token { incarnation: 1, number: 1 } },
        Input::Propose { request: 1, commands: commands(["a", "b"]), expected_term: None },
        Input::Written { seq: Token { incarnation: 1, number: 2 } },
        Input::SnapshotReceived {
            term: 2,
            meta: Arc::new(SnapshotMeta { last: LogId::new(2, 9), configuration: members() }),
        },
        Input::LogRead { token: Token::default(), found: LogFound::Entries(log()) },
        Input::Reconfigure { config: Arc::new(config.clone()) },
    ];
    let mut node = Raft::restore(config, start, Timestamp(0)).expect("a lone node");
    for (input, at) in events.into_iter().zip(1..) {
        let event = Event { at: Timestamp(at), input };
        comes_back(&event);
        comes_back(&node.step(event));
    }
}
