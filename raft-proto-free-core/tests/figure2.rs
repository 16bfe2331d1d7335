//! The rules of the paper's Figure 2, and ours beside them: one test a rule, its name the rule.
//!
//! `tests/planted/figure2.toml` holds, for each test here, the edit of the core that breaks the rule;
//! a runner applies it to a copy and sees the test fail.

mod group;

use group::{Group, MS, config, id};
use quorate_core::*;

const P: u64 = 100 * MS;

fn say(group: &mut Group, from: u64, to: u64, term: u64, body: Body) -> Vec<Action> {
    group.step(to, Input::Receive { from: id(from), message: Message { term, body } })
}

fn token(number: u64) -> Token {
    Token { incarnation: 1, number }
}

fn ask_vote(group: &mut Group, from: u64, to: u64, term: u64, last: LogId) {
    let request = VoteRequest { last, campaign: token(1), transfer: false };
    say(group, from, to, term, Body::VoteRequest(request));
}

fn entries(list: &[(u64, u64)]) -> Entries {
    let mut entries = Entries::new();
    for (term, index) in list {
        entries.append(LogId::new(*term, *index), commands(["x"])).expect("in order");
    }
    entries
}

fn append(prev: (u64, u64), commit: u64, list: &[(u64, u64)]) -> Body {
    let prev = LogId::new(prev.0, prev.1);
    let entries = entries(list);
    Body::AppendRequest(AppendRequest {
        prev,
        commit,
        round: 1,
        promise: P,
        quiesce: false,
        entries,
    })
}

/// Whether `from` gave `to` its vote; none while it has not answered.
fn vote(group: &Group, from: u64, to: u64) -> Option<bool> {
    let votes = group.on_wire(from, to).into_iter().filter_map(|message| match message.body {
        Body::VoteAnswer(answer) => Some(answer.granted),
        _ => None,
    });
    votes.last()
}

fn last_match(group: &Group, from: u64, to: u64) -> Option<u64> {
    let found = group.on_wire(from, to).into_iter().filter_map(|message| match message.body {
        Body::AppendAnswer(AppendAnswer { outcome: AppendOutcome::Matched { index }, .. }) => {
            Some(index)
        }
        _ => None,
    });
    found.last()
}

fn terms(group: &Group, node: u64) -> Vec<u64> {
    let log = group.status(node).log;
    (1..=log.last().index).map(|index| log.term_at(index).expect("in the log")).collect()
}

/// Everybody follows node 1, which has committed the first entry of its term.
fn led_by_1(size: u64) -> Group {
    let mut group = Group::new(size);
    group.elect(1);
    group.pass(10);
    group
}

// Persistent state is updated on stable storage before answering.

#[test]
fn a_vote_is_given_away_only_when_it_is_durable() {
    let mut group = Group::new(3);
    group.hold_writes(1);
    ask_vote(&mut group, 2, 1, 2, LogId::new(1, 1));
    assert_eq!(vote(&group, 1, 2), None);
    group.release_writes(1);
    assert_eq!(vote(&group, 1, 2), Some(true));
}

#[test]
fn a_restart_keeps_term_and_vote() {
    let mut group = Group::new(3);
    ask_vote(&mut group, 2, 1, 2, LogId::new(1, 1));
    group.crash(1);
    group.restart(1);
    ask_vote(&mut group, 3, 1, 2, LogId::new(1, 1));
    assert_eq!((vote(&group, 1, 3), group.status(1).term), (Some(false), 2));
}

#[test]
fn a_follower_claims_a_match_only_when_it_is_durable() {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[]));
    group.hold_writes(1);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[(2, 2), (2, 3)]));
    assert!(last_match(&group, 1, 2) <= Some(1));
    group.release_writes(1);
    assert_eq!(last_match(&group, 1, 2), Some(3));
}

#[test]
fn a_match_needs_a_durable_term_too() {
    let mut group = Group::new(3);
    group.hold_writes(1);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[]));
    assert!(last_match(&group, 1, 2) <= Some(0), "{:?}", last_match(&group, 1, 2));
    group.release_writes(1);
    assert_eq!(last_match(&group, 1, 2), Some(1));
}

// RequestVote, receiver.

