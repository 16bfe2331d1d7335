//! One file's contents: as the process sees them, and as they survive a power loss.

use std::{collections::BTreeSet, ops::Range, sync::Arc};

use super::{SECTOR_BYTES, damage::Astray};
use crate::choices::Chance;

/// What a power loss did to a file.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loss {
    pub(super) kept: u64,
    pub(super) lost: u64,
    pub(super) older: u64,
    /// Whether a process that was killed before had written some of it.
    pub(super) left_behind: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Inode {
    /// Shared with copies of the disk until either changes, as is what is durable.
    pub(super) cached: Arc<Vec<u8>>,
    pub(super) durable: Arc<Vec<u8>>,
    /// Sectors written since the last sync, in the order of the writes; they may overlap.
    dirty: Vec<Range<u64>>,
    /// What sectors held that were written again before a sync.
    older: Vec<(u64, Vec<u8>)>,
    /// Sectors that a failed sync took for clean, though they are not durable.
    stale: Vec<u64>,
    /// Whether a killed process left some of what is dirty.
    left_behind: bool,
    /// The file was cut to this length since the last sync.
    cut: Option<u64>,
    /// Whether the page cache has what the disk has no more.
    pub(super) hides_damage: bool,
    /// Sectors that cannot be read.
    pub(super) unreadable: BTreeSet<u64>,
    /// A write that will turn out not to be there.
    pub(super) astray: Option<Astray>,
}

pub(super) fn sectors(offset: u64, len: usize) -> Range<u64> {
    let size = SECTOR_BYTES as u64;
    offset / size..(offset + len as u64).div_ceil(size)
}

impl Inode {
    pub(super) fn len(&self) -> u64 {
        self.cached.len() as u64
    }

    pub(super) fn cached(&self) -> &[u8] {
        &self.cached
    }

    /// None where the range is not all within the file.
    pub(super) fn read(&self, buffer: &mut [u8], offset: u64) -> Option<()> {
        let start = usize::try_from(offset).ok()?;
        let found = self.cached.get(start..start.checked_add(buffer.len())?)?;
        buffer.copy_from_slice(found);
        Some(())
    }

    pub(super) fn write(&mut self, data: &[u8], offset: u64) {
        if data.is_empty() {
            return;
        }
        self.follow(offset);
        let touched = sectors(offset, data.len());
        self.save_older(&touched);
        put(Arc::make_mut(&mut self.cached), offset as usize, data);
        self.dirty.push(touched);
    }

    /// Cuts the file; whether that survives a power loss is open until the next sync.
    pub(super) fn trim(&mut self, len: u64) {
        if len < self.len() {
            truncate(&mut self.cached, len as usize);
            self.cut = Some(self.cut.map_or(len, |cut| cut.min(len)));
            let end = len.div_ceil(SECTOR_BYTES as u64);
            self.dirty.retain_mut(|range| {
                range.end = range.end.min(end);
                range.start < range.end
            });
            self.older.retain(|(sector, _)| *sector < end);
            self.stale.retain(|sector| *sector < end);
            self.unreadable.retain(|sector| *sector < end);
            // Nothing will be written behind it any more.
            self.astray = None;
        }
    }

    pub(super) fn is_dirty_at(&self, sector: u64) -> bool {
        self.dirty.iter().any(|range| range.contains(&sector))
    }

    fn save_older(&mut self, touched: &Range<u64>) {
        for range in &self.dirty {
            for sector in range.start.max(touched.start)..range.end.min(touched.end) {
                self.older.push((sector, sector_of(&self.cached, sector).to_vec()));
            }
        }
    }

    pub(super) fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// All that was written since the last sync becomes durable.
    pub(super) fn sync(&mut self) -> u64 {
        let mut synced = 0;
        self.left_behind = false;
        if let Some(cut) = self.cut.take() {
            truncate(&mut self.durable, cut as usize);
        }
        for range in std::mem::take(&mut self.dirty) {
            synced += range.end - range.start;
            let start = range.start as usize * SECTOR_BYTES;
            let end = (range.end as usize * SECTOR_BYTES).min(self.cached.len());
            put(Arc::make_mut(&mut self.durable), start, &self.cached[start..end]);
        }
        self.older.clear();
        synced
    }

    fn dirty_sectors(&mut self) -> Vec<u64> {
        let mut list: Vec<u64> = std::mem::take(&mut self.dirty).into_iter().flatten().collect();
        list.sort_unstable();
        list.dedup();
        list
    }

    /// Some sectors became durable; the others are taken for clean.
    pub(super) fn fail_sync(&mut self, chance: &mut Chance) {
        for sector in self.dirty_sectors() {
            if chance.below(2) == 0 {
                copy_sector(&self.cached, Arc::make_mut(&mut self.durable), sector);
            } else {
                self.stale.push(sector);
            }
        }
        self.older.clear();
    }

