//! The state that a sequence of writes leaves: what a restart finds.

use std::sync::Arc;

use quorate_core::{Entries, HardState, Index, Seq, SnapshotMeta, Write};
use quorate_driver::Found;

/// Hard state, snapshot and log after some writes.
#[derive(Clone, Debug)]
pub(crate) struct State {
    hard_state: HardState,
    snapshot: Option<Arc<SnapshotMeta>>,
    discard_through: Index,
    /// Where the next entry goes.
    next_index: Index,
    seq: Seq,
}

/// Why a write cannot follow.
pub(crate) type Gap = String;

impl State {
    /// What a checkpoint says.
    pub(crate) fn from_checkpoint(state: &Write) -> State {
        State {
            hard_state: state.hard_state,
            snapshot: state.snapshot.clone(),
            discard_through: state.discard_through,
            next_index: state.truncate_from,
            seq: state.seq,
        }
    }

    /// Before anything was written.
    pub(crate) fn new() -> State {
        State {
            hard_state: HardState::default(),
            snapshot: None,
            discard_through: 0,
            next_index: 1,
            seq: Seq::default(),
        }
    }

    /// What a checkpoint should say.
    pub(crate) fn to_checkpoint(&self) -> Write {
        Write {
            seq: self.seq,
            hard_state: self.hard_state,
            truncate_from: self.next_index,
            entries: Entries::new(),
            snapshot: self.snapshot.clone(),
            discard_through: self.discard_through,
        }
    }

    pub(crate) fn discard_through(&self) -> Index {
        self.discard_through
    }

    pub(crate) fn next_index(&self) -> Index {
        self.next_index
    }

    /// Takes a write in; entries are the caller's to keep.
    pub(crate) fn take(&mut self, write: &Write) -> Result<(), Gap> {
        let from = write.truncate_from;
        let first = write.entries.first().map_or(from, |first| first.index);
        if from == 0 || from > self.next_index || first != from {
            return Err(format!(
                "the log ends before {}, a write truncates from {from} and appends from {first}",
                self.next_index
            ));
        }
        self.hard_state = write.hard_state;
        self.seq = write.seq;
        self.next_index = write.entries.last().map_or(from, |last| last.index + 1);
        if let Some(snapshot) = &write.snapshot {
            self.snapshot = Some(snapshot.clone());
        }
        self.discard_through = self.discard_through.max(write.discard_through);
        Ok(())
    }

    /// Whether anything was ever written.
    fn is_new(&self) -> bool {
        self.hard_state == HardState::default() && self.next_index == 1 && self.snapshot.is_none()
    }

    /// What a restart finds, given all entries that segments still hold.
    pub(crate) fn found(&self, entries: &Entries) -> Result<Option<Found>, Gap> {
        if self.is_new() {
            return Ok(None);
        }
        let entries = entries.starting_at(self.discard_through + 1);
        let first = entries.first().map_or(self.next_index, |first| first.index);
        let due = (self.discard_through + 1).min(self.next_index);
        if first > due {
            return Err(format!("entries {due} to {} are missing", first - 1));
        }
        let snapshot = self.snapshot.clone();
        Ok(Some(Found { hard_state: self.hard_state, snapshot, entries }))
    }
}

/// Adds a write's entries to those before it.
pub(crate) fn splice(entries: &mut Entries, write: &Write) -> Result<(), Gap> {
    entries.truncate_from(write.truncate_from);
    entries.extend(write.entries.clone()).map_err(|error| error.to_string())
}
