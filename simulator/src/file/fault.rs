//! A fault as a table of a file.

use quorate_core::Nanos;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::{Wrong, check, words::Word};
use crate::{
    MAX_NODES,
    disk::Damage,
    plan::{Fault, MessageKind, Pattern, Planned, Split, Target, When, Wire, Wish},
    profile::Settings,
};

mod wire;

use wire::ways_of;

/// A disk that is slower than this does nothing within a run.
const TIMES_MAX: u64 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Kill,
    PowerLoss,
    KillThenPowerLoss,
    PowerLossInWrite,
    Pause,
    Partition,
    MessageLoss,
    MessageDelay,
    PartitionByMessage,
    FlappingPartition,
    MessageHold,
    MessageLag,
    BoundedLink,
    MessageReplay,
    MessageCorruption,
    SlowSteps,
    ClockDrift,
    ClockJump,
    ClockFreeze,
    DiskStall,
    DiskFailure,
    DiskReadFailure,
    DiskFull,
    DiskSlow,
    DiskDamage,
    DiskAmnesia,
    MachineLoss,
    DiskNearlyFull,
    MembershipChange,
    LeadershipTransfer,
    GracefulStop,
    Quiesce,
    Snapshot,
    StateMachineDamage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SplitKind {
    Isolate,
    Mute,
    Deafen,
    Halves,
    Bridge,
    Ring,
    Minority,
    Ways,
    Shun,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Change {
    AddLearner,
    AddLearnerAndPromote,
    AddVoter,
    Remove,
    RemoveLeader,
    Replace,
    SetVoters,
}

/// All that a fault can say; what it must say depends on its kind.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct RawFault {
    at: Option<Word<Nanos>>,
    on: Option<Word<Pattern>>,
    nth: Option<u64>,
    after: Option<Word<Nanos>>,
    kind: Spanned<Kind>,
    split: Option<SplitKind>,
    side: Option<Vec<u64>>,
    sides: Option<Vec<u64>>,
    messages: Option<Vec<Word<MessageKind>>>,
    period: Option<Word<Nanos>>,
    shuffled: Option<bool>,
    max_messages: Option<u64>,
    max_bytes: Option<u64>,
    count: Option<u64>,
    corrupt_ppm: Option<u64>,
    drop_ppm: Option<u64>,
    ppm: Option<i64>,
    by: Option<Word<i64>>,
    after_changes: Option<u64>,
    after_reads: Option<u64>,
    bytes_left: Option<u64>,
    times: Option<u64>,
    damage: Option<Damage>,
    change: Option<Change>,
    node: Option<u64>,
    old: Option<u64>,
    new: Option<u64>,
    max_lag: Option<u64>,
    voters: Option<Vec<u64>>,
    to: Option<u64>,
    target: Word<Target>,
    #[serde(default, skip_serializing_if = "is_zero")]
    duration: Word<Nanos>,
    #[serde(default, skip_serializing_if = "is_none")]
    again: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    chance: u64,
}

fn is_zero(time: &Word<Nanos>) -> bool {
    time.0 == 0
}

fn is_none(count: &u64) -> bool {
    *count == 0
}

fn list_of(mask: u64) -> Option<Vec<u64>> {
    Some((0..64).filter(|node| mask >> node & 1 == 1).collect())
}

fn mask_of(list: &[u64]) -> Result<u64, String> {
    list.iter().try_fold(0, |mask, node| match node {
        0..=63 => Ok(mask | 1 << node),
        64.. => Err(format!("there is no node {node}")),
    })
}

impl From<&Planned> for RawFault {
    fn from(planned: &Planned) -> RawFault {
        let mut raw = RawFault {
            at: None,
            on: None,
            nth: None,
            after: None,
            kind: Spanned::new(0..0, Kind::Kill),
            split: None,
            side: None,
            sides: None,
            messages: None,
            period: None,
            shuffled: None,
            max_messages: None,
            max_bytes: None,
            count: None,
            corrupt_ppm: None,
            drop_ppm: None,
            ppm: None,
            by: None,
            after_changes: None,
            after_reads: None,
            bytes_left: None,
            times: None,
            damage: None,
            change: None,
            node: None,
            old: None,
            new: None,
            max_lag: None,
            voters: None,
            to: None,
            target: Word(planned.target),
            duration: Word(planned.duration),
            again: planned.again,
            chance: planned.chance,
        };
        match planned.when {
            When::At(at) => raw.at = Some(Word(at)),
            When::On { after, pattern, nth } => {
                (raw.on, raw.nth) = (Some(Word(pattern)), Some(nth));
                raw.after = Some(Word(after));
            }
        }
        let kind = raw.describe(planned.fault);
        raw.kind = Spanned::new(0..0, kind);
        raw
    }
}

