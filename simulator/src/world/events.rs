//! What can happen in a world, and who takes it.

use std::fmt;

use bytes::Bytes;
use quorate_core::{Index, Nanos, RequestId, Term, Timestamp};

use super::{
    World,
    snapshots::{Have, Offer, Part},
    wire::Flap,
};
use crate::{
    client::Answer,
    network::{Blocked, Trouble},
    oracle::Violation,
    plan::{Kinds, Pattern},
    system::System,
    trace::Trace,
};

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Event<A> {
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
    Tell { client: u64, request: RequestId, answer: Answer<A> },
    GiveUp { client: u64, operation: usize },
    Operate { node: u64, planned: usize },
    WakeAll,
    SpaceBack { node: u64, life: u64 },
    RoomBack { node: u64 },
    Forget { node: u64, planned: usize },
    Tend,
    LeaseClosed { node: u64, life: u64 },
    Unreachable { node: u64, life: u64, peer: u64 },
    SnapshotStep { node: u64, life: u64 },
    Part { part: Part },
    Have { have: Have },
    Received { node: u64, life: u64, offer: Offer },
    FilterEnds { blocked: Blocked, kinds: Kinds },
    Flap(Flap),
    Served(Box<Event<A>>),
    Heal,
    Inspect,
}

/// The event that a world takes in next, to be compared with another world's.
#[derive(Clone, Debug)]
pub struct Upcoming<A> {
    at: Nanos,
    event: Event<A>,
}

/// A message or a part of a snapshot is long, and its beginning tells which it is.
const TOLD_CHARACTERS: usize = 160;

impl<A> Upcoming<A> {
    /// Whether both are the same kind of event, of the same nodes, at the same time.
    pub fn is_like(&self, other: &Upcoming<A>) -> bool {
        (self.at, self.event.key()) == (other.at, other.event.key())
    }
}

impl<A: fmt::Debug> fmt::Display for Upcoming<A> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let event = format!("{:?}", self.event);
        let told: String = event.chars().take(TOLD_CHARACTERS).collect();
        let more = if told.len() < event.len() { "…" } else { "" };
        write!(out, "at {} {told}{more}", crate::duration::write(self.at))
    }
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
    /// Its place among all operations that were begun.
    pub(super) operation: usize,
    pub(super) node: u64,
    /// The last committed index when it came in.
    pub(super) committed: Index,
    /// The step in which it came in.
    pub(super) step: u64,
    /// Whether a lease will do.
    pub(super) lease: bool,
}

/// What takes a node's process a drawn time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Apply,
    LogRead,
    Write,
    Snapshot,
    Gather,
    Lease,
    Unreachable,
    LateCompletion,
    Received,
    Restart,
}

/// What an operator asked a node for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// Other members.
    Members,
    /// Another leader.
    Transfer,
    /// Nobody: a node proposed it of itself, while it led in this term.
    Own(Term),
}

impl<A> Event<A> {
    /// Tells apart what happens at the same time. It names what an event is about, not where it
    /// stands in a list, so that it stays the same when other things are left out.
    pub(super) fn key(&self) -> u64 {
        let (kind, who) = match self {
            Event::Deliver { from, to, .. } => (1, from << 8 | to),
            Event::Tick { node, .. } => (2, *node),
            Event::WriteDone { node, .. } => (3, *node),
            Event::ApplyDone { node, .. } => (4, *node),
            Event::ReadDone { node, .. } => (5, *node),
            Event::Gather { node, .. } => (6, *node),
            Event::Restart { node, .. } => (7, *node),
            Event::Fault { .. } => (8, 0),
            Event::CrashAgain { node, .. } => (9, *node),
            Event::PowerFails { node, .. } => (10, *node),
            Event::LateCompletion { node, .. } => (11, *node),
            Event::PartitionEnds { .. } => (12, 0),
            Event::TroubleEnds { node, .. } => (13, *node),
            Event::Begin { client } => (14, *client),
            Event::Attempt { client, .. } => (15, *client),
            Event::Arrive { client, node, .. } => (16, client << 8 | node),
            Event::Tell { client, .. } => (17, *client),
            Event::GiveUp { client, .. } => (18, *client),
            Event::Operate { node, .. } => (19, *node),
            Event::WakeAll => (20, 0),
            Event::SpaceBack { node, .. } => (21, *node),
            Event::LeaseClosed { node, .. } => (22, *node),
            Event::Unreachable { node, peer, .. } => (23, node << 8 | peer),
            Event::SnapshotStep { node, .. } => (24, *node),
            Event::Part { .. } => (25, 0),
            Event::Have { .. } => (26, 0),
            Event::Received { node, .. } => (27, *node),
            Event::Heal => (28, 0),
            Event::Inspect => (29, 0),
            Event::RoomBack { node } => (30, *node),
            Event::Forget { node, .. } => (31, *node),
            Event::Tend => (32, 0),
            Event::FilterEnds { .. } => (33, 0),
            Event::Flap(_) => (34, 0),
            Event::Served(event) => return 35 << 40 | event.key(),
        };
        kind << 32 | who
    }
}

impl<S: System> World<S> {
    /// What [`World::step`] takes in next; none where nothing is to come.
    pub fn upcoming(&self) -> Option<Upcoming<S::Answer>> {
        let (at, event) = self.queue.peek()?;
        Some(Upcoming { at, event: event.clone() })
    }

    pub(super) fn dispatch(&mut self, event: Event<S::Answer>) -> Result<(), Violation> {
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
            Event::RoomBack { node } => self.room_back(node),
            Event::Forget { node, planned } => self.forget(node, planned),
            Event::Tend => self.tend(),
            Event::LeaseClosed { node, life } => self.lease_closed(node, life),
            Event::Unreachable { node, life, peer } => self.unreachable(node, life, peer),
            Event::SnapshotStep { node, life } => self.snapshot_step(node, life),
            Event::Part { part } => self.part(part),
            Event::Have { have } => self.have(have),
            Event::Received { node, life, offer } => self.received(node, life, offer),
            Event::FilterEnds { blocked, kinds } => {
                self.filter_ends(&blocked, kinds);
                Ok(())
            }
            Event::Flap(flap) => {
                self.flap(flap);
                Ok(())
            }
            Event::Served(event) => {
                self.served = true;
                let result = self.dispatch(*event);
                self.served = false;
                result
            }
            Event::Heal => self.heal(),
            Event::Inspect => self.inspect(),
        }
    }

    /// A fault of the network ends, unless all has healed meanwhile.
    fn trouble_ends(&mut self, event: &Event<S::Answer>) {
        if self.healed_at.is_some() {
            return;
        }
        Trace::told(&mut self.trace, Trace::fault_ends);
        if let Event::PartitionEnds { blocked } = event {
            self.network.block(blocked, false);
        }
        if let Event::TroubleEnds { node, trouble } = event {
            self.network.trouble(*node, *trouble, false);
        }
    }
}
