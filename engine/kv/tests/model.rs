//! The machine against a model that is too simple to be wrong, and against bytes of any kind.

use std::collections::BTreeMap;

use bytes::Bytes;
use proptest::prelude::*;
use quorate_core::{Configuration, EntryRef, LogId, NodeId, Payload};
use quorate_driver::StateMachine;
use quorate_kv::{Command, CommandError, KEY_LIMIT_BYTES, Kv, Response, VALUE_LIMIT_BYTES};

fn apply(kv: &mut Kv, index: u64, payload: &Payload) -> Response {
    kv.apply_entry(EntryRef { log_id: LogId::new(1, index), payload })
}

fn payload(command: &Command) -> Payload {
    Payload::Command(command.encode().expect("within the limits"))
}

fn put(key: &'static str, value: &'static str) -> Command {
    Command::Put { key: key.into(), value: value.into() }
}

fn any_command() -> impl Strategy<Value = Command> {
    let key = (0_u8..8).prop_map(|number| Bytes::from(vec![b'k', number]));
    let value = proptest::collection::vec(any::<u8>(), 0..20).prop_map(Bytes::from);
    prop_oneof![
        3 => (key.clone(), value).prop_map(|(key, value)| Command::Put { key, value }),
        1 => key.prop_map(|key| Command::Delete { key }),
    ]
}

/// Value, creating change, last change, puts since.
type Row = (Bytes, u64, u64, u64);

#[derive(Default)]
struct Model {
    rows: BTreeMap<Bytes, Row>,
    revision: u64,
}

impl Model {
    fn run(&mut self, command: &Command) -> Response {
        match command {
            Command::Put { key, value } => {
                self.revision += 1;
                let revision = self.revision;
                let (created, version) =
                    self.rows.get(key).map_or((revision, 0), |row| (row.1, row.3));
                self.rows.insert(key.clone(), (value.clone(), created, revision, version + 1));
                Response::Put { revision }
            }
            Command::Delete { key } => {
                let existed = self.rows.remove(key).is_some();
                if existed {
                    self.revision += 1;
                }
                Response::Deleted { revision: self.revision, existed }
            }
        }
    }
}

proptest! {
    #[test]
    fn the_machine_answers_and_holds_what_the_model_does(
        commands in proptest::collection::vec(any_command(), 0..60),
    ) {
        let (mut kv, mut model) = (Kv::default(), Model::default());
        for (command, index) in commands.iter().zip(1..) {
            prop_assert_eq!(apply(&mut kv, index, &payload(command)), model.run(command));
        }
        prop_assert_eq!(kv.revision(), model.revision);
        prop_assert_eq!(kv.len(), model.rows.len() as u64);
        let rows: Vec<(Bytes, Row)> = kv
            .iter()
            .map(|(key, value)| {
                let value = value.clone();
                let row =
                    (value.bytes, value.create_revision, value.mod_revision, value.version);
                (key.clone(), row)
            })
            .collect();
        prop_assert_eq!(rows, model.rows.into_iter().collect::<Vec<_>>());
    }

    #[test]
    fn equal_histories_have_equal_fingerprints_and_a_change_shows_at_once(
        commands in proptest::collection::vec(any_command(), 1..40),
        at in any::<prop::sample::Index>(),
    ) {
        let (mut one, mut other, mut changed) = (Kv::default(), Kv::default(), Kv::default());
        let at = at.index(commands.len());
        for (place, (command, index)) in commands.iter().zip(1..).enumerate() {
            apply(&mut one, index, &payload(command));
            apply(&mut other, index, &payload(command));
            prop_assert_eq!(one.fingerprint(), other.fingerprint());
            let odd = put("other", "value");
            apply(&mut changed, index, &payload(if place == at { &odd } else { command }));
            prop_assert_eq!(place >= at, one.fingerprint() != changed.fingerprint());
        }
        prop_assert_eq!(one, other);
    }

    #[test]
    fn a_snapshot_and_what_follows_give_the_same_state_as_the_whole_log(
        commands in proptest::collection::vec(any_command(), 0..60),
        at in any::<prop::sample::Index>(),
    ) {
        let (mut whole, mut other) = (Kv::default(), Kv::default());
        // It forgets whatever it held before.
        apply(&mut other, 1, &payload(&put("other", "value")));
        let at = at.index(commands.len() + 1);
        for (place, (command, index)) in commands.iter().zip(1..).enumerate() {
            if place == at {
                let serialize = whole.snapshot();
                // What is applied meanwhile is not part of it.
                let mut later = whole.clone();
                apply(&mut later, index, &payload(&put("later", "value")));
                other.install(serialize().into()).expect("a snapshot is installed");
                prop_assert_eq!(&other, &whole);
                prop_assert_eq!(other.snapshot()(), whole.snapshot()());
            }
            let response = apply(&mut whole, index, &payload(command));
            if place >= at {
                prop_assert_eq!(apply(&mut other, index, &payload(command)), response);
            }
        }
        if at < commands.len() {
            prop_assert_eq!(&other, &whole);
            prop_assert_eq!(other.fingerprint(), whole.fingerprint());
        }
    }

    #[test]
    fn a_damaged_snapshot_changes_nothing_or_is_the_one_form_of_another_state(
        commands in proptest::collection::vec(any_command(), 1..20),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut kv = Kv::default();
        for (command, index) in commands.iter().zip(1..) {
            apply(&mut kv, index, &payload(command));
        }
        let bytes = kv.snapshot()();
        let mut damaged = bytes.clone();
        damaged[at.index(bytes.len())] = byte;
        let mut other = kv.clone();
        match other.install(damaged.clone().into()) {
            Ok(()) => prop_assert_eq!(other.snapshot()(), damaged),
            Err(_) => prop_assert_eq!(&other, &kv),
        }
        let cut = bytes[..at.index(bytes.len())].to_vec();
        prop_assert!(other.install(cut.into()).is_err());
    }

    #[test]
    fn a_command_reads_back_as_it_was(command in any_command()) {
        let bytes = command.encode().expect("within the limits");
        prop_assert_eq!(Command::decode(bytes), Ok(command));
    }

    #[test]
    fn any_bytes_are_taken_and_what_is_no_command_changes_nothing(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let mut kv = Kv::default();
        apply(&mut kv, 1, &payload(&put("a", "1")));
        let before: Vec<_> = kv.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        let response = apply(&mut kv, 2, &Payload::Command(bytes.clone().into()));
        match Command::decode(bytes.into()) {
            Ok(command) => prop_assert!(command.validate().is_ok()),
            Err(error) => {
                prop_assert_eq!(response, Response::BadCommand(error));
                let after: Vec<_> =
                    kv.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                prop_assert_eq!(before, after);
            }
        }
    }
}

