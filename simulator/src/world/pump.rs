//! What follows from a step of a node: judge it, send, answer, hand out its next work.

use quorate_core::{
    AppendOutcome, Body, Configuration, Message, NodeId, Promotion, RoleKind, Status,
};
use quorate_driver::ActionKind;

use super::{Event, Work, World, life::is_of_new_term};
use crate::{
    choices::Series,
    marks::Mark,
    oracle::{Violation, election::View, leading, members, step::Heard},
    plan::{MessageKind, Pattern},
    profile::MILLISECOND,
    system::System,
    trace::Spoken,
};

/// Every so many steps the core's own invariants are checked.
const CHECK_EVERY: u64 = 64;

impl<S: System> World<S> {
    /// Takes everything that a node's last step asks for.
    pub(super) fn pump(&mut self, number: u64) -> Result<(), Violation> {
        self.tell_state(number);
        self.look(number)?;
        self.observe_actions(number);
        self.send_all(number)?;
        self.offer_snapshots(number)?;
        if self.struck.is_empty() {
            self.outcomes(number)?;
            self.hand_out(number)?;
            self.attend(number)?;
            self.schedule_tick(number);
        }
        Ok(())
    }

    /// Compares what the node shows now with what it showed before.
    fn look(&mut self, number: u64) -> Result<(), Violation> {
        let node = &mut self.nodes[number as usize];
        let Some(life) = &mut node.life else { return Ok(()) };
        let raft = life.driver.raft();
        let status = raft.status();
        if self.judged == Some(number) {
            self.judged = None;
        } else {
            // No rule asks what such a step took in. Not all that a driver is told makes one.
            self.oracles.rules.step(number, &node.config, Heard::Other, status.time, &status)?;
        }
        let (before, after) = (life.view, View::of(&status));
        let turns = (before.role, before.term) != (after.role, after.term);
        // Its cost grows with the log: at every turn, and at a share of the other steps.
        if turns || self.stats.events.is_multiple_of(CHECK_EVERY) {
            raft.check().map_err(|violation| Violation::Core { node: number, violation })?;
        }
        if before == after {
            return Ok(());
        }
        if turns {
            judge_candidacy(number, &status)?;
        }
        let log = status.log;
        let oracles = &mut self.oracles;
        oracles.election.step(number, &before, &after, |index| log.term_at(index))?;
        let begins = after.role == RoleKind::Leader
            && (before.role != RoleKind::Leader || before.term != after.term);
        if begins {
            oracles.leads(number, after.term, &life.members, |index| log.term_at(index))?;
        }
        let commits = after.commit > before.commit;
        if commits {
            let in_force = [&life.members, status.configuration];
            let term_at = |index| log.term_at(index);
            let (commit, base) = (after.commit, after.base.index);
            oracles.commit(number, before.commit, commit, base, in_force, term_at)?;
        }
        let stalled = status.stalled;
        let others = (life.members != *status.configuration).then(|| status.configuration.clone());
        let leads_on = after.role == RoleKind::Leader && !begins;
        life.view = after;
        if let Some(others) = others {
            if leads_on {
                members::adjacent(number, &life.members, &others)?;
            }
            let before = std::mem::replace(&mut life.members, others);
            self.look_at_members(number, &before, leads_on);
        }
        if stalled && before.role == RoleKind::Leader && after.role != RoleKind::Leader {
            self.marks.reach(Mark::StalledLeaderWent);
        }
        self.look_after(number, &before, &after, begins, commits);
        Ok(())
    }

    /// Marks and triggers of a change.
    fn look_after(
        &mut self,
        number: u64,
        before: &View,
        after: &View,
        begins: bool,
        commits: bool,
    ) {
        if before.role == RoleKind::Leader && after.role != RoleKind::Leader {
            self.marks.reach(Mark::LeaderDeposed);
            let node = &self.nodes[number as usize];
            let is_out = node.life.as_ref().is_some_and(|life| !life.members.is_voter(node.id));
            self.marks.add(Mark::RemovedLeaderWent, u64::from(is_out && before.term == after.term));
        }
        self.marks.add(Mark::LogCompacted, u64::from(after.base.index > before.base.index));
        if before.role == RoleKind::Candidate && after.role != RoleKind::Leader {
            self.marks.reach(Mark::ElectionFailed);
        }
        if begins {
            self.observe(Pattern::BecameLeader, number);
        }
        if commits {
            self.observe(Pattern::Committed, number);
        }
    }

