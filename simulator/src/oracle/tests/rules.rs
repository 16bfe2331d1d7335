//! The rules of single steps: the timer and votes.

use quorate_core::{Config, Timestamp};

use super::*;
use crate::oracle::{
    step::{Heard, OwnTime, Seen, Step},
    timer::{Drawn, Timer},
    votes::{Given, Voter, adopts},
};

pub(super) const MS: u64 = 1_000_000;
/// The promise, and the least wait but one.
pub(super) const TIMEOUT: u64 = 500 * MS;

pub(super) fn config() -> Config {
    Config::new(NodeId::of(1), 7)
}

/// A follower of node 2 in term 3, with a log through 5@3.
pub(super) fn follower() -> Seen {
    Seen {
        role: RoleKind::Follower,
        term: 3,
        voted_for: None,
        leader: Some(NodeId::of(2)),
        last: LogId::new(3, 5),
        commit: 5,
        members_at: 1,
        votes: true,
        promise: TIMEOUT,
        election_due: None,
        transfer: None,
        stalled: false,
        wants_snapshot: false,
        quiesced: false,
    }
}

pub(super) fn step(config: &Config, heard: Heard, before: Seen, after: Seen, now: u64) -> Step<'_> {
    Step { node: 0, config, heard, before, after, now, went_back: false }
}

pub(super) fn rule<T>(result: Result<T, Violation>) -> Option<Property> {
    result.err().map(|violation| violation.property())
}

fn append() -> Heard {
    Heard::Append(NodeId::of(2), 3, TIMEOUT)
}

fn request(index: Index, transfer: bool) -> VoteRequest {
    VoteRequest { last: LogId::new(3, index), campaign: token(), transfer }
}

fn token() -> Token {
    Token { incarnation: 1, number: 9 }
}

/// A timer that was set at 0, to run out at `due`.
fn timer(config: &Config, due: u64) -> Timer {
    let (mut timer, seen) = (Timer::default(), follower());
    let heard = step(config, append(), seen, seen, 0);
    assert_eq!(timer.step(&heard, Some(due), Given::No, &mut Drawn::default()), Ok(()));
    timer
}

#[test]
fn a_timer_moves_for_the_reasons_of_the_protocol_alone() {
    let (config, seen) = (config(), follower());
    let moved = |heard, given, due| {
        let taken = step(&config, heard, seen, seen, 100 * MS);
        let mut timer = timer(&config, 600 * MS);
        rule(timer.step(&taken, Some(due), given, &mut Drawn::default()))
    };
    let vote = Heard::Vote(NodeId::of(3), 3, request(5, false));
    let wrong = Some(Property::ElectionTimer);
    assert_eq!(moved(append(), Given::No, 700 * MS), None);
    assert_eq!(moved(append(), Given::No, 600 * MS), wrong, "a leader is heard");
    assert_eq!(moved(append(), Given::No, 1_100 * MS + 1), wrong, "more than double");
    assert_eq!(moved(vote, Given::Yes, 700 * MS), None);
    assert_eq!(moved(vote, Given::Yes, 600 * MS), wrong, "a vote is given");
    assert_eq!(moved(vote, Given::No, 700 * MS), wrong, "a vote is refused");
    assert_eq!(moved(vote, Given::No, 600 * MS), None);
    for due in [600, 700] {
        assert_eq!(moved(vote, Given::Perhaps, due * MS), None, "nobody can tell");
    }
    let old = Heard::Append(NodeId::of(2), 2, TIMEOUT);
    assert_eq!(moved(old, Given::No, 700 * MS), wrong, "an append of an older term");
    let pre_vote = Heard::PreVote(NodeId::of(3), 3, request(5, false));
    assert_eq!(moved(pre_vote, Given::No, 700 * MS), wrong, "a pre-vote");
    assert_eq!(moved(Heard::Other, Given::No, 550 * MS), wrong, "it shrinks");
}

