//! What operators and hosts ask of a node: other members, another leader, silence, a stop.

use std::collections::BTreeMap;

use quorate_core::{Configuration, MemberChange, NodeId, Promotion, RequestId, RoleKind};

use super::{Event, Order, Work, World};
use crate::{
    MAX_NODES,
    marks::Mark,
    oracle::{Violation, members::address, step::Heard},
    plan::{Fault, Planned, Wish},
    profile::MILLISECOND,
    system::System,
};

/// The changes that make a wish come true, where `members` are in force.
fn changes(wish: Wish, leader: u64, nodes: u64, members: &Configuration) -> Vec<MemberChange> {
    let id = |number: u64| NodeId::of(number % nodes + 1);
    match wish {
        Wish::Learner(node) => {
            vec![MemberChange::AddLearner { node: id(node), promotion: Promotion::OnDemand }]
        }
        Wish::Newcomer { node, max_lag } => {
            let promotion = Promotion::WhenCaughtUp { max_lag };
            vec![MemberChange::AddLearner { node: id(node), promotion }]
        }
        Wish::Voter(node) => vec![MemberChange::AddVoter { node: id(node) }],
        Wish::Remove(node) => vec![MemberChange::Remove { node: id(node) }],
        Wish::RemoveLeader => vec![MemberChange::Remove { node: NodeId::of(leader + 1) }],
        Wish::Replace { old, new } => {
            vec![MemberChange::Remove { node: id(old) }, MemberChange::AddVoter { node: id(new) }]
        }
        Wish::Voters(mask) => {
            let mut wanted = BTreeMap::new();
            for number in 0..MAX_NODES.min(nodes) {
                let (node, votes) = (id(number), mask >> number & 1 == 1);
                if votes && !members.is_voter(node) {
                    wanted.insert(node, MemberChange::AddVoter { node });
                } else if !votes && members.is_member(node) {
                    wanted.insert(node, MemberChange::Remove { node });
                }
            }
            wanted.into_values().collect()
        }
    }
}

impl<S: System> World<S> {
    /// Does what was asked of a node, now that nothing else is under way in it.
    pub(super) fn operate(&mut self, number: u64, planned: usize) -> Result<(), Violation> {
        let Some(fault) = self.planned(planned).filter(|_| self.healed_at.is_none()) else {
            return Ok(());
        };
        if let Fault::Jump { by } = fault.fault {
            return self.jump(number, by);
        }
        if self.postponed(number, || Event::Operate { node: number, planned }) {
            return Ok(());
        }
        if !self.is_sound(number, &fault) {
            return Ok(());
        }
        match fault.fault {
            Fault::Members(wish) => self.ask_for_members(number, wish),
            _ => self.ask(number, &fault),
        }
    }

    fn ask_for_members(&mut self, number: u64, wish: Wish) -> Result<(), Violation> {
        let nodes = self.settings.first_nodes();
        let Some(life) = &self.nodes[number as usize].life else { return Ok(()) };
        let changes = changes(wish, number, nodes, &life.members);
        if changes.is_empty() {
            return Ok(());
        }
        self.change(number, changes)
    }

    /// Asks a node for other members; whoever is added is told where it is.
    pub(super) fn change(
        &mut self,
        number: u64,
        mut changes: Vec<MemberChange>,
    ) -> Result<(), Violation> {
        let added = changes.iter().filter_map(|change| match change {
            MemberChange::AddVoter { node } | MemberChange::AddLearner { node, .. } => Some(*node),
            MemberChange::Remove { .. }
            | MemberChange::SetAddress { .. }
            | MemberChange::SetProtocol { .. } => None,
        });
        let places = added.map(|node| MemberChange::SetAddress { node, address: address(node) });
        changes.extend(places.collect::<Vec<_>>());
        let request = self.next_request;
        self.next_request += 1;
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(self.now);
        let Some(life) = &mut node.life else { return Ok(()) };
        life.driver.change_members(request, changes, None, time);
        self.orders.insert(request, Order::Members);
        self.operated(number, request)
    }

    fn ask(&mut self, number: u64, fault: &Planned) -> Result<(), Violation> {
        let until = self.until(fault.duration);
        let (request, nodes) = (self.next_request, self.settings.first_nodes());
        self.next_request += 1;
        let node = &mut self.nodes[number as usize];
        let (time, life_number) = (node.clock.read(self.now), node.lives);
        let Some(life) = &mut node.life else { return Ok(()) };
        match fault.fault {
            Fault::Transfer(to) => {
                let to = to.map(|to| NodeId::of(to % nodes + 1));
                life.driver.transfer(request, to, time);
                self.orders.insert(request, Order::Transfer);
            }
            Fault::Stop => {
                node.stopping = Some(until);
                life.driver.stop(time);
            }
            Fault::Quiesce => {
                life.driver.quiesce(time);
                let is_quiet = life.driver.raft().status().quiesced;
                self.marks.add(Mark::Quiesced, u64::from(is_quiet));
                self.push_at(until, Event::WakeAll);
            }
            Fault::Snapshot => life.snapshot_asked = true,
            Fault::DamagedMachine if life.view.role != RoleKind::Leader => {
                life.damaged = true;
                life.driver.request_snapshot(time);
            }
            Fault::LowSpace => {
                life.driver.space(true, time);
                self.push_at(until, Event::SpaceBack { node: number, life: life_number });
            }
            Fault::Members(_)
            | Fault::DamagedMachine
            | Fault::Jump { .. }
            | Fault::Kill
            | Fault::PowerLoss
            | Fault::KillThenPowerLoss
            | Fault::PowerLossInWrite { .. }
            | Fault::Pause
            | Fault::Partition(_)
            | Fault::Lossy { .. }
            | Fault::Slow { .. }
            | Fault::Wire(_)
            | Fault::SlowSteps { .. }
            | Fault::Drift { .. }
            | Fault::FreezeClock
            | Fault::StallDisk
            | Fault::FailDisk { .. }
            | Fault::FailRead { .. }
            | Fault::FullDisk { .. }
            | Fault::SlowDisk { .. }
            | Fault::Damage(_)
            | Fault::LoseMachine
            | Fault::Amnesia => return Ok(()),
        }
        self.operated(number, request)
    }

