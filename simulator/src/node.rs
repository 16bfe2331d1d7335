//! One node: what outlives its process, and the process while it lives.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use quorate_core::{Config, Configuration, EntryRef, Nanos, NodeId, RequestId, Timestamp};
use quorate_driver::{
    ApplyJob, Driver, InstallError, LogReadJob, SerializeState, SnapshotBytes, StateMachine, Tally,
    WriteJob,
};

use crate::{
    choices::{Choices, Stream},
    clock::Clock,
    disk::SimDisk,
    oracle::{Oracles, Violation, durable::Mirror, election::View},
    profile::{SECOND, Settings},
    store::Store,
    system::{Change, KvSystem, ResponseOf, System, hash_of},
};

/// A machine of the cluster.
pub struct Node<S: System = KvSystem> {
    /// Counted from 0.
    pub number: u64,
    /// Its name in the group: one more than `number`.
    pub id: NodeId,
    /// Its knobs.
    pub config: Arc<Config>,
    /// Its disk.
    pub disk: SimDisk,
    /// Its clock.
    pub clock: Clock,
    /// Its process, while it runs.
    pub life: Option<Life<S>>,
    /// How many lives have begun; names the present one.
    pub lives: u64,
    /// Until then the process stands still.
    pub paused_until: Nanos,
    /// How slow its process is.
    pub slow: Slow,
    /// Until then no write completes.
    pub stalled_until: Nanos,
    /// How many more times it shall crash soon after its start.
    pub crash_again: u64,
    /// What an earlier life was writing, whose completion has not come yet.
    pub late: Option<WriteJob>,
    /// When it is to start again, where it was asked to stop.
    pub stopping: Option<Nanos>,
    /// Whether it is of use.
    pub service: Service,
    /// Who took its place, once it was gone for good.
    pub replacement: Option<u64>,
    /// Its disk takes so many times as long, until then.
    pub slow_disk: (u64, Nanos),
    /// What its disk will go back to.
    pub past: Option<Box<Past>>,
}

/// Whether a machine is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// It stands by, empty, and was never started.
    Reserve,
    /// It runs, or is down for a while.
    Active,
    /// It is gone for good, or refuses to start: its id is never used again.
    Retired,
}

/// What a disk held once, and what the oracles know of that.
pub struct Past {
    /// The disk.
    pub disk: SimDisk,
    /// What was durable on it.
    pub mirror: Mirror,
}

/// A process each of whose steps takes long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slow {
    /// How long.
    pub by: Nanos,
    /// Until when; then it catches up.
    pub until: Nanos,
    /// Until then it works on what came before.
    pub busy_until: Nanos,
}

/// A running process.
pub struct Life<S: System = KvSystem> {
    /// The real driver.
    pub driver: Driver<ResponseOf<S>>,
    /// The real log.
    pub store: Store,
    /// The real state machine.
    pub machine: S::Machine,
    /// What the disk is writing.
    pub writing: Option<WriteJob>,
    /// What is being read back from the log, oldest first.
    pub reading: VecDeque<LogReadJob>,
    /// What the state machine is applying.
    pub applying: Option<ApplyJob>,
    /// What the oracles saw last.
    pub view: View,
    /// The deadline for which a tick is in the queue.
    pub tick_at: Option<Timestamp>,
    /// How many segments the log has begun after its first.
    pub rolls: u64,
    /// Proposals that wait to be proposed together.
    pub inbox: Vec<(RequestId, Bytes)>,
    /// The configuration in force when the oracles looked last.
    pub members: Configuration,
    /// The snapshot that is being kept.
    pub taking: Option<SnapshotBytes>,
    /// Whether somebody asked for a snapshot.
    pub snapshot_asked: bool,
    /// Snapshots of others that are durable and of which the core does not know yet.
    pub kept: u64,
    /// Whether the state machine waits for a snapshot.
    pub damaged: bool,
    /// Until then other threads answer reads.
    pub published: Option<Timestamp>,
    /// What the core had asked for when faults that wait for that looked last.
    pub asked: Tally,
}

impl<S: System> Life<S> {
    /// A process that has just started, with an empty state machine. `view` is what it shows.
    pub fn new(
        driver: Driver<ResponseOf<S>>,
        store: Store,
        machine: S::Machine,
        view: View,
        members: Configuration,
    ) -> Life<S> {
        Life {
            driver,
            store,
            machine,
            writing: None,
            reading: VecDeque::new(),
            applying: None,
            // All that is committed is new to the oracles.
            view: View { commit: 0, ..view },
            tick_at: None,
            rolls: 0,
            inbox: Vec::new(),
            members,
            taking: None,
            snapshot_asked: false,
            kept: 0,
            damaged: false,
            published: None,
            asked: Tally::default(),
        }
    }
}

impl<S: System> Node<S> {
    /// An empty machine.
    pub fn new(choices: &mut Choices, settings: &Settings, number: u64) -> Node<S> {
        let config = settings.config(number, choices.draw(Stream::Core(number), u64::MAX));
        Node {
            number,
            id: config.node,
            config: Arc::new(config),
            disk: SimDisk::new(),
            clock: Clock::new(SECOND + choices.draw(Stream::Clock(number), 3_600 * SECOND)),
            life: None,
            lives: 0,
            paused_until: 0,
            slow: Slow::default(),
            stalled_until: 0,
            crash_again: 0,
            late: None,
            stopping: None,
            service: if number < settings.first_nodes() {
                Service::Active
            } else {
                Service::Reserve
            },
            replacement: None,
            slow_disk: (1, 0),
            past: None,
        }
    }

    /// What its clock shows.
    pub fn time(&self, now: Nanos) -> Timestamp {
        self.clock.read(now)
    }

    /// The process, if it is this life.
    pub fn living(&mut self, life: u64) -> Option<&mut Life<S>> {
        if self.lives == life { self.life.as_mut() } else { None }
    }
}

/// The state machine, with each entry, its answer and the state behind it shown to the oracles.
pub struct Judged<'a, S: System> {
    /// Whose.
    pub node: u64,
    /// The machine.
    pub machine: &'a mut S::Machine,
    /// The machine's own oracle.
    pub system: &'a mut S,
    /// Those of Raft.
    pub oracles: &'a mut Oracles,
    /// The first thing that an oracle found wrong.
    pub broken: Option<Violation>,
}

impl<S: System> Judged<'_, S> {
    fn judge(&mut self, entry: EntryRef<'_>, response: &ResponseOf<S>) -> Result<(), Violation> {
        let answer = hash_of(self.system, response, self.machine);
        let Oracles { machine, log, .. } = &mut *self.oracles;
        machine.applied(self.node, entry, answer, log)?;
        self.system.changed(self.node, &Change::Entry { entry, response }, self.machine)
    }
}

impl<S: System> StateMachine for Judged<'_, S> {
    type Response = ResponseOf<S>;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Self::Response {
        let response = self.machine.apply_entry(entry);
        if self.broken.is_none() {
            self.broken = self.judge(entry, &response).err();
        }
        response
    }

    fn snapshot(&self) -> SerializeState {
        self.machine.snapshot()
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        self.machine.install(bytes)
    }
}
