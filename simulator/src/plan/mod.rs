//! The faults of a run, as data: a seed is expanded to a list, which is then executed.

mod broken;
mod draw;
mod events;
mod kinds;
mod links;
mod names;
mod operations;
mod pattern;
mod scenes;
mod storage;
mod wire;

use std::fmt;

use quorate_core::Nanos;

use crate::{
    disk::Damage,
    duration,
    profile::{MICROSECOND, SECOND},
    words::counted,
};

pub use kinds::{Kinds, MessageKind};
pub use pattern::Pattern;
pub use wire::{SHORTEST_PERIOD, Wire};

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this time.
    At(Nanos),
    /// The `nth` time from `after` on that any node does this; counted from 1.
    On {
        /// Not before.
        after: Nanos,
        /// What is waited for.
        pattern: Pattern,
        /// Which time.
        nth: u64,
    },
}

/// Whom a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// This node, counted from 0, modulo the number of nodes.
    Node(u64),
    /// Whoever leads the newest term; node 0 where none does.
    Leader,
    /// Whoever did what the fault waited for; the leader where it waited for nothing.
    Cause,
    /// Every node.
    Everyone,
}

/// How the network is split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// The target can neither send nor receive.
    Isolate,
    /// The target can receive, but not send.
    Mute,
    /// The target can send, but not receive.
    Deafen,
    /// Two halves: the bit of a node says in which it is.
    Halves(u64),
    /// Two halves that only the target connects.
    Bridge(u64),
    /// Nodes hear only the next one and the one before.
    Ring,
    /// The target and those whose bit is set are cut off together, as far as they are fewer than
    /// half.
    Minority(u64),
    /// Up to four sides: two bits of a node say in which it is, node 0's the lowest.
    Ways(u64),
    /// The target and those whose bit is set do not reach each other; all else does.
    Shun(u64),
}

/// A wish for other members. Nodes count from 0, modulo the number of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// This node gets the log without a vote, and is promoted by somebody's wish.
    Learner(u64),
    /// This node gets the log, and a vote once it lags by at most so many entries.
    Newcomer {
        /// Who.
        node: u64,
        /// Entries.
        max_lag: u64,
    },
    /// This node votes.
    Voter(u64),
    /// This node is no member any more.
    Remove(u64),
    /// The leader is no member any more.
    RemoveLeader,
    /// One comes, another one goes, in one change.
    Replace {
        /// Who goes.
        old: u64,
        /// Who comes.
        new: u64,
    },
    /// These nodes vote, one bit each, and nobody else.
    Voters(u64),
}

/// What goes wrong, or what somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed; its disk keeps what was written.
    Kill,
    /// The machine loses power; its disk keeps what was synced.
    PowerLoss,
    /// The process is killed; a little later the machine loses power, be the process up again or
    /// not: what only the page cache held is gone.
    KillThenPowerLoss,
    /// The machine loses power once its disk has made so many changes of the write that is under
    /// way: writes, syncs and changes of the directory each count.
    PowerLossInWrite {
        /// How many changes are made.
        after: u64,
    },
    /// The process stands still.
    Pause,
    /// The network is split.
    Partition(Split),
    /// The links to and from the target lose this many messages in a million.
    Lossy {
        /// Messages lost, in a million.
        drop_ppm: u64,
    },
    /// Messages to and from the target take this much longer.
    Slow {
        /// How much longer.
        by: Nanos,
    },
    /// Messages suffer otherwise.
    Wire(Wire),
    /// Each step of the process takes this long.
    SlowSteps {
        /// How long.
        by: Nanos,
    },
    /// The clock is off by this many parts in a million.
    Drift {
        /// Positive where it is fast.
        ppm: i64,
    },
    /// The clock leaps.
    Jump {
        /// Nanoseconds; negative where it steps back.
        by: i64,
    },
    /// The clock stands, and then goes on from where it stood.
    FreezeClock,
    /// Every write that begins meanwhile takes until the end.
    StallDisk,
    /// One of the next changes of the disk fails; the node is started again after a while.
    FailDisk {
        /// How many changes succeed before.
        after: u64,
    },
    /// One of the next reads of the disk fails; the node is started again after a while.
    FailRead {
        /// How many reads succeed before.
        after: u64,
    },
    /// The disk is full, but for so many bytes; a node that finds no room stops until there is
    /// some.
    FullDisk {
        /// How many bytes there is room for.
        left: u64,
    },
    /// Whatever the disk does takes so many times as long.
    SlowDisk {
        /// How many times.
        times: u64,
    },
    /// Something that the disk holds durably is damaged, and stays so. Where the atlas is kept,
    /// only if a quorum of undamaged disks is left.
    Damage(Damage),
    /// The machine is lost with its disk; another one takes its place, under a new id. Where the
    /// atlas is kept, only if a quorum is left.
    LoseMachine,
    /// The power fails at the end of the duration, and the disk forgets what was synced meanwhile;
    /// or all that was ever synced. The node goes on under its old id. Beyond every model.
    Amnesia,
    /// Somebody asks the target for other members.
    Members(Wish),
    /// Somebody asks the target to hand the leadership over: to this node, or to anyone.
    Transfer(Option<u64>),
    /// The process is asked to stop, and starts again after a while.
    Stop,
    /// The target falls silent where it may; everyone is woken at the end.
    Quiesce,
    /// The target takes a snapshot as soon as it can.
    Snapshot,
    /// The target's state machine is damaged, and its host asks for a snapshot.
    DamagedMachine,
    /// The target's disk is nearly full.
    LowSpace,
}

