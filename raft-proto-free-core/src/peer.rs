//! What a leader knows of one other member (paper §5.3). Knows no message and no quorum.

use alloc::collections::VecDeque;

use crate::{
    configuration::Seat,
    types::{Index, Nanos, NodeId, Round},
};

/// How entries go to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// Where the logs agree is not known: one append at a time.
    Probe {
        /// The round in which the last probe went out; none when one may go.
        sent: Option<Round>,
    },
    /// The logs agree up to `next_index`: appends follow one another without waiting.
    Replicate,
    /// What it needs next is no longer in the log: a snapshot was asked for it (paper §7).
    Snapshot {
        /// When that was asked last.
        asked: Nanos,
    },
}

/// An append that is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Inflight {
    last: Index,
    cost: u64,
}

/// A leader's view of another member, for its term.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Peer {
    /// Its name.
    pub id: NodeId,
    /// Where it votes; nowhere, for a learner.
    pub seat: Seat,
    /// How much it should rather lead than others, as it said last; 0 before it said anything.
    pub priority: u8,
    /// Highest index known durable there and equal to ours. Starts at 0; never falls within a
    /// term; always below `next_index`.
    pub match_index: Index,
    /// The next entry to send. Starts behind the last; always above `match_index`.
    pub next_index: Index,
    /// How entries go there.
    pub flow: Flow,
    /// The newest round that it has confirmed. Starts at 0.
    pub round: Round,
    /// No later than when that round was sent. Starts at 0, which is never.
    pub contact: Nanos,
    /// The same, but only of rounds that named the promise on which the lease rests.
    pub(crate) lease_contact: Nanos,
    /// The commit index that it was last told and could take in. Starts at 0; never falls.
    pub(crate) commit_sent: Index,
    /// Whether entries for it are being read back.
    pub(crate) reading: bool,
    inflight: VecDeque<Inflight>,
    inflight_bytes: u64,
}

impl Peer {
    pub(crate) fn new(id: NodeId, seat: Seat, next_index: Index) -> Peer {
        Peer {
            id,
            seat,
            priority: 0,
            match_index: 0,
            next_index,
            flow: Flow::Probe { sent: None },
            round: 0,
            contact: 0,
            lease_contact: 0,
            commit_sent: 0,
            reading: false,
            inflight: VecDeque::new(),
            inflight_bytes: 0,
        }
    }

    /// Appends with entries that are under way: how many, and what they cost together. Bytes.
    pub fn under_way(&self) -> (u64, u64) {
        (self.inflight.len() as u64, self.inflight_bytes)
    }

    /// Whether an append with entries may go.
    pub(crate) fn may_send(&self, max_messages: u32, max_bytes: u64) -> bool {
        match self.flow {
            Flow::Probe { sent } => sent.is_none(),
            Flow::Replicate => {
                self.inflight.len() < max_messages as usize
                    && (self.inflight.is_empty() || self.inflight_bytes < max_bytes)
            }
            Flow::Snapshot { .. } => false,
        }
    }

    /// Notes that entries through `last` are under way.
    pub(crate) fn sent(&mut self, last: Index, cost: u64, round: Round) {
        match self.flow {
            Flow::Probe { .. } => self.flow = Flow::Probe { sent: Some(round) },
            Flow::Replicate => {
                self.next_index = last + 1;
                self.inflight.push_back(Inflight { last, cost });
                self.inflight_bytes += cost;
            }
            Flow::Snapshot { .. } => {}
        }
    }

    /// Notes that the peer's durable log equals ours through `index`; true if that is news.
    pub(crate) fn matched(&mut self, index: Index) -> bool {
        while self.inflight.front().is_some_and(|append| append.last <= index) {
            let freed = self.inflight.pop_front().map_or(0, |append| append.cost);
            self.inflight_bytes -= freed;
        }
        // A snapshot ends with the match that it brings, however the peer came by it.
        if !matches!(self.flow, Flow::Replicate) && index + 1 >= self.next_index {
            self.flow = Flow::Replicate;
        }
        let news = index > self.match_index;
        self.match_index = self.match_index.max(index);
        self.next_index = self.next_index.max(index + 1);
        news
    }

    /// Notes that a message with this commit index leaves. While the logs may differ, the peer can
    /// take in only a part of it, so that does not count.
    pub(crate) fn told(&mut self, commit: Index) {
        if matches!(self.flow, Flow::Replicate) {
            self.commit_sent = commit;
        }
    }

    /// Whether it could take in a commit index that it was not told.
    pub(crate) fn lags_behind(&self, commit: Index) -> bool {
        self.commit_sent < commit && matches!(self.flow, Flow::Replicate)
    }

