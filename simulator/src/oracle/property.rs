//! The properties that runs are judged by, each with a name that stays.

use std::fmt;

use super::Violation;

macro_rules! properties {
    ($($(#[doc = $doc:literal])* $property:ident = $name:literal,)*) => {
        /// What must always hold.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Property {
            $($(#[doc = $doc])* $property,)*
        }

        impl Property {
            /// All properties.
            pub const ALL: &[Property] = &[$(Property::$property,)*];

            /// The name in files and on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(Property::$property => $name,)*
                }
            }

            /// What it says, in a sentence.
            pub fn meaning(self) -> &'static str {
                let text = match self {
                    $(Property::$property => concat!($($doc),*),)*
                };
                text.trim_start()
            }
        }
    };
}

properties! {
    /// A term has one leader.
    ElectionSafety = "election-safety",
    /// A leader stands on a quorum of durable votes.
    VoteQuorum = "vote-quorum",
    /// A term never falls within a life.
    TermMonotonic = "term-monotonic",
    /// A vote never changes within a term.
    VoteOnce = "vote-once",
    /// A commit index never falls within a life.
    CommitMonotonic = "commit-monotonic",
    /// Only voters stand for election.
    OnlyVotersStand = "only-voters-stand",
    /// A leader keeps every entry of its log.
    LeaderAppendOnly = "leader-append-only",
    /// A leader commits by counting only what is of its own term.
    CommitOwnTerm = "commit-own-term",
    /// Equal index and term: the same entry, and the same before it.
    LogMatching = "log-matching",
    /// A new leader holds all that is committed.
    LeaderCompleteness = "leader-completeness",
    /// What is committed never changes, and is never removed.
    CommittedStays = "committed-stays",
    /// Nobody commits what it does not have.
    CommitWithinLog = "commit-within-log",
    /// What is committed was written by somebody.
    CommittedWritten = "committed-written",
    /// Each commit stands on a quorum of durable logs.
    DurableQuorum = "durable-quorum",
    /// Nothing is said that the disk does not hold.
    PersistBeforeSend = "persist-before-send",
    /// A snapshot stands for what is committed.
    SnapshotCommitted = "snapshot-committed",
    /// A snapshot has the members of its last entry.
    SnapshotMembership = "snapshot-membership",
    /// Quorums of adjacent configurations have a node in common.
    JointConsensus = "joint-consensus",
    /// A disk gives back what was synced, and nothing that was never written.
    Recovery = "recovery",
    /// A log opens after any crash.
    LogOpens = "log-opens",
    /// A node starts from what its log gives back.
    NodeStarts = "node-starts",
    /// A node starts where it stood.
    StateRestored = "state-restored",
    /// Applies go by index, and only what is committed is applied.
    ApplyOrder = "apply-order",
    /// State machines are equal at equal indexes.
    EqualStates = "equal-states",
    /// A read index is at least the commit index when the read came.
    ReadIndex = "read-index",
    /// No read is answered under a lease, in true time, once another leader has committed.
    LeaseRead = "lease-read",
    /// Only a leader that is not handing over answers under a lease.
    LeaseRight = "lease-right",
    /// No operation stands behind one that had ended before it began.
    RealTimeOrder = "real-time-order",
    /// The operations on a key have an order that explains every answer.
    Linearizability = "linearizability",
    /// Every acknowledged write is in the committed log.
    AcknowledgedWrites = "acknowledged-writes",
    /// A state machine answers what its command can give.
    Response = "response",
    /// A node campaigns when its election timeout has passed, which starts anew for the reasons of
    /// the protocol alone.
    ElectionTimer = "election-timer",
    /// No two nodes draw the same timeouts.
    TimeoutsDiffer = "timeouts-differ",
    /// Votes and pre-votes are given, and refused, exactly as the protocol says.
    VoteRule = "vote-rule",
    /// Whoever hears of a newer term, or of the leader of its own, follows in it.
    TermAdopted = "term-adopted",
    /// A leader that no quorum answers for an election timeout goes.
    LeaderContact = "leader-contact",
    /// What a leader takes a follower to hold rises within a term, by answers of that term.
    MatchRule = "match-rule",
    /// A leader commits at once what a quorum has acknowledged.
    CommitFollows = "commit-follows",
    /// Who hands over takes no proposals; who is told to stand stands at once, by that wish.
    HandOver = "hand-over",
    /// A leader that has no vote any more goes once that is committed, and says so.
    RemovedLeaderGoes = "removed-leader-goes",
    /// A joint configuration is left for its new half, with its learners.
    JointLeft = "joint-left",
    /// Who stays a member stays where it was.
    AddressesKept = "addresses-kept",
    /// Messages, and what is under way, keep within their limits.
    WithinLimits = "within-limits",
    /// The group says no more than time, clients and what is new to a node give reasons for.
    NoStorm = "no-storm",
    /// What the simulated system's own oracle says.
    Model = "model",
    /// The core's own invariants hold.
    CoreCheck = "core-check",
    /// The driver keeps the core's contract.
    DriverContract = "driver-contract",
    /// A driver has at most one write under way.
    OneWrite = "one-write-at-a-time",
    /// Nothing panics.
    NoPanic = "no-panic",
    /// No node halts while its disk is well.
    NoHalt = "no-halt",
    /// No write fails while the disk is well.
    LogWorks = "log-works",
    /// A message decodes to what was encoded.
    Codec = "codec",
    /// The group comes back after everything has healed.
    Liveness = "liveness",
    /// The same seed gives the same run.
    Determinism = "determinism",
}

