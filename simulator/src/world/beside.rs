//! What nodes do beside the log: what they propose of themselves, and what they show of their state.

use quorate_core::{RequestId, RoleKind};

use super::{Order, Request, World, clients::asked};
use crate::{
    client::{Answer, Pending},
    oracle::{Violation, step::Heard},
    system::System,
    trace::{Trace, What},
};

impl<S: System> World<S> {
    /// Something happened to a node: it looks after what it does beside the log.
    pub(super) fn attend(&mut self, number: u64) -> Result<(), Violation> {
        let now = self.now;
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(now);
        let Some(life) = &mut node.life else { return Ok(()) };
        let leads = life.view.role == RoleKind::Leader;
        let leads = leads.then_some(life.view.term);
        let command = self.system.attend(&mut life.machine, time, leads);
        let Some((command, term)) = command.zip(leads) else { return Ok(()) };
        let request = self.next_request;
        self.next_request += 1;
        self.orders.insert(request, Order::Own(term));
        self.longest_command = self.longest_command.max(command.len() as u64);
        Trace::told(&mut self.trace, |trace| {
            _ = trace.lead(What::Propose { node: number, requests: 1 })
        });
        life.driver.propose(vec![(request, command)], time);
        self.judge(number, Heard::Proposals, time)?;
        self.note(25, number, &request.to_be_bytes());
        self.pump(number)
    }

    /// What a node proposed of itself was refused.
    pub(super) fn own_refused(&mut self, number: u64, order: Order) {
        let (Order::Own(term), Some(life)) = (order, &mut self.nodes[number as usize].life) else {
            return;
        };
        self.system.refused(&mut life.machine, term);
    }

    /// A read came to a node that runs.
    pub(super) fn ask_to_read(
        &mut self,
        to: u64,
        request: RequestId,
        taken: Request,
    ) -> Result<(), Violation> {
        let node = &mut self.nodes[to as usize];
        let time = node.clock.read(self.now);
        let Some(life) = &mut node.life else { return Ok(()) };
        let operation = asked(&self.begun, taken.operation, &self.settings.workload);
        if !self.system.asked(&operation, &mut life.machine, request, time) {
            self.reply(to, request, self.go_elsewhere(to));
            return Ok(());
        }
        if self.system.is_local(operation.operation) {
            self.show(to, request);
            return Ok(());
        }
        self.read(to, request, taken.lease)
    }

    /// A node answers a read from what it has.
    pub(super) fn show(&mut self, number: u64, request: RequestId) {
        let Some(taken) = self.requests.get(&request) else { return };
        let Some(life) = &mut self.nodes[number as usize].life else { return };
        let operation = asked(&self.begun, taken.operation, &self.settings.workload);
        let applied = life.driver.applied();
        let answer = match self.system.show(&operation, &mut life.machine, request) {
            Some(answer) => Answer::Read { answer, applied },
            None => self.go_elsewhere(number),
        };
        self.reply(number, request, answer);
    }

    /// Who leads is to be asked, as far as a node knows.
    fn go_elsewhere(&self, number: u64) -> Answer<S::Answer> {
        let life = self.nodes[number as usize].life.as_ref();
        let leader = life.and_then(|life| life.driver.raft().status().leader);
        let leader = leader.map(|leader| leader.get() - 1).filter(|leader| *leader != number);
        Answer::Refused { leader }
    }

    /// Whether an operation may rest on a leader's lease.
    pub(super) fn rests_on_lease(&self, operation: &S::Operation) -> bool {
        self.system.is_read(operation) && self.system.takes_lease(operation)
    }

    /// Whether a client asks again, of whose operation nobody knows what became of it.
    pub(super) fn may_ask_again(&self, pending: &Pending) -> bool {
        pending.reads || self.system.is_retried(&self.begun[pending.operation].operation)
    }
}