#[test]
fn a_vote_request_of_an_older_term_is_refused_with_ours() {
    let mut group = Group::new(3);
    ask_vote(&mut group, 2, 1, 5, LogId::ZERO);
    ask_vote(&mut group, 3, 1, 4, LogId::new(1, 1));
    assert_eq!(vote(&group, 1, 3), Some(false));
    assert_eq!(group.on_wire(1, 3)[0].term, 5);
}

#[test]
fn a_term_has_one_vote_at_each_node() {
    let mut group = Group::new(3);
    ask_vote(&mut group, 2, 1, 2, LogId::new(1, 1));
    ask_vote(&mut group, 3, 1, 2, LogId::new(1, 9));
    assert_eq!((vote(&group, 1, 2), vote(&group, 1, 3)), (Some(true), Some(false)));
}

#[test]
fn the_candidate_that_has_the_vote_gets_it_again() {
    let mut group = Group::new(3);
    ask_vote(&mut group, 2, 1, 2, LogId::new(1, 1));
    group.wire.clear();
    ask_vote(&mut group, 2, 1, 2, LogId::new(1, 1));
    assert_eq!(vote(&group, 1, 2), Some(true));
}

/// Node 1 has entries of terms 1, 2 and 3 and is no longer bound to their leader.
fn with_log_of_term_3() -> Group {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 3, append((1, 1), 0, &[(2, 2), (3, 3)]));
    group.now += P;
    group.wire.clear();
    group
}

#[test]
fn a_vote_is_denied_to_a_longer_log_of_an_older_term() {
    let mut group = with_log_of_term_3();
    ask_vote(&mut group, 3, 1, 4, LogId::new(2, 9));
    assert_eq!(vote(&group, 1, 3), Some(false));
}

#[test]
fn a_vote_is_denied_to_a_shorter_log_of_the_same_term() {
    let mut group = with_log_of_term_3();
    ask_vote(&mut group, 3, 1, 4, LogId::new(3, 2));
    assert_eq!(vote(&group, 1, 3), Some(false));
    ask_vote(&mut group, 3, 1, 4, LogId::new(3, 3));
    assert_eq!(vote(&group, 1, 3), Some(true));
}

// AppendEntries, receiver.

#[test]
fn an_append_of_an_older_term_is_answered_with_ours_and_not_followed() {
    let mut group = Group::new(3);
    ask_vote(&mut group, 2, 1, 5, LogId::new(1, 1));
    group.wire.clear();
    say(&mut group, 3, 1, 4, append((1, 1), 0, &[(4, 2)]));
    assert_eq!(group.on_wire(1, 3)[0].term, 5);
    assert_eq!((group.status(1).leader, terms(&group, 1)), (None, vec![1]));
}

#[test]
fn an_append_is_refused_where_the_previous_entry_is_missing_or_another() {
    for prev in [(2, 4), (2, 1)] {
        let mut group = Group::new(3);
        if prev == (2, 1) {
            // Nothing is committed, so another first entry is no contradiction yet.
            group = with_log_of_term_3();
        }
        let (term, prev) = if prev == (2, 1) { (3, (3, 2)) } else { (2, prev) };
        let before = terms(&group, 1);
        let sender = 2;
        group.wire.clear();
        say(&mut group, sender, 1, term + 1, append(prev, 0, &[(term, prev.1 + 1)]));
        assert_eq!(terms(&group, 1), before);
        let answers = group.on_wire(1, sender);
        let refused = answers.iter().any(|message| {
            let Body::AppendAnswer(answer) = &message.body else { return false };
            matches!(answer.outcome, AppendOutcome::Conflict { .. })
        });
        assert!(refused, "{answers:?}");
    }
}

#[test]
fn an_entry_of_another_term_is_replaced_with_all_behind_it() {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[(2, 2), (2, 3), (2, 4)]));
    say(&mut group, 3, 1, 3, append((2, 2), 0, &[(3, 3)]));
    assert_eq!(terms(&group, 1), [1, 2, 3]);
    assert_eq!(group.members[&1].disk.entries.last(), Some(LogId::new(3, 3)));
}

#[test]
fn a_late_shorter_append_removes_nothing() {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[(2, 2), (2, 3), (2, 4)]));
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[(2, 2)]));
    assert_eq!(terms(&group, 1), [1, 2, 2, 2]);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[]));
    assert_eq!(terms(&group, 1), [1, 2, 2, 2]);
}

