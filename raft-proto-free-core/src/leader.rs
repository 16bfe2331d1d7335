//! The leader's side of its term (paper §5.3, §5.4.2): appends, counts, commits, keeps its quorum.

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use crate::{
    action::{Action, Halt, Limit, Refusal},
    entries::{Batch, Commands, Payload},
    message::{AppendAnswer, AppendOutcome},
    quorum::reached_by_majority,
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
        let peers = self.others().map(|id| self.new_peer(id)).collect();
        self.role = Role::Leader(Box::new(Leader {
            peers,
            term_start: self.log.last().index + 1,
            round: 1,
            sent: VecDeque::from([(1, now)]),
            heartbeat_due: now.saturating_add(self.config.heartbeat_interval),
            notify_due: None,
            uncommitted: VecDeque::new(),
            uncommitted_bytes: 0,
            reads: VecDeque::new(),
        }));
        // raft:8 a no-op, so that what older terms left behind can commit.
        self.append_own([Payload::Noop].into(), out);
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
        if commands.is_empty() {
            return Some(Refusal::Empty);
        }
        if !commands.iter().all(|payload| matches!(payload, Payload::Command(_))) {
            return Some(Refusal::NotACommand);
        }
        let size = commands.iter().map(Payload::cost).sum();
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
    fn append_own(&mut self, payloads: Commands, out: &mut Vec<Action>) {
        let last = self.log.last().index;
        if last + payloads.len() as u64 >= INDEX_LIMIT - 1 {
            self.halt(Halt::Exhausted, out);
            return;
        }
        let first = LogId::new(self.hard_state.term, last + 1);
        let Some(batch) = Batch::new(first, payloads) else { return };
        let (last, cost) = (batch.last_index(), batch.cost());
        self.append(batch);
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
        let (last, now) = (self.log.last().index, self.clock.now());
        let Role::Leader(leader) = &mut self.role else {
            self.drops.count(Drop::Stale);
            return;
        };
        let newest = leader.round;
        let sent = sent_at(leader, answer.round).unwrap_or(0).min(now);
        let Some(peer) = leader.peer(from) else {
            self.drops.count(Drop::Unasked);
            return;
        };
        let AppendAnswer { round, outcome } = answer;
        let claims_too_much = match outcome {
            AppendOutcome::Matched { index } => index > last,
            AppendOutcome::Conflict { .. } => false,
        };
        if round > newest || claims_too_much {
            self.drops.count(Drop::Contradictory);
            return;
        }
        if round > peer.round {
            peer.round = round;
            peer.contact = peer.contact.max(sent);
            peer.resume_probe(round);
        }
        match outcome {
            AppendOutcome::Matched { index } => {
                if peer.matched(index) {
                    self.advance_commit(out);
                }
            }
            AppendOutcome::Conflict { rejected, hint } => self.back_up(from, rejected, hint),
        }
        self.replicate_to(from, out);
        self.confirm_reads(out);
        if self.lags_behind_commit(from) {
            // It may have been out of step when the others were told.
            self.notify_commit(out);
        }
    }

    fn lags_behind_commit(&self, id: NodeId) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let commit = self.commit;
        leader.peers.iter().any(|peer| peer.id == id && peer.lags_behind(commit))
    }

    /// Finds where to probe next. differs: as the follower did, skips a term at a time.
    fn back_up(&mut self, from: NodeId, rejected: Index, hint: LogId) {
        let next = self.log.last_not_beyond(hint).index + 1;
        let floor = self.log.base().index + 1;
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(peer) = leader.peer(from).filter(|peer| peer.is_current_conflict(rejected)) else {
            return;
        };
        peer.probe_from(next.min(rejected).max(floor));
    }

    /// Commits what a majority holds durably.
    pub(crate) fn advance_commit(&mut self, out: &mut Vec<Action>) {
        let own = self.durability.last();
        let Role::Leader(leader) = &mut self.role else { return };
        let matches = leader.peers.iter().map(|peer| peer.match_index);
        let reached = reached_by_majority(matches.chain([own]));
        // raft:5.4.2 an entry of an older term is not committed by counting: a later leader could
        // still replace it (Figure 8).
        if reached <= self.commit || reached < leader.term_start {
            return;
        }
        self.commit = reached;
        while leader.uncommitted.front().is_some_and(|(last, _)| *last <= reached) {
            leader.uncommitted_bytes -= leader.uncommitted.pop_front().map_or(0, |(_, cost)| cost);
        }
        self.notify_commit(out);
        self.confirm_reads(out);
    }

    /// The commit index rides on the next append; where none comes, it is sent after a while.
    fn notify_commit(&mut self, out: &mut Vec<Action>) {
        let (now, delay) = (self.clock.now(), self.config.commit_notify_delay);
        let Role::Leader(leader) = &mut self.role else { return };
        if leader.peers.is_empty() {
            return;
        }
        leader.notify_due.get_or_insert(now.saturating_add(delay));
        if delay == 0 {
            self.send_commit(out);
        }
    }

    pub(crate) fn leader_tick(&mut self, out: &mut Vec<Action>) {
        let now = self.clock.now();
        let Role::Leader(leader) = &self.role else { return };
        let lapses = self.quorum_contact(leader).saturating_add(self.config.election_timeout);
        if now > lapses {
            // raft:6.2 (dissertation) without a quorum there may be another leader by now; clients
            // must not wait for us.
            self.become_follower(self.hard_state.term, None, out);
            return;
        }
        if leader.heartbeat_due <= now {
            self.heartbeat(out);
        }
        self.expire_reads(out);
        let Role::Leader(leader) = &self.role else { return };
        if leader.notify_due.is_some_and(|due| due <= now) {
            self.send_commit(out);
        }
    }

    /// When the leader must act next without being asked.
    pub(crate) fn leader_due(&self, leader: &Leader) -> Option<Nanos> {
        let read = leader.reads.front().map(|read| read.expires);
        let asked = read.into_iter().chain(leader.notify_due).min();
        if leader.peers.is_empty() {
            return asked;
        }
        let lapses = self.quorum_contact(leader).saturating_add(self.config.election_timeout + 1);
        asked.into_iter().chain([leader.heartbeat_due, lapses]).min()
    }

    /// The latest time at which a majority of the voters, ourselves included, is known to have
    /// followed us.
    pub(crate) fn quorum_contact(&self, leader: &Leader) -> Nanos {
        let contacts = leader.peers.iter().map(|peer| peer.contact);
        reached_by_majority(contacts.chain([self.clock.now()]))
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
    let after = leader.sent.partition_point(|(sent, _)| *sent <= round);
    leader.sent.get(after.checked_sub(1)?).map(|(_, at)| *at)
}
