//! The first bytes of a connection: who speaks to whom.

use bytes::Buf;
use quorate_core::NodeId;

use super::WIRE_PROTOCOL;

const MAGIC: u32 = 0x5452_4F51; // "QORT"
/// How long a greeting is. Bytes.
pub(super) const GREETING_BYTES: usize = 32;
/// The receiver's answer when it listens.
pub(super) const WELCOME: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) group: u64,
    pub(super) sender: NodeId,
    pub(super) receiver: NodeId,
}

/// Why a connection is refused; its number is the receiver's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("it does not speak this protocol")]
    Protocol = 2,
    #[error("it belongs to another group")]
    Group = 3,
    #[error("it looks for another node")]
    Receiver = 4,
    #[error("it is not a member that this node knows")]
    Sender = 5,
}

impl Greeting {
    pub(super) fn encode(&self) -> [u8; GREETING_BYTES] {
        let mut out = [0; GREETING_BYTES];
        out[..4].copy_from_slice(&MAGIC.to_le_bytes());
        out[4..8].copy_from_slice(&WIRE_PROTOCOL.to_le_bytes());
        let numbers = [self.group, self.sender.get(), self.receiver.get()];
        for (place, number) in out[8..].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        out
    }

    /// Who speaks, where it is right to speak to `receiver` of `group`.
    pub(super) fn accept(
        mut bytes: &[u8],
        group: u64,
        receiver: NodeId,
        is_member: impl Fn(NodeId) -> bool,
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
        sender.filter(|sender| is_member(*sender)).ok_or(Refusal::Sender)
    }
}
