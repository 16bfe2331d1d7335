//! What a follower answers, and when: never before it is durable, never twice for nothing.

use crate::group::{Group, MS, id};
use quorate_core::*;

/// An append of `entries` entries of term 2 behind `prev`, and what is answered to it at once.
fn append(group: &mut Group, term: u64, prev: (u64, u64), count: usize, round: u64) {
    let prev = LogId::new(prev.0, prev.1);
    let mut entries = Entries::new();
    if count > 0 {
        let list = commands(vec!["x"; count]);
        entries.append(LogId::new(2, prev.index + 1), list).expect("it follows");
    }
    say(
        group,
        term,
        AppendRequest { prev, commit: 0, round, promise: 100 * MS, quiesce: false, entries },
    );
}

fn say(group: &mut Group, term: u64, request: AppendRequest) {
    let message = Message { term, body: Body::AppendRequest(request) };
    let leader = if term == 2 { 2 } else { 3 };
    group.step(1, Input::Receive { from: id(leader), message });
}

/// The matches that node 1 has answered since the last call, with their rounds.
fn answers(group: &mut Group) -> Vec<(u64, u64)> {
    let said = std::mem::take(&mut group.wire).into_iter();
    let matches = said.filter_map(|(_, _, message)| match message.body {
        Body::AppendAnswer(AppendAnswer {
            round,
            outcome: AppendOutcome::Matched { index },
            ..
        }) => Some((index, round)),
        _ => None,
    });
    matches.collect()
}

#[test]
fn a_round_is_confirmed_once() {
    let mut group = Group::new(3);
    append(&mut group, 2, (1, 1), 0, 1);
    assert_eq!(answers(&mut group), [(1, 1)]);
    append(&mut group, 2, (1, 1), 0, 1);
    assert_eq!(answers(&mut group), [], "it says nothing new");
    append(&mut group, 2, (1, 1), 0, 2);
    assert_eq!(answers(&mut group), [(1, 2)]);
}

#[test]
fn a_match_that_grows_is_told_also_in_a_round_that_was_answered() {
    let mut group = Group::new(3);
    append(&mut group, 2, (1, 1), 2, 1);
    assert_eq!(answers(&mut group), [(3, 1)]);
    append(&mut group, 3, (1, 1), 0, 1);
    // At once that it follows, and what matches once the term is durable.
    assert_eq!(answers(&mut group), [(0, 1), (1, 1)]);
    append(&mut group, 3, (2, 3), 0, 1);
    assert_eq!(answers(&mut group), [(3, 1)]);
    append(&mut group, 3, (1, 1), 0, 1);
    assert_eq!(answers(&mut group), [], "nothing goes back");
}

#[test]
fn entries_that_are_durable_already_are_answered_at_once() {
    let mut group = Group::new(3);
    append(&mut group, 2, (1, 1), 2, 1);
    assert_eq!(answers(&mut group), [(3, 1)]);
    group.hold_writes(1);
    append(&mut group, 2, (1, 1), 2, 1);
    assert_eq!(answers(&mut group), [(3, 1)], "whoever repeats them may have lost the answer");
    append(&mut group, 2, (1, 1), 1, 1);
    assert_eq!(answers(&mut group), [(3, 1)]);
    append(&mut group, 2, (1, 1), 3, 1);
    assert_eq!(answers(&mut group), [], "the last of them is new");
    append(&mut group, 2, (1, 1), 2, 2);
    assert_eq!(answers(&mut group), [], "what was shown since is not durable");
    group.release_writes(1);
    assert_eq!(answers(&mut group), [(4, 2)]);
}

#[test]
fn a_longer_promise_is_made_once_it_is_durable() {
    let mut group = Group::new(3);
    append(&mut group, 2, (1, 1), 2, 1);
    answers(&mut group);
    group.hold_writes(1);
    let repeated = || {
        let mut entries = Entries::new();
        entries.append(LogId::new(2, 2), commands(["x", "x"])).expect("in order");
        let prev = LogId::new(1, 1);
        AppendRequest { prev, commit: 0, round: 2, promise: 150 * MS, quiesce: false, entries }
    };
    say(&mut group, 2, repeated());
    assert_eq!(answers(&mut group), [], "the promise is not durable yet");
    say(&mut group, 2, AppendRequest { entries: Entries::new(), ..repeated() });
    assert_eq!(answers(&mut group), [], "nor is it now");
    group.release_writes(1);
    assert_eq!(answers(&mut group), [(3, 2)]);
}