#[test]
fn an_append_that_comes_twice_is_taken_once() {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[(2, 2), (2, 3)]));
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[(2, 2), (2, 3), (2, 4)]));
    assert_eq!(terms(&group, 1), [1, 2, 2, 2]);
}

#[test]
fn a_follower_commits_no_further_than_it_verified() {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[(2, 2), (2, 3)]));
    // The next leader has another entry at 2, and has committed it; this node has not heard of it.
    say(&mut group, 3, 1, 3, append((1, 1), 3, &[]));
    assert_eq!(group.status(1).commit, 1);
}

// All servers.

#[test]
fn what_is_committed_is_applied_in_order_and_once() {
    let mut group = led_by_1(3);
    (0..5).for_each(|_| drop(group.propose(1, "x")));
    group.pass(50);
    for node in 1..=3 {
        let applied: Vec<u64> =
            group.members[&node].machine.applied.iter().map(|id| id.index).collect();
        assert_eq!(applied, (1..=7).collect::<Vec<u64>>(), "node {node}");
    }
}

#[test]
fn a_newer_term_makes_a_follower_of_a_leader() {
    let mut group = led_by_1(3);
    let outcome = AppendOutcome::Matched { index: 0 };
    say(&mut group, 2, 1, 9, Body::AppendAnswer(AppendAnswer { round: 0, priority: 100, outcome }));
    assert_eq!((group.status(1).role, group.status(1).term), (RoleKind::Follower, 9));
}

// Followers.

#[test]
fn a_follower_that_hears_nothing_campaigns() {
    let mut group = Group::new(3);
    group.campaign(1);
    assert_eq!(group.status(1).role, RoleKind::PreCandidate);
}

#[test]
fn hearing_from_the_leader_puts_the_candidacy_off() {
    let mut group = Group::new(3);
    let first = group.raft(1).deadline();
    group.now = 50 * MS;
    // Even where the append itself is refused.
    say(&mut group, 2, 1, 2, append((2, 9), 0, &[]));
    assert!(group.raft(1).deadline() > first);
}

#[test]
fn granting_a_vote_puts_the_candidacy_off() {
    let mut group = Group::new(3);
    let first = group.raft(1).deadline();
    group.now = 50 * MS;
    ask_vote(&mut group, 2, 1, 2, LogId::new(1, 1));
    assert!(group.raft(1).deadline() > first);
}

#[test]
fn refusing_a_vote_puts_nothing_off() {
    let mut group = with_log_of_term_3();
    let first = group.raft(1).deadline();
    ask_vote(&mut group, 3, 1, 4, LogId::new(1, 1));
    assert_eq!((vote(&group, 1, 3), group.raft(1).deadline()), (Some(false), first));
}

// Candidates.

#[test]
fn a_candidate_enters_the_next_term_votes_for_itself_and_asks_all_others() {
    let mut group = Group::new(3);
    group.cut(2, 3);
    group.campaign(1);
    while group.status(1).role != RoleKind::Candidate {
        assert!(group.deliver_one(), "nobody answers the pre-vote");
    }
    let status = group.status(1);
    assert_eq!((status.term, status.voted_for), (2, Some(id(1))));
    for other in [2, 3] {
        let asked = group.on_wire(1, other);
        assert!(asked.iter().any(|message| matches!(message.body, Body::VoteRequest(_))));
    }
}

/// Node 1 of `size` stands for election in term 2; nobody has answered.
fn candidate(size: u64) -> (Group, Token) {
    let mut group = Group::new(size);
    group.campaign(1);
    while group.status(1).role != RoleKind::Candidate {
        assert!(group.deliver_one(), "nobody answers the pre-vote");
    }
    let campaign = group.on_wire(1, 2).into_iter().find_map(|message| match message.body {
        Body::VoteRequest(request) => Some(request.campaign),
        _ => None,
    });
    group.wire.clear();
    (group, campaign.expect("a request"))
}

fn grant(group: &mut Group, from: u64, campaign: Token) {
    say(group, from, 1, 2, Body::VoteAnswer(VoteAnswer { granted: true, campaign }));
}

#[test]
fn votes_are_counted_once_for_each_voter() {
    let (mut group, campaign) = candidate(5);
    grant(&mut group, 2, campaign);
    grant(&mut group, 2, campaign);
    assert!(!group.leads(1));
    grant(&mut group, 3, campaign);
    assert!(group.leads(1));
}

