//! Kinds of messages, and sets of them.

use quorate_core::Body;

use super::names::named;

named! {
    /// A kind of message between nodes: those of the core, and those that carry snapshots.
    MessageKind {
        /// See [`Body::PreVoteRequest`].
        PreVoteRequest = "pre-vote-request",
        /// See [`Body::PreVoteAnswer`].
        PreVoteAnswer = "pre-vote-answer",
        /// See [`Body::VoteRequest`].
        VoteRequest = "vote-request",
        /// See [`Body::VoteAnswer`].
        VoteAnswer = "vote-answer",
        /// See [`Body::AppendRequest`].
        AppendRequest = "append-request",
        /// See [`Body::AppendAnswer`].
        AppendAnswer = "append-answer",
        /// See [`Body::ReadRequest`].
        ReadRequest = "read-request",
        /// See [`Body::ReadAnswer`].
        ReadAnswer = "read-answer",
        /// See [`Body::TimeoutNow`].
        TimeoutNow = "timeout-now",
        /// A part of a snapshot, or the offer of one.
        SnapshotPart = "snapshot-part",
        /// How much of a snapshot is there.
        SnapshotAnswer = "snapshot-answer",
    }
}

impl MessageKind {
    /// The kind of a message of the core.
    pub fn of(body: &Body) -> MessageKind {
        match body {
            Body::PreVoteRequest(_) => MessageKind::PreVoteRequest,
            Body::PreVoteAnswer(_) => MessageKind::PreVoteAnswer,
            Body::VoteRequest(_) => MessageKind::VoteRequest,
            Body::VoteAnswer(_) => MessageKind::VoteAnswer,
            Body::AppendRequest(_) => MessageKind::AppendRequest,
            Body::AppendAnswer(_) => MessageKind::AppendAnswer,
            Body::ReadRequest(_) => MessageKind::ReadRequest,
            Body::ReadAnswer(_) => MessageKind::ReadAnswer,
            Body::TimeoutNow => MessageKind::TimeoutNow,
        }
    }

    /// Its place among all.
    pub fn number(self) -> u64 {
        self as u64
    }
}

/// A set of message kinds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Kinds(u16);

impl Kinds {
    /// These kinds.
    pub fn of(kinds: &[MessageKind]) -> Kinds {
        Kinds(kinds.iter().fold(0, |mask, kind| mask | 1 << kind.number()))
    }

    /// Whether messages of `kind` belong to it.
    pub fn has(self, kind: MessageKind) -> bool {
        self.0 >> kind.number() & 1 == 1
    }

    /// Its members.
    pub fn list(self) -> impl Iterator<Item = MessageKind> {
        MessageKind::ALL.iter().copied().filter(move |kind| self.has(*kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_its_members_and_no_other() {
        let votes = [MessageKind::VoteRequest, MessageKind::VoteAnswer];
        let set = Kinds::of(&votes);
        assert_eq!(set.list().collect::<Vec<_>>(), votes);
        assert!(!set.has(MessageKind::SnapshotAnswer));
        assert_eq!(Kinds::of(MessageKind::ALL).list().count(), MessageKind::ALL.len());
    }
}
