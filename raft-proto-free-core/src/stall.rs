//! The own disk's pace. A leader that cannot write must not keep a group from moving.

use alloc::vec::Vec;

use crate::{action::Action, raft::Raft, role::Role, types::Nanos};

impl Raft {
    /// Looks at the age of the oldest write: over the limit this node does not lead; below half of
    /// it, it may again. It goes on to vote and to answer rounds.
    pub(crate) fn watch_disk(&mut self, out: &mut Vec<Action>) {
        let age = self.oldest_write_age();
        if age > self.config.write_stall_limit {
            self.stalled = true;
        } else if self.stalled && age <= self.config.write_stall_limit / 2 {
            self.stalled = false;
            self.reset_election_timer();
        }
        if self.stalled && !matches!(self.role, Role::Follower(_)) {
            self.become_follower(self.hard_state.term, None, out);
        }
    }

    fn oldest_write_age(&self) -> Nanos {
        let since = self.durability.waiting_since();
        since.map_or(0, |since| self.clock.now().saturating_sub(since))
    }

    /// When a leader's oldest write gets too old.
    pub(crate) fn stalls_at(&self) -> Option<Nanos> {
        let since = self.durability.waiting_since()?;
        Some(since.saturating_add(self.config.write_stall_limit).saturating_add(1))
    }
}
