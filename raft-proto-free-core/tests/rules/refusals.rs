//! Whatever is surely not done is refused at once, with the reason; whatever an embedder cannot mean
//! is named.

use std::sync::Arc;

use crate::group::{Group, MS, config, id};
use quorate_core::*;

/// Node 1 of three leads term 2, and all is committed.
fn led() -> Group {
    let mut group = Group::new(3);
    group.elect(1);
    group.pass(10);
    assert_eq!(group.status(1).term, 2);
    group
}

fn refusal(actions: &[Action]) -> Option<Refusal> {
    actions.iter().find_map(|action| match action {
        Action::Refused { reason, .. } => Some(*reason),
        _ => None,
    })
}

fn misuse(actions: &[Action]) -> Option<Misuse> {
    let found = actions.iter().find_map(|action| match action {
        Action::Misuse(misuse) => Some(*misuse),
        _ => None,
    });
    found.inspect(|misuse| assert!(!misuse.to_string().is_empty()))
}

fn halt(actions: &[Action]) -> Option<Halt> {
    actions.iter().find_map(|action| match action {
        Action::Halt(halt) => Some(*halt),
        _ => None,
    })
}

fn propose(group: &mut Group, commands: Commands, expected_term: Option<u64>) -> Option<Refusal> {
    refusal(&group.step(1, Input::Propose { request: 9, commands, expected_term }))
}

fn change(group: &mut Group, change: MemberChange, expected_term: Option<u64>) -> Option<Refusal> {
    let input = Input::ChangeMembers { request: 9, changes: vec![change], expected_term };
    refusal(&group.step(1, input))
}

#[test]
fn a_proposal_for_another_term_is_refused_with_this_one() {
    let wrong = Some(Refusal::WrongTerm { term: 2 });
    let mut group = led();
    assert_eq!(propose(&mut group, commands(["x"]), Some(1)), wrong);
    assert_eq!(propose(&mut group, commands(["x"]), Some(3)), wrong);
    assert_eq!(propose(&mut group, commands(["x"]), Some(2)), None);
    group.settle();
    let learner = MemberChange::AddLearner { node: id(4), promotion: Promotion::OnDemand };
    assert_eq!(change(&mut group, learner.clone(), Some(1)), wrong);
    assert_eq!(change(&mut group, learner, Some(2)), None);
}

#[test]
fn a_proposal_holds_commands_and_nothing_else() {
    let mut group = led();
    let last = group.status(1).log.last();
    assert_eq!(propose(&mut group, commands::<&str>([]), None), Some(Refusal::Empty));
    let members = Payload::Configuration(Arc::new(Configuration::new([id(1)])));
    for other in [Payload::Noop, members] {
        assert_eq!(propose(&mut group, other.clone().into(), None), Some(Refusal::NotACommand));
        let mixed = [Payload::Command("x".into()), other].into_iter().collect();
        assert_eq!(propose(&mut group, mixed, None), Some(Refusal::NotACommand));
    }
    assert_eq!(group.status(1).log.last(), last);
}

#[test]
fn a_proposal_is_as_large_as_a_message_at_most() {
    let mut group = Group::with_config(1, |config| config.max_message_bytes = 2048);
    group.pass(10);
    let of = |bytes: u64| commands([vec![7; (bytes - entries::ENTRY_OVERHEAD_BYTES) as usize]]);
    assert_eq!(propose(&mut group, of(2048), None), None);
    let refused = propose(&mut group, of(2049), None);
    assert_eq!(refused, Some(Refusal::TooLarge { size: 2049, limit: 2048 }));
}

#[test]
fn what_is_uncommitted_is_bounded_and_the_first_always_fits() {
    let bytes = 100 + 2 * entries::ENTRY_OVERHEAD_BYTES;
    let mut group = Group::with_config(3, |config| config.max_uncommitted_bytes = bytes);
    group.elect(1);
    group.pass(10);
    group.isolate(1);
    let of = |bytes: usize| commands([vec![7; bytes]]);
    let busy = Some(Refusal::Busy { limit: Limit::UncommittedBytes });
    assert_eq!(propose(&mut group, of(50), None), None);
    assert_eq!(propose(&mut group, of(51), None), busy);
    assert_eq!(propose(&mut group, of(50), None), None);
    assert_eq!(propose(&mut group, of(0), None), busy);
    let mut group = Group::with_config(3, |config| config.max_uncommitted_bytes = bytes);
    group.elect(1);
    group.pass(10);
    assert_eq!(propose(&mut group, of(1000), None), None, "alone it may be larger");
}