impl RawFault {
    /// Fills in what a fault has and gives its kind.
    fn describe(&mut self, fault: Fault) -> Kind {
        match fault {
            Fault::Kill => Kind::Kill,
            Fault::PowerLoss => Kind::PowerLoss,
            Fault::KillThenPowerLoss => Kind::KillThenPowerLoss,
            Fault::PowerLossInWrite { after } => {
                self.after_changes = Some(after);
                Kind::PowerLossInWrite
            }
            Fault::Pause => Kind::Pause,
            Fault::Partition(split) => {
                self.describe_split(split);
                Kind::Partition
            }
            Fault::Lossy { drop_ppm } => {
                self.drop_ppm = Some(drop_ppm);
                Kind::MessageLoss
            }
            Fault::Slow { by } => {
                self.by = Some(Word(by as i64));
                Kind::MessageDelay
            }
            Fault::Wire(wire) => self.describe_wire(wire),
            Fault::SlowSteps { by } => {
                self.by = Some(Word(by as i64));
                Kind::SlowSteps
            }
            Fault::FreezeClock => Kind::ClockFreeze,
            Fault::Drift { ppm } => {
                self.ppm = Some(ppm);
                Kind::ClockDrift
            }
            Fault::Jump { by } => {
                self.by = Some(Word(by));
                Kind::ClockJump
            }
            Fault::StallDisk => Kind::DiskStall,
            Fault::FailDisk { after } => {
                self.after_changes = Some(after);
                Kind::DiskFailure
            }
            Fault::FailRead { after } => (Kind::DiskReadFailure, self.after_reads = Some(after)).0,
            Fault::FullDisk { left } => (Kind::DiskFull, self.bytes_left = Some(left)).0,
            Fault::SlowDisk { times } => (Kind::DiskSlow, self.times = Some(times)).0,
            Fault::Damage(damage) => (Kind::DiskDamage, self.damage = Some(damage)).0,
            Fault::Amnesia => Kind::DiskAmnesia,
            Fault::LoseMachine => Kind::MachineLoss,
            Fault::LowSpace => Kind::DiskNearlyFull,
            Fault::Members(wish) => {
                self.describe_wish(wish);
                Kind::MembershipChange
            }
            Fault::Transfer(to) => {
                self.to = to;
                Kind::LeadershipTransfer
            }
            Fault::Stop => Kind::GracefulStop,
            Fault::Quiesce => Kind::Quiesce,
            Fault::Snapshot => Kind::Snapshot,
            Fault::DamagedMachine => Kind::StateMachineDamage,
        }
    }

    fn describe_split(&mut self, split: Split) {
        let (kind, side) = match split {
            Split::Isolate => (SplitKind::Isolate, None),
            Split::Mute => (SplitKind::Mute, None),
            Split::Deafen => (SplitKind::Deafen, None),
            Split::Halves(mask) => (SplitKind::Halves, list_of(mask)),
            Split::Bridge(mask) => (SplitKind::Bridge, list_of(mask)),
            Split::Ring => (SplitKind::Ring, None),
            Split::Minority(mask) => (SplitKind::Minority, list_of(mask)),
            Split::Shun(mask) => (SplitKind::Shun, list_of(mask)),
            Split::Ways(places) => {
                self.sides = Some((0..MAX_NODES).map(|node| places >> (2 * node) & 3).collect());
                (SplitKind::Ways, None)
            }
        };
        (self.split, self.side) = (Some(kind), side);
    }

