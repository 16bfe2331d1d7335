//! What nodes tell their hosts, and what hosts make of it.

use quorate_core::{Halt, Refusal, RoleKind, Timestamp};
use quorate_driver::{Cause, Outcome};

use super::{Event, Order, Work, World};
use crate::{
    client::Answer,
    marks::Mark,
    node::Life,
    oracle::{
        Violation,
        read::{Floors, leased},
    },
    plan::Fault,
    profile::MILLISECOND,
    system::{ResponseOf, System},
};

impl<S: System> World<S> {
    pub(super) fn outcomes(&mut self, number: u64) -> Result<(), Violation> {
        let Some(life) = &mut self.nodes[number as usize].life else { return Ok(()) };
        let outcomes: Vec<Outcome<ResponseOf<S>>> = life.driver.drain_outcomes().collect();
        outcomes.into_iter().try_for_each(|outcome| self.outcome(number, outcome))
    }

    fn outcome(&mut self, number: u64, outcome: Outcome<ResponseOf<S>>) -> Result<(), Violation> {
        match outcome {
            Outcome::Done { request, .. } if self.orders.contains_key(&request) => {
                if let Some(Order::Members) = self.orders.remove(&request) {
                    self.marks.reach(Mark::MembersChanged);
                    self.say(|_| format!("node {number}: other members, as asked"));
                }
            }
            Outcome::Done { request, log_id, response } => {
                let Some(asked) = self.requests.get(&request) else { return Ok(()) };
                let operation = &self.begun[asked.operation].operation;
                let Some(answer) = self.system.answer(operation, &response) else {
                    let response = format!("{response:?}");
                    return Err(Violation::OddResponse { node: number, response });
                };
                self.reply(number, request, Answer::Wrote { place: log_id, answer });
            }
            Outcome::Refused { request, reason } => {
                self.mark_refusal(reason);
                if let Some(order) = self.orders.remove(&request) {
                    self.own_refused(number, order);
                    self.say(|_| format!("node {number} refuses {order:?}: {reason}"));
                }
                self.reply(number, request, Answer::Refused { leader: hint(reason) });
            }
            Outcome::Replaced { request, .. } => {
                self.marks.reach(Mark::ProposalReplaced);
                self.orders.remove(&request);
                self.reply(number, request, Answer::Refused { leader: None });
            }
            Outcome::Unknown { request } => {
                self.orders.remove(&request);
                self.reply(number, request, Answer::Unknown);
            }
            Outcome::ReadReady { request, index } => self.read_ready(number, request, index)?,
            Outcome::Transferred { request } => {
                self.orders.remove(&request);
                self.marks.reach(Mark::Transferred);
                self.say(|_| format!("node {number} has handed over"));
            }
            Outcome::Lease { until } => self.lease(number, until),
            Outcome::SnapshotTaken { .. } => self.marks.reach(Mark::SnapshotTaken),
            Outcome::RoleChanged { .. } | Outcome::SnapshotFailed { .. } => {}
            Outcome::Misuse(misuse) => return Err(Violation::Misuse { node: number, misuse }),
            Outcome::Halted(cause) => self.has_halted(number, cause)?,
        }
        Ok(())
    }

    pub(super) fn read_ready(
        &mut self,
        number: u64,
        request: u64,
        index: u64,
    ) -> Result<(), Violation> {
        let Some(asked) = self.requests.get(&request).copied() else { return Ok(()) };
        let at_once = asked.lease && asked.step == self.stats.events;
        if at_once {
            leased(number, asked.committed, index)?;
        }
        Floors::named(number, asked.committed, index)?;
        self.marks.add(Mark::ReadWaitedForApply, u64::from(self.applying));
        self.marks.add(Mark::LeaseRead, u64::from(at_once));
        let Some(life) = &self.nodes[number as usize].life else { return Ok(()) };
        if at_once && life.members.voters().len() > 1 {
            judge_lease(number, life)?;
        }
        self.marks.add(Mark::FollowerRead, u64::from(life.view.role != RoleKind::Leader));
        self.show(number, request);
        Ok(())
    }

