//! Snapshots of the state machine: when one is due, how it is kept, who is to get it.

use std::sync::Arc;

use quorate_core::{Input, LogId, NodeId, SnapshotMeta, Term, Timestamp};

use crate::{Driver, LogStore, Outcome, SerializeState, SnapshotId, StateMachine, StoreError};

/// What is written of a snapshot at once. Bytes.
const WRITE_BYTES: u64 = 1024 * 1024;

/// When a snapshot is due by itself; it may be asked for at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// So many entries were applied since the last; 0 for never. Default 100,000.
    pub every_entries: u64,
    /// What was applied since the last costs so much; 0 for never. Bytes; default 0.
    pub every_bytes: u64,
    /// The first of what was applied since the last was applied so long ago; 0 for never. Default 0.
    pub every_nanos: u64,
}

impl SnapshotPolicy {
    /// Only on demand.
    pub const NEVER: SnapshotPolicy =
        SnapshotPolicy { every_entries: 0, every_bytes: 0, every_nanos: 0 };
}

impl Default for SnapshotPolicy {
    fn default() -> SnapshotPolicy {
        SnapshotPolicy { every_entries: 100_000, ..SnapshotPolicy::NEVER }
    }
}

/// A state that was set aside, to be made bytes of and kept.
pub struct SnapshotJob {
    incarnation: u64,
    last: LogId,
    serialize: SerializeState,
}

impl SnapshotJob {
    /// The last entry that it covers.
    pub fn last(&self) -> LogId {
        self.last
    }

    /// Makes bytes of it: on a thread that may take its time.
    pub fn serialize(self) -> SnapshotBytes {
        let bytes = (self.serialize)();
        let id = SnapshotId::of(self.last, &bytes);
        SnapshotBytes { incarnation: self.incarnation, id, bytes, written: None }
    }

    /// Does all of it at once.
    pub fn run(self, store: &mut impl LogStore) -> SnapshotDone {
        let mut bytes = self.serialize();
        loop {
            match bytes.write_some(store) {
                Ok(false) => {}
                Ok(true) => return bytes.done(Ok(())),
                Err(error) => return bytes.done(Err(error)),
            }
        }
    }
}

/// A snapshot's bytes on their way to the store.
pub struct SnapshotBytes {
    incarnation: u64,
    id: SnapshotId,
    bytes: Vec<u8>,
    /// How much the store has; none before it was asked.
    written: Option<u64>,
}

impl SnapshotBytes {
    /// How many there are.
    pub fn total(&self) -> u64 {
        self.id.len
    }

    /// Writes the next part, so that log writes need not wait for all of it; true once it is
    /// durable under its final name.
    ///
    /// # Errors
    /// Where the store fails.
    pub fn write_some(&mut self, store: &mut impl LogStore) -> Result<bool, StoreError> {
        let Some(written) = self.written else {
            self.written = Some(store.snapshot_begin(self.id)?.min(self.id.len));
            return Ok(false);
        };
        if written == self.id.len {
            store.snapshot_finish(self.id)?;
            return Ok(true);
        }
        let end = (written + WRITE_BYTES).min(self.id.len);
        let part = &self.bytes[written as usize..end as usize];
        match store.snapshot_write(self.id, written, part) {
            Ok(()) => self.written = Some(end),
            Err(error @ StoreError::OutOfOrder(_)) => {
                // The same bytes may be on their way from another node as well: go on behind them.
                let here = store.snapshot_begin(self.id)?.min(self.id.len);
                if here == written {
                    return Err(error);
                }
                self.written = Some(here);
            }
            Err(error) => return Err(error),
        }
        Ok(false)
    }

    /// The completion.
    pub fn done(self, result: Result<(), StoreError>) -> SnapshotDone {
        SnapshotDone { incarnation: self.incarnation, last: self.id.last, result }
    }
}

/// A snapshot job's completion, for [`Driver::snapshot_done`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotDone {
    incarnation: u64,
    last: LogId,
    result: Result<(), StoreError>,
}

/// A peer needs a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSend {
    /// Who.
    pub to: NodeId,
    /// This node's term, to be sent along.
    pub term: Term,
    /// Which one, or a later one.
    pub meta: Arc<SnapshotMeta>,
}

/// What was applied since the last snapshot was begun or installed.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    entries: u64,
    bytes: u64,
    /// When the first of it was; none where there is nothing.
    first: Option<Timestamp>,
}

/// What the driver knows of snapshots.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshots {
    /// The one that is being kept.
    taking: Option<LogId>,
    since: Since,
    /// When the policy that was asked last will ask for one, if nothing else happens. Always behind
    /// the last event.
    pub(crate) due: Option<Timestamp>,
    /// Whether a peer asked for one beyond the newest.
    pub(crate) wanted: bool,
    pub(crate) sends: Vec<SnapshotSend>,
    pub(crate) discards: Vec<Arc<SnapshotMeta>>,
}

