//! How the plan is carried out.

use quorate_core::Nanos;

use super::{Event, Trigger, Work, World};
use crate::{
    choices::{Chance, Series, Stream},
    marks::Mark,
    network::{Network, Trouble},
    node::Slow,
    oracle::Violation,
    plan::{Fault, Planned, Target, When, Wire},
    profile::MILLISECOND,
    system::System,
};

/// A fault has struck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strike {
    /// Its place in the plan.
    pub planned: usize,
    /// When.
    pub at: Nanos,
    /// Who did what it waited for; the leader where it waited for nothing.
    pub cause: u64,
}

/// What a fault does to a node, where that is open.
fn fate(fault: &Planned, number: u64) -> Chance {
    Chance::new(fault.chance).of(number)
}

impl<S: System> World<S> {
    pub(super) fn schedule_plan(&mut self) {
        for (planned, fault) in self.plan.faults.clone().into_iter().enumerate() {
            if matches!(fault.fault, Fault::Wire(Wire::Replay { .. })) {
                self.recorder.get_or_insert_default();
            }
            match fault.when {
                When::At(at) => self.push_at(at, Event::Fault { planned }),
                When::On { after, pattern, nth } => {
                    self.triggers.push(Trigger { planned, pattern, after, left: nth.max(1) });
                }
            }
        }
        self.push_at(self.settings.fault_time, Event::Heal);
    }

    /// A fault strikes.
    pub(super) fn strike(&mut self, planned: usize, cause: u64) {
        let Some(fault) = self.planned(planned).filter(|_| self.healed_at.is_none()) else {
            return;
        };
        if matches!(fault.when, When::On { .. }) {
            self.marks.reach(Mark::FaultOnEvent);
        }
        self.stats.faults += 1;
        self.strikes.push(Strike { planned, at: self.now, cause });
        self.note(8, planned as u64, &[]);
        let before = self.tell_strike(planned, &fault, cause);
        match fault.target {
            Target::Node(node) => {
                self.strike_node(planned, &fault, node % self.settings.all_nodes())
            }
            Target::Leader => self.strike_node(planned, &fault, self.leader()),
            Target::Cause => self.strike_node(planned, &fault, cause),
            Target::Everyone => {
                for node in 0..self.settings.all_nodes() {
                    let strike = self.told_cause();
                    self.strike_node(planned, &fault, node);
                    self.tell_from(strike);
                }
            }
        }
        self.tell_from(before);
    }

    /// All faults end with the time for faults.
    pub(super) fn until(&self, duration: Nanos) -> Nanos {
        (self.now + duration).min(self.settings.fault_time).max(self.now)
    }

    fn strike_node(&mut self, planned: usize, fault: &Planned, number: u64) {
        let until = self.until(fault.duration);
        let now = self.now;
        let mut chance = fate(fault, number);
        let node = &mut self.nodes[number as usize];
        match fault.fault {
            Fault::Kill | Fault::PowerLoss | Fault::PowerLossInWrite { .. } => {
                node.crash_again = fault.again;
                self.crash_until(number, fault.fault, until, planned, chance);
            }
            Fault::KillThenPowerLoss => {
                node.crash_again = fault.again;
                self.crash_until(number, Fault::Kill, until, planned, chance);
                let delay = chance.of(1).below(2 * fault.duration);
                self.push(delay, Event::PowerFails { node: number, planned });
            }
            Fault::Pause => {
                node.paused_until = node.paused_until.max(until);
            }
            Fault::Partition(split) => {
                let blocked = Network::blocked_by(split, number, self.settings.all_nodes());
                self.network.block(&blocked, true);
                self.push_at(until, Event::PartitionEnds { blocked });
            }
            Fault::Lossy { drop_ppm } => {
                self.trouble(number, Trouble { drop_ppm, slower: 0 }, until);
            }
            Fault::Slow { by } => self.trouble(number, Trouble { drop_ppm: 0, slower: by }, until),
            Fault::Wire(wire) => self.strike_wire(number, wire, until, chance),
            Fault::SlowSteps { by } => node.slow = Slow { by, until, busy_until: now },
            Fault::Drift { ppm } => {
                node.clock.set_drift(now, ppm);
                self.marks.add(Mark::ClockDrifted, u64::from(ppm != 0));
                self.tell_clock(number, 0);
                self.clock_changed(number);
            }
            Fault::FreezeClock => {
                node.clock.freeze(now, until);
                self.marks.reach(Mark::ClockFroze);
                self.clock_changed(number);
            }
            Fault::Jump { .. }
            | Fault::Members(_)
            | Fault::Transfer(_)
            | Fault::Stop
            | Fault::Quiesce
            | Fault::Snapshot
            | Fault::DamagedMachine
            | Fault::LowSpace => self.push(0, Event::Operate { node: number, planned }),
            Fault::StallDisk => {
                node.stalled_until = node.stalled_until.max(until);
            }
            Fault::FailRead { after } => node.disk.fail_read_after(after),
            Fault::FullDisk { left } => self.fill_disk(number, left, until),
            Fault::SlowDisk { times } => node.slow_disk = (times, until),
            Fault::Damage(damage) => self.damage(number, damage, chance),
            Fault::LoseMachine => self.lose_machine(number, chance),
            Fault::Amnesia => self.remember(number, planned, until, chance),
            Fault::FailDisk { after } => node.disk.fail_after(after, chance.below(u64::MAX)),
        }
    }