    fn describe_wish(&mut self, wish: Wish) {
        let change = match wish {
            Wish::Learner(node) => (Change::AddLearner, self.node = Some(node)),
            Wish::Newcomer { node, max_lag } => {
                self.max_lag = Some(max_lag);
                (Change::AddLearnerAndPromote, self.node = Some(node))
            }
            Wish::Voter(node) => (Change::AddVoter, self.node = Some(node)),
            Wish::Remove(node) => (Change::Remove, self.node = Some(node)),
            Wish::RemoveLeader => (Change::RemoveLeader, ()),
            Wish::Replace { old, new } => {
                self.old = Some(old);
                (Change::Replace, self.new = Some(new))
            }
            Wish::Voters(mask) => (Change::SetVoters, self.voters = list_of(mask)),
        };
        self.change = Some(change.0);
    }

    /// The fault, with what is wrong about it.
    pub(super) fn planned(&self, settings: &Settings) -> Result<Planned, Wrong> {
        let at = self.kind.span();
        let planned = self.read().and_then(|planned| {
            check::fault(planned.fault, settings)?;
            Ok(planned)
        });
        let planned = planned.map_err(|message| Wrong { at: at.clone(), message })?;
        // Whatever the fault, written again, does not say is of no use in it.
        let own = RawFault::from(&planned).said();
        match self.said().into_iter().find(|name| !own.contains(name)) {
            None => Ok(planned),
            Some(name) => {
                let own: Vec<String> = own.iter().map(|name| format!("`{name}`")).collect();
                let own = own.join(", ");
                let message = format!("`{name}` does not belong to such a fault; it has {own}");
                Err(Wrong { at, message })
            }
        }
    }

