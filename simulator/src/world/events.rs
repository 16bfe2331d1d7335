//! What can happen in a world, and who takes it.

use bytes::Bytes;
use quorate_core::{Index, Nanos, RequestId, Timestamp};

use super::{
    World,
    snapshots::{Have, Offer, Part},
};
use crate::{
    client::Answer,
    network::{Blocked, Trouble},
    oracle::Violation,
    plan::Pattern,
};

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Event {
    Deliver { from: u64, to: u64, life: u64, bytes: Bytes },
    Tick { node: u64, life: u64, deadline: Timestamp },
    WriteDone { node: u64, life: u64 },
    ApplyDone { node: u64, life: u64 },
    ReadDone { node: u64, life: u64 },
    Gather { node: u64, life: u64 },
    Restart { node: u64, lives: u64 },
    Fault { planned: usize },
    CrashAgain { node: u64, life: u64, planned: usize },
    PowerFails { node: u64, planned: usize },
    LateCompletion { node: u64, life: u64 },
    PartitionEnds { blocked: Blocked },
    TroubleEnds { node: u64, trouble: Trouble },
    Begin { client: u64 },
    Attempt { client: u64, operation: usize },
    Arrive { client: u64, request: RequestId, node: u64 },
    Tell { client: u64, request: RequestId, answer: Answer },
    GiveUp { client: u64, operation: usize },
    Operate { node: u64, planned: usize },
    WakeAll,
    SpaceBack { node: u64, life: u64 },
    LeaseClosed { node: u64, life: u64 },
    Unreachable { node: u64, life: u64, peer: u64 },
    SnapshotStep { node: u64, life: u64 },
    Part { part: Part },
    Have { have: Have },
    Received { node: u64, life: u64, offer: Offer },
    Heal,
    Inspect,
}

/// A fault that waits for an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trigger {
    pub(super) planned: usize,
    pub(super) pattern: Pattern,
    pub(super) after: Nanos,
    pub(super) left: u64,
}

/// A request that a node has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request {
    pub(super) client: u64,
    pub(super) key: u64,
    pub(super) node: u64,
    /// The last committed index when it came in.
    pub(super) committed: Index,
    /// The step in which it came in.
    pub(super) step: u64,
    /// Whether a lease will do.
    pub(super) lease: bool,
}

/// What an operator asked a node for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Other members.
    Members,
    /// Another leader.
    Transfer,
}

impl World {
    pub(super) fn dispatch(&mut self, event: Event) -> Result<(), Violation> {
        match event {
            Event::Deliver { from, to, life, bytes } => self.deliver(from, to, life, bytes),
            Event::Tick { node, life, deadline } => self.tick(node, life, deadline),
            Event::WriteDone { node, life } => self.write_done(node, life),
            Event::ApplyDone { node, life } => self.apply_done(node, life),
            Event::ReadDone { node, life } => self.read_done(node, life),
            Event::Gather { node, life } => self.propose(node, life),
            Event::Restart { node, lives } => self.restart(node, lives),
            Event::Fault { planned } => {
                let cause = self.leader();
                self.strike(planned, cause);
                Ok(())
            }
            Event::CrashAgain { node, life, planned } => self.crash_again(node, life, planned),
            Event::PowerFails { node, planned } => self.power_fails(node, planned),
            Event::LateCompletion { node, life } => self.late_completion(node, life),
            Event::PartitionEnds { .. } | Event::TroubleEnds { .. } => {
                self.trouble_ends(&event);
                Ok(())
            }
            Event::Begin { client } => self.begin(client),
            Event::Attempt { client, operation } => self.attempt(client, operation),
            Event::Arrive { client, request, node } => self.arrive(client, request, node),
            Event::Tell { client, request, answer } => self.tell(client, request, answer),
            Event::GiveUp { client, operation } => self.give_up(client, operation),
            Event::Operate { node, planned } => self.operate(node, planned),
            Event::WakeAll => self.wake_all(),
            Event::SpaceBack { node, life } => self.space_back(node, life),
            Event::LeaseClosed { node, life } => self.lease_closed(node, life),
            Event::Unreachable { node, life, peer } => self.unreachable(node, life, peer),
            Event::SnapshotStep { node, life } => self.snapshot_step(node, life),
            Event::Part { part } => self.part(part),
            Event::Have { have } => self.have(have),
            Event::Received { node, life, offer } => self.received(node, life, offer),
            Event::Heal => self.heal(),
            Event::Inspect => self.inspect(),
        }
    }

    /// A fault of the network ends, unless all has healed meanwhile.
    fn trouble_ends(&mut self, event: &Event) {
        if self.healed_at.is_some() {
            return;
        }
        if let Event::PartitionEnds { blocked } = event {
            self.network.block(blocked, false);
        }
        if let Event::TroubleEnds { node, trouble } = event {
            self.network.trouble(*node, *trouble, false);
        }
    }
}
