//! What a batch must reach, by profile: faults that never take effect test nothing.

use super::{Mark, Marks};
use crate::profile::Profile;

/// What a profile promises to meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Required {
    /// A batch of so many seeds must have reached all of them; a smaller one may be unlucky.
    pub from_seeds: u64,
    /// What.
    pub marks: Vec<Mark>,
}

/// What any run meets in which clients work and nothing breaks.
const CALM: [Mark; 4] =
    [Mark::GroupCommit, Mark::BatchProposed, Mark::ReadWaitedForApply, Mark::DiskProbed];

/// What scenes alone do, which this profile has not.
const SCENES: [Mark; 1] = [Mark::KindLate];

/// What a process that dies at any point leaves behind.
const CRASHES: [Mark; 13] = [
    Mark::CameToRest,
    Mark::WentOnPartlyHealed,
    Mark::CrashedSavingTerm,
    Mark::CrashedWhileWriting,
    Mark::KilledUnsynced,
    Mark::UnsyncedLost,
    Mark::TornTail,
    Mark::StoppedInWrite,
    Mark::StoppedInSync,
    Mark::StaleCompletion,
    Mark::UntoldWriteRecovered,
    Mark::LastBatchRewritten,
    Mark::LeaderDeposed,
];

const NETWORK: [Mark; 10] = [
    Mark::CameToRest,
    Mark::WentOnPartlyHealed,
    Mark::KindLate,
    Mark::PartitionBlocked,
    Mark::OneWayBlocked,
    Mark::MessageLost,
    Mark::MessageRepeated,
    Mark::MessageOvertook,
    Mark::CutOnEvent,
    Mark::LeaderDeposed,
];

const DISK: [Mark; 9] = [
    Mark::FailedWrite,
    Mark::FailedSync,
    Mark::DiskStalled,
    Mark::CrashedWhileWriting,
    Mark::SnapshotTaken,
    Mark::SnapshotInstalled,
    Mark::StartedFromSnapshot,
    Mark::StalledLeaderWent,
    Mark::WentOnWithoutDisk,
];

const MEMBERS: [Mark; 11] = [
    Mark::CameToRest,
    Mark::JointEntered,
    Mark::CrashedInJoint,
    Mark::MembersChanged,
    Mark::LearnerPromoted,
    Mark::SpareJoined,
    Mark::RemovedLeaderWent,
    Mark::ChangeWhileChanging,
    Mark::Transferred,
    Mark::SnapshotInstalled,
    Mark::PartitionBlocked,
];

const LEASES: [Mark; 7] = [
    Mark::KindLate,
    Mark::LeaseRead,
    Mark::PublishedRead,
    Mark::FollowerRead,
    Mark::ClockDrifted,
    Mark::Transferred,
    Mark::LeaderDeposed,
];

/// What the key-value machine can do beside single keys.
const KV: [Mark; 16] = [
    Mark::ListGrown,
    Mark::TxnDone,
    Mark::TxnRefused,
    Mark::AnsweredAgain,
    Mark::LeaseKept,
    Mark::LeaseExpired,
    Mark::KeyExpired,
    Mark::WatchTold,
    Mark::WatchTakenUp,
    Mark::WatchCompacted,
    Mark::WatchCancelled,
    Mark::WatchReadAnew,
    Mark::QuotaReached,
    Mark::QuotaFreed,
    Mark::LockTaken,
    Mark::SnapshotInstalled,
];

/// Damage that is noticed, and a machine that takes the place of another.
const DAMAGE: [Mark; 9] = [
    Mark::Rotted,
    Mark::SectorUnreadable,
    Mark::WriteAstray,
    Mark::FailedRead,
    Mark::DamageRefused,
    Mark::DamageHalted,
    Mark::MachineLost,
    Mark::ReplacementStarted,
    Mark::MachineReplaced,
];

/// That nodes stop aloud, and that a disk which forgets has an effect.
const BEYOND: [Mark; 4] =
    [Mark::DamageRefused, Mark::DamageHalted, Mark::QuorumLost, Mark::Diverged];

