//! Role, term and leader are told when they change, and only then.

use crate::group::{Group, id};
use quorate_core::*;

fn changes(group: &mut Group, node: u64) -> Vec<(RoleKind, u64, Option<u64>)> {
    let notices = group.notices(node).into_iter();
    let changes = notices.filter_map(|notice| match notice {
        Action::RoleChanged { role, term, leader } => {
            Some((role, term, leader.map(|leader| leader.get())))
        }
        _ => None,
    });
    changes.collect()
}

#[test]
fn every_change_is_told_once() {
    let mut group = Group::new(3);
    (1..=3).for_each(|node| drop(changes(&mut group, node)));
    group.campaign(1);
    assert_eq!(changes(&mut group, 1), [(RoleKind::PreCandidate, 1, None)]);
    group.settle();
    let won = [(RoleKind::Candidate, 2, None), (RoleKind::Leader, 2, Some(1))];
    assert_eq!(changes(&mut group, 1), won);
    let follows = [(RoleKind::Follower, 2, None), (RoleKind::Follower, 2, Some(1))];
    assert_eq!(changes(&mut group, 2), follows);
    group.propose(1, "x");
    group.pass(200);
    (1..=3).filter(|node| *node != 2).for_each(|node| drop(changes(&mut group, node)));
    assert_eq!(changes(&mut group, 2), [], "nothing new");
    group.isolate(1);
    group.campaign(2);
    assert_eq!(changes(&mut group, 2), [(RoleKind::PreCandidate, 2, None)]);
    group.now += 1_000_000_000;
    group.step(1, Input::Tick);
    assert_eq!(changes(&mut group, 1), [(RoleKind::Follower, 2, None)]);
    let request = VoteRequest {
        last: LogId::new(9, 9),
        campaign: Token { incarnation: 1, number: 1 },
        transfer: false,
    };
    let message = Message { term: 9, body: Body::VoteRequest(request) };
    group.step(3, Input::Receive { from: id(2), message });
    assert_eq!(changes(&mut group, 3), [(RoleKind::Follower, 9, None)], "another term");
}

#[test]
fn a_candidate_stays_one_whoever_else_stands_in_its_term() {
    let mut group = Group::new(3);
    group.isolate(1);
    group.campaign(1);
    // The pre-vote of node 2 lets it stand.
    group.heal();
    while group.status(1).role != RoleKind::Candidate {
        assert!(group.deliver_one());
    }
    let term = group.status(1).term;
    let campaign = Token { incarnation: 1, number: 1 };
    let request = VoteRequest { last: LogId::new(9, 9), campaign, transfer: false };
    let message = Message { term, body: Body::VoteRequest(request) };
    group.step(1, Input::Receive { from: id(3), message });
    assert_eq!((group.status(1).role, group.status(1).term), (RoleKind::Candidate, term));
}