#[test]
fn a_protocol_is_set_once_and_none_that_is_unknown() {
    let mut group = led();
    let unchanged = Some(Refusal::Change(ChangeError::Unchanged));
    let same = MemberChange::SetProtocol { version: PROTOCOL };
    assert_eq!(change(&mut group, same, None), unchanged);
    let version = PROTOCOL + 1;
    let unknown = Some(Refusal::Change(ChangeError::UnknownProtocol { version }));
    assert_eq!(change(&mut group, MemberChange::SetProtocol { version }, None), unknown);
}

#[test]
fn completions_that_cannot_be_are_named() {
    let mut group = led();
    let given = group.status(1).commit;
    let ahead = group.step(1, Input::Applied { index: given + 1 });
    assert_eq!(misuse(&ahead), Some(Misuse::AppliedTooFar { index: given + 1, given }));
    assert_eq!(misuse(&group.step(1, Input::Applied { index: given })), None);
    assert_eq!(misuse(&group.step(1, Input::Applied { index: 0 })), None);
    assert_eq!(group.status(1).applied, given, "nothing goes back");
    let ahead = group.step(1, Input::SnapshotTaken { index: given + 1 });
    let named = Misuse::SnapshotAhead { index: given + 1, applied: given };
    assert_eq!(misuse(&ahead), Some(named));
    for seq in [Token { incarnation: 1, number: 999 }, Token { incarnation: 2, number: 1 }] {
        let never = Some(Misuse::NeverIssued { seq });
        assert_eq!(misuse(&group.step(1, Input::Written { seq })), never);
        assert_eq!(misuse(&group.step(1, Input::WriteFailed { seq })), never);
    }
    let token = Token { incarnation: 1, number: 999 };
    let answer = Input::LogRead { token, found: LogFound::Missing };
    assert_eq!(misuse(&group.step(1, answer)), Some(Misuse::NeverAsked { token }));
    assert!(!group.status(1).halted);
}

#[test]
fn completions_that_come_late_are_counted_and_change_nothing() {
    let mut group = led();
    group.crash(2);
    group.restart(2);
    let mut expected = group.status(2).drops;
    let old = Token { incarnation: 1, number: 1 };
    assert_eq!(group.step(2, Input::Written { seq: old }), []);
    assert_eq!(group.step(2, Input::WriteFailed { seq: old }), []);
    expected.stale_completions += 2;
    let never = group.step(2, Input::LogRead { token: old, found: LogFound::Missing });
    assert_eq!(never, []);
    expected.stale_log_reads += 1;
    assert_eq!(group.status(2).drops, expected);
}

#[test]
fn a_leader_asks_nobody_for_a_snapshot() {
    let mut group = led();
    let asked = group.step(1, Input::RequestSnapshot);
    assert_eq!(misuse(&asked), Some(Misuse::RequestedByLeader));
    assert!(!group.status(1).wants_snapshot);
}

