//! Appends that reach back behind the head of the log, which stands for what is committed.

use std::sync::Arc;

use crate::group::{MS, config, id};
use quorate_core::*;

/// A follower in term 5: a snapshot through 5@3, then one entry of term 4 that nobody committed.
fn follower() -> Raft {
    let base = LogId::new(3, 5);
    let configuration = Arc::new(Configuration::new([1, 2, 3].map(id)));
    let run = TermRun { term: 4, first: 6 };
    let persisted = Persisted::Loaded {
        incarnation: 2,
        hard_state: HardState { term: 5, voted_for: None, promise: 0 },
        snapshot: Some(Arc::new(SnapshotMeta { last: base, configuration })),
        log: LogSummary::from_parts(base, LogId::new(4, 6), [run], []).expect("a sound log"),
        applied: 5,
    };
    Raft::restore(config(1), persisted, Timestamp(0)).expect("a sound storage")
}

/// The log after an append of these batches, each a term, a first index and a count; or why it ended.
fn append(prev: (u64, u64), batches: &[(u64, u64, usize)]) -> Result<Vec<(u64, u64)>, Halt> {
    let mut raft = follower();
    let mut entries = Entries::new();
    for (term, first, count) in batches {
        let list = commands(vec!["x"; *count]);
        entries.append(LogId::new(*term, *first), list).expect("in order");
    }
    let prev = LogId::new(prev.0, prev.1);
    let (commit, round, promise) = (0, 1, 100 * MS);
    let request = AppendRequest { prev, commit, round, promise, quiesce: false, entries };
    let message = Message { term: 5, body: Body::AppendRequest(request) };
    let input = Input::Receive { from: id(2), message };
    let actions = raft.step(Event { at: Timestamp(0), input });
    raft.check().expect("sound");
    for action in &actions {
        if let Action::Halt(halt) = action {
            return Err(*halt);
        }
    }
    let log = raft.status().log;
    Ok((6..=log.last().index).map(|index| (log.term_at(index).expect("there"), index)).collect())
}

fn diverged(ours: (u64, u64), theirs: (u64, u64)) -> Result<Vec<(u64, u64)>, Halt> {
    let (ours, theirs) = (LogId::new(ours.0, ours.1), LogId::new(theirs.0, theirs.1));
    Err(Halt::Diverged { ours, theirs })
}

#[test]
fn what_lies_before_the_base_is_passed_over() {
    assert_eq!(append((1, 2), &[(3, 3, 2)]), Ok(vec![(4, 6)]));
    assert_eq!(append((1, 2), &[(3, 3, 3)]), Ok(vec![(4, 6)]));
    assert_eq!(append((1, 2), &[(1, 3, 1), (3, 4, 2), (4, 6, 2)]), Ok(vec![(4, 6), (4, 7)]));
}

#[test]
fn a_contradiction_right_behind_the_base_is_seen() {
    assert_eq!(append((1, 2), &[(3, 3, 4)]), Ok(vec![(3, 6)]));
    assert_eq!(append((1, 2), &[(3, 3, 3), (5, 6, 2)]), Ok(vec![(5, 6), (5, 7)]));
    assert_eq!(append((3, 5), &[(5, 6, 1)]), Ok(vec![(5, 6)]));
}

#[test]
fn what_follows_the_last_entry_contradicts_nothing() {
    assert_eq!(append((4, 6), &[(5, 7, 2)]), Ok(vec![(4, 6), (5, 7), (5, 8)]));
    assert_eq!(append((3, 5), &[(4, 6, 1), (5, 7, 1)]), Ok(vec![(4, 6), (5, 7)]));
    assert_eq!(append((3, 5), &[(4, 6, 3)]), Ok(vec![(4, 6), (4, 7), (4, 8)]));
    assert_eq!(append((4, 6), &[]), Ok(vec![(4, 6)]));
}

#[test]
fn another_entry_at_the_base_proves_two_histories() {
    assert_eq!(append((1, 2), &[(2, 3, 3)]), diverged((3, 5), (2, 5)));
    assert_eq!(append((1, 2), &[(4, 3, 4)]), diverged((3, 5), (4, 5)));
    assert_eq!(append((2, 5), &[(4, 6, 1)]), diverged((3, 5), (2, 5)));
}

#[test]
fn a_leader_that_unsays_what_it_showed_is_not_believed() {
    let mut raft = follower();
    let mut said = 0;
    let mut say = |input: Input| {
        raft.step(Event { at: Timestamp(0), input });
        raft.check().expect("sound");
        let (status, before) = (raft.status(), said);
        said = status.drops.contradictory;
        assert!(!status.halted);
        (status.log.last(), said - before)
    };
    let append = |prev: (u64, u64), entry: Option<(u64, u64)>| {
        let mut entries = Entries::new();
        if let Some((term, index)) = entry {
            entries.append(LogId::new(term, index), commands(["y"])).expect("in order");
        }
        let prev = LogId::new(prev.0, prev.1);
        let (commit, round, promise) = (0, 1, 100 * MS);
        let request = AppendRequest { prev, commit, round, promise, quiesce: false, entries };
        let message = Message { term: 5, body: Body::AppendRequest(request) };
        Input::Receive { from: id(2), message }
    };
    let shown = LogId::new(4, 7);
    assert_eq!(say(append((4, 6), Some((4, 7)))), (shown, 0));
    assert_eq!(say(append((5, 7), None)), (shown, 1), "another entry before the new ones");
    assert_eq!(say(append((4, 6), Some((5, 7)))), (shown, 1), "another entry in its place");
    let configuration = Arc::new(Configuration::new([1, 2, 3].map(id)));
    let meta = Arc::new(SnapshotMeta { last: LogId::new(5, 7), configuration });
    assert_eq!(say(Input::SnapshotReceived { term: 5, meta }), (shown, 1), "or a snapshot of it");
}
