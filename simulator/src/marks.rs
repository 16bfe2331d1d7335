//! What has been reached: facts seen from outside, so that a batch of runs that never met the
//! situations it is meant to test is not taken for a pass.

mod required;

pub use required::Required;

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

macro_rules! marks {
    ($($(#[doc = $doc:literal])* $name:ident,)*) => {
        /// Something worth reaching.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Mark {
            $($(#[doc = $doc])* $name,)*
        }

        impl Mark {
            /// All marks.
            pub const ALL: &[Mark] = &[$(Mark::$name,)*];
        }
    };
}

marks! {
    /// Several writes became one group commit.
    GroupCommit,
    /// Several commands were proposed as one batch.
    BatchProposed,
    /// A disk was asked to remove entries that conflict with the leader's.
    ConflictTruncation,
    /// Entries that had left memory were read back from the log.
    LogReadBack,
    /// A client learnt that another leader's entry took the place of its own.
    ProposalReplaced,
    /// A client could not learn what became of its write.
    OutcomeUnknown,
    /// A confirmed read waited for its entry to be applied.
    ReadWaitedForApply,
    /// A read was refused since no quorum confirmed the leader.
    ReadWithoutQuorum,
    /// A leader crashed after it had sent entries to some followers and not to others.
    LeaderCrashedMidBroadcast,
    /// A node crashed while its disk was writing.
    CrashedWhileWriting,
    /// A node stopped within a write to a file.
    StoppedInWrite,
    /// A node stopped within a sync.
    StoppedInSync,
    /// A node stopped within a change of the directory.
    StoppedInDirectory,
    /// A node stopped while it opened its log.
    StoppedInOpen,
    /// A process was killed with unsynced data in the page cache.
    KilledUnsynced,
    /// A power loss took sectors that were written and not synced.
    UnsyncedLost,
    /// A power loss took what a process that was killed before had left in the page cache.
    LostAfterKill,
    /// A machine lost its power while its process was down.
    PowerLostWhileDown,
    /// A completion of an earlier life's write was dropped.
    StaleCompletion,
    /// A power loss kept some unsynced sectors of a file and lost others.
    TornTail,
    /// A power loss brought an earlier unsynced version of a sector back.
    OlderSector,
    /// A power loss undid changes of the directory.
    DirectoryLost,
    /// The log began another segment.
    SegmentRotated,
    /// Opening a log met a torn batch.
    TornBatchMet,
    /// Opening a log wrote the last batch again.
    LastBatchRewritten,
    /// The log removed a file.
    FileRemoved,
    /// A write that nobody was told of was found after a crash.
    UntoldWriteRecovered,
    /// Of a group commit under way a part was found after a crash.
    PartOfGroupRecovered,
    /// A group commit under way was lost in a crash.
    GroupLost,
    /// A copy of a disk lost its power right after a write, and held all that was reported.
    DiskProbed,
    /// A disk failed in a write.
    FailedWrite,
    /// A disk failed in a sync.
    FailedSync,
    /// A disk stalled.
    DiskStalled,
    /// A process stood still.
    Paused,
    /// All nodes were down at once.
    AllDown,
    /// A leader was replaced while it was up.
    LeaderDeposed,
    /// A candidacy ended without a leader.
    ElectionFailed,
    /// A partition blocked a message.
    PartitionBlocked,
    /// A partition blocked a message, though not those of the other direction.
    OneWayBlocked,
    /// A fault made a message take longer.
    LinkSlowed,
    /// A message was lost.
    MessageLost,
    /// A message arrived twice.
    MessageRepeated,
    /// A message overtook another.
    MessageOvertook,
    /// A message of an earlier life of its sender arrived.
    OldLifeMessage,
    /// A clock drifted.
    ClockDrifted,
    /// A clock stepped back.
    ClockSteppedBack,
    /// A clock leapt forwards.
    ClockLeapt,
    /// A clock stood.
    ClockFroze,
    /// An event waited for a process whose steps take long.
    StepSlowed,
    /// A partition for messages of some kinds blocked one.
    KindBlocked,
    /// A partition that comes and goes went.
    PartitionFlapped,
    /// A message was kept, to arrive later with others.
    MessageHeld,
    /// A message was lost since its link was full.
    LinkFull,
    /// A message was corrupted on its way, and its frame showed that.
    CorruptionRefused,
    /// A message that was sent before came once more, much later.
    MessageReplayed,
    /// One of an earlier term did.
    OldTermReplayed,
    /// One did whose sender or receiver has started again meanwhile.
    ReplayedAcrossRestart,
    /// A node was cut off in the middle of what it did.
    CutOnEvent,
    /// A fault struck on an event.
    FaultOnEvent,
    /// A node took a snapshot of its state machine.
    SnapshotTaken,
    /// A log let entries go that a snapshot covers.
    LogCompacted,
    /// A part of a snapshot arrived.
    SnapshotPart,
    /// A snapshot that was cut off went on where it had ended.
    SnapshotResumed,
    /// A node crashed between keeping another node's snapshot and telling its core.
    CrashedBeforeReceived,
    /// A state machine was put in place of another by a snapshot of another node.
    SnapshotInstalled,
    /// A node started again from a snapshot.
    StartedFromSnapshot,
    /// A received snapshot was of no use.
    SnapshotDiscarded,
    /// A node's own snapshot was overtaken by one of another node.
    SnapshotsCrossed,
    /// A damaged state machine got its snapshot.
    DamageMended,
    /// A group went from one set of voters to another by way of both.
    JointEntered,
    /// A change of members was committed and told.
    MembersChanged,
    /// A change of members was refused since another one was under way.
    ChangeWhileChanging,
    /// A learner was promoted since it had caught up.
    LearnerPromoted,
    /// A node that was not of the founders became a voter.
    SpareJoined,
    /// A leader that was no member any more stepped down.
    RemovedLeaderWent,
    /// A node crashed while a group was between two sets of voters.
    CrashedInJoint,
    /// The leadership was handed over as asked.
    Transferred,
    /// A transfer was not done in time.
    TransferTimedOut,
    /// A read was answered in the step in which it came, on a lease.
    LeaseRead,
    /// A read through a follower was answered.
    FollowerRead,
    /// A read was answered outside the core, on a published lease.
    PublishedRead,
    /// A leader whose disk hung stepped down.
    StalledLeaderWent,
    /// A group came back while the disk of one of its voters hung.
    WentOnWithoutDisk,
    /// A group fell silent.
    Quiesced,
    /// A node stopped as asked.
    Stopped,
    /// A proposal was refused as the disk was nearly full.
    NoSpace,
    /// A transport said that a peer is not reachable.
    Unreachable,
    /// A driver made several of its core's writes one job.
    WritesJoined,
    /// A driver could not tell what became of a proposal, as a snapshot covered its place.
    ProposalCovered,
    /// A driver found that a snapshot to be installed was gone, as a newer one had come.
    InstallGone,
    /// A driver left entries out, as they follow a snapshot that was gone.
    EntriesSkipped,
    /// A driver was to read entries back that were discarded meanwhile.
    ReadDiscarded,
    /// A disk failed in a read.
    FailedRead,
    /// A change found no room on the disk.
    DiskFull,
    /// A disk took longer than it should.
    DiskSlowed,
    /// Synced bytes rotted.
    Rotted,
    /// A synced sector could not be read any more.
    SectorUnreadable,
    /// A write that was acknowledged turned out not to be there.
    WriteAstray,
    /// A log refused to open, as something synced was damaged.
    DamageRefused,
    /// A running node found that something synced was damaged, and halted.
    DamageHalted,
    /// A snapshot on a damaged disk was of no use to another node, which refused it or got nothing.
    DamagedSnapshotRefused,
    /// A machine was lost with its disk.
    MachineLost,
    /// A machine was started to take the place of one that was gone for good.
    ReplacementStarted,
    /// A machine that took the place of another became a voter.
    MachineReplaced,
    /// A client appended to a list as it had seen it.
    ListGrown,
    /// Too many nodes were gone for good, and the group stood still.
    QuorumLost,
    /// A quorum was left, but nobody in it whom the others could elect, and the group stood still.
    NobodyElectable,
    /// A disk forgot without a trace what it had synced.
    Forgot,
    /// A group fell apart after a disk had forgotten.
    Diverged,
    /// A node halted since it had seen two histories, after a disk had forgotten.
    ContradictionHalted,
    /// Messages were late by a fault that concerns their kind.
    KindLate,
    /// A node crashed while it wrote a new term or vote to its disk.
    CrashedSavingTerm,
    /// After the faults everyone came to hold and apply the same without a new write.
    CameToRest,
    /// After the faults a group went on though some links stayed cut.
    WentOnPartlyHealed,
    /// A transaction found what it asked for, and did several things.
    TxnDone,
    /// A transaction did not find what it asked for.
    TxnRefused,
    /// A write of a session that was tried again got its first answer.
    AnsweredAgain,
    /// A lease was kept alive.
    LeaseKept,
    /// A lease ran out.
    LeaseExpired,
    /// A key was gone with its lease, which ran out.
    KeyExpired,
    /// The end of leases came into the log too late to count.
    ExpiryStale,
    /// A watch was told of changes.
    WatchTold,
    /// A watch was cancelled, and taken up behind what it had been told.
    WatchTakenUp,
    /// A watch was told that a compaction had passed it.
    WatchCompacted,
    /// A watch was cancelled by its node, since a compaction had passed the place to which it had read.
    WatchCancelled,
    /// A client whose watch was lost read the keys anew, and watched on from there.
    WatchReadAnew,
    /// A put was refused, as the state was as large as it may be.
    QuotaReached,
    /// Puts were taken again, as there was space.
    QuotaFreed,
    /// A client took a lock.
    LockTaken,
    /// A store turned a write away, since another client had the lock by then.
    HolderFenced,
}

const COUNT: usize = Mark::ALL.len();

/// How often each mark was reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marks {
    counts: [u64; COUNT],
}

impl Default for Marks {
    fn default() -> Marks {
        Marks { counts: [0; COUNT] }
    }
}

impl Marks {
    /// Reached once more.
    pub fn reach(&mut self, mark: Mark) {
        self.counts[mark as usize] += 1;
    }

    /// Reached this many times more.
    pub fn add(&mut self, mark: Mark, times: u64) {
        self.counts[mark as usize] += times;
    }

    /// How often it was reached.
    pub fn count(&self, mark: Mark) -> u64 {
        self.counts[mark as usize]
    }

    /// Adds what another run reached.
    pub fn merge(&mut self, other: &Marks) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count = count.saturating_add(more);
        }
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, out)
    }
}

