//! What a world tells its trace, where one is kept.

use quorate_core::{Configuration, Message, Nanos, NodeId};

use super::World;
use crate::{
    network::{Blocked, Network},
    node::Node,
    oracle::{Violation, durable::Mirror},
    plan::{Fault, Planned, Target, Wire},
    system::System,
    trace::{Fate, NodeState, Record, Spoken, What},
};

fn numbers(ids: impl IntoIterator<Item = NodeId>) -> String {
    let numbers: Vec<String> = ids.into_iter().map(|id| (id.get() - 1).to_string()).collect();
    numbers.join(" ")
}

fn members(configuration: &Configuration) -> String {
    let mut text = numbers(configuration.voters().iter().copied());
    if configuration.is_joint() {
        text = format!("{} and {text}", numbers(configuration.outgoing().iter().copied()));
    }
    if !configuration.learners().is_empty() {
        let learners = configuration.learners().iter().map(|learner| learner.id);
        text = format!("{text}; learners {}", numbers(learners));
    }
    text
}

/// What a node shows of itself while it runs.
fn state_of<S: System>(node: &Node<S>, mirror: &Mirror) -> Option<NodeState> {
    let life = node.life.as_ref()?;
    let (status, held) = (life.driver.raft().status(), mirror.hard_state());
    let number = |id: NodeId| id.get() - 1;
    Some(NodeState {
        role: status.role,
        term: status.term,
        vote: status.voted_for.map(number),
        last: status.log.last(),
        base: status.log.base().index,
        commit: status.commit,
        applied: life.driver.applied(),
        durable: mirror.last_index(),
        durable_term: held.term,
        durable_vote: held.voted_for.map(number),
        members: members(status.configuration),
    })
}

impl<S: System> World<S> {
    /// Keeps a record for each thing that happens from now on. Only a trace that is kept from the
    /// start can tell the story of a violation ([`crate::trace::cause`]).
    pub fn keep_trace(&mut self) {
        self.trace = Some(Box::default());
        for number in 0..self.settings.all_nodes() {
            self.tell_clock(number, 0);
            self.tell_start(number, (0, 0));
            let writing =
                self.nodes[number as usize].life.as_ref().and_then(|l| l.writing.as_ref());
            if let (Some(trace), Some(job)) = (&mut self.trace, writing) {
                trace.writes(number, job);
            }
            self.tell_from(None);
        }
    }

    /// Takes the records kept so far.
    pub fn take_trace(&mut self) -> Vec<Record> {
        self.trace.as_mut().map(|trace| trace.take()).unwrap_or_default()
    }

    /// Keeps what broke as a record.
    pub(crate) fn tell_violation(&mut self, violation: &Violation) {
        if let Some(trace) = &mut self.trace {
            trace.breaks(violation);
        }
    }

    /// Keeps a record, where any are kept, that leads to whatever follows.
    pub(super) fn tell_lead(&mut self, what: impl FnOnce() -> What) {
        if let Some(trace) = &mut self.trace {
            trace.lead(what());
        }
    }

    /// Keeps something in words.
    pub(super) fn say(&mut self, line: impl FnOnce(&World<S>) -> String) {
        if self.trace.is_none() {
            return;
        }
        let text = line(self);
        if let Some(trace) = &mut self.trace {
            trace.keep(What::Note { text });
        }
    }

    /// What is being handled waits for a process that stands still.
    pub(super) fn tell_held(&mut self, node: u64) {
        if let Some(trace) = &mut self.trace {
            trace.held(node);
        }
    }

    /// What a node shows, where it is new.
    pub(super) fn tell_state(&mut self, number: u64) {
        let at = number as usize;
        if let Some(trace) = &mut self.trace
            && let Some(state) = state_of(&self.nodes[at], &self.oracles.durable[at])
        {
            trace.shows(number, state);
        }
    }

    /// A process has started.
    pub(super) fn tell_start(&mut self, number: u64, untold: (u64, u64)) {
        let at = number as usize;
        let node = &self.nodes[at];
        if let Some(trace) = &mut self.trace
            && let Some(state) = state_of(node, &self.oracles.durable[at])
        {
            trace.starts(number, node.lives, untold, state);
        }
    }

    /// A node's clock runs or shows otherwise than before.
    pub(super) fn tell_clock(&mut self, number: u64, jump: i64) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            let clock = &self.nodes[number as usize].clock;
            let offset = clock.read(now).0.cast_signed().wrapping_sub(now.cast_signed());
            let drift_ppm = clock.drift_ppm();
            trace.keep(What::Clock { node: number, offset, drift_ppm, jump });
        }
    }

    /// A fault strikes; `cause` did what it waited for. Gives what was being handled.
    pub(super) fn tell_strike(
        &mut self,
        planned: usize,
        fault: &Planned,
        cause: u64,
    ) -> Option<u64> {
        self.trace.as_ref()?;
        let all = self.settings.all_nodes();
        let nodes: Vec<u64> = match fault.target {
            Target::Node(node) => vec![node % all],
            Target::Leader => vec![self.leader()],
            Target::Cause => vec![cause],
            Target::Everyone => (0..all).collect(),
        };
        let blocked: Option<Blocked> = match (fault.fault, nodes.first()) {
            (Fault::Partition(split) | Fault::Wire(Wire::Flap { split, .. }), Some(node)) => {
                Some(Network::blocked_by(split, *node, all))
            }
            _ => None,
        };
        let until = self.until(fault.duration);
        let trace = self.trace.as_mut()?;
        trace.strikes(planned, fault, nodes, blocked.as_ref(), until)
    }

    /// The record that leads to what follows.
    pub(super) fn told_cause(&self) -> Option<u64> {
        self.trace.as_ref().and_then(|trace| trace.current())
    }

    /// A process ends, and its disk may lose what was not synced.
    pub(super) fn tell_crash(&mut self, number: u64, how: Fault, writing: bool, lost: u64) {
        if self.trace.is_none() {
            return;
        }
        let lost_sectors = self.nodes[number as usize].disk.counters().lost_sectors - lost;
        self.tell_lead(|| What::Crash {
            node: number,
            how: format!("{how:?}"),
            writing,
            lost_sectors,
        });
    }

    /// A message is sent; what becomes of it is led to by this. Gives what was being handled, for
    /// [`World::tell_from`].
    pub(super) fn tell_send(
        &mut self,
        link: (u64, u64),
        message: impl FnOnce() -> Spoken,
        arrivals: [Option<Nanos>; 2],
    ) -> Option<u64> {
        let trace = self.trace.as_mut()?;
        let fate = match arrivals[0] {
            Some(_) => Fate::Sent,
            None if self.network.is_blocked(link) => Fate::Blocked,
            None => Fate::Lost,
        };
        trace.sends(link, message(), fate, arrivals.into_iter().flatten().collect())
    }

    /// What follows is led to by this record again.
    pub(super) fn tell_from(&mut self, before: Option<u64>) {
        if let Some(trace) = &mut self.trace {
            trace.swap(before);
        }
    }

    /// A message comes to a node.
    pub(super) fn tell_delivery(&mut self, from: u64, to: u64, message: &Message, heard: bool) {
        self.tell_lead(|| What::Deliver { node: to, from, message: Spoken::of(message), heard });
    }
}
