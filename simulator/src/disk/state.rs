//! The disk as a whole: files, the directory, and what makes it stop or fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
};

use super::{DiskCounters, SECTOR_BYTES, damage::Damage, inode::Inode};
use crate::choices::Chance;

#[derive(Clone, Debug)]
enum DirOp {
    Create(String, u64),
    Rename(String, String),
    Remove(String),
}

impl DirOp {
    fn names(&self) -> [&str; 2] {
        match self {
            DirOp::Create(name, _) | DirOp::Remove(name) => [name, name],
            DirOp::Rename(from, to) => [from, to],
        }
    }

    fn apply(&self, directory: &mut BTreeMap<String, u64>) {
        match self {
            DirOp::Create(name, inode) => {
                directory.insert(name.clone(), *inode);
            }
            DirOp::Rename(from, to) => {
                if let Some(inode) = directory.remove(from) {
                    directory.insert(to.clone(), inode);
                }
            }
            DirOp::Remove(name) => {
                directory.remove(name);
            }
        }
    }
}

/// What kind of change is about to happen.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Change {
    Write,
    Sync,
    Directory,
}

#[derive(Clone, Copy, Debug)]
struct Armed {
    after: u64,
    chance: u64,
}

impl Armed {
    /// Whether it goes off now.
    fn count_down(armed: &mut Option<Armed>) -> Option<Chance> {
        let mut trigger = armed.take()?;
        if trigger.after == 0 {
            return Some(Chance::new(trigger.chance));
        }
        trigger.after -= 1;
        *armed = Some(trigger);
        None
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct State {
    /// Raised whenever the process is gone; handles of earlier lives are dead.
    pub(super) life: u64,
    pub(super) counters: DiskCounters,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    directory: BTreeMap<String, u64>,
    durable_directory: BTreeMap<String, u64>,
    unsynced: Vec<DirOp>,
    /// Files that have lost their name since the directory was synced.
    nameless: Vec<u64>,
    stop: Option<Armed>,
    failure: Option<Armed>,
    read_failure: Option<Armed>,
    stopped: bool,
    /// Whether an operation of this life failed.
    failed: bool,
    /// How many bytes all files may have together.
    capacity: Option<u64>,
    /// Damage to come, or that has come: a disk is damaged once.
    pub(super) damage: Option<Damage>,
    /// The write that will go astray is yet to come.
    astray: Option<Chance>,
}

fn stopped() -> io::Error {
    io::Error::other("the process has stopped")
}

fn failed() -> io::Error {
    io::Error::other("simulated I/O error")
}

fn full() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

fn not_found(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no file {name}"))
}

fn no_inode() -> io::Error {
    not_found("behind this handle")
}

impl State {
    pub(super) fn arm_stop(&mut self, after: u64, chance: u64) {
        self.stop = Some(Armed { after, chance });
    }

    pub(super) fn arm_failure(&mut self, after: u64, chance: u64) {
        self.failure = Some(Armed { after, chance });
    }

    pub(super) fn arm_read_failure(&mut self, after: u64) {
        self.read_failure = Some(Armed { after, chance: 0 });
    }

    /// Neither stop nor failure is to come any more.
    pub(super) fn disarm(&mut self) {
        self.stop = None;
        self.failure = None;
        self.read_failure = None;
    }

    /// There is room for `left` more bytes, or for any number of them.
    pub(super) fn limit(&mut self, left: Option<u64>) {
        self.capacity = left.map(|left| self.used() + left);
    }

    fn used(&self) -> u64 {
        self.directory.values().filter_map(|inode| self.inodes.get(inode)).map(Inode::len).sum()
    }

    pub(super) fn space_left(&self) -> u64 {
        self.capacity.map_or(u64::MAX, |capacity| capacity.saturating_sub(self.used()))
    }

    /// An error, where there is no room for `more` bytes.
    fn fit(&mut self, more: u64) -> io::Result<()> {
        if self.capacity.is_none() || self.space_left() >= more {
            return Ok(());
        }
        self.counters.full += 1;
        self.failed = true;
        Err(full())
    }

    /// Damages something that is synced, or a write that is yet to come; false where there is
    /// nothing to damage, or something was before.
    pub(super) fn damage(&mut self, damage: Damage, chance: u64) -> bool {
        if self.damage.is_some() {
            return false;
        }
        let mut chance = Chance::new(chance);
        if damage.waits_for_a_write() {
            self.damage = Some(damage);
            self.astray = Some(chance);
            return true;
        }
        // Each file is as likely as any other: a snapshot is small beside a log.
        let sectors = |inode| self.inodes.get(inode).map(Inode::written_sectors);
        let files =
            self.durable_directory.values().filter_map(|file| Some((*file, sectors(file)?)));
        let files: Vec<(u64, Vec<u64>)> =
            files.filter(|(_, sectors)| !sectors.is_empty()).collect();
        let Some((file, sectors)) = files.get(chance.below(files.len() as u64) as usize) else {
            return false;
        };
        let sector = sectors[chance.below(sectors.len() as u64) as usize];
        let Some(inode) = self.inodes.get_mut(file) else { return false };
        inode.damage(sector, damage, &mut chance);
        self.damage = Some(damage);
        *if damage == Damage::Latent {
            &mut self.counters.unreadable
        } else {
            &mut self.counters.rotted
        } += 1;
        true
    }

    /// Whether something that was synced is not there any more as it was written.
    pub(super) fn is_damaged(&self) -> bool {
        let DiskCounters { rotted, unreadable, astray, .. } = self.counters;
        rotted + unreadable + astray > 0
    }

    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    pub(super) fn has_stopped(&self) -> bool {
        self.stopped
    }

    /// What each change must pass. `Ok(Some)` says that it stops within the change.
    fn pass(&mut self, change: Change) -> io::Result<Option<Chance>> {
        if self.stopped {
            return Err(stopped());
        }
        let Some(chance) = Armed::count_down(&mut self.stop) else { return Ok(None) };
        self.stopped = true;
        *match change {
            Change::Write => &mut self.counters.stops_in_write,
            Change::Sync => &mut self.counters.stops_in_sync,
            Change::Directory => &mut self.counters.stops_in_directory,
        } += 1;
        Ok(Some(chance))
    }

    fn alive(&self, life: u64) -> io::Result<()> {
        if self.stopped || life != self.life { Err(stopped()) } else { Ok(()) }
    }

    fn change_directory(&mut self, op: DirOp) -> io::Result<()> {
        if self.pass(Change::Directory)?.is_some() {
            return Err(stopped());
        }
        let loses_name = match &op {
            DirOp::Create(..) => None,
            DirOp::Rename(_, name) | DirOp::Remove(name) => self.directory.get(name),
        };
        self.nameless.extend(loses_name);
        op.apply(&mut self.directory);
        self.unsynced.push(op);
        Ok(())
    }

    pub(super) fn list(&self) -> io::Result<Vec<String>> {
        self.alive(self.life)?;
        Ok(self.directory.keys().cloned().collect())
    }

    pub(super) fn open(&mut self, name: &str) -> io::Result<u64> {
        self.alive(self.life)?;
        self.directory.get(name).copied().ok_or_else(|| not_found(name))
    }

    pub(super) fn create(&mut self, name: &str) -> io::Result<u64> {
        if self.directory.contains_key(name) {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{name} exists")));
        }
        self.fit(1)?;
        let inode = self.next_inode;
        self.change_directory(DirOp::Create(name.to_owned(), inode))?;
        self.next_inode += 1;
        self.inodes.insert(inode, Inode::default());
        self.counters.creates += 1;
        Ok(inode)
    }

    pub(super) fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        if !self.directory.contains_key(from) {
            return Err(not_found(from));
        }
        self.change_directory(DirOp::Rename(from.to_owned(), to.to_owned()))?;
        self.counters.renames += 1;
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> io::Result<()> {
        if !self.directory.contains_key(name) {
            return Err(not_found(name));
        }
        self.change_directory(DirOp::Remove(name.to_owned()))?;
        self.counters.removes += 1;
        Ok(())
    }

    pub(super) fn sync_dir(&mut self) -> io::Result<()> {
        if self.pass(Change::Directory)?.is_some() {
            return Err(stopped());
        }
        if !self.unsynced.is_empty() {
            self.counters.dir_syncs += 1;
            for op in self.unsynced.drain(..) {
                op.apply(&mut self.durable_directory);
            }
            for inode in self.nameless.drain(..) {
                self.inodes.remove(&inode);
            }
        }
        Ok(())
    }

    fn drop_unreachable(&mut self) {
        let named: BTreeSet<u64> = self.directory.values().copied().collect();
        self.inodes.retain(|inode, _| named.contains(inode));
        self.nameless.clear();
    }

    fn inode(&mut self, inode: u64) -> io::Result<&mut Inode> {
        self.inodes.get_mut(&inode).ok_or_else(no_inode)
    }

    pub(super) fn file_len(&mut self, inode: u64, life: u64) -> io::Result<u64> {
        self.alive(life)?;
        Ok(self.inode(inode)?.len())
    }

    pub(super) fn read(
        &mut self,
        inode: u64,
        life: u64,
        buffer: &mut [u8],
        offset: u64,
    ) -> io::Result<()> {
        self.alive(life)?;
        let file = self.inodes.get(&inode).ok_or_else(no_inode)?;
        let is_unreadable = file.is_unreadable(offset, buffer.len());
        if is_unreadable || Armed::count_down(&mut self.read_failure).is_some() {
            self.counters.failed_reads += 1;
            self.failed = true;
            return Err(failed());
        }
        let end = || io::Error::new(io::ErrorKind::UnexpectedEof, "read beyond the file's end");
        file.read(buffer, offset).ok_or_else(end)
    }

    pub(super) fn write(
        &mut self,
        inode: u64,
        life: u64,
        data: &[u8],
        offset: u64,
    ) -> io::Result<()> {
        self.alive(life)?;
        if let Some(mut chance) = self.pass(Change::Write)? {
            let whole = data.len().div_ceil(SECTOR_BYTES) as u64;
            let part = chance.below(whole + 1) as usize * SECTOR_BYTES;
            self.inode(inode)?.write(&data[..part.min(data.len())], offset);
            return Err(stopped());
        }
        if Armed::count_down(&mut self.failure).is_some()
            || !self.inode(inode)?.rewrite(offset, data.len())
        {
            self.counters.failed_writes += 1;
            self.failed = true;
            return Err(failed());
        }
        let end = offset + data.len() as u64;
        let more = end.saturating_sub(self.inode(inode)?.len());
        self.fit(more)?;
        self.counters.writes += 1;
        self.counters.written_bytes += data.len() as u64;
        self.lead_astray(inode, data, offset)?;
        self.inode(inode)?.write(data, offset);
        Ok(())
    }

    /// The write that is about to be made may be the one that will go astray.
    fn lead_astray(&mut self, inode: u64, data: &[u8], offset: u64) -> io::Result<()> {
        let Some(damage) = self.damage else { return Ok(()) };
        if let Some(mut chance) = self.astray.take_if(|_| Inode::can_go_astray(data, offset)) {
            self.inode(inode)?.lead_astray(data, offset, damage, &mut chance);
        }
        Ok(())
    }

    pub(super) fn trim(&mut self, inode: u64, life: u64, len: u64) -> io::Result<()> {
        self.alive(life)?;
        if self.pass(Change::Write)?.is_some() {
            return Err(stopped());
        }
        self.counters.trims += 1;
        self.inode(inode)?.trim(len);
        Ok(())
    }

    pub(super) fn sync(&mut self, inode: u64, life: u64) -> io::Result<()> {
        self.alive(life)?;
        if self.pass(Change::Sync)?.is_some() {
            return Err(stopped());
        }
        if let Some(mut chance) = Armed::count_down(&mut self.failure) {
            self.counters.failed_syncs += 1;
            self.failed = true;
            self.inode(inode)?.fail_sync(&mut chance);
            return Err(failed());
        }
        let file = self.inode(inode)?;
        let (is_changed, shows) = (file.sync() > 0, file.show_astray());
        self.counters.syncs += u64::from(is_changed);
        self.counters.astray += u64::from(shows);
        Ok(())
    }

    fn end_life(&mut self) {
        self.life += 1;
        self.disarm();
        self.stopped = false;
        self.failed = false;
    }

    pub(super) fn kill(&mut self, chance: u64) {
        self.end_life();
        let mut chance = Chance::new(chance);
        if self.inodes.values().any(Inode::is_dirty) {
            self.counters.killed_unsynced += 1;
        }
        for inode in self.inodes.values_mut() {
            self.counters.dropped_pages += inode.outlive_process(&mut chance);
        }
    }

    pub(super) fn lose_power(&mut self, chance: u64) {
        self.end_life();
        let mut chance = Chance::new(chance);
        for inode in self.inodes.values_mut() {
            let loss = inode.lose_power(&mut chance);
            self.counters.lost_sectors += loss.lost;
            self.counters.older_sectors += loss.older;
            self.counters.torn += u64::from(loss.kept > 0 && loss.lost > 0);
            self.counters.lost_after_kill += u64::from(loss.lost > 0 && loss.left_behind);
        }
        self.lose_directory(&mut chance);
    }

    /// An operation survives only if all before it survive that touch the same names.
    fn lose_directory(&mut self, chance: &mut Chance) {
        let mut lost: Vec<DirOp> = Vec::new();
        for op in std::mem::take(&mut self.unsynced) {
            let names = op.names();
            let blocked = lost.iter().flat_map(DirOp::names).any(|name| names.contains(&name));
            if blocked || chance.below(2) == 1 {
                self.counters.lost_dir_ops += 1;
                lost.push(op);
            } else {
                op.apply(&mut self.durable_directory);
            }
        }
        self.directory.clone_from(&self.durable_directory);
        self.drop_unreachable();
    }

    /// Takes over what another disk holds; what was counted stays.
    pub(super) fn replace_by(&mut self, other: State) {
        let (life, counters) = (self.life.max(other.life) + 1, self.counters);
        *self = State { life, counters, ..other };
    }

    pub(super) fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let inode = self.inodes.get(self.directory.get(name)?)?;
        Some(inode.cached().to_vec())
    }
}