#[test]
fn a_candidacy_comes_when_the_timer_has_run_out() {
    let (config, seen) = (config(), follower());
    let asks = Seen { role: RoleKind::PreCandidate, leader: None, ..seen };
    let judged = |heard, before, after, now, due| {
        let taken = step(&config, heard, before, after, now);
        rule(timer(&config, 600 * MS).step(&taken, Some(due), Given::No, &mut Drawn::default()))
    };
    let wrong = Some(Property::ElectionTimer);
    assert_eq!(judged(Heard::Tick, seen, asks, 600 * MS, 1_200 * MS), None);
    assert_eq!(judged(Heard::Tick, seen, asks, 599 * MS, 1_200 * MS), wrong, "too early");
    assert_eq!(judged(Heard::Tick, seen, seen, 600 * MS, 600 * MS), wrong, "not at all");
    assert_eq!(judged(Heard::Tick, seen, seen, 599 * MS, 600 * MS), None);
    assert_eq!(judged(Heard::Tick, seen, asks, 600 * MS, 1_100 * MS), wrong, "not above");
    let told = Heard::TimeoutNow(NodeId::of(2), 3);
    let stands = Seen { role: RoleKind::Candidate, term: 4, leader: None, ..seen };
    assert_eq!(judged(told, seen, stands, 10 * MS, 700 * MS), None, "it was told to");
    for idle in [Seen { votes: false, ..seen }, Seen { stalled: true, ..seen }] {
        assert_eq!(judged(Heard::Tick, idle, idle, 700 * MS, 700 * MS), None);
    }
}

#[test]
fn timeouts_of_two_nodes_that_are_the_same() {
    let (config, seen, mut drawn) = (config(), follower(), Drawn::default());
    let mut draw = |node, offset: u64| {
        let mut timer = Timer::default();
        let mut draws = [10, 20, 30 + offset].into_iter();
        draws.try_for_each(|above| {
            let taken = Step { node, ..step(&config, append(), seen, seen, 0) };
            timer.step(&taken, Some(TIMEOUT + 1 + above), Given::No, &mut drawn)
        })
    };
    assert_eq!(draw(0, 0), Ok(()));
    assert_eq!(draw(0, 0), Ok(()), "two lives of one node");
    assert_eq!(draw(1, 1), Ok(()));
    assert_eq!(rule(draw(1, 0)), Some(Property::TimeoutsDiffer));
}

#[test]
fn a_clock_that_goes_back_counts_nothing() {
    let mut time = OwnTime::new(Timestamp(50));
    assert!(!time.advance(Timestamp(70)) && time.advance(Timestamp(10)));
    assert!(!time.advance(Timestamp(15)));
    assert_eq!((time.now, time.of(Timestamp(20)), time.of(Timestamp(1))), (25, 30, 25));
}

/// What a voter that is bound until `until` makes of a step at 100 ms.
fn voted(until: u64, heard: Heard, after: Seen) -> Result<(Given, Voter), Violation> {
    let config = config();
    let mut voter = Voter::default();
    voter.begin(until, 0);
    let given = voter.step(&step(&config, heard, follower(), after, 100 * MS))?;
    Ok((given, voter))
}

#[test]
fn a_vote_is_given_where_the_rule_says_so_and_only_there() {
    let (seen, from) = (follower(), NodeId::of(3));
    let has = |term, vote| Seen { term, voted_for: NodeId::new(vote), ..seen };
    let judged = |until, heard, after| rule(voted(until, heard, after));
    let wrong = Some(Property::VoteRule);
    let ask = |term, index| Heard::Vote(from, term, request(index, false));
    assert_eq!(judged(0, ask(4, 5), has(4, 3)), None);
    assert_eq!(judged(0, ask(4, 5), has(4, 0)), wrong, "its log is new enough");
    assert_eq!(judged(0, ask(4, 4), has(4, 3)), wrong, "its log is too short");
    assert_eq!(judged(0, ask(4, 4), has(4, 0)), None);
    assert_eq!(judged(0, ask(4, 4), has(3, 0)), wrong, "the newer term is adopted");
    assert_eq!(judged(0, ask(2, 9), has(3, 3)), wrong, "an older term");
    assert_eq!(judged(200 * MS, ask(4, 5), has(4, 3)), wrong, "it hears a leader");
    assert_eq!(judged(200 * MS, ask(4, 5), has(3, 0)), None);
    assert_eq!(judged(100 * MS, ask(4, 5), has(3, 0)), wrong, "the promise is over");
    let told = Heard::Vote(from, 4, request(5, true));
    assert_eq!(judged(200 * MS, told, has(4, 3)), None, "the leader wishes it");
    assert_eq!(judged(200 * MS, told, has(3, 0)), wrong);
    let pre = Heard::PreVote(from, 4, request(5, true));
    assert_eq!(judged(200 * MS, pre, has(4, 0)), wrong, "nobody wishes a pre-vote");
    assert_eq!(judged(0, pre, has(4, 0)), None);
    assert_eq!(judged(0, pre, has(3, 0)), wrong, "its term exists");
    assert_eq!(judged(0, pre, has(4, 3)), wrong, "a pre-vote is no vote");
}

