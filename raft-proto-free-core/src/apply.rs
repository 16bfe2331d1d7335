//! What goes to the state machine, and the end of a node (paper §5.3: entries are applied in log
//! order once committed).

use alloc::vec::Vec;

use crate::{
    action::{Action, Halt, Misuse, Refusal},
    log_read::Purpose,
    message::ReadOutcome,
    raft::Raft,
    role::{Reader, Role},
    status::Drop,
    types::{Index, Token},
};

impl Raft {
    /// Hands committed entries to the state machine.
    pub(crate) fn give_applies(&mut self, out: &mut Vec<Action>) {
        // Never ahead of the own disk: a restart would find a machine that knows more than the log.
        let durable = self.durability.last();
        let through = if self.config.apply_before_durable && !self.awaits_install() {
            self.commit
        } else {
            self.commit.min(durable)
        };
        self.give_snapshot(through, out);
        if self.awaits_install() {
            // What comes next is in no log any more: the snapshot that covers it may not be
            // installed yet.
            return;
        }
        while self.given < through && self.unapplied_bytes < self.config.max_unapplied_bytes {
            let (from, most) = (self.given + 1, self.config.max_apply_bytes);
            let Some(entries) = self.log.read(from, through, most) else {
                self.read_log(from, through, most, Purpose::Apply, out);
                return;
            };
            let Some(last) = entries.last() else { return };
            self.given = last.index;
            let cost = entries.cost();
            self.unapplied.push_back((last.index, cost));
            self.unapplied_bytes += cost;
            out.push(Action::Apply { entries });
        }
    }

    /// Whether the log begins behind what the state machine has: a snapshot must fill the gap.
    fn awaits_install(&self) -> bool {
        self.given < self.log.base().index
    }

    /// raft:7 a snapshot that came from elsewhere stands for all that it covers.
    fn give_snapshot(&mut self, through: Index, out: &mut Vec<Action>) {
        let Some(meta) = &self.snapshot else { return };
        let last = meta.last.index;
        // Not before a restart would find it named.
        let is_named = self.durability.is_done(self.snapshot_write) && !self.draft.snapshot;
        if last > self.given && last <= through && is_named {
            self.given = last;
            self.unapplied.push_back((last, 0));
            out.push(Action::Install { meta: meta.clone() });
            self.log_reads.retain(|read| read.purpose != Purpose::Apply);
        }
    }

    pub(crate) fn took_applied(&mut self, index: Index, out: &mut Vec<Action>) {
        if index > self.given {
            let misuse = Misuse::AppliedTooFar { index, given: self.given };
            out.push(Action::Misuse(misuse));
            return;
        }
        self.applied = self.applied.max(index);
        while self.unapplied.front().is_some_and(|(last, _)| *last <= index) {
            self.unapplied_bytes -= self.unapplied.pop_front().map_or(0, |(_, cost)| cost);
        }
    }

    /// The disk failed: what is on it is not known, so nothing more may be said or promised.
    pub(crate) fn write_failed(&mut self, seq: Token, out: &mut Vec<Action>) {
        match self.durability.judge(seq, self.incarnation) {
            Err(misuse) => out.push(Action::Misuse(misuse)),
            Ok(_) if seq.incarnation < self.incarnation => self.drops.count(Drop::Completion),
            // Also of a write that was said to be durable: such a disk is trusted no more.
            Ok(_) => self.halt(Halt::WriteFailed { seq }, out),
        }
    }

    /// Halts as soon as nobody depends on it.
    pub(crate) fn stop(&mut self, out: &mut Vec<Action>) {
        self.stopping = true;
        self.hand_over_to_anyone(out);
    }

    /// Halts, where that was asked for, unless the leadership is still on its way to another.
    #[cold]
    pub(crate) fn stop_once_free(&mut self, out: &mut Vec<Action>) {
        let hands_over = match &self.role {
            Role::Leader(leader) => leader.transfer.is_some(),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => false,
        };
        if !hands_over {
            self.halt(Halt::Stopped, out);
        }
    }

    /// Stops for good; what waits is answered.
    #[cold]
    pub(crate) fn halt(&mut self, halt: Halt, out: &mut Vec<Action>) {
        match &mut self.role {
            Role::Leader(leader) => {
                let reads = core::mem::take(&mut leader.reads);
                let transfer = leader.transfer.take().and_then(|transfer| transfer.request);
                let is_published = leader.published > 0;
                let refused = |request| Action::Refused { request, reason: Refusal::Halted };
                for read in reads {
                    match read.reader {
                        Reader::Local { request } => out.push(refused(request)),
                        Reader::Remote { .. } => {
                            let outcome = ReadOutcome::NotLeader { leader: None };
                            self.answer_read(read.reader, outcome, out);
                        }
                    }
                }
                out.extend(transfer.map(refused));
                out.extend(is_published.then_some(Action::Lease { until: None }));
            }
            Role::Follower(follower) => {
                let reads = follower.reads.take();
                for request in reads.into_iter().flat_map(|reads| reads.requests()) {
                    out.push(Action::Refused { request, reason: Refusal::Halted });
                }
            }
            Role::PreCandidate(_) | Role::Candidate(_) => {}
        }
        self.halted = true;
        out.push(Action::Halt(halt));
    }
}
