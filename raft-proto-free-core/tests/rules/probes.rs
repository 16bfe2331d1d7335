//! How a leader finds out where a follower's log agrees with its own, near the head of the log.

use crate::group::{Group, id};
use quorate_core::*;

/// Node 1 has just been elected. Its log begins behind `base` and has three entries or more; of node 3
/// it knows nothing. With the base and the last index.
fn elected() -> (Group, u64, u64) {
    let mut group = Group::with_config(3, |config| config.retain_entries = 0);
    group.elect(1);
    for _ in 0..5 {
        group.propose(1, "x");
    }
    group.pass(50);
    group.snapshot(1);
    for _ in 0..3 {
        group.propose(1, "x");
    }
    group.pass(50);
    let base = group.status(1).log.base().index;
    group.kill(1);
    group.restart(1);
    group.cut(1, 3);
    group.cut(2, 3);
    group.elect(1);
    group.pass(10);
    group.notices(1);
    let last = group.status(1).log.last().index;
    assert!(base > 4 && last > base + 3, "{base} {last}");
    (group, base, last)
}

/// Node 3 refuses; what node 1 sends it then: where the next probe stands, and whether a snapshot goes.
fn refuse(group: &mut Group, rejected: u64, hint: LogId) -> (Vec<u64>, bool) {
    // Another round, to answer.
    group.pass(20);
    let term = group.status(1).term;
    let round = group.status(1).peers[1].round + 1;
    let outcome = AppendOutcome::Conflict { rejected, hint };
    let body = Body::AppendAnswer(AppendAnswer { round, priority: 100, outcome });
    let message = Message { term, body };
    let actions = group.step(1, Input::Receive { from: id(3), message });
    let probes = actions.iter().filter_map(|action| match action {
        Action::Send { to, message: Message { body: Body::AppendRequest(request), .. } }
            if *to == id(3) =>
        {
            Some(request.prev.index)
        }
        // Entries that are not in memory are read first.
        Action::ReadLog { from, .. } => Some(from - 1),
        _ => None,
    });
    let sends = actions.iter().any(|action| matches!(action, Action::SendSnapshot { .. }));
    (probes.collect(), sends)
}

/// What was sent to node 3 when the term began: a probe before the first entry of the term.
fn first_probe(group: &Group) -> u64 {
    group.status(1).peers[1].next_index - 1
}

fn hint(group: &Group, index: u64) -> LogId {
    LogId::new(group.status(1).log.term_at(index).expect("in the log"), index)
}

#[test]
fn a_refusal_moves_the_probe_to_where_the_logs_may_agree() {
    let (mut group, base, _) = elected();
    let (probe, wanted) = (first_probe(&group), hint(&group, base + 2));
    assert_eq!(refuse(&mut group, probe, wanted), (vec![base + 2], false));
}

#[test]
fn a_log_that_agrees_nowhere_behind_the_base_is_probed_at_the_base() {
    let (mut group, base, _) = elected();
    let probe = first_probe(&group);
    assert_eq!(refuse(&mut group, probe, LogId::new(1, 1)), (vec![base], false));
    // If it does not even hold that, it needs the snapshot.
    assert_eq!(refuse(&mut group, base, LogId::new(1, 1)), (vec![], true));
}

#[test]
fn a_refusal_that_is_not_about_the_last_probe_changes_nothing() {
    let (mut group, base, _) = elected();
    let probe = first_probe(&group);
    for late in [probe - 1, probe + 1, base + 1] {
        let wanted = hint(&group, base + 1);
        let (_, sends) = refuse(&mut group, late, wanted);
        assert!(!sends);
        assert_eq!(first_probe(&group), probe);
    }
}

#[test]
fn a_refusal_of_what_was_acknowledged_starts_no_storm() {
    let (mut group, _, _) = elected();
    let held = first_probe(&group);
    let answer = |group: &mut Group, more: u64, outcome| {
        let (term, round) = (group.status(1).term, group.status(1).peers[1].round + more);
        let body = Body::AppendAnswer(AppendAnswer { round, priority: 100, outcome });
        let message = Message { term, body };
        let actions = group.step(1, Input::Receive { from: id(3), message });
        actions.iter().any(|action| {
            matches!(action, Action::Send { to, .. } if *to == id(3))
                || matches!(action, Action::ReadLog { .. })
        })
    };
    answer(&mut group, 1, AppendOutcome::Matched { index: held });
    group.step(1, Input::PeerUnreachable { peer: id(3) });
    group.pass(20);
    assert_eq!((group.status(1).peers[1].match_index, first_probe(&group)), (held, held));
    // A disk that lost what it had acknowledged: no log agrees with what it says now.
    let refusal = AppendOutcome::Conflict { rejected: held, hint: LogId::new(1, 1) };
    answer(&mut group, 1, refusal);
    for _ in 0..5 {
        assert!(!answer(&mut group, 0, refusal), "the next round will ask again");
    }
}

#[test]
fn whoever_is_known_to_hold_the_base_needs_no_snapshot() {
    let (mut group, base, _) = elected();
    let term = group.status(1).term;
    let round = group.status(1).peers[1].round + 1;
    let outcome = AppendOutcome::Matched { index: base };
    let body = Body::AppendAnswer(AppendAnswer { round, priority: 100, outcome });
    group.step(1, Input::Receive { from: id(3), message: Message { term, body } });
    assert_eq!(group.status(1).peers[1].match_index, base);
    let (_, sends) = refuse(&mut group, base, LogId::new(1, 1));
    assert!(!sends, "it said before that it holds that");
}
