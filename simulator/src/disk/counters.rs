//! What is counted on a disk.

/// What has been done on a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounters {
    /// Writes to files.
    pub writes: u64,
    /// Bytes written to files.
    pub written_bytes: u64,
    /// Files cut short.
    pub trims: u64,
    /// Syncs of files that had something to sync.
    pub syncs: u64,
    /// Syncs of the directory that had something to sync.
    pub dir_syncs: u64,
    /// Files created.
    pub creates: u64,
    /// Files renamed.
    pub renames: u64,
    /// Files removed.
    pub removes: u64,
    /// Times the process stopped within a write.
    pub stops_in_write: u64,
    /// Times the process stopped within a sync.
    pub stops_in_sync: u64,
    /// Times the process stopped within a change of the directory.
    pub stops_in_directory: u64,
    /// Writes that failed with an I/O error.
    pub failed_writes: u64,
    /// Syncs that failed with an I/O error.
    pub failed_syncs: u64,
    /// Pages that a failed sync took for clean and that were dropped later.
    pub dropped_pages: u64,
    /// Times the process was killed with unsynced data.
    pub killed_unsynced: u64,
    /// Sectors lost in power losses.
    pub lost_sectors: u64,
    /// Power losses that kept some sectors of a file and lost others.
    pub torn: u64,
    /// Sectors that fell back to an earlier unsynced version.
    pub older_sectors: u64,
    /// Operations on the directory lost in power losses.
    pub lost_dir_ops: u64,
    /// Power losses that took what an earlier process had left in the page cache.
    pub lost_after_kill: u64,
    /// Reads that failed with an I/O error.
    pub failed_reads: u64,
    /// Changes that found no room.
    pub full: u64,
    /// Times that synced bytes rotted.
    pub rotted: u64,
    /// Sectors that could not be read any more.
    pub unreadable: u64,
    /// Writes that were acknowledged and turned out not to be there.
    pub astray: u64,
}
