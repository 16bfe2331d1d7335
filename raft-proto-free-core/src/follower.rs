//! Follower side of AppendEntries (paper §5.3). Owns the consistency check, truncation and what is
//! answered when. Knows nothing of any peer's progress.

use alloc::vec::Vec;

use crate::{
    action::{Action, Halt},
    batch::Batch,
    batches::Batches,
    configuration::PROTOCOL,
    entries::Entries,
    message::{AppendAnswer, AppendOutcome, AppendRequest, Body},
    raft::Raft,
    role::{Follower, Role},
    status::Drop,
    types::{Index, LogId, NodeId, Round, Term},
};

impl Raft {
    pub(crate) fn append_request(
        &mut self,
        from: NodeId,
        term: Term,
        request: AppendRequest,
        out: &mut Vec<Action>,
    ) {
        if term < self.hard_state.term {
            // raft:5.1 a leader of an older term learns of ours, and is not followed.
            self.send_answer(from, 0, AppendOutcome::Matched { index: 0 }, out);
            return;
        }
        if !self.follow(from, term, &request, out) {
            return;
        }
        if !self.holds_prev(request.prev) {
            self.answer_conflict(from, request.prev, out);
            return;
        }
        let verified = request.entries.last().map_or(request.prev.index, |last| last.index);
        let is_bare = request.entries.is_empty();
        if is_bare {
            // A follower that hears its leader has no other time to look.
            self.watch_disk(out);
        }
        if !self.take_entries(request.entries, out) {
            return;
        }
        let follower = self.follower();
        follower.verified = follower.verified.max(verified);
        // raft:5.3 what lies behind the verified part may be another leader's, whatever the
        // commit index is.
        let commit = request.commit.min(follower.verified);
        if !self.wants_snapshot {
            // Else a snapshot that was taken meanwhile would never be ahead of it.
            self.commit = self.commit.max(commit);
        }
        self.answer_append(from, is_bare, out);
        self.quiet_down(is_bare, request.quiesce);
    }

    /// While nothing happens memory is given back; at the leader's word, the timer rests as well.
    fn quiet_down(&mut self, is_bare: bool, quiesce: bool) {
        let is_settled = self.applied == self.log.last().index && self.durability.is_idle();
        let verified = self.follower().verified;
        let knows_all = is_settled && verified == self.applied;
        if is_bare && knows_all {
            self.rest();
        }
        self.follower().quiesced = quiesce && knows_all;
    }

    /// Recognises the leader of the term and renews the promise to it. False where it cannot be.
    fn follow(
        &mut self,
        from: NodeId,
        term: Term,
        request: &AppendRequest,
        out: &mut Vec<Action>,
    ) -> bool {
        if term == self.hard_state.term && self.leader_id().is_some_and(|leader| leader != from) {
            // raft:5.2 one leader a term: a second one proves that a vote was given twice.
            let ours = LogId::new(term, self.log.last().index);
            let theirs = LogId::new(term, request.prev.index);
            self.halt(Halt::Diverged { ours, theirs }, out);
            return false;
        }
        if term > self.hard_state.term || !matches!(self.role, Role::Follower(_)) {
            // raft:5.2 a candidate that hears from the leader of its term follows it.
            self.become_follower(term, Some(from), out);
        }
        let until = self.clock.now().saturating_add(request.promise);
        let outlives_all = self.promised_until <= until;
        if request.promise > self.hard_state.promise
            || (request.promise < self.hard_state.promise && outlives_all)
        {
            // A restart keeps in full the longest promise that has not passed.
            self.hard_state.promise = request.promise;
            self.draft.due = true;
        }
        self.promised_until = self.promised_until.max(until);
        self.reset_election_timer();
        let follower = self.follower();
        follower.leader = Some(from);
        follower.round = follower.round.max(request.round);
        true
    }

    /// Whether our log holds the entry before the new ones.
    fn holds_prev(&self, prev: LogId) -> bool {
        // raft:5.3 the consistency check. What the base stands for is committed, and so the same.
        prev.index < self.log.base().index || self.log.holds(prev)
    }

    /// Says where to go on. differs: the paper backs up one index at a time; the hint skips all
    /// entries of the refused term and of every newer one, so one round trip a term.
    fn answer_conflict(&mut self, to: NodeId, prev: LogId, out: &mut Vec<Action>) {
        if prev.index <= self.commit {
            let ours = LogId::new(self.log.term_at(prev.index).unwrap_or(0), prev.index);
            self.halt(Halt::Diverged { ours, theirs: prev }, out);
            return;
        }
        if prev.index <= self.follower().verified {
            // The same leader had other entries there before: an append-only log cannot say that.
            self.drops.count(Drop::Contradictory);
            return;
        }
        let hint = self.log.summary().last_not_beyond(prev);
        let outcome = AppendOutcome::Conflict { rejected: prev.index, hint };
        let round = self.confirmed_round();
        self.follower().answered_round = round;
        self.send_answer(to, round, outcome, out);
    }

    /// Takes what is new, in place of what contradicts it. False where that cannot be.
    fn take_entries(&mut self, entries: Entries, out: &mut Vec<Action>) -> bool {
        match entries.into_batches() {
            // What follows our last entry contradicts nothing: nearly every append.
            Batches::One(batch) if self.is_next(&batch) && !batch.has_configuration() => {
                self.append(batch);
                true
            }
            batches @ (Batches::One(_) | Batches::Many(_)) => {
                batches.is_empty() || self.take_batches(batches, out)
            }
        }
    }

