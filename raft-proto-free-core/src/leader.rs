//! The leader's side of its term (paper §5.3): appends, and takes in what the others answer.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use crate::{
    action::{Action, Halt, Limit, Refusal},
    batch::{Batch, Commands},
    configuration::Seat,
    entries::Payload,
    message::{AppendAnswer, AppendOutcome},
    peer::Flow,
    raft::Raft,
    role::{Leader, Role},
    status::Drop,
    types::{INDEX_LIMIT, Index, LogId, Nanos, NodeId, RequestId, Round, Term},
};

/// Send times that are kept for each heartbeat interval: finer steps would only cost memory.
const SENT_PER_INTERVAL: u64 = 8;

impl Raft {
    /// The term is won: an entry of it is the first thing to replicate.
    pub(crate) fn become_leader(&mut self, out: &mut Vec<Action>) {
        let now = self.clock.now();
        self.role = Role::Leader(Box::new(Leader {
            peers: Vec::new(),
            seat: Seat::default(),
            term_start: self.log.last().index + 1,
            since: now,
            round: 1,
            sent: VecDeque::from([(1, now)]),
            lease_round: 1,
            lease_lost: false,
            published: 0,
            heartbeat_due: now.saturating_add(self.config.heartbeat_interval),
            notify_due: None,
            uncommitted: VecDeque::new(),
            uncommitted_bytes: 0,
            reads: VecDeque::new(),
            transfer: None,
            hand_over_due: now.saturating_add(self.config.election_timeout),
            quiesced: false,
        }));
        self.seat_members();
        // raft:8 a no-op, so that what older terms left behind can commit.
        self.append_own(Payload::Noop.into(), out);
    }

    /// Answers a proposal, and appends it.
    pub(crate) fn propose(
        &mut self,
        request: RequestId,
        commands: Commands,
        expected_term: Option<Term>,
        out: &mut Vec<Action>,
    ) {
        let refusal = self.refuses(&commands, expected_term);
        if let Some(reason) = refusal {
            out.push(Action::Refused { request, reason });
            return;
        }
        self.wake(out);
        let log_id = LogId::new(self.hard_state.term, self.log.last().index + 1);
        out.push(Action::Accepted { request, log_id });
        self.append_own(commands, out);
    }

    fn refuses(&self, commands: &Commands, expected_term: Option<Term>) -> Option<Refusal> {
        let Role::Leader(leader) = &self.role else {
            return Some(Refusal::NotLeader { leader: self.leader_id() });
        };
        let term = self.hard_state.term;
        if expected_term.is_some_and(|expected| expected != term) {
            return Some(Refusal::WrongTerm { term });
        }
        if let Some(transfer) = leader.transfer {
            // diss:3.10 else the other log would never be whole.
            return Some(Refusal::Transferring { to: transfer.to });
        }
        if self.is_space_low {
            return Some(Refusal::NoSpace);
        }
        if commands.is_empty() {
            return Some(Refusal::Empty);
        }
        if !commands.are_commands() {
            return Some(Refusal::NotACommand);
        }
        let size = commands.cost();
        let limit = self.config.max_message_bytes;
        if size > limit {
            return Some(Refusal::TooLarge { size, limit });
        }
        let under_way = leader.uncommitted_bytes;
        if under_way > 0 && under_way.saturating_add(size) > self.config.max_uncommitted_bytes {
            return Some(Refusal::Busy { limit: Limit::UncommittedBytes });
        }
        None
    }

    /// Appends to the own log and sends on. Both happen at once: the own disk is one copy among
    /// others (dissertation §10.2.1).
    pub(crate) fn append_own(&mut self, payloads: Commands, out: &mut Vec<Action>) {
        let last = self.log.last().index;
        if last + payloads.len() as u64 >= INDEX_LIMIT - 1 {
            self.halt(Halt::Exhausted, out);
            return;
        }
        let first = LogId::new(self.hard_state.term, last + 1);
        let Some(batch) = Batch::new(first, payloads) else { return };
        let (last, cost) = (batch.last_index(), batch.cost());
        let changes_members = batch.has_configuration();
        self.append(batch);
        if changes_members {
            self.seat_members();
        }
        if let Role::Leader(leader) = &mut self.role {
            leader.uncommitted.push_back((last, cost));
            leader.uncommitted_bytes += cost;
        }
        self.replicate(out);
    }