#[test]
fn half_of_the_votes_make_no_leader() {
    let (mut group, campaign) = candidate(4);
    grant(&mut group, 2, campaign);
    assert!(!group.leads(1));
    grant(&mut group, 3, campaign);
    assert!(group.leads(1));
}

#[test]
fn a_candidate_follows_the_leader_of_its_term() {
    let (mut group, _) = candidate(3);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[(2, 2)]));
    assert_eq!((group.status(1).role, group.status(1).leader), (RoleKind::Follower, Some(id(2))));
    assert_eq!(terms(&group, 1), [1, 2]);
}

#[test]
fn a_candidate_that_wins_nothing_campaigns_again() {
    let (mut group, _) = candidate(3);
    let first = group.status(1).term;
    group.pass(1_000);
    let leader = group.leader().expect("a leader");
    assert!(group.status(leader).term > first);
    let (mut group, _) = candidate(3);
    group.isolate(1);
    let due = group.due(1).expect("another try");
    assert!(due <= group.now + 2 * P);
}

// Leaders.

#[test]
fn a_leader_speaks_at_once_and_in_every_interval() {
    let (mut group, campaign) = candidate(3);
    grant(&mut group, 2, campaign);
    assert!(!group.on_wire(1, 2).is_empty() && !group.on_wire(1, 3).is_empty());
    group.pass(5_000);
    assert_eq!((group.leader(), group.status(1).term), (Some(1), 2));
}

#[test]
fn nothing_commits_before_a_majority_holds_it_durably() {
    let mut group = led_by_1(3);
    group.hold_writes(2);
    group.hold_writes(3);
    group.propose(1, "x");
    group.settle();
    assert_eq!(group.status(1).commit, 2);
    group.release_writes(2);
    group.settle();
    assert_eq!(group.status(1).commit, 3);
}

#[test]
fn a_leader_does_not_count_its_own_entry_before_it_is_durable() {
    let mut group = led_by_1(3);
    group.hold_writes(1);
    group.hold_writes(3);
    group.propose(1, "x");
    group.settle();
    assert_eq!(group.status(1).commit, 2);
    // Its own copy is one of three: two others are a majority without it.
    group.release_writes(3);
    group.settle();
    assert_eq!(group.status(1).commit, 3);
}

#[test]
fn a_follower_that_lags_gets_all_that_it_lacks() {
    let mut group = led_by_1(3);
    group.isolate(3);
    (0..20).for_each(|_| drop(group.propose(1, "x")));
    group.pass(60);
    group.heal();
    group.pass(100);
    assert_eq!(terms(&group, 3), terms(&group, 1));
}

#[test]
fn logs_that_parted_meet_in_one_round_trip_for_each_term() {
    let mut group = Group::new(3);
    let run = |term: u64, first: u64| -> Vec<(u64, u64)> {
        (first..first + 20).map(|index| (term, index)).collect()
    };
    // Node 3 followed node 2 through the terms 3 and 4, the others followed node 3 through 2 and 5.
    say(&mut group, 2, 3, 3, append((1, 1), 0, &run(3, 2)));
    say(&mut group, 2, 3, 4, append((3, 21), 0, &run(4, 22)));
    for node in [1, 2] {
        say(&mut group, 3, node, 2, append((1, 1), 0, &run(2, 2)));
        say(&mut group, 3, node, 5, append((2, 21), 0, &run(5, 22)));
    }
    group.wire.clear();
    group.isolate(3);
    group.elect(1);
    group.heal();
    let (mut conflicts, end) = (0, group.now + 200 * MS);
    while group.now < end {
        if let Some((3, 1, Message { body: Body::AppendAnswer(answer), .. })) = group.wire.front() {
            conflicts += u64::from(matches!(answer.outcome, AppendOutcome::Conflict { .. }));
        }
        if !group.deliver_one() {
            group.now = group.due(1).expect("a leader of three has a deadline");
            group.step(1, Input::Tick);
        }
    }
    assert_eq!(terms(&group, 3), terms(&group, 1));
    assert_eq!(conflicts, 2, "one for each of its terms that the leader's log does not hold");
}

