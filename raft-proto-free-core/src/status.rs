//! A node's state, to look at. Changes nothing.

use crate::{
    action::RoleKind,
    config::Config,
    configuration::Configuration,
    log::Log,
    peer::Peer,
    raft::Raft,
    role::Role,
    types::{Index, Nanos, NodeId, Term},
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
    /// The configuration in force.
    pub configuration: &'a Configuration,
    /// The longest promise it has made to a leader. Nanoseconds.
    pub promise: Nanos,
    /// A leader's view of the other voters; empty for every other role.
    pub peers: &'a [Peer],
    /// What was dropped, by reason.
    pub drops: &'a Drops,
    /// Completions of writes that were of an earlier life or known already.
    pub stale_completions: u64,
    /// Whether the node has stopped for good.
    pub halted: bool,
}

/// Why a message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drop {
    FromOurselves,
    Malformed,
    TermLeap,
    Stale,
    Unasked,
    Contradictory,
}

/// How many messages were dropped in this life, by reason.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
}

impl Drops {
    pub(crate) fn count(&mut self, reason: Drop) {
        let counter = match reason {
            Drop::FromOurselves => &mut self.from_ourselves,
            Drop::Malformed => &mut self.malformed,
            Drop::TermLeap => &mut self.term_leap,
            Drop::Stale => &mut self.stale,
            Drop::Unasked => &mut self.unasked,
            Drop::Contradictory => &mut self.contradictory,
        };
        *counter += 1;
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
        Status {
            role: self.role.kind(),
            term: self.hard_state.term,
            voted_for: self.hard_state.voted_for,
            leader: self.leader_id(),
            log: &self.log,
            durable: self.durability.last(),
            commit: self.commit,
            applied: self.applied,
            configuration: self.configuration(),
            promise: self.hard_state.promise,
            peers: match &self.role {
                Role::Leader(leader) => &leader.peers,
                Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => &[],
            },
            drops: &self.drops,
            stale_completions: self.durability.stale(),
            halted: self.halted,
        }
    }
}