    /// Takes a member's answer in our term.
    pub(crate) fn append_answer(
        &mut self,
        from: NodeId,
        answer: AppendAnswer,
        out: &mut Vec<Action>,
    ) {
        let last = self.log.last().index;
        let Role::Leader(leader) = &mut self.role else {
            self.drops.count(Drop::Stale);
            return;
        };
        let (newest, lease_round) = (leader.round, leader.lease_round);
        let Some(place) = leader.place_of(from) else {
            self.drops.count(Drop::Unasked);
            return;
        };
        let AppendAnswer { round, priority, outcome } = answer;
        let claims_too_much = match outcome {
            AppendOutcome::Matched { index: told }
            | AppendOutcome::SnapshotWanted { beyond: told } => told > last,
            AppendOutcome::Conflict { .. } => false,
        };
        if round > newest || claims_too_much {
            self.drops.count(Drop::Contradictory);
            return;
        }
        let is_newer_round = leader.peers[place].round < round;
        let sent = if is_newer_round { sent_at(leader, round).unwrap_or(0) } else { 0 };
        let peer = &mut leader.peers[place];
        peer.priority = priority;
        if is_newer_round {
            peer.round = round;
            peer.contact = peer.contact.max(sent);
            if round >= lease_round {
                peer.lease_contact = peer.lease_contact.max(sent);
            }
            peer.resume_probe(round);
        }
        let learns = !peer.seat.incoming;
        match outcome {
            AppendOutcome::Matched { index } => {
                if peer.matched(index) {
                    if index > self.commit {
                        self.advance_commit(out);
                    }
                    if learns {
                        self.promote_caught_up(from, out);
                    }
                    self.watch_transfer(out);
                }
            }
            AppendOutcome::Conflict { rejected, hint } => self.back_up(from, rejected, hint, out),
            AppendOutcome::SnapshotWanted { beyond } if is_newer_round => {
                self.snapshot_wanted(from, beyond, out);
            }
            // Once a round, however often it is said: it may cost an entry.
            AppendOutcome::SnapshotWanted { .. } => {}
        }
        self.replicate_to(from, out);
        if is_newer_round {
            self.confirm_reads(out);
        }
        self.notify_straggler(from, out);
    }

    /// Sees to it that a member hears of the commit index: it may have been out of step when the
    /// others were told.
    fn notify_straggler(&mut self, id: NodeId, out: &mut Vec<Action>) {
        let commit = self.commit;
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.notify_due.is_none()
            && leader.peer(id).is_some_and(|peer| peer.lags_behind(commit))
        {
            self.notify_commit(out);
        }
    }

    /// Finds where to probe next. differs: as the follower did, skips a term at a time.
    fn back_up(&mut self, from: NodeId, rejected: Index, hint: LogId, out: &mut Vec<Action>) {
        let next = self.log.summary().last_not_beyond(hint).index + 1;
        let base = self.log.base().index;
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(peer) = leader.peer(from) else { return };
        let is_gone = peer.next_index <= base || rejected <= base;
        if matches!(peer.flow, Flow::Snapshot { .. }) {
            self.repeat_snapshot(from, out);
        } else if is_gone && peer.match_index < base {
            // raft:7 what it would need next is in no log any more, whatever was under way to it.
            self.send_snapshot(from, out);
        } else if peer.is_current_conflict(rejected) {
            peer.probe_from(next.min(rejected));
        }
    }

    /// Starts a round: whoever confirms it has followed us after this moment.
    pub(crate) fn start_round(&mut self) {
        let now = self.clock.now();
        let grain = self.config.heartbeat_interval / SENT_PER_INTERVAL;
        let horizon = now.saturating_sub(self.config.election_timeout);
        let Role::Leader(leader) = &mut self.role else { return };
        leader.round += 1;
        if leader.sent.back().is_none_or(|(_, last)| now >= last.saturating_add(grain)) {
            leader.sent.push_back((leader.round, now));
        }
        // Contact before the horizon is no contact any more.
        while leader.sent.get(1).is_some_and(|(_, sent)| *sent <= horizon) {
            leader.sent.pop_front();
        }
    }
}

/// A time no later than when `round` was sent.
fn sent_at(leader: &Leader, round: Round) -> Option<Nanos> {
    // Nearly every answer is about one of the last rounds.
    leader.sent.iter().rev().find(|(sent, _)| *sent <= round).map(|(_, at)| *at)
}