    fn mark_refusal(&mut self, reason: Refusal) {
        match reason {
            Refusal::NoQuorum => self.marks.reach(Mark::ReadWithoutQuorum),
            Refusal::NoSpace => self.marks.reach(Mark::NoSpace),
            Refusal::ChangeInFlight { .. } => self.marks.reach(Mark::ChangeWhileChanging),
            Refusal::TransferTimedOut => self.marks.reach(Mark::TransferTimedOut),
            Refusal::NotLeader { .. }
            | Refusal::WrongTerm { .. }
            | Refusal::Busy { .. }
            | Refusal::TooLarge { .. }
            | Refusal::Empty
            | Refusal::NotACommand
            | Refusal::Transferring { .. }
            | Refusal::NoTarget
            | Refusal::TermNotCommitted
            | Refusal::Change(_)
            | Refusal::Halted => {}
        }
    }

    /// Other threads may read until then, or not any more; some say when the last has gone.
    fn lease(&mut self, number: u64, until: Option<Timestamp>) {
        let node = &mut self.nodes[number as usize];
        let life_number = node.lives;
        let Some(life) = &mut node.life else { return };
        life.published = until;
        if until.is_none() && self.work(number, Work::Lease, 2) == 1 {
            let delay = self.work(number, Work::Lease, 5 * MILLISECOND);
            self.push(delay, Event::LeaseClosed { node: number, life: life_number });
        }
    }

    /// A node has halted: as it was asked, or since its disk failed.
    fn has_halted(&mut self, number: u64, cause: Cause) -> Result<(), Violation> {
        let node = &self.nodes[number as usize];
        if let (Some(until), Cause::Core(Halt::Stopped)) = (node.stopping, &cause) {
            self.marks.reach(Mark::Stopped);
            let chance = self.halt_chance(number);
            self.crash(number, Fault::Kill, chance);
            let lives = self.nodes[number as usize].lives;
            self.push_at(until.max(self.now + 1), Event::Restart { node: number, lives });
            return Ok(());
        }
        if self.forgot && matches!(cause, Cause::Core(_)) {
            // It has seen two histories: no start makes that good.
            self.marks.reach(Mark::ContradictionHalted);
            self.say(|_| format!("node {number} halts for good: {cause}"));
            let chance = self.halt_chance(number);
            self.crash(number, Fault::Kill, chance);
            self.retire(number);
            return Ok(());
        }
        let is_damaged = node.disk.is_damaged() && !matches!(cause, Cause::Core(_));
        if !node.disk.has_failed() && !is_damaged {
            return Err(Violation::Halted { node: number, cause });
        }
        self.marks.add(Mark::DamageHalted, u64::from(is_damaged));
        self.say(|_| format!("node {number} halts: {cause}"));
        let is_for_good = is_damaged && matches!(cause, Cause::Install { .. });
        self.halted(number);
        if is_for_good {
            // The log opens, and the snapshot that it begins with is damaged all the same.
            self.retire(number);
        }
        Ok(())
    }
}

/// A read was answered without a round: that takes a leader that is not handing over.
fn judge_lease<S: System>(number: u64, life: &Life<S>) -> Result<(), Violation> {
    let status = life.driver.raft().status();
    if status.role == RoleKind::Leader && status.transfer.is_none() {
        return Ok(());
    }
    Err(Violation::LeaseWithoutRight { node: number, role: status.role, to: status.transfer })
}

fn hint(reason: Refusal) -> Option<u64> {
    match reason {
        Refusal::NotLeader { leader } => leader.map(|leader| leader.get() - 1),
        Refusal::WrongTerm { .. }
        | Refusal::Busy { .. }
        | Refusal::TooLarge { .. }
        | Refusal::Empty
        | Refusal::NotACommand
        | Refusal::NoQuorum
        | Refusal::Transferring { .. }
        | Refusal::TransferTimedOut
        | Refusal::NoTarget
        | Refusal::ChangeInFlight { .. }
        | Refusal::TermNotCommitted
        | Refusal::Change(_)
        | Refusal::NoSpace
        | Refusal::Halted => None,
    }
}
