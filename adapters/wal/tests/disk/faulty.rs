//! A disk with a page cache, drawn from a seed: it stops or fails within any operation, forgets or
//! reorders what was not synced, sector by sector, and drops what a failed sync took for clean.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use quorate_wal::{Disk, DiskFile, SECTOR_BYTES};

/// Draws from a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Draw(pub u64);

impl Draw {
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }

    pub fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// What goes wrong within an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The process stops: every later operation fails, until the next life.
    Stop,
    /// The disk fails this once. A sync leaves a part durable and takes the rest for clean.
    Fail,
}

#[derive(Default)]
struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    /// Sectors that the next sync writes.
    dirty: BTreeSet<usize>,
    is_len_dirty: bool,
}

impl Inode {
    fn write(&mut self, data: &[u8], offset: usize) {
        let end = offset + data.len();
        if end > self.cached.len() {
            self.cached.resize(end, 0);
            self.is_len_dirty = true;
        }
        self.cached[offset..end].copy_from_slice(data);
        self.dirty.extend(offset / SECTOR_BYTES..end.div_ceil(SECTOR_BYTES));
    }

    fn trim(&mut self, len: usize) {
        self.is_len_dirty |= len != self.cached.len();
        self.cached.resize(len, 0);
        self.dirty.retain(|sector| sector * SECTOR_BYTES < len);
    }

    /// Makes durable what `keeps` says of each dirty sector, and of the length first.
    fn flush(&mut self, mut keeps: impl FnMut() -> bool) {
        if self.is_len_dirty && keeps() {
            self.durable.resize(self.cached.len(), 0);
        }
        for sector in std::mem::take(&mut self.dirty) {
            let start = sector * SECTOR_BYTES;
            let end = (start + SECTOR_BYTES).min(self.cached.len()).min(self.durable.len());
            if start < end && keeps() {
                self.durable[start..end].copy_from_slice(&self.cached[start..end]);
            }
        }
        self.is_len_dirty = false;
    }

    /// Reads clean sectors from the disk again, where `drops` says so.
    fn drop_pages(&mut self, mut drops: impl FnMut() -> bool) {
        let end = self.cached.len().min(self.durable.len());
        for start in (0..end).step_by(SECTOR_BYTES) {
            let range = start..(start + SECTOR_BYTES).min(end);
            if !self.dirty.contains(&(start / SECTOR_BYTES)) && drops() {
                self.cached[range.clone()].copy_from_slice(&self.durable[range]);
            }
        }
    }
}

enum DirOp {
    Create(String, u64),
    Rename(String, String),
    Remove(String),
}

impl DirOp {
    fn names(&self) -> Vec<String> {
        match self {
            DirOp::Create(name, _) | DirOp::Remove(name) => vec![name.clone()],
            DirOp::Rename(from, to) => vec![from.clone(), to.clone()],
        }
    }

    fn apply(self, names: &mut BTreeMap<String, u64>) {
        match self {
            DirOp::Create(name, inode) => drop(names.insert(name, inode)),
            DirOp::Remove(name) => drop(names.remove(&name)),
            DirOp::Rename(from, to) => {
                if let Some(inode) = names.remove(&from) {
                    names.insert(to, inode);
                }
            }
        }
    }
}

struct State {
    draw: Draw,
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    unsynced: Vec<DirOp>,
    armed: Option<(u64, Fault)>,
    /// Whether a fault came in this life.
    went_wrong: bool,
    is_stopped: bool,
}

impl State {
    /// Counts an operation that changes the disk: what goes wrong within it.
    fn pass(&mut self) -> io::Result<Option<Fault>> {
        self.alive()?;
        match &mut self.armed {
            Some((0, fault)) => {
                let fault = *fault;
                self.armed = None;
                self.went_wrong = true;
                self.is_stopped = fault == Fault::Stop;
                Ok(Some(fault))
            }
            Some((left, _)) => {
                *left -= 1;
                Ok(None)
            }
            None => Ok(None),
        }
    }

    fn alive(&self) -> io::Result<()> {
        if self.is_stopped { Err(io::Error::other("the process has stopped")) } else { Ok(()) }
    }

    fn change_names(&mut self, op: DirOp) -> io::Result<()> {
        if self.pass()?.is_some() {
            return Err(broken());
        }
        let again = match &op {
            DirOp::Create(name, inode) => DirOp::Create(name.clone(), *inode),
            DirOp::Rename(from, to) => DirOp::Rename(from.clone(), to.clone()),
            DirOp::Remove(name) => DirOp::Remove(name.clone()),
        };
        op.apply(&mut self.names);
        self.unsynced.push(again);
        Ok(())
    }

    /// Any set of names' changes in which none is missing that a later one builds upon.
    fn lose_names(&mut self) {
        let mut lost = BTreeSet::new();
        for op in std::mem::take(&mut self.unsynced) {
            let builds_on_lost = op.names().iter().any(|name| lost.contains(name));
            if builds_on_lost || self.draw.percent(50) {
                lost.extend(op.names());
            } else {
                op.apply(&mut self.durable_names);
            }
        }
        self.names = self.durable_names.clone();
    }
}

fn broken() -> io::Error {
    io::Error::other("the disk failed")
}

