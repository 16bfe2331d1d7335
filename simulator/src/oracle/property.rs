//! The properties that runs are judged by, each with a name that stays.

use std::fmt;

use super::Violation;

macro_rules! properties {
    ($($(#[doc = $doc:literal])* $property:ident = $name:literal because $why:literal,)*) => {
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

            /// What goes wrong where it does not hold, for who reads a failure.
            pub fn why(self) -> &'static str {
                match self {
                    $(Property::$property => $why,)*
                }
            }
        }
    };
}

properties! {
    /// A term has one leader.
    ElectionSafety = "election-safety" because
        "Two leaders of one term may each commit something else at the same place: \
         acknowledged writes are lost and state machines part.",
    /// A leader stands on a quorum of durable votes.
    VoteQuorum = "vote-quorum" because
        "A leader without a quorum of durable votes may find another leader of its own term \
         beside it as soon as a voter restarts.",
    /// A term never falls within a life.
    TermMonotonic = "term-monotonic" because
        "A node that goes back to an older term may vote once more in it, or follow a leader \
         that was deposed.",
    /// A vote never changes within a term.
    VoteOnce = "vote-once" because
        "Whoever votes twice in a term can give a majority to each of two candidates.",
    /// A commit index never falls within a life.
    CommitMonotonic = "commit-monotonic" because
        "What was committed has been answered to clients: a node that takes that back cannot \
         know what it has already applied.",
    /// Only voters stand for election.
    OnlyVotersStand = "only-voters-stand" because
        "Whoever has no vote and stands all the same disturbs those who have one, and may \
         lead a group that it does not belong to.",
    /// A leader keeps every entry of its log.
    LeaderAppendOnly = "leader-append-only" because
        "A leader that removes its own entries may remove what followers already count as \
         committed.",
    /// A leader commits by counting only what is of its own term.
    CommitOwnTerm = "commit-own-term" because
        "An entry of an older term that lies on a majority can still be replaced by a later \
         leader (Figure 8 of the paper); counting it commits what may be lost.",
    /// Equal index and term: the same entry, and the same before it.
    LogMatching = "log-matching" because
        "All else in Raft concludes from one equal entry that everything before it is equal, \
         too; where that is wrong, nodes apply different commands.",
    /// A new leader holds all that is committed.
    LeaderCompleteness = "leader-completeness" because
        "A leader that lacks a committed entry makes its followers remove it: an \
         acknowledged write is gone.",
    /// What is committed never changes, and is never removed.
    CommittedStays = "committed-stays" because
        "A committed entry was acknowledged and applied somewhere; another one in its place, \
         or none, is a lost write and state machines that differ.",
    /// Nobody commits what it does not have.
    CommitWithinLog = "commit-within-log" because
        "A node that commits what it does not hold will apply whatever comes to stand there.",
    /// What is committed was written by somebody.
    CommittedWritten = "committed-written" because
        "What no disk was asked to hold is gone with the next crash, though its client was \
         told that it is done.",
    /// Each commit stands on a quorum of durable logs.
    DurableQuorum = "durable-quorum" because
        "Fewer disks than a majority hold the entry: the crash of a minority loses an \
         acknowledged write.",
    /// Nothing is said that the disk does not hold.
    PersistBeforeSend = "persist-before-send" because
        "Others build on what a node says. If a crash takes it back, a vote can be given \
         twice, or an entry counts that nobody holds.",
    /// A snapshot stands for what is committed.
    SnapshotCommitted = "snapshot-committed" because
        "A snapshot replaces the log before it: if it covers what was never committed, there \
         is no way back to what was.",
    /// A snapshot has the members of its last entry.
    SnapshotMembership = "snapshot-membership" because
        "Whoever starts from a snapshot counts quorums by the members that it names.",
    /// Quorums of adjacent configurations have a node in common.
    JointConsensus = "joint-consensus" because
        "Two quorums without a common node can elect two leaders and commit two histories.",
    /// A disk gives back what was synced, and nothing that was never written.
    Recovery = "recovery" because
        "All promises rest on what a disk gives back after a crash: less is a forgotten vote \
         or a lost entry, more is an entry that never was.",
    /// A log opens after any crash.
    LogOpens = "log-opens" because
        "A node whose log does not open is lost with all that it held.",
    /// A node starts from what its log gives back.
    NodeStarts = "node-starts" because
        "A node that cannot start from its own log is lost.",
    /// A node starts where it stood.
    StateRestored = "state-restored" because
        "A node that starts elsewhere than where it stood has forgotten a vote, a term or a \
         promise that others rely on.",
    /// Applies go by index, and only what is committed is applied.
    ApplyOrder = "apply-order" because
        "State machines are equal only because all apply the same entries in the same order, \
         once each.",
    /// State machines are equal at equal indexes.
    EqualStates = "equal-states" because
        "Nodes that applied the same entries must answer the same; here it depends on whom \
         one asks.",
    /// A read index is at least the commit index when the read came.
    ReadIndex = "read-index" because
        "A read that misses what was committed before it came is stale: a client does not \
         see a write that was already acknowledged.",
    /// No read is answered under a lease, in true time, once another leader has committed.
    LeaseRead = "lease-read" because
        "A lease that outlives what it rests on answers with what was true before another \
         leader committed: a client does not see a write that was already acknowledged.",
    /// Only a leader that is not handing over answers under a lease.
    LeaseRight = "lease-right" because
        "Without the right to a lease, another leader may be committing writes that this \
         answer does not know of.",
    /// No operation stands behind one that had ended before it began.
    RealTimeOrder = "real-time-order" because
        "An operation that begins after another one has ended must come after it; clients \
         that talk to each other see time run backwards.",
    /// The operations on a key have an order that explains every answer.
    Linearizability = "linearizability" because
        "Clients saw something that no single copy of the data could have shown them.",
    /// Every acknowledged write is in the committed log.
    AcknowledgedWrites = "acknowledged-writes" because
        "A client was told that its write is done, and it is not there.",
    /// A state machine answers what its command can give.
    Response = "response" because
        "A client was told something that its command cannot give.",
    /// A node campaigns when its election timeout has passed, which starts anew for the reasons of
    /// the protocol alone.
    ElectionTimer = "election-timer" because
        "Whoever campaigns too early disturbs a leader that works; whoever waits too long \
         leaves the group without one.",
    /// No two nodes draw the same timeouts.
    TimeoutsDiffer = "timeouts-differ" because
        "Nodes that wait equally long stand together, split the vote, and do so again.",
    /// Votes and pre-votes are given, and refused, exactly as the protocol says.
    VoteRule = "vote-rule" because
        "A vote that is refused without need, or given in spite of a leader, costs the group \
         an election; a refusal without the newer term leaves its receiver behind.",
    /// Whoever hears of a newer term, or of the leader of its own, follows in it.
    TermAdopted = "term-adopted" because
        "A node that stays behind in an older term asks in vain, and does not follow who \
         leads.",
    /// A leader that no quorum answers for an election timeout goes.
    LeaderContact = "leader-contact" because
        "A leader that a majority cannot reach keeps its clients waiting, and others from \
         serving them.",
    /// What a leader takes a follower to hold rises within a term, by answers of that term.
    MatchRule = "match-rule" because
        "A leader commits by what it takes others to hold: too much is a lost write, too \
         little is one that waits for nothing.",
    /// A leader commits at once what a quorum has acknowledged.
    CommitFollows = "commit-follows" because
        "What a quorum holds and nobody commits waits for the next write, which may never \
         come.",
    /// Who hands over takes no proposals; who is told to stand stands at once, by that wish.
    HandOver = "hand-over" because
        "A log that still grows is never whole where it is handed to, and a candidate that \
         does not say who sent it is refused by all who hear the old leader.",
    /// A leader that has no vote any more goes once that is committed, and says so.
    RemovedLeaderGoes = "removed-leader-goes" because
        "Whoever was removed may be switched off at any time: it must not lead.",
    /// A joint configuration is left for its new half, with its learners.
    JointLeft = "joint-left" because
        "A member that is lost on the way from one configuration to the next was never \
         removed by anybody, and gets no entry any more.",
    /// Who stays a member stays where it was.
    AddressesKept = "addresses-kept" because
        "Whoever starts again finds the others by the configuration in its log: where that \
         does not say it, or says it wrongly, the group may never meet again.",
    /// Messages, and what is under way, keep within their limits.
    WithinLimits = "within-limits" because
        "What has no bound grows with a slow peer until the leader's memory is gone.",
    /// The group says no more than time, clients and what is new to a node give reasons for.
    NoStorm = "no-storm" because
        "A message that is sent twice may be answered twice. Where an answer leads to \
         another question whatever was known before, the number of messages grows by itself \
         until nothing else gets through: each must be for something that has passed or that \
         is new.",
    /// What the simulated system's own oracle says.
    Model = "model" because
        "What is replicated has rules of its own, and clients rely on them; here they saw \
         one of them broken.",
    /// The core's own invariants hold.
    CoreCheck = "core-check" because
        "The core's bookkeeping contradicts itself; what it decides next is anyone's guess.",
    /// The driver keeps the core's contract.
    DriverContract = "driver-contract" because
        "The core's guarantees hold only for a driver that keeps to its contract.",
    /// A driver has at most one write under way.
    OneWrite = "one-write-at-a-time" because
        "Writes that cross may reach the disk in another order than the core reckons with.",
    /// Nothing panics.
    NoPanic = "no-panic" because
        "Whatever comes in from outside, a process must not die of it.",
    /// No node halts while its disk is well.
    NoHalt = "no-halt" because
        "A node that stops without need is one failure less to survive.",
    /// No write fails while the disk is well.
    LogWorks = "log-works" because
        "A log that fails on a disk that works stops its node for nothing.",
    /// A message decodes to what was encoded.
    Codec = "codec" because
        "What arrives is not what was sent: every rule is then judged on wrong facts.",
    /// The group comes back after everything has healed.
    Liveness = "liveness" because
        "Nothing is wrong any more, and still the group does not serve: only an operator \
         gets it back.",
    /// The same seed gives the same run.
    Determinism = "determinism" because
        "A run that cannot be repeated cannot be explained, shrunk or trusted.",
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