#[test]
fn an_entry_of_an_older_term_is_not_committed_by_counting() {
    // Figure 8: node 1 leads term 2, and its entry 3 stays with it alone.
    let mut group = led_by_1(3);
    group.isolate(1);
    group.propose(1, "x");
    group.crash(1);
    group.heal();
    group.restart(1);
    group.wire.clear();
    // It leads again, in a later term; the others take entry 3, but not the term's first entry.
    for _ in 0..50 {
        if group.leads(1) {
            break;
        }
        group.campaign(1);
        while !group.leads(1) && group.deliver_one() {}
    }
    assert!(group.leads(1));
    let term = group.status(1).term;
    let before = group.status(1).commit;
    group.wire.clear();
    let answer =
        AppendAnswer { round: 1, priority: 100, outcome: AppendOutcome::Matched { index: 3 } };
    say(&mut group, 2, 1, term, Body::AppendAnswer(answer));
    assert_eq!(group.status(1).commit, before);
    let answer =
        AppendAnswer { round: 1, priority: 100, outcome: AppendOutcome::Matched { index: 4 } };
    say(&mut group, 2, 1, term, Body::AppendAnswer(answer));
    assert_eq!(group.status(1).commit, 4);
}

// Pre-vote, promise, check-quorum (dissertation §6.2, §9.6; the promise is ours).

#[test]
fn a_pre_vote_changes_neither_term_nor_vote_nor_timer() {
    let mut group = Group::new(3);
    let before = (group.status(1).term, group.status(1).voted_for, group.raft(1).deadline());
    group.now = 50 * MS;
    let request = VoteRequest { last: LogId::new(1, 1), campaign: token(1), transfer: false };
    say(&mut group, 2, 1, 1, Body::PreVoteRequest(request));
    let granted = Body::PreVoteAnswer(VoteAnswer { granted: true, campaign: token(1) });
    assert_eq!(group.on_wire(1, 2)[0].body, granted);
    let after = (group.status(1).term, group.status(1).voted_for, group.raft(1).deadline());
    assert_eq!(before, after);
}

#[test]
fn a_refused_pre_vote_teaches_a_lagging_node_the_term() {
    let mut group = Group::new(3);
    ask_vote(&mut group, 3, 2, 7, LogId::new(1, 1));
    group.wire.clear();
    group.isolate(3);
    group.campaign(1);
    group.settle();
    assert_eq!(group.status(1).term, 7);
}

#[test]
fn a_node_that_hears_from_a_leader_grants_no_vote() {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[]));
    group.now = P - 1;
    ask_vote(&mut group, 3, 1, 9, LogId::new(1, 9));
    assert_eq!((vote(&group, 1, 3), group.status(1).term), (Some(false), 2));
    group.now = P;
    ask_vote(&mut group, 3, 1, 9, LogId::new(1, 9));
    assert_eq!(vote(&group, 1, 3), Some(true));
}

#[test]
fn a_restart_keeps_the_promise_in_full() {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[]));
    group.now = P - 1;
    group.crash(1);
    group.restart(1);
    group.now += P - 1;
    ask_vote(&mut group, 3, 1, 9, LogId::new(1, 9));
    assert_eq!(vote(&group, 1, 3), Some(false));
    group.now += 1;
    ask_vote(&mut group, 3, 1, 9, LogId::new(1, 9));
    assert_eq!(vote(&group, 1, 3), Some(true));
}

#[test]
fn a_clock_that_goes_back_restarts_the_promise() {
    let mut group = Group::new(3);
    group.now = P;
    group.step(1, Input::Tick);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[]));
    group.now = 2 * P - 1;
    group.step(1, Input::Tick);
    group.now -= 10;
    group.step(1, Input::Tick);
    group.now += 20;
    ask_vote(&mut group, 3, 1, 9, LogId::new(1, 9));
    assert_eq!(vote(&group, 1, 3), Some(false));
}

#[test]
fn a_round_is_confirmed_only_once_the_promise_is_durable() {
    let mut group = Group::new(3);
    group.hold_writes(1);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[]));
    let rounds = |group: &Group| {
        let answers = group.on_wire(1, 2).into_iter().filter_map(|message| match message.body {
            Body::AppendAnswer(answer) => Some(answer.round),
            _ => None,
        });
        answers.max().unwrap_or(0)
    };
    assert_eq!(rounds(&group), 0);
    group.release_writes(1);
    assert_eq!(rounds(&group), 1);
}

