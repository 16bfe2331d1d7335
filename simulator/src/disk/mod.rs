//! A simulated disk that stands in for [`quorate_wal::Disk`]: a page cache over durable sectors.
//!
//! A killed process keeps the page cache. A power loss keeps, of what was not synced, an arbitrary
//! part: sector by sector for data, and for the directory any set of operations in which none is
//! missing that another one of the same name builds upon.

mod counters;
mod damage;
mod inode;
mod state;

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quorate_wal::{Disk, DiskFile};

pub use counters::DiskCounters;
pub use damage::Damage;
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

    /// The read that comes `after` others from now fails with an I/O error.
    pub fn fail_read_after(&self, after: u64) {
        lock(&self.state).arm_read_failure(after);
    }

    /// There is room for `left` more bytes from now on; none is room for any number of them.
    pub fn limit(&self, left: Option<u64>) {
        lock(&self.state).limit(left);
    }

    /// How many more bytes there is room for; `u64::MAX` where there is no limit.
    pub fn space_left_bytes(&self) -> u64 {
        lock(&self.state).space_left()
    }

    /// Damages something that is synced, or a write that is yet to come. False where there is
    /// nothing to damage, or the disk was damaged before: the log promises to notice what is
    /// damaged once, not what a second damage hides.
    pub fn damage(&self, damage: Damage, chance: u64) -> bool {
        lock(&self.state).damage(damage, chance)
    }

    /// Whether damage was done, or is to be done to a write that is yet to come.
    pub fn is_doomed(&self) -> bool {
        lock(&self.state).damage.is_some()
    }

    /// Whether something that was synced is not there any more as it was written.
    pub fn is_damaged(&self) -> bool {
        lock(&self.state).is_damaged()
    }

    /// The disk is what `other` is, from now on; handles to its files are dead.
    pub fn become_copy_of(&self, other: &SimDisk) {
        let other = lock(&other.state).clone();
        lock(&self.state).replace_by(other);
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
        Ok(self.space_left_bytes())
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
