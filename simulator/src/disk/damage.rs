//! What becomes of bytes that were synced: they rot, cannot be read, or were never where they should
//! be. Whoever reads them learns of it by a checksum or by an error, or the log has failed.

use std::{ops::Range, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    SECTOR_BYTES,
    inode::{Inode, sectors},
};
use crate::choices::Chance;

/// How something that was synced is damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Damage {
    /// One bit is another.
    Bit,
    /// A sector holds other bytes.
    Sector,
    /// A sector cannot be read until it is written as a whole.
    Latent,
    /// A write was acknowledged and synced, and its place holds what was there before. It shows once
    /// a later write to the same file is durable: a log can only miss what something later proves.
    LostWrite,
    /// The same, and what was written took the place of something older in the file.
    MisdirectedWrite,
}

impl Damage {
    /// All kinds.
    pub const ALL: [Damage; 5] =
        [Damage::Bit, Damage::Sector, Damage::Latent, Damage::LostWrite, Damage::MisdirectedWrite];

    /// Whether it strikes a write that is yet to come.
    pub(super) fn waits_for_a_write(self) -> bool {
        match self {
            Damage::LostWrite | Damage::MisdirectedWrite => true,
            Damage::Bit | Damage::Sector | Damage::Latent => false,
        }
    }
}

/// A write that will turn out not to be there.
#[derive(Clone, Debug)]
pub(super) struct Astray {
    range: Range<u64>,
    /// What its place held before.
    before: Vec<u8>,
    /// What was written, and where it landed in place of that.
    landed: Option<(u64, Vec<u8>)>,
    /// Whether something was written behind it since.
    is_followed: bool,
}

/// A sector of a file, as far as the file reaches.
fn bytes_of(sector: u64, len: usize) -> Range<usize> {
    let start = (sector as usize * SECTOR_BYTES).min(len);
    start..(start + SECTOR_BYTES).min(len)
}

/// Other bytes than `bytes`, and none that stand for "nothing was written here".
fn scramble(bytes: &mut [u8], chance: &mut Chance) {
    for byte in bytes {
        *byte ^= 1 + chance.below(255) as u8;
    }
}

impl Inode {
    /// Synced sectors that hold more than one byte over and over: what damage to them means
    /// somebody may notice.
    pub(super) fn written_sectors(&self) -> Vec<u64> {
        let is_written = |sector: &u64| {
            let bytes = &self.durable[bytes_of(*sector, self.durable.len())];
            bytes.iter().any(|byte| *byte != bytes[0]) && !self.is_dirty_at(*sector)
        };
        (0..sectors(0, self.durable.len()).end).filter(is_written).collect()
    }

    /// Damages a synced sector. Where the page cache still has it, only a power loss shows it.
    pub(super) fn damage(&mut self, sector: u64, damage: Damage, chance: &mut Chance) {
        let range = bytes_of(sector, self.durable.len());
        match damage {
            Damage::Bit => {
                let bit = chance.below(8 * range.len() as u64);
                let byte = range.start + bit as usize / 8;
                Arc::make_mut(&mut self.durable)[byte] ^= 1 << (bit % 8);
            }
            Damage::Sector => {
                scramble(&mut Arc::make_mut(&mut self.durable)[range.clone()], chance);
            }
            Damage::Latent => {
                self.unreadable.insert(sector);
                return;
            }
            Damage::LostWrite | Damage::MisdirectedWrite => return,
        }
        let is_cached = chance.below(2) == 1;
        if is_cached || self.cached.len() < range.end {
            self.hides_damage = true;
        } else {
            Arc::make_mut(&mut self.cached)[range.clone()].copy_from_slice(&self.durable[range]);
        }
    }

    /// Whether a write of `data` can go astray so that it shows: behind the file's beginning, and
    /// not the mere fill of a new file.
    pub(super) fn can_go_astray(data: &[u8], offset: u64) -> bool {
        offset >= SECTOR_BYTES as u64 && data.iter().any(|byte| *byte != data[0])
    }

    /// A write of `data` at `offset`, right before it is made, will turn out to be lost.
    pub(super) fn lead_astray(
        &mut self,
        data: &[u8],
        offset: u64,
        damage: Damage,
        chance: &mut Chance,
    ) {
        let range = offset..offset + data.len() as u64;
        let mut before = vec![0; data.len()];
        let held = self.cached.get(offset as usize..).unwrap_or_default();
        let len = held.len().min(before.len());
        before[..len].copy_from_slice(&held[..len]);
        let landed = (damage == Damage::MisdirectedWrite).then(|| {
            let at = chance.below(offset / SECTOR_BYTES as u64) * SECTOR_BYTES as u64;
            let len = data.len().min((offset - at) as usize);
            (at, data[..len].to_vec())
        });
        self.astray = Some(Astray { range, before, landed, is_followed: false });
    }

    /// Something is written at `offset`.
    pub(super) fn follow(&mut self, offset: u64) {
        if let Some(astray) = &mut self.astray {
            astray.is_followed |= offset >= astray.range.end;
        }
    }

    /// What was written is durable: does it show now that an earlier write is not there?
    pub(super) fn show_astray(&mut self) -> bool {
        let Some(astray) = self.astray.take_if(|astray| astray.is_followed) else { return false };
        let places = [Some((astray.range.start, astray.before)), astray.landed];
        for (at, bytes) in places.into_iter().flatten() {
            for image in [&mut self.durable, &mut self.cached].map(Arc::make_mut) {
                let start = (at as usize).min(image.len());
                let end = (start + bytes.len()).min(image.len());
                image[start..end].copy_from_slice(&bytes[..end - start]);
            }
        }
        true
    }

    /// Whether any of these bytes cannot be read.
    pub(super) fn is_unreadable(&self, offset: u64, len: usize) -> bool {
        self.unreadable.range(sectors(offset, len)).next().is_some()
    }

    /// A write makes whole sectors readable again; false where it would have to read one that is
    /// not.
    pub(super) fn rewrite(&mut self, offset: u64, len: usize) -> bool {
        let size = SECTOR_BYTES as u64;
        let touched = sectors(offset, len);
        let whole = offset.div_ceil(size)..(offset + len as u64) / size;
        if self.unreadable.range(touched).any(|sector| !whole.contains(sector)) {
            return false;
        }
        self.unreadable.retain(|sector| !whole.contains(sector));
        true
    }
}
