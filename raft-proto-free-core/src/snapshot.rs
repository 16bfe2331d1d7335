//! Snapshots stand for the head of the log (paper §7; dissertation §5). The bytes travel outside.

use alloc::{sync::Arc, vec::Vec};

use crate::{
    action::{Action, Halt, Misuse, SnapshotMeta},
    aside::Retain,
    configuration::{Configuration, PROTOCOL},
    entries::Payload,
    peer::Flow,
    raft::Raft,
    role::Role,
    status::Drop,
    types::{INDEX_LIMIT, Index, LogId, NodeId, TERM_LEAP_LIMIT, TERM_LIMIT, Term},
};

impl Raft {
    /// The state machine's snapshot at `index` is durable: names it, and lets go what it covers.
    pub(crate) fn snapshot_taken(&mut self, index: Index, out: &mut Vec<Action>) {
        let known = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index);
        if index <= known {
            // An older snapshot than the newest known: of no use.
            return;
        }
        let applied = self.applied.min(self.durability.last());
        let Some(term) = self.log.term_at(index).filter(|_| index <= applied) else {
            out.push(Action::Misuse(Misuse::SnapshotAhead { index, applied }));
            return;
        };
        let configuration = self.configuration_at(index);
        let last = LogId::new(term, index);
        self.take_snapshot(Arc::new(SnapshotMeta { last, configuration }));
        // raft:7 entries that a snapshot covers are needed no more; a few stay, so that followers
        // that lag a little need none.
        self.compact(index);
    }

    /// The configuration in force at `index`, which is not before the newest snapshot.
    fn configuration_at(&self, index: Index) -> Arc<Configuration> {
        let configurations = self.log.summary().configurations();
        let in_log = configurations.iter().rfind(|(at, _)| *at <= index);
        let in_snapshot = self.snapshot.as_ref().map(|snapshot| &snapshot.configuration);
        in_log.map(|(_, members)| members).or(in_snapshot).cloned().unwrap_or_default()
    }

    fn take_snapshot(&mut self, meta: Arc<SnapshotMeta>) {
        self.snapshot = Some(meta);
        self.draft.snapshot = true;
        self.draft.due = true;
    }

    /// Lets go the entries that a snapshot at `index` covers, but for the last few.
    fn compact(&mut self, index: Index) {
        let kept = self.retained(index);
        let through = index.saturating_sub(kept);
        let Some(term) = self.log.term_at(through).filter(|_| through > self.log.base().index)
        else {
            return;
        };
        self.log.discard_through(LogId::new(term, through));
        self.draft.discard_through = through;
        self.draft.due = true;
    }

    /// How many entries before `index` stay: at most so many, and at most so many bytes of those in
    /// memory; what is not in memory costs as much as the rest on average.
    fn retained(&self, index: Index) -> u64 {
        let cached = self.log.last().index + 1 - self.log.first_cached();
        let average = self.log.cached_bytes().checked_div(cached).unwrap_or(0).max(1);
        let default = Retain { entries: self.config.retain_entries, bytes: u64::MAX };
        let Retain { entries, bytes } = self.aside.retain().unwrap_or(default);
        entries.min(bytes / average).min(index)
    }

    /// A snapshot came in whole. It becomes the log's new head, unless it is of no use.
    pub(crate) fn snapshot_received(
        &mut self,
        term: Term,
        meta: Arc<SnapshotMeta>,
        out: &mut Vec<Action>,
    ) {
        let last = meta.last;
        if !self.is_sane_snapshot(term, last) || meta.configuration.voters().is_empty() {
            out.push(Action::Misuse(Misuse::BadSnapshot { last, term }));
            out.push(Action::Discard { meta });
            return;
        }
        if term > self.hard_state.term {
            // raft:5.1
            self.become_follower(term, None, out);
        }
        if self.snapshot.as_ref().is_some_and(|newest| newest.last == last) {
            // The very one that the log begins with, once more: it must not be removed.
            return;
        }
        if last.index <= self.commit || matches!(self.role, Role::Leader(_)) {
            // raft:7 what it covers is here already: nothing goes back.
            out.push(Action::Discard { meta });
            return;
        }
        let version = meta.configuration.protocol();
        if version > PROTOCOL {
            // To go on would be to misread what comes next.
            self.halt(Halt::UnknownProtocol { version }, out);
            return;
        }
        let verified = match &self.role {
            Role::Follower(follower) => follower.verified,
            Role::PreCandidate(_) | Role::Candidate(_) | Role::Leader(_) => 0,
        };
        if last.index <= verified && !self.log.holds(last) {
            // The leader showed another entry there: what is committed is in its log.
            self.drops.count(Drop::Contradictory);
            out.push(Action::Discard { meta });
            return;
        }
        self.become_current(meta);
        if term == self.hard_state.term
            && let Role::Follower(follower) = &mut self.role
        {
            // The leader of this term sent it, or had what it covers: it is committed.
            follower.verified = follower.verified.max(last.index);
        }
    }

    fn is_sane_snapshot(&self, term: Term, last: LogId) -> bool {
        (1..=term).contains(&last.term)
            && (1..INDEX_LIMIT).contains(&last.index)
            && term < TERM_LIMIT
            && term <= self.hard_state.term.saturating_add(TERM_LEAP_LIMIT)
    }

    /// Switches the log: what follows the snapshot stays only if the log holds its last entry.
    fn become_current(&mut self, meta: Arc<SnapshotMeta>) {
        let last = meta.last;
        let holds = self.log.holds(last);
        if !holds {
            // raft:7 a log that does not hold the snapshot's last entry goes as a whole.
            let from = self.log.base().index + 1;
            self.log.discard_through(last);
            // Read back to be applied, which the snapshot does now.
            self.log_reads.clear();
            self.draft.from = self.draft.from.min(from);
            self.draft.discard_through = last.index;
        }
        self.commit = last.index;
        self.wants_snapshot = false;
        self.take_snapshot(meta);
        if holds {
            self.compact(last.index);
        }
    }

    /// raft:7 what the peer needs next is gone: it gets the snapshot instead.
    pub(crate) fn send_snapshot(&mut self, id: NodeId, out: &mut Vec<Action>) {
        let (base, now, term) = (self.log.base().index, self.clock.now(), self.hard_state.term);
        let Some(meta) = self.snapshot.clone() else { return };
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(peer) = leader.peer(id) else { return };
        peer.await_snapshot(base, now);
        out.push(Action::SendSnapshot { to: id, term, meta });
    }

    /// The own state machine is damaged: the next answer to the leader says so.
    pub(crate) fn request_snapshot(&mut self, out: &mut Vec<Action>) {
        match &self.role {
            Role::Leader(_) => out.push(Action::Misuse(Misuse::RequestedByLeader)),
            Role::PreCandidate(_) | Role::Candidate(_) => {
                self.wants_snapshot = true;
                self.become_follower(self.hard_state.term, None, out);
            }
            Role::Follower(_) => self.wants_snapshot = true,
        }
    }

    /// A peer asks for a snapshot, though it may not lack an entry.
    pub(crate) fn snapshot_wanted(&mut self, id: NodeId, beyond: Index, out: &mut Vec<Action>) {
        let known = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index);
        if known <= beyond {
            out.push(Action::SnapshotWanted { beyond });
            if self.log.last().index <= beyond && matches!(self.role, Role::Leader(_)) {
                // In a group at rest there is nothing beyond: an empty entry makes it so.
                self.append_own(Payload::Noop.into(), out);
            }
            return;
        }
        let Role::Leader(leader) = &mut self.role else { return };
        match leader.peer(id).map(|peer| peer.flow) {
            Some(Flow::Snapshot { .. }) => self.repeat_snapshot(id, out),
            Some(Flow::Probe { .. } | Flow::Replicate) => self.send_snapshot(id, out),
            None => {}
        }
    }

    /// A peer that waits for a snapshot still lacks it: whatever became of the last one, it is
    /// asked for again after a while, so that no lost report can wedge the peer.
    pub(crate) fn repeat_snapshot(&mut self, id: NodeId, out: &mut Vec<Action>) {
        let (now, pause) = (self.clock.now(), self.config.election_timeout);
        let Role::Leader(leader) = &mut self.role else { return };
        let flow = leader.peer(id).map(|peer| peer.flow);
        if let Some(Flow::Snapshot { asked }) = flow
            && asked.saturating_add(pause) <= now
        {
            self.send_snapshot(id, out);
        }
    }
}
