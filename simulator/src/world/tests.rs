//! What is judged at the end of a run, and beside it, is shown what must not be, and says so.

use quorate_core::{HardState, LogId, NodeId, RoleKind};

use super::{stages::SETTLED_TIMEOUTS, *};
use crate::{
    history::{Ask, Told},
    profile::MILLISECOND,
    system::Service,
};

/// A calm world of three nodes that has run to its end.
fn ended() -> World {
    let recipe = Recipe { profile: Profile::Calm, nodes: Some(3), time: SECOND, ..Recipe::new(3) };
    let mut world = World::new(recipe).unwrap();
    while world.step().unwrap() {}
    assert_eq!(world.finish(), Ok(()));
    world
}

#[test]
fn an_acknowledged_write_that_is_not_in_the_log() {
    let mut world = ended();
    let place = LogId::new(2, world.oracles.log.last_committed() + 1);
    world.acknowledged.push(place);
    assert_eq!(world.finish(), Err(Violation::AcknowledgedLost { place, found: None }));
    let mut world = ended();
    let place = LogId::new(9, 3);
    world.acknowledged.push(place);
    assert!(matches!(world.finish(), Err(Violation::AcknowledgedLost { found: Some(_), .. })));
}

#[test]
fn a_value_that_nobody_wrote() {
    let mut world = ended();
    let moment = world.moment;
    let history = &mut world.system.history;
    let operation = history.invoke(9, 1, Ask::Get, moment + 1);
    history.answer(operation, Told::Got(Some(77)), LogId::ZERO, moment + 2);
    assert!(matches!(world.finish(), Err(Violation::NotLinearizable { key: 1, .. })));
}

#[test]
fn a_state_machine_that_differs_at_the_end() {
    let mut world = ended();
    world.nodes[2].life.as_mut().unwrap().machine = Service::default();
    assert!(matches!(world.finish(), Err(Violation::MachinesDiffer { node: 2, .. })));
}

#[test]
fn a_group_that_does_not_come_back() {
    let recipe = Recipe { profile: Profile::Calm, nodes: Some(3), time: SECOND, ..Recipe::new(3) };
    let mut case = Case::new(recipe);
    case.settings.write_time = 3_600 * SECOND;
    let settings = case.settings;
    let mut world = World::of(case).unwrap();
    let end = loop {
        match world.step() {
            Ok(true) => {}
            other => break other,
        }
    };
    let timeouts = LIVENESS_TIMEOUTS;
    assert!(matches!(end, Err(Violation::Stuck { timeouts: found, .. }) if found == timeouts));
    let due = settings.fault_time + timeouts * settings.election_timeout;
    assert!((due..due + settings.election_timeout).contains(&world.now()));
}

#[test]
fn a_group_has_the_time_that_links_need_to_carry_its_log() {
    let mut world = ended();
    let entries = world.oracles.log.last_committed();
    world.longest_command = 2_000 - 64;
    world.settings.max_message_bytes = 1_000 * entries;
    world.settings.max_inflight_messages = 1;
    world.settings.link.delay = 3 * MILLISECOND;
    world.settings.link.spread = 2 * MILLISECOND;
    (world.settings.write_time, world.settings.write_spread) = (MILLISECOND, 0);
    world.settings.apply_spread = 0;
    // Two messages, each with its answer and a write; then each entry is applied.
    assert_eq!(world.work_left(), 2 * 11 * MILLISECOND + entries * MILLISECOND);
    world.nodes[1].life.as_mut().unwrap().view.commit -= 1;
    assert_eq!(world.work_left(), 2 * 11 * MILLISECOND);
    world.write_since_heal = false;
    assert_eq!(world.work_left(), 0);
}

#[test]
fn a_quorum_without_anybody_whom_it_can_elect() {
    let mut world = ended();
    world.nodes[0].life = None;
    assert!(world.can_elect(), "one of the others, if none leads yet");
    let mut set = |number: usize, last, members: &Configuration| {
        let life = world.nodes[number].life.as_mut().unwrap();
        (life.view.role, life.view.last) = (RoleKind::Follower, last);
        life.members = members.clone();
    };
    let all = Configuration::new([1, 2, 3].map(NodeId::of));
    let others = Configuration::new([1, 2].map(NodeId::of));
    set(1, LogId::new(2, 9), &all);
    // The newer log is of one who does not know yet that it votes.
    set(2, LogId::new(3, 5), &others);
    assert!(!world.can_elect());
    world.nodes[2].life.as_mut().unwrap().members = all;
    assert!(world.can_elect());
    world.nodes[1].life = None;
    assert!(!world.can_elect(), "no quorum");
}

#[test]
fn a_group_that_does_not_come_to_rest() {
    let mut world = ended();
    world.stage = Stage::Rest;
    assert_eq!(world.lacking(), Ok(None));
    world.nodes[1].life = None;
    assert!(world.lacking().unwrap().is_some(), "one has nothing any more");
}

#[test]
fn leaders_that_follow_each_other_while_some_links_are_cut() {
    let mut world = ended();
    let timeout = world.settings.election_timeout;
    let parted = |since| Stage::Parted(Default::default(), since);
    world.stage = parted(None);
    world.write_since_heal = true;
    assert!(world.lacking().unwrap().is_some(), "it is looked at for a while");
    let led = world.oracles.election.count();
    assert_eq!(world.stage, parted(Some((world.now, led))));
    world.now += SETTLED_TIMEOUTS * timeout;
    assert_eq!(world.lacking(), Ok(None));
    for term in 100..105 {
        assert_eq!(world.oracles.election.leads(0, term), Ok(()));
    }
    let timeouts = SETTLED_TIMEOUTS;
    assert!(matches!(world.lacking(), Err(Violation::Stuck { timeouts: t, .. }) if t == timeouts));
}

#[test]
fn a_disk_that_lacks_what_was_reported_durable() {
    let world = ended();
    let probe = |mirror| life::probe(0, mirror, &world.nodes[0].disk, &world.settings, 7);
    assert_eq!(probe(&world.oracles.durable[0]), Ok(()));
    // What the disk never held: the log of a node that has only begun.
    let begun = World::new(Recipe::new(4)).unwrap();
    assert!(matches!(probe(&begun.oracles.durable[0]), Err(Violation::Recovered { .. })));
}

#[test]
fn a_node_that_starts_with_less_than_its_disk_held() {
    let state = |term, vote, promise| HardState { term, voted_for: NodeId::new(vote), promise };
    let judge = |found| life::starts_where_it_stood(0, state(4, 2, 50), found);
    assert_eq!(judge(state(4, 2, 50)), Ok(()));
    assert_eq!(judge(state(5, 1, 50)), Ok(()), "it campaigns at once");
    for less in [state(4, 0, 50), state(4, 1, 50), state(3, 2, 50), state(4, 2, 49)] {
        assert!(matches!(judge(less), Err(Violation::RestoredOther { .. })), "{less:?}");
    }
    assert_eq!(life::starts_where_it_stood(0, HardState::default(), state(1, 0, 0)), Ok(()));
}
