//! Operations, from any node: carried out here where this node leads, by the leader where not.

use std::{
    path::Path,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard},
    time::{Duration, Instant},
};

use bytes::Bytes;
use quorate_core::NodeId;
use quorate_kv::{Command, Kv, Response, Revision};
use quorate_tokio::{Mesh, NodeHandle, NodeStatus, ProposeError, ReadError, RequestError};

use crate::{
    EngineError,
    forward::{Answer, Ask},
};

/// How long to wait before an attempt that failed at once is made again, unless the node's status
/// changes before.
const RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// A client of one node. Clones share it.
#[derive(Clone)]
pub struct Client {
    pub(crate) node: NodeHandle<Response>,
    pub(crate) id: NodeId,
    pub(crate) kv: Arc<RwLock<Kv>>,
    pub(crate) mesh: Option<Mesh>,
    pub(crate) timeout: Duration,
    /// The directory of the node's log, to name it.
    pub(crate) dir: Arc<Path>,
}

/// Why one attempt failed.
enum Failure {
    /// Surely not done: another attempt is safe.
    NotDone(String),
    Unknown(String),
}

impl Client {
    /// The same client, with another limit to how long each operation may take.
    pub fn with_timeout(&self, timeout: Duration) -> Client {
        Client { timeout, ..self.clone() }
    }

    /// Gives `key` a value; when this returns, it is synced on the disks of a majority.
    ///
    /// # Errors
    /// [`EngineError`] says whether it was surely not done.
    pub async fn put(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> Result<Revision, EngineError> {
        let command = Command::Put { key: key.into(), value: value.into() };
        match self.write(&command).await? {
            Response::Put { revision } => Ok(revision),
            other => Err(unexpected(&other)),
        }
    }

    /// Takes `key` away; true where it was there.
    ///
    /// # Errors
    /// [`EngineError`] says whether it was surely not done.
    pub async fn delete(&self, key: impl Into<Bytes>) -> Result<bool, EngineError> {
        match self.write(&Command::Delete { key: key.into() }).await? {
            Response::Deleted { existed, .. } => Ok(existed),
            other => Err(unexpected(&other)),
        }
    }

    /// The value of `key`, as of some moment between call and return.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn get_linearizable(
        &self,
        key: impl Into<Bytes>,
    ) -> Result<Option<Bytes>, EngineError> {
        let key = key.into();
        Command::Delete { key: key.clone() }.validate()?;
        let ask = Ask::Get(key);
        match self.retry(&ask).await? {
            Answer::Value(value) => Ok(value),
            other => Err(unexpected(&other)),
        }
    }