impl Property {
    /// The property of this name.
    pub fn parse(name: &str) -> Option<Property> {
        Property::ALL.iter().copied().find(|property| property.name() == name)
    }
}

impl fmt::Display for Property {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl Violation {
    /// Which property does not hold.
    pub fn property(&self) -> Property {
        match self {
            Violation::TwoLeaders { .. } => Property::ElectionSafety,
            Violation::LeaderWithoutQuorum { .. } => Property::VoteQuorum,
            Violation::TermFell { .. } => Property::TermMonotonic,
            Violation::VoteChanged { .. } => Property::VoteOnce,
            Violation::CommitFell { .. } => Property::CommitMonotonic,
            Violation::NoVoterStands { .. } => Property::OnlyVotersStand,
            Violation::LeaderRewrote { .. } => Property::LeaderAppendOnly,
            Violation::CommittedOldTerm { .. } => Property::CommitOwnTerm,
            Violation::LogsDiffer { .. } => Property::LogMatching,
            Violation::LeaderIncomplete { .. } => Property::LeaderCompleteness,
            Violation::CommittedChanged { .. } | Violation::CommittedRemoved { .. } => {
                Property::CommittedStays
            }
            Violation::CommitBeyondLog { .. } => Property::CommitWithinLog,
            Violation::CommittedUnwritten { .. } => Property::CommittedWritten,
            Violation::CommitWithoutQuorum { .. } => Property::DurableQuorum,
            Violation::SentBeforeDurable { .. } => Property::PersistBeforeSend,
            Violation::SnapshotUncommitted { .. } => Property::SnapshotCommitted,
            Violation::SnapshotMembers { .. } => Property::SnapshotMembership,
            Violation::QuorumsApart { .. } => Property::JointConsensus,
            Violation::Recovered { .. } => Property::Recovery,
            Violation::OpenFailed { .. } => Property::LogOpens,
            Violation::RestoreFailed { .. } => Property::NodeStarts,
            Violation::RestoredOther { .. } => Property::StateRestored,
            Violation::AppliedOther { .. } => Property::ApplyOrder,
            Violation::MachinesDiffer { .. } => Property::EqualStates,
            Violation::StaleReadIndex { .. } => Property::ReadIndex,
            Violation::StaleLeaseRead { .. } => Property::LeaseRead,
            Violation::LeaseWithoutRight { .. } => Property::LeaseRight,
            Violation::OutOfOrder { .. } => Property::RealTimeOrder,
            Violation::NotLinearizable { .. } => Property::Linearizability,
            Violation::AcknowledgedLost { .. } => Property::AcknowledgedWrites,
            Violation::OddResponse { .. } => Property::Response,
            Violation::Rule { rule, .. } => *rule,
            Violation::Model { .. } => Property::Model,
            Violation::Core { .. } => Property::CoreCheck,
            Violation::Misuse { .. } => Property::DriverContract,
            Violation::TwoWrites { .. } => Property::OneWrite,
            Violation::Panicked { .. } => Property::NoPanic,
            Violation::Halted { .. } => Property::NoHalt,
            Violation::WriteFailed { .. } => Property::LogWorks,
            Violation::Codec { .. } => Property::Codec,
            Violation::Stuck { .. } => Property::Liveness,
            Violation::NotDeterministic { .. } => Property::Determinism,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_property_is_found_by_its_name() {
        for property in Property::ALL {
            assert_eq!(Property::parse(property.name()), Some(*property));
        }
        assert_eq!(Property::parse("luck"), None);
    }
}
