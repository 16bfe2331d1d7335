//! The task that owns a node: takes what came in, steps it all, then starts what is due.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, RwLock},
    time::Duration,
};

use bytes::Bytes;
use quorate_core::{Message, NodeId, RequestId, Timestamp};
use quorate_driver::{Driver, LogStore, Outcome, StateMachine, StoreError, WriteDone};
use tokio::sync::{mpsc, watch};
use tracing::{debug, error, info};

use crate::{
    Clock, Mesh, NodeHandle, NodeStatus, ProposeError, ReadError,
    handle::{ProposeReply, ReadReply, Request},
    store::{self, StoreThread},
};

/// Requests that may wait for a node's task.
const REQUEST_QUEUE: usize = 16 * 1024;
/// How long a node that is asked to stop goes on for proposals that it accepted.
const STOP_TIMEOUT_NANOS: u64 = 2_000_000_000;
/// Inputs of each kind that are stepped before what they ask for is started.
const INPUTS_PER_TURN: usize = 4 * 1024;

/// What a node is made of.
pub struct NodeParts<M: StateMachine, S> {
    /// The node, just restored.
    pub driver: Driver<M::Response>,
    /// Where it writes.
    pub store: S,
    /// What it applies to.
    pub machine: Arc<RwLock<M>>,
    /// How it reaches the others; none for a group of one.
    pub mesh: Option<Mesh>,
    /// What the others say.
    pub inbox: mpsc::Receiver<(NodeId, Message)>,
    /// The clock whose time it was restored at.
    pub clock: Clock,
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
    let status = status_of(&parts.driver, None);
    let node = parts.driver.raft().node();
    let (thread, end) = store::start(parts.store, format!("quorate-store-{node}"))?;
    let StoreThread { jobs, done, error } = thread;
    let (requests, queue) = mpsc::channel(REQUEST_QUEUE);
    let (publish, status) = watch::channel(status);
    let task = Task {
        node,
        driver: parts.driver,
        machine: parts.machine,
        mesh: parts.mesh,
        clock: parts.clock,
        jobs,
        store_error: error,
        publish,
        next_request: 1,
        proposals: HashMap::new(),
        reads: HashMap::new(),
        stop_by: None,
    };
    let task = tokio::spawn(task.run(queue, parts.inbox, done)).abort_handle();
    Ok(NodeHandle { requests, status, task, store: end })
}

fn status_of<R: Clone>(driver: &Driver<R>, halted: Option<String>) -> NodeStatus {
    let status = driver.raft().status();
    NodeStatus {
        role: status.role,
        term: status.term,
        leader: status.leader,
        applied: driver.applied(),
        commit: status.commit,
        last: status.log.last().index,
        halted,
    }
}

struct Task<M: StateMachine> {
    node: NodeId,
    driver: Driver<M::Response>,
    machine: Arc<RwLock<M>>,
    mesh: Option<Mesh>,
    clock: Clock,
    jobs: std::sync::mpsc::SyncSender<quorate_driver::WriteJob>,
    store_error: Arc<Mutex<Option<StoreError>>>,
    publish: watch::Sender<NodeStatus>,
    next_request: RequestId,
    proposals: HashMap<RequestId, ProposeReply<M::Response>>,
    reads: HashMap<RequestId, ReadReply>,
    /// When to stop at the latest, by the node's clock; until then what was accepted is finished.
    stop_by: Option<u64>,
}

/// What came in during one turn.
struct Turn<R> {
    requests: Vec<Request<R>>,
    messages: Vec<(NodeId, Message)>,
    written: Option<WriteDone>,
    /// Whether the last handle is gone: then the queue has no more to say.
    is_alone: bool,
}

impl<R> Turn<R> {
    /// Waits for the first input, at most as long as nothing is due.
    async fn wait(
        &mut self,
        left: Option<Duration>,
        queue: &mut mpsc::Receiver<Request<R>>,
        inbox: &mut mpsc::Receiver<(NodeId, Message)>,
        done: &mut mpsc::Receiver<WriteDone>,
    ) {
        let sleep = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(written) = done.recv() => self.written = Some(written),
            Some(message) = inbox.recv() => self.messages.push(message),
            request = queue.recv(), if !self.is_alone => {
                self.is_alone = request.is_none();
                self.requests.push(request.unwrap_or(Request::Stop));
            }
            () = sleep => {}
        }
    }
}

