//! The end of a run: everything heals, and the group must come back; then all is judged once more.

use quorate_core::{Configuration, LogId, Nanos, RoleKind};
use quorate_driver::StateMachine;

use super::{Event, LIVENESS_TIMEOUTS, World, stages::Stage};
use crate::{
    client::Client,
    marks::Mark,
    node::{Life, Node},
    oracle::Violation,
    profile::MILLISECOND,
    system::System,
    trace::Trace,
};

/// What an entry takes in a message beside its command, at most. Bytes.
const ENTRY_BYTES: u64 = 64;

impl<S: System> World<S> {
    /// All faults end.
    pub(super) fn heal(&mut self) -> Result<(), Violation> {
        self.healed_at = Some(self.now);
        self.network.heal();
        self.triggers.clear();
        self.struck.clear();
        self.note(12, 0, &[]);
        Trace::told(&mut self.trace, Trace::heals);
        for number in 0..self.settings.all_nodes() {
            let node = &mut self.nodes[number as usize];
            node.disk.disarm();
            node.disk.limit(None);
            node.slow_disk = (1, 0);
            node.clock.set_drift(self.now, 0);
            let lives = node.lives;
            if let Some(life) = &mut node.life {
                life.tick_at = None;
                self.schedule_tick(number);
            } else {
                self.push(0, Event::Restart { node: number, lives });
            }
            self.tell_clock(number, 0);
        }
        self.push(MILLISECOND, Event::Inspect);
        self.resume_clients();
        self.hang_one();
        self.first_stage();
        for number in 0..self.settings.all_nodes() {
            let life = self.nodes[number as usize].lives;
            let cause = self.told_cause();
            self.space_back(number, life)?;
            self.tell_from(cause);
        }
        self.wake_all()
    }

    /// Has the group come back?
    pub(super) fn inspect(&mut self) -> Result<(), Violation> {
        let Some(what) = self.lacking()? else {
            if self.next_stage() {
                self.push(MILLISECOND, Event::Inspect);
                return Ok(());
            }
            return if self.hung.is_some() { self.release() } else { self.finish() };
        };
        if !self.settings.atlas && self.is_quorum_gone() {
            self.marks.reach(Mark::QuorumLost);
            self.say(|_| "too many nodes are gone for good".to_owned());
            return self.finish();
        }
        let waited = self.now - self.healed_at.unwrap_or(self.now);
        let timeouts = LIVENESS_TIMEOUTS * self.settings.election_timeout;
        // What was due once stays due: a leader that has just applied all has yet to answer.
        self.work_due = self.work_due.max(self.work_left());
        if waited >= timeouts.saturating_add(self.work_due) {
            if self.any_lost() && !self.can_elect() {
                self.marks.reach(Mark::NobodyElectable);
                self.say(|_| "nobody who is left can be elected".to_owned());
                return self.finish();
            }
            return Err(Violation::Stuck { timeouts: LIVENESS_TIMEOUTS, what });
        }
        if waited >= timeouts / 4 && !std::mem::replace(&mut self.damaged_restarted, true) {
            self.restart_damaged();
        }
        self.push(5 * MILLISECOND, Event::Inspect);
        Ok(())
    }

    /// In a share of runs with bad disks, that of the leader hangs on, and the group must come back
    /// without it; only then all is well.
    fn hang_one(&mut self) {
        let is_fit = |members: &Configuration| members.voters().len() >= 3 && !members.is_joint();
        if self.settings.disk_hangs_on && self.newest_members().is_some_and(is_fit) {
            let number = self.leader();
            if self.any_lost() && !self.can_spare(number) {
                return;
            }
            self.nodes[number as usize].stalled_until = Nanos::MAX;
            self.hung = Some(number);
            self.say(|_| format!("but for the disk of node {number}, which hangs"));
        }
    }

    /// The last disk goes on; everything must come back once more.
    fn release(&mut self) -> Result<(), Violation> {
        let Some(number) = self.hung.take() else { return Ok(()) };
        self.marks.reach(Mark::WentOnWithoutDisk);
        let node = &mut self.nodes[number as usize];
        node.stalled_until = 0;
        let life = node.lives;
        self.push(0, Event::WriteDone { node: number, life });
        self.push(0, Event::SnapshotStep { node: number, life });
        self.say(|_| format!("the disk of node {number} goes on"));
        self.healed_at = Some(self.now);
        self.write_since_heal = false;
        for client in 0..self.clients.len() as u64 {
            self.push(0, Event::Begin { client });
        }
        self.push(MILLISECOND, Event::Inspect);
        Ok(())
    }

    /// How much longer than a few election timeouts it may take to bring everyone to the same state.
    /// Links must carry the log to a node that may have nothing of it; then state machines must
    /// apply it: after a restart that is the whole log, read back from the disk. While no write is
    /// acknowledged, time is added only for a leader that has yet to apply what is committed, before
    /// which it can acknowledge nothing; with that one, clients stop.
    pub(super) fn work_left(&self) -> Nanos {
        let committed = self.oracles.log.last_committed();
        let knows =
            |node: &Node<S>| node.life.as_ref().is_some_and(|life| life.view.commit >= committed);
        let leads = |life: &Life<S>| life.view.role == RoleKind::Leader;
        let is_applying = |life: &Life<S>| leads(life) && life.driver.applied() < committed;
        // At rest there is none to wait for.
        let is_done = self.write_since_heal
            || self.stage == Stage::Rest
            || self.nodes.iter().filter_map(|node| node.life.as_ref()).any(is_applying);
        let Some(members) = self.newest_members().filter(|_| is_done) else {
            return 0;
        };
        let is_member = |node: &&Node<S>| members.is_member(node.id);
        let all_know = self.nodes.iter().filter(is_member).all(knows);
        let each = if all_know { self.settings.apply_spread + self.settings.write_time } else { 0 };
        self.carrying(committed) + committed * each
    }

