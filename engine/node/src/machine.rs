//! A state machine of one's own: how its answers travel, and a client that speaks to it.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use bytes::{Buf, BufMut, Bytes};
use quorate_driver::StateMachine;

use crate::{
    Consistency, EngineError,
    forward::{Answer, Ask},
    route::{Carrier, Repeat, Route},
};

/// What a state machine answers, as bytes: the leader's answer travels to the node that was asked.
///
/// Nodes of different builds speak to each other while a group is brought to a new version, so what
/// is written here is read by older and newer ones.
pub trait WireResponse: Clone + Send + Sync + 'static {
    /// It as bytes, 32 MiB at most.
    fn to_bytes(&self) -> Bytes;

    /// What these bytes stand for; none for bytes that no node sends. Must not panic.
    fn from_bytes(bytes: Bytes) -> Option<Self>;

    /// Whether the state machine carried nothing out, and says so: metrics count it as refused.
    fn is_refusal(&self) -> bool {
        false
    }
}

impl WireResponse for Bytes {
    fn to_bytes(&self) -> Bytes {
        self.clone()
    }
    fn from_bytes(bytes: Bytes) -> Option<Bytes> {
        Some(bytes)
    }
}

impl WireResponse for String {
    fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.as_bytes())
    }
    fn from_bytes(bytes: Bytes) -> Option<String> {
        String::from_utf8(bytes.into()).ok()
    }
}

impl WireResponse for u64 {
    fn to_bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.to_le_bytes())
    }
    fn from_bytes(mut bytes: Bytes) -> Option<u64> {
        (bytes.len() == 8).then(|| bytes.get_u64_le())
    }
}

impl WireResponse for () {
    fn to_bytes(&self) -> Bytes {
        Bytes::new()
    }
    fn from_bytes(bytes: Bytes) -> Option<()> {
        bytes.is_empty().then_some(())
    }
}

/// None is what the state machine answers to entries that hold no command.
impl<R: WireResponse> WireResponse for Option<R> {
    fn to_bytes(&self) -> Bytes {
        let mut out = vec![u8::from(self.is_some())];
        if let Some(response) = self {
            out.put(response.to_bytes());
        }
        out.into()
    }
    fn from_bytes(mut bytes: Bytes) -> Option<Option<R>> {
        if bytes.is_empty() {
            return None;
        }
        match bytes.get_u8() {
            0 if bytes.is_empty() => Some(None),
            1 => R::from_bytes(bytes).map(Some),
            _ => None,
        }
    }
}

/// A client of a state machine of one's own, on one node. Clones share it.
pub struct MachineClient<M: StateMachine> {
    route: Route<M::Response>,
    machine: Arc<RwLock<M>>,
}

impl<M: StateMachine> Clone for MachineClient<M> {
    fn clone(&self) -> MachineClient<M> {
        MachineClient { route: self.route.clone(), machine: self.machine.clone() }
    }
}

impl<M> MachineClient<M>
where
    M: StateMachine<Response: WireResponse> + Sync + 'static,
{
    pub(crate) fn new(route: Route<M::Response>, machine: Arc<RwLock<M>>) -> MachineClient<M> {
        MachineClient { route, machine }
    }

    /// The same client, with another limit to how long each operation may take; more than a year is a
    /// year. The default is [`EngineConfig::request_timeout`](crate::EngineConfig::request_timeout).
    pub fn with_timeout(&self, timeout: Duration) -> MachineClient<M> {
        MachineClient { route: self.route.with_timeout(timeout), ..self.clone() }
    }

    /// Has a command applied, on any node: answers with what the leader's state machine answered, once
    /// the command is durable on a majority.
    ///
    /// # Errors
    /// [`EngineError`]; where it is unknown whether the command is applied, this is not tried again.
    pub async fn propose(&self, command: impl Into<Bytes>) -> Result<M::Response, EngineError> {
        self.send(command.into(), Repeat::Unsafe).await
    }

    /// As [`MachineClient::propose`], for a command that may be applied twice without harm, since the
    /// machine recognises it or it sets what it sets: tried again until the time is up.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn propose_repeatable(
        &self,
        command: impl Into<Bytes>,
    ) -> Result<M::Response, EngineError> {
        self.send(command.into(), Repeat::Safe).await
    }

    async fn send(&self, command: Bytes, repeat: Repeat) -> Result<M::Response, EngineError> {
        match self.route.ask(self, &Ask::Write(command), repeat).await? {
            Answer::Written(response) => Ok(response),
            Answer::Left(_)
            | Answer::Changed(_)
            | Answer::Members { .. }
            | Answer::NotDone(_)
            | Answer::Unknown(_) => {
                Err(EngineError::Unknown { reason: "the answer is of another kind".to_owned() })
            }
        }
    }

    /// Reads this node's state machine, once it holds what `consistency` asks for. Applying waits while
    /// `read` runs: it should be quick, and clone what takes long to look through.
    ///
    /// # Errors
    /// [`EngineError`]; never with [`Consistency::Stale`].
    pub async fn read<T>(
        &self,
        consistency: Consistency,
        read: impl FnOnce(&M) -> T,
    ) -> Result<T, EngineError> {
        self.route.confirm(consistency).await?;
        Ok(self.peek(read))
    }

    /// Reads this node's state machine as it is, which may be old. Waits for nothing but a command that
    /// is being applied.
    pub fn peek<T>(&self, read: impl FnOnce(&M) -> T) -> T {
        read(&self.machine.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<M> Carrier for MachineClient<M>
where
    M: StateMachine<Response: WireResponse> + Sync + 'static,
{
    type Response = M::Response;

    fn route(&self) -> &Route<M::Response> {
        &self.route
    }

    async fn carry_out(&self, ask: Ask) -> Answer<M::Response> {
        match ask {
            Ask::Write(command) => self.route.propose(command).await,
            Ask::Group(ask) => self.route.see_to(ask).await,
            Ask::KeepAlive(_) | Ask::TimeLeft(_) => {
                Answer::NotDone("this group's state machine has no leases".to_owned())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reads_back<R: WireResponse + std::fmt::Debug + PartialEq>(response: R) {
        assert_eq!(R::from_bytes(response.to_bytes()), Some(response));
    }

    #[test]
    fn every_answer_reads_back() {
        reads_back(Bytes::from_static(b"\0\xff"));
        reads_back("text".to_owned());
        reads_back(u64::MAX);
        reads_back(());
        reads_back(None::<u64>);
        reads_back(Some(()));
        reads_back(Some(Some("text".to_owned())));
    }

    #[test]
    fn bytes_that_no_node_sends_are_no_answer() {
        assert_eq!(u64::from_bytes("1234567".into()), None);
        assert_eq!(<()>::from_bytes("1".into()), None);
        assert_eq!(String::from_bytes(Bytes::from_static(&[0xff])), None);
        for bytes in [&[][..], &[0, 1], &[2], &[1, 1]] {
            assert_eq!(<Option<()>>::from_bytes(Bytes::copy_from_slice(bytes)), None, "{bytes:?}");
        }
    }
}