#[test]
fn snapshots_that_cannot_be_are_named_and_removed() {
    let mut group = led();
    let members = Arc::new(Configuration::new([1, 2, 3].map(id)));
    // The node alone: no host has such snapshots.
    let raft = &mut group.member(2).raft;
    let at = Timestamp(2 * crate::group::SKEW);
    let mut receive = |term: u64, last: LogId, configuration: &Arc<Configuration>| {
        let configuration = configuration.clone();
        let meta = Arc::new(SnapshotMeta { last, configuration });
        let input = Input::SnapshotReceived { term, meta: meta.clone() };
        let actions = raft.step(Event { at, input });
        raft.check().expect("sound");
        let is_removed = actions.contains(&Action::Discard { meta });
        assert_eq!(is_removed, misuse(&actions).is_some(), "{actions:?}");
        misuse(&actions)
    };
    let far = 2 + TERM_LEAP_LIMIT;
    let nobody = Arc::new(Configuration::default());
    for (term, last, members) in [
        (2, LogId::new(3, 9), &members),
        (2, LogId::new(0, 9), &members),
        (2, LogId::new(1, 0), &members),
        (2, LogId::new(2, INDEX_LIMIT), &members),
        (far + 1, LogId::new(2, 9), &members),
        (TERM_LIMIT, LogId::new(2, 9), &members),
        (2, LogId::new(2, 9), &nobody),
    ] {
        assert_eq!(receive(term, last, members), Some(Misuse::BadSnapshot { last, term }));
    }
    assert_eq!(receive(2, LogId::new(2, INDEX_LIMIT - 1), &members), None);
}

#[test]
fn a_snapshot_of_a_far_term_is_followed_up_to_the_leap_limit() {
    let mut group = led();
    let configuration = Arc::new(Configuration::new([1, 2, 3].map(id)));
    let meta = Arc::new(SnapshotMeta { last: LogId::new(2, 9), configuration });
    let term = 2 + TERM_LEAP_LIMIT;
    let actions = group.members.get_mut(&2).expect("it is there").raft.step(Event {
        at: Timestamp(group.now + crate::group::SKEW),
        input: Input::SnapshotReceived { term, meta },
    });
    assert_eq!(misuse(&actions), None);
    assert_eq!(group.status(2).term, term);
}

#[test]
fn a_snapshot_in_a_protocol_that_is_unknown_ends_the_node() {
    let mut group = led();
    let version = PROTOCOL + 1;
    let newer = Configuration::of([1, 2, 3].map(id), [], [], version).expect("sound");
    let meta = SnapshotMeta { last: LogId::new(2, 9), configuration: Arc::new(newer.clone()) };
    group.excused.extend([2, 3]);
    let actions = group.step(2, Input::SnapshotReceived { term: 2, meta: Arc::new(meta) });
    assert_eq!(halt(&actions), Some(Halt::UnknownProtocol { version }));
    let mut entries = Entries::new();
    let last = group.status(3).log.last();
    let configuration = Payload::Configuration(Arc::new(newer));
    entries.append(LogId::new(2, last.index + 1), configuration.into()).expect("it follows");
    let body = Body::AppendRequest(AppendRequest {
        prev: last,
        commit: 0,
        round: 9,
        promise: 100 * MS,
        quiesce: false,
        entries,
    });
    let message = Message { term: 2, body };
    let actions = group.step(3, Input::Receive { from: id(1), message });
    assert_eq!(halt(&actions), Some(Halt::UnknownProtocol { version }));
    assert_eq!(group.raft(3).deadline(), None);
    assert_eq!(group.step(3, Input::Tick), [], "from now on nothing is said");
}

#[test]
fn knobs_that_cannot_be_leave_the_old_ones_in_force() {
    let mut group = led();
    let before = group.raft(1).config().clone();
    let other_node = Config { node: id(2), ..before.clone() };
    let other_seed = Config { seed: before.seed + 1, ..before.clone() };
    let out_of_range = Config { heartbeat_interval: 0, ..before.clone() };
    for config in [other_node, other_seed, out_of_range] {
        let actions = group.step(1, Input::Reconfigure { config: Arc::new(config) });
        assert_eq!(misuse(&actions), Some(Misuse::BadConfig));
        assert_eq!(group.raft(1).config(), &before);
    }
    let fine = Config { priority: 7, ..before };
    let actions = group.step(1, Input::Reconfigure { config: Arc::new(fine) });
    assert_eq!((misuse(&actions), group.raft(1).config().priority), (None, 7));
}

