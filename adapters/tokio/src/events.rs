//! What is worth a line in a log: told when it changes, never for each request.

use quorate_core::{Index, NodeId, Status};
use tracing::{info, warn};

/// What was told last.
#[derive(Debug, Default)]
pub(crate) struct Events {
    leader: Option<NodeId>,
    is_stalled: bool,
    /// Where the configuration in force stands in the log.
    members: Index,
}

impl Events {
    /// Says that a node starts, and as what.
    pub(crate) fn started(core: &Status<'_>) -> Events {
        let Status { term, commit, snapshot, .. } = *core;
        let last = core.log.last().index;
        let snapshot = snapshot.map_or(0, |snapshot| snapshot.last.index);
        let voters = core.configuration.voters();
        info!(term, commit, last, snapshot, ?voters, "node started");
        Events { members: core.configuration_index, ..Events::default() }
    }

    /// Says what is new.
    pub(crate) fn tell(&mut self, core: &Status<'_>) {
        self.tell_leader(core);
        if core.stalled != self.is_stalled {
            self.is_stalled = core.stalled;
            if core.stalled {
                warn!("disk stalled: the node does not lead before its oldest write is durable");
            } else {
                info!("disk moves again");
            }
        }
        if core.configuration_index != self.members {
            self.members = core.configuration_index;
            let (voters, learners) = (core.configuration.voters(), core.configuration.learners());
            info!(index = self.members, ?voters, ?learners, "members changed");
        }
    }

    fn tell_leader(&mut self, core: &Status<'_>) {
        let (term, before) = (core.term, self.leader);
        if before == core.leader {
            return;
        }
        self.leader = core.leader;
        match (before, core.leader) {
            (_, Some(leader)) => info!(term, %leader, "leader known"),
            (Some(before), None) => warn!(term, %before, "leader lost"),
            (None, None) => {}
        }
    }
}
