//! How each scenario is driven, the same for every system, and what is checked after it.

use std::{
    mem::ManuallyDrop,
    time::{Duration, Instant},
};

use crate::{
    allocator::{Allocated, allocated, live_bytes},
    arguments::{Arguments, Scenario},
    group::Group,
    machine::Machine,
};

/// Commands that are committed before anything is measured; their payloads are hashed on every
/// node.
const WARM_UP_ENTRIES: u64 = 4096;
/// Entries that each truncation removes.
const TRUNCATED_ENTRIES: u64 = 10_000;
/// The node that goes away: never the leader.
const AWAY: usize = 2;

/// What a repetition cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// How many units were measured.
    pub units: u64,
    /// How long they took together.
    pub elapsed: Duration,
    /// What they asked the allocator for together.
    pub allocated: Allocated,
}

impl Measured {
    fn add(&mut self, units: u64, work: impl FnOnce()) {
        let before = allocated();
        let start = Instant::now();
        work();
        self.elapsed += start.elapsed();
        let after = allocated();
        self.units += units;
        self.allocated.count += after.count - before.count;
        self.allocated.bytes += after.bytes - before.bytes;
    }
}

/// Runs one repetition with a group of its own.
pub fn run<G: Group>(arguments: &Arguments) -> Measured {
    match arguments.scenario {
        Scenario::Commit => commit::<G>(arguments),
        Scenario::Heartbeat => heartbeat::<G>(arguments),
        Scenario::Read => read::<G>(arguments),
        Scenario::Election => election::<G>(arguments),
        Scenario::CatchUp => catch_up::<G>(arguments),
        Scenario::Truncation => truncation::<G>(arguments),
        Scenario::Compaction => compaction::<G>(arguments),
        Scenario::Memory => memory::<G>(arguments),
    }
}

fn commit<G: Group>(arguments: &Arguments) -> Measured {
    let mut group = warm_group::<G>(arguments);
    let before = agreed(&mut *group).count();
    let rounds = arguments.entries.div_ceil(arguments.batch as u64);
    let entries = rounds * arguments.batch as u64;
    let mut measured = Measured::default();
    measured.add(entries, || {
        for _ in 0..rounds {
            group.propose(arguments.batch);
        }
        group.settle();
    });
    assert_eq!(agreed(&mut *group).count() - before, entries, "each entry is applied once");
    measured
}

fn heartbeat<G: Group>(arguments: &Arguments) -> Measured {
    let mut group = warm_group::<G>(arguments);
    let before = group.delivered();
    let mut measured = Measured::default();
    measured.add(arguments.entries, || {
        for _ in 0..arguments.entries {
            group.heartbeat();
        }
    });
    let followers = arguments.nodes as u64 - 1;
    let least = 2 * followers * arguments.entries;
    assert!(group.delivered() - before >= least, "every follower is asked and answers");
    measured
}

fn read<G: Group>(arguments: &Arguments) -> Measured {
    let mut group = warm_group::<G>(arguments);
    let rounds = arguments.entries.div_ceil(arguments.batch as u64);
    let mut answered = 0;
    let mut measured = Measured::default();
    measured.add(rounds * arguments.batch as u64, || {
        for _ in 0..rounds {
            answered += group.read(arguments.batch) as u64;
        }
    });
    assert_eq!(answered, measured.units, "every read is answered");
    measured
}

fn election<G: Group>(arguments: &Arguments) -> Measured {
    let mut group = warm_group::<G>(arguments);
    let mut measured = Measured::default();
    measured.add(arguments.entries, || {
        for number in 1..=arguments.entries {
            group.elect((number % arguments.nodes as u64) as usize);
        }
    });
    group.settle();
    agreed(&mut *group);
    measured
}

fn catch_up<G: Group>(arguments: &Arguments) -> Measured {
    let mut group = warm_group::<G>(arguments);
    let before = agreed(&mut *group).count();
    group.cut_off(AWAY, true);
    fill(&mut *group, arguments.entries, arguments.batch);
    group.cut_off(AWAY, false);
    let mut measured = Measured::default();
    measured.add(arguments.entries, || {
        group.rejoin(AWAY);
        group.settle();
    });
    assert!(agreed(&mut *group).count() - before >= arguments.entries, "all that was missed");
    measured
}

fn truncation<G: Group>(arguments: &Arguments) -> Measured {
    let mut group = warm_group::<G>(arguments);
    let mut measured = Measured::default();
    for number in 0..arguments.entries {
        let deposed = (number % arguments.nodes as u64) as usize;
        let successor = (deposed + 1) % arguments.nodes;
        group.cut_off(deposed, true);
        fill(&mut *group, TRUNCATED_ENTRIES, arguments.batch);
        group.elect(successor);
        group.propose(1);
        group.settle();
        group.cut_off(deposed, false);
        measured.add(1, || {
            group.rejoin(deposed);
            group.settle();
        });
        agreed(&mut *group);
    }
    measured
}

fn compaction<G: Group>(arguments: &Arguments) -> Measured {
    let mut group = warm_group::<G>(arguments);
    fill(&mut *group, arguments.entries, arguments.batch);
    group.settle();
    agreed(&mut *group);
    let mut measured = Measured::default();
    // Each node drops them: a unit is one entry of one node.
    measured.add(arguments.entries * arguments.nodes as u64, || group.compact());
    group.propose(1);
    group.settle();
    agreed(&mut *group);
    measured
}

/// The only number that counts here is the bytes in use for each follower.
fn memory<G: Group>(arguments: &Arguments) -> Measured {
    let groups = arguments.entries as usize;
    let before = live_bytes();
    let mut followers = Vec::with_capacity(groups);
    let start = Instant::now();
    for _ in 0..groups {
        let mut group = G::start(arguments);
        group.settle();
        followers.push(group.into_follower());
    }
    let elapsed = start.elapsed();
    let bytes = live_bytes() - before;
    drop(followers);
    Measured { units: arguments.entries, elapsed, allocated: Allocated { count: 0, bytes } }
}

/// A group that has committed some entries, hashed and found equal on every node. It is never
/// dropped: counts of instructions take in the whole program, and its end is no part of any
/// scenario.
fn warm_group<G: Group>(arguments: &Arguments) -> ManuallyDrop<G> {
    let mut group = ManuallyDrop::new(G::start(arguments));
    group.visit_machines(&mut |machine| machine.set_hashing(true));
    let before = agreed(&mut *group).count();
    let rounds = WARM_UP_ENTRIES.div_ceil(arguments.batch as u64);
    for _ in 0..rounds {
        group.propose(arguments.batch);
    }
    group.settle();
    let applied = agreed(&mut *group).count() - before;
    assert_eq!(applied, rounds * arguments.batch as u64, "each entry is applied once");
    group.visit_machines(&mut |machine| machine.set_hashing(false));
    group
}

/// Proposes `entries` commands, `batch` at a time.
fn fill<G: Group>(group: &mut G, entries: u64, batch: usize) {
    let mut left = entries as usize;
    while left > 0 {
        let batch = left.min(batch);
        group.propose(batch);
        left -= batch;
    }
}

/// The state that every node has applied.
fn agreed<G: Group>(group: &mut G) -> Machine {
    let mut first: Option<Machine> = None;
    group.visit_machines(&mut |machine| {
        let expected = first.get_or_insert_with(|| machine.clone());
        assert_eq!(machine, expected, "all nodes have applied the same");
    });
    first.expect("a group has a node")
}
