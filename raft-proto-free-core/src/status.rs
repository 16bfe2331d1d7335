//! A node's state, to look at. Changes nothing.

use alloc::boxed::Box;

use crate::{
    action::{RoleKind, SnapshotMeta},
    config::Config,
    configuration::Configuration,
    log::Log,
    peer::Peer,
    raft::Raft,
    role::Role,
    types::{Index, Nanos, NodeId, Term, Timestamp},
};

/// What a node knows and is, at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// Its role.
    pub role: RoleKind,
    /// Its term.
    pub term: Term,
    /// Whom it voted for in this term.
    pub voted_for: Option<NodeId>,
    /// The leader of this term, where known.
    pub leader: Option<NodeId>,
    /// Its log, in memory.
    pub log: &'a Log,
    /// The last entry that is durable here.
    pub durable: Index,
    /// The last entry known committed.
    pub commit: Index,
    /// The last entry reported applied.
    pub applied: Index,
    /// The newest snapshot.
    pub snapshot: Option<&'a SnapshotMeta>,
    /// The configuration in force.
    pub configuration: &'a Configuration,
    /// Where it stands in the log; 0 before there is one.
    pub configuration_index: Index,
    /// When a leader's lease ends, by this node's clock; none where it has none.
    pub lease_until: Option<Timestamp>,
    /// To whom a leader is handing over.
    pub transfer: Option<NodeId>,
    /// Why no leader was elected so far, for a candidate: who said no to its last campaign. A voter
    /// that refuses one with whom it has no leader holds a newer log or a newer term.
    pub refused_by: &'a [NodeId],
    /// Whether the node's disk is too slow to lead.
    pub stalled: bool,
    /// Whether the node's state machine waits for a snapshot, as its host asked.
    pub wants_snapshot: bool,
    /// Whether the node rests until something happens.
    pub quiesced: bool,
    /// The longest promise it has made to a leader. Nanoseconds.
    pub promise: Nanos,
    /// What this node's clock showed at its last step.
    pub time: Timestamp,
    /// When it campaigns unless a leader is heard first, by this node's clock; the present where that
    /// has passed. None for a leader. Whoever may not campaign, or rests, lets it pass.
    pub election_due: Option<Timestamp>,
    /// A leader's view of the other members; empty for every other role.
    pub peers: &'a [Peer],
    /// What was dropped, by reason.
    pub drops: Drops,
    /// Whether the node has stopped for good.
    pub halted: bool,
}

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Drop {
    FromOurselves,
    Malformed,
    TermLeap,
    Stale,
    Unasked,
    Contradictory,
    Completion,
    LogRead,
}

/// How much was dropped in this life, by reason: messages, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Drops {
    /// They bear our own name.
    pub from_ourselves: u64,
    /// No sane node could mean them: numbers out of range, entries that do not follow.
    pub malformed: u64,
    /// Their term is further ahead than any group could get.
    pub term_leap: u64,
    /// They answer something of an older term or role.
    pub stale: u64,
    /// They answer what their sender was never asked.
    pub unasked: u64,
    /// They claim what was never sent, or unsay what their sender said before.
    pub contradictory: u64,
    /// Completions of writes that were of an earlier life, or known already.
    pub stale_completions: u64,
    /// Answers of the log store that were of an earlier life, or of no use any more.
    pub stale_log_reads: u64,
}

/// The counters, which take no room before the first is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tally(Option<Box<Drops>>);

impl Tally {
    pub(crate) fn count(&mut self, reason: Drop) {
        let drops = self.0.get_or_insert_default();
        let counter = match reason {
            Drop::FromOurselves => &mut drops.from_ourselves,
            Drop::Malformed => &mut drops.malformed,
            Drop::TermLeap => &mut drops.term_leap,
            Drop::Stale => &mut drops.stale,
            Drop::Unasked => &mut drops.unasked,
            Drop::Contradictory => &mut drops.contradictory,
            Drop::Completion => &mut drops.stale_completions,
            Drop::LogRead => &mut drops.stale_log_reads,
        };
        *counter += 1;
    }

    fn drops(&self) -> Drops {
        self.0.as_deref().copied().unwrap_or_default()
    }
}

impl Raft {
    /// The node's name.
    pub fn node(&self) -> NodeId {
        self.config.node
    }

    /// The node's knobs.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// A look at the node.
    pub fn status(&self) -> Status<'_> {
        let view = self.role_view();
        Status {
            role: self.role.kind(),
            term: self.hard_state.term,
            voted_for: self.hard_state.voted_for,
            leader: self.leader_id(),
            log: &self.log,
            durable: self.durability.last(),
            commit: self.commit,
            applied: self.applied,
            snapshot: self.snapshot.as_deref(),
            configuration: self.configuration(),
            configuration_index: self.configuration_index(),
            lease_until: view.lease_until,
            transfer: view.transfer,
            refused_by: view.refused_by,
            stalled: self.stalled,
            wants_snapshot: self.wants_snapshot,
            quiesced: view.quiesced,
            promise: self.hard_state.promise,
            time: self.clock.reading_at(0),
            election_due: view.waits.then(|| self.clock.reading_at(self.election_due)),
            peers: view.peers,
            drops: self.drops.drops(),
            halted: self.halted,
        }
    }

    fn role_view(&self) -> RoleView<'_> {
        let none = RoleView { waits: true, ..RoleView::default() };
        match &self.role {
            Role::Follower(follower) => RoleView { quiesced: follower.quiesced, ..none },
            Role::PreCandidate(campaign) | Role::Candidate(campaign) => {
                RoleView { refused_by: &campaign.refused, ..none }
            }
            Role::Leader(leader) => {
                let until = self.lease_until(leader);
                let has_lease = until > self.clock.now();
                RoleView {
                    peers: &leader.peers,
                    lease_until: has_lease.then(|| self.clock.reading_at(until)),
                    transfer: leader.transfer.map(|transfer| transfer.to),
                    quiesced: leader.quiesced,
                    waits: false,
                    ..none
                }
            }
        }
    }
}

/// What of a [`Status`] depends on the role.
#[derive(Default)]
struct RoleView<'a> {
    peers: &'a [Peer],
    lease_until: Option<Timestamp>,
    transfer: Option<NodeId>,
    refused_by: &'a [NodeId],
    quiesced: bool,
    waits: bool,
}