#[test]
fn a_limit_that_is_passed_is_named_with_both_values() {
    let key = |len: u32| Bytes::from(vec![b'k'; len as usize]);
    let put = |key: Bytes, len: u32| {
        Command::Put { key, value: vec![b'v'; len as usize].into() }.encode().map(drop)
    };
    assert_eq!(put(key(KEY_LIMIT_BYTES), VALUE_LIMIT_BYTES), Ok(()));
    let size = u64::from(KEY_LIMIT_BYTES) + 1;
    assert_eq!(put(key(KEY_LIMIT_BYTES + 1), 0), Err(CommandError::KeyTooLong { size }));
    let size = u64::from(VALUE_LIMIT_BYTES) + 1;
    let error = put(key(1), VALUE_LIMIT_BYTES + 1).expect_err("over the limit");
    assert_eq!(error, CommandError::ValueTooLong { size });
    let text = error.to_string();
    assert!(text.contains("524289") && text.contains("524288"), "{text}");
    assert_eq!(put(key(0), 1), Err(CommandError::EmptyKey));
}

#[test]
fn a_command_of_another_version_is_answered_with_its_version() {
    let bytes = put("a", "1").encode().expect("within the limits");
    let mut later = bytes.to_vec();
    later[0] = 9;
    let mut kv = Kv::default();
    let response = apply(&mut kv, 1, &Payload::Command(later.into()));
    assert_eq!(response, Response::BadCommand(CommandError::Version { found: 9 }));
}

#[test]
fn entries_that_are_no_commands_have_no_response_and_no_revision() {
    let mut kv = Kv::default();
    assert_eq!(apply(&mut kv, 1, &Payload::Noop), Response::None);
    let founding = std::sync::Arc::new(Configuration::new([NodeId::of(1)]));
    assert_eq!(apply(&mut kv, 2, &Payload::Configuration(founding)), Response::None);
    assert_eq!((kv.revision(), kv.is_empty()), (0, true));
}

#[test]
fn a_key_that_was_deleted_starts_anew() {
    let mut kv = Kv::default();
    apply(&mut kv, 1, &payload(&put("a", "1")));
    apply(&mut kv, 2, &payload(&put("a", "2")));
    let value = kv.get(b"a").expect("just put").clone();
    assert_eq!((value.create_revision, value.mod_revision, value.version), (1, 2, 2));
    apply(&mut kv, 3, &payload(&Command::Delete { key: "a".into() }));
    assert_eq!(kv.get(b"a"), None);
    apply(&mut kv, 4, &payload(&put("a", "3")));
    let value = kv.get(b"a").expect("just put").clone();
    assert_eq!((value.create_revision, value.mod_revision, value.version), (4, 4, 1));
}