/// As a map from names to how often each was reached; without those that were not.
impl Serialize for Marks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reached = Mark::ALL.iter().filter(|mark| self.count(**mark) > 0);
        serializer.collect_map(reached.map(|mark| (mark.to_string(), self.count(*mark))))
    }
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Marks, D::Error> {
        let mut marks = Marks::default();
        for (name, count) in BTreeMap::<String, u64>::deserialize(deserializer)? {
            let mark = Mark::ALL.iter().find(|mark| mark.to_string() == name);
            let mark = mark.ok_or_else(|| D::Error::custom(format!("no mark '{name}'")))?;
            marks.add(*mark, count);
        }
        Ok(marks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::Profile;

    #[test]
    fn a_batch_that_reached_all_but_one_mark_misses_that_one() {
        let mut marks = Marks::default();
        let rest = Mark::ALL.iter().filter(|mark| **mark != Mark::TornBatchMet);
        rest.for_each(|mark| marks.reach(*mark));
        assert_eq!(marks.missing(Profile::Swarm), [Mark::TornBatchMet]);
        let mut other = Marks::default();
        other.add(Mark::TornBatchMet, 0);
        marks.merge(&other);
        assert_eq!(marks.missing(Profile::Swarm), [Mark::TornBatchMet], "none more is none");
        other.reach(Mark::TornBatchMet);
        marks.merge(&other);
        assert!(marks.missing(Profile::Swarm).is_empty());
    }
}
