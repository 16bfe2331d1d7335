//! Each invariant is broken by hand, and seen.

use alloc::{boxed::Box, sync::Arc};

use super::Violation;
use crate::{
    action::SnapshotMeta,
    config::Config,
    configuration::Configuration,
    entries::commands,
    event::{Event, Input},
    log_read::Purpose,
    persisted::Persisted,
    raft::Raft,
    role::{Leader, Role},
    types::{LogId, NodeId, Timestamp, Token},
};

/// A leader of three that has a few entries.
fn leader() -> Raft {
    let founding = Arc::new(Configuration::new([1, 2, 3].map(NodeId::of)));
    let persisted = Persisted::Bootstrap { configuration: founding, incarnation: 1 };
    let config = Config::new(NodeId::of(1), 7);
    let mut raft = Raft::restore(config, persisted, Timestamp(0)).expect("a sound start");
    assert_eq!(raft.check(), Ok(()), "before the first write");
    step(&mut raft, Input::Tick);
    assert_eq!(raft.check(), Ok(()));
    raft.hard_state.term = 2;
    raft.hard_state.voted_for = Some(NodeId::of(1));
    let mut out = alloc::vec::Vec::new();
    raft.become_leader(&mut out);
    let list = commands(["a", "b"]);
    step(&mut raft, Input::Propose { request: 1, commands: list, expected_term: None });
    assert_eq!(raft.check(), Ok(()));
    raft
}

fn step(raft: &mut Raft, input: Input) {
    raft.step(Event { at: Timestamp(0), input });
    let seq = Token { incarnation: 1, number: raft.durability.issued() };
    raft.step(Event { at: Timestamp(0), input: Input::Written { seq } });
}

fn memory(raft: &mut Raft) -> &mut Leader {
    let Role::Leader(leader) = &mut raft.role else { unreachable!("it leads") };
    leader
}

fn broken(breaks: impl Fn(&mut Raft)) -> Result<(), Violation> {
    let mut raft = leader();
    breaks(&mut raft);
    raft.check()
}

#[test]
fn the_order_of_progress_is_looked_at() {
    let progress = Err(Violation::Progress);
    assert_eq!(broken(|raft| raft.commit = raft.log.last().index), Ok(()));
    assert_eq!(broken(|raft| raft.commit = raft.log.last().index + 1), progress);
    assert_eq!(broken(|raft| raft.given = raft.commit), Ok(()));
    assert_eq!(broken(|raft| raft.given = raft.commit + 1), progress);
    assert_eq!(broken(|raft| raft.applied = raft.given + 1), progress);
    let snapshot = |index: u64| {
        let configuration = Arc::new(Configuration::new([NodeId::of(1)]));
        Some(Arc::new(SnapshotMeta { last: LogId::new(1, index), configuration }))
    };
    assert_eq!(broken(|raft| raft.snapshot = snapshot(raft.commit)), Ok(()));
    assert_eq!(broken(|raft| raft.snapshot = snapshot(raft.commit + 1)), progress);
    let discard = |raft: &mut Raft| {
        raft.commit = 1;
        raft.log.discard_through(LogId::new(1, 1));
    };
    assert_eq!(broken(discard), progress, "no snapshot covers what is gone");
}

#[test]
fn terms_and_writes_are_looked_at() {
    assert_eq!(broken(|raft| raft.hard_state.term = 1), Err(Violation::TermBehindLog));
    assert_eq!(broken(|raft| raft.draft.due = true), Err(Violation::Unwritten));
    let truncate = |raft: &mut Raft| {
        let last = raft.log.last().index;
        assert_eq!(raft.durability.last(), last);
        raft.log.truncate_from(last);
    };
    assert_eq!(broken(truncate), Err(Violation::Durability));
}

