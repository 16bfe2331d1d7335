//! A store that acknowledges entries before they are synced, and syncs them soon after.
//!
//! Owns what was acknowledged and is not durable yet. What a node must never forget is not delayed:
//! its term, its vote and its promises, entries that take the place of others, and snapshots are
//! durable, with everything before them, when the write returns.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::Duration,
};

use bytes::Bytes;
use quorate_core::{Entries, HardState, Index, LogId, Write};
use quorate_driver::{LogStore, SnapshotId, StoreError};

/// What may be acknowledged and not durable; a write beyond it waits until all is. Bytes.
const LIMIT_BYTES: u64 = 8 * 1024 * 1024;

/// A [`LogStore`] that breaks a part of its contract: new entries are in memory when a write
/// returns, and durable within the interval. A node that stops cleanly loses nothing; one that
/// crashes loses what it acknowledged last, though others count on it. So an acknowledged command
/// may be lost where a majority, or one node and its link to the others, fail within the interval;
/// and a node that still has such a command, though the others went on without it, halts.
pub struct Buffered<S: LogStore + 'static> {
    shared: Arc<Shared<S>>,
    flusher: Option<JoinHandle<()>>,
    /// None where somebody else acknowledges.
    early: Option<Early>,
}

/// Acknowledges what a [`Buffered`] store may, without the store: nobody waits for its thread then.
pub struct Early {
    waiting: Arc<Waiting>,
    /// That of the last write; none before the first.
    hard_state: Option<HardState>,
    /// The index behind the last entry; none before the first write.
    next: Option<Index>,
}

struct Shared<S> {
    /// Locked before what waits, by whoever locks both: so writes stay in order.
    store: Mutex<S>,
    waiting: Arc<Waiting>,
}

/// What is acknowledged and not durable.
#[derive(Default)]
struct Waiting {
    pending: Mutex<Pending>,
    /// Something is pending that was not, or the store ends.
    news: Condvar,
}

#[derive(Default)]
struct Pending {
    writes: Vec<Write>,
    bytes: u64,
    /// Why nothing is durable any more.
    failed: Option<StoreError>,
    is_ending: bool,
}

impl<S: LogStore + 'static> Buffered<S> {
    /// Acknowledges for `store`, which has what was acknowledged at most `interval` and the time of a
    /// sync later.
    ///
    /// # Errors
    /// Where the system starts no thread.
    pub fn new(store: S, interval: Duration) -> std::io::Result<Buffered<S>> {
        let waiting = Arc::new(Waiting::default());
        let shared = Arc::new(Shared { store: Mutex::new(store), waiting: waiting.clone() });
        let flushed = shared.clone();
        let thread = thread::Builder::new().name("quorate-flush".to_owned());
        let flusher = Some(thread.spawn(move || flushed.flush_until_end(interval))?);
        let early = Some(Early { waiting, hard_state: None, next: None });
        Ok(Buffered { shared, flusher, early })
    }

    /// The part that acknowledges: from now on a write that comes to the store itself is durable, with
    /// everything before it, when it returns.
    pub fn split(mut self) -> (Early, Buffered<S>) {
        let waiting = self.shared.waiting.clone();
        let early = self.early.take().unwrap_or(Early { waiting, hard_state: None, next: None });
        (early, self)
    }
}

impl Early {
    /// Takes writes, in order with all others, that may be durable later; where it returns false they
    /// are the store's to do.
    pub(crate) fn take(&mut self, writes: &[Write]) -> bool {
        // Each of them counts: what comes later is compared with it.
        let may_wait = writes.iter().filter(|write| self.may_wait(write)).count() == writes.len();
        may_wait && self.waiting.push(writes)
    }

    /// Whether this may be durable later: entries behind the last one, and nothing else that counts.
    fn may_wait(&mut self, write: &Write) -> bool {
        let next = write.entries.last().map_or(write.truncate_from, |last| last.index + 1);
        let may = self.hard_state == Some(write.hard_state)
            && self.next == Some(write.truncate_from)
            && write.snapshot.is_none()
            && write.discard_through < next;
        self.hard_state = Some(write.hard_state);
        self.next = Some(next);
        may
    }
}

impl Waiting {
    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what is to be durable later; false where that would be too much, or nothing is durable
    /// any more.
    fn push(&self, writes: &[Write]) -> bool {
        let mut pending = self.pending();
        if pending.failed.is_some() || pending.bytes > LIMIT_BYTES {
            return false;
        }
        let is_first = pending.writes.is_empty();
        pending.writes.extend_from_slice(writes);
        pending.bytes += writes.iter().map(|write| write.entries.cost()).sum::<u64>();
        if is_first {
            self.news.notify_one();
        }
        true
    }
}

impl<S: LogStore> Shared<S> {
    fn store(&self) -> MutexGuard<'_, S> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes everything durable that is pending; gives the store.
    fn flushed(&self) -> Result<MutexGuard<'_, S>, StoreError> {
        let mut store = self.store();
        let writes = {
            let mut pending = self.waiting.pending();
            if let Some(error) = &pending.failed {
                return Err(error.clone());
            }
            pending.bytes = 0;
            std::mem::take(&mut pending.writes)
        };
        if !writes.is_empty()
            && let Err(error) = store.write(&writes)
        {
            self.waiting.pending().failed = Some(error.clone());
            return Err(error);
        }
        Ok(store)
    }

    fn flush_until_end(&self, interval: Duration) {
        let Waiting { news, .. } = &*self.waiting;
        loop {
            let waits = |pending: &mut Pending| pending.writes.is_empty() && !pending.is_ending;
            let pending = news.wait_while(self.waiting.pending(), waits);
            let pending = pending.unwrap_or_else(PoisonError::into_inner);
            let more_comes = |pending: &mut Pending| !pending.is_ending;
            let waited = news.wait_timeout_while(pending, interval, more_comes);
            let is_ending = waited.unwrap_or_else(PoisonError::into_inner).0.is_ending;
            // The next write hears of an error.
            if self.flushed().is_err() || is_ending {
                return;
            }
        }
    }
}

impl<S: LogStore + 'static> LogStore for Buffered<S> {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        if self.early.as_mut().is_some_and(|early| early.take(writes)) {
            return Ok(());
        }
        self.shared.flushed()?.write(writes)
    }

    fn read(&mut self, from: Index, through: Index, max_bytes: u64) -> Result<Entries, StoreError> {
        self.shared.flushed()?.read(from, through, max_bytes)
    }

    fn space_left(&self) -> u64 {
        self.shared.store().space_left()
    }

    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError> {
        self.shared.store().snapshot_begin(id)
    }

    fn snapshot_write(
        &mut self,
        id: SnapshotId,
        offset: u64,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        self.shared.store().snapshot_write(id, offset, bytes)
    }

    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError> {
        self.shared.store().snapshot_finish(id)
    }

    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        self.shared.store().snapshot_find(last)
    }

    fn snapshot_read(
        &mut self,
        id: SnapshotId,
        offset: u64,
        max_bytes: u64,
    ) -> Result<Bytes, StoreError> {
        self.shared.store().snapshot_read(id, offset, max_bytes)
    }

    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError> {
        self.shared.store().snapshot_remove(last)
    }
}

impl<S: LogStore + 'static> Drop for Buffered<S> {
    /// Makes the rest durable.
    fn drop(&mut self) {
        self.shared.waiting.pending().is_ending = true;
        self.shared.waiting.news.notify_one();
        if let Some(flusher) = self.flusher.take() {
            let _ = flusher.join();
        }
    }
}
