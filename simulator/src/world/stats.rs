//! What is counted in a run.

use quorate_core::Nanos;
use quorate_driver::DriverCounters;
use serde::{Deserialize, Serialize};

use crate::{
    disk::DiskCounters,
    marks::{Mark, Marks},
};

/// Counts of a run, or of many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Simulated time, in nanoseconds.
    #[serde(rename = "simulated_ns")]
    pub simulated: Nanos,
    /// Events taken from the queue.
    pub events: u64,
    /// Messages sent.
    pub messages: u64,
    /// Starts of a node after a crash.
    pub restarts: u64,
    /// Terms that had a leader.
    pub elections: u64,
    /// Entries committed.
    pub commits: u64,
    /// Faults that took effect.
    pub faults: u64,
    /// Operations that clients began.
    pub operations: u64,
    /// Operations that were answered.
    pub answered: u64,
    /// Searches for a linear order that were given up.
    pub searches_given_up: u64,
}

impl Stats {
    /// Adds another run's.
    pub fn merge(&mut self, other: &Stats) {
        self.simulated = self.simulated.saturating_add(other.simulated);
        self.events = self.events.saturating_add(other.events);
        self.messages = self.messages.saturating_add(other.messages);
        self.restarts = self.restarts.saturating_add(other.restarts);
        self.elections = self.elections.saturating_add(other.elections);
        self.commits = self.commits.saturating_add(other.commits);
        self.faults = self.faults.saturating_add(other.faults);
        self.operations = self.operations.saturating_add(other.operations);
        self.answered = self.answered.saturating_add(other.answered);
        self.searches_given_up = self.searches_given_up.saturating_add(other.searches_given_up);
    }
}

/// Marks what a driver did in one life.
pub(super) fn mark_driver(marks: &mut Marks, driver: DriverCounters) {
    let seen = [
        (Mark::WritesJoined, driver.joined_writes),
        (Mark::ProposalCovered, driver.covered_proposals),
        (Mark::InstallGone, driver.gone_installs),
        (Mark::EntriesSkipped, driver.skipped_entries),
        (Mark::ReadDiscarded, driver.discarded_reads),
    ];
    for (mark, times) in seen {
        marks.add(mark, times);
    }
}

/// Marks what a disk saw.
pub(super) fn mark_disk(marks: &mut Marks, disk: DiskCounters) {
    let seen = [
        (Mark::StoppedInWrite, disk.stops_in_write),
        (Mark::StoppedInSync, disk.stops_in_sync),
        (Mark::StoppedInDirectory, disk.stops_in_directory),
        (Mark::KilledUnsynced, disk.killed_unsynced),
        (Mark::TornTail, disk.torn),
        (Mark::UnsyncedLost, disk.lost_sectors),
        (Mark::LostAfterKill, disk.lost_after_kill),
        (Mark::OlderSector, disk.older_sectors),
        (Mark::DirectoryLost, disk.lost_dir_ops),
        (Mark::FileRemoved, disk.removes),
        (Mark::FailedWrite, disk.failed_writes),
        (Mark::FailedSync, disk.failed_syncs),
        (Mark::FailedRead, disk.failed_reads),
        (Mark::DiskFull, disk.full),
        (Mark::Rotted, disk.rotted),
        (Mark::SectorUnreadable, disk.unreadable),
        (Mark::WriteAstray, disk.astray),
    ];
    for (mark, times) in seen {
        marks.add(mark, times);
    }
}
