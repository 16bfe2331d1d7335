//! Who the members are, as a node's task tells its process and its mesh.

use std::sync::Arc;

use quorate_core::{Configuration, Index, LogId, NodeId, RoleKind, Status, Timestamp};
use quorate_driver::{Driver, StateMachine};

use crate::{Net, node::Task};

/// The configuration in force, as one node knows it: the newest in its log, committed or not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Membership {
    /// Where it stands in the log, or the last entry of the snapshot that it is taken from; zero
    /// where the node has none yet.
    pub log_id: LogId,
    /// Whether it is known to be committed. Else it may yet be taken back.
    pub is_committed: bool,
    /// The members, and where they are.
    pub configuration: Arc<Configuration>,
    /// Where the newest configuration stands by which this node is a member for certain; zero where
    /// there is none. A node that was about to be added when the leader died is none yet.
    pub joined: LogId,
}

impl Membership {
    /// Whether this is the configuration before any.
    pub fn is_unknown(&self) -> bool {
        self.log_id == LogId::ZERO
    }

    fn of<R: Clone>(driver: &Driver<R>) -> Option<Membership> {
        let status = driver.raft().status();
        let index = status.configuration_index;
        let term = status.log.term_at(index)?;
        Some(Membership {
            log_id: LogId::new(term, index),
            is_committed: index > 0 && index <= status.commit,
            configuration: Arc::new(status.configuration.clone()),
            joined: joined(&status, driver.raft().node()),
        })
    }
}

/// Where the newest configuration stands that surely made `own` a member.
fn joined(status: &Status<'_>, own: NodeId) -> LogId {
    let in_log = status.log.summary().configurations();
    let newest = in_log.last().map_or(0, |(index, _)| *index);
    // One change at a time: all but the newest are committed. The first entry founds the group.
    let is_certain = |index: Index| index < newest || index <= status.commit.max(1);
    let mut found = in_log.iter().rev();
    let found = found.find(|(index, members)| is_certain(*index) && members.is_member(own));
    let in_log =
        found.map(|(index, _)| LogId::new(status.log.term_at(*index).unwrap_or_default(), *index));
    let in_snapshot = status.snapshot.filter(|snapshot| snapshot.configuration.is_member(own));
    in_log.or(in_snapshot.map(|snapshot| snapshot.last)).unwrap_or(LogId::ZERO)
}

/// What a node knows of the others, beyond what its status says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contact {
    /// Whether no leader was heard for an election timeout.
    pub is_silent: bool,
    /// For a leader: the highest index that each other member is known to have on its disk, equal to
    /// its own.
    pub matched: Vec<(NodeId, Index)>,
}

impl Contact {
    pub(crate) fn of<R: Clone>(driver: &Driver<R>, now: Timestamp) -> Contact {
        let status = driver.raft().status();
        let is_due = status.election_due.is_some_and(|due| due <= now);
        Contact {
            is_silent: status.role != RoleKind::Leader && (is_due || status.leader.is_none()),
            matched: status.peers.iter().map(|peer| (peer.id, peer.match_index)).collect(),
        }
    }
}

impl<M: StateMachine> Task<M> {
    /// Answers whoever waits for what this node proposed before it was removed: it learns of no more
    /// commits, and they would wait in vain.
    pub(crate) fn give_up_where_removed(&mut self) {
        if self.answers.proposals.is_empty() {
            return;
        }
        let raft = self.driver.raft();
        let is_leader = raft.status().role == RoleKind::Leader;
        let is_out = {
            let told = self.membership.borrow();
            told.is_committed && !told.configuration.is_member(raft.node())
        };
        if is_out && !is_leader {
            self.answers.forget_proposals();
        }
    }

    /// Tells of the members where they are others than were told last.
    pub(crate) fn publish_membership(&mut self) {
        let status = self.driver.raft().status();
        let (index, commit) = (status.configuration_index, status.commit);
        {
            let told = self.membership.borrow();
            let is_same = told.log_id.index == index
                && status.log.term_at(index) == Some(told.log_id.term)
                && told.is_committed == (index > 0 && index <= commit);
            if is_same && self.has_told_mesh {
                return;
            }
        }
        let Some(newest) = Membership::of(&self.driver) else { return };
        if let Some(mesh) = self.net.as_ref().and_then(Net::mesh) {
            mesh.set_members(&newest.configuration, newest.joined);
        }
        self.has_told_mesh = true;
        self.membership.send_if_modified(|told| {
            // Where a snapshot takes the entry's place, it stands elsewhere, and is the same.
            let is_news = told.configuration != newest.configuration
                || told.is_committed != newest.is_committed;
            *told = newest;
            is_news
        });
    }
}
