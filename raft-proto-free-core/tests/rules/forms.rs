//! Messages that no sane node can mean are dropped and counted before any rule looks at them: each
//! number at its limit and just beyond.

use std::sync::Arc;

use crate::group::{Group, MS, id};
use quorate_core::*;

const HOUR: u64 = 3_600_000_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Taken,
    Malformed,
    TermLeap,
    FromOurselves,
}

use Fate::{FromOurselves, Malformed, Taken, TermLeap};

fn fate_from(from: u64, term: u64, body: Body) -> Fate {
    let group = Group::new(3);
    let mut raft = group.raft(1).clone();
    let before = raft.status().drops;
    let at = Timestamp(crate::group::SKEW);
    let input = Input::Receive { from: id(from), message: Message { term, body } };
    raft.step(Event { at, input });
    raft.check().expect("sound");
    let drops = raft.status().drops;
    if drops.malformed > before.malformed {
        Malformed
    } else if drops.term_leap > before.term_leap {
        TermLeap
    } else if drops.from_ourselves > before.from_ourselves {
        FromOurselves
    } else {
        Taken
    }
}

fn fate(term: u64, body: Body) -> Fate {
    fate_from(2, term, body)
}

fn vote(term: u64, last: (u64, u64)) -> Fate {
    let last = LogId::new(last.0, last.1);
    let request = VoteRequest { last, campaign: Token::default(), transfer: false };
    let pre_vote = fate(term, Body::PreVoteRequest(request));
    assert_eq!(fate(term, Body::VoteRequest(request)), pre_vote);
    pre_vote
}

fn request() -> AppendRequest {
    AppendRequest {
        prev: LogId::new(1, 1),
        commit: 0,
        round: 1,
        promise: 100 * MS,
        quiesce: false,
        entries: Entries::new(),
    }
}

fn append(change: impl Fn(&mut AppendRequest)) -> Fate {
    let mut request = request();
    change(&mut request);
    fate(5, Body::AppendRequest(request))
}

fn answer(priority: u8, outcome: AppendOutcome) -> Fate {
    fate(5, Body::AppendAnswer(AppendAnswer { round: 1, priority, outcome }))
}

fn entries(list: &[(u64, u64, usize)]) -> Entries {
    let mut entries = Entries::new();
    for (term, first, count) in list {
        let list = commands(vec!["x"; *count]);
        entries.append(LogId::new(*term, *first), list).expect("in order");
    }
    entries
}

#[test]
fn nobody_hears_itself() {
    assert_eq!(fate_from(1, 5, Body::TimeoutNow), FromOurselves);
    assert_eq!(fate_from(9, 5, Body::TimeoutNow), Taken);
}

#[test]
fn terms_have_an_end_and_leap_only_so_far() {
    let far = 1 + TERM_LEAP_LIMIT;
    assert_eq!(vote(far, (1, 1)), Taken);
    assert_eq!(vote(far + 1, (1, 1)), TermLeap);
    assert_eq!(vote(TERM_LIMIT - 1, (1, 1)), TermLeap);
    assert_eq!(vote(TERM_LIMIT, (1, 1)), Malformed);
}

#[test]
fn a_candidates_log_ends_in_its_term_or_before() {
    assert_eq!(vote(5, (5, 9)), Taken);
    assert_eq!(vote(5, (6, 9)), Malformed);
    assert_eq!(vote(5, (0, 0)), Taken);
    assert_eq!(vote(5, (0, 1)), Malformed);
    assert_eq!(vote(5, (1, 0)), Malformed);
    assert_eq!(vote(5, (1, INDEX_LIMIT - 1)), Taken);
    assert_eq!(vote(5, (1, INDEX_LIMIT)), Malformed);
}

#[test]
fn a_leader_has_a_term() {
    let question = ReadRequest { token: Token::default(), consistency: Consistency::Lease };
    assert_eq!(fate(1, Body::ReadRequest(question)), Taken);
    assert_eq!(fate(0, Body::ReadRequest(question)), Malformed);
    assert_eq!(fate(1, Body::TimeoutNow), Taken);
    assert_eq!(fate(0, Body::TimeoutNow), Malformed);
    let empty = AppendRequest { prev: LogId::ZERO, ..request() };
    assert_eq!(fate(0, Body::AppendRequest(empty.clone())), Malformed);
    assert_eq!(fate(1, Body::AppendRequest(empty)), Taken);
}