    /// The names of what depends on the kind of fault.
    fn said(&self) -> Vec<&'static str> {
        let all = [
            ("at", self.at.is_some()),
            ("on", self.on.is_some()),
            ("nth", self.nth.is_some()),
            ("after", self.after.is_some()),
            ("split", self.split.is_some()),
            ("side", self.side.is_some()),
            ("sides", self.sides.is_some()),
            ("messages", self.messages.is_some()),
            ("period", self.period.is_some()),
            ("shuffled", self.shuffled.is_some()),
            ("max-messages", self.max_messages.is_some()),
            ("max-bytes", self.max_bytes.is_some()),
            ("count", self.count.is_some()),
            ("corrupt-ppm", self.corrupt_ppm.is_some()),
            ("drop-ppm", self.drop_ppm.is_some()),
            ("ppm", self.ppm.is_some()),
            ("by", self.by.is_some()),
            ("after-changes", self.after_changes.is_some()),
            ("after-reads", self.after_reads.is_some()),
            ("bytes-left", self.bytes_left.is_some()),
            ("times", self.times.is_some()),
            ("damage", self.damage.is_some()),
            ("change", self.change.is_some()),
            ("node", self.node.is_some()),
            ("old", self.old.is_some()),
            ("new", self.new.is_some()),
            ("max-lag", self.max_lag.is_some()),
            ("voters", self.voters.is_some()),
            ("to", self.to.is_some()),
        ];
        all.into_iter().filter(|(_, is_said)| *is_said).map(|(name, _)| name).collect()
    }

    fn read(&self) -> Result<Planned, String> {
        let when = match (self.at, self.on) {
            (Some(at), None) => When::At(at.0),
            (None, Some(pattern)) => {
                let after = self.after.unwrap_or_default().0;
                let pattern = pattern.0;
                When::On { after, pattern, nth: self.nth.unwrap_or(1).max(1) }
            }
            (Some(_), Some(_)) => return Err("a fault strikes `at` a time or `on` an event".into()),
            (None, None) => return Err("when? say `at` a time or `on` an event".into()),
        };
        Ok(Planned {
            when,
            fault: self.fault()?,
            target: self.target.0,
            duration: self.duration.0,
            again: self.again,
            chance: self.chance,
        })
    }

    fn fault(&self) -> Result<Fault, String> {
        Ok(match *self.kind.as_ref() {
            Kind::Kill => Fault::Kill,
            Kind::PowerLoss => Fault::PowerLoss,
            Kind::KillThenPowerLoss => Fault::KillThenPowerLoss,
            Kind::PowerLossInWrite => {
                Fault::PowerLossInWrite { after: needed("after-changes", self.after_changes)? }
            }
            Kind::Pause => Fault::Pause,
            Kind::Partition => Fault::Partition(self.read_split()?),
            Kind::MessageLoss => Fault::Lossy { drop_ppm: needed("drop-ppm", self.drop_ppm)? },
            Kind::MessageDelay => Fault::Slow { by: self.longer()? },
            Kind::PartitionByMessage => Fault::Wire(self.read_filter()?),
            Kind::FlappingPartition => Fault::Wire(self.read_flap()?),
            Kind::MessageHold => {
                Fault::Wire(Wire::Hold { shuffled: needed("shuffled", self.shuffled)? })
            }
            Kind::MessageLag => Fault::Wire(self.read_lag()?),
            Kind::BoundedLink => Fault::Wire(self.read_narrow()?),
            Kind::MessageReplay => Fault::Wire(self.read_replay()?),
            Kind::MessageCorruption => {
                Fault::Wire(Wire::Corrupt { ppm: needed("corrupt-ppm", self.corrupt_ppm)? })
            }
            Kind::SlowSteps => Fault::SlowSteps { by: self.longer()? },
            Kind::ClockFreeze => Fault::FreezeClock,
            Kind::ClockDrift => Fault::Drift { ppm: needed("ppm", self.ppm)? },
            Kind::ClockJump => Fault::Jump { by: needed("by", self.by)?.0 },
            Kind::DiskStall => Fault::StallDisk,
            Kind::DiskFailure => {
                Fault::FailDisk { after: needed("after-changes", self.after_changes)? }
            }
            Kind::DiskReadFailure => {
                Fault::FailRead { after: needed("after-reads", self.after_reads)? }
            }
            Kind::DiskFull => Fault::FullDisk { left: needed("bytes-left", self.bytes_left)? },
            Kind::DiskSlow => Fault::SlowDisk { times: self.read_times()? },
            Kind::DiskDamage => Fault::Damage(needed("damage", self.damage)?),
            Kind::DiskAmnesia => Fault::Amnesia,
            Kind::MachineLoss => Fault::LoseMachine,
            Kind::DiskNearlyFull => Fault::LowSpace,
            Kind::MembershipChange => Fault::Members(self.wish()?),
            Kind::LeadershipTransfer => Fault::Transfer(self.to),
            Kind::GracefulStop => Fault::Stop,
            Kind::Quiesce => Fault::Quiesce,
            Kind::Snapshot => Fault::Snapshot,
            Kind::StateMachineDamage => Fault::DamagedMachine,
        })
    }

    fn read_times(&self) -> Result<u64, String> {
        match needed("times", self.times)? {
            times @ 1..=TIMES_MAX => Ok(times),
            times => Err(format!("times is {times}: 1 to {TIMES_MAX} are possible")),
        }
    }

    fn longer(&self) -> Result<Nanos, String> {
        let by = needed("by", self.by)?.0;
        u64::try_from(by).map_err(|_| "`by` is negative".to_owned())
    }

    fn read_split(&self) -> Result<Split, String> {
        let side = || mask_of(&needed("side", self.side.clone())?);
        Ok(match needed("split", self.split)? {
            SplitKind::Isolate => Split::Isolate,
            SplitKind::Mute => Split::Mute,
            SplitKind::Deafen => Split::Deafen,
            SplitKind::Halves => Split::Halves(side()?),
            SplitKind::Bridge => Split::Bridge(side()?),
            SplitKind::Ring => Split::Ring,
            SplitKind::Minority => Split::Minority(side()?),
            SplitKind::Shun => Split::Shun(side()?),
            SplitKind::Ways => Split::Ways(ways_of(&needed("sides", self.sides.clone())?)?),
        })
    }

    fn wish(&self) -> Result<Wish, String> {
        let node = || needed("node", self.node);
        Ok(match needed("change", self.change)? {
            Change::AddLearner => Wish::Learner(node()?),
            Change::AddLearnerAndPromote => {
                Wish::Newcomer { node: node()?, max_lag: needed("max-lag", self.max_lag)? }
            }
            Change::AddVoter => Wish::Voter(node()?),
            Change::Remove => Wish::Remove(node()?),
            Change::RemoveLeader => Wish::RemoveLeader,
            Change::Replace => {
                Wish::Replace { old: needed("old", self.old)?, new: needed("new", self.new)? }
            }
            Change::SetVoters => Wish::Voters(mask_of(&needed("voters", self.voters.clone())?)?),
        })
    }
}

fn needed<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("such a fault needs `{name}`"))
}
