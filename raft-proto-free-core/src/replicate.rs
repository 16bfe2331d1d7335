//! What goes from a leader to its peers, and when (paper §5.3). Decides no commitment.

use alloc::vec::Vec;

use crate::{
    action::Action,
    entries::Entries,
    log_read::Purpose,
    message::{AppendRequest, Body},
    raft::Raft,
    role::Role,
    types::{Index, LogId, NodeId},
};

impl Raft {
    /// Sends to every peer what it lacks, as far as its limits allow.
    pub(crate) fn replicate(&mut self, out: &mut Vec<Action>) {
        for place in 0..self.peer_count() {
            self.replicate_to_place(place, out);
        }
    }

    /// Sends to one peer what it lacks, as far as its limits allow.
    pub(crate) fn replicate_to(&mut self, id: NodeId, out: &mut Vec<Action>) {
        let Role::Leader(leader) = &self.role else { return };
        if let Some(place) = leader.place_of(id) {
            self.replicate_to_place(place, out);
        }
    }

    fn replicate_to_place(&mut self, place: usize, out: &mut Vec<Action>) {
        while self.lacks_entries(place) && self.send_entries(place, out) {}
    }

    /// Whether the peer was not sent everything yet.
    fn lacks_entries(&self, place: usize) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let last = self.log.last().index;
        leader.peers.get(place).is_some_and(|peer| peer.next_index <= last)
    }

    /// Sends the next of the entries that a peer lacks; false where nothing can go now. A call of its
    /// own, so that a peer that lacks nothing costs the question alone.
    #[inline(never)]
    fn send_entries(&mut self, place: usize, out: &mut Vec<Action>) -> bool {
        let (messages, bytes) = (self.config.max_inflight_messages, self.config.max_inflight_bytes);
        let (last, most) = (self.log.last().index, self.config.max_message_bytes);
        let Role::Leader(leader) = &mut self.role else { return false };
        let round = leader.round;
        let Some(peer) = leader.peers.get_mut(place) else { return false };
        let (id, next) = (peer.id, peer.next_index);
        if peer.reading || !peer.may_send(messages, bytes) {
            return false;
        }
        if next <= self.log.base().index {
            self.send_snapshot(id, out);
            return false;
        }
        let Some(entries) = self.log.read(next, last, most) else {
            peer.reading = true;
            self.read_log(next, last, most, Purpose::Peer(id), out);
            return false;
        };
        let Some(sent) = entries.last() else { return false };
        peer.sent(sent.index, entries.cost(), round);
        self.send_append(place, next - 1, entries, false, out);
        true
    }

    /// Sends entries that were read back for a peer, if they are still what it needs.
    pub(crate) fn send_read(&mut self, id: NodeId, entries: Entries, out: &mut Vec<Action>) {
        let (messages, bytes) = (self.config.max_inflight_messages, self.config.max_inflight_bytes);
        let entries = entries.capped(self.config.max_message_bytes);
        let Role::Leader(leader) = &mut self.role else { return };
        let (round, place) = (leader.round, leader.place_of(id));
        let Some((first, sent)) = entries.first().zip(entries.last()) else { return };
        let Some(place) = place else { return };
        let peer = &mut leader.peers[place];
        if peer.next_index != first.index || !peer.may_send(messages, bytes) {
            return;
        }
        peer.sent(sent.index, entries.cost(), round);
        self.send_append(place, first.index - 1, entries, false, out);
    }

    /// What is under way to the peer is probably lost.
    pub(crate) fn peer_unreachable(&mut self, id: NodeId) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(peer) = leader.peer(id) {
            peer.unreachable();
        }
    }

    /// Starts a round, so that whoever answers confirms that we lead; and keeps followers following.
    pub(crate) fn heartbeat(&mut self, out: &mut Vec<Action>) {
        self.start_round();
        let due = self.clock.now().saturating_add(self.config.heartbeat_interval);
        let Role::Leader(leader) = &mut self.role else { return };
        leader.heartbeat_due = due;
        for place in 0..self.peer_count() {
            self.send_bare(place, false, out);
        }
        // Reads that came while the last round was under way are asked about by this one.
        self.confirm_reads(out);
    }

    /// Tells those who have not heard of it what is committed.
    pub(crate) fn send_commit(&mut self, out: &mut Vec<Action>) {
        let commit = self.commit;
        let Role::Leader(leader) = &mut self.role else { return };
        leader.notify_due = None;
        for place in 0..self.peer_count() {
            let Role::Leader(leader) = &self.role else { return };
            if leader.peers.get(place).is_some_and(|peer| peer.lags_behind(commit)) {
                self.send_bare(place, false, out);
            }
        }
    }

    /// An append without entries: a heartbeat, a probe, or news of the commit index.
    pub(crate) fn send_bare(&mut self, place: usize, quiesce: bool, out: &mut Vec<Action>) {
        let Role::Leader(leader) = &self.role else { return };
        let Some(peer) = leader.peers.get(place) else { return };
        self.send_append(place, peer.next_index - 1, Entries::new(), quiesce, out);
    }

    fn send_append(
        &mut self,
        place: usize,
        prev: Index,
        entries: Entries,
        quiesce: bool,
        out: &mut Vec<Action>,
    ) {
        let (commit, promise) = (self.commit, self.config.election_timeout);
        // Before the base nothing is known any more; the base itself is what a probe can name.
        let prev = prev.max(self.log.base().index);
        let prev = LogId::new(self.log.term_at(prev).unwrap_or(0), prev);
        let Role::Leader(leader) = &mut self.role else { return };
        let round = leader.round;
        let Some(peer) = leader.peers.get_mut(place) else { return };
        peer.told(commit);
        let to = peer.id;
        let request = AppendRequest { prev, commit, round, promise, quiesce, entries };
        self.send(to, Body::AppendRequest(request), out);
    }

    pub(crate) fn peer_count(&self) -> usize {
        match &self.role {
            Role::Leader(leader) => leader.peers.len(),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => 0,
        }
    }
}
