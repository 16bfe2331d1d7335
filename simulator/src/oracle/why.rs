//! Why each property matters, for who reads a failure.

use super::Property;

impl Property {
    /// What goes wrong where it does not hold, in a sentence.
    #[allow(clippy::too_many_lines, reason = "one arm a kind, and each is short")]
    pub fn why(self) -> &'static str {
        match self {
            Property::ElectionSafety => {
                "Two leaders of one term may each commit something else at the same place: \
                 acknowledged writes are lost and state machines part."
            }
            Property::VoteQuorum => {
                "A leader without a quorum of durable votes may find another leader of its own \
                 term beside it as soon as a voter restarts."
            }
            Property::TermMonotonic => {
                "A node that goes back to an older term may vote once more in it, or follow a \
                 leader that was deposed."
            }
            Property::VoteOnce => {
                "Whoever votes twice in a term can give a majority to each of two candidates."
            }
            Property::CommitMonotonic => {
                "What was committed has been answered to clients: a node that takes that back \
                 cannot know what it has already applied."
            }
            Property::OnlyVotersStand => {
                "Whoever has no vote and stands all the same disturbs those who have one, and may \
                 lead a group that it does not belong to."
            }
            Property::LeaderAppendOnly => {
                "A leader that removes its own entries may remove what followers already count \
                 as committed."
            }
            Property::CommitOwnTerm => {
                "An entry of an older term that lies on a majority can still be replaced by a \
                 later leader (Figure 8 of the paper); counting it commits what may be lost."
            }
            Property::LogMatching => {
                "All else in Raft concludes from one equal entry that everything before it is \
                 equal, too; where that is wrong, nodes apply different commands."
            }
            Property::LeaderCompleteness => {
                "A leader that lacks a committed entry makes its followers remove it: an \
                 acknowledged write is gone."
            }
            Property::CommittedStays => {
                "A committed entry was acknowledged and applied somewhere; another one in its \
                 place, or none, is a lost write and state machines that differ."
            }
            Property::CommitWithinLog => {
                "A node that commits what it does not hold will apply whatever comes to stand \
                 there."
            }
            Property::CommittedWritten => {
                "What no disk was asked to hold is gone with the next crash, though its client \
                 was told that it is done."
            }
            Property::DurableQuorum => {
                "Fewer disks than a majority hold the entry: the crash of a minority loses an \
                 acknowledged write."
            }
            Property::PersistBeforeSend => {
                "Others build on what a node says. If a crash takes it back, a vote can be given \
                 twice, or an entry counts that nobody holds."
            }
            Property::SnapshotCommitted => {
                "A snapshot replaces the log before it: if it covers what was never committed, \
                 there is no way back to what was."
            }
            Property::SnapshotMembership => {
                "Whoever starts from a snapshot counts quorums by the members that it names."
            }
            Property::JointConsensus => {
                "Two quorums without a common node can elect two leaders and commit two histories."
            }
            Property::Recovery => {
                "All promises rest on what a disk gives back after a crash: less is a forgotten \
                 vote or a lost entry, more is an entry that never was."
            }
            Property::LogOpens => "A node whose log does not open is lost with all that it held.",
            Property::NodeStarts => "A node that cannot start from its own log is lost.",
            Property::StateRestored => {
                "A node that starts elsewhere than where it stood has forgotten a vote, a term or \
                 a promise that others rely on."
            }
            Property::ApplyOrder => {
                "State machines are equal only because all apply the same entries in the same \
                 order, once each."
            }
            Property::EqualStates => {
                "Nodes that applied the same entries must answer the same; here it depends on \
                 whom one asks."
            }
            Property::ReadIndex => {
                "A read that misses what was committed before it came is stale: a client does not \
                 see a write that was already acknowledged."
            }
            Property::LeaseRead => {
                "A lease that outlives what it rests on answers with what was true before another \
                 leader committed: a client does not see a write that was already acknowledged."
            }
            Property::LeaseRight => {
                "Without the right to a lease, another leader may be committing writes that this \
                 answer does not know of."
            }
            Property::RealTimeOrder => {
                "An operation that begins after another one has ended must come after it; clients \
                 that talk to each other see time run backwards."
            }
            Property::Linearizability => {
                "Clients saw something that no single copy of the data could have shown them."
            }
            Property::AcknowledgedWrites => {
                "A client was told that its write is done, and it is not there."
            }
            Property::ElectionTimer => {
                "Whoever campaigns too early disturbs a leader that works; whoever waits too long \
                 leaves the group without one."
            }
            Property::TimeoutsDiffer => {
                "Nodes that wait equally long stand together, split the vote, and do so again."
            }
            Property::VoteRule => {
                "A vote that is refused without need, or given in spite of a leader, costs the \
                 group an election; a refusal without the newer term leaves its receiver behind."
            }
            Property::TermAdopted => {
                "A node that stays behind in an older term asks in vain, and does not follow who \
                 leads."
            }
            Property::LeaderContact => {
                "A leader that a majority cannot reach keeps its clients waiting, and others from \
                 serving them."
            }
            Property::MatchRule => {
                "A leader commits by what it takes others to hold: too much is a lost write, too \
                 little is one that waits for nothing."
            }
            Property::CommitFollows => {
                "What a quorum holds and nobody commits waits for the next write, which may never \
                 come."
            }
            Property::HandOver => {
                "A log that still grows is never whole where it is handed to, and a candidate that \
                 does not say who sent it is refused by all who hear the old leader."
            }
            Property::RemovedLeaderGoes => {
                "Whoever was removed may be switched off at any time: it must not lead."
            }
            Property::JointLeft => {
                "A member that is lost on the way from one configuration to the next was never \
                 removed by anybody, and gets no entry any more."
            }
            Property::AddressesKept => {
                "Whoever starts again finds the others by the configuration in its log: where that \
                 does not say it, or says it wrongly, the group may never meet again."
            }
            Property::NoStorm => {
                "A message that is sent twice may be answered twice. Where an answer leads to \
                 another question whatever was known before, the number of messages grows by itself \
                 until nothing else gets through: each must be for something that has passed or \
                 that is new."
            }
            Property::WithinLimits => {
                "What has no bound grows with a slow peer until the leader's memory is gone."
            }
            Property::Model => {
                "What is replicated has rules of its own, and clients rely on them; here they saw \
                 one of them broken."
            }
            Property::Response => "A client was told something that its command cannot give.",
            Property::CoreCheck => {
                "The core's bookkeeping contradicts itself; what it decides next is anyone's guess."
            }
            Property::DriverContract => {
                "The core's guarantees hold only for a driver that keeps to its contract."
            }
            Property::OneWrite => {
                "Writes that cross may reach the disk in another order than the core reckons with."
            }
            Property::NoPanic => "Whatever comes in from outside, a process must not die of it.",
            Property::NoHalt => "A node that stops without need is one failure less to survive.",
            Property::LogWorks => {
                "A log that fails on a disk that works stops its node for nothing."
            }
            Property::Codec => {
                "What arrives is not what was sent: every rule is then judged on wrong facts."
            }
            Property::Liveness => {
                "Nothing is wrong any more, and still the group does not serve: only an operator \
                 gets it back."
            }
            Property::Determinism => {
                "A run that cannot be repeated cannot be explained, shrunk or trusted."
            }
        }
    }
}