impl Fault {
    /// Whether a crash takes what is not synced with it, at once.
    pub fn loses_power(&self) -> bool {
        matches!(self, Fault::PowerLoss | Fault::PowerLossInWrite { .. })
    }

    /// Whether it ends a process.
    pub fn is_crash(&self) -> bool {
        match self {
            Fault::Kill
            | Fault::PowerLoss
            | Fault::KillThenPowerLoss
            | Fault::PowerLossInWrite { .. }
            | Fault::LoseMachine => true,
            Fault::Pause
            | Fault::Partition(_)
            | Fault::Lossy { .. }
            | Fault::Slow { .. }
            | Fault::Wire(_)
            | Fault::SlowSteps { .. }
            | Fault::Drift { .. }
            | Fault::Jump { .. }
            | Fault::FreezeClock
            | Fault::StallDisk
            | Fault::FailDisk { .. }
            | Fault::FailRead { .. }
            | Fault::FullDisk { .. }
            | Fault::SlowDisk { .. }
            | Fault::Damage(_)
            | Fault::Amnesia
            | Fault::Members(_)
            | Fault::Transfer(_)
            | Fault::Stop
            | Fault::Quiesce
            | Fault::Snapshot
            | Fault::DamagedMachine
            | Fault::LowSpace => false,
        }
    }
}

/// One fault of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Planned {
    /// When it strikes.
    pub when: When,
    /// What goes wrong.
    pub fault: Fault,
    /// For whom.
    pub target: Target,
    /// How long it lasts; for a crash, how long the node stays down.
    pub duration: Nanos,
    /// How many more times the node crashes soon after its start.
    pub again: u64,
    /// What decides how far a crash lets the disk get, and what it leaves of what is not synced; 0
    /// leaves everything.
    pub chance: u64,
}

/// All faults of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In no order that matters.
    pub faults: Vec<Planned>,
}

/// Nanoseconds as seconds with six digits, without floating point.
pub(crate) fn seconds(time: Nanos) -> String {
    format!("{}.{:06}s", time / SECOND, time % SECOND / MICROSECOND)
}

impl fmt::Display for Target {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Node(node) => write!(out, "node {node}"),
            Target::Leader => out.write_str("the leader"),
            Target::Cause => out.write_str("the cause"),
            Target::Everyone => out.write_str("everyone"),
        }
    }
}

impl fmt::Display for Planned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::At(at) => write!(out, "at {}", seconds(at))?,
            When::On { after, pattern, nth } => {
                write!(out, "on {pattern} number {nth} after {}", seconds(after))?;
            }
        }
        write!(out, ": {:?} of {}", self.fault, self.target)?;
        if self.duration > 0 {
            write!(out, " for {}", duration::write(self.duration))?;
        }
        if self.again > 0 {
            write!(out, ", {} more", counted(self.again, "time"))?;
        }
        Ok(())
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.faults.is_empty() {
            return writeln!(out, "  no faults");
        }
        self.faults.iter().try_for_each(|fault| writeln!(out, "  {fault}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        choices::Choices,
        profile::{MILLISECOND, Profile, Settings},
    };

    #[test]
    fn a_seed_always_gives_the_same_plan_and_a_calm_one_none() {
        let draw = |profile| {
            let mut choices = Choices::from_seed(11);
            let settings = Settings::draw(&mut choices, profile, None, 20 * SECOND);
            Plan::draw(&mut choices, profile, &settings)
        };
        assert_eq!(draw(Profile::Swarm), draw(Profile::Swarm));
        assert_eq!(draw(Profile::Calm), Plan::default());
        assert!(!draw(Profile::Crashes).faults.is_empty());
    }

    #[test]
    fn a_fault_is_told_in_a_line() {
        let fault = Planned {
            when: When::On { after: 1_500 * MILLISECOND, pattern: Pattern::Writing, nth: 3 },
            fault: Fault::PowerLoss,
            target: Target::Cause,
            duration: 20 * MILLISECOND,
            again: 1,
            chance: 0,
        };
        assert_eq!(
            fault.to_string(),
            "on between-write-and-fsync number 3 after 1.500000s: PowerLoss of the cause for 20ms, 1 time more"
        );
        let (when, target) = (When::At(SECOND), Target::Node(2));
        let drift = Planned { when, fault: Fault::Drift { ppm: 9 }, target, duration: 0, ..fault };
        let drift = Planned { again: 0, ..drift };
        assert_eq!(drift.to_string(), "at 1.000000s: Drift { ppm: 9 } of node 2");
    }
}
