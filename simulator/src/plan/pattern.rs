//! What faults can wait for.

use std::fmt;

use quorate_driver::ActionKind;

use super::kinds::MessageKind;

/// Something that a node does, at which a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// It has granted a vote.
    VoteGranted,
    /// It has asked for votes.
    VoteAsked,
    /// It has become leader.
    BecameLeader,
    /// It has sent entries to one follower and not yet to the next.
    MidBroadcast,
    /// It has handed a write to its disk, which has not yet synced it.
    Writing,
    /// It has told its leader how far its log matches.
    Acknowledged,
    /// It has learnt that an entry is committed.
    Committed,
    /// It has just started again.
    Restarted,
    /// It leads, and is on its way from one set of voters to another.
    EnteredJoint,
    /// It has told another one to take over.
    HandedOver,
    /// It has a part of another node's snapshot.
    SnapshotPart,
    /// It has another node's snapshot durably, and its core does not know of it yet.
    SnapshotKept,
    /// It has handed a write with another term or vote than it holds durably to its disk, which has
    /// not yet synced it.
    SavingTerm,
    /// The same, and the write has entries, too.
    SavingTermWithEntries,
    /// Its core has asked for this, and it is not done yet.
    Action(ActionKind),
    /// It has sent a message of this kind.
    Sent(MessageKind),
    /// It has taken a message of this kind in, and nothing that follows from it is done yet.
    Received(MessageKind),
}

/// Turning points of the protocol.
const POINTS: [Pattern; 12] = [
    Pattern::VoteGranted,
    Pattern::VoteAsked,
    Pattern::BecameLeader,
    Pattern::MidBroadcast,
    Pattern::Writing,
    Pattern::Acknowledged,
    Pattern::Committed,
    Pattern::Restarted,
    Pattern::EnteredJoint,
    Pattern::HandedOver,
    Pattern::SnapshotPart,
    Pattern::SnapshotKept,
];

/// What was added later. It is drawn by what is about it alone.
const LATER: [Pattern; 2] = [Pattern::SavingTerm, Pattern::SavingTermWithEntries];

const ACTIONS: usize = ActionKind::ALL.len();
const MESSAGES: usize = MessageKind::ALL.len();

impl Pattern {
    /// How many of all patterns, from the first on, faults on events of every kind wait for.
    pub const COMMON: usize = POINTS.len() + ACTIONS + 2 * MESSAGES;

    /// All patterns.
    pub const ALL: [Pattern; Pattern::COMMON + LATER.len()] = {
        let mut all = [Pattern::VoteGranted; Pattern::COMMON + LATER.len()];
        let mut place = 0;
        while place < POINTS.len() {
            all[place] = POINTS[place];
            place += 1;
        }
        let mut kind = 0;
        while kind < ACTIONS {
            all[place] = Pattern::Action(ActionKind::ALL[kind]);
            (place, kind) = (place + 1, kind + 1);
        }
        let mut kind = 0;
        while kind < MESSAGES {
            all[place] = Pattern::Sent(MessageKind::ALL[kind]);
            all[place + MESSAGES] = Pattern::Received(MessageKind::ALL[kind]);
            (place, kind) = (place + 1, kind + 1);
        }
        let mut later = 0;
        while later < LATER.len() {
            all[Pattern::COMMON + later] = LATER[later];
            later += 1;
        }
        all
    };

    /// The turning points of the protocol among them.
    pub const POINTS: [Pattern; 12] = POINTS;

    /// The pattern of this name.
    pub fn parse(name: &str) -> Option<Pattern> {
        Pattern::ALL.into_iter().find(|pattern| pattern.to_string() == name)
    }
}

/// The name in files.
impl fmt::Display for Pattern {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Pattern::VoteGranted => "vote-granted",
            Pattern::VoteAsked => "vote-requested",
            Pattern::BecameLeader => "became-leader",
            Pattern::MidBroadcast => "mid-broadcast",
            Pattern::Writing => "between-write-and-fsync",
            Pattern::Acknowledged => "append-acknowledged",
            Pattern::Committed => "commit-advanced",
            Pattern::Restarted => "restarted",
            Pattern::EnteredJoint => "joint-configuration-entered",
            Pattern::HandedOver => "leadership-handed-over",
            Pattern::SnapshotPart => "snapshot-chunk-received",
            Pattern::SnapshotKept => "snapshot-received",
            Pattern::SavingTerm => "term-being-saved",
            Pattern::SavingTermWithEntries => "term-being-saved-with-entries",
            Pattern::Action(kind) => return write!(out, "action-{}", kind.name()),
            Pattern::Sent(kind) => return write!(out, "{}-sent", kind.name()),
            Pattern::Received(kind) => return write!(out, "{}-received", kind.name()),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_pattern_is_found_by_its_name_and_no_two_share_one() {
        let names: BTreeSet<String> = Pattern::ALL.iter().map(Pattern::to_string).collect();
        assert_eq!(names.len(), Pattern::ALL.len());
        for pattern in Pattern::ALL {
            assert_eq!(Pattern::parse(&pattern.to_string()), Some(pattern));
        }
        assert_eq!(Pattern::parse("luck"), None);
    }
}
