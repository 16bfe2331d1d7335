//! Groups that work: election, replication, take-over.
mod group;

use group::Group;
use quorate_core::*;

#[test]
fn a_lone_node_leads_and_commits_without_anybody() {
    let mut group = Group::new(1);
    group.pass(1);
    assert!(group.leads(1));
    group.propose(1, "x");
    assert_eq!(group.status(1).commit, 3);
    assert_eq!(group.members[&1].machine.applied.len(), 3);
}

#[test]
fn three_nodes_elect_a_leader_and_apply_the_same_log() {
    for size in [2, 3, 5, 7] {
        let mut group = Group::new(size);
        group.pass(1_000);
        let leader = group.leader().expect("a leader within ten timeouts");
        for _ in 0..100 {
            group.propose(leader, "x");
        }
        group.settle();
        group.pass(100);
        for node in 1..=size {
            assert_eq!(group.status(node).commit, 102, "node {node} of {size}");
            assert_eq!(group.members[&node].machine, group.members[&leader].machine);
        }
    }
}

#[test]
fn another_takes_over_when_the_leader_is_gone_and_it_follows_when_it_is_back() {
    let mut group = Group::new(3);
    group.pass(1_000);
    let first = group.leader().expect("a leader");
    group.propose(first, "before");
    group.settle();
    group.crash(first);
    group.pass(1_000);
    let second = group.leader().expect("another leader");
    assert_ne!(first, second);
    group.propose(second, "after");
    group.settle();
    group.restart(first);
    group.pass(1_000);
    let commit = group.status(second).commit;
    assert_eq!(group.status(first).commit, commit);
    assert_eq!(group.members[&first].machine, group.members[&second].machine);
}

#[test]
fn the_same_events_give_the_same_actions() {
    let run = || {
        let mut group = Group::new(3);
        group.pass(500);
        let leader = group.leader().expect("a leader");
        group.propose(leader, "x");
        group.crash(leader);
        group.pass(500);
        group.members.into_values().map(|member| (member.raft, member.notices)).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}

#[test]
fn an_action_is_small() {
    // Of these 72 are the write's own numbers, and 32 its entries, by value: a box for them would cost
    // an allocation for each write.
    assert!(size_of::<Action>() <= 104, "an action takes {} bytes", size_of::<Action>());
    assert!(size_of::<Raft>() <= 432, "a node takes {} bytes", size_of::<Raft>());
}

#[test]
fn equal_fingerprints_go_on_alike_whatever_the_clock_shows() {
    let run = |start: u64| {
        let mut group = Group::new(3);
        for node in 1..=3 {
            group.step(node, Input::Tick);
            // Another reading of the same moment.
            group.member(node).skew += start;
        }
        group.elect(1);
        group.propose(1, "x");
        group.read(1, 7);
        group.settle();
        group
    };
    let (early, late) = (run(0), run(7_777 * group::MS));
    let mut differ = 0;
    for node in 1..=3 {
        let (early, late) = (early.raft(node), late.raft(node));
        differ += u32::from(early != late);
        assert_eq!(early.fingerprint(), late.fingerprint());
        assert_eq!(early.fingerprint().fingerprint(), early.fingerprint());
        let mut other = early.clone();
        other.step(Event { at: Timestamp(1 << 62), input: Input::Tick });
        assert_ne!(other.fingerprint(), early.fingerprint());
    }
    assert_eq!(differ, 3, "their clocks differ");
}

#[test]
fn ten_thousand_groups_at_rest_cost_no_step_between_their_deadlines() {
    let mut group = Group::new(3);
    group.elect(1);
    group.pass(50);
    let at = |group: &Group| Timestamp(group.now + group::SKEW);
    let mut followers: Vec<Raft> = (0..10_000).map(|_| group.raft(2).clone()).collect();
    let due = followers.iter().filter_map(Raft::deadline).min().expect("a follower has one");
    assert!(due.0 >= at(&group).0 + 50 * group::MS, "half an election timeout at least");
    // A host that steps them nevertheless changes nothing.
    let early = Event { at: Timestamp(due.0 - 1), input: Input::Tick };
    assert!(followers[0].step(early).is_empty());
    // Those whose leader fell silent need not be looked at at all.
    group.pass(50);
    group.step(1, Input::Quiesce);
    group.settle();
    let silent: Vec<Raft> = (0..10_000).map(|_| group.raft(2).clone()).collect();
    assert!(silent.iter().all(|raft| raft.deadline().is_none()));
    assert_eq!(group.raft(1).deadline(), None, "nor need its leader");
}
