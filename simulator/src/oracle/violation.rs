//! What broke, as a value and as a sentence.

use std::sync::Arc;

use quorate_core::{Configuration, HardState, Index, LogId, NodeId, RoleKind, Term};

use super::Property;
use crate::words::counted;

/// A property that did not hold. Nodes are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Election safety (paper §5.2).
    #[error("two leaders in term {term}: node {first} and node {second}")]
    TwoLeaders {
        /// The term.
        term: Term,
        /// Who led it.
        first: u64,
        /// Who leads it, too.
        second: u64,
    },
    /// A leader stands on a quorum of durable votes.
    #[error("node {node} leads term {term} with {}, but needs {needed}", counted(*.votes, "durable vote"))]
    LeaderWithoutQuorum {
        /// Who.
        node: u64,
        /// In which term.
        term: Term,
        /// How many disks hold a vote for it.
        votes: u64,
        /// How many must.
        needed: u64,
    },
    /// Terms never fall within a life.
    #[error("node {node}'s term fell from {before} to {after}")]
    TermFell {
        /// Whose.
        node: u64,
        /// Before.
        before: Term,
        /// Now.
        after: Term,
    },
    /// A vote never changes within a term.
    #[error("node {node}'s vote in term {term} changed from {before} to {after:?}")]
    VoteChanged {
        /// Whose.
        node: u64,
        /// In which term.
        term: Term,
        /// Before.
        before: NodeId,
        /// Now.
        after: Option<NodeId>,
    },
    /// A commit index never falls within a life.
    #[error("node {node}'s commit index fell from {before} to {after}")]
    CommitFell {
        /// Whose.
        node: u64,
        /// Before.
        before: Index,
        /// Now.
        after: Index,
    },
    /// Only voters stand for election (paper §6).
    #[error("node {node} stands for election in term {term}, though it is no voter")]
    NoVoterStands {
        /// Who.
        node: u64,
        /// Its term.
        term: Term,
    },
    /// Leader append-only (paper §5.3).
    #[error("leader {node} of term {term} lost its entry {lost:?}; its log ends with {last:?}")]
    LeaderRewrote {
        /// Who.
        node: u64,
        /// In which term.
        term: Term,
        /// What it had.
        lost: LogId,
        /// What it has.
        last: LogId,
    },
    /// A leader commits by counting only up to an entry of its own term (paper §5.4.2).
    #[error(
        "leader {node} of term {term} committed {index}, an entry of an older term, by counting"
    )]
    CommittedOldTerm {
        /// Who.
        node: u64,
        /// In which term.
        term: Term,
        /// What.
        index: Index,
    },
    /// Log matching (paper §5.3).
    #[error("node {node} has another entry, or another one before it, at {place:?} than others")]
    LogsDiffer {
        /// Whose.
        node: u64,
        /// Where.
        place: LogId,
    },
    /// Leader completeness (paper §5.4).
    #[error(
        "node {node} leads term {term} without the committed entry {committed:?}; \
         at that index it has term {found:?}"
    )]
    LeaderIncomplete {
        /// Who.
        node: u64,
        /// In which term.
        term: Term,
        /// What is missing.
        committed: LogId,
        /// What is there instead.
        found: Option<Term>,
    },
    /// What is committed never changes.
    #[error("node {node} committed {found:?}, but {committed:?} was committed there before")]
    CommittedChanged {
        /// Who.
        node: u64,
        /// What was.
        committed: LogId,
        /// What is.
        found: LogId,
    },
    /// A node committed an entry that it does not have.
    #[error("node {node} says that {index} is committed, but its log does not hold it")]
    CommitBeyondLog {
        /// Who.
        node: u64,
        /// What.
        index: Index,
    },
    /// An entry was committed that was never handed to a disk.
    #[error("node {node} committed {place:?}, which no disk was ever asked to hold")]
    CommittedUnwritten {
        /// Who.
        node: u64,
        /// What.
        place: LogId,
    },
    /// A commit stands on a quorum of durable logs.
    #[error(
        "node {node} committed {index}@{term}, held by {}, but {needed} must hold it",
        counted(*.holders, "disk")
    )]
    CommitWithoutQuorum {
        /// Who.
        node: u64,
        /// What.
        index: Index,
        /// Its term.
        term: Term,
        /// How many disks hold it.
        holders: u64,
        /// How many must.
        needed: u64,
    },
    /// Nothing is said that the disk does not hold.
    #[error("node {node} sent {claim} to node {to}, but its disk holds {held}")]
    SentBeforeDurable {
        /// Who.
        node: u64,
        /// To whom.
        to: u64,
        /// What was said.
        claim: String,
        /// What the disk holds.
        held: String,
    },
    /// A snapshot stands for what is committed.
    #[error("node {node} names a snapshot of {last:?}, which is not committed")]
    SnapshotUncommitted {
        /// Who.
        node: u64,
        /// What it should cover.
        last: LogId,
    },
    /// A snapshot has the members of its last entry, both halves of them.
    #[error(
        "node {node}'s snapshot of {last:?} has the members {found:?} in place of {expected:?}"
    )]
    SnapshotMembers {
        /// Whose.
        node: u64,
        /// What it covers.
        last: LogId,
        /// What it has.
        found: Arc<Configuration>,
        /// What is committed.
        expected: Arc<Configuration>,
    },
    /// Quorums of adjacent configurations have a node in common (paper §6).
    #[error("leader {node} goes from {old} to {new}, which have quorums without a common node")]
    QuorumsApart {
        /// Who.
        node: u64,
        /// From.
        old: String,
        /// To.
        new: String,
    },
    /// The log store gave back what was never written, or less than was synced.
    #[error("node {node}'s disk gave back {found}, but was last known to hold {expected}")]
    Recovered {
        /// Whose.
        node: u64,
        /// What came back.
        found: String,
        /// What may have come back.
        expected: String,
    },
    /// The log store refused to open, though no disk lost what was synced.
    #[error("node {node}'s log does not open: {error}")]
    OpenFailed {
        /// Whose.
        node: u64,
        /// Why.
        error: String,
    },
    /// The core refused to start from what the log store gave back.
    #[error("node {node} does not start: {error}")]
    RestoreFailed {
        /// Who.
        node: u64,
        /// Why.
        error: String,
    },
    /// A core started with another state than the store gave back.
    #[error("node {node} started with {found:?}, but its disk holds {held:?}")]
    RestoredOther {
        /// Who.
        node: u64,
        /// What it has.
        found: HardState,
        /// What the disk holds.
        held: HardState,
    },
    /// Applies go by index, and only what is committed is applied.
    #[error("node {node} applied {found:?} where {expected} was due")]
    AppliedOther {
        /// Who.
        node: u64,
        /// What it applied.
        found: LogId,
        /// What was due.
        expected: String,
    },
    /// Equal state machines at equal indexes.
    #[error("after {index}, node {node}'s state machine is {found:016x}, another's {other:016x}")]
    MachinesDiffer {
        /// Who.
        node: u64,
        /// After which entry.
        index: Index,
        /// Its fingerprint.
        found: u64,
        /// Another's fingerprint.
        other: u64,
    },
    /// A lease outlived what it rests on.
    #[error(
        "node {node} answered a read under its lease from {index}, when another leader had \
         committed {committed}"
    )]
    StaleLeaseRead {
        /// Who.
        node: u64,
        /// What its answer rests on.
        index: Index,
        /// What was committed.
        committed: Index,
    },
    /// A read index is at least the commit index at invocation.
    #[error("node {node} named {index} for a read that came when {committed} was committed")]
    StaleReadIndex {
        /// Who.
        node: u64,
        /// What it said.
        index: Index,
        /// What it should have reached.
        committed: Index,
    },
    /// A lease read takes a leader that is not handing over (dissertation §3.10, §6.4.1).
    #[error("node {node} answered a lease read at once as {role:?}, handing over to {to:?}")]
    LeaseWithoutRight {
        /// Who.
        node: u64,
        /// What it is.
        role: RoleKind,
        /// To whom it hands over.
        to: Option<NodeId>,
    },
    /// Real-time order, by places in the log.
    #[error(
        "client {client}'s operation stands at {found}, though one that had ended before it began \
         stands at {floor}"
    )]
    OutOfOrder {
        /// Whose.
        client: u64,
        /// Where it stands.
        found: Index,
        /// Where it must at least stand.
        floor: Index,
    },
    /// No order of a key's operations explains what clients were told.
    #[error("the operations on key {key} are not linearizable; stuck at {stuck_at}")]
    NotLinearizable {
        /// The key.
        key: u64,
        /// The operation that could not be placed.
        stuck_at: String,
    },
    /// An acknowledged write is not in the committed log.
    #[error("the acknowledged write {place:?} is not in the committed log, which has {found:?}")]
    AcknowledgedLost {
        /// Where it stood.
        place: LogId,
        /// What stands there.
        found: Option<LogId>,
    },
    /// The state machine answered something that its command cannot give.
    #[error("node {node}'s state machine answered a command with {response}")]
    OddResponse {
        /// Whose.
        node: u64,
        /// The answer.
        response: String,
    },
    /// A rule of single steps.
    #[error("node {node} {what}")]
    Rule {
        /// Which.
        rule: Property,
        /// Who breaks it.
        node: u64,
        /// What is wrong.
        what: String,
    },
    /// A rule of the system that is simulated, which its own oracle states.
    #[error("{rule}: {what}")]
    Model {
        /// Which rule; what breaks the same one is the same failure.
        rule: &'static str,
        /// What is wrong.
        what: String,
    },
    /// The core's own check failed.
    #[error("node {node}: {violation}")]
    Core {
        /// Whose.
        node: u64,
        /// What.
        violation: quorate_core::Violation,
    },
    /// The core says that its driver misused it.
    #[error("node {node} was misused: {misuse}")]
    Misuse {
        /// Who.
        node: u64,
        /// How.
        misuse: quorate_core::Misuse,
    },
    /// A driver has at most one write job under way.
    #[error("node {node}'s driver handed out a write while another one was under way")]
    TwoWrites {
        /// Whose.
        node: u64,
    },
    /// A node took an entry that is committed, and that it held, from its disk.
    #[error("node {node} removes the committed entry {place:?} that its disk holds")]
    CommittedRemoved {
        /// Who.
        node: u64,
        /// What.
        place: LogId,
    },
    /// Something panicked.
    #[error("a panic: {message}")]
    Panicked {
        /// What it said.
        message: String,
    },
    /// A node halted, though its disk is well.
    #[error("node {node} halted: {cause}")]
    Halted {
        /// Who.
        node: u64,
        /// Why.
        cause: quorate_driver::Cause,
    },
    /// A write failed, though the disk is well.
    #[error("node {node}'s log failed on a disk that works: {error}")]
    WriteFailed {
        /// Whose.
        node: u64,
        /// Why.
        error: String,
    },
    /// The codec does not give back what it was given.
    #[error("node {node}'s message does not survive encoding: {detail}")]
    Codec {
        /// Who sent it.
        node: u64,
        /// How.
        detail: String,
    },
    /// The group did not come back after everything healed.
    #[error("{} after everything healed, {what}", counted(*.timeouts, "election timeout"))]
    Stuck {
        /// How long was waited.
        timeouts: u64,
        /// What is missing.
        what: String,
    },
    /// The same seed gave another run.
    #[error(
        "the same seed gave another run: event {event} differs: {here}; in the other run: {there}"
    )]
    NotDeterministic {
        /// The first event that differs, counted from 1.
        event: u64,
        /// What it was in this run: when, which, on which node, and what it led to.
        here: String,
        /// What it was in the other run.
        there: String,
    },
}

impl Violation {
    /// What an own oracle found: this rule does not hold, as this sentence says.
    pub fn model(rule: &'static str, what: impl Into<String>) -> Violation {
        Violation::Model { rule, what: what.into() }
    }
}
