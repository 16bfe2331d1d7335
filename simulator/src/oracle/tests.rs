//! Every oracle is shown something that must not be, and says so.

mod leading;
mod members;
mod rules;

use std::sync::Arc;

use quorate_core::{
    AppendAnswer, AppendOutcome, AppendRequest, Body, Configuration, Entries, EntryRef, HardState,
    Index, LogId, LogSummary, Message, NodeId, Payload, RoleKind, Seq, Term, Token, VoteAnswer,
    VoteRequest, Write, commands,
};
use quorate_driver::{Found, Recovered};

use super::{
    durable::Mirror,
    election::{Elections, View},
    log::{Logs, Slot},
    machine::Machines,
    *,
};

fn view(role: RoleKind, term: Term) -> View {
    let last = LogId::ZERO;
    View { role, term, voted_for: None, commit: 0, last, base: last, members_at: 0 }
}

fn state(term: Term, vote: u64) -> HardState {
    HardState { term, voted_for: NodeId::new(vote), promise: 0 }
}

/// A write of commands `names` from `from` on in `term`.
fn write(number: u64, hard_state: HardState, from: Index, term: Term, names: &[&str]) -> Write {
    let mut entries = Entries::new();
    if !names.is_empty() {
        let list = commands(names.iter().map(|name| name.to_string()));
        entries.append(LogId::new(term, from), list).unwrap();
    }
    Write {
        seq: Seq { incarnation: 1, number },
        hard_state,
        truncate_from: from,
        entries,
        snapshot: None,
        discard_through: 0,
    }
}

fn durable(mirror: &mut Mirror, write: &Write) -> Vec<(Index, Slot)> {
    let places = mirror.begin(write, &[]).collect();
    mirror.complete();
    places
}

/// The first `nodes` nodes as voters.
fn all(nodes: u64) -> Configuration {
    Configuration::new((1..=nodes).map(NodeId::of))
}

const NO_LOG: fn(Index) -> Option<Term> = |_| None;

#[test]
fn two_leaders_of_one_term() {
    let mut elections = Elections::default();
    let (follower, leader) = (view(RoleKind::Follower, 3), view(RoleKind::Leader, 3));
    assert_eq!(elections.step(0, &follower, &leader, NO_LOG), Ok(()));
    assert_eq!(elections.step(0, &follower, &leader, NO_LOG), Ok(()), "the same one again");
    let second = elections.step(2, &follower, &leader, NO_LOG);
    assert_eq!(second, Err(Violation::TwoLeaders { term: 3, first: 0, second: 2 }));
}

#[test]
fn a_leader_without_a_quorum_of_durable_votes() {
    let mut oracles = Oracles::new(4);
    let vote = |oracles: &mut Oracles, node: usize, term, whom| {
        durable(&mut oracles.durable[node], &write(1, state(term, whom), 1, term, &[]));
    };
    vote(&mut oracles, 0, 3, 1);
    vote(&mut oracles, 1, 3, 1);
    vote(&mut oracles, 2, 3, 3);
    let lacking = Violation::LeaderWithoutQuorum { node: 0, term: 3, votes: 2, needed: 3 };
    assert_eq!(oracles.leads(0, 3, &all(4), NO_LOG), Err(lacking.clone()));
    let _ = oracles.durable[3].begin(&write(1, state(3, 1), 1, 3, &[]), &[]);
    assert_eq!(
        oracles.leads(0, 3, &all(4), NO_LOG),
        Err(lacking),
        "a vote under way does not count"
    );
    oracles.durable[3].complete();
    vote(&mut oracles, 1, 4, 2);
    assert_eq!(
        oracles.leads(0, 3, &all(4), NO_LOG),
        Ok(()),
        "a later vote does not unsay an earlier one"
    );
}

