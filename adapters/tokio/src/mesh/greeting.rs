//! The first bytes of a connection: who speaks to whom, and where the speaker can be reached.

use std::sync::Arc;

use bytes::{Buf, BufMut};
use quorate_core::{ADDRESS_LIMIT_BYTES, LogId, NodeId};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::WIRE_PROTOCOL;

const MAGIC: u32 = 0x5452_4F51; // "QORT"
/// How long a greeting is, but for the address behind it: its length in a byte, and as many bytes.
pub(super) const GREETING_BYTES: usize = 32;
/// The receiver's answer when it listens. What follows is where the configuration stands by which it
/// is a member: term and index.
pub(super) const WELCOME: u8 = 1;
/// What follows a welcome. Bytes.
pub(super) const WELCOME_BYTES: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) group: u64,
    pub(super) sender: NodeId,
    pub(super) receiver: NodeId,
}

/// Why a connection is refused; its number is the receiver's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no node, or one of another version.
    #[error("it does not speak this protocol")]
    Protocol = 2,
    /// It belongs to another group.
    #[error("it belongs to another group")]
    Group = 3,
    /// There is another node at this address.
    #[error("it looks for another node")]
    Receiver = 4,
    /// It bears the receiver's own name, or none.
    #[error("it bears no name, or this node's own")]
    Sender = 5,
}

impl Refusal {
    /// What a receiver's answer means.
    pub(super) fn of(answer: u8) -> Refusal {
        match answer {
            3 => Refusal::Group,
            4 => Refusal::Receiver,
            5 => Refusal::Sender,
            _ => Refusal::Protocol,
        }
    }
}

impl Greeting {
    /// The greeting, with the sender's own address; one that is too long is left out.
    pub(super) fn encode(&self, address: Option<&str>) -> Vec<u8> {
        let mut out = Vec::with_capacity(GREETING_BYTES + 1);
        out.put_u32_le(MAGIC);
        out.put_u32_le(WIRE_PROTOCOL);
        for number in [self.group, self.sender.get(), self.receiver.get()] {
            out.put_u64_le(number);
        }
        let short = address.filter(|address| address.len() <= ADDRESS_LIMIT_BYTES as usize);
        let address = short.unwrap_or_default();
        out.push(address.len() as u8);
        out.extend_from_slice(address.as_bytes());
        out
    }

    /// Who speaks, where it is right to speak to `receiver` of `group`.
    ///
    /// Whether it is a member is not asked: a node that lags must listen to a leader that was added
    /// since. Votes and appends are judged by their terms and logs, whoever sends them.
    pub(super) fn accept(
        mut bytes: &[u8],
        group: u64,
        receiver: NodeId,
    ) -> Result<NodeId, Refusal> {
        if bytes.len() < GREETING_BYTES
            || bytes.get_u32_le() != MAGIC
            || bytes.get_u32_le() != WIRE_PROTOCOL
        {
            return Err(Refusal::Protocol);
        }
        if bytes.get_u64_le() != group {
            return Err(Refusal::Group);
        }
        let sender = NodeId::new(bytes.get_u64_le());
        if NodeId::new(bytes.get_u64_le()) != Some(receiver) {
            return Err(Refusal::Receiver);
        }
        sender.filter(|sender| *sender != receiver).ok_or(Refusal::Sender)
    }
}

/// The address behind a greeting; none where the sender has none.
pub(super) async fn read_address(
    stream: &mut (impl AsyncRead + Unpin),
) -> std::io::Result<Option<Arc<str>>> {
    let mut bytes = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut bytes).await?;
    let address = String::from_utf8(bytes).ok().filter(|address| !address.is_empty());
    Ok(address.map(Arc::from))
}

/// What a receiver says to a sender that it listens to.
pub(super) fn welcome(joined: LogId) -> Vec<u8> {
    let mut out = vec![WELCOME];
    out.put_u64_le(joined.term);
    out.put_u64_le(joined.index);
    out
}

/// Where the configuration stands by which the receiver is a member; zero where it is none yet.
pub(super) fn read_welcome(mut bytes: &[u8]) -> LogId {
    LogId::new(bytes.get_u64_le(), bytes.get_u64_le())
}
