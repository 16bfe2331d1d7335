//! What a node's disk holds, and what is under way to it.

use std::{collections::VecDeque, sync::Arc};

use quorate_core::{
    Entries, HardState, LogFound, LogId, LogSummary, Persisted, Seq, SnapshotMeta, Token, Write,
};

/// Entries that the node wants to read back.
pub(super) struct LogRead {
    pub(super) token: Token,
    pub(super) from: u64,
    pub(super) through: u64,
    pub(super) max_bytes: u64,
}

#[derive(Default)]
pub(super) struct Disk {
    pub(super) hard_state: HardState,
    pub(super) snapshot: Option<Arc<SnapshotMeta>>,
    /// Before the first entry.
    pub(super) base: LogId,
    pub(super) entries: Entries,
    pub(super) pending: VecDeque<Write>,
    pub(super) reads: VecDeque<LogRead>,
}

/// Where the log ends once a write is done.
fn end_of(write: &Write) -> u64 {
    let end = write.entries.last().map_or(write.truncate_from - 1, |last| last.index);
    end.max(write.discard_through)
}

impl Disk {
    pub(super) fn last(&self) -> u64 {
        self.entries.last().unwrap_or(self.base).index
    }

    /// The end of the log and the hard state once all that is pending is done.
    pub(super) fn at_last(&self) -> (u64, HardState) {
        self.pending
            .back()
            .map_or((self.last(), self.hard_state), |write| (end_of(write), write.hard_state))
    }

    /// The first write that is pending is done.
    pub(super) fn persist(&mut self) -> Option<Seq> {
        let write = self.pending.pop_front()?;
        self.hard_state = write.hard_state;
        self.entries.truncate_from(write.truncate_from);
        self.entries.extend(write.entries).expect("a write follows the log");
        self.snapshot = write.snapshot.or(self.snapshot.take());
        if write.discard_through > self.base.index {
            let at = write.discard_through;
            let entry = self.entries.iter().map(|entry| entry.log_id).find(|id| id.index == at);
            let named = self.snapshot.as_ref().map(|snapshot| snapshot.last);
            let base = entry.or(named.filter(|last| last.index == at));
            self.base = base.expect("what is discarded was there, or a snapshot stands for it");
            self.entries = self.entries.starting_at(at + 1);
        }
        Some(write.seq)
    }

    /// Whether a write names this snapshot, durable or not.
    pub(super) fn has_named(&self, meta: &Arc<SnapshotMeta>) -> bool {
        let pending = self.pending.iter().filter_map(|write| write.snapshot.as_ref());
        pending.chain(&self.snapshot).any(|named| named == meta)
    }

    pub(super) fn read(&self, read: &LogRead) -> LogFound {
        let rest = self.entries.starting_at(read.from).ending_before(read.through + 1);
        match rest.first() {
            Some(first) if first.index == read.from => {
                LogFound::Entries(rest.capped(read.max_bytes))
            }
            _ if read.from <= self.base.index => LogFound::Compacted,
            _ => LogFound::Missing,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.hard_state == HardState::default()
    }

    pub(super) fn load(&mut self, incarnation: u64, applied: u64) -> Persisted {
        self.pending.clear();
        self.reads.clear();
        Persisted::Loaded {
            incarnation,
            hard_state: self.hard_state,
            snapshot: self.snapshot.clone(),
            log: LogSummary::of(self.base, &self.entries),
            applied: applied.min(self.last()),
        }
    }
}