#[test]
fn what_goes_back_within_a_life() {
    let mut elections = Elections::default();
    let before = View { voted_for: NodeId::new(2), commit: 5, ..view(RoleKind::Follower, 3) };
    let mut judge = |after: View| elections.step(1, &before, &after, NO_LOG);
    assert!(matches!(judge(View { term: 2, ..before }), Err(Violation::TermFell { .. })));
    let other_vote = View { voted_for: NodeId::new(1), ..before };
    assert!(matches!(judge(other_vote), Err(Violation::VoteChanged { .. })));
    assert!(matches!(
        judge(View { voted_for: None, ..before }),
        Err(Violation::VoteChanged { .. })
    ));
    assert_eq!(judge(View { term: 4, ..other_vote }), Ok(()), "a new term, a new vote");
    assert!(matches!(judge(View { commit: 4, ..before }), Err(Violation::CommitFell { .. })));
}

#[test]
fn a_leader_that_rewrites_its_log() {
    let mut elections = Elections::default();
    let before = View { last: LogId::new(3, 9), ..view(RoleKind::Leader, 3) };
    let shorter = View { last: LogId::new(3, 8), ..before };
    let found = elections.step(1, &before, &shorter, NO_LOG);
    assert!(matches!(found, Err(Violation::LeaderRewrote { .. })));
    let longer = View { last: LogId::new(3, 10), ..before };
    assert_eq!(elections.step(1, &before, &longer, |_| Some(3)), Ok(()));
    let replaced = elections.step(1, &before, &longer, |_| Some(2));
    assert!(matches!(replaced, Err(Violation::LeaderRewrote { .. })));
}

#[test]
fn a_leader_that_commits_an_older_term_by_counting() {
    let mut elections = Elections::default();
    let before = view(RoleKind::Leader, 3);
    let after = View { commit: 4, ..before };
    assert_eq!(elections.step(1, &before, &after, |_| Some(3)), Ok(()));
    let found = elections.step(1, &before, &after, |_| Some(2));
    assert_eq!(found, Err(Violation::CommittedOldTerm { node: 1, term: 3, index: 4 }));
}

#[test]
fn logs_that_differ_at_the_same_term_and_index() {
    let mut logs = Logs::default();
    let record = |logs: &mut Logs, node, names: &[&str]| {
        let mut mirror = Mirror::default();
        let places = durable(&mut mirror, &write(1, state(1, 0), 1, 1, names));
        places.into_iter().try_for_each(|(index, slot)| logs.record(node, index, slot))
    };
    assert_eq!(record(&mut logs, 0, &["a", "b"]), Ok(()));
    assert_eq!(record(&mut logs, 1, &["a", "b"]), Ok(()));
    let other = Violation::LogsDiffer { node: 2, place: LogId::new(1, 2) };
    assert_eq!(record(&mut logs, 2, &["a", "c"]), Err(other));
    let before = Violation::LogsDiffer { node: 2, place: LogId::new(1, 1) };
    assert_eq!(record(&mut logs, 2, &["x", "b"]), Err(before));
}

/// Three nodes of which the first `holders` hold one entry of term 1.
fn three(holders: usize) -> Oracles {
    let mut oracles = Oracles::new(3);
    for node in 0..holders {
        let places = durable(&mut oracles.durable[node], &write(1, state(1, 1), 1, 1, &["a"]));
        for (index, slot) in places {
            oracles.log.record(node as u64, index, slot).unwrap();
        }
    }
    oracles
}

#[test]
fn a_commit_without_a_quorum_of_disks() {
    let found = three(1).commit(0, 0, 1, 0, [&all(3); 2], |_| Some(1));
    assert!(matches!(found, Err(Violation::CommitWithoutQuorum { holders: 1, needed: 2, .. })));
    assert_eq!(three(2).commit(0, 0, 1, 0, [&all(3); 2], |_| Some(1)), Ok(()));
    let beyond = three(2).commit(0, 0, 2, 0, [&all(3); 2], |index| (index == 1).then_some(1));
    assert!(matches!(beyond, Err(Violation::CommitBeyondLog { index: 2, .. })));
}