#[test]
fn the_election_timeout_lies_above_the_promise_and_at_most_at_its_double() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..50 {
        let group = Group::with_config(3, |config| config.seed = seed);
        for node in 1..=3 {
            let due = group.due(node).expect("a voter has one");
            assert!(P < due && due <= 2 * P, "{due}");
            seen.insert(due);
        }
    }
    assert!(seen.len() > 140, "timeouts repeat: {}", seen.len());
}

#[test]
fn a_leader_without_a_quorum_steps_down() {
    let mut group = led_by_1(3);
    group.isolate(1);
    group.pass(150);
    assert_eq!(group.status(1).role, RoleKind::Follower);
}

#[test]
fn answers_of_strangers_do_not_count() {
    let (mut group, campaign) = candidate(3);
    grant(&mut group, 9, campaign);
    assert!(!group.leads(1));
    assert_eq!(group.status(1).drops.unasked, 1);
}

// Reads (§8, dissertation §6.4).

fn ready(notices: &[Action]) -> bool {
    notices.iter().any(|notice| matches!(notice, Action::ReadReady { .. }))
}

#[test]
fn a_read_needs_a_round_that_began_after_it() {
    let mut group = led_by_1(3);
    group.settle();
    group.notices(1);
    group.now = group.due(1).expect("a heartbeat");
    group.step(1, Input::Tick);
    let earlier = group.wire.len();
    group.read(1, 70);
    // Only what left before the read arrives, and its answers.
    group.wire.truncate(earlier);
    group.settle();
    assert!(!ready(&group.notices(1)));
    group.pass(30);
    assert!(ready(&group.notices(1)));
}

#[test]
fn a_read_waits_for_the_first_commit_of_the_term() {
    let mut group = Group::new(3);
    group.hold_writes(2);
    group.hold_writes(3);
    let (mut group, campaign) = {
        let (group, campaign) = candidate(3);
        (group, campaign)
    };
    grant(&mut group, 2, campaign);
    group.hold_writes(2);
    group.hold_writes(3);
    group.read(1, 70);
    // Confirmed, but without a durable match.
    for from in [2, 3] {
        let answer =
            AppendAnswer { round: 2, priority: 100, outcome: AppendOutcome::Matched { index: 0 } };
        say(&mut group, from, 1, 2, Body::AppendAnswer(answer));
    }
    assert!(!ready(&group.notices(1)));
    let answer =
        AppendAnswer { round: 2, priority: 100, outcome: AppendOutcome::Matched { index: 2 } };
    say(&mut group, 2, 1, 2, Body::AppendAnswer(answer));
    assert!(ready(&group.notices(1)));
}

#[test]
fn a_read_that_no_quorum_confirms_is_refused_in_time() {
    let mut group = led_by_1(3);
    while !group.leads(2) {
        group.campaign(2);
        while !group.leads(2) && group.deliver_one() {}
    }
    // All disks hang: the others follow, but the term's first entry cannot be committed.
    (1..=3).for_each(|node| group.hold_writes(node));
    group.notices(2);
    group.read(2, 70);
    group.pass(99);
    assert_eq!(group.notices(2), []);
    group.pass(2);
    let reason = Refusal::NoQuorum;
    assert_eq!(group.notices(2), [Action::Refused { request: 70, reason }]);
    assert!(group.leads(2));
}

// What comes late, twice, or from somewhere else.

#[test]
fn a_late_refusal_is_ignored() {
    let mut group = led_by_1(3);
    (0..5).for_each(|_| drop(group.propose(1, "x")));
    group.pass(50);
    let hint = LogId::new(1, 1);
    let outcome = AppendOutcome::Conflict { rejected: 3, hint };
    say(&mut group, 2, 1, 2, Body::AppendAnswer(AppendAnswer { round: 1, priority: 100, outcome }));
    let peer = group.status(1).peers[0].clone();
    assert_eq!((peer.flow, peer.next_index), (Flow::Replicate, 8));
}

#[test]
fn a_completion_of_an_earlier_life_changes_nothing() {
    let mut group = Group::new(3);
    group.crash(1);
    group.restart(1);
    group.hold_writes(1);
    ask_vote(&mut group, 2, 1, 2, LogId::new(1, 1));
    group.step(1, Input::Written { seq: Seq { incarnation: 1, number: 1 } });
    assert_eq!(vote(&group, 1, 2), None);
    assert_eq!(group.status(1).drops.stale_completions, 1);
}

