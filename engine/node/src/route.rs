//! Carrying a request out: here where this node leads, at the leader where not; again while that is
//! safe and time is left. The same for every state machine.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate_core::{Consistency as Confirm, NodeId, Promotion};
use quorate_tokio::{Net, NodeHandle, NodeStatus, ProposeError, RequestError};
use tokio::sync::watch;
use tracing::Instrument;

use crate::{
    Consistency, EngineError, WireResponse,
    forward::{Answer, Ask},
    telemetry::{ReadPath, RequestMetrics},
};

/// How long to wait before an attempt that failed at once is made again, unless the node's status
/// changes before.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);
/// The longest that an operation may be told to take.
const TIMEOUT_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Why one attempt failed.
pub(crate) enum Failure {
    /// Surely not done: another attempt is safe.
    NotDone(String),
    Unknown(String),
}

/// Whether an attempt whose end is unknown may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It would be done twice.
    Unsafe,
    /// It is done once, however often it is asked for.
    Safe,
}

/// The client of one kind of state machine: it says what this node does as the leader.
pub trait Carrier: Clone + Send + Sync + 'static {
    /// What the machine answers.
    type Response: WireResponse;

    /// The way that its requests take.
    fn route(&self) -> &Route<Self::Response>;

    /// Does what is asked on this node, which is believed to lead.
    fn carry_out(&self, ask: Ask) -> impl Future<Output = Answer<Self::Response>> + Send;
}

/// A node's way to its leader, which may be itself.
pub struct Route<R> {
    pub(crate) node: NodeHandle<R>,
    pub(crate) id: NodeId,
    pub(crate) net: Option<Net>,
    pub(crate) timeout: Duration,
    /// How nodes that are added become voters, where it is not said.
    pub(crate) promotion: Promotion,
    /// The directory of the node's log, to name it.
    pub(crate) dir: Arc<Path>,
    pub(crate) metrics: Arc<RequestMetrics>,
    /// The longest command. Bytes.
    pub(crate) command_limit: u64,
}

impl<R> Clone for Route<R> {
    fn clone(&self) -> Route<R> {
        Route {
            node: self.node.clone(),
            id: self.id,
            net: self.net.clone(),
            timeout: self.timeout,
            promotion: self.promotion,
            dir: self.dir.clone(),
            metrics: self.metrics.clone(),
            command_limit: self.command_limit,
        }
    }
}

impl<R> Route<R> {
    /// The same one with another time for each operation; more than a year is a year.
    pub(crate) fn with_timeout(&self, timeout: Duration) -> Route<R> {
        Route { timeout: timeout.min(TIMEOUT_MAX), ..self.clone() }
    }

    /// Why there is nobody to ask.
    fn no_leader(&self) -> &'static str {
        let known = self.node.membership();
        if known.configuration.is_member(self.id) || (!known.is_unknown() && !known.is_committed) {
            return "no leader is known";
        }
        "no leader is known, and this node is no member of the group: add it, or ask another one"
    }

    /// Why the node halted: most often its disk, so the directory is named.
    pub(crate) fn halted(&self, reason: &str) -> EngineError {
        EngineError::Halted { reason: format!("{}: {reason}", self.dir.display()) }
    }

    /// Returns once this node's own state may answer a read that was invoked when this was called.
    pub(crate) async fn confirm(&self, consistency: Consistency) -> Result<(), EngineError> {
        let confirm = match consistency {
            Consistency::Linearizable => Confirm::Linearizable,
            Consistency::Lease | Consistency::Stale => {
                // Whoever reads in a loop, and never waits, would keep the thread for ever.
                tokio::task::coop::consume_budget().await;
                if consistency == Consistency::Stale || self.node.may_read() {
                    self.metrics.read(consistency, ReadPath::Local);
                    return Ok(());
                }
                Confirm::Lease
            }
        };
        let read = self.metrics.begin_read(consistency);
        let confirmed = self.retry(Repeat::Safe, |_, left| async move {
            let read = self.node.read_index_with(confirm);
            match tokio::time::timeout(left, read).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(Failure::NotDone(error.to_string())),
                Err(_) => Err(Failure::NotDone("no answer in time".to_owned())),
            }
        });
        let result = confirmed.instrument(read.span.clone()).await;
        self.metrics.end_read(&read, consistency, &result);
        result
    }

    /// Tries until it is done, or may be, or the time is up.
    pub(crate) async fn retry<T, F>(
        &self,
        repeat: Repeat,
        attempt: impl Fn(NodeStatus, Duration) -> F,
    ) -> Result<T, EngineError>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let until = Instant::now() + self.timeout;
        let mut status = self.node.watch_status();
        let mut may_be_done = None;
        loop {
            let seen = status.borrow_and_update().clone();
            if let Some(reason) = &seen.halted {
                return Err(self.halted(reason));
            }
            let left = until.saturating_duration_since(Instant::now());
            let reason = match attempt(seen, left).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Unknown(reason)) if repeat == Repeat::Unsafe => {
                    return Err(EngineError::Unknown { reason });
                }
                Err(Failure::Unknown(reason)) => may_be_done.insert(reason).clone(),
                Err(Failure::NotDone(reason)) => reason,
            };
            let has_time = Instant::now() + RETRY_INTERVAL < until;
            if !has_time || !wait_for_change(&mut status).await {
                return Err(match may_be_done {
                    Some(reason) => EngineError::Unknown { reason },
                    None => EngineError::NotDone { reason },
                });
            }
        }
    }
}

