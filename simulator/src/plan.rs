//! The faults of a run, as data: a seed is expanded to a list, which is then executed.

use std::fmt;

use quorate_core::Nanos;

use crate::{
    choices::{Choices, Stream},
    profile::{MICROSECOND, MILLISECOND, Profile, SECOND, Settings},
};

/// Something that a node does, at which a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// It has granted a vote.
    VoteGranted,
    /// It has asked for votes.
    VoteAsked,
    /// It has become leader.
    BecameLeader,
    /// It has sent entries to one follower and not yet to the next.
    MidBroadcast,
    /// It has handed a write to its disk, which has not yet synced it.
    Writing,
    /// It has told its leader how far its log matches.
    Acknowledged,
    /// It has learnt that an entry is committed.
    Committed,
    /// It has just started again.
    Restarted,
}

impl Pattern {
    /// All patterns.
    pub const ALL: [Pattern; 8] = [
        Pattern::VoteGranted,
        Pattern::VoteAsked,
        Pattern::BecameLeader,
        Pattern::MidBroadcast,
        Pattern::Writing,
        Pattern::Acknowledged,
        Pattern::Committed,
        Pattern::Restarted,
    ];
}

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
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process is killed; its disk keeps what was written.
    Kill,
    /// The machine loses power; its disk keeps what was synced.
    PowerLoss,
    /// The process is killed; a little later the machine loses power, be the process up again or
    /// not: what only the page cache held is gone.
    KillThenPowerLoss,
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
    /// Every write that begins meanwhile takes until the end.
    StallDisk,
    /// One of the next changes of the disk fails; the node is started again after a while.
    FailDisk {
        /// How many changes succeed before.
        after: u64,
    },
}

