//! The task that owns a node: takes what came in, steps it all, then starts what is due.

use std::{
    sync::{Arc, RwLock},
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate_core::{Message, NodeId, RequestId, Timestamp};
use quorate_driver::{
    ApplyDone, ApplyJob, Driver, LogStore, Outcome, SnapshotPolicy, StateMachine,
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tracing::{Instrument, error, info, info_span};

use crate::{
    Clock, Contact, Early, Membership, Net, NodeHandle, NodeStatus, SnapshotError, SnapshotFrame,
    TransferError,
    answers::{Answers, status_of},
    events::Events,
    handle::{ProposeReply, Request},
    metrics::{Labels, StoreMetrics, TaskMetrics, Waiting},
    published::Published,
    store::{self, Jobs, StoreDone, StoreJob, StoreThread},
    turn::{Fetched, Sources, Turn},
};

/// How long a node that is asked to stop goes on for proposals that it accepted.
const STOP_TIMEOUT_NANOS: u64 = 2_000_000_000;

/// What a node is made of.
pub struct NodeParts<M: StateMachine, S> {
    /// The node, just restored.
    pub driver: Driver<M::Response>,
    /// Where it writes.
    pub store: S,
    /// What acknowledges writes in the place of a [`Buffered`](crate::Buffered) store; none where the
    /// store does all of them.
    pub early: Option<Early>,
    /// What it applies to.
    pub machine: Arc<RwLock<M>>,
    /// How it reaches the others; none for a group of one.
    pub net: Option<Net>,
    /// What the others say.
    pub inbox: mpsc::Receiver<(NodeId, Message)>,
    /// What the others say about snapshots.
    pub snapshots: mpsc::Receiver<SnapshotFrame>,
    /// When snapshots are taken.
    pub policy: SnapshotPolicy,
    /// The clock whose time it was restored at.
    pub clock: Clock,
}

/// What a node is called where several are looked at, and how much may wait for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeOptions {
    /// The group's name, for metrics and logs. Default 0.
    pub group: u64,
    /// Requests that may wait for the node's task; at least one. Default 16,384.
    pub request_queue: u32,
}

impl Default for NodeOptions {
    fn default() -> NodeOptions {
        NodeOptions { group: 0, request_queue: 16 * 1024 }
    }
}

/// Starts a node's task and its store's thread. Runs until a handle stops or kills it, or all
/// handles are gone.
///
/// # Errors
/// Where the system starts no thread.
pub fn spawn<M, S>(parts: NodeParts<M, S>) -> std::io::Result<NodeHandle<M::Response>>
where
    M: StateMachine + Sync + 'static,
    S: LogStore + 'static,
{
    spawn_with(parts, NodeOptions::default())
}

/// The same, with options.
///
/// # Errors
/// Where the system starts no thread.
pub fn spawn_with<M, S>(
    parts: NodeParts<M, S>,
    options: NodeOptions,
) -> std::io::Result<NodeHandle<M::Response>>
where
    M: StateMachine + Sync + 'static,
    S: LogStore + 'static,
{
    let NodeOptions { group, request_queue } = options;
    let node = parts.driver.raft().node();
    let span = info_span!("node", group, id = %node);
    let metrics = TaskMetrics::new(Labels { group, node });
    let of_store = StoreMetrics::new(&metrics.labels);
    let name = format!("quorate-store-{node}");
    let (thread, end) = store::start(parts.store, name, of_store, span.clone())?;
    let StoreThread { jobs, done } = thread;
    let (requests, queue) = mpsc::channel(request_queue.max(1) as usize);
    let (publish, status) = watch::channel(status_of(&parts.driver));
    let (tell_members, membership) = watch::channel(Membership::default());
    let (tell_fetched, fetched) = mpsc::unbounded_channel();
    let sources = Sources { queue, inbox: parts.inbox, snapshots: parts.snapshots, done, fetched };
    let published = Arc::new(Published::of(&parts.driver));
    let clock = parts.clock;
    let queue_full = metrics.proposals.queue_full.clone();
    let mut task = Task {
        driver: parts.driver,
        machine: parts.machine,
        net: parts.net,
        policy: parts.policy,
        clock: parts.clock,
        jobs,
        early: parts.early,
        publish,
        membership: tell_members,
        has_told_mesh: false,
        next_request: 1,
        answers: Answers::new(),
        fetches: JoinSet::new(),
        is_fetching: false,
        fetched: tell_fetched,
        stop_by: None,
        published: published.clone(),
        metrics,
        events: Events::default(),
    };
    // Whoever has a handle knows the members, and the mesh knows whom to connect to.
    task.publish_membership();
    let task = tokio::spawn(task.run(sources).instrument(span)).abort_handle();
    let store = end;
    Ok(NodeHandle { requests, status, membership, task, store, published, clock, queue_full })
}

pub(crate) struct Task<M: StateMachine> {
    pub(crate) driver: Driver<M::Response>,
    pub(crate) machine: Arc<RwLock<M>>,
    pub(crate) net: Option<Net>,
    pub(crate) policy: SnapshotPolicy,
    clock: Clock,
    pub(crate) jobs: Jobs,
    early: Option<Early>,
    publish: watch::Sender<NodeStatus>,
    pub(crate) membership: watch::Sender<Membership>,
    pub(crate) has_told_mesh: bool,
    next_request: RequestId,
    pub(crate) answers: Answers<M::Response>,
    /// Snapshots that are being fetched from another node: one at most. They end with the task.
    pub(crate) fetches: JoinSet<()>,
    pub(crate) is_fetching: bool,
    pub(crate) fetched: mpsc::UnboundedSender<Fetched>,
    /// When to stop at the latest, by the node's clock; until then what was accepted is finished.
    stop_by: Option<u64>,
    published: Arc<Published>,
    pub(crate) metrics: TaskMetrics,
    events: Events,
}

impl<M: StateMachine + Sync + 'static> Task<M> {
    async fn run(mut self, mut sources: Sources<M::Response>) {
        let mut turn = Turn::new();
        self.events = Events::started(&self.driver.raft().status());
        self.act();
        self.tell(&sources);
        while !self.has_stopped() {
            let left = self.time_left();
            turn.wait(left, &mut sources).await;
            self.step(&mut turn);
            self.act();
            self.tell(&sources);
        }
        info!("node stopped");
        // Who still waits in the queue hears that nothing was done.
        sources.queue.close();
        while sources.queue.try_recv().is_ok() {}
    }

    fn has_stopped(&self) -> bool {
        let late = self.stop_by.is_some_and(|by| by <= self.clock.now().0);
        let idle = self.answers.proposals.is_empty() || self.driver.is_halted();
        late || (self.stop_by.is_some() && idle)
    }

    /// How long until something is due that nobody asks for.
    fn time_left(&self) -> Option<Duration> {
        let due = self.driver.deadline().into_iter().chain(self.stop_by.map(Timestamp)).min();
        due.map(|due| self.clock.until(due))
    }

    fn step(&mut self, turn: &mut Turn<M::Response>) {
        // Read after the inputs were taken in.
        let now = self.clock.now();
        for done in turn.done.drain(..) {
            match done {
                StoreDone::Written(done) => self.driver.write_done(done, now),
                StoreDone::Read(done) => self.driver.log_read_done(done, now),
                StoreDone::Kept(done) => self.driver.snapshot_done(done, now),
                StoreDone::Loaded(loaded) => {
                    let begun = Instant::now();
                    let done = self.with_machine(|machine| loaded.run(machine));
                    self.metrics.snapshots.install_seconds.record(begun.elapsed());
                    info!("snapshot installed");
                    self.apply_done(done, now);
                }
            }
        }
        for fetched in turn.fetched.drain(..) {
            self.is_fetching = false;
            while self.fetches.try_join_next().is_some() {}
            if let Some((term, meta)) = fetched {
                self.driver.snapshot_received(term, meta, now);
            }
        }
        for (from, message) in turn.messages.drain(..) {
            self.driver.receive(from, message, now);
        }
        for frame in turn.frames.drain(..) {
            self.take_frame(frame, now);
        }
        let mut proposals: Vec<(RequestId, Bytes)> = Vec::new();
        for request in turn.requests.drain(..) {
            self.take_request(request, &mut proposals, now);
        }
        self.propose(proposals);
        if self.driver.deadline().is_some_and(|due| due <= now) {
            self.driver.tick(now);
        }
    }

    fn take_request(
        &mut self,
        request: Request<M::Response>,
        proposals: &mut Vec<(RequestId, Bytes)>,
        now: Timestamp,
    ) {
        let id = self.next_request;
        self.next_request += 1;
        let is_stopping = self.stop_by.is_some();
        match request {
            Request::Stop => {
                self.stop_by.get_or_insert(now.0.saturating_add(STOP_TIMEOUT_NANOS));
            }
            // A node that stops takes nothing more; some are answered by being dropped.
            Request::Propose(_) | Request::Change(_) | Request::Read(..) if is_stopping => {}
            Request::Transfer(_, reply) if is_stopping => {
                let _ = reply.send(Err(TransferError::Stopped));
            }
            Request::Snapshot(reply) if is_stopping => {
                let _ = reply.send(Err(SnapshotError::Stopped));
            }
            Request::Propose(queued) => {
                if let Some((command, reply)) = queued.take() {
                    self.wait(id, reply);
                    proposals.push((id, command));
                }
            }
            Request::Change(queued) => {
                if let Some((changes, reply)) = queued.take() {
                    self.wait(id, reply);
                    self.driver.change_members(id, changes, None, now);
                }
            }
            Request::Read(consistency, reply) => {
                self.answers.reads.insert(id, reply);
                self.driver.read(id, consistency, now);
            }
            Request::Transfer(to, reply) => {
                self.answers.transfers.insert(id, reply);
                self.driver.transfer(id, to, now);
            }
            Request::Snapshot(reply) => self.take_asked_snapshot(reply),
            Request::Contact(reply) => {
                let _ = reply.send(Contact::of(&self.driver, now));
            }
        }
    }

    fn wait(&mut self, id: RequestId, reply: ProposeReply<M::Response>) {
        self.answers.proposals.insert(id, reply);
    }

    /// Proposes in batches that fit a message each.
    fn propose(&mut self, proposals: Vec<(RequestId, Bytes)>) {
        let limit = self.driver.raft().config().max_message_bytes;
        let now = self.clock.now();
        let (mut batch, mut bytes) = (Vec::new(), 0);
        for (id, command) in proposals {
            let cost = command.len() as u64 + quorate_core::entries::ENTRY_OVERHEAD_BYTES;
            if bytes + cost > limit {
                self.driver.propose(std::mem::take(&mut batch), now);
                bytes = 0;
            }
            bytes += cost;
            batch.push((id, command));
        }
        self.driver.propose(batch, now);
    }

    /// Starts everything that may start, until nothing more does.
    fn act(&mut self) {
        loop {
            // Before the others can hear of it, and before the lease that was stepped with it.
            self.published.set_commit(self.driver.raft().status().commit);
            // Before what is sent to those that are new, so that there is a way to them.
            self.publish_membership();
            self.send();
            if self.start_store() || self.settle() {
                continue;
            }
            match self.driver.next_apply() {
                Some(ApplyJob::Entries(job)) => {
                    let begun = Instant::now();
                    let done = self.with_machine(|machine| job.run(machine));
                    self.metrics.publisher.apply_seconds.record(begun.elapsed());
                    self.apply_done(done, self.clock.now());
                }
                // Its bytes come from the store's thread.
                Some(ApplyJob::Install(job)) => self.start(StoreJob::Load(job)),
                None => break,
            }
        }
        self.take_due_snapshot();
        self.settle();
        self.give_up_where_removed();
        self.publish_status();
    }

    fn with_machine(
        &self,
        run: impl FnOnce(&mut M) -> ApplyDone<M::Response>,
    ) -> ApplyDone<M::Response> {
        match self.machine.write() {
            Ok(mut machine) => run(&mut machine),
            Err(poisoned) => run(&mut poisoned.into_inner()),
        }
    }

    fn apply_done(&mut self, done: ApplyDone<M::Response>, now: Timestamp) {
        self.driver.apply_done(done, now);
        self.published.set_applied(self.driver.applied());
    }

    /// True where the driver was stepped.
    fn start_store(&mut self) -> bool {
        if let Some(job) = self.driver.next_write() {
            if self.early.as_mut().is_some_and(|early| early.take(job.writes())) {
                self.metrics.commits.tell(&job);
                self.driver.write_done(job.done(Ok(())), self.clock.now());
                return true;
            }
            self.start(StoreJob::Write(job));
        }
        while let Some(job) = self.driver.next_log_read() {
            self.start(StoreJob::Read(job));
        }
        self.move_snapshots();
        false
    }

    fn start(&mut self, job: StoreJob) {
        if self.jobs.send(job).is_err() {
            error!("the store's thread is gone");
            self.stop_by = Some(0);
        }
    }

    fn send(&mut self) {
        let messages = self.driver.drain_sends();
        if let Some(net) = &self.net {
            net.send(messages);
        }
    }

    /// True where the driver was stepped.
    fn settle(&mut self) -> bool {
        let mut is_taken_back = false;
        for outcome in self.driver.drain_outcomes() {
            if let Outcome::Lease { until } = &outcome {
                self.published.set_lease(*until);
                is_taken_back = until.is_none();
            }
            self.metrics.count(&outcome);
            self.answers.settle(outcome);
        }
        if is_taken_back {
            // Who still reads found it running, and reads what was true then.
            self.driver.lease_closed(self.clock.now());
        }
        is_taken_back
    }

    /// Tells metrics and logs what is new, once a turn.
    fn tell(&mut self, sources: &Sources<M::Response>) {
        let core = self.driver.raft().status();
        self.events.tell(&core);
        let waiting = Waiting {
            requests: sources.queue.len(),
            messages: sources.inbox.len(),
            proposals: self.answers.proposals.len(),
        };
        let settled = std::mem::take(&mut self.answers.settled);
        let node = self.publish.borrow();
        self.metrics.tell(&node, &core, self.net.as_ref().and_then(Net::mesh), waiting, settled);
    }

    fn publish_status(&mut self) {
        let status = status_of(&self.driver);
        self.publish.send_if_modified(|old| {
            let is_news = status.is_news_to(old);
            *old = status;
            is_news
        });
    }
}