/// One voter whose log and term are almost used up.
fn near_the_end(term: u64, index: u64) -> Raft {
    let last = LogId::new(term, index);
    let configuration = Arc::new(Configuration::new([id(1)]));
    let meta = SnapshotMeta { last, configuration };
    let persisted = Persisted::Loaded {
        incarnation: 2,
        hard_state: HardState { term, voted_for: None, promise: 0 },
        snapshot: Some(Arc::new(meta)),
        log: LogSummary::new(last),
        applied: index,
    };
    Raft::restore(config(1), persisted, Timestamp(0)).expect("a sound storage")
}

fn step(raft: &mut Raft, input: Input) -> Vec<Action> {
    let mut all = raft.step(Event { at: Timestamp(0), input });
    let mut done = 0;
    while done < all.len() {
        if let Action::Write(write) = &all[done] {
            let seq = write.seq;
            all.extend(raft.step(Event { at: Timestamp(0), input: Input::Written { seq } }));
        }
        done += 1;
    }
    raft.check().expect("sound");
    all
}

#[test]
fn the_last_term_is_the_last() {
    let mut raft = near_the_end(TERM_LIMIT - 2, 5);
    assert_eq!(halt(&step(&mut raft, Input::Tick)), None);
    assert_eq!(raft.status().role, RoleKind::Leader);
    let mut raft = near_the_end(TERM_LIMIT - 1, 5);
    assert_eq!(halt(&step(&mut raft, Input::Tick)), Some(Halt::Exhausted));
}

#[test]
fn a_snapshot_of_no_term_at_all_is_refused() {
    let mut raft = near_the_end(TERM_LIMIT - 1, 5);
    let configuration = Arc::new(Configuration::new([1, 2].map(id)));
    let meta = Arc::new(SnapshotMeta { last: LogId::new(TERM_LIMIT - 1, 9), configuration });
    let receive = |term: u64| Input::SnapshotReceived { term, meta: meta.clone() };
    let last = meta.last;
    let named = Misuse::BadSnapshot { last, term: TERM_LIMIT };
    assert_eq!(misuse(&step(&mut raft, receive(TERM_LIMIT))), Some(named));
    assert_eq!(misuse(&step(&mut raft, receive(TERM_LIMIT - 1))), None);
}

#[test]
fn the_last_index_is_the_last() {
    let mut raft = near_the_end(5, INDEX_LIMIT - 4);
    assert_eq!(halt(&step(&mut raft, Input::Tick)), None);
    assert_eq!(raft.status().log.last().index, INDEX_LIMIT - 3);
    let proposal =
        |list: Commands| Input::Propose { request: 1, commands: list, expected_term: None };
    let mut other = raft.clone();
    assert_eq!(halt(&step(&mut raft, proposal(commands(["x"])))), None);
    assert_eq!(raft.status().commit, INDEX_LIMIT - 2);
    assert_eq!(halt(&step(&mut raft, proposal(commands(["x"])))), Some(Halt::Exhausted));
    assert_eq!(halt(&step(&mut other, proposal(commands(["x", "y"])))), Some(Halt::Exhausted));
}

#[test]
fn whoever_waits_for_a_node_that_halts_is_told() {
    let mut group = led();
    group.isolate(2);
    group.excused.extend([1, 2, 3]);
    group.read(1, 11);
    group.wire.clear();
    group.read(3, 12);
    // The question of node 3 arrives; no round is answered.
    while let Some((from, to, message)) = group.wire.pop_front() {
        if (from, to) == (3, 1) {
            group.step(1, Input::Receive { from: id(3), message });
        }
    }
    let seq = Token { incarnation: 1, number: 1 };
    let actions = group.step(1, Input::WriteFailed { seq });
    assert_eq!(halt(&actions), Some(Halt::WriteFailed { seq }));
    assert_eq!(refusal(&actions), Some(Refusal::Halted));
    let answers = group.on_wire(1, 3);
    let outcome = ReadOutcome::NotLeader { leader: None };
    let is_told = |message: &Message| matches!(&message.body, Body::ReadAnswer(answer) if answer.outcome == outcome);
    assert!(answers.iter().any(is_told), "{answers:?}");
    let actions = group.step(3, Input::WriteFailed { seq });
    assert_eq!(refusal(&actions), Some(Refusal::Halted), "and so is a follower's reader");
}