    /// Whether a refusal of `rejected` can be about what was sent last: anything else is late, or
    /// comes from a disk that has forgotten what it acknowledged. Probing again at once would
    /// bring the same refusal, as fast as the network is.
    pub(crate) fn is_current_conflict(&self, rejected: Index) -> bool {
        let is_open = rejected > self.match_index;
        match self.flow {
            Flow::Probe { .. } => is_open && rejected + 1 == self.next_index,
            Flow::Replicate => is_open && rejected < self.next_index,
            Flow::Snapshot { .. } => false,
        }
    }

    /// What is under way is probably lost: goes back to what it is known to hold.
    pub(crate) fn unreachable(&mut self) {
        match self.flow {
            // The probe may go again, from where it was.
            Flow::Probe { .. } => self.flow = Flow::Probe { sent: None },
            Flow::Replicate => self.probe_from(0),
            // The question for a snapshot may go again with the next round.
            Flow::Snapshot { .. } => self.flow = Flow::Snapshot { asked: 0 },
        }
    }

    /// It needs a snapshot, which is asked for now. The log goes on behind `base`.
    pub(crate) fn await_snapshot(&mut self, base: Index, now: Nanos) {
        self.probe_from(base + 1);
        self.flow = Flow::Snapshot { asked: now };
    }

    /// Goes back to find where the logs agree: from `next_index` on, or from behind what the peer is
    /// known to hold.
    pub(crate) fn probe_from(&mut self, next_index: Index) {
        self.next_index = next_index.max(self.match_index + 1);
        self.flow = Flow::Probe { sent: None };
        self.inflight.clear();
        self.inflight_bytes = 0;
    }

    /// An answer to `round` came: a probe that went out before it is lost or was answered.
    pub(crate) fn resume_probe(&mut self, round: Round) {
        if matches!(self.flow, Flow::Probe { sent: Some(sent) } if sent < round) {
            self.flow = Flow::Probe { sent: None };
        }
    }

    /// Whether the bytes under way are counted rightly.
    pub(crate) fn is_accounting_sound(&self) -> bool {
        self.inflight_bytes == self.inflight.iter().map(|append| append.cost).sum::<u64>()
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    /// Its log agrees with ours through 5, and entries through 8 are under way.
    fn peer() -> Peer {
        let mut peer = Peer::new(NodeId::of(2), Seat::default(), 6);
        peer.matched(5);
        peer.sent(7, 100, 1);
        peer.sent(8, 50, 2);
        peer
    }

    #[test]
    fn what_is_under_way_is_counted_until_it_has_arrived() {
        let mut peer = peer();
        for (match_index, bytes) in [(6, 150), (7, 50), (8, 0)] {
            peer.matched(match_index);
            assert_eq!((peer.inflight_bytes, peer.is_accounting_sound()), (bytes, true));
        }
        peer.inflight_bytes += 1;
        assert!(!peer.is_accounting_sound());
    }

    #[test]
    fn a_refusal_is_current_between_what_it_holds_and_what_comes_next() {
        let peer = peer();
        let current: Vec<Index> = (0..12).filter(|&at| peer.is_current_conflict(at)).collect();
        assert_eq!(current, [6, 7, 8]);
        let mut probed = peer.clone();
        probed.probe_from(7);
        assert!((0..12).filter(|&at| probed.is_current_conflict(at)).eq([6]));
        probed.await_snapshot(9, 1);
        assert!(!(0..12).any(|at| probed.is_current_conflict(at)));
    }

    #[test]
    fn an_answer_to_a_later_round_frees_a_lost_probe() {
        let mut peer = peer();
        peer.probe_from(7);
        peer.sent(9, 10, 4);
        for (round, may_send) in [(3, false), (4, false), (5, true)] {
            peer.resume_probe(round);
            assert_eq!(peer.may_send(1, 1), may_send, "round {round}");
        }
    }

    #[test]
    fn a_snapshot_ends_with_the_match_that_it_brings() {
        let mut peer = peer();
        peer.await_snapshot(9, 1);
        assert_eq!((peer.next_index, peer.may_send(1, 1)), (10, false));
        peer.matched(8);
        assert_eq!(peer.flow, Flow::Snapshot { asked: 1 });
        peer.matched(9);
        assert_eq!(peer.flow, Flow::Replicate);
    }

    #[test]
    fn whoever_is_unreachable_is_probed_from_what_it_holds() {
        let mut peer = peer();
        peer.unreachable();
        assert_eq!((peer.next_index, peer.flow), (6, Flow::Probe { sent: None }));
        assert!(peer.is_accounting_sound());
        peer.sent(7, 10, 1);
        peer.unreachable();
        assert_eq!(peer.flow, Flow::Probe { sent: None }, "it may go again");
    }
}
