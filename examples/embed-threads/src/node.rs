//! The loop: wait for an event or the deadline, step, carry the actions out.

use std::{
    collections::{BTreeMap, VecDeque},
    path::PathBuf,
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError, Sender},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use quorate_core::{
    Action, Config, Configuration, Event, Halt, Index, Input, Misuse, NodeId, Persisted, Raft,
    RoleKind, SnapshotMeta, Timestamp,
};

use crate::{
    clients::Clients,
    disk::{Disk, Job},
    machine::Machine,
    store::Store,
    wire::{Done, Inbox, Look, Wire},
};

const MS: u64 = 1_000_000;

/// A snapshot is taken after so many entries.
const SNAPSHOT_INTERVAL: u64 = 170;

/// How a node starts. To found and to join are said once, by whoever sets the group up: a node whose
/// disk was lost must not find its own way to say them again.
pub(crate) enum Start {
    Found(Arc<Configuration>),
    Join,
    Again,
}

/// What a node leaves behind.
pub(crate) struct Left {
    pub(crate) machine: Machine,
    /// None where it died.
    pub(crate) halt: Option<Halt>,
}

pub(crate) struct Node {
    raft: Raft,
    /// What the loop itself has to step next.
    own: VecDeque<Input>,
    inbox: Receiver<Inbox>,
    disk: Sender<Job>,
    wire: Arc<Wire>,
    folder: PathBuf,
    epoch: Instant,
    machine: Machine,
    applied: Index,
    snapshot_at: Index,
    /// Snapshots that came in and are not installed yet.
    received: BTreeMap<Index, Arc<[u8]>>,
    clients: Clients,
    steps: u64,
    installs: u64,
    log_reads: u64,
    halt: Option<Halt>,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;
pub(crate) type NodeThread = JoinHandle<Result<Left, Failure>>;

pub(crate) fn config(id: NodeId, seed: u64) -> Config {
    Config {
        election_timeout: 150 * MS,
        heartbeat_interval: 30 * MS,
        transfer_timeout: 150 * MS,
        // `Instant` does not count time asleep on every platform, so nothing may rest on a lease.
        lease_reads: false,
        // Small, so that this program meets what a busy one meets.
        retain_entries: 60,
        cache_bytes: 1024,
        ..Config::new(id, seed)
    }
}

/// Opens the disk, and starts the node with the thread that writes for it.
pub(crate) fn start(
    config: Config,
    folder: PathBuf,
    start: Start,
    wire: &Arc<Wire>,
    epoch: Instant,
) -> Result<NodeThread, Failure> {
    let store = Store::open(&folder)?;
    let incarnation = store.incarnation();
    let persisted = match (store.persisted(), start) {
        (Some(loaded), _) => loaded,
        (None, Start::Found(configuration)) => Persisted::Bootstrap { configuration, incarnation },
        (None, Start::Join) => Persisted::Join { incarnation },
        (None, Start::Again) => return Err("the disk is empty: join under a new name".into()),
    };
    let id = config.node;
    let raft = Raft::restore(config, persisted, timestamp(epoch))?;
    let (sender, inbox) = mpsc::channel();
    let (disk, jobs) = mpsc::channel();
    wire.plug(id, sender.clone());
    let writer = Disk { store, jobs, node: sender, wire: wire.clone() };
    let writer = thread::spawn(move || writer.run());
    let node = Node {
        raft,
        own: VecDeque::new(),
        inbox,
        disk,
        wire: wire.clone(),
        folder,
        epoch,
        machine: Machine::default(),
        applied: 0,
        snapshot_at: 0,
        received: BTreeMap::new(),
        clients: Clients::default(),
        steps: 0,
        installs: 0,
        log_reads: 0,
        halt: None,
    };
    Ok(thread::spawn(move || {
        let left = node.run();
        // The file must be closed before another life opens it.
        writer.join().map_err(|_| "the disk's thread panicked")?;
        left
    }))
}

/// Nanoseconds of a clock that never goes back.
fn timestamp(epoch: Instant) -> Timestamp {
    Timestamp(epoch.elapsed().as_nanos() as u64)
}

impl Node {
    fn run(mut self) -> Result<Left, Failure> {
        let mut actions = Vec::new();
        while self.halt.is_none() {
            let Some(input) = self.next() else { break };
            // Read after the input was taken in: an older time would make a message look fresher.
            let at = timestamp(self.epoch);
            self.raft.step_into(Event { at, input }, &mut actions);
            self.raft.check()?;
            self.steps += 1;
            for action in actions.drain(..) {
                self.carry_out(action)?;
            }
        }
        self.wire.unplug(self.raft.node());
        Ok(Left { machine: self.machine, halt: self.halt })
    }

    /// The next thing that happens: sleeps until it does. None where this life is over.
    fn next(&mut self) -> Option<Input> {
        loop {
            if let Some(input) = self.own.pop_front() {
                return Some(input);
            }
            let got = match self.raft.deadline() {
                None => self.inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(due) => {
                    let left = due.0.saturating_sub(timestamp(self.epoch).0);
                    if left == 0 {
                        // Before the inbox, or a busy one would silence the heartbeats.
                        return Some(Input::Tick);
                    }
                    self.inbox.recv_timeout(Duration::from_nanos(left))
                }
            };
            match got {
                Ok(Inbox::Die) | Err(RecvTimeoutError::Disconnected) => return None,
                Ok(came) => {
                    let input = self.take(came);
                    self.own.extend(input);
                }
                Err(RecvTimeoutError::Timeout) => return Some(Input::Tick),
            }
        }
    }