fn missing() -> io::Error {
    io::ErrorKind::NotFound.into()
}

/// Cloning gives another handle to the same disk.
#[derive(Clone)]
pub struct FaultyDisk(Arc<Mutex<State>>);

impl FaultyDisk {
    pub fn new(seed: u64) -> FaultyDisk {
        FaultyDisk(Arc::new(Mutex::new(State {
            draw: Draw(seed),
            inodes: BTreeMap::new(),
            names: BTreeMap::new(),
            durable_names: BTreeMap::new(),
            unsynced: Vec::new(),
            armed: None,
            went_wrong: false,
            is_stopped: false,
        })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no test panics with the disk in hand")
    }

    /// The change after `count` others goes wrong.
    pub fn arm(&self, count: u64, fault: Fault) {
        self.state().armed = Some((count, fault));
    }

    /// Whether a fault came since the last life ended.
    pub fn went_wrong(&self) -> bool {
        self.state().went_wrong
    }

    /// The process is gone; what it wrote is still in the page cache, but what a failed sync took
    /// for clean may be dropped from there.
    pub fn kill(&self) {
        let mut state = self.state();
        let State { draw, inodes, .. } = &mut *state;
        let drops = draw.percent(50);
        for inode in inodes.values_mut() {
            inode.drop_pages(|| drops && draw.percent(50));
        }
        state.next_life();
    }

    /// The power is gone: of what was not synced any part is lost, in any order.
    pub fn lose_power(&self) {
        let mut state = self.state();
        let State { draw, inodes, .. } = &mut *state;
        let chance = [0, 50, 90, 100][draw.below(4) as usize];
        for inode in inodes.values_mut() {
            inode.flush(|| draw.percent(chance));
            inode.cached = inode.durable.clone();
        }
        state.lose_names();
        state.next_life();
    }
}

impl State {
    fn next_life(&mut self) {
        self.armed = None;
        self.went_wrong = false;
        self.is_stopped = false;
    }
}

impl Disk for FaultyDisk {
    type File = FaultyFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let state = self.state();
        state.alive()?;
        Ok(state.names.keys().cloned().collect())
    }
    fn open(&self, name: &str) -> io::Result<FaultyFile> {
        let state = self.state();
        state.alive()?;
        let inode = *state.names.get(name).ok_or_else(missing)?;
        Ok(FaultyFile { disk: self.clone(), inode })
    }
    fn create(&self, name: &str) -> io::Result<FaultyFile> {
        let mut state = self.state();
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.inodes.len() as u64;
        state.change_names(DirOp::Create(name.to_owned(), inode))?;
        state.inodes.insert(inode, Inode::default());
        Ok(FaultyFile { disk: self.clone(), inode })
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.state().change_names(DirOp::Rename(from.to_owned(), to.to_owned()))
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.state().change_names(DirOp::Remove(name.to_owned()))
    }
    fn sync_dir(&self) -> io::Result<()> {
        let mut state = self.state();
        if state.pass()?.is_some() {
            return Err(broken());
        }
        let State { unsynced, durable_names, .. } = &mut *state;
        unsynced.drain(..).for_each(|op| op.apply(durable_names));
        Ok(())
    }
    fn space_left(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

pub struct FaultyFile {
    disk: FaultyDisk,
    inode: u64,
}

impl FaultyFile {
    fn with<T>(
        &self,
        then: impl FnOnce(&mut Inode, &mut Draw, Option<Fault>) -> T,
    ) -> io::Result<T> {
        let mut state = self.disk.state();
        let fault = state.pass()?;
        let State { draw, inodes, .. } = &mut *state;
        let inode = inodes.get_mut(&self.inode).ok_or_else(missing)?;
        let done = then(inode, draw, fault);
        if fault.is_some() { Err(broken()) } else { Ok(done) }
    }

    fn look<T>(&self, then: impl FnOnce(&Inode) -> T) -> io::Result<T> {
        let state = self.disk.state();
        state.alive()?;
        Ok(then(state.inodes.get(&self.inode).ok_or_else(missing)?))
    }
}

impl DiskFile for FaultyFile {
    fn len(&self) -> io::Result<u64> {
        self.look(|inode| inode.cached.len() as u64)
    }
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = offset as usize;
        self.look(|inode| {
            let found = inode.cached.get(start..start + buffer.len());
            found.map(|found| buffer.copy_from_slice(found))
        })?
        .ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        self.with(|inode, draw, fault| {
            // A write that went wrong was taken up to some place.
            let len = match fault {
                Some(_) => draw.below(data.len() as u64 + 1) as usize / SECTOR_BYTES * SECTOR_BYTES,
                None => data.len(),
            };
            inode.write(&data[..len], offset as usize);
        })
    }
    fn trim(&mut self, len: u64) -> io::Result<()> {
        self.with(|inode, _, fault| {
            if fault.is_none() {
                inode.trim(len as usize);
            }
        })
    }
    fn sync_data(&mut self) -> io::Result<()> {
        self.with(|inode, draw, fault| match fault {
            None => inode.flush(|| true),
            Some(Fault::Fail) => inode.flush(|| draw.percent(50)),
            // It had not begun: all of it is still to be written.
            Some(Fault::Stop) => {}
        })
    }
}
