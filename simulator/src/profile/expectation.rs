//! What a profile's runs are to come to.

use super::Profile;
use crate::{
    marks::{Mark, Marks},
    oracle::Property,
};

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

/// A batch of so many runs must show what its profile expects.
const SHOWN_FROM: u64 = 100;

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

impl Expectation {
    /// What `seeds` runs should have shown, and did not.
    pub fn missing(self, marks: &Marks, seeds: u64) -> Vec<Mark> {
        let needed: &[Mark] = match self {
            Expectation::Holds => &[],
            Expectation::HaltsAloud => {
                &[Mark::DamageRefused, Mark::DamageHalted, Mark::QuorumLost, Mark::Diverged]
            }
        };
        let is_missing = |mark: &&Mark| seeds >= SHOWN_FROM && marks.count(**mark) == 0;
        needed.iter().filter(is_missing).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_beyond_the_model_that_saw_nobody_halt_has_not_shown_what_it_should() {
        let expectation = Profile::BeyondModel.expects();
        let mut marks = Marks::default();
        assert_eq!(expectation.missing(&marks, SHOWN_FROM).len(), 4);
        assert!(expectation.missing(&marks, SHOWN_FROM - 1).is_empty());
        marks.reach(Mark::QuorumLost);
        assert!(!expectation.missing(&marks, SHOWN_FROM).contains(&Mark::QuorumLost));
        assert!(Profile::Swarm.expects().missing(&Marks::default(), SHOWN_FROM).is_empty());
    }
}