#[test]
fn a_role_that_does_not_fit_is_seen() {
    let role = Err(Violation::Role);
    assert_eq!(broken(|raft| raft.hard_state.voted_for = None), role);
    assert_eq!(broken(|raft| memory(raft).term_start = 1), role);
    let follower = |change: fn(&mut crate::role::Follower, u64)| {
        broken(|raft| {
            let last = raft.log.last().index;
            let mut follower = crate::role::Follower { round: 5, ..Default::default() };
            follower.verified = last;
            change(&mut follower, last);
            raft.role = Role::Follower(follower);
        })
    };
    assert_eq!(follower(|_, _| {}), Ok(()));
    assert_eq!(follower(|follower, last| follower.verified = last + 1), role);
    assert_eq!(follower(|follower, _| follower.answered_round = 5), Ok(()));
    assert_eq!(follower(|follower, _| follower.answered_round = 6), role);
    assert_eq!(follower(|follower, last| follower.answered_match = last), Ok(()));
    assert_eq!(follower(|follower, last| follower.answered_match = last + 1), role);
    let candidate = |vote: u64| {
        broken(|raft| {
            raft.hard_state.voted_for = Some(NodeId::of(vote));
            raft.role = Role::Candidate(Box::new(crate::role::Campaign {
                token: Token { incarnation: 1, number: 1 },
                granted: Default::default(),
                refused: Default::default(),
                asked: true,
                transfer: false,
            }));
        })
    };
    assert_eq!((candidate(1), candidate(2)), (Ok(()), role));
}

#[test]
fn what_a_leader_thinks_of_others_is_looked_at() {
    let peer = Err(Violation::Peer);
    assert_eq!(broken(|raft| memory(raft).peers.swap(0, 1)), peer);
    let twice = |raft: &mut Raft| {
        let peers = &mut memory(raft).peers;
        peers[1] = peers[0].clone();
    };
    assert_eq!(broken(twice), peer);
    let last = |raft: &Raft| raft.log.last().index;
    let of_first = |change: &dyn Fn(&mut crate::peer::Peer, u64)| {
        broken(|raft| {
            let last = last(raft);
            change(&mut memory(raft).peers[0], last);
        })
    };
    assert_eq!(of_first(&|peer, last| peer.next_index = last + 1), Ok(()));
    assert_eq!(of_first(&|peer, last| peer.next_index = last + 2), peer);
    assert_eq!(of_first(&|peer, _| peer.match_index = peer.next_index - 1), Ok(()));
    assert_eq!(of_first(&|peer, _| peer.match_index = peer.next_index), peer);
    assert_eq!(of_first(&|peer, _| peer.round = u64::MAX), peer);
    assert_eq!(of_first(&|peer, _| peer.lease_contact = peer.contact + 1), peer);
    assert_eq!(of_first(&|peer, _| peer.seat = Default::default()), peer);
    assert_eq!(broken(|raft| memory(raft).seat = Default::default()), peer);
}

#[test]
fn what_is_under_way_is_counted_again() {
    let wrong = Err(Violation::Accounting);
    assert_eq!(broken(|raft| memory(raft).uncommitted_bytes += 1), wrong);
    assert_eq!(broken(|raft| raft.unapplied_bytes += 1), wrong);
    let reading = |through: u64, purpose: Purpose| {
        broken(|raft| {
            let mut out = alloc::vec::Vec::new();
            raft.commit = 1;
            raft.log_reads.clear();
            raft.read_log(1, 1, 100, purpose, &mut out);
            raft.log_reads.iter_mut().for_each(|read| read.through = through);
            if !matches!(purpose, Purpose::Apply) {
                raft.become_follower(2, None, &mut out);
            }
        })
    };
    assert_eq!(reading(1, Purpose::Apply), Ok(()));
    assert_eq!(reading(2, Purpose::Apply), wrong);
    assert_eq!(reading(1, Purpose::Peer(NodeId::of(2))), Ok(()), "given up with the leadership");
    let halted = |raft: &mut Raft| {
        raft.unapplied_bytes += 1;
        raft.halted = true;
    };
    assert_eq!(broken(halted), Ok(()), "a node that halted is left as it was");
}