    fn is_next(&self, batch: &Batch) -> bool {
        batch.first_index() == self.log.last().index + 1
    }

    fn take_batches(&mut self, batches: Batches, out: &mut Vec<Action>) -> bool {
        let conflict = batches.iter().find_map(|batch| self.first_conflict(batch));
        if let Some(theirs) = conflict {
            let ours = LogId::new(self.log.term_at(theirs.index).unwrap_or(0), theirs.index);
            if theirs.index <= self.commit {
                // raft:5.4 a committed entry is in every later leader's log.
                self.halt(Halt::Diverged { ours, theirs }, out);
                return false;
            }
            if theirs.index <= self.follower().verified {
                self.drops.count(Drop::Contradictory);
                return false;
            }
            // raft:5.3 only a contradiction removes entries: a late, shorter append must not.
            self.truncate_from(theirs.index);
        }
        let protocols = batches.iter().flat_map(Batch::configurations);
        let newest = protocols.map(|(_, members)| members.protocol()).max();
        if let Some(version) = newest.filter(|version| *version > PROTOCOL) {
            // To go on would be to misread what comes next.
            self.halt(Halt::UnknownProtocol { version }, out);
            return false;
        }
        match batches {
            Batches::One(batch) => self.append_new(batch),
            Batches::Many(batches) => batches.into_iter().for_each(|batch| self.append_new(batch)),
        }
        true
    }

    /// Appends what of a batch lies behind the last entry.
    fn append_new(&mut self, batch: Batch) {
        let next = self.log.last().index + 1;
        if self.is_next(&batch) {
            self.append(batch);
        } else if next <= batch.last_index() {
            self.append(batch.slice(next, batch.last_index()));
        }
    }

    /// The first entry of `batch` in whose place our log holds one of another term.
    fn first_conflict(&self, batch: &Batch) -> Option<LogId> {
        let base = self.log.base();
        let covers_base = (batch.first_index()..=batch.last_index()).contains(&base.index);
        if covers_base && base.index > 0 && base.term != batch.term() {
            // What the base stands for is committed: whoever says otherwise has another history.
            return Some(LogId::new(batch.term(), base.index));
        }
        let mut index = batch.first_index().max(base.index + 1);
        while index <= batch.last_index() {
            let (term, end) = self.log.summary().run_at(index)?;
            if term != batch.term() {
                return Some(LogId::new(batch.term(), index));
            }
            index = end + 1;
        }
        None
    }

    /// Answers at once where the disk already holds everything, or where the leader only asks
    /// whether we follow; else the answer comes with the write: see `release`.
    fn answer_append(&mut self, to: NodeId, is_bare: bool, out: &mut Vec<Action>) {
        let (matched, round) = (self.durable_match(), self.confirmed_round());
        if is_bare && self.wants_snapshot {
            self.follower().answered_round = round;
            let outcome = AppendOutcome::SnapshotWanted { beyond: self.commit };
            return self.send_answer(to, round, outcome, out);
        }
        let follower = self.follower();
        let is_news = round > follower.answered_round || matched > follower.answered_match;
        let is_settled = matched >= follower.verified && round >= follower.round;
        if (is_bare && is_news) || (!is_bare && is_settled) {
            self.answer_leader(to, matched, round, out);
        }
    }

    /// Tells the leader what became durable since the last answer.
    pub(crate) fn answer_durable(&mut self, out: &mut Vec<Action>) {
        let Role::Follower(Follower { leader: Some(leader), .. }) = &self.role else { return };
        let leader = *leader;
        let (matched, round) = (self.durable_match(), self.confirmed_round());
        let follower = self.follower();
        let is_settled = matched > follower.answered_match
            || (round > follower.answered_round && matched == follower.verified);
        if is_settled {
            self.answer_leader(leader, matched, round, out);
        }
    }

    fn answer_leader(&mut self, to: NodeId, index: Index, round: u64, out: &mut Vec<Action>) {
        let follower = self.follower();
        follower.answered_match = index;
        follower.answered_round = round;
        self.send_answer(to, round, AppendOutcome::Matched { index }, out);
    }

    fn send_answer(&self, to: NodeId, round: Round, outcome: AppendOutcome, out: &mut Vec<Action>) {
        let is_fit = !self.stalled && !self.wants_snapshot;
        let priority = if is_fit { self.config.priority } else { 0 };
        self.send(to, Body::AppendAnswer(AppendAnswer { round, priority, outcome }), out);
    }

    /// How far our *durable* log is the leader's: term and entries must both be on disk, for a
    /// match is a claim that a restart would still make.
    fn durable_match(&mut self) -> Index {
        if self.durability.term() < self.hard_state.term {
            return 0;
        }
        let drafted = if self.draft.due { self.draft.from - 1 } else { Index::MAX };
        let durable = self.durability.last().min(drafted);
        self.follower().verified.min(durable)
    }

    /// The newest round, once the promise that an answer makes would outlive a restart.
    fn confirmed_round(&mut self) -> u64 {
        if self.durability.promise() < self.hard_state.promise {
            return 0;
        }
        self.follower().round
    }

    /// Our memory of the term, as a follower.
    fn follower(&mut self) -> &mut Follower {
        if !matches!(self.role, Role::Follower(_)) {
            debug_assert!(false, "only a follower answers a leader");
            self.role = Role::Follower(Follower::default());
        }
        match &mut self.role {
            Role::Follower(follower) => follower,
            Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_) => {
                unreachable!("made a follower just above")
            }
        }
    }
}
