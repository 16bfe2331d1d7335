//! The loop around the core, as a value: it takes events, hands out jobs, takes completions.
//!
//! It owns no thread, no clock and no executor. At most one write job is under way; all writes that
//! the core asks for meanwhile become the next job: one group commit. The state machine's work goes
//! one job at a time, too.

use std::{collections::VecDeque, sync::Arc};

use quorate_codec::TraceStart;
use quorate_core::{
    Action, Config, Entries, Event, Halt, Index, Input, LogFound, LogId, Message, NodeId,
    Persisted, Raft, Refusal, RequestId, RestoreError, Seq, SnapshotMeta, Timestamp, Write,
};

use crate::{
    Cause, ContractChecker, DriverCounters, Outcome, SnapshotSend, StoreError,
    jobs::{LogReadDone, LogReadJob, WriteDone, WriteJob},
    record::{Recorder, Tap},
    snapshot::Snapshots,
    tally::Tally,
    waiting::Waiting,
    work::{ApplyDone, ApplyJob, Done, EntriesJob, InstallJob, NotInstalled},
};

/// Work for the state machine.
#[derive(Clone, Debug)]
enum Work {
    Entries(Entries),
    Install(Arc<SnapshotMeta>),
}

/// A node's core with everything that waits around it.
#[derive(Clone, Debug)]
pub struct Driver<R> {
    raft: Raft,
    incarnation: u64,
    pub(crate) actions: Vec<Action>,
    writes: Vec<Write>,
    /// The last write of the job under way.
    writing: Option<Seq>,
    /// The last write that was asked for.
    last_write: Seq,
    log_reads: VecDeque<LogReadJob>,
    work: VecDeque<Work>,
    /// The last entry of the work under way.
    applying: Option<LogId>,
    applied: Index,
    /// Whether a snapshot was gone before it was installed: what follows builds on it, and waits
    /// for the newer one.
    awaits_install: bool,
    pub(crate) snapshots: Snapshots,
    sends: Vec<(NodeId, Message)>,
    outcomes: Vec<Outcome<R>>,
    pub(crate) waiting: Waiting,
    tap: Tap,
    tally: Tally,
    /// Why the node stopped, or is about to.
    cause: Option<Cause>,
    halted: bool,
    counters: DriverCounters,
    last_event: Timestamp,
}

impl<R: Clone> Driver<R> {
    /// Starts a node. The state machine must be as after `applied` of `persisted`: empty, where
    /// that is 0. Where the storage holds a snapshot beyond that, the first work is to install it.
    ///
    /// # Errors
    /// As [`Raft::restore`].
    pub fn restore(
        config: impl Into<Arc<Config>>,
        persisted: Persisted,
        now: Timestamp,
    ) -> Result<Driver<R>, RestoreError> {
        Driver::begin(config.into(), persisted, now, Tap::default())
    }

    /// As [`Driver::restore`], and records everything that the node is told from the start.
    ///
    /// # Errors
    /// As [`Raft::restore`].
    pub fn restore_recorded(
        config: impl Into<Arc<Config>>,
        persisted: Persisted,
        now: Timestamp,
        mut recorder: Recorder,
    ) -> Result<Driver<R>, RestoreError> {
        let config = config.into();
        let start = TraceStart { config, persisted, at: now };
        recorder.start(&start);
        let tap = Tap { recorder: Some(Box::new(recorder)), ..Tap::default() };
        Driver::begin(start.config, start.persisted, now, tap)
    }

    /// As [`Driver::restore`], and holds the host to the contract: for tests.
    ///
    /// # Errors
    /// As [`Raft::restore`].
    pub fn restore_checked(
        config: impl Into<Arc<Config>>,
        persisted: Persisted,
        now: Timestamp,
        checker: &ContractChecker,
    ) -> Result<Driver<R>, RestoreError> {
        let tap = Tap { checker: Some(checker.clone()), ..Tap::default() };
        Driver::begin(config.into(), persisted, now, tap)
    }

    fn begin(
        config: Arc<Config>,
        persisted: Persisted,
        now: Timestamp,
        tap: Tap,
    ) -> Result<Driver<R>, RestoreError> {
        let (applied, incarnation) = match &persisted {
            Persisted::Bootstrap { incarnation, .. } | Persisted::Join { incarnation } => {
                (0, *incarnation)
            }
            Persisted::Loaded { applied, incarnation, .. } => (*applied, *incarnation),
        };
        let mut driver = Driver {
            raft: Raft::restore(config, persisted, now)?,
            incarnation,
            actions: Vec::new(),
            writes: Vec::new(),
            writing: None,
            last_write: Seq { incarnation, number: 0 },
            log_reads: VecDeque::new(),
            work: VecDeque::new(),
            applying: None,
            applied,
            awaits_install: false,
            snapshots: Snapshots::default(),
            sends: Vec::new(),
            outcomes: Vec::new(),
            waiting: Waiting::default(),
            tap,
            tally: Tally::default(),
            cause: None,
            halted: false,
            counters: DriverCounters::default(),
            last_event: now,
        };
        // A first step lets the core ask for what a new group must write.
        driver.step(Input::Tick, now);
        Ok(driver)
    }

