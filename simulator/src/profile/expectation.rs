//! What a profile's runs are to come to.

use super::Profile;
use crate::oracle::Property;

/// What a profile's runs are to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Everything holds, and the group comes back.
    Holds,
    /// Where no quorum is left, nodes stop aloud and the group stands still; nothing diverges as long
    /// as what a disk lost can be noticed. Once a disk has forgotten without a trace, what
    /// [`DIVERGENCE`] names may break.
    HaltsAloud,
}

/// What a node may break that has forgotten what it promised, or what others counted on it to hold:
/// in Raft, each of these rests on every node's remembering. What a node says of itself, its
/// driver's and its log's contract, and that nothing panics, do not.
pub const DIVERGENCE: [Property; 18] = [
    Property::ElectionSafety,
    Property::VoteQuorum,
    Property::LogMatching,
    Property::LeaderCompleteness,
    Property::CommittedStays,
    Property::CommitWithinLog,
    Property::CommittedWritten,
    Property::DurableQuorum,
    Property::SnapshotCommitted,
    Property::SnapshotMembership,
    Property::ApplyOrder,
    Property::EqualStates,
    Property::ReadIndex,
    Property::RealTimeOrder,
    Property::Linearizability,
    Property::AcknowledgedWrites,
    Property::Model,
    Property::Liveness,
];

impl Profile {
    /// What its runs are to come to.
    pub fn expects(self) -> Expectation {
        match self {
            Profile::BeyondModel => Expectation::HaltsAloud,
            Profile::Calm
            | Profile::Swarm
            | Profile::Crashes
            | Profile::Network
            | Profile::Disk
            | Profile::Damage
            | Profile::Members
            | Profile::Leases => Expectation::Holds,
        }
    }
}