impl Fault {
    /// Whether it ends a process.
    pub fn is_crash(&self) -> bool {
        match self {
            Fault::Kill | Fault::PowerLoss | Fault::KillThenPowerLoss => true,
            Fault::Pause
            | Fault::Partition(_)
            | Fault::Lossy { .. }
            | Fault::Slow { .. }
            | Fault::Drift { .. }
            | Fault::Jump { .. }
            | Fault::StallDisk
            | Fault::FailDisk { .. } => false,
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
}

/// All faults of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// In no order that matters.
    pub faults: Vec<Planned>,
}

const ON: Stream = Stream::Plan;

/// Draws a fault of one family within the time for faults.
type Draw = fn(&mut Choices, &Settings) -> Planned;

impl Plan {
    /// Draws the faults that `settings` allows.
    pub fn draw(choices: &mut Choices, profile: Profile, settings: &Settings) -> Plan {
        let mut plan = Plan::default();
        let on = settings.families;
        let busy = match profile {
            Profile::Calm => 0,
            Profile::Swarm => 1,
            Profile::Crashes | Profile::Network | Profile::Disk => 2,
        };
        let families: [(bool, u64, Draw); 7] = [
            (on.crashes, 6, crash),
            (on.triggers, 12, triggered_crash),
            (on.partitions, 8, partition),
            (on.cuts, 6, triggered_partition),
            (on.links, 4, link),
            (on.clocks, 6, clock),
            (on.pauses, 6, pause),
        ];
        for (enabled, most, draw) in families {
            let count = if enabled { choices.between(ON, 1, most * busy.max(1)) } else { 0 };
            plan.faults.extend((0..count).map(|_| draw(choices, settings)));
        }
        let relays = if on.partitions { choices.between(ON, 0, 3 * busy) } else { 0 };
        for _ in 0..relays {
            relay(choices, settings, &mut plan.faults);
        }
        if on.disks {
            let count = choices.between(ON, 1, 3 * busy.max(1));
            plan.faults.extend((0..count).map(|_| disk(choices, settings)));
        }
        plan
    }
}

fn time(choices: &mut Choices, settings: &Settings) -> Nanos {
    choices.draw(ON, settings.fault_time / MICROSECOND) * MICROSECOND
}

fn target(choices: &mut Choices) -> Target {
    match choices.draw(ON, 8) {
        0..=3 => Target::Node(choices.draw(ON, crate::MAX_NODES)),
        _ => Target::Leader,
    }
}

fn crash_kind(choices: &mut Choices) -> (Fault, Nanos, u64) {
    let fault = choices.pick(ON, &[Fault::Kill, Fault::PowerLoss, Fault::KillThenPowerLoss]);
    let down = choices.pick(ON, &[1, 20, 200, 1_500]) * MILLISECOND;
    let again = choices.pick(ON, &[0, 0, 0, 1, 4]);
    (fault, down + choices.draw(ON, down), again)
}

fn crash(choices: &mut Choices, settings: &Settings) -> Planned {
    let (fault, duration, again) = crash_kind(choices);
    let everyone = choices.draw(ON, 6) == 5;
    let target = if everyone { Target::Everyone } else { target(choices) };
    Planned { when: When::At(time(choices, settings)), fault, target, duration, again }
}

fn triggered_crash(choices: &mut Choices, settings: &Settings) -> Planned {
    let (fault, duration, again) = crash_kind(choices);
    let pattern = choices.pick(ON, &Pattern::ALL);
    let nth = choices.between(ON, 1, choices_of_nth(pattern));
    let everyone = choices.draw(ON, 10) == 9;
    let target = if everyone { Target::Everyone } else { Target::Cause };
    let when = When::On { after: time(choices, settings), pattern, nth };
    Planned { when, fault, target, duration, again }
}

/// Cuts off whoever did something, at the moment it did it: a leader that has just won, that has
/// sent to some, or that has just learnt of a commit.
fn triggered_partition(choices: &mut Choices, settings: &Settings) -> Planned {
    let pattern = choices.pick(
        ON,
        &[Pattern::BecameLeader, Pattern::MidBroadcast, Pattern::Committed, Pattern::VoteGranted],
    );
    let nth = choices.between(ON, 1, choices_of_nth(pattern));
    let split = choices.pick(ON, &[Split::Isolate, Split::Isolate, Split::Mute, Split::Deafen]);
    let when = When::On { after: time(choices, settings), pattern, nth };
    let duration = lasting(choices, settings);
    Planned { when, fault: Fault::Partition(split), target: Target::Cause, duration, again: 0 }
}

/// One leader after the other is cut off, each for long enough that the rest elects the next, and
/// each comes back about when that one goes: logs that parted meet without the one who would
/// reconcile them.
fn relay(choices: &mut Choices, settings: &Settings, faults: &mut Vec<Planned>) {
    let start = time(choices, settings);
    let [leaders, timeouts] = [(2, 5), (2, 4)].map(|(low, high)| choices.between(ON, low, high));
    let beat = settings.heartbeat_interval;
    let step = timeouts * settings.election_timeout + choices.draw(ON, settings.election_timeout);
    for number in 0..leaders {
        let early = choices.draw(ON, 2 * beat);
        let at = (start + number * step).saturating_sub(early);
        faults.push(Planned {
            when: When::At(at),
            fault: Fault::Partition(Split::Isolate),
            target: Target::Leader,
            duration: step,
            again: 0,
        });
    }
}

/// Frequent events are skipped a few more times than rare ones.
fn choices_of_nth(pattern: Pattern) -> u64 {
    match pattern {
        Pattern::VoteGranted | Pattern::VoteAsked | Pattern::BecameLeader | Pattern::Restarted => 3,
        Pattern::MidBroadcast | Pattern::Writing | Pattern::Acknowledged | Pattern::Committed => 40,
    }
}

fn partition(choices: &mut Choices, settings: &Settings) -> Planned {
    let mask = choices.draw(ON, 1 << crate::MAX_NODES);
    let splits = [
        Split::Isolate,
        Split::Halves(mask),
        Split::Mute,
        Split::Deafen,
        Split::Bridge(mask),
        Split::Ring,
    ];
    let fault = Fault::Partition(choices.pick(ON, &splits));
    let when = When::At(time(choices, settings));
    let duration = lasting(choices, settings);
    Planned { when, fault, target: target(choices), duration, again: 0 }
}

fn lasting(choices: &mut Choices, settings: &Settings) -> Nanos {
    let two_elections = 2 * settings.election_timeout / MILLISECOND;
    let scale = choices.pick(ON, &[50, 500, 3_000, two_elections]) * MILLISECOND;
    scale + choices.draw(ON, scale)
}

fn link(choices: &mut Choices, settings: &Settings) -> Planned {
    let drop_ppm = choices.between(ON, 50_000, 700_000);
    let by = choices.between(ON, 1, 300) * MILLISECOND;
    let fault = choices.pick(ON, &[Fault::Lossy { drop_ppm }, Fault::Slow { by }]);
    let when = When::At(time(choices, settings));
    let duration = lasting(choices, settings);
    Planned { when, fault, target: target(choices), duration, again: 0 }
}

fn clock(choices: &mut Choices, settings: &Settings) -> Planned {
    let limit = choices.pick(ON, &[100, 10_000, 200_000]);
    let ppm = choices.draw(ON, 2 * limit + 1) as i64 - limit as i64;
    let by = choices.draw(ON, 2_000 * MILLISECOND) as i64 - (1_000 * MILLISECOND) as i64;
    let fault = choices.pick(ON, &[Fault::Drift { ppm }, Fault::Drift { ppm }, Fault::Jump { by }]);
    let when = When::At(time(choices, settings));
    Planned { when, fault, target: target(choices), duration: 0, again: 0 }
}

fn pause(choices: &mut Choices, settings: &Settings) -> Planned {
    let when = When::At(time(choices, settings));
    let duration = lasting(choices, settings);
    Planned { when, fault: Fault::Pause, target: target(choices), duration, again: 0 }
}

fn disk(choices: &mut Choices, settings: &Settings) -> Planned {
    let after = choices.draw(ON, 12);
    let fault = choices.pick(ON, &[Fault::StallDisk, Fault::FailDisk { after }]);
    let when = When::At(time(choices, settings));
    let duration = lasting(choices, settings);
    Planned { when, fault, target: target(choices), duration, again: 0 }
}

/// Nanoseconds as seconds with six digits, without floating point.
pub(crate) fn seconds(time: Nanos) -> String {
    format!("{}.{:06}s", time / SECOND, time % SECOND / MICROSECOND)
}

impl fmt::Display for Planned {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::At(at) => write!(out, "at {}", seconds(at))?,
            When::On { after, pattern, nth } => {
                write!(out, "on {pattern:?} number {nth} after {}", seconds(after))?;
            }
        }
        write!(out, ": {:?} of {:?} for {}", self.fault, self.target, seconds(self.duration))?;
        if self.again > 0 {
            write!(out, ", {} times more", self.again)?;
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
        };
        assert_eq!(
            fault.to_string(),
            "on Writing number 3 after 1.500000s: PowerLoss of Cause for 0.020000s, 1 times more"
        );
    }
}