    /// Marks and triggers of a change of members.
    fn look_at_members(&mut self, number: u64, before: &Configuration, leads: bool) {
        let (founders, first) = (self.settings.nodes, self.settings.first_nodes());
        let Some(life) = &self.nodes[number as usize].life else { return };
        let after = life.members.clone();
        if !leads {
            return;
        }
        if after.is_joint() {
            self.marks.reach(Mark::JointEntered);
            let caught_up = |id: &&NodeId| {
                let learner = before.learner(**id);
                learner.is_some_and(|learner| learner.promotion != Promotion::OnDemand)
            };
            let promoted = after.voters().iter().filter(caught_up).count() as u64;
            self.marks.add(Mark::LearnerPromoted, promoted);
            self.observe(Pattern::EnteredJoint, number);
            return;
        }
        let voters = || after.voters().iter().map(|id| id.get());
        let is_spare = |id: u64| (founders + 1..=first).contains(&id);
        self.marks.add(Mark::SpareJoined, u64::from(voters().any(is_spare)));
        self.marks.add(Mark::MachineReplaced, u64::from(voters().any(|id| id > first)));
    }

    /// What the core asked for since faults that wait for that looked last.
    fn observe_actions(&mut self, number: u64) {
        if self.triggers.is_empty() {
            return;
        }
        let Some(life) = &mut self.nodes[number as usize].life else { return };
        let after = *life.driver.tally();
        let before = std::mem::replace(&mut life.asked, after);
        for kind in ActionKind::ALL {
            for _ in before.count(*kind)..after.count(*kind) {
                self.observe(Pattern::Action(*kind), number);
            }
        }
    }

    fn send_all(&mut self, number: u64) -> Result<(), Violation> {
        let Some(life) = &mut self.nodes[number as usize].life else { return Ok(()) };
        let sends: Vec<(NodeId, Message)> = life.driver.drain_sends().collect();
        self.oracles.rules.says(number, &sends)?;
        let leads = life.view.role == RoleKind::Leader;
        let count = sends.len();
        for (place, (to, message)) in sends.into_iter().enumerate() {
            let to = to.get() - 1;
            self.judge_send(number, to, &message)?;
            self.send(number, to, &message)?;
            let more = place + 1 < count;
            self.observe_send(number, &message, more);
            if !self.struck.is_empty() {
                // It crashes here: what is left is never sent.
                if more && leads {
                    self.marks.reach(Mark::LeaderCrashedMidBroadcast);
                }
                return Ok(());
            }
        }
        Ok(())
    }

    fn observe_send(&mut self, number: u64, message: &Message, more: bool) {
        if self.triggers.is_empty() {
            return;
        }
        self.observe(Pattern::Sent(MessageKind::of(&message.body)), number);
        match &message.body {
            Body::VoteAnswer(answer) if answer.granted => {
                self.observe(Pattern::VoteGranted, number);
            }
            Body::VoteRequest(_) => self.observe(Pattern::VoteAsked, number),
            Body::AppendRequest(request) if more && !request.entries.is_empty() => {
                self.observe(Pattern::MidBroadcast, number);
            }
            Body::AppendAnswer(answer) if answer.outcome != AppendOutcome::Matched { index: 0 } => {
                self.observe(Pattern::Acknowledged, number);
            }
            Body::TimeoutNow => self.observe(Pattern::HandedOver, number),
            Body::PreVoteRequest(_)
            | Body::PreVoteAnswer(_)
            | Body::VoteAnswer(_)
            | Body::AppendRequest(_)
            | Body::AppendAnswer(_)
            | Body::ReadRequest(_)
            | Body::ReadAnswer(_) => {}
        }
    }

    fn judge_send(&self, number: u64, to: u64, message: &Message) -> Result<(), Violation> {
        leading::message_fits(number, &self.nodes[number as usize].config, message)?;
        let mirror = &self.oracles.durable[number as usize];
        mirror.sent(number, to, message, |index| {
            let status = self.nodes[to as usize].life.as_ref()?.driver.raft().status();
            let leads = status.role == RoleKind::Leader && status.term == message.term;
            if leads { status.log.term_at(index) } else { None }
        })?;
        mirror.confirmed(number, to, message, self.settings.election_timeout)
    }

