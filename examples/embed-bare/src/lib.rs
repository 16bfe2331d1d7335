//! Raft on a microcontroller: `no_std` with an allocator, no thread, no executor.
//!
//! Interrupts leave what came in with the drivers behind [`Clock`], [`Radio`] and [`Flash`]; the main
//! loop handles it and sleeps:
//!
//! ```text
//! loop {
//!     match node.poll() {
//!         Next::At(wake) => timer.arm(wake),  // its interrupt ends the sleep
//!         Next::Event => timer.disarm(),
//!         Next::Halted(why) => report(why),
//!     }
//!     cortex_m::asm::wfi();
//! }
//! ```
//!
//! The same code runs three nodes on the host: `tests/three.rs`.
#![no_std]

extern crate alloc;

use alloc::{collections::VecDeque, sync::Arc, vec::Vec};

use quorate_core::{
    Action, Config, Consistency, Event, Halt, Index, Input, LogFound, LogId, Message, NodeId,
    Payload, Persisted, Raft, Refusal, RequestId, RestoreError, Seq, SnapshotMeta, Status, Term,
    Timestamp, Write, commands,
};

const KIB: u64 = 1024;

/// A counter that never stops and never goes back, also not in deep sleep.
pub trait Clock {
    /// Nanoseconds since any moment.
    fn now(&self) -> Timestamp;
}

/// What goes over the air. A driver encodes it, and drops whatever it cannot decode.
#[derive(Clone, Debug)]
pub enum Frame {
    /// One node speaks to another.
    Message(Message),
    /// A leader's state, for a node that is too far behind: small here, so one frame takes it.
    Snapshot {
        /// The leader's term.
        term: Term,
        /// What it stands for.
        meta: Arc<SnapshotMeta>,
        /// The application's bytes.
        state: Arc<[u8]>,
    },
}

/// Frames in and out. Losing some is no harm.
pub trait Radio {
    /// The oldest frame that an interrupt has left.
    fn receive(&mut self) -> Option<(NodeId, Frame)>;
    /// Puts a frame into the transmitter's queue; never waits.
    fn send(&mut self, to: NodeId, frame: Frame);
}

/// Memory that keeps. `begin` starts, an interrupt ends: the loop never waits for a page to be
/// written.
pub trait Flash {
    /// Begins to write, behind the writes that were begun before.
    fn begin(&mut self, write: Write);
    /// The newest write that is now durable with all before it, or the first that failed; each is
    /// told once.
    fn finished(&mut self) -> Option<Result<Seq, Seq>>;
    /// Reads entries, the first of them at least.
    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> LogFound;
    /// Keeps the application's state at `index`, until a write names a newer one; false where it
    /// could not.
    fn save_snapshot(&mut self, index: Index, state: &[u8]) -> bool;
    /// What was saved at `index`.
    fn load_snapshot(&mut self, index: Index) -> Option<Arc<[u8]>>;
}

/// What the group agrees on.
pub trait Application {
    /// The next command.
    fn apply(&mut self, command: &[u8]);
    /// A read may be answered now: nothing newer was acknowledged before it was asked.
    fn read_ready(&mut self, request: RequestId);
    /// A read was surely not done.
    fn read_refused(&mut self, request: RequestId, reason: Refusal);
    /// All of the state.
    fn snapshot(&self) -> Vec<u8>;
    /// What [`Application::snapshot`] gave, here or elsewhere.
    fn restore(&mut self, state: &[u8]);
}

/// What the main loop does after [`Node::poll`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Sleep until an interrupt, or until then.
    At(Timestamp),
    /// Sleep until an interrupt.
    Event,
    /// Never call it again: only a new start goes on.
    Halted(Stopped),
}

/// Why a node stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// The core says so.
    Halted(Halt),
    /// A snapshot that was durable is gone.
    SnapshotLost,
    /// This crate or a driver broke the core's contract.
    Misuse,
}

/// Knobs for little memory: some tens of kilobytes.
pub fn small_config(node: NodeId, seed: u64) -> Config {
    Config {
        max_message_bytes: KIB,
        max_inflight_messages: 4,
        max_inflight_bytes: 4 * KIB,
        max_uncommitted_bytes: 4 * KIB,
        max_apply_bytes: KIB,
        max_unapplied_bytes: KIB,
        max_pending_reads: 16,
        cache_bytes: 2 * KIB,
        retain_entries: 16,
        ..Config::new(node, seed)
    }
}

/// A node with its drivers.
pub struct Node<C, R, F, A> {
    raft: Raft,
    clock: C,
    radio: R,
    flash: F,
    application: A,
    /// What this node itself has to step next.
    own: VecDeque<Input>,
    /// Given back empty by each step, so that steps allocate nothing of their own.
    actions: Vec<Action>,
    /// Reads that wait for an index.
    reads: Vec<(Index, RequestId)>,
    /// The answer to the proposal that is being stepped.
    proposed: Option<Result<LogId, Refusal>>,
    applied: Index,
    snapshot_at: Index,
    /// A snapshot is taken after so many entries.
    snapshot_interval: u64,
    stopped: Option<Stopped>,
}

impl<C: Clock, R: Radio, F: Flash, A: Application> Node<C, R, F, A> {
    /// Starts from what the flash holds.
    ///
    /// # Errors
    /// [`RestoreError`] where it contradicts itself or the knobs are out of range.
    pub fn start(
        config: Config,
        persisted: Persisted,
        (clock, radio, flash): (C, R, F),
        application: A,
        snapshot_interval: u64,
    ) -> Result<Self, RestoreError> {
        let raft = Raft::restore(config, persisted, clock.now())?;
        Ok(Node {
            raft,
            clock,
            radio,
            flash,
            application,
            own: VecDeque::new(),
            actions: Vec::new(),
            reads: Vec::new(),
            proposed: None,
            applied: 0,
            snapshot_at: 0,
            snapshot_interval,
            stopped: None,
        })
    }