impl<R: WireResponse> Route<R> {
    /// Asks the leader; where that is this node, `own` carries it out.
    pub(crate) async fn ask(
        &self,
        own: &impl Carrier<Response = R>,
        ask: &Ask,
        repeat: Repeat,
    ) -> Result<Answer<R>, EngineError> {
        if let Ask::Write(command) = ask {
            let (len, limit) = (command.len() as u64, self.command_limit);
            if len > limit {
                return Err(EngineError::CommandTooLong { len, limit });
            }
        }
        let request = self.metrics.begin(ask);
        let asked = self.retry(repeat, |seen, left| self.attempt(own, ask, seen, left));
        let result = asked.instrument(request.span.clone()).await;
        self.metrics.end(&request, ask, &result);
        result
    }

    pub(crate) async fn attempt(
        &self,
        own: &impl Carrier<Response = R>,
        ask: &Ask,
        seen: NodeStatus,
        left: Duration,
    ) -> Result<Answer<R>, Failure> {
        let answer = match seen.leader {
            None => return Err(Failure::NotDone(self.no_leader().to_owned())),
            Some(leader) if leader == self.id => {
                match tokio::time::timeout(left, own.carry_out(ask.clone())).await {
                    Ok(answer) => answer,
                    Err(_) => return Err(Failure::Unknown("no answer in time".to_owned())),
                }
            }
            Some(leader) => self.forward(ask, leader, left).await?,
        };
        match answer {
            Answer::NotDone(reason) => Err(Failure::NotDone(reason)),
            Answer::Unknown(reason) => Err(Failure::Unknown(reason)),
            Answer::Written(_) | Answer::Left(_) | Answer::Changed(_) | Answer::Members { .. } => {
                Ok(answer)
            }
        }
    }

    async fn forward(
        &self,
        ask: &Ask,
        leader: NodeId,
        left: Duration,
    ) -> Result<Answer<R>, Failure> {
        let Some(net) = &self.net else {
            return Err(Failure::NotDone("there is no way to the leader".to_owned()));
        };
        let bytes = match net.request(leader, &ask.encode(), left).await {
            Ok(bytes) => bytes,
            Err(
                error @ (RequestError::NotSent(_)
                | RequestError::QueueFull(_)
                | RequestError::Busy(_)),
            ) => {
                return Err(Failure::NotDone(error.to_string()));
            }
            Err(error @ RequestError::NoAnswer(_)) => {
                return Err(Failure::Unknown(error.to_string()));
            }
        };
        let senseless = || Failure::Unknown("the leader's answer makes no sense".to_owned());
        Answer::decode(bytes).ok_or_else(senseless)
    }

    /// Proposes a command on this node.
    pub(crate) async fn propose(&self, command: Bytes) -> Answer<R> {
        match self.node.propose(command).await {
            Ok((_, response)) => Answer::Written(response),
            Err(error @ ProposeError::Unknown) => Answer::Unknown(error.to_string()),
            Err(
                error @ (ProposeError::Refused(_)
                | ProposeError::Replaced
                | ProposeError::QueueFull { .. }
                | ProposeError::Stopped),
            ) => Answer::NotDone(error.to_string()),
        }
    }
}

/// Waits a little, or until the node's status changes; false once it has stopped.
async fn wait_for_change(status: &mut watch::Receiver<NodeStatus>) -> bool {
    !matches!(tokio::time::timeout(RETRY_INTERVAL, status.changed()).await, Ok(Err(_)))
}
