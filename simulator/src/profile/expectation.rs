//! What a profile is meant to show, where that is not that all is well.

use super::Profile;
use crate::oracle::{Property, Violation};

/// What a node may break that has forgotten what it promised, or what others counted on it to hold:
/// in Raft, each of these rests on every node's remembering. What a node says of itself, its
/// driver's and its log's contract, and that nothing panics, do not.
pub const DIVERGENCE: [Property; 19] = [
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
    Property::LeaseRead,
    Property::RealTimeOrder,
    Property::Linearizability,
    Property::AcknowledgedWrites,
    Property::Model,
    Property::Liveness,
];

/// What a batch of a profile must see: an oracle that can never fire proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// Some of its runs break this property.
    Breaks(Property),
}

impl Expectation {
    /// Whether a violation of this property is what is expected.
    pub fn is_broken_by(self, broken: Property) -> bool {
        match self {
            Expectation::Breaks(property) => broken == property,
        }
    }
}

impl std::fmt::Display for Expectation {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Expectation::Breaks(property) => write!(out, "{property} is broken"),
        }
    }
}

impl Profile {
    /// What its runs are meant to show; for most, that all is well.
    pub fn expectation(self) -> Option<Expectation> {
        match self {
            Profile::LeaseBroken => Some(Expectation::Breaks(Property::LeaseRead)),
            Profile::Calm
            | Profile::Swarm
            | Profile::Crashes
            | Profile::Network
            | Profile::Disk
            | Profile::Damage
            | Profile::BeyondModel
            | Profile::Members
            | Profile::Leases
            | Profile::Kv => None,
        }
    }

    /// Whether this violation is what its runs are meant to show.
    pub fn expects(self, violation: &Violation) -> bool {
        self.expectation().is_some_and(|expected| expected.is_broken_by(violation.property()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_profile_is_meant_to_show_is_expected() {
        let stale = Violation::StaleLeaseRead { node: 0, index: 1, committed: 2 };
        let other = Violation::StaleReadIndex { node: 0, index: 1, committed: 2 };
        assert!(Profile::LeaseBroken.expects(&stale) && !Profile::LeaseBroken.expects(&other));
        for profile in Profile::ALL.into_iter().filter(|it| *it != Profile::LeaseBroken) {
            assert!(!profile.expects(&stale), "{}", profile.name());
        }
    }
}
