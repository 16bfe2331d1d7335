//! How often a driver took the ways that nobody sees from outside.

/// Counts of one life. A simulator that has never been on one of these ways has not tested it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DriverCounters {
    /// Group commits of more than one write.
    pub joined_writes: u64,
    /// Proposals whose entries a snapshot covered, so that their outcome is not known.
    pub covered_proposals: u64,
    /// Snapshots that were gone when they were to be installed, since a newer one had come.
    pub gone_installs: u64,
    /// Entries that were not applied by themselves, since the newer snapshot covers them.
    pub skipped_entries: u64,
    /// Entries that the core wanted back and that were discarded meanwhile.
    pub discarded_reads: u64,
}
