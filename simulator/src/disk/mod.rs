//! A simulated disk that stands in for [`quorate_wal::Disk`]: a page cache over durable sectors.
//!
//! A killed process keeps the page cache. A power loss keeps, of what was not synced, an arbitrary
//! part: sector by sector for data, and for the directory any set of operations in which none is
//! missing that another one of the same name builds upon.

mod inode;
mod state;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quorate_wal::{Disk, DiskFile};

pub use state::DiskCounters;
use state::State;

/// What a sector holds, in bytes: what a disk writes as a whole or not at all.
pub const SECTOR_BYTES: usize = 512;

/// A disk with one directory. Clones are handles to the same disk.
#[derive(Clone, Debug, Default)]
pub struct SimDisk {
    state: Arc<Mutex<State>>,
}

/// An open file on a [`SimDisk`].
#[derive(Clone, Debug)]
pub struct SimFile {
    state: Arc<Mutex<State>>,
    inode: u64,
    /// The life of the process that opened it.
    life: u64,
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SimDisk {
    /// An empty disk.
    pub fn new() -> SimDisk {
        SimDisk::default()
    }

    /// A copy with a state of its own.
    pub fn deep_copy(&self) -> SimDisk {
        SimDisk { state: Arc::new(Mutex::new(lock(&self.state).clone())) }
    }

    /// What has been done on it so far.
    pub fn counters(&self) -> DiskCounters {
        lock(&self.state).counters
    }

    /// The process stops within the operation that changes the disk `after` others from now: a
    /// write takes effect in part, anything else not at all, and every later one fails.
    pub fn stop_after(&self, after: u64, chance: u64) {
        lock(&self.state).arm_stop(after, chance);
    }

    /// The operation that changes the disk `after` others from now fails with an I/O error. A
    /// failed sync leaves an unknown part durable and takes the rest for clean.
    pub fn fail_after(&self, after: u64, chance: u64) {
        lock(&self.state).arm_failure(after, chance);
    }

    /// Neither stop nor failure is to come any more.
    pub fn disarm(&self) {
        lock(&self.state).disarm();
    }

    /// Whether an operation of this life failed with an I/O error.
    pub fn has_failed(&self) -> bool {
        lock(&self.state).has_failed()
    }

    /// Whether this life's process has stopped within an operation.
    pub fn has_stopped(&self) -> bool {
        lock(&self.state).has_stopped()
    }

    /// The process is gone; the page cache is still there, but for pages that a failed sync took
    /// for clean: these may have been dropped.
    pub fn kill(&self, chance: u64) {
        lock(&self.state).kill(chance);
    }

    /// The power is gone, and with it what was not synced, in part. `chance` 0 loses nothing.
    pub fn lose_power(&self, chance: u64) {
        lock(&self.state).lose_power(chance);
    }

    /// The contents of a file as the process sees it, for tests.
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        lock(&self.state).contents(name)
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn list(&self) -> io::Result<Vec<String>> {
        lock(&self.state).list()
    }

    fn open(&self, name: &str) -> io::Result<SimFile> {
        let mut state = lock(&self.state);
        let inode = state.open(name)?;
        Ok(SimFile { state: self.state.clone(), inode, life: state.life })
    }

    fn create(&self, name: &str) -> io::Result<SimFile> {
        let mut state = lock(&self.state);
        let inode = state.create(name)?;
        Ok(SimFile { state: self.state.clone(), inode, life: state.life })
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        lock(&self.state).rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        lock(&self.state).remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        lock(&self.state).sync_dir()
    }

    fn space_left(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl DiskFile for SimFile {
    fn len(&self) -> io::Result<u64> {
        lock(&self.state).file_len(self.inode, self.life)
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        lock(&self.state).read(self.inode, self.life, buffer, offset)
    }

    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        lock(&self.state).write(self.inode, self.life, data, offset)
    }

    fn trim(&mut self, len: u64) -> io::Result<()> {
        lock(&self.state).trim(self.inode, self.life, len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        lock(&self.state).sync(self.inode, self.life)
    }
}

#[cfg(test)]
mod tests;
