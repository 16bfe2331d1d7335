//! What a system must be able to do to be measured. Knows no clock and no count.

use crate::{
    arguments::{Arguments, Scenario},
    machine::Machine,
};

/// Whether a system has a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Support {
    /// It is measured.
    Measured,
    /// The system will have it, and has it not yet: the row says so.
    NotYet,
    /// It makes no sense for this system: there is no row. The README says why.
    Senseless,
}

/// A whole group in one thread: nodes, disks that are done at once, and a wire that loses nothing
/// unless a node is cut off. Every method returns when no message is left to deliver.
///
/// Nodes are named by their place, from 0. Methods of scenarios that
/// [`support`](Group::support) does not name are never called.
pub trait Group: Sized {
    /// What is left of a group of which only one follower is kept.
    type Follower;

    /// What the system can do, with these arguments.
    fn support(arguments: &Arguments) -> Support;

    /// The system's name in rows.
    fn name(arguments: &Arguments) -> String;

    /// A new group that place 0 leads, with everything applied on every node.
    fn start(arguments: &Arguments) -> Self;

    /// Proposes `count` commands together at the leader.
    fn propose(&mut self, count: usize);

    /// Brings everything to all nodes, the commit index included.
    fn settle(&mut self);

    /// Shows every node's machine, in order of place.
    fn visit_machines(&mut self, visit: &mut dyn FnMut(&mut Machine));

    /// How many messages were delivered so far.
    fn delivered(&self) -> u64;

    /// The leader asks every follower whether it follows, and hears from all.
    fn heartbeat(&mut self) {
        unreachable!("support() names no heartbeat")
    }

    /// Does `count` linearizable reads at the leader; how many were answered.
    fn read(&mut self, count: usize) -> usize {
        let _ = count;
        unreachable!("support() names no read")
    }

    /// The node at `place` times out, leads, and its first entry is committed.
    fn elect(&mut self, place: usize) {
        let _ = place;
        unreachable!("support() names no election")
    }

    /// Cuts a node off, or ends that: what is sent to or from it while it is cut off is lost.
    fn cut_off(&mut self, place: usize, is_cut: bool) {
        let _ = (place, is_cut);
        unreachable!("support() names no catch-up")
    }

    /// The leader hears from all again and brings them everything they lack.
    fn rejoin(&mut self, place: usize) {
        let _ = place;
        unreachable!("support() names no catch-up")
    }

    /// Every node drops the entries that it has applied, as if a snapshot covered them.
    fn compact(&mut self) {
        unreachable!("support() names no compaction")
    }

    /// Keeps one follower and nothing else.
    fn into_follower(self) -> Self::Follower {
        unreachable!("support() names no memory")
    }
}

/// The answer of a system that has every scenario but those named.
pub fn all_but(scenario: Scenario, senseless: &[Scenario]) -> Support {
    if senseless.contains(&scenario) { Support::Senseless } else { Support::Measured }
}
