//! Carrying a request out: here where this node leads, at the leader where not; again while that is
//! safe and time is left.

use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_core::{Consistency as Confirm, NodeId};
use quorate_kv::{Command, KvError, LeaseError, LeaseId, Outcome, Response, Revision};
use quorate_tokio::{NodeStatus, ProposeError, RequestError};
use tokio::sync::watch;

use super::Client;
use crate::{
    Consistency, EngineError,
    forward::{Answer, Ask},
};

/// How long to wait before an attempt that failed at once is made again, unless the node's status
/// changes before.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Why one attempt failed.
pub(super) enum Failure {
    /// Surely not done: another attempt is safe.
    NotDone(String),
    Unknown(String),
}

/// Whether an attempt whose end is unknown may be made again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    /// It would be done twice.
    Unsafe,
    /// It is done once, however often it is asked for.
    Safe,
}

impl Client {
    /// Carries a command out; answers with the revision that it led to.
    pub(super) async fn write(
        &self,
        command: &Command,
        repeat: Repeat,
    ) -> Result<(Revision, Outcome), EngineError> {
        let bytes = command.encode()?;
        match self.ask(&Ask::Write(bytes), repeat).await? {
            Answer::Written(Response { revision, outcome: Some(outcome) }) => {
                Ok((revision, outcome.map_err(refused)?))
            }
            other => Err(EngineError::unexpected(&other)),
        }
    }

    /// Asks the leader, which may be this node.
    pub(super) async fn ask(&self, ask: &Ask, repeat: Repeat) -> Result<Answer, EngineError> {
        self.retry(repeat, |seen, left| self.attempt(ask, seen, left)).await
    }

    /// Returns once this node's own state may answer a read that was invoked when this was called.
    pub(super) async fn confirm(&self, consistency: Consistency) -> Result<(), EngineError> {
        let confirm = match consistency {
            Consistency::Stale => return Ok(()),
            Consistency::Lease if self.node.may_read() => return Ok(()),
            Consistency::Lease => Confirm::Lease,
            Consistency::Linearizable => Confirm::Linearizable,
        };
        self.retry(Repeat::Safe, |_, left| async move {
            let read = self.node.read_index_with(confirm);
            match tokio::time::timeout(left, read).await {
                Ok(Ok(_)) => Ok(()),
                Ok(Err(error)) => Err(Failure::NotDone(error.to_string())),
                Err(_) => Err(Failure::NotDone("no answer in time".to_owned())),
            }
        })
        .await
    }

    /// Tries until it is done, or may be, or the time is up.
    async fn retry<T, F>(
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

    async fn attempt(
        &self,
        ask: &Ask,
        seen: NodeStatus,
        left: Duration,
    ) -> Result<Answer, Failure> {
        let answer = match seen.leader {
            None => return Err(Failure::NotDone("no leader is known".to_owned())),
            Some(leader) if leader == self.id => {
                match tokio::time::timeout(left, self.carry_out(ask.clone())).await {
                    Ok(answer) => answer,
                    Err(_) => return Err(Failure::Unknown("no answer in time".to_owned())),
                }
            }
            Some(leader) => self.forward(ask, leader, left).await?,
        };
        match answer {
            Answer::NotDone(reason) => Err(Failure::NotDone(reason)),
            Answer::Unknown(reason) => Err(Failure::Unknown(reason)),
            Answer::Written(_) | Answer::Left(_) => Ok(answer),
        }
    }

    async fn forward(&self, ask: &Ask, leader: NodeId, left: Duration) -> Result<Answer, Failure> {
        let Some(mesh) = &self.mesh else {
            return Err(Failure::NotDone("there is no way to the leader".to_owned()));
        };
        let bytes = match mesh.request(leader, &ask.encode(), left).await {
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

    /// Does what is asked on this node, which is believed to lead.
    pub(crate) async fn carry_out(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Write(command) => self.propose(command).await,
            Ask::KeepAlive(lease) => self.keep_alive_here(lease).await,
            Ask::TimeLeft(lease) => self.time_left_here(lease).await,
        }
    }

    /// The time is taken first; that this node led then is shown next; then the lease lives on.
    async fn keep_alive_here(&self, lease: LeaseId) -> Answer {
        let asked = self.local.attend(&self.node, |desk, _, now| desk.keep_alive(lease, now));
        let asked = match asked {
            Ok(asked) => asked,
            Err(error) => return left(Err(error)),
        };
        if let Err(error) = self.node.read_index().await {
            return Answer::NotDone(error.to_string());
        }
        left(self.local.attend(&self.node, |desk, _, _| desk.confirmed(asked)))
    }

    async fn time_left_here(&self, lease: LeaseId) -> Answer {
        if let Err(error) = self.node.read_index().await {
            return Answer::NotDone(error.to_string());
        }
        let found =
            self.local.attend(&self.node, |desk, kv, now| desk.time_to_live(kv, lease, now));
        left(found.map(|found| found.left_ms))
    }

    async fn propose(&self, command: Bytes) -> Answer {
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

/// What the machine says where it changed nothing.
fn refused(error: KvError) -> EngineError {
    match error {
        KvError::Request(error) => EngineError::Invalid(error),
        KvError::SessionNotFound { session } => EngineError::SessionExpired { session },
        KvError::AnswerGone { sequence } => {
            let reason = format!("the session has forgotten what it answered to {sequence}");
            EngineError::Unknown { reason }
        }
        other => EngineError::Refused(other),
    }
}

fn left(found: Result<u64, LeaseError>) -> Answer {
    match found {
        Ok(left_ms) => Answer::Left(Some(left_ms)),
        Err(LeaseError::NotFound { .. }) => Answer::Left(None),
        Err(error @ LeaseError::NotLeading) => Answer::NotDone(error.to_string()),
    }
}
