//! What of a node matters for what it will do: for exploring states, where one that was seen before
//! need not be explored again.

use core::mem::take;

use crate::{
    peer::Flow,
    raft::Raft,
    role::{Leader, Role},
    types::{Nanos, Timestamp},
};

/// The moment that every fingerprint takes for now.
const NOW: Nanos = 1 << 60;

impl Raft {
    /// The same node with nothing counted and all times relative to now. Two nodes with equal
    /// fingerprints answer equal inputs, after equal times, with actions that differ in nothing but
    /// the readings of their clocks.
    pub fn fingerprint(&self) -> Raft {
        let mut node = self.clone();
        take(&mut node.drops);
        let shift = Shift { by: NOW.wrapping_sub(self.clock.now()) };
        node.clock.rebase(NOW, Timestamp(0));
        // What is over is over, however long ago.
        let open = |until: Nanos| if until <= self.clock.now() { 0 } else { shift.time(until) };
        node.aside.shift_lease(open);
        node.durability.shift(|time| shift.time(time));
        node.promised_until = open(node.promised_until);
        node.election_due = shift.time(node.election_due);
        match &mut node.role {
            Role::Follower(follower) => {
                if let Some(reads) = &mut follower.reads {
                    reads.waiting_expires = shift.time(reads.waiting_expires);
                    if let Some(asked) = &mut reads.asked {
                        asked.expires = shift.time(asked.expires);
                    }
                }
            }
            Role::PreCandidate(_) | Role::Candidate(_) => {}
            Role::Leader(leader) => shift.leader(leader),
        }
        node
    }
}

/// Moves times, so that their differences stay.
#[derive(Clone, Copy)]
struct Shift {
    by: Nanos,
}

impl Shift {
    /// 0 stands for never, and stays.
    fn time(self, time: Nanos) -> Nanos {
        if time == 0 { 0 } else { time.wrapping_add(self.by) }
    }

    fn leader(self, leader: &mut Leader) {
        leader.since = self.time(leader.since);
        leader.published = self.time(leader.published);
        leader.heartbeat_due = self.time(leader.heartbeat_due);
        leader.notify_due = leader.notify_due.map(|due| self.time(due));
        leader.hand_over_due = self.time(leader.hand_over_due);
        leader.sent.iter_mut().for_each(|(_, sent)| *sent = self.time(*sent));
        leader.reads.iter_mut().for_each(|read| read.expires = self.time(read.expires));
        if let Some(transfer) = &mut leader.transfer {
            transfer.expires = self.time(transfer.expires);
        }
        for peer in &mut leader.peers {
            peer.contact = self.time(peer.contact);
            peer.lease_contact = self.time(peer.lease_contact);
            if let Flow::Snapshot { asked } = &mut peer.flow {
                *asked = self.time(*asked);
            }
        }
    }
}
