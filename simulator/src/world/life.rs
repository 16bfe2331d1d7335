//! A node's process: how it starts, what comes in, how it ends.

use bytes::Bytes;
use quorate_core::{HardState, NodeId, Timestamp, Write};
use quorate_driver::{Driver, LogStore, Recovered};

use super::{Event, Work, World};
use crate::{
    choices::{Chance, Series, Stream},
    disk::SimDisk,
    marks::Mark,
    node::{Life, Service},
    oracle::{Violation, durable::Mirror, election::View, step::Heard},
    plan::{Fault, MessageKind, Pattern},
    profile::{MILLISECOND, Settings},
    store::{self, Store},
    system::System,
    trace::{Trace, What},
};

/// Asks the disk itself, not the log that said so, whether what was reported durable is: a copy of
/// the disk loses its power at once, and opening the log on it must give back all of it.
pub(super) fn probe(
    number: u64,
    mirror: &Mirror,
    disk: &SimDisk,
    settings: &Settings,
    chance: u64,
) -> Result<(), Violation> {
    let copy = disk.deep_copy();
    copy.lose_power(chance);
    copy.limit(None);
    let failed = |error: String| Violation::OpenFailed { node: number, error };
    let (mut store, recovered) = store::open(&copy, NodeId::of(number + 1), settings)
        .map_err(|error| failed(error.to_string()))?;
    let entries =
        store::read_all(&mut store, &recovered).map_err(|error| failed(error.to_string()))?;
    mirror.probe(number, &recovered, &entries)
}

/// The core starts with what the disk held; but a group of one may campaign at once.
pub(super) fn starts_where_it_stood(
    node: u64,
    held: HardState,
    found: HardState,
) -> Result<(), Violation> {
    let same = (held.term, held.voted_for) == (found.term, found.voted_for);
    let is_new = held.term == 0 || found.term > held.term;
    if found.promise >= held.promise && (same || is_new) {
        return Ok(());
    }
    Err(Violation::RestoredOther { node, found, held })
}

/// Whether writes carry another term or vote than what a disk holds.
pub(super) fn is_of_new_term(held: HardState, writes: &[Write]) -> bool {
    let last = writes.last().map(|write| write.hard_state);
    last.is_some_and(|last| (last.term, last.voted_for) != (held.term, held.voted_for))
}

impl<S: System> World<S> {
    /// Starts a node from what its disk holds.
    pub(super) fn start(&mut self, number: u64) -> Result<(), Violation> {
        let at = number as usize;
        let node = &mut self.nodes[at];
        node.lives += 1;
        self.oracles.storms.reason(1);
        self.oracles.machine.restart(number);
        let opened = store::open(&node.disk, node.id, &self.settings);
        if node.disk.has_stopped() {
            self.marks.reach(Mark::StoppedInOpen);
            return self.start_failed(number);
        }
        let is_damaged = node.disk.is_damaged();
        let (store, recovered) = match opened {
            Ok(opened) => opened,
            Err(error) if is_damaged => return self.refuse(number, &error),
            Err(_) if node.disk.has_failed() => return self.start_failed(number),
            Err(error) => {
                return Err(Violation::OpenFailed { node: number, error: error.to_string() });
            }
        };
        node.disk.disarm();
        self.start_with(number, store, recovered)
    }

