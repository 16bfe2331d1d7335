//! The state machine: what committed entries are for.

use bytes::Bytes;
use quorate_core::{Entries, EntryRef};

/// Turns a state that was set aside into bytes, on whichever thread.
pub type SerializeState = Box<dyn FnOnce() -> Vec<u8> + Send>;

/// A deterministic state machine: the same entries give the same state and the same responses on
/// every node. It must take any bytes without panicking: a command that it cannot read has a
/// response that says so.
pub trait StateMachine: Send {
    /// What a command answers.
    type Response: Clone + Send + 'static;

    /// Applies the next entry. No-ops and configurations are given too, since they have an index.
    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Self::Response;

    /// Applies the next entries; a response each.
    fn apply(&mut self, entries: &Entries) -> Vec<Self::Response> {
        entries.iter().map(|entry| self.apply_entry(entry)).collect()
    }

    /// Sets the state aside as it is now, and quickly: applying goes on while what is returned
    /// makes bytes of it. Equal states give equal bytes.
    fn snapshot(&self) -> SerializeState;

    /// Puts the state that these bytes were made of in place of this one.
    ///
    /// # Errors
    /// [`InstallError`] for bytes that [`StateMachine::snapshot`] does not make; the state is as
    /// before.
    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError>;
}

/// Bytes are no snapshot of this state machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InstallError(pub String);
