//! A disk in memory.

use std::{cmp::Ordering, collections::VecDeque, sync::Arc};

use quorate_core::*;

/// What a disk holds, and what is on its way there.
#[derive(Clone, Default)]
pub struct Disk {
    pub lives: u64,
    pub hard_state: HardState,
    /// The entry before the first of `entries`.
    pub base: LogId,
    pub entries: Entries,
    pub snapshot: Option<Arc<SnapshotMeta>>,
    pub pending: VecDeque<Write>,
    /// Writes wait in `pending` until they are released.
    pub held: bool,
}

impl Disk {
    /// The last entry that it holds, or the base.
    pub fn last(&self) -> LogId {
        self.entries.last().unwrap_or(self.base)
    }

    /// Whether it holds this very entry, or holds nothing so old any more.
    pub fn holds(&self, log_id: LogId) -> bool {
        match log_id.index.cmp(&self.base.index) {
            Ordering::Less => true,
            Ordering::Equal => self.base == log_id,
            Ordering::Greater => self.entries.starting_at(log_id.index).first() == Some(log_id),
        }
    }

    /// Takes a write in as a whole.
    pub fn apply(&mut self, write: &Write) {
        assert!(write.hard_state.term >= self.hard_state.term, "a term goes back: {write:?}");
        assert!(write.truncate_from <= self.last().index + 1, "a write leaves a gap: {write:?}");
        assert!(write.truncate_from > self.base.index, "a write is about what is gone: {write:?}");
        self.hard_state = write.hard_state;
        self.entries = self.entries.ending_before(write.truncate_from);
        self.entries.extend(write.entries.clone()).expect("a write follows the log");
        if let Some(snapshot) = &write.snapshot {
            self.snapshot = Some(snapshot.clone());
        }
        let through = write.discard_through;
        if through > self.last().index {
            let snapshot = write.snapshot.as_ref().expect("only a snapshot replaces the whole log");
            assert_eq!(snapshot.last.index, through);
            (self.base, self.entries) = (snapshot.last, Entries::new());
        } else if through > self.base.index {
            let gone = self.entries.iter().find(|entry| entry.log_id.index == through);
            self.base = gone.expect("what is discarded was there").log_id;
            self.entries = self.entries.starting_at(through + 1);
        }
    }

    /// Whether anything was ever written here.
    pub fn is_used(&self) -> bool {
        self.hard_state != HardState::default() || !self.entries.is_empty()
    }

    /// What `ReadLog` finds.
    pub fn read(&self, from: Index, through: Index, max_bytes: u64) -> LogFound {
        if from <= self.base.index {
            return LogFound::Compacted;
        }
        let found = self.entries.starting_at(from).ending_before(through + 1).capped(max_bytes);
        if found.is_empty() { LogFound::Missing } else { LogFound::Entries(found) }
    }

    /// What a new life finds.
    pub fn persisted(&self) -> Persisted {
        if !self.is_used() {
            return Persisted::Join { incarnation: self.lives };
        }
        Persisted::Loaded {
            incarnation: self.lives,
            hard_state: self.hard_state,
            snapshot: self.snapshot.clone(),
            log: LogSummary::of(self.base, &self.entries),
            applied: 0,
        }
    }
}