    /// What came in, as the core's input, where it is one.
    fn take(&mut self, came: Inbox) -> Option<Input> {
        Some(match came {
            Inbox::Message { from, message } => Input::Receive { from, message },
            Inbox::Disk(Done::Written(seq)) => Input::Written { seq },
            Inbox::Disk(Done::Failed(seq)) => Input::WriteFailed { seq },
            Inbox::Disk(Done::LogRead { token, found }) => {
                self.log_reads += 1;
                Input::LogRead { token, found }
            }
            Inbox::Disk(Done::SnapshotSaved { index }) => Input::SnapshotTaken { index },
            Inbox::Disk(Done::SnapshotReceived { term, meta }) => {
                Input::SnapshotReceived { term, meta }
            }
            Inbox::Snapshot { term, meta, bytes } => {
                self.received.insert(meta.last.index, bytes.clone());
                self.work(Job::KeepSnapshot { term, meta, bytes });
                return None;
            }
            Inbox::Client(request) => self.clients.take(request),
            Inbox::Look(answer) => {
                // Whoever looks may be gone.
                let _ = answer.send(self.look());
                return None;
            }
            Inbox::Stop | Inbox::Die => Input::Stop,
        })
    }

    fn carry_out(&mut self, action: Action) -> Result<(), Failure> {
        match action {
            // Notices: now, in this order.
            Action::Accepted { request, log_id } => self.clients.accepted(request, log_id),
            Action::Refused { request, reason } => self.clients.refused(request, reason),
            Action::ReadReady { request, index } => {
                self.clients.read_ready(request, index);
                self.clients.answer_reads(self.applied, &self.machine);
            }
            Action::RoleChanged { .. }
            | Action::Transferred { .. }
            | Action::SnapshotWanted { .. }
            | Action::Lease { .. } => {}
            Action::Misuse(misuse) => return Err(broken(misuse)),
            Action::Halt(halt) => self.halt = Some(halt),
            // Writes: in order of `seq`, which is the order of the channel.
            Action::Write(write) => self.work(Job::Write(write)),
            // State machine work: by index, which is the order in which it comes.
            Action::Apply { entries } => {
                for entry in entries.iter() {
                    self.clients.apply(entry, &mut self.machine);
                    self.applied = entry.log_id.index;
                }
                self.worked();
            }
            Action::Install { meta } => {
                self.install(&meta)?;
                self.worked();
            }
            // The rest: whenever, and in any order.
            Action::Send { to, message } => {
                let from = self.raft.node();
                if !self.wire.send(to, Inbox::Message { from, message }) {
                    self.own.push_back(Input::PeerUnreachable { peer: to });
                }
            }
            Action::ReadLog { token, from, through, max_bytes, .. } => {
                self.work(Job::ReadLog { token, from, through, max_bytes });
            }
            Action::SendSnapshot { to, term, meta } => {
                self.work(Job::SendSnapshot { to, term, meta });
            }
            Action::Discard { meta } => {
                // Its file goes with the next snapshot that the log names.
                self.received.remove(&meta.last.index);
            }
        }
        Ok(())
    }

    fn work(&self, job: Job) {
        // A writer that is gone has said that a write failed: that ends this life in a moment.
        let _ = self.disk.send(job);
    }

    /// The state machine went on: tells the core, then whoever waited for it.
    fn worked(&mut self) {
        self.own.push_back(Input::Applied { index: self.applied });
        self.clients.answer_reads(self.applied, &self.machine);
        if self.applied >= self.snapshot_at + SNAPSHOT_INTERVAL {
            self.snapshot_at = self.applied;
            let bytes = self.machine.snapshot();
            self.work(Job::SaveSnapshot { index: self.applied, bytes });
        }
    }

    /// Puts a snapshot in place of the map: one that just came in, or after a restart the one that
    /// the disk holds.
    fn install(&mut self, meta: &SnapshotMeta) -> Result<(), Failure> {
        let index = meta.last.index;
        let bytes = match self.received.remove(&index) {
            Some(bytes) => bytes,
            None => std::fs::read(self.folder.join(format!("snapshot-{index}")))?.into(),
        };
        self.machine = Machine::from_snapshot(&bytes).ok_or("a snapshot says something else")?;
        (self.applied, self.snapshot_at) = (index, index);
        self.clients.installed(index);
        self.received.retain(|received, _| *received > index);
        self.installs += 1;
        Ok(())
    }

    fn look(&self) -> Look {
        let status = self.raft.status();
        let members = status.configuration;
        let is_settled = !members.is_joint() && status.configuration_index <= status.commit;
        Look {
            leads: status.role == RoleKind::Leader,
            applied: self.applied,
            voters: if is_settled { members.voters().to_vec() } else { Vec::new() },
            steps: self.steps,
            installs: self.installs,
            log_reads: self.log_reads,
        }
    }
}

/// This program broke the contract: to go on would be to guess.
fn broken(misuse: Misuse) -> Failure {
    misuse.to_string().into()
}