    /// Handles all that interrupts have left, and what follows from it.
    pub fn poll(&mut self) -> Next {
        while self.stopped.is_none() {
            let Some(input) = self.next() else { break };
            self.step(input);
        }
        match (self.stopped, self.raft.deadline()) {
            (Some(why), _) => Next::Halted(why),
            (None, Some(due)) => Next::At(due),
            (None, None) => Next::Event,
        }
    }

    /// Puts a command into the log: where it stands now. Not yet committed: it is done if the entry
    /// that is applied there has this term.
    ///
    /// # Errors
    /// [`Refusal`] where this node does not lead, or has too much under way.
    pub fn propose(&mut self, command: Vec<u8>) -> Result<LogId, Refusal> {
        let commands = commands([command]);
        self.step(Input::Propose { request: 0, commands, expected_term: None });
        self.proposed.take().unwrap_or(Err(Refusal::Halted))
    }

    /// Asks for a linearizable read, at any node. `request` names it, and is not 0.
    pub fn read(&mut self, request: RequestId) {
        self.step(Input::Read { request, consistency: Consistency::Linearizable });
    }

    /// The application.
    pub fn application(&self) -> &A {
        &self.application
    }

    /// A look at the node.
    pub fn status(&self) -> Status<'_> {
        self.raft.status()
    }

    /// Power is gone: what is left is the flash.
    pub fn into_flash(self) -> F {
        self.flash
    }

    fn next(&mut self) -> Option<Input> {
        if let Some(input) = self.own.pop_front() {
            return Some(input);
        }
        // Before the radio, or a busy one would silence the heartbeats.
        if self.raft.deadline().is_some_and(|due| due <= self.clock.now()) {
            return Some(Input::Tick);
        }
        match self.flash.finished() {
            Some(Ok(seq)) => return Some(Input::Written { seq }),
            Some(Err(seq)) => return Some(Input::WriteFailed { seq }),
            None => {}
        }
        let (from, frame) = self.radio.receive()?;
        Some(match frame {
            Frame::Message(message) => Input::Receive { from, message },
            Frame::Snapshot { term, meta, state } => {
                // Durable, and only then reported. One that could not be kept comes again.
                if !self.flash.save_snapshot(meta.last.index, &state) {
                    return self.next();
                }
                Input::SnapshotReceived { term, meta }
            }
        })
    }

    fn step(&mut self, input: Input) {
        let mut actions = core::mem::take(&mut self.actions);
        self.raft.step_into(Event { at: self.clock.now(), input }, &mut actions);
        for action in actions.drain(..) {
            self.carry_out(action);
        }
        self.actions = actions;
    }

    fn carry_out(&mut self, action: Action) {
        match action {
            Action::Accepted { log_id, .. } => self.proposed = Some(Ok(log_id)),
            Action::Refused { request: 0, reason } => self.proposed = Some(Err(reason)),
            Action::Refused { request, reason } => self.application.read_refused(request, reason),
            Action::ReadReady { request, index } => {
                self.reads.push((index, request));
                self.answer_reads();
            }
            Action::RoleChanged { .. }
            | Action::Transferred { .. }
            | Action::SnapshotWanted { .. }
            | Action::Lease { .. } => {}
            Action::Misuse(_) => self.stopped = Some(Stopped::Misuse),
            Action::Halt(halt) => self.stopped = Some(Stopped::Halted(halt)),
            Action::Write(write) => self.flash.begin(write),
            Action::Apply { entries } => {
                for entry in entries.iter() {
                    if let Payload::Command(command) = entry.payload {
                        self.application.apply(command);
                    }
                    self.applied = entry.log_id.index;
                }
                self.worked();
            }
            Action::Install { meta } => self.install(meta.last.index),
            // It goes when a write names a newer one.
            Action::Discard { .. } => {}
            Action::Send { to, message } => self.radio.send(to, Frame::Message(message)),
            Action::ReadLog { token, from, through, max_bytes, .. } => {
                let found = self.flash.read(from, through, max_bytes);
                self.own.push_back(Input::LogRead { token, found });
            }
            Action::SendSnapshot { to, term, meta } => {
                if let Some(state) = self.flash.load_snapshot(meta.last.index) {
                    self.radio.send(to, Frame::Snapshot { term, meta, state });
                }
            }
        }
    }

    fn worked(&mut self) {
        self.own.push_back(Input::Applied { index: self.applied });
        self.answer_reads();
        if self.applied < self.snapshot_at + self.snapshot_interval {
            return;
        }
        let state = self.application.snapshot();
        if self.flash.save_snapshot(self.applied, &state) {
            self.snapshot_at = self.applied;
            self.own.push_back(Input::SnapshotTaken { index: self.applied });
        }
    }

    fn install(&mut self, index: Index) {
        let Some(state) = self.flash.load_snapshot(index) else {
            self.stopped = Some(Stopped::SnapshotLost);
            return;
        };
        self.application.restore(&state);
        (self.applied, self.snapshot_at) = (index, index);
        self.worked();
    }

    fn answer_reads(&mut self) {
        let (applied, application) = (self.applied, &mut self.application);
        self.reads.retain(|(index, request)| {
            let is_ready = *index <= applied;
            if is_ready {
                application.read_ready(*request);
            }
            !is_ready
        });
    }
}