#[test]
fn a_second_leader_of_one_term_halts_the_node() {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[]));
    say(&mut group, 3, 1, 2, append((1, 1), 0, &[]));
    let notices = group.notices(1);
    assert!(matches!(notices.last(), Some(Action::Halt(Halt::Diverged { .. }))), "{notices:?}");
}

#[test]
fn an_append_that_contradicts_a_committed_entry_halts_the_node() {
    let mut group = Group::new(3);
    say(&mut group, 2, 1, 2, append((1, 1), 3, &[(2, 2), (2, 3)]));
    assert_eq!(group.status(1).commit, 3);
    say(&mut group, 3, 1, 3, append((1, 1), 0, &[(3, 2)]));
    let notices = group.notices(1);
    let ours = LogId::new(2, 2);
    let theirs = LogId::new(3, 2);
    assert_eq!(notices.last(), Some(&Action::Halt(Halt::Diverged { ours, theirs })));
}

#[test]
fn messages_that_no_sane_node_sends_are_dropped_and_counted() {
    let mut group = Group::new(3);
    let before = group.raft(1).status().term;
    let bodies = [
        append((0, 1), 0, &[]),
        append((2, 0), 0, &[]),
        append((9, 3), 0, &[]),
        append((1, 1), 0, &[(9, 2)]),
        append((1, 1), 0, &[(2, 5)]),
        append((1, 1), INDEX_LIMIT, &[]),
        Body::VoteRequest(VoteRequest {
            last: LogId::new(9, 9),
            campaign: token(1),
            transfer: false,
        }),
        Body::AppendRequest(AppendRequest {
            prev: LogId::new(1, 1),
            commit: 0,
            round: 1,
            promise: u64::MAX,
            quiesce: false,
            entries: Entries::new(),
        }),
    ];
    let count = bodies.len() as u64;
    for body in bodies {
        say(&mut group, 2, 1, 2, body);
    }
    say(&mut group, 2, 1, TERM_LIMIT, append((1, 1), 0, &[]));
    assert_eq!(group.status(1).drops.malformed, count + 1);
    say(&mut group, 2, 1, 2 + TERM_LEAP_LIMIT, append((1, 1), 0, &[]));
    assert_eq!(group.status(1).drops.term_leap, 1);
    say(&mut group, 1, 1, 2, append((1, 1), 0, &[]));
    assert_eq!(group.status(1).drops.from_ourselves, 1);
    assert_eq!(group.raft(1).status().term, before);
}

#[test]
fn after_a_failed_write_nothing_more_is_said_or_promised() {
    let mut group = Group::new(3);
    group.hold_writes(1);
    ask_vote(&mut group, 2, 1, 2, LogId::new(1, 1));
    let seq = group.members[&1].disk.pending.back().expect("a write").seq;
    group.step(1, Input::WriteFailed { seq });
    assert_eq!(group.step(1, Input::Written { seq }), []);
    say(&mut group, 2, 1, 2, append((1, 1), 0, &[]));
    assert_eq!(group.on_wire(1, 2), []);
    assert_eq!(group.raft(1).deadline(), None);
}

#[test]
fn a_proposal_over_the_limit_is_refused_and_one_at_the_limit_is_not() {
    let mut group = Group::with_config(1, |config| config.max_message_bytes = 1024);
    group.pass(1);
    for (size, fits) in [(1024 - 16, true), (1024 - 15, false)] {
        let actions = group.propose(1, &"x".repeat(size));
        let accepted = actions.iter().any(|action| matches!(action, Action::Accepted { .. }));
        assert_eq!(accepted, fits, "{size}");
    }
}

#[test]
fn what_is_not_committed_is_bounded() {
    let mut group = Group::with_config(3, |config| config.max_uncommitted_bytes = 100);
    group.elect(1);
    group.isolate(1);
    let refused = |actions: &[Action]| {
        let limit = Limit::UncommittedBytes;
        actions.iter().any(|action| {
            matches!(action, Action::Refused { reason, .. } if *reason == Refusal::Busy { limit })
        })
    };
    let results: Vec<bool> = (0..6).map(|_| refused(&group.propose(1, "0123456789"))).collect();
    assert_eq!(results, [false, false, false, true, true, true]);
    assert_eq!(config(1).max_uncommitted_bytes, 64 * 1024 * 1024);
}