    fn send(&mut self, from: u64, to: u64, message: &Message) -> Result<(), Violation> {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        quorate_codec::encode_message(message, &mut scratch);
        self.note(7, from << 8 | to, &scratch);
        let life = self.nodes[from as usize].lives;
        let (kind, link) = (MessageKind::of(&message.body), (from, to));
        // Messages of one kind and term follow each other.
        let series = Series { kind: kind.number(), epoch: message.term };
        let size = scratch.len() as u64;
        let fate = self.network.send(&mut self.choices, link, series, size, self.now);
        let bytes = bytes::Bytes::copy_from_slice(&scratch);
        self.scratch = scratch;
        // A share of messages is compared with what comes out of the codec again.
        if self.hash & 0xf == 0 {
            let back = quorate_codec::decode_message(bytes.clone());
            if back.as_ref() != Ok(message) {
                let detail = format!("{message:?} came back as {back:?}");
                return Err(Violation::Codec { node: from, detail });
            }
        }
        let arrivals = self.arrivals(from, fate, &bytes)?;
        let before = self.tell_send((from, to), || Spoken::of(message), arrivals);
        let is_gone = arrivals[0].is_none() || self.nodes[to as usize].life.is_none();
        let chance = self.settings.unreachable_ppm;
        if is_gone
            && chance > 0
            && self.work(from, Work::Unreachable, 1_000_000) >= 1_000_000 - chance
        {
            self.push(MILLISECOND, Event::Unreachable { node: from, life, peer: to });
        }
        let event = Event::Deliver { from, to, life, bytes };
        self.record(kind, message.term, link, &event);
        for at in arrivals.into_iter().flatten() {
            self.push_at(at, event.clone());
        }
        self.tell_from(before);
        Ok(())
    }

    /// Begins the next write, the next apply and what is to be read back.
    fn hand_out(&mut self, number: u64) -> Result<(), Violation> {
        self.discard_snapshots(number)?;
        self.take_snapshot(number);
        let node = &mut self.nodes[number as usize];
        let life_number = node.lives;
        let Some(life) = &mut node.life else { return Ok(()) };
        if let Some(job) = life.driver.next_apply() {
            life.applying = Some(job);
            let delay = self.work(number, Work::Apply, self.settings.apply_spread + 1);
            self.push(delay, Event::ApplyDone { node: number, life: life_number });
        }
        while let Some(life) = &mut self.nodes[number as usize].life
            && let Some(job) = life.driver.next_log_read()
        {
            life.reading.push_back(job);
            let delay = self.work(number, Work::LogRead, self.settings.write_time + 1);
            let delay = self.disk_time(number, delay);
            self.push(delay, Event::ReadDone { node: number, life: life_number });
        }
        let Some(life) = &mut self.nodes[number as usize].life else { return Ok(()) };
        let Some(job) = life.driver.next_write() else { return Ok(()) };
        if job.writes().len() > 1 {
            self.marks.reach(Mark::GroupCommit);
        }
        if life.writing.is_some() {
            return Err(Violation::TwoWrites { node: number });
        }
        for write in job.writes() {
            if write.truncate_from <= self.oracles.durable[number as usize].last_index() {
                self.marks.reach(Mark::ConflictTruncation);
            }
            self.oracles.write(number, write)?;
            self.oracles.storms.reason(write.entries.len());
        }
        let held = self.oracles.durable[number as usize].hard_state();
        let saves_term = is_of_new_term(held, job.writes());
        let has_entries = job.writes().iter().any(|write| !write.entries.is_empty());
        let before = self.trace.as_mut().map(|trace| trace.writes(number, &job));
        life.writing = Some(job);
        let spread = self.work(number, Work::Write, self.settings.write_spread + 1);
        let delay = self.disk_time(number, self.settings.write_time + spread);
        self.push(delay, Event::WriteDone { node: number, life: life_number });
        self.tell_from(before.flatten());
        self.observe(Pattern::Writing, number);
        if saves_term {
            self.observe(Pattern::SavingTerm, number);
        }
        if saves_term && has_entries {
            self.observe(Pattern::SavingTermWithEntries, number);
        }
        Ok(())
    }
}

/// Whoever stands for election is a voter.
fn judge_candidacy(number: u64, status: &Status<'_>) -> Result<(), Violation> {
    if !matches!(status.role, RoleKind::PreCandidate | RoleKind::Candidate) {
        return Ok(());
    }
    let in_snapshot = status.snapshot.map(|snapshot| &snapshot.configuration);
    let in_log = status.log.summary().configurations().iter().map(|(_, members)| members);
    let before = in_snapshot.into_iter().chain(in_log).rev().nth(1);
    let before = before.filter(|_| status.configuration_index > status.commit);
    members::stands(number, status.term, status.configuration, before.map(|members| &**members))
}