    /// Starts a node whose log is open.
    fn start_with(
        &mut self,
        number: u64,
        mut store: Store,
        recovered: Recovered,
    ) -> Result<(), Violation> {
        let at = number as usize;
        let node = &mut self.nodes[at];
        let failed = |error: String| Violation::OpenFailed { node: number, error };
        let entries =
            store::read_all(&mut store, &recovered).map_err(|error| failed(error.to_string()))?;
        self.marks.add(Mark::TornBatchMet, u64::from(store.counters().torn));
        self.marks.add(Mark::LastBatchRewritten, u64::from(store.counters().rewritten));
        let mirror = &mut self.oracles.durable[at];
        let found = mirror.recover(number, &recovered, &entries)?;
        self.marks.add(Mark::UntoldWriteRecovered, u64::from(found.kept > 0));
        self.marks.add(Mark::PartOfGroupRecovered, u64::from(found.kept > 0 && found.lost > 0));
        self.marks.add(Mark::GroupLost, u64::from(found.kept == 0 && found.lost > 0));
        let held = mirror.hard_state();
        let begins = recovered.found.as_ref().and_then(|found| found.snapshot.as_ref());
        self.marks.add(Mark::StartedFromSnapshot, u64::from(begins.is_some()));
        let persisted = if number < self.settings.nodes {
            recovered.found_or_bootstrap(self.founding.clone())
        } else {
            recovered.found_or_join()
        };
        let driver = Driver::restore(node.config.clone(), persisted, node.clock.read(self.now))
            .map_err(|error| Violation::RestoreFailed { node: number, error: error.to_string() })?;
        let status = driver.raft().status();
        let (term, voted_for, promise) = (status.term, status.voted_for, status.promise);
        starts_where_it_stood(number, held, HardState { term, voted_for, promise })?;
        let (view, members) = (View::of(&status), status.configuration.clone());
        let time = node.clock.read(self.now);
        self.oracles.rules.begin(number, &node.config, &status, time)?;
        node.life = Some(Life::new(driver, store, self.system.machine(), view, members));
        self.note(1, number, &[]);
        self.tell_start(number, (found.kept, found.lost));
        if self.nodes[at].lives > 1 {
            self.restarted(number);
        }
        self.pump(number)
    }

    /// A node is up again.
    fn restarted(&mut self, number: u64) {
        self.stats.restarts += 1;
        let node = &self.nodes[number as usize];
        if node.late.is_some() {
            let life = node.lives;
            let delay = self.work(number, Work::LateCompletion, 50 * MILLISECOND);
            self.push(delay, Event::LateCompletion { node: number, life });
        }
        self.observe(Pattern::Restarted, number);
    }

    /// The log did not open, as the disk stopped or failed: another try a little later.
    pub(super) fn start_failed(&mut self, number: u64) -> Result<(), Violation> {
        let series = Series { kind: 1, epoch: 0 };
        let [power, chance] = self.choices.next_of(Stream::Disk(number), series, [2, u64::MAX]);
        self.tell_lead(|| What::StartFailed { node: number });
        let node = &mut self.nodes[number as usize];
        if power == 1 {
            node.disk.lose_power(chance)
        } else {
            node.disk.kill(chance)
        }
        let lives = node.lives;
        self.push(self.until_next_try(number), Event::Restart { node: number, lives });
        Ok(())
    }

    /// The time has come to start a node again.
    pub(super) fn restart(&mut self, number: u64, lives: u64) -> Result<(), Violation> {
        let node = &self.nodes[number as usize];
        if node.life.is_some() || node.lives != lives || node.service != Service::Active {
            return Ok(());
        }
        let (stream, series) = (Stream::Disk(number), Series { kind: 2, epoch: 0 });
        let [stops, after, chance] = self.choices.next_of(stream, series, [8, 24, u64::MAX]);
        let crashes = self.settings.families.crashes || self.settings.families.triggers;
        if self.healed_at.is_none() && crashes && stops == 7 {
            self.nodes[number as usize].disk.stop_after(after, chance);
        }
        self.start(number)
    }

    /// A process ends; what its disk was writing gets as far as is drawn.
    pub(super) fn crash(&mut self, number: u64, fault: Fault, mut chance: Chance) {
        let [rare, first, later, torn, chance] =
            [3, 3, 12, u64::MAX, u64::MAX].map(|bound| chance.below(bound));
        // Mostly within the write or its sync; sometimes within the changes of a new segment.
        let after = match fault {
            Fault::PowerLossInWrite { after } => after,
            _ if rare == 2 => later,
            _ => first,
        };
        let node = &mut self.nodes[number as usize];
        let lost = self.trace.as_ref().map_or(0, |_| node.disk.counters().lost_sectors);
        node.paused_until = 0;
        node.slow.busy_until = 0;
        let Some(mut life) = node.life.take() else {
            // Down already: a killed machine may still lose its power.
            if fault.loses_power() {
                self.marks.reach(Mark::PowerLostWhileDown);
                node.disk.lose_power(chance);
                self.tell_crash(number, fault, false, lost);
            }
            return;
        };
        let writing = life.writing.is_some();
        if let Some(job) = life.writing.take() {
            self.marks.reach(Mark::CrashedWhileWriting);
            let held = self.oracles.durable[number as usize].hard_state();
            self.marks.add(Mark::CrashedSavingTerm, u64::from(is_of_new_term(held, job.writes())));
            node.disk.disarm();
            node.disk.stop_after(after, torn);
            let _ = life.store.write(job.writes());
            node.late = Some(job);
        } else if let Some(mut taking) = life.taking.take() {
            node.disk.disarm();
            node.disk.stop_after(after, torn);
            let _ = taking.write_some(&mut life.store);
        }
        super::stats::mark_driver(&mut self.marks, life.driver.counters());
        self.marks.add(Mark::CrashedBeforeReceived, u64::from(life.kept > 0));
        self.marks.add(Mark::CrashedInJoint, u64::from(life.members.is_joint()));
        node.stopping = None;
        if fault.loses_power() {
            node.disk.lose_power(chance);
        } else {
            node.disk.kill(chance);
        }
        self.note(2, number, &[]);
        self.tell_crash(number, fault, writing, lost);
        if self.nodes.iter().all(|node| node.life.is_none()) && self.nodes.len() > 1 {
            self.marks.reach(Mark::AllDown);
        }
        self.hang_up(number);
    }