    fn trouble(&mut self, node: u64, trouble: Trouble, until: Nanos) {
        self.network.trouble(node, trouble, true);
        self.push_at(until, Event::TroubleEnds { node, trouble });
    }

    pub(super) fn clock_changed(&mut self, number: u64) {
        if let Some(life) = &mut self.nodes[number as usize].life {
            life.tick_at = None;
        }
        self.schedule_tick(number);
    }

    fn crash_until(
        &mut self,
        number: u64,
        fault: Fault,
        until: Nanos,
        planned: usize,
        chance: Chance,
    ) {
        self.crash(number, fault, chance);
        let node = &self.nodes[number as usize];
        let (lives, again) = (node.lives, node.crash_again);
        self.push_at(until.max(self.now + 1), Event::Restart { node: number, lives });
        if again > 0 {
            let soon = chance.of(2).below(300 * MILLISECOND);
            let at = until + soon;
            self.push_at(at, Event::CrashAgain { node: number, life: lives + 1, planned });
        }
    }

    /// The power fails on a machine whose process was killed before.
    pub(super) fn power_fails(&mut self, number: u64, planned: usize) -> Result<(), Violation> {
        let Some(fault) = self.planned(planned) else { return Ok(()) };
        if self.healed_at.is_none() {
            let until = self.until(fault.duration / 4);
            let chance = fate(&fault, number).of(3);
            self.crash_until(number, Fault::PowerLoss, until, planned, chance);
        }
        Ok(())
    }

    /// The next crash of a loop.
    pub(super) fn crash_again(
        &mut self,
        number: u64,
        life: u64,
        planned: usize,
    ) -> Result<(), Violation> {
        let Some(fault) = self.planned(planned) else { return Ok(()) };
        let node = &mut self.nodes[number as usize];
        // Another fault may have ended the loop.
        let over = node.living(life).is_none() || node.crash_again == 0;
        if over || self.healed_at.is_some() {
            return Ok(());
        }
        node.crash_again -= 1;
        self.stats.faults += 1;
        let until = self.until(fault.duration / 4);
        let left = self.nodes[number as usize].crash_again;
        let mut chance = fate(&fault, number).of(4).of(left);
        let kind = if chance.below(2) == 1 { Fault::PowerLoss } else { Fault::Kill };
        self.crash_until(number, kind, until, planned, chance);
        Ok(())
    }

    /// What a process that ends by itself leaves behind.
    pub(super) fn halt_chance(&mut self, number: u64) -> Chance {
        let series = Series { kind: 0, epoch: 0 };
        let [chance] = self.choices.next_of(Stream::Disk(number), series, [u64::MAX]);
        Chance::new(chance)
    }

    /// A node stopped since its disk failed: its process ends and is started again.
    pub(super) fn halted(&mut self, number: u64) {
        self.say(|_| format!("node {number} halts, since its disk failed"));
        let chance = self.halt_chance(number);
        let delay = MILLISECOND + self.work(number, Work::Restart, 500) * MILLISECOND;
        self.crash(number, Fault::Kill, chance);
        let lives = self.nodes[number as usize].lives;
        let at = self.until(delay).max(self.now + 1);
        self.push_at(at, Event::Restart { node: number, lives });
    }
}
