//! One thing that happened in a run, as plain data.

use quorate_core::{Index, LogId, Nanos, RoleKind, Term};
use serde::Serialize;

use super::message::Spoken;

/// Names a record of a run: records are counted from 0 in the order in which things happened.
pub type RecordId = u64;

/// Something that happened, and what led to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its name.
    pub id: RecordId,
    /// True time, in nanoseconds since the start of the run.
    pub at: Nanos,
    /// Which event of the run was being handled; 0 before the first.
    pub event: u64,
    /// What led to it; none for what happens of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<RecordId>,
    /// What it would not have happened without, besides: faults that were in force, or what a
    /// violation contradicts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<RecordId>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What a node shows of itself. Nodes are counted from 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NodeState {
    /// Its role.
    pub role: RoleKind,
    /// Its term.
    pub term: Term,
    /// Who has its vote in that term.
    pub vote: Option<u64>,
    /// The end of its log, in memory.
    pub last: LogId,
    /// Before the first entry of its log.
    pub base: Index,
    /// The last entry that it knows committed.
    pub commit: Index,
    /// The last entry that its state machine has applied.
    pub applied: Index,
    /// The last entry that its disk surely holds.
    pub durable: Index,
    /// The term that its disk surely holds.
    pub durable_term: Term,
    /// The vote that its disk surely holds.
    pub durable_vote: Option<u64>,
    /// Who votes, and who only learns, by the configuration in force.
    pub members: String,
}

/// A part of a [`NodeState`] that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// Role or term.
    Role,
    /// The vote.
    Vote,
    /// The end of the log, or its beginning.
    Log,
    /// The commit index.
    Commit,
    /// The configuration.
    Members,
    /// What the disk surely holds.
    Durable,
    /// What the state machine has applied.
    Applied,
}

/// What became of a message when it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// It is under way.
    Sent,
    /// Lost by chance.
    Lost,
    /// Lost to a partition.
    Blocked,
}

/// What happened. Nodes and clients are counted from 0; `node` is where it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant says what its fields are")]
pub enum What {
    /// A process runs: its `life`th, counted from 1. `kept` and `lost` count the writes under way
    /// in the crash before that its disk did and did not give back.
    Start { node: u64, life: u64, kept: u64, lost: u64, state: NodeState },
    /// A process ended while it opened its log.
    StartFailed { node: u64 },
    /// A process ended: `how` names the fault. `writing` says whether a write was under way,
    /// `lost_sectors` what the disk lost of what was not synced.
    Crash { node: u64, how: String, writing: bool, lost_sectors: u64 },
    /// What a node shows of itself changed in these aspects.
    State { node: u64, new: Vec<Aspect>, state: NodeState },
    /// A node sent a message; it arrives at these times, if it does.
    Send { node: u64, to: u64, message: Spoken, fate: Fate, arrives: Vec<Nanos> },
    /// A message arrived; `heard` is false where no process was there to take it.
    Deliver { node: u64, from: u64, message: Spoken, heard: bool },
    /// A timer of a node came due.
    Timer { node: u64 },
    /// A node handed a write to its disk: the hard state, and entries from `from` on.
    Write { node: u64, term: Term, vote: Option<u64>, from: Index, entries: u64 },
    /// The disk has written and synced it, or failed. `syncs` and `bytes` say what that took.
    Written { node: u64, syncs: u64, bytes: u64, error: Option<String> },
    /// The completion of an earlier life's write came.
    LateWritten { node: u64 },
    /// A write waits for a disk that stalls.
    Stalled { node: u64, until: Nanos },
    /// The state machine applied entries `first` through `last`, or installed a snapshot of `last`.
    Apply { node: u64, first: Index, last: Index, install: bool },
    /// Entries were read back from the log.
    ReadBack { node: u64 },
    /// A clock shows `offset` more than true time, and gains `drift_ppm` parts in a million.
    /// `jump` is how far it leapt just now. Nanoseconds.
    Clock { node: u64, offset: i64, drift_ppm: i64, jump: i64 },
    /// A fault of the plan struck these nodes and blocked these links, at most until `until`.
    Fault { planned: usize, text: String, nodes: Vec<u64>, links: Vec<(u64, u64)>, until: Nanos },
    /// What a fault did to the network ended.
    FaultEnded { planned: usize, text: String },
    /// All faults ended.
    Heal,
    /// A client began an operation; `number` names it among its own.
    Begin { client: u64, number: u64, ask: String },
    /// A client sent its request to a node.
    Ask { client: u64, to: u64 },
    /// A request came to a node; `heard` is false where no process was there to take it.
    Request { node: u64, client: u64, heard: bool },
    /// A node proposed what clients had asked it for.
    Propose { node: u64, requests: u64 },
    /// A client got an answer from `from`; where it is refused, it will ask again.
    Answer { client: u64, from: u64, answer: String, refused: bool },
    /// A client waits no longer.
    GiveUp { client: u64 },
    /// Something else, in words.
    Note { text: String },
    /// A property does not hold: these nodes have to do with it.
    Violation { property: String, text: String, nodes: Vec<u64> },
}

impl What {
    /// The node where it happened, if it happened at one.
    pub fn node(&self) -> Option<u64> {
        match self {
            What::Start { node, .. }
            | What::StartFailed { node }
            | What::Crash { node, .. }
            | What::State { node, .. }
            | What::Send { node, .. }
            | What::Deliver { node, .. }
            | What::Timer { node }
            | What::Write { node, .. }
            | What::Written { node, .. }
            | What::LateWritten { node }
            | What::Stalled { node, .. }
            | What::Apply { node, .. }
            | What::ReadBack { node }
            | What::Clock { node, .. }
            | What::Request { node, .. }
            | What::Propose { node, .. } => Some(*node),
            What::Fault { .. }
            | What::FaultEnded { .. }
            | What::Heal
            | What::Begin { .. }
            | What::Ask { .. }
            | What::Answer { .. }
            | What::GiveUp { .. }
            | What::Note { .. }
            | What::Violation { .. } => None,
        }
    }
}