    /// A message arrives.
    pub(super) fn deliver(
        &mut self,
        from: u64,
        to: u64,
        life: u64,
        bytes: Bytes,
    ) -> Result<(), Violation> {
        if self.postponed(to, || Event::Deliver { from, to, life, bytes: bytes.clone() }) {
            return Ok(());
        }
        if self.nodes[from as usize].lives != life {
            self.marks.reach(Mark::OldLifeMessage);
        }
        let sender = self.nodes[from as usize].id;
        let node = &mut self.nodes[to as usize];
        let at = node.clock.read(self.now);
        let heard = node.life.is_some();
        if !heard && self.trace.is_none() {
            return Ok(());
        }
        let message = quorate_codec::decode_message(bytes)
            .map_err(|error| Violation::Codec { node: from, detail: error.to_string() })?;
        let kind = MessageKind::of(&message.body);
        self.tell_delivery(from, to, &message, heard);
        let Some(running) = &mut self.nodes[to as usize].life else { return Ok(()) };
        let taken = Heard::of(sender, &message);
        running.driver.receive(sender, message, at);
        self.judge(to, taken, at)?;
        self.note(3, from << 8 | to, &[]);
        self.observe(Pattern::Received(kind), to);
        self.pump(to)
    }

    /// A deadline may have come.
    pub(super) fn tick(
        &mut self,
        number: u64,
        life: u64,
        deadline: Timestamp,
    ) -> Result<(), Violation> {
        let (now, at) = (self.now, number as usize);
        if self.nodes[at].living(life).is_none_or(|running| running.tick_at != Some(deadline)) {
            return Ok(());
        }
        if self.postponed(number, || Event::Tick { node: number, life, deadline }) {
            return Ok(());
        }
        let node = &mut self.nodes[at];
        let time = node.clock.read(now);
        let Some(running) = &mut node.life else { return Ok(()) };
        running.tick_at = None;
        if running.driver.deadline().is_some_and(|deadline| deadline <= time) {
            Trace::told(&mut self.trace, |trace| trace.timer(number));
            running.driver.tick(time);
            self.oracles.storms.reason(1);
            self.judge(number, Heard::Tick, time)?;
            self.note(4, number, &[]);
            return self.pump(number);
        }
        if self.system.wake_at(&running.machine).is_some_and(|at| at <= time) {
            Trace::told(&mut self.trace, |trace| trace.timer(number));
            self.note(24, number, &[]);
            return self.pump(number);
        }
        self.schedule_tick(number);
        Ok(())
    }

    /// Puts a tick into the queue for the next deadline, unless there is one.
    pub(super) fn schedule_tick(&mut self, number: u64) {
        let node = &mut self.nodes[number as usize];
        let life = node.lives;
        let Some(running) = &mut node.life else { return };
        let deadlines = [running.driver.deadline(), self.system.wake_at(&running.machine)];
        let Some(deadline) = deadlines.into_iter().flatten().min() else { return };
        if running.tick_at.is_some_and(|earlier| earlier <= deadline) {
            return;
        }
        running.tick_at = Some(deadline);
        let at = node.clock.when(deadline).max(self.now);
        self.push_at(at, Event::Tick { node: number, life, deadline });
    }
}