    /// The core, to look at.
    pub fn raft(&self) -> &Raft {
        &self.raft
    }

    /// What records this life, if anything does.
    pub fn recorder(&mut self) -> Option<&mut Recorder> {
        self.tap.recorder.as_deref_mut()
    }

    /// Ends the recording: what was recorded until now is a trace of its own.
    pub fn stop_recording(&mut self) -> Option<Recorder> {
        self.tap.recorder.take().map(|recorder| *recorder)
    }

    /// When [`Driver::tick`] is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.raft.deadline().into_iter().chain(self.snapshots.due).min()
    }

    /// The time of the last event.
    pub(crate) fn last_event(&self) -> Timestamp {
        self.last_event
    }

    /// Whether the node stopped for good.
    pub fn is_halted(&self) -> bool {
        self.halted
    }

    /// How often the core asked for what, in this life.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Why the node stopped for good, if it did.
    pub fn cause(&self) -> Option<&Cause> {
        self.cause.as_ref().filter(|_| self.halted)
    }

    /// The last index whose apply has completed.
    pub fn applied(&self) -> Index {
        self.applied
    }

    /// How often this life took the ways that are not seen from outside.
    pub fn counters(&self) -> DriverCounters {
        self.counters
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(crate) fn is_applying(&self) -> bool {
        self.applying.is_some()
    }

    /// The next group commit, unless one is under way or there is nothing to write.
    pub fn next_write(&mut self) -> Option<WriteJob> {
        if self.writing.is_some() {
            return None;
        }
        self.writing = Some(self.writes.last()?.seq);
        self.counters.joined_writes += u64::from(self.writes.len() > 1);
        Some(WriteJob { writes: std::mem::take(&mut self.writes) })
    }

    /// Takes a write job's completion. One of an earlier life changes nothing.
    pub fn write_done(&mut self, done: WriteDone, at: Timestamp) {
        if self.writing == Some(done.last) {
            self.writing = None;
        }
        let input = match done.result {
            Ok(()) => Input::Written { seq: done.last },
            Err(error) => {
                if done.first.incarnation == self.incarnation {
                    self.cause.get_or_insert(Cause::Store(error));
                }
                Input::WriteFailed { seq: done.first }
            }
        };
        self.step(input, at);
    }

    /// The next entries to read back, in any order with everything else but the writes that were
    /// handed out before: those come first.
    pub fn next_log_read(&mut self) -> Option<LogReadJob> {
        self.log_reads.pop_front()
    }

    /// Takes a log read's completion. One of an earlier life changes nothing.
    pub fn log_read_done(&mut self, done: LogReadDone, at: Timestamp) {
        let LogReadDone { token, from, result } = done;
        let found = match result {
            Ok(entries) => LogFound::Entries(entries),
            Err(StoreError::NotFound(_)) => {
                let is_discarded = from <= self.raft.status().log.base().index;
                self.counters.discarded_reads += u64::from(is_discarded);
                if is_discarded { LogFound::Compacted } else { LogFound::Missing }
            }
            Err(error) => {
                if token.incarnation == self.incarnation {
                    self.fail(Cause::Store(error), at);
                }
                return;
            }
        };
        self.step(Input::LogRead { token, found }, at);
    }

    /// The state machine's next work, unless some is under way or there is none.
    pub fn next_apply(&mut self) -> Option<ApplyJob> {
        if self.applying.is_some() {
            return None;
        }
        let incarnation = self.incarnation;
        loop {
            match self.work.pop_front()? {
                Work::Entries(entries) if self.awaits_install => {
                    self.counters.skipped_entries += entries.len();
                }
                Work::Entries(entries) => {
                    self.applying = entries.last();
                    return Some(ApplyJob::Entries(EntriesJob { incarnation, entries }));
                }
                Work::Install(meta) => {
                    self.awaits_install = false;
                    self.applying = Some(meta.last);
                    return Some(ApplyJob::Install(InstallJob { incarnation, meta }));
                }
            }
        }
    }

    /// Takes the completion of the state machine's work. One of an earlier life changes nothing: it
    /// speaks of another state machine.
    pub fn apply_done(&mut self, done: ApplyDone<R>, at: Timestamp) {
        if done.incarnation != self.incarnation || self.applying != done.work.last() {
            return;
        }
        self.applying = None;
        match done.work {
            Done::Applied { entries, responses } => {
                let (count, cost) = (entries.len(), entries.cost());
                self.snapshots.applied(count, cost, at);
                for (entry, response) in entries.iter().zip(&responses) {
                    self.applied = entry.log_id.index;
                    self.waiting.applied(entry.log_id, response, &mut self.outcomes);
                }
            }
            Done::Installed { last, result: Ok(()) } => {
                self.snapshots.begun();
                self.applied = last.index;
                let covered = self.waiting.installed(last, &mut self.outcomes);
                self.counters.covered_proposals += covered;
            }
            Done::Installed { last, result: Err(why) } => return self.not_installed(last, why, at),
        }
        self.waiting.ready(self.applied, &mut self.outcomes);
        self.step(Input::Applied { index: self.applied }, at);
    }

    fn not_installed(&mut self, last: LogId, why: NotInstalled, at: Timestamp) {
        let newest = self.raft.status().snapshot.map_or(0, |snapshot| snapshot.last.index);
        match why {
            // The store removed it when a newer one was named, which is to be installed next.
            NotInstalled::Gone if newest > last.index => {
                self.counters.gone_installs += 1;
                self.awaits_install = true;
            }
            NotInstalled::Gone => {
                let why = "it is not in the store".to_owned();
                self.fail(Cause::Install { last, why }, at);
            }
            NotInstalled::Unreadable(why) => self.fail(Cause::Install { last, why }, at),
        }
    }

    /// The messages to send now. Losing or delaying them is safe.
    pub fn drain_sends(&mut self) -> std::vec::Drain<'_, (NodeId, Message)> {
        self.sends.drain(..)
    }

    /// What became of requests, in order.
    pub fn drain_outcomes(&mut self) -> std::vec::Drain<'_, Outcome<R>> {
        self.outcomes.drain(..)
    }

    pub(crate) fn push_outcome(&mut self, outcome: Outcome<R>) {
        self.outcomes.push(outcome);
    }

    /// Steps the core with any input and takes its actions in. All that comes in passes here.
    pub(crate) fn step(&mut self, input: Input, at: Timestamp) {
        self.step_core(input, at);
        self.route();
    }

    /// Steps the core, and leaves its actions to be taken in by [`Driver::route`].
    pub(crate) fn step_core(&mut self, input: Input, at: Timestamp) {
        self.last_event = at;
        // Whoever was to be woken by it is awake, and asks again.
        self.snapshots.due.take_if(|due| *due <= at);
        let event = Event { at, input };
        let before = self.actions.len();
        if self.tap.is_open() {
            self.raft.step_into(event.clone(), &mut self.actions);
            self.tap.step(&event, &self.actions[before..]);
        } else {
            self.raft.step_into(event, &mut self.actions);
        }
        self.tally.add(&self.actions[before..]);
    }

    pub(crate) fn route(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            match action {
                Action::Write(write) => {
                    self.last_write = write.seq;
                    self.writes.push(write);
                }
                Action::Apply { entries } => self.work.push_back(Work::Entries(entries)),
                Action::Install { meta } => self.work.push_back(Work::Install(meta)),
                Action::Discard { meta } => self.snapshots.discards.push(meta),
                Action::ReadLog { token, from, through, max_bytes, .. } => {
                    self.log_reads.push_back(LogReadJob { token, from, through, max_bytes });
                }
                Action::SendSnapshot { to, term, meta } => {
                    self.snapshots.sends.push(SnapshotSend { to, term, meta });
                }
                Action::Send { to, message } => self.sends.push((to, message)),
                Action::Accepted { request, log_id } => self.waiting.accept(vec![request], log_id),
                Action::Refused { request, reason } => self.refused(vec![request], reason),
                Action::ReadReady { request, index } => self.read_ready(request, index),
                Action::Transferred { request } => {
                    self.outcomes.push(Outcome::Transferred { request });
                }
                Action::SnapshotWanted { .. } => self.snapshots.wanted = true,
                Action::Lease { until } => self.outcomes.push(Outcome::Lease { until }),
                Action::RoleChanged { role, term, leader } => {
                    self.outcomes.push(Outcome::RoleChanged { role, term, leader });
                }
                Action::Misuse(misuse) => self.outcomes.push(Outcome::Misuse(misuse)),
                Action::Halt(halt) => self.halt(halt),
            }
        }
        self.actions = actions;
    }

    pub(crate) fn refused(&mut self, requests: Vec<RequestId>, reason: Refusal) {
        let refused = requests.into_iter().map(|request| Outcome::Refused { request, reason });
        self.outcomes.extend(refused);
    }

    fn read_ready(&mut self, request: RequestId, index: Index) {
        if index <= self.applied {
            self.outcomes.push(Outcome::ReadReady { request, index });
        } else {
            self.waiting.read(request, index);
        }
    }

    /// Stops for a reason that the core cannot see. To the core it is a disk that failed: what it
    /// knows of that is not to be trusted any more.
    fn fail(&mut self, cause: Cause, at: Timestamp) {
        if !self.halted {
            self.cause = Some(cause);
            self.step(Input::WriteFailed { seq: self.last_write }, at);
        }
    }

    /// Answers all that is pending: what was accepted may yet be committed by the others.
    fn halt(&mut self, halt: Halt) {
        self.halted = true;
        let (proposals, reads) = self.waiting.take();
        self.outcomes.extend(proposals.into_iter().map(|request| Outcome::Unknown { request }));
        self.refused(reads, Refusal::Halted);
        self.writes.clear();
        self.log_reads.clear();
        self.work.clear();
        self.sends.clear();
        self.snapshots = Snapshots::default();
        let cause = self.cause.get_or_insert(Cause::Core(halt)).clone();
        self.outcomes.push(Outcome::Halted(cause));
    }
}