#[test]
fn an_answer_names_what_can_be() {
    let read = |index| {
        let outcome = ReadOutcome::Ready { index };
        fate(5, Body::ReadAnswer(ReadAnswer { token: Token::default(), outcome }))
    };
    assert_eq!((read(INDEX_LIMIT - 1), read(INDEX_LIMIT)), (Taken, Malformed));
    for outcome in
        [ReadOutcome::NotLeader { leader: None }, ReadOutcome::NoQuorum, ReadOutcome::Busy]
    {
        let answer = ReadAnswer { token: Token::default(), outcome };
        assert_eq!(fate(5, Body::ReadAnswer(answer)), Taken);
    }
    let matched = |index| answer(1, AppendOutcome::Matched { index });
    assert_eq!((matched(INDEX_LIMIT - 1), matched(INDEX_LIMIT)), (Taken, Malformed));
    let wanted = |beyond| answer(1, AppendOutcome::SnapshotWanted { beyond });
    assert_eq!((wanted(INDEX_LIMIT - 1), wanted(INDEX_LIMIT)), (Taken, Malformed));
    let first = AppendOutcome::Matched { index: 1 };
    assert_eq!((answer(100, first), answer(101, first)), (Taken, Malformed));
    let conflict = |rejected, term, index| {
        answer(1, AppendOutcome::Conflict { rejected, hint: LogId::new(term, index) })
    };
    assert_eq!(conflict(9, 1, 9), Taken);
    assert_eq!(conflict(9, 1, 10), Malformed);
    assert_eq!(conflict(9, 0, 0), Taken);
    assert_eq!(conflict(9, 0, 1), Malformed);
    assert_eq!(conflict(9, 1, 0), Malformed);
    assert_eq!(conflict(9, TERM_LIMIT - 1, 9), Taken);
    assert_eq!(conflict(9, TERM_LIMIT, 9), Malformed);
    assert_eq!(conflict(INDEX_LIMIT - 1, 1, 1), Taken);
    assert_eq!(conflict(INDEX_LIMIT, 1, 1), Malformed);
}

#[test]
fn an_append_has_numbers_that_can_be() {
    assert_eq!(append(|_| {}), Taken);
    assert_eq!(append(|request| request.prev = LogId::new(5, 9)), Taken);
    assert_eq!(append(|request| request.prev = LogId::new(6, 9)), Malformed);
    assert_eq!(append(|request| request.prev = LogId::new(0, 1)), Malformed);
    assert_eq!(append(|request| request.prev = LogId::new(1, INDEX_LIMIT)), Malformed);
    assert_eq!(append(|request| request.commit = INDEX_LIMIT - 1), Taken);
    assert_eq!(append(|request| request.commit = INDEX_LIMIT), Malformed);
    assert_eq!(append(|request| request.promise = 0), Malformed);
    assert_eq!(append(|request| request.promise = 1), Taken);
    assert_eq!(append(|request| request.promise = HOUR), Taken);
    assert_eq!(append(|request| request.promise = HOUR + 1), Malformed);
}

#[test]
fn entries_follow_what_they_should_follow() {
    let with = |prev: (u64, u64), list: &[(u64, u64, usize)]| {
        let (prev, entries) = (LogId::new(prev.0, prev.1), entries(list));
        append(|request| (request.prev, request.entries) = (prev, entries.clone()))
    };
    assert_eq!(with((1, 1), &[(1, 2, 1)]), Taken);
    assert_eq!(with((1, 1), &[(1, 3, 1)]), Malformed);
    assert_eq!(with((1, 1), &[(1, 1, 1)]), Malformed);
    assert_eq!(with((3, 4), &[(3, 5, 1), (5, 6, 1)]), Taken);
    assert_eq!(with((3, 4), &[(2, 5, 1)]), Malformed);
    assert_eq!(with((3, 4), &[(3, 5, 1), (6, 6, 1)]), Malformed);
    let last = INDEX_LIMIT - 2;
    assert_eq!(with((1, last - 1), &[(1, last, 1)]), Taken);
    assert_eq!(with((1, last - 1), &[(1, last, 2)]), Malformed);
    let nobody = Payload::Configuration(Arc::new(Configuration::default()));
    let mut entries = Entries::new();
    entries.append(LogId::new(1, 2), nobody.into()).expect("in order");
    assert_eq!(append(|request| request.entries = entries.clone()), Malformed);
}