#[test]
fn a_write_under_way_does_not_count_for_a_commit() {
    let mut oracles = three(1);
    let places: Vec<_> =
        oracles.durable[1].begin(&write(1, state(1, 1), 1, 1, &["a"]), &[]).collect();
    assert_eq!(places.len(), 1);
    assert!(oracles.commit(0, 0, 1, 0, [&all(3); 2], |_| Some(1)).is_err());
    oracles.durable[1].complete();
    assert_eq!(oracles.commit(0, 0, 1, 0, [&all(3); 2], |_| Some(1)), Ok(()));
}

#[test]
fn what_is_committed_changes() {
    let mut oracles = three(3);
    oracles.commit(0, 0, 1, 0, [&all(3); 2], |_| Some(1)).unwrap();
    let found = oracles.commit(1, 0, 1, 0, [&all(3); 2], |_| Some(2));
    assert!(matches!(found, Err(Violation::CommittedChanged { node: 1, .. })));
}

#[test]
fn a_node_that_removes_a_committed_entry() {
    let begun = || {
        let mut oracles = three(2);
        oracles.commit(0, 0, 1, 0, [&all(3); 2], |_| Some(1)).unwrap();
        oracles
    };
    let removed = Violation::CommittedRemoved { node: 1, place: LogId::new(1, 1) };
    assert_eq!(begun().write(1, &write(2, state(2, 1), 1, 2, &[])), Err(removed.clone()));
    assert_eq!(begun().write(1, &write(2, state(2, 1), 1, 2, &["x"])), Err(removed));
    assert_eq!(begun().write(1, &write(2, state(2, 1), 1, 1, &["a"])), Ok(()), "the same again");
    assert_eq!(begun().write(2, &write(2, state(2, 1), 1, 2, &["x"])), Ok(()), "it never had it");
    assert_eq!(begun().write(1, &write(2, state(2, 1), 2, 2, &["b"])), Ok(()), "behind it");
    let differs = begun().write(2, &write(2, state(2, 1), 1, 1, &["x"]));
    assert!(matches!(differs, Err(Violation::LogsDiffer { .. })));
}

#[test]
fn a_commit_that_no_disk_was_asked_to_hold() {
    let found = Logs::default().commit(0, 1, 1);
    assert!(matches!(found, Err(Violation::CommittedUnwritten { .. })));
}

#[test]
fn a_leader_that_lacks_a_committed_entry() {
    let mut oracles = three(2);
    oracles.commit(0, 0, 1, 0, [&all(3); 2], |_| Some(1)).unwrap();
    assert_eq!(oracles.log.leads(1, 2, |_| Some(1)), Ok(()));
    for lacking in [None, Some(2)] {
        let found = oracles.log.leads(2, 2, |_| lacking);
        assert!(matches!(found, Err(Violation::LeaderIncomplete { node: 2, .. })));
    }
}

fn said(term: Term, body: Body) -> Message {
    Message { term, body }
}

const CAMPAIGN: Token = Token { incarnation: 1, number: 1 };

#[test]
fn a_vote_that_is_not_durable() {
    let mut mirror = Mirror::default();
    durable(&mut mirror, &write(1, state(4, 3), 1, 4, &[]));
    let vote = |granted| Body::VoteAnswer(VoteAnswer { granted, campaign: CAMPAIGN });
    let judge = |to, message: &Message| mirror.sent(0, to, message, NO_LOG);
    assert_eq!(judge(2, &said(4, vote(true))), Ok(()));
    assert!(judge(1, &said(4, vote(true))).is_err(), "to another one");
    assert!(judge(2, &said(5, vote(true))).is_err(), "in another term");
    assert_eq!(judge(1, &said(5, vote(false))), Ok(()), "a refusal rests on nothing");
}

#[test]
fn a_candidacy_or_a_leadership_that_is_not_durable() {
    let mut mirror = Mirror::default();
    durable(&mut mirror, &write(1, state(4, 1), 1, 4, &[]));
    let asks =
        Body::VoteRequest(VoteRequest { last: LogId::ZERO, campaign: CAMPAIGN, transfer: false });
    let entries = Entries::new();
    let append = AppendRequest {
        prev: LogId::ZERO,
        commit: 0,
        round: 1,
        promise: 1,
        quiesce: false,
        entries,
    };
    for body in [asks, Body::AppendRequest(append)] {
        assert_eq!(mirror.sent(0, 1, &said(4, body.clone()), NO_LOG), Ok(()));
        assert!(mirror.sent(0, 1, &said(5, body), NO_LOG).is_err());
    }
}

