//! Entries that are read back from the log store: for whom, and what becomes of late answers.

use crate::group::{Group, MS, id};
use quorate_core::*;

type List = Vec<(LogId, Payload)>;

/// Node 1 of three leads term 2; node 3 lacks ten entries, which are in no memory any more.
fn lagging() -> Group {
    let mut group = Group::with_config(3, |config| config.cache_bytes = 0);
    group.elect(1);
    group.pass(10);
    group.cut(1, 3);
    group.cut(2, 3);
    for _ in 0..10 {
        group.propose(1, "x");
        group.settle();
    }
    group.pass(50);
    assert_eq!(group.status(1).log.cached_bytes(), 0);
    group
}

fn asks(group: &Group) -> usize {
    group.members[&1].log_reads.len()
}

#[test]
fn a_peer_is_read_for_once_at_a_time() {
    let mut group = lagging();
    group.member(1).hold_log_reads = true;
    group.heal();
    group.pass(60);
    assert_eq!(asks(&group), 1);
    group.release_log_reads(1);
    group.pass(60);
    assert_eq!(group.status(3).log.last(), group.status(1).log.last());
}

#[test]
fn whoever_leads_no_more_reads_for_nobody() {
    let mut group = lagging();
    group.member(1).hold_log_reads = true;
    group.heal();
    group.pass(60);
    assert_eq!(asks(&group), 1);
    let before = group.status(1).drops.stale_log_reads;
    let term = group.status(1).term + 1;
    let message = Message { term, body: Body::TimeoutNow };
    group.isolate(1);
    group.now += 500 * MS;
    group.step(1, Input::Tick);
    assert!(!group.leads(1));
    group.step(1, Input::Receive { from: id(2), message });
    group.wire.clear();
    group.release_log_reads(1);
    assert_eq!(group.status(1).drops.stale_log_reads, before + 1, "the answer is of no use");
    assert!(group.on_wire(1, 3).is_empty());
}

#[test]
fn what_is_read_to_be_applied_is_applied_whoever_leads() {
    let mut group = lagging();
    group.crash(1);
    group.restart_with(1, Config { cache_bytes: 0, ..crate::group::config(1) });
    group.member(1).hold_log_reads = true;
    group.pass(60);
    let applied = group.status(1).applied;
    group.cut(1, 2);
    group.campaign(1);
    group.campaign(1);
    group.heal();
    let stale = group.status(1).drops.stale_log_reads;
    group.release_log_reads(1);
    assert_eq!(group.status(1).drops.stale_log_reads, stale, "the answer is of use");
    group.pass(200);
    assert!(group.status(1).applied > applied);
    assert_eq!(group.status(1).applied, group.status(1).commit);
}

#[test]
fn an_entry_that_was_durable_and_is_not_found_ends_the_node() {
    for found in [LogFound::Missing, LogFound::Compacted, LogFound::Entries(Entries::new())] {
        let mut group = lagging();
        group.excused.insert(1);
        group.member(1).hold_log_reads = true;
        group.heal();
        group.pass(60);
        let (token, _) = group.member(1).log_reads.pop_front().expect("it asks for node 3");
        let actions = group.step(1, Input::LogRead { token, found });
        assert!(
            matches!(actions.last(), Some(Action::Halt(Halt::LogLost { index })) if *index > 1),
            "{actions:?}"
        );
    }
}

#[test]
fn an_answer_with_other_entries_than_those_ends_the_node() {
    let answer = |change: &dyn Fn(&mut List)| {
        let mut group = lagging();
        group.excused.insert(1);
        group.member(1).hold_log_reads = true;
        group.heal();
        group.pass(60);
        let (token, found) = group.member(1).log_reads.pop_front().expect("it asks for node 3");
        let LogFound::Entries(entries) = found else { panic!("they are there: {found:?}") };
        let mut list: List =
            entries.iter().map(|entry| (entry.log_id, entry.payload.clone())).collect();
        change(&mut list);
        let mut entries = Entries::new();
        for (log_id, payload) in list {
            entries.append(log_id, payload.into()).expect("in order");
        }
        let found = LogFound::Entries(entries);
        group.step(1, Input::LogRead { token, found });
        group.status(1).halted
    };
    assert!(!answer(&|_| {}));
    assert!(!answer(&|list| list.truncate(1)), "the first is enough");
    assert!(answer(&|list| drop(list.remove(0))), "the first is missing");
    let more = |list: &mut List| {
        let last = list.last().expect("some").0;
        list.push((LogId::new(last.term, last.index + 1), Payload::Noop));
    };
    assert!(answer(&more), "beyond what was asked for");
    let other_term = |list: &mut List| {
        list.last_mut().expect("some").0.term += 1;
    };
    assert!(answer(&other_term));
}

