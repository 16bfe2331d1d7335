//! Completions of what a node's disk and state machine were given to do.

use quorate_driver::{ApplyJob, LogStore};

use super::{Event, World, life::probe};
use crate::{
    marks::Mark,
    node::Judged,
    oracle::Violation,
    system::{Change, System},
    trace::{Trace, What},
};

/// One of so many completed writes is probed, and fewer as the log grows: a probe reads all of it.
const PROBE_EVERY: u64 = 64;

impl<S: System> World<S> {
    /// The disk has done, or failed, what it was writing.
    pub(super) fn write_done(&mut self, number: u64, life: u64) -> Result<(), Violation> {
        if self.nodes[number as usize].living(life).is_none()
            || self.postponed(number, || Event::WriteDone { node: number, life })
        {
            return Ok(());
        }
        let now = self.now;
        let node = &mut self.nodes[number as usize];
        if node.stalled_until > now {
            let until = node.stalled_until;
            self.marks.reach(Mark::DiskStalled);
            Trace::told(&mut self.trace, |trace| trace.disk(What::Stalled { node: number, until }));
            self.push_at(until, Event::WriteDone { node: number, life });
            return Ok(());
        }
        let time = node.clock.read(now);
        let disk = &node.disk;
        let Some(running) = &mut node.life else { return Ok(()) };
        let Some(job) = running.writing.take() else { return Ok(()) };
        let before = self.trace.is_some().then(|| disk.counters());
        let result = running.store.write(job.writes());
        if let (Some(trace), Some(before)) = (&mut self.trace, before) {
            trace.wrote(number, before, disk.counters(), &result);
        }
        match &result {
            Ok(()) => {
                self.oracles.durable[number as usize].complete();
                let mirror = &self.oracles.durable[number as usize];
                let is_due = self.hash.is_multiple_of(PROBE_EVERY + mirror.last_index());
                if is_due && !disk.is_damaged() && !self.settings.log_in_memory {
                    probe(number, mirror, disk, &self.settings, self.hash)?;
                    self.marks.reach(Mark::DiskProbed);
                }
                let rolls = running.store.counters().rolls;
                self.marks.add(Mark::SegmentRotated, rolls.saturating_sub(running.rolls));
                running.rolls = rolls;
            }
            Err(error) if !disk.has_failed() => {
                return Err(Violation::WriteFailed { node: number, error: error.to_string() });
            }
            Err(_) => {}
        }
        running.driver.write_done(job.done(result), time);
        self.look_at_space(number);
        self.note(5, number, &[]);
        self.pump(number)
    }

    /// The completion of an earlier life's write comes to a driver that never asked for it. It
    /// comes while nothing is being written: the driver has one write under way at a time, and
    /// takes a completion that comes meanwhile for that one's.
    pub(super) fn late_completion(&mut self, number: u64, life: u64) -> Result<(), Violation> {
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(self.now);
        let Some(running) = node.life.as_mut().filter(|_| node.lives == life) else {
            return Ok(());
        };
        let Some(job) = node.late.take() else { return Ok(()) };
        let before = running.driver.raft().status().drops.stale_completions;
        Trace::told(&mut self.trace, |trace| trace.disk(What::LateWritten { node: number }));
        running.driver.write_done(job.done(Ok(())), time);
        let dropped = running.driver.raft().status().drops.stale_completions - before;
        self.marks.add(Mark::StaleCompletion, dropped);
        self.note(14, number, &[]);
        self.pump(number)
    }

    /// The state machine applies what it was given.
    pub(super) fn apply_done(&mut self, number: u64, life: u64) -> Result<(), Violation> {
        if self.nodes[number as usize].living(life).is_none()
            || self.postponed(number, || Event::ApplyDone { node: number, life })
        {
            return Ok(());
        }
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(self.now);
        let Some(running) = &mut node.life else { return Ok(()) };
        let Some(job) = running.applying.take() else { return Ok(()) };
        let (first, last, install) = match &job {
            ApplyJob::Entries(job) => (job.entries().first(), job.entries().last(), None),
            ApplyJob::Install(job) => (None, None, Some(job.meta().last)),
        };
        let mut judged = Judged {
            node: number,
            machine: &mut running.machine,
            system: &mut self.system,
            oracles: &mut self.oracles,
            broken: None,
        };
        let done = job.run(&mut running.store, &mut judged);
        let broken = judged.broken;
        Trace::told(&mut self.trace, |trace| trace.applies(number, first, last, install));
        broken.map_or(Ok(()), Err)?;
        let before = running.driver.applied();
        running.driver.apply_done(done, time);
        // An install may have failed, as its snapshot was gone; then nothing is applied.
        if let Some(last) = install.filter(|last| running.driver.applied() == last.index) {
            self.oracles.machine.installed(number, last, &self.oracles.log)?;
            self.system.installed(&mut running.machine, last);
            let change = Change::Snapshot { last: last.index };
            self.system.changed(number, &change, &running.machine)?;
            self.marks.add(Mark::SnapshotInstalled, u64::from(before > 0));
            self.marks.add(Mark::DamageMended, u64::from(std::mem::take(&mut running.damaged)));
        }
        let fingerprint = self.system.fingerprint(&running.machine);
        self.oracles.machine.fingerprint(number, fingerprint)?;
        self.note(6, number, &[]);
        self.applying = true;
        let result = self.pump(number);
        self.applying = false;
        result
    }

    /// The disk has read what it was asked for.
    pub(super) fn read_done(&mut self, number: u64, life: u64) -> Result<(), Violation> {
        if self.nodes[number as usize].living(life).is_none()
            || self.postponed(number, || Event::ReadDone { node: number, life })
        {
            return Ok(());
        }
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(self.now);
        let Some(running) = &mut node.life else { return Ok(()) };
        let Some(job) = running.reading.pop_front() else { return Ok(()) };
        let done = job.run(&mut running.store);
        Trace::told(&mut self.trace, |trace| _ = trace.lead(What::ReadBack { node: number }));
        running.driver.log_read_done(done, time);
        self.marks.reach(Mark::LogReadBack);
        self.note(15, number, &[]);
        self.pump(number)
    }
}
