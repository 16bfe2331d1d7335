//! How large a failing run is.

use std::fmt;

use quorate_core::Nanos;

use crate::{
    case::Case, duration, profile::MILLISECOND, run::Played, system::System, words::counted,
};

/// What a person has to read to understand a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Size {
    /// Faults of the plan.
    pub faults: usize,
    /// Operations that the case lists; where it has no list, those that clients began. The writes by
    /// which client 0 finds out whether a group has come back are not counted among the former.
    pub operations: usize,
    /// Clients.
    pub clients: u64,
    /// Nodes, members or not.
    pub nodes: u64,
    /// Simulated time until the violation.
    pub simulated: Nanos,
    /// Events until the violation.
    pub events: u64,
}

impl Size {
    /// Of a case and its run.
    pub fn of<S: System>(case: &Case<S>, run: &Played<S::Operation>) -> Size {
        Size {
            faults: case.plan.faults.len(),
            operations: case.operations.as_ref().map_or(run.begun.len(), Vec::len),
            clients: case.settings.workload.clients,
            nodes: case.settings.all_nodes(),
            simulated: run.stats.simulated,
            events: run.stats.events,
        }
    }
}

impl fmt::Display for Size {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = self.simulated / MILLISECOND * MILLISECOND;
        write!(
            out,
            "{}, {} of {}, {}, {}, {}",
            counted(self.faults as u64, "fault"),
            counted(self.operations as u64, "operation"),
            counted(self.clients, "client"),
            counted(self.nodes, "node"),
            duration::write(time),
            counted(self.events, "event"),
        )
    }
}