impl Snapshots {
    pub(crate) fn applied(&mut self, entries: u64, bytes: u64, at: Timestamp) {
        self.since.entries += entries;
        self.since.bytes += bytes;
        self.since.first.get_or_insert(at);
    }

    /// One was begun or installed: nothing was applied since.
    pub(crate) fn begun(&mut self) {
        self.since = Since::default();
        self.due = None;
    }
}

impl<R: Clone> Driver<R> {
    /// Whether `policy` asks for a snapshot now, or a peer whose state machine is damaged does. Now is
    /// the time of the last event. Where only time is missing, [`Driver::deadline`] says until when:
    /// ask again after each event.
    pub fn is_snapshot_due(&mut self, policy: SnapshotPolicy) -> bool {
        self.snapshots.due = None;
        if !self.may_take_snapshot() {
            return false;
        }
        let Since { entries, bytes, first } = self.snapshots.since;
        let reached = |limit: u64, found: u64| limit > 0 && found >= limit;
        let by_time = first.filter(|_| policy.every_nanos > 0);
        let by_time = by_time.map(|first| Timestamp(first.0.saturating_add(policy.every_nanos)));
        let is_late = by_time.is_some_and(|due| due <= self.last_event());
        let is_due = reached(policy.every_entries, entries) || reached(policy.every_bytes, bytes);
        if is_due || is_late || self.snapshots.wanted {
            return true;
        }
        self.snapshots.due = by_time;
        false
    }

    /// Whether there is anything new to take a snapshot of, and nothing in the way.
    fn may_take_snapshot(&self) -> bool {
        let status = self.raft().status();
        let newest = status.snapshot.map_or(0, |snapshot| snapshot.last.index);
        let is_idle = !self.is_applying() && self.snapshots.taking.is_none();
        // What is not durable in the log must not be the base of anything.
        is_idle && !self.is_halted() && (newest + 1..=status.durable).contains(&self.applied())
    }

    /// Sets aside the state of `machine`, which has applied what [`Driver::applied`] says; none where
    /// there is nothing new, or work of the state machine or another snapshot is under way.
    pub fn take_snapshot<M: StateMachine>(&mut self, machine: &M) -> Option<SnapshotJob> {
        if !self.may_take_snapshot() {
            return None;
        }
        let index = self.applied();
        let last = LogId::new(self.raft().status().log.term_at(index)?, index);
        self.snapshots.taking = Some(last);
        self.snapshots.begun();
        self.snapshots.wanted = false;
        let incarnation = self.incarnation();
        Some(SnapshotJob { incarnation, last, serialize: machine.snapshot() })
    }

    /// Takes a snapshot job's completion. One of an earlier life changes nothing.
    pub fn snapshot_done(&mut self, done: SnapshotDone, at: Timestamp) {
        let SnapshotDone { incarnation, last, result } = done;
        if incarnation != self.incarnation() || self.snapshots.taking != Some(last) {
            return;
        }
        self.snapshots.taking = None;
        match result {
            Ok(()) => {
                self.push_outcome(Outcome::SnapshotTaken { last });
                self.step(Input::SnapshotTaken { index: last.index }, at);
            }
            Err(error) => self.push_outcome(self.snapshot_not_kept(last, error)),
        }
    }

    /// A newer one may have come from another node meanwhile, in whose favour it was removed.
    fn snapshot_not_kept(&self, last: LogId, error: StoreError) -> Outcome<R> {
        let newest = self.raft().status().snapshot.map_or(LogId::ZERO, |newest| newest.last);
        if matches!(error, StoreError::NoSnapshot(_)) && newest.index >= last.index {
            return Outcome::SnapshotTaken { last: newest };
        }
        Outcome::SnapshotFailed { error }
    }

    /// A snapshot that another node sent is durable under its final name.
    pub fn snapshot_received(&mut self, term: Term, meta: Arc<SnapshotMeta>, at: Timestamp) {
        self.step(Input::SnapshotReceived { term, meta }, at);
    }

    /// Who needs a snapshot. Losing or delaying this is safe: it comes again.
    pub fn drain_snapshot_sends(&mut self) -> std::vec::Drain<'_, SnapshotSend> {
        self.snapshots.sends.drain(..)
    }

    /// Received snapshots that are of no use, to be removed before anything later is done with the
    /// store. One that is named, or about to be, is none of them.
    pub fn drain_discards(&mut self) -> Vec<LogId> {
        if self.snapshots.discards.is_empty() {
            return Vec::new();
        }
        let newest = self.raft().status().snapshot.map_or(LogId::ZERO, |snapshot| snapshot.last);
        let taking = self.snapshots.taking;
        let discards = std::mem::take(&mut self.snapshots.discards);
        // Older ones go by themselves, once the newest is named by a durable write.
        discards
            .into_iter()
            .map(|meta| meta.last)
            .filter(|last| last.index > newest.index && taking != Some(*last))
            .collect()
    }
}