#[test]
fn an_answer_about_what_was_discarded_since_leads_to_a_snapshot() {
    let mut group = lagging();
    group.member(1).hold_log_reads = true;
    group.heal();
    group.pass(60);
    assert_eq!(asks(&group), 1);
    group.step(1, Input::Retain { entries: 0, bytes: 0 });
    group.snapshot(1);
    let before = group.status(1).drops.stale_log_reads;
    group.release_log_reads(1);
    assert_eq!(group.status(1).drops.stale_log_reads, before + 1);
    group.pass(100);
    assert_eq!(group.status(3).applied, group.status(1).applied, "by a snapshot");
}

#[test]
fn what_was_read_for_a_peer_that_has_it_by_now_is_not_sent() {
    let mut group = lagging();
    group.member(1).hold_log_reads = true;
    group.heal();
    group.pass(60);
    assert_eq!(asks(&group), 1);
    let status = group.status(1);
    let (term, last) = (status.term, status.log.last().index);
    let round = status.peers[1].round;
    let outcome = AppendOutcome::Matched { index: last };
    let body = Body::AppendAnswer(AppendAnswer { round, priority: 100, outcome });
    group.step(1, Input::Receive { from: id(3), message: Message { term, body } });
    group.wire.clear();
    group.release_log_reads(1);
    assert_eq!(group.on_wire(1, 3), [], "it holds all of it");
}

#[test]
fn what_a_peer_lacks_is_read_on_while_it_has_not_answered() {
    let mut group = Group::with_config(3, |config| {
        config.cache_bytes = 0;
        config.max_message_bytes = 1024;
    });
    group.elect(1);
    group.pass(10);
    group.cut(1, 3);
    group.cut(2, 3);
    for _ in 0..10 {
        group.propose(1, &"x".repeat(900));
        group.settle();
    }
    group.pass(50);
    group.member(1).hold_log_reads = true;
    group.heal();
    group.pass(60);
    assert_eq!(asks(&group), 1);
    group.wire.clear();
    group.release_log_reads(1);
    assert_eq!(group.on_wire(1, 3).len(), 10, "each in a message of its own, all on their way");
}

#[test]
fn what_is_read_to_be_applied_outlives_a_leadership() {
    let mut group = lagging();
    group.crash(1);
    group.restart_with(1, Config { cache_bytes: 0, ..crate::group::config(1) });
    group.member(1).hold_log_reads = true;
    group.elect(1);
    group.pass(10);
    assert!(group.status(1).commit > group.status(1).applied);
    let (asked, stale) = (asks(&group), group.status(1).drops.stale_log_reads);
    group.isolate(1);
    group.pass(500);
    assert!(!group.leads(1));
    assert_eq!(asks(&group), asked, "nothing is asked for again");
    group.release_log_reads(1);
    assert_eq!(group.status(1).drops.stale_log_reads, stale, "the answer is of use");
    assert_eq!(group.status(1).applied, group.status(1).commit);
}

#[test]
fn what_is_to_be_applied_is_asked_for_once() {
    let mut group = lagging();
    group.crash(1);
    group.restart_with(1, Config { cache_bytes: 0, ..crate::group::config(1) });
    group.member(1).hold_log_reads = true;
    group.elect(2);
    group.pass(60);
    assert!(group.status(1).commit > group.status(1).applied);
    assert_eq!(asks(&group), 1);
    group.release_log_reads(1);
    group.pass(10);
    assert_eq!(group.status(1).applied, group.status(1).commit);
}