impl<M: StateMachine + Sync + 'static> Task<M> {
    async fn run(
        mut self,
        mut queue: mpsc::Receiver<Request<M::Response>>,
        mut inbox: mpsc::Receiver<(NodeId, Message)>,
        mut done: mpsc::Receiver<WriteDone>,
    ) {
        let mut turn =
            Turn { requests: Vec::new(), messages: Vec::new(), written: None, is_alone: false };
        self.act();
        while !self.has_stopped() {
            let left = self.time_left();
            turn.wait(left, &mut queue, &mut inbox, &mut done).await;
            // All that is there now is stepped together: one batch, one group commit.
            take_more(&mut queue, &mut turn.requests);
            take_more(&mut inbox, &mut turn.messages);
            self.step(&mut turn);
            self.act();
        }
        // Who still waits in the queue hears that nothing was done.
        queue.close();
        while queue.try_recv().is_ok() {}
    }

    fn has_stopped(&self) -> bool {
        let late = self.stop_by.is_some_and(|by| by <= self.clock.now().0);
        let idle = self.proposals.is_empty() || self.driver.is_halted();
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
        if let Some(done) = turn.written.take() {
            self.driver.write_done(done, now);
        }
        for (from, message) in turn.messages.drain(..) {
            self.driver.receive(from, message, now);
        }
        let mut proposals: Vec<(RequestId, Bytes)> = Vec::new();
        for request in turn.requests.drain(..) {
            let id = self.next_request;
            self.next_request += 1;
            match request {
                // Dropped, which answers it: a node that stops takes nothing more.
                Request::Propose(_) | Request::Read(_) if self.stop_by.is_some() => {}
                Request::Propose(queued) => {
                    if let Some((command, reply)) = queued.take() {
                        self.proposals.insert(id, reply);
                        proposals.push((id, command));
                    }
                }
                Request::Read(reply) => {
                    self.reads.insert(id, reply);
                    self.driver.read(id, now);
                }
                Request::Stop => {
                    self.stop_by.get_or_insert(now.0.saturating_add(STOP_TIMEOUT_NANOS));
                }
            }
        }
        self.propose(proposals);
        if self.driver.deadline().is_some_and(|due| due <= now) {
            self.driver.tick(now);
        }
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
            self.send();
            if let Some(job) = self.driver.next_write()
                && self.jobs.send(job).is_err()
            {
                error!(node = %self.node, "the store's thread is gone");
                self.stop_by = Some(0);
            }
            let Some(job) = self.driver.next_apply() else { break };
            let done = match self.machine.write() {
                Ok(mut machine) => job.run(&mut *machine),
                Err(poisoned) => job.run(&mut *poisoned.into_inner()),
            };
            self.driver.apply_done(done, self.clock.now());
            self.settle();
        }
        self.settle();
        self.publish_status();
    }

    fn send(&mut self) {
        for (to, message) in self.driver.drain_sends() {
            if let Some(mesh) = &self.mesh {
                mesh.send(to, &message);
            }
        }
    }

    /// Tells whoever waits what became of it.
    fn settle(&mut self) {
        let outcomes: Vec<Outcome<M::Response>> = self.driver.drain_outcomes().collect();
        for outcome in outcomes {
            match outcome {
                Outcome::Done { request, log_id, response } => {
                    self.answer(request, Ok((log_id, response)));
                }
                Outcome::Refused { request, reason } => {
                    if let Some(reply) = self.reads.remove(&request) {
                        let _ = reply.send(Err(ReadError::Refused(reason)));
                    } else {
                        self.answer(request, Err(ProposeError::Refused(reason)));
                    }
                }
                Outcome::Replaced { request, .. } => {
                    self.answer(request, Err(ProposeError::Replaced));
                }
                Outcome::Unknown { request } => self.answer(request, Err(ProposeError::Unknown)),
                Outcome::ReadReady { request, index } => {
                    if let Some(reply) = self.reads.remove(&request) {
                        let _ = reply.send(Ok(index));
                    }
                }
                Outcome::RoleChanged { role, term, leader } => {
                    info!(node = %self.node, ?role, term, ?leader, "role changed");
                }
                Outcome::Misuse(misuse) => error!(node = %self.node, %misuse, "misuse"),
                Outcome::Halted(halt) => error!(node = %self.node, %halt, "halted"),
            }
        }
    }

    fn answer(
        &mut self,
        request: RequestId,
        result: Result<(quorate_core::LogId, M::Response), ProposeError>,
    ) {
        if let Some(reply) = self.proposals.remove(&request)
            && reply.send(result).is_err()
        {
            debug!(node = %self.node, request, "nobody waits for the outcome any more");
        }
    }

    fn publish_status(&mut self) {
        let halted = self.driver.is_halted().then(|| {
            let error = self.store_error.lock().ok().and_then(|error| error.clone());
            error.map_or_else(|| "histories diverged".to_owned(), |error| error.to_string())
        });
        let status = status_of(&self.driver, halted);
        self.publish.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        });
    }
}

fn take_more<T>(queue: &mut mpsc::Receiver<T>, into: &mut Vec<T>) {
    while into.len() < INPUTS_PER_TURN {
        let Ok(next) = queue.try_recv() else { return };
        into.push(next);
    }
}