#[test]
fn an_acknowledgement_that_is_not_durable() {
    let mut mirror = Mirror::default();
    durable(&mut mirror, &write(1, state(4, 0), 1, 4, &["a"]));
    let matched = |index| {
        let outcome = AppendOutcome::Matched { index };
        said(4, Body::AppendAnswer(AppendAnswer { round: 1, priority: 100, outcome }))
    };
    assert_eq!(mirror.sent(0, 1, &matched(1), |_| Some(4)), Ok(()));
    assert!(mirror.sent(0, 1, &matched(2), NO_LOG).is_err(), "beyond the disk");
    assert!(mirror.sent(0, 1, &matched(1), |_| Some(3)).is_err(), "another entry");
    let later = Message { term: 5, ..matched(1) };
    assert!(mirror.sent(0, 1, &later, NO_LOG).is_err(), "in a term that is not durable");
    let _ = mirror.begin(&write(2, state(4, 0), 2, 4, &["b"]), &[]);
    assert!(mirror.sent(0, 1, &matched(2), NO_LOG).is_err(), "still being written");
    mirror.complete();
    assert_eq!(mirror.sent(0, 1, &matched(2), NO_LOG), Ok(()));
}

#[test]
fn a_promise_that_is_not_durable() {
    let mut mirror = Mirror::default();
    durable(&mut mirror, &write(1, HardState { promise: 50, ..state(4, 0) }, 1, 4, &[]));
    let answer = |round| {
        let outcome = AppendOutcome::Matched { index: 0 };
        said(4, Body::AppendAnswer(AppendAnswer { round, priority: 100, outcome }))
    };
    assert_eq!(mirror.confirmed(0, 1, &answer(7), 50), Ok(()));
    assert!(mirror.confirmed(0, 1, &answer(7), 51).is_err());
    assert_eq!(mirror.confirmed(0, 1, &answer(0), 51), Ok(()), "nothing is confirmed");
}

fn recovered(hard_state: HardState, writes: &[&Write]) -> (Recovered, Entries) {
    let mut entries = Entries::new();
    for write in writes {
        entries = entries.ending_before(write.truncate_from);
        entries.extend(write.entries.clone()).unwrap();
    }
    let log = LogSummary::of(LogId::ZERO, &entries);
    let found = Found { hard_state, snapshot: None, log };
    (Recovered { incarnation: 2, found: Some(found) }, entries)
}

#[test]
fn a_store_that_forgets_or_invents() {
    let (first, second) =
        (write(1, state(1, 0), 1, 1, &["a"]), write(2, state(2, 0), 2, 2, &["b", "c"]));
    let third = write(3, state(3, 1), 3, 3, &["d"]);
    let mirror = || {
        let mut mirror = Mirror::default();
        durable(&mut mirror, &first);
        let _ = mirror.begin(&second, &[]);
        let _ = mirror.begin(&third, &[]);
        mirror
    };
    let recover = |found: (Recovered, Entries)| mirror().recover(0, &found.0, &found.1);
    let kept = |kept, lost| Ok(durable::Untold { kept, lost });
    assert_eq!(recover(recovered(state(1, 0), &[&first])), kept(0, 2));
    assert_eq!(recover(recovered(state(2, 0), &[&first, &second])), kept(1, 1));
    let all = recovered(state(3, 1), &[&first, &second, &third]);
    assert_eq!(recover(all), kept(2, 0));
    let forgotten = Recovered { incarnation: 2, found: None };
    assert!(recover((forgotten, Entries::new())).is_err());
    let half = recovered(state(2, 0), &[&first]);
    assert!(recover(half).is_err(), "a hard state without its entries");
    let other = write(2, state(2, 0), 2, 2, &["b", "x"]);
    assert!(recover(recovered(state(2, 0), &[&first, &other])).is_err());
}