/// What node 2 says to node 1, which leads.
fn answer(group: &mut Group, round: u64, outcome: AppendOutcome) {
    let term = group.status(1).term;
    let answer = AppendAnswer { round, priority: 100, outcome };
    let message = Message { term, body: Body::AppendAnswer(answer) };
    group.step(1, Input::Receive { from: id(2), message });
}

/// Node 1 leads; everybody has everything. With its newest round and its last index.
fn led(delay: u64) -> (Group, u64, u64) {
    let mut group = Group::with_config(3, |config| config.commit_notify_delay = delay);
    group.elect(1);
    group.pass(50);
    let status = group.status(1);
    let round = status.peers.iter().map(|peer| peer.round).max().unwrap_or(0);
    let last = status.log.last().index;
    (group, round, last)
}

#[test]
fn answers_that_claim_what_was_never_sent_are_dropped() {
    let (mut group, round, last) = led(0);
    let before = group.status(1).drops.contradictory;
    let wrong = [
        (round, AppendOutcome::Matched { index: last + 1 }),
        (round, AppendOutcome::SnapshotWanted { beyond: last + 1 }),
        (round + 1, AppendOutcome::Matched { index: last }),
    ];
    let count = wrong.len() as u64;
    for (round, outcome) in wrong {
        let peers = group.status(1).peers.to_vec();
        answer(&mut group, round, outcome);
        assert_eq!(group.status(1).peers, peers);
    }
    assert_eq!(group.status(1).drops.contradictory, before + count);
    answer(&mut group, round, AppendOutcome::Matched { index: last });
    assert_eq!(group.status(1).drops.contradictory, before + count);
}

#[test]
fn a_wish_for_a_snapshot_costs_an_entry_once_a_round() {
    let (mut group, round, last) = led(0);
    let beyond = last;
    answer(&mut group, round, AppendOutcome::SnapshotWanted { beyond });
    assert_eq!(group.status(1).log.last().index, last, "the round was answered before");
    group.wire.clear();
    group.read(1, 11);
    for _ in 0..3 {
        answer(&mut group, round + 1, AppendOutcome::SnapshotWanted { beyond });
        assert_eq!(group.status(1).log.last().index, last + 1);
    }
}

#[test]
fn a_straggler_hears_of_the_commit_index_after_the_delay() {
    let (mut group, _, _) = led(5 * MS);
    group.cut(1, 3);
    group.propose(1, "x");
    group.pass(6);
    assert_eq!(group.status(2).commit, group.status(1).commit, "by itself, after the delay");
    assert!(group.status(3).commit < group.status(1).commit);
    // Its answer to a heartbeat shows that it is back.
    group.heal();
    let due = group.due(1).expect("a heartbeat");
    group.now = due;
    group.step(1, Input::Tick);
    group.settle();
    group.pass(6);
    assert_eq!(group.status(3).commit, group.status(1).commit);
}

#[test]
fn a_write_that_makes_nothing_new_durable_is_no_news_for_the_leader() {
    let mut group = Group::new(3);
    group.elect(2);
    group.pass(50);
    group.wire.clear();
    group.snapshot(1);
    assert!(group.status(1).snapshot.is_some());
    assert_eq!(answers(&mut group), []);
    // Part of what is shown becomes durable: that is told, though it is not all.
    let last = group.status(1).log.last();
    group.hold_writes(1);
    append(&mut group, 2, (last.term, last.index), 1, 90);
    append(&mut group, 2, (last.term, last.index + 1), 1, 90);
    let first = group.members[&1].disk.pending[0].seq;
    assert_eq!(answers(&mut group), []);
    group.step(1, Input::Written { seq: first });
    assert_eq!(answers(&mut group), [(last.index + 1, 90)]);
}
