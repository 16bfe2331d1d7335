//! What must be true of the queue alone, and of the program.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, process};

use bytes::Bytes;
use custom_machine::{Answer, Command, Jobs, TOKEN_LIMIT};
use proptest::prelude::*;
use quorate::WireResponse;
use quorate_core::{EntryRef, LogId, Payload};
use quorate_driver::StateMachine;

fn command() -> impl Strategy<Value = Command> {
    let worker = || "[a-c]";
    prop_oneof![
        (0..20_u128, "[a-z]{0,3}").prop_map(|(token, job)| Command::Submit { token, job }),
        worker().prop_map(|worker| Command::Take { worker }),
        (worker(), 1..20_u64).prop_map(|(worker, id)| Command::Done { worker, id }),
        worker().prop_map(|worker| Command::GiveBack { worker }),
    ]
}

fn apply(jobs: &mut Jobs, command: Bytes) -> Answer {
    let payload = Payload::Command(command);
    jobs.apply_entry(EntryRef { log_id: LogId::new(1, 1), payload: &payload })
}

proptest! {
    /// Whoever starts from a snapshot in the middle ends where the others are, and says what they say.
    #[test]
    fn a_snapshot_anywhere_changes_nothing(
        commands in prop::collection::vec(command(), 1..80), at in 0..80_usize,
    ) {
        let (mut whole, mut restored) = (Jobs::default(), Jobs::default());
        for (place, command) in commands.into_iter().enumerate() {
            if place == at {
                let snapshot = whole.snapshot();
                // Changes meanwhile are not in it.
                let mut later = whole.clone();
                later.apply_command(Command::Submit { token: 99, job: "later".into() });
                restored.install(snapshot().into()).unwrap();
            } else if place < at {
                restored.apply_command(command.clone());
            }
            let said = apply(&mut whole, command.encode());
            if place >= at {
                prop_assert_eq!(apply(&mut restored, command.encode()), said);
            }
        }
        prop_assert_eq!(&restored, &whole);
        prop_assert!(restored.snapshot()() == whole.snapshot()(), "equal states, equal bytes");
    }

    /// No job is lost, and none is done twice.
    #[test]
    fn each_job_waits_is_under_way_or_is_done(commands in prop::collection::vec(command(), 1..200)) {
        let mut jobs = Jobs::default();
        let mut numbers = BTreeMap::new();
        let mut done = 0;
        for command in commands {
            match (command.clone(), apply(&mut jobs, command.encode())) {
                (Command::Submit { token, .. }, Answer::Submitted(id)) => {
                    prop_assert_eq!(*numbers.entry(token).or_insert(id), id, "one number a token");
                }
                (Command::Done { .. }, Answer::Noted) => done += 1,
                _ => {}
            }
            prop_assert_eq!(jobs.done(), done);
            let known = jobs.waiting().len() + jobs.taken().len() + done as usize;
            prop_assert_eq!(known, numbers.len());
        }
    }

    /// Commands come from whoever can write to the log, snapshots from disks and peers.
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut jobs = Jobs::default();
        apply(&mut jobs, Bytes::from(bytes.clone()));
        let before = jobs.clone();
        if jobs.install(Bytes::from(bytes.clone())).is_err() {
            prop_assert_eq!(jobs, before, "the state is as before");
        }
        let _ = Answer::from_bytes(bytes.into());
    }
}

#[test]
fn old_submissions_are_forgotten_in_their_order() {
    let mut jobs = Jobs::default();
    let submit = |token| Command::Submit { token, job: String::new() };
    for token in 0..=TOKEN_LIMIT as u128 {
        assert_eq!(jobs.apply_command(submit(token)), Answer::Submitted(token as u64 + 1));
    }
    assert_eq!(jobs.apply_command(submit(1)), Answer::Submitted(2), "it is known yet");
    let again = jobs.apply_command(submit(0));
    assert_eq!(again, Answer::Submitted(TOKEN_LIMIT as u64 + 2), "it is new again");
}

#[test]
fn three_nodes_do_each_job_once() {
    let output = process::Command::new(env!("CARGO_BIN_EXE_custom-machine")).output().unwrap();
    let (said, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{errors}");
    assert_eq!(said.trim_end(), "custom-machine: ok: 200 jobs done once each, on 2 nodes");
}