    /// How long a link takes at most for the first `entries` of the log, one window of messages with
    /// their answers after the other.
    fn carrying(&self, entries: u64) -> Nanos {
        let settings = &self.settings;
        let bytes = entries * (self.longest_command + ENTRY_BYTES);
        let messages = bytes.div_ceil(settings.max_message_bytes);
        let windows = messages.div_ceil(u64::from(settings.max_inflight_messages));
        let trips = 2 * (settings.link.delay + settings.link.spread);
        windows * (trips + settings.write_time + settings.write_spread)
    }

    /// What clients still wait for.
    pub(super) fn unanswered(&self) -> Option<String> {
        if !self.write_since_heal {
            let roles: Vec<String> = self.nodes.iter().map(describe).collect();
            return Some(format!("no new write is acknowledged; {}", roles.join("; ")));
        }
        let waits =
            |client: &&Client<S::Operation>| client.pending.is_some() && self.hung.is_none();
        let client = self.clients.iter().find(waits);
        let waits = client.map(|client| format!("client {} still waits", client.number));
        waits.or_else(|| self.system.unfinished())
    }

    /// What keeps members apart: who leads, who they are, what each has applied.
    pub(super) fn apart(&self) -> Option<String> {
        let leads = |node: &&Node<S>| {
            node.life.as_ref().is_some_and(|life| life.view.role == RoleKind::Leader)
        };
        let Some(leader) = self.nodes.iter().filter(leads).max_by_key(|node| term(node)) else {
            return Some("nobody leads".to_owned());
        };
        let members = leader.life.as_ref().map(|life| life.members.clone()).unwrap_or_default();
        if members.is_joint() {
            return Some(format!("the members are still {members:?}"));
        }
        let last = leader.life.as_ref().map_or(0, |life| life.view.last.index);
        let lags =
            |node: &&Node<S>| node.life.as_ref().is_none_or(|life| life.driver.applied() != last);
        let is_hung = |node: &Node<S>| Some(node.number) == self.hung;
        if is_hung(leader) {
            return Some("a node whose disk hangs leads".to_owned());
        }
        let is_member = |node: &&Node<S>| members.is_member(node.id) && !is_hung(node);
        let behind = self.nodes.iter().filter(is_member).find(lags)?;
        Some(format!("node {} has not applied {last}; {}", behind.number, describe(behind)))
    }

    /// Judges everything once more.
    pub(super) fn finish(&mut self) -> Result<(), Violation> {
        self.finished = true;
        self.note(13, 0, &[]);
        self.acknowledged()?;
        self.equal_states()
    }

    /// Every acknowledged write is in the committed log.
    fn acknowledged(&self) -> Result<(), Violation> {
        for place in self.acknowledged.iter().copied() {
            let found = self.oracles.log.committed(place.index);
            let found = found.map(|slot| LogId::new(slot.term, place.index));
            if found != Some(place) {
                return Err(Violation::AcknowledgedLost { place, found });
            }
        }
        Ok(())
    }

    /// Whoever has applied as much as anybody is in the same state; and what the system says of it.
    fn equal_states(&mut self) -> Result<(), Violation> {
        let mut lives: Vec<_> =
            self.nodes.iter().filter_map(|node| node.life.as_ref().map(|l| (node, l))).collect();
        // Whoever is no member any more may not have all.
        lives.sort_by_key(|(_, life)| std::cmp::Reverse(life.driver.applied()));
        let Some((_, first)) = lives.first().copied() else { return Ok(()) };
        let state = first.machine.snapshot()();
        let is_even = |life: &Life<S>| life.driver.applied() == first.driver.applied();
        for (node, life) in lives.into_iter().skip(1).filter(|(_, life)| is_even(life)) {
            if life.machine.snapshot()() != state {
                return Err(Violation::MachinesDiffer {
                    node: node.number,
                    index: life.driver.applied(),
                    found: self.system.fingerprint(&life.machine),
                    other: self.system.fingerprint(&first.machine),
                });
            }
        }
        self.system.finished(&first.machine)
    }
}

fn term<S: System>(node: &Node<S>) -> u64 {
    node.life.as_ref().map_or(0, |life| life.view.term)
}

fn describe<S: System>(node: &Node<S>) -> String {
    match &node.life {
        None => format!("node {} is down", node.number),
        Some(life) => format!(
            "node {} is {:?} in term {} with a log from {:?} through {:?}, committed {}, applied {}{}",
            node.number,
            life.view.role,
            life.view.term,
            life.view.base,
            life.view.last,
            life.view.commit,
            life.driver.applied(),
            state(life)
        ),
    }
}

/// What keeps a node from leading or applying.
fn state<S: System>(life: &Life<S>) -> String {
    let status = life.driver.raft().status();
    let facts = [
        (status.stalled, "its disk is too slow"),
        (status.wants_snapshot, "it waits for a snapshot"),
        (status.quiesced, "it is silent"),
        (status.halted, "it has halted"),
    ];
    let told = facts.into_iter().filter(|(holds, _)| *holds).map(|(_, what)| format!(", {what}"));
    format!(", members {:?}{}", life.members, told.collect::<String>())
}