#[test]
fn a_copy_of_the_disk_holds_just_what_was_reported_durable() {
    let (first, second) =
        (write(1, state(1, 0), 1, 1, &["a"]), write(2, state(2, 0), 2, 2, &["b", "c"]));
    let mut mirror = Mirror::default();
    durable(&mut mirror, &first);
    durable(&mut mirror, &second);
    let probe = |found: (Recovered, Entries)| mirror.probe(0, &found.0, &found.1);
    assert_eq!(probe(recovered(state(2, 0), &[&first, &second])), Ok(()));
    let others = [
        recovered(state(1, 0), &[&first]),
        recovered(state(2, 0), &[&first]),
        recovered(state(1, 0), &[&first, &second]),
        recovered(state(2, 0), &[&first, &write(2, state(2, 0), 2, 2, &["b", "x"])]),
        (Recovered { incarnation: 2, found: None }, Entries::new()),
    ];
    for other in others {
        assert!(matches!(probe(other), Err(Violation::Recovered { node: 0, .. })));
    }
}

fn committed(names: &[&str]) -> Logs {
    let mut logs = Logs::default();
    let places = durable(&mut Mirror::default(), &write(1, state(1, 0), 1, 1, names));
    for (index, slot) in places {
        logs.record(0, index, slot).unwrap();
        logs.commit(0, index, 1).unwrap();
    }
    logs
}

fn apply(machines: &mut Machines, node: u64, index: Index, name: &str, answer: u64) -> bool {
    let payload = Payload::Command(name.to_owned().into());
    let entry = EntryRef { log_id: LogId::new(1, index), payload: &payload };
    machines.applied(node, entry, answer, &committed(&["a", "b"])).is_ok()
}

#[test]
fn applies_that_skip_repeat_or_invent() {
    let mut machines = Machines::new(2);
    assert!(!apply(&mut machines, 0, 2, "b", 1), "skipped the first");
    assert!(!apply(&mut machines, 0, 1, "x", 1), "not what is committed");
    assert!(apply(&mut machines, 0, 1, "a", 1));
    assert!(!apply(&mut machines, 0, 1, "a", 1), "twice");
    assert!(apply(&mut machines, 0, 2, "b", 2));
    assert!(!apply(&mut machines, 0, 3, "c", 3), "not committed");
}

#[test]
fn machines_that_differ() {
    let mut machines = Machines::new(2);
    assert!(apply(&mut machines, 0, 1, "a", 1) && apply(&mut machines, 0, 2, "b", 2));
    machines.fingerprint(0, 77).unwrap();
    assert!(apply(&mut machines, 1, 1, "a", 1), "the same answer");
    assert!(!apply(&mut machines, 1, 2, "b", 3), "another answer");
    let found = machines.fingerprint(1, 78);
    assert!(matches!(found, Err(Violation::MachinesDiffer { index: 2, .. })));
    machines.restart(1);
    assert!(apply(&mut machines, 1, 1, "a", 1), "a restarted machine begins anew");
}

#[test]
fn every_violation_is_told_in_a_sentence() {
    let members = Arc::new(Configuration::new([NodeId::of(1)]));
    let slot = Slot::after(0, 1, &Payload::Configuration(members));
    assert_ne!(slot, Slot::after(0, 1, &Payload::Noop));
    let sentence = Violation::StaleReadIndex { node: 1, index: 4, committed: 9 }.to_string();
    assert_eq!(sentence, "node 1 named 4 for a read that came when 9 was committed");
    let stuck = Violation::Stuck { timeouts: 40, what: "nobody leads".into() };
    assert_eq!(stuck.to_string(), "40 election timeouts after everything healed, nobody leads");
    assert_eq!(stuck.family(), Family::Liveness);
    let parted =
        Violation::NotDeterministic { event: 1, here: String::new(), there: String::new() };
    assert_eq!(parted.family(), Family::Determinism);
}
