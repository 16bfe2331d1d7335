//! The state machine: what committed entries are for.

use quorate_core::{Entries, EntryRef};

/// A deterministic state machine: the same entries give the same state and the same responses on
/// every node. It must take any bytes without panicking: a command that it cannot read has a
/// response that says so.
pub trait StateMachine: Send {
    /// What a command answers.
    type Response: Clone + Send + 'static;

    /// Applies the next entry. No-ops and configurations are given too, since they have an index;
    /// their response is not used.
    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Self::Response;

    /// Applies the next entries; a response each.
    fn apply(&mut self, entries: &Entries) -> Vec<Self::Response> {
        entries.iter().map(|entry| self.apply_entry(entry)).collect()
    }
}