    /// The process is gone; pages that were taken for clean may be read from the disk again.
    pub(super) fn outlive_process(&mut self, chance: &mut Chance) -> u64 {
        self.astray = None;
        self.left_behind |= self.is_dirty();
        let mut dropped = 0;
        for sector in std::mem::take(&mut self.stale) {
            if chance.below(2) == 1 && !self.is_dirty_at(sector) {
                let len = self.cached.len();
                let start = sector as usize * SECTOR_BYTES;
                let end = (start + SECTOR_BYTES).min(len);
                let cached = Arc::make_mut(&mut self.cached);
                cached[start..end].fill(0);
                copy_within(&self.durable, cached, sector);
                dropped += 1;
            }
        }
        dropped
    }

    /// Of the sectors that were not synced, an arbitrary part survives.
    pub(super) fn lose_power(&mut self, chance: &mut Chance) -> Loss {
        let left_behind = std::mem::take(&mut self.left_behind);
        self.astray = None;
        if std::mem::take(&mut self.hides_damage) {
            self.forget_clean();
        }
        let mut loss = Loss { left_behind, ..Loss::default() };
        if self.dirty.is_empty() && self.stale.is_empty() && self.cut.is_none() {
            return loss;
        }
        // Zero keeps what the process last saw.
        if let Some(cut) = self.cut.take().filter(|_| chance.below(2) == 0) {
            truncate(&mut self.durable, cut as usize);
        }
        let dirty = self.dirty_sectors();
        // All kept, all lost, a beginning kept, or each sector by itself.
        let mode = if dirty.is_empty() { 0 } else { chance.below(4) };
        let beginning = chance.below(dirty.len() as u64 + 1);
        let grown = self.cached.len();
        for (place, sector) in dirty.into_iter().enumerate() {
            let keep = match mode {
                0 => true,
                1 => false,
                2 => (place as u64) < beginning,
                _ => chance.below(2) == 0,
            };
            if keep {
                copy_sector(&self.cached, Arc::make_mut(&mut self.durable), sector);
                loss.kept += 1;
            } else {
                loss.lost += 1;
                loss.older += u64::from(self.keep_older(sector, chance));
            }
        }
        if grown > self.durable.len() && chance.below(2) == 1 {
            Arc::make_mut(&mut self.durable).resize(grown, 0);
        }
        self.older.clear();
        self.stale.clear();
        self.cached = self.durable.clone();
        loss
    }

    /// What the page cache holds and nobody wrote since the last sync is read from the disk again.
    fn forget_clean(&mut self) {
        for sector in 0..sectors(0, self.cached.len()).end {
            if !self.is_dirty_at(sector) {
                copy_within(&self.durable, Arc::<Vec<u8>>::make_mut(&mut self.cached), sector);
            }
        }
    }

    fn keep_older(&mut self, sector: u64, chance: &mut Chance) -> bool {
        let versions: Vec<&(u64, Vec<u8>)> =
            self.older.iter().filter(|(other, _)| *other == sector).collect();
        let chosen = chance.below(versions.len() as u64 + 1) as usize;
        let Some((_, bytes)) = chosen.checked_sub(1).map(|place| versions[place]) else {
            return false;
        };
        let start = sector as usize * SECTOR_BYTES;
        put(Arc::make_mut(&mut self.durable), start, bytes);
        true
    }
}

/// Cuts what may be shared, without a copy of what goes.
fn truncate(bytes: &mut Arc<Vec<u8>>, len: usize) {
    match Arc::get_mut(bytes) {
        Some(own) => own.truncate(len),
        None => *bytes = Arc::new(bytes[..len.min(bytes.len())].to_vec()),
    }
}

fn sector_of(bytes: &[u8], sector: u64) -> &[u8] {
    let start = (sector as usize * SECTOR_BYTES).min(bytes.len());
    &bytes[start..(start + SECTOR_BYTES).min(bytes.len())]
}

/// Copies one sector; the target grows where needed.
fn copy_sector(from: &[u8], to: &mut Vec<u8>, sector: u64) {
    let bytes = sector_of(from, sector);
    let start = sector as usize * SECTOR_BYTES;
    put(to, start, bytes);
}

/// Writes over what is there, and behind it; a hole is zero.
fn put(to: &mut Vec<u8>, start: usize, bytes: &[u8]) {
    if to.len() < start {
        to.resize(start, 0);
    }
    let (over, behind) = bytes.split_at(bytes.len().min(to.len() - start));
    to[start..start + over.len()].copy_from_slice(over);
    to.extend_from_slice(behind);
}

/// Copies what there is of one sector; the target keeps its length.
fn copy_within(from: &[u8], to: &mut [u8], sector: u64) {
    let bytes = sector_of(from, sector);
    let start = sector as usize * SECTOR_BYTES;
    let start = start.min(to.len());
    let len = bytes.len().min(to.len() - start);
    to[start..start + len].copy_from_slice(&bytes[..len]);
}
