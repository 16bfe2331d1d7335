//! Random schedules of a few nodes: messages in any order, late, twice or never; disks that hang,
//! processes that die, power that fails. Safety holds at every step (paper, Figure 3), and once all is
//! well again the group goes on.

mod group;

use group::{Group, MS, id, watch::Watch};
use proptest::prelude::*;
use quorate_core::*;

/// One thing that happens; numbers choose among what there is.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Deliver(u8),
    Duplicate(u8),
    Drop(u8),
    Tick(u8),
    Pass(u8),
    Propose(u8),
    Read(u8),
    HoldWrites(u8),
    ReleaseWrites(u8),
    Crash(u8),
    Kill(u8),
    Restart(u8),
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    prop_oneof![
        20 => any::<u8>().prop_map(Deliver),
        2 => any::<u8>().prop_map(Duplicate),
        2 => any::<u8>().prop_map(Drop),
        3 => any::<u8>().prop_map(Tick),
        1 => (0..120u8).prop_map(Pass),
        3 => any::<u8>().prop_map(Propose),
        1 => any::<u8>().prop_map(Read),
        1 => any::<u8>().prop_map(HoldWrites),
        2 => any::<u8>().prop_map(ReleaseWrites),
        1 => any::<u8>().prop_map(Crash),
        1 => any::<u8>().prop_map(Kill),
        3 => any::<u8>().prop_map(Restart),
    ]
}

fn happen(group: &mut Group, what: Happening) {
    let size = group.members.len() as u64;
    let node = |number: u8| u64::from(number) % size + 1;
    match what {
        Happening::Deliver(number) => {
            if let Some((from, to, message)) = take(group, number, true) {
                group.step(to, Input::Receive { from: id(from), message });
            }
        }
        Happening::Duplicate(number) => {
            if let Some((from, to, message)) = take(group, number, false) {
                group.step(to, Input::Receive { from: id(from), message });
            }
        }
        Happening::Drop(number) => drop(take(group, number, true)),
        Happening::Tick(number) => {
            let node = node(number);
            if let Some(due) = group.raft(node).deadline() {
                group.now = group.now.max(due.0);
                group.step(node, Input::Tick);
            }
        }
        Happening::Pass(ms) => group.now += u64::from(ms) * MS,
        Happening::Propose(number) => drop(group.propose(node(number), "x")),
        Happening::Read(number) => group.read(node(number), u64::from(number)),
        Happening::HoldWrites(number) => group.hold_writes(node(number)),
        Happening::ReleaseWrites(number) => group.release_writes(node(number)),
        Happening::Crash(number) => {
            // What was sent may still arrive.
            let wire = group.wire.clone();
            group.crash(node(number));
            group.wire = wire;
        }
        Happening::Kill(number) => group.kill(node(number)),
        Happening::Restart(number) => restart(group, node(number)),
    }
}

fn take(group: &mut Group, number: u8, out: bool) -> Option<(u64, u64, Message)> {
    let place = usize::from(number) % group.wire.len().max(1);
    if out { group.wire.remove(place) } else { group.wire.get(place).cloned() }
}

/// A node that is down starts again; one that never wrote anything cannot have been down.
fn restart(group: &mut Group, node: u64) {
    let member = group.member(node);
    if !member.up && !member.disk.entries.is_empty() {
        group.restart(node);
    }
}

fn live_through(size: u64, shuffle: u64, schedule: &[Happening]) -> Result<(), TestCaseError> {
    let mut group = Group::new(size);
    group.shuffle = Some(shuffle);
    let mut watch = Watch::default();
    for what in schedule {
        happen(&mut group, *what);
        watch.look(&group).map_err(TestCaseError::fail)?;
    }
    for node in 1..=size {
        group.release_writes(node);
        restart(&mut group, node);
    }
    for _ in 0..20 {
        group.pass(100);
        watch.look(&group).map_err(TestCaseError::fail)?;
    }
    let leader = group.leader().ok_or_else(|| TestCaseError::fail("nobody leads"))?;
    group.propose(leader, "last");
    group.pass(100);
    watch.look(&group).map_err(TestCaseError::fail)?;
    let commits: Vec<Index> = (1..=size).map(|node| group.status(node).applied).collect();
    let last = group.status(leader).log.last().index;
    prop_assert_eq!(commits, vec![last; size as usize]);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn safety_holds_at_every_step_and_the_group_goes_on(
        size in 1..=5u64,
        shuffle in any::<u64>(),
        schedule in prop::collection::vec(happening(), 0..300),
    ) {
        live_through(size, shuffle, &schedule)?;
    }
}