#[test]
fn an_answer_is_due_at_once_but_for_a_vote_that_is_given() {
    let from = NodeId::of(3);
    let says = |until, heard, after, term, body: Option<Body>| {
        let (_, mut voter) = voted(until, heard, after).unwrap();
        let sends: Vec<_> = body.map(|body| (from, Message { term, body })).into_iter().collect();
        rule(voter.says(0, &sends))
    };
    let answer = |granted| VoteAnswer { granted, campaign: token() };
    let pre = |granted| Some(Body::PreVoteAnswer(answer(granted)));
    let wrong = Some(Property::VoteRule);
    let (seen, newer) = (follower(), Seen { term: 4, ..follower() });
    let lags = Heard::PreVote(from, 2, request(5, false));
    assert_eq!(says(0, lags, seen, 3, pre(false)), None);
    assert_eq!(says(0, lags, seen, 3, None), wrong, "whoever lags is told the term");
    assert_eq!(says(0, lags, seen, 3, pre(true)), wrong);
    let asks = Heard::PreVote(from, 4, request(5, false));
    assert_eq!(says(0, asks, newer, 4, pre(true)), None);
    assert_eq!(says(0, asks, newer, 3, pre(true)), wrong, "the older term");
    assert_eq!(says(0, asks, newer, 4, pre(false)), wrong, "refused without need");
    assert_eq!(says(200 * MS, asks, seen, 3, pre(true)), wrong, "given in spite of a leader");
    let vote = |granted| Some(Body::VoteAnswer(answer(granted)));
    let (asks, given) =
        (Heard::Vote(from, 4, request(5, false)), Seen { voted_for: Some(from), ..newer });
    assert_eq!(says(0, asks, given, 4, None), None, "not yet durable");
    assert_eq!(says(0, asks, given, 4, vote(true)), None);
    assert_eq!(says(0, asks, given, 4, vote(false)), wrong);
}

#[test]
fn who_is_told_to_stand_stands_at_once_by_the_leaders_wish() {
    let told = Heard::TimeoutNow(NodeId::of(2), 3);
    let stands =
        Seen { role: RoleKind::Candidate, term: 4, voted_for: NodeId::new(1), ..follower() };
    let wrong = Some(Property::HandOver);
    assert_eq!(rule(voted(0, told, follower())), wrong);
    let stranger = Heard::TimeoutNow(NodeId::of(3), 3);
    assert_eq!(rule(voted(0, stranger, stands)), wrong);
    assert_eq!(rule(voted(0, stranger, follower())), None);
    let (_, mut voter) = voted(0, told, stands).unwrap();
    let asks = |transfer| {
        let body = Body::VoteRequest(request(5, transfer));
        [(NodeId::of(2), Message { term: 4, body })]
    };
    assert_eq!(voter.says(0, &asks(true)), Ok(()));
    assert_eq!(rule(voter.says(0, &asks(false))), wrong, "it hides whose wish it is");
    assert_eq!(rule(Voter::default().says(0, &asks(true))), wrong, "it was nobody's wish");
}

#[test]
fn a_newer_term_and_a_leader_that_are_not_followed() {
    let (config, seen, from) = (config(), follower(), NodeId::of(3));
    let newer = Seen { term: 4, leader: None, ..seen };
    let judged =
        |heard, after| rule(adopts(&step(&config, heard, seen, after, 0), |id| id == from));
    let wrong = Some(Property::TermAdopted);
    for heard in [Heard::Voted(from, 4), Heard::Appended(from, 4, 0)] {
        assert_eq!([judged(heard, newer), judged(heard, seen)], [None, wrong]);
    }
    assert_eq!(judged(Heard::Voted(NodeId::of(9), 4), seen), None, "nobody asked a stranger");
    assert_eq!(judged(Heard::Voted(from, 3), seen), None);
    let led = Heard::Append(from, 4, TIMEOUT);
    assert_eq!(rule(voted(0, led, newer)), wrong);
    assert_eq!(rule(voted(0, led, Seen { leader: Some(from), ..newer })), None);
}