    /// Nobody asks for members that could not make good for what is lost.
    fn is_sound(&self, number: u64, fault: &Planned) -> bool {
        let Fault::Members(wish) = fault.fault else { return true };
        let Some(life) = &self.nodes[number as usize].life else { return true };
        let changes = changes(wish, number, self.settings.first_nodes(), &life.members);
        !self.settings.atlas || self.can_become(&life.members, &changes)
    }

    pub(super) fn operated(&mut self, number: u64, request: RequestId) -> Result<(), Violation> {
        self.note(16, number, &request.to_be_bytes());
        self.pump(number)
    }

    /// A clock leaps. Where leases rest on it, the node sees every step back: it reads its clock
    /// right before and right after, and none is made while the process stands still.
    fn jump(&mut self, number: u64, by: i64) -> Result<(), Violation> {
        let node = &mut self.nodes[number as usize];
        let is_seen = self.settings.families.leases;
        if is_seen && node.paused_until > self.now {
            return Ok(());
        }
        if is_seen {
            self.look_at_clock(number)?;
        }
        self.nodes[number as usize].clock.jump(self.now, by);
        self.tell_clock(number, by);
        self.marks.add(Mark::ClockSteppedBack, u64::from(by < 0));
        self.marks.add(Mark::ClockLeapt, u64::from(by > 0));
        self.clock_changed(number);
        if is_seen { self.look_at_clock(number) } else { Ok(()) }
    }

    fn look_at_clock(&mut self, number: u64) -> Result<(), Violation> {
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(self.now);
        let Some(life) = &mut node.life else { return Ok(()) };
        life.driver.tick(time);
        self.judge(number, Heard::Tick, time)?;
        self.note(4, number, &[]);
        self.pump(number)
    }

    /// Whoever hosts nodes wakes all of them.
    pub(super) fn wake_all(&mut self) -> Result<(), Violation> {
        for number in 0..self.settings.all_nodes() {
            let node = &mut self.nodes[number as usize];
            let time = node.clock.read(self.now);
            // One that stands still is not asked; the others wake it.
            let stands = node.paused_until > self.now;
            let Some(life) = node.life.as_mut().filter(|_| !stands) else { continue };
            life.driver.wake(time);
            self.note(17, number, &[]);
            let cause = self.told_cause();
            self.pump(number)?;
            self.tell_from(cause);
        }
        Ok(())
    }

    /// The disk has room again.
    pub(super) fn space_back(&mut self, number: u64, life: u64) -> Result<(), Violation> {
        let now = self.now;
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(now);
        let Some(running) = node.living(life) else { return Ok(()) };
        running.driver.space(false, time);
        self.note(18, number, &[]);
        self.pump(number)
    }

    /// The last reader under a published lease has gone.
    pub(super) fn lease_closed(&mut self, number: u64, life: u64) -> Result<(), Violation> {
        let now = self.now;
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(now);
        let running = node.living(life).filter(|running| running.published.is_none());
        let Some(running) = running else { return Ok(()) };
        running.driver.lease_closed(time);
        self.note(19, number, &[]);
        self.pump(number)
    }

    /// A transport tells its node that it does not reach a peer.
    pub(super) fn unreachable(
        &mut self,
        number: u64,
        life: u64,
        peer: u64,
    ) -> Result<(), Violation> {
        if self.nodes[number as usize].living(life).is_none()
            || self.postponed(number, || Event::Unreachable { node: number, life, peer })
        {
            return Ok(());
        }
        let now = self.now;
        let node = &mut self.nodes[number as usize];
        let time = node.clock.read(now);
        let Some(running) = node.living(life) else { return Ok(()) };
        running.driver.peer_unreachable(NodeId::of(peer + 1), time);
        self.marks.reach(Mark::Unreachable);
        self.note(20, number, &[]);
        self.pump(number)
    }

    /// The members of the newest leader's configuration.
    pub(super) fn newest_members(&self) -> Option<&Configuration> {
        let lives = self.nodes.iter().filter_map(|node| node.life.as_ref());
        let leading = lives.filter(|life| life.view.role == RoleKind::Leader);
        leading.max_by_key(|life| life.view.term).map(|life| &life.members)
    }

    /// Whoever waits for a snapshot that does not come is started again with an empty state
    /// machine, as an operator would do.
    pub(super) fn restart_damaged(&mut self) {
        for number in 0..self.settings.all_nodes() {
            let node = &self.nodes[number as usize];
            let waits = |life: &crate::node::Life<S>| life.driver.raft().status().wants_snapshot;
            if node.life.as_ref().is_some_and(waits) {
                let chance = self.halt_chance(number);
                self.crash(number, Fault::Kill, chance);
                let lives = self.nodes[number as usize].lives;
                let delay = self.work(number, Work::Restart, MILLISECOND);
                self.push(delay, Event::Restart { node: number, lives });
            }
        }
    }
}
