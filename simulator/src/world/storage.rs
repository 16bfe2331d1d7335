//! What becomes of disks and machines: disks fill up, slow down, rot and forget; machines are lost.

use quorate_core::Nanos;
use quorate_wal::WalError;

use super::{Event, World};
use crate::{
    choices::Chance,
    disk::{Damage, SimDisk},
    marks::Mark,
    node::{Past, Service},
    oracle::{Property, Violation, durable::Mirror},
    plan::Fault,
    profile::{DIVERGENCE, MILLISECOND},
    system::System,
};

/// With less than so many segments' room a host tells its core that the disk is nearly full.
const LOW_SEGMENTS: u64 = 2;

impl<S: System> World<S> {
    /// Something that a disk holds is damaged, where that may be.
    pub(super) fn damage(&mut self, number: u64, damage: Damage, mut chance: Chance) {
        if !self.may_lose(number) {
            return;
        }
        let done = self.nodes[number as usize].disk.damage(damage, chance.below(u64::MAX));
        let what = if done { "is damaged" } else { "has nothing to damage" };
        self.say(|_| format!("the disk of node {number} {what}: {damage:?}"));
    }

    /// Whether the data of a node may be lost: of each only once, and within the atlas only where a
    /// quorum keeps its own.
    fn may_lose(&self, number: u64) -> bool {
        let node = &self.nodes[number as usize];
        let is_whole = node.service == Service::Active && !node.disk.is_doomed();
        is_whole && (!self.settings.atlas || self.can_spare(number))
    }

    /// A machine is lost with its disk.
    pub(super) fn lose_machine(&mut self, number: u64, chance: Chance) {
        if self.may_lose(number) {
            self.crash(number, Fault::PowerLoss, chance);
            self.nodes[number as usize].disk.become_copy_of(&SimDisk::new());
            self.marks.reach(Mark::MachineLost);
            self.retire(number);
        }
    }

    /// There is room for a few bytes only, for a while.
    pub(super) fn fill_disk(&mut self, number: u64, left: u64, until: Nanos) {
        self.nodes[number as usize].disk.limit(Some(left));
        self.push_at(until, Event::RoomBack { node: number });
    }

    /// Somebody has made room.
    pub(super) fn room_back(&mut self, number: u64) -> Result<(), Violation> {
        let node = &mut self.nodes[number as usize];
        node.disk.limit(None);
        let life = node.lives;
        self.space_back(number, life)
    }

    /// A host looks at how much room there is after each write.
    pub(super) fn look_at_space(&mut self, number: u64) {
        let low = LOW_SEGMENTS * self.settings.segment_bytes;
        let node = &mut self.nodes[number as usize];
        if node.disk.space_left_bytes() >= low {
            return;
        }
        let time = node.clock.read(self.now);
        if let Some(life) = &mut node.life {
            life.driver.space(true, time);
        }
    }

    /// How long something takes that a good disk does in `delay`.
    pub(super) fn disk_time(&mut self, number: u64, delay: Nanos) -> Nanos {
        let node = &self.nodes[number as usize];
        let (times, until) = node.slow_disk;
        if until <= self.now {
            return delay;
        }
        self.marks.reach(Mark::DiskSlowed);
        // All faults end in time.
        delay.saturating_mul(times).min(until - self.now).max(delay)
    }

    /// After how long a node whose log did not open tries again.
    pub(super) fn until_next_try(&self, number: u64) -> Nanos {
        let is_full = self.nodes[number as usize].disk.space_left_bytes() < u64::MAX;
        if is_full { 50 * MILLISECOND } else { MILLISECOND }
    }

    /// A log whose disk is damaged does not open, and says why: the node is gone for good.
    pub(super) fn refuse(&mut self, number: u64, error: &WalError) -> Result<(), Violation> {
        match error {
            WalError::Damaged { .. } | WalError::Snapshot { .. } | WalError::Io { .. } => {
                self.marks.reach(Mark::DamageRefused);
                self.say(|_| format!("node {number} refuses to start: {error}"));
                self.retire(number);
                Ok(())
            }
            WalError::Full { .. } => self.start_failed(number),
            WalError::InUse { .. }
            | WalError::Foreign { .. }
            | WalError::Format { .. }
            | WalError::SetAside { .. } => {
                Err(Violation::OpenFailed { node: number, error: error.to_string() })
            }
        }
    }

    /// Another node got a snapshot of this one that is not what its name says: somebody looks at
    /// the log here, and takes the node away where it is damaged.
    pub(super) fn examine(&mut self, number: u64) {
        self.marks.reach(Mark::DamagedSnapshotRefused);
        let found = quorate_wal::check(&self.nodes[number as usize].disk.deep_copy());
        if let Err(error) = found {
            self.say(|_| format!("node {number} is taken away: {error}"));
            let chance = self.halt_chance(number);
            self.crash(number, Fault::Kill, chance);
            self.retire(number);
        }
    }

    /// From now on the disk remembers what it held, to go back to it.
    pub(super) fn remember(&mut self, number: u64, planned: usize, until: Nanos, chance: Chance) {
        let mut chance = chance.of(5);
        let node = &mut self.nodes[number as usize];
        if node.service != Service::Active || node.past.is_some() {
            return;
        }
        let all = chance.below(3) == 2;
        let (disk, mirror) = if all {
            (SimDisk::new(), Mirror::default())
        } else {
            let copy = node.disk.deep_copy();
            copy.lose_power(chance.below(u64::MAX));
            (copy, self.oracles.durable[number as usize].clone())
        };
        node.past = Some(Box::new(Past { disk, mirror }));
        self.push_at(until, Event::Forget { node: number, planned });
    }

    /// The power fails, and the disk is what it was.
    pub(super) fn forget(&mut self, number: u64, planned: usize) -> Result<(), Violation> {
        let Some(fault) = self.planned(planned) else { return Ok(()) };
        let node = &mut self.nodes[number as usize];
        let Some(past) = node.past.take() else { return Ok(()) };
        if node.service != Service::Active || self.healed_at.is_some() {
            return Ok(());
        }
        self.crash(number, Fault::PowerLoss, Chance::new(fault.chance).of(number));
        let node = &mut self.nodes[number as usize];
        node.disk.become_copy_of(&past.disk);
        node.late = None;
        let held = std::mem::replace(&mut self.oracles.durable[number as usize], past.mirror);
        if !held.holds_no_more_than(&self.oracles.durable[number as usize]) {
            self.forgot = true;
            self.marks.reach(Mark::Forgot);
            self.say(|_| format!("the disk of node {number} forgets"));
        }
        let lives = self.nodes[number as usize].lives;
        self.push(MILLISECOND, Event::Restart { node: number, lives });
        Ok(())
    }

    /// Whether a violation follows from what a disk forgot without a trace, and no log could tell.
    pub(super) fn excuses(&mut self, violation: &Violation) -> bool {
        let property: Property = violation.property();
        let excused = self.forgot && DIVERGENCE.contains(&property);
        if excused {
            self.marks.add(Mark::Diverged, u64::from(property != Property::Liveness));
            self.say(|_| format!("as a disk forgot: {property}: {violation}"));
        }
        excused
    }
}