    /// Waits until this node's own state holds everything that was acknowledged, by any node, before
    /// the call.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn barrier(&self) -> Result<(), EngineError> {
        let until = Instant::now() + self.timeout;
        let index = match self.retry(&Ask::ReadIndex).await? {
            Answer::Index(index) => index,
            other => return Err(unexpected(&other)),
        };
        let mut status = self.node.watch_status();
        let caught_up =
            status.wait_for(|status| status.applied >= index || status.halted.is_some());
        match tokio::time::timeout(until.saturating_duration_since(Instant::now()), caught_up).await
        {
            Ok(Ok(status)) => match &status.halted {
                Some(reason) => Err(self.halted(reason)),
                None => Ok(()),
            },
            Ok(Err(_)) => Err(not_done("the node has stopped")),
            Err(_) => Err(not_done("the node has not caught up in time")),
        }
    }

    /// The value of `key` in this node's own state, which may be old.
    pub fn get_stale(&self, key: &[u8]) -> Option<Bytes> {
        self.local().get(key).map(|value| value.bytes.clone())
    }

    /// How many keys this node's own state holds.
    pub fn len_stale(&self) -> u64 {
        self.local().len()
    }

    async fn write(&self, command: &Command) -> Result<Response, EngineError> {
        let ask = Ask::Write(command.encode()?);
        match self.retry(&ask).await? {
            Answer::Written(response) => Ok(response),
            other => Err(unexpected(&other)),
        }
    }

    /// Tries until it is done, or may be, or the time is up.
    async fn retry(&self, ask: &Ask) -> Result<Answer, EngineError> {
        let until = Instant::now() + self.timeout;
        let mut status = self.node.watch_status();
        loop {
            let seen = status.borrow_and_update().clone();
            if let Some(reason) = &seen.halted {
                return Err(self.halted(reason));
            }
            let left = until.saturating_duration_since(Instant::now());
            let reason = match self.attempt(ask, &seen, left).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Unknown(reason)) => return Err(EngineError::Unknown { reason }),
                Err(Failure::NotDone(reason)) => reason,
            };
            if Instant::now() + RETRY_INTERVAL >= until {
                return Err(EngineError::NotDone { reason });
            }
            let changed = tokio::time::timeout(RETRY_INTERVAL, status.changed()).await;
            if let Ok(Err(_)) = changed {
                return Err(EngineError::NotDone { reason });
            }
        }
    }

    async fn attempt(
        &self,
        ask: &Ask,
        seen: &NodeStatus,
        left: Duration,
    ) -> Result<Answer, Failure> {
        match seen.leader {
            None => Err(Failure::NotDone("no leader is known".to_owned())),
            Some(leader) if leader == self.id => {
                match tokio::time::timeout(left, self.carry_out(ask.clone())).await {
                    Ok(Answer::NotDone(reason)) => Err(Failure::NotDone(reason)),
                    Ok(Answer::Unknown(reason)) => Err(Failure::Unknown(reason)),
                    Ok(answer) => Ok(answer),
                    Err(_) => Err(timed_out(ask)),
                }
            }
            Some(leader) => self.forward(ask, leader, left).await,
        }
    }

    async fn forward(&self, ask: &Ask, leader: NodeId, left: Duration) -> Result<Answer, Failure> {
        let Some(mesh) = &self.mesh else {
            return Err(Failure::NotDone("there is no way to the leader".to_owned()));
        };
        let bytes = match mesh.request(leader, &ask.encode(), left).await {
            Ok(bytes) => bytes,
            Err(error @ RequestError::NotSent(_)) => {
                return Err(Failure::NotDone(error.to_string()));
            }
            // Reading twice does no harm.
            Err(error @ RequestError::NoAnswer(_)) if matches!(ask, Ask::Write(_)) => {
                return Err(Failure::Unknown(error.to_string()));
            }
            Err(error @ RequestError::NoAnswer(_)) => {
                return Err(Failure::NotDone(error.to_string()));
            }
        };
        match Answer::decode(bytes) {
            Some(Answer::NotDone(reason)) => Err(Failure::NotDone(reason)),
            Some(Answer::Unknown(reason)) => Err(Failure::Unknown(reason)),
            Some(answer) => Ok(answer),
            None => Err(Failure::Unknown("the leader's answer makes no sense".to_owned())),
        }
    }

    /// Does what is asked on this node, which is believed to lead.
    pub(crate) async fn carry_out(&self, ask: Ask) -> Answer {
        match ask {
            Ask::Write(command) => match self.node.propose(command).await {
                Ok((_, response)) => Answer::Written(response),
                Err(error @ ProposeError::Unknown) => Answer::Unknown(error.to_string()),
                Err(
                    error @ (ProposeError::Refused(_)
                    | ProposeError::Replaced
                    | ProposeError::QueueFull { .. }
                    | ProposeError::Stopped),
                ) => Answer::NotDone(error.to_string()),
            },
            Ask::Get(key) => match self.node.read_index().await {
                Ok(_) => Answer::Value(self.get_stale(&key)),
                Err(error) => not_read(&error),
            },
            Ask::ReadIndex => match self.node.read_index().await {
                Ok(index) => Answer::Index(index),
                Err(error) => not_read(&error),
            },
        }
    }

    /// Why the node halted: most often its disk, so the directory is named.
    pub(crate) fn halted(&self, reason: &str) -> EngineError {
        EngineError::Halted { reason: format!("{}: {reason}", self.dir.display()) }
    }

    fn local(&self) -> RwLockReadGuard<'_, Kv> {
        self.kv.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn not_read(error: &ReadError) -> Answer {
    Answer::NotDone(error.to_string())
}

fn timed_out(ask: &Ask) -> Failure {
    let reason = "no answer in time".to_owned();
    match ask {
        Ask::Write(_) => Failure::Unknown(reason),
        Ask::Get(_) | Ask::ReadIndex => Failure::NotDone(reason),
    }
}

fn not_done(reason: &str) -> EngineError {
    EngineError::NotDone { reason: reason.to_owned() }
}

fn unexpected(answer: &impl std::fmt::Debug) -> EngineError {
    EngineError::Unknown { reason: format!("the answer is of another kind: {answer:?}") }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use quorate_core::RoleKind;
    use quorate_tokio::Scripted;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    /// What a leader says that has published no more than `applied`.
    fn leader(applied: u64) -> NodeStatus {
        NodeStatus {
            role: RoleKind::Leader,
            term: 2,
            leader: Some(NodeId::of(1)),
            applied,
            commit: applied,
            last: 9,
            snapshot: 0,
            halted: None,
        }
    }

    fn client(node: NodeHandle<Response>) -> Client {
        let dir = Path::new("nowhere").into();
        Client { node, id: NodeId::of(1), kv: Arc::default(), mesh: None, timeout: LONG, dir }
    }

    #[tokio::test]
    async fn a_read_rests_on_the_index_that_was_confirmed_whatever_was_published() {
        let (node, mut scripted) = Scripted::new(leader(3));
        let client = client(node);
        let asking = tokio::spawn({
            let client = client.clone();
            async move { client.carry_out(Ask::ReadIndex).await }
        });
        // The state holds 7, but what the node publishes lags behind.
        scripted.answer_read(Ok(7)).await;
        assert_eq!(asking.await.unwrap(), Answer::Index(7));
    }

    #[tokio::test]
    async fn a_barrier_ends_when_this_nodes_own_state_holds_the_confirmed_index() {
        let (node, mut scripted) = Scripted::new(leader(3));
        let client = client(node);
        let waiting = tokio::spawn(async move { client.barrier().await });
        scripted.answer_read(Ok(7)).await;
        for applied in [4, 6] {
            scripted.publish(leader(applied));
            tokio::time::sleep(Duration::from_millis(20)).await;
            assert!(!waiting.is_finished(), "at {applied}");
        }
        scripted.publish(leader(7));
        let ended = tokio::time::timeout(LONG, waiting).await.expect("it ends").unwrap();
        assert_eq!(ended, Ok(()));
    }
}