/// Within the model there is always a quorum, and no disk forgets without a trace.
const BEYOND_ONLY: [Mark; 4] =
    [Mark::QuorumLost, Mark::Forgot, Mark::Diverged, Mark::ContradictionHalted];

/// A log that never writes a sector twice before it syncs has no earlier versions of it; and one whose
/// group commits are one record never finds a part of one. And it takes a snapshot within the moment of
/// an install or of a read to bring a driver on these ways of its own; and a rotten snapshot, its node in
/// the lead, and somebody who lags that far, for it to be refused. A leader loses its office just when a
/// lease has run out, or a holder its lease just before it writes, in few runs; two snapshots cross in three of a
/// thousand, and a quorum without anybody whom it can elect is left in one of forty thousand.
const OPTIONAL: [Mark; 10] = [
    Mark::NobodyElectable,
    Mark::SnapshotsCrossed,
    Mark::ExpiryStale,
    Mark::HolderFenced,
    Mark::OlderSector,
    Mark::PartOfGroupRecovered,
    Mark::InstallGone,
    Mark::EntriesSkipped,
    Mark::ReadDiscarded,
    Mark::DamagedSnapshotRefused,
];

impl Profile {
    /// What a batch of this profile must reach, or it has not tested what it is for.
    pub fn required(self) -> Required {
        let (from_seeds, marks) = match self {
            Profile::Calm => (100, CALM.to_vec()),
            Profile::Swarm => {
                let spared = [OPTIONAL.as_slice(), &BEYOND_ONLY, &SCENES].concat();
                let is_due = |mark: &Mark| !spared.contains(mark);
                (500, Mark::ALL.iter().copied().filter(is_due).collect())
            }
            Profile::Crashes => (200, [CALM.as_slice(), &CRASHES].concat()),
            Profile::Network => (200, [CALM.as_slice(), &NETWORK].concat()),
            Profile::Disk => (200, [CALM.as_slice(), &DISK].concat()),
            Profile::Damage => (200, DAMAGE.to_vec()),
            Profile::BeyondModel => (100, BEYOND.to_vec()),
            Profile::Members => (200, [CALM.as_slice(), &MEMBERS].concat()),
            Profile::LeaseBroken => (200, CALM.to_vec()),
            Profile::Kv => (200, [CALM.as_slice(), &KV].concat()),
            Profile::Leases => (200, [CALM.as_slice(), &LEASES].concat()),
        };
        Required { from_seeds, marks }
    }
}

impl Marks {
    /// What a batch of this profile must reach and this one did not.
    pub fn missing(&self, profile: Profile) -> Vec<Mark> {
        let mut marks = profile.required().marks;
        marks.retain(|mark| self.count(*mark) == 0);
        marks
    }

    /// The same, where the batch is large enough to be judged; else nothing.
    pub fn missing_of(&self, profile: Profile, seeds: u64) -> Vec<Mark> {
        if seeds < profile.required().from_seeds { Vec::new() } else { self.missing(profile) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_requires_something_and_nothing_twice() {
        for profile in Profile::ALL {
            let Required { from_seeds, marks } = profile.required();
            assert!(from_seeds > 0 && !marks.is_empty(), "{profile:?}");
            let mut each = marks.clone();
            each.sort_unstable();
            each.dedup();
            assert_eq!(each.len(), marks.len(), "{profile:?}");
        }
    }

    #[test]
    fn a_batch_is_judged_from_its_profiles_number_of_seeds_on() {
        for profile in Profile::ALL {
            let required = profile.required();
            let mut marks = Marks::default();
            assert!(marks.missing_of(profile, required.from_seeds - 1).is_empty());
            assert_eq!(marks.missing_of(profile, required.from_seeds), required.marks);
            required.marks.iter().skip(1).for_each(|mark| marks.reach(*mark));
            assert_eq!(marks.missing_of(profile, required.from_seeds), required.marks[..1]);
        }
    }
}
