//! Watches: who is to be told of which changes.
//!
//! A watch is a place in the history and a range of keys. Nothing is queued for it, so nothing can
//! be dropped: whoever is slow reads the history later, until a compaction has passed its place,
//! which it is told. What is kept besides is only which watches have something to read.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use crate::{Change, KeyRange, Kv, KvError, Revision};

/// How many changes a watch looks at in one go, whether it wants them or not, and those of the same
/// revision besides: reading holds up applying.
const LOOK_LIMIT: u64 = 1024;

/// The number of a watch.
pub type WatchId = u64;

/// What a watch is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchRequest {
    /// Which keys.
    pub range: KeyRange,
    /// The first revision to tell of; 0 for those to come.
    pub from: Revision,
    /// Whether puts are left out.
    pub no_puts: bool,
    /// Whether deletes are left out.
    pub no_deletes: bool,
    /// Whether it is told what keys were before.
    pub previous: bool,
}

impl WatchRequest {
    /// All changes to come of `range`.
    pub fn new(range: KeyRange) -> WatchRequest {
        WatchRequest { range, from: 0, no_puts: false, no_deletes: false, previous: false }
    }

    fn wants(&self, is_delete: bool, key: &[u8]) -> bool {
        let is_left_out = if is_delete { self.no_deletes } else { self.no_puts };
        !is_left_out && self.range.contains(key)
    }
}

/// What a watch reads at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Changes in order; those of one revision are never torn apart.
    pub changes: Vec<Change>,
    /// There is nothing to tell up to this revision, inclusive, beside these and what was told
    /// before: a watch that is lost can be taken up behind it.
    pub through: Revision,
    /// Whether there is more to read now.
    pub more: bool,
}

#[derive(Clone, Debug)]
struct Watch {
    request: WatchRequest,
    /// All below was told, or is none of its business.
    next: Revision,
    /// Whether there may be something to read. If not, there is nothing up to what was published.
    behind: bool,
}

/// The watches of a node.
#[derive(Clone, Debug, Default)]
pub struct Watches {
    watches: BTreeMap<WatchId, Watch>,
    of_key: BTreeMap<Bytes, BTreeSet<WatchId>>,
    of_range: BTreeSet<WatchId>,
    /// What has been looked through for all watches that are not behind.
    published: Revision,
    last_id: WatchId,
}

impl Watches {
    /// How many there are.
    pub fn len(&self) -> u64 {
        self.watches.len() as u64
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.watches.is_empty()
    }

    /// Begins a watch.
    ///
    /// # Errors
    /// For a range that cannot be, and for a first revision that is compacted.
    pub fn begin(&mut self, kv: &Kv, request: WatchRequest) -> Result<WatchId, KvError> {
        request.range.validate()?;
        // Else changes that nobody has looked through yet would be taken for looked through.
        debug_assert!(self.is_empty() || self.published == kv.revision(), "published first");
        self.published = kv.revision();
        let next = if request.from > 0 { request.from } else { kv.revision() + 1 };
        let behind = next <= kv.revision();
        if behind {
            kv.kept(next)?;
        }
        self.last_id += 1;
        let id = self.last_id;
        match &request.range {
            KeyRange::Key(key) => _ = self.of_key.entry(key.clone()).or_default().insert(id),
            KeyRange::Between(..) | KeyRange::From(_) => _ = self.of_range.insert(id),
        }
        self.watches.insert(id, Watch { request, next, behind });
        Ok(id)
    }

    /// Ends a watch.
    pub fn end(&mut self, id: WatchId) {
        let Some(watch) = self.watches.remove(&id) else { return };
        self.of_range.remove(&id);
        if let KeyRange::Key(key) = &watch.request.range
            && let Some(ids) = self.of_key.get_mut(key)
        {
            ids.remove(&id);
            if ids.is_empty() {
                self.of_key.remove(key);
            }
        }
    }

    /// Looks through what has changed since it was last called; to be called after every apply,
    /// before the next. Answers with the watches that have something to read now and had nothing
    /// before.
    pub fn publish(&mut self, kv: &Kv) -> Vec<WatchId> {
        let from = self.published + 1;
        self.published = kv.revision();
        if self.watches.is_empty() || from > kv.revision() {
            return Vec::new();
        }
        let mut woken = Vec::new();
        for record in kv.records_since(from) {
            let (revision, key, is_delete) = (record.mod_revision, &record.key, record.is_gone());
            let of_key = self.of_key.get(key).into_iter().flatten();
            for id in of_key.chain(&self.of_range) {
                let watch = self.watches.get_mut(id).expect("an index names watches");
                let is_due = revision >= watch.next && watch.request.wants(is_delete, key);
                if is_due && !watch.behind {
                    // Nothing between its place and here is its business.
                    (watch.next, watch.behind) = (revision, true);
                    woken.push(*id);
                }
            }
        }
        woken
    }

    /// After a snapshot was installed: what changed meanwhile was not seen here. All watches look
    /// for it themselves.
    pub fn reset(&mut self, kv: &Kv) -> Vec<WatchId> {
        let before = std::mem::replace(&mut self.published, kv.revision());
        let mut woken = Vec::new();
        for (id, watch) in &mut self.watches {
            if !watch.behind && watch.next <= kv.revision() {
                watch.next = watch.next.max(before + 1);
                watch.behind = true;
                woken.push(*id);
            }
        }
        woken
    }

    /// The next changes for a watch: no further revision once there are `limit` of them, or once so
    /// many were looked at that it is time for others; then there is more. None for a watch that has
    /// ended.
    ///
    /// # Errors
    /// [`KvError::Compacted`] where a compaction has passed its place: what it missed is gone, so it
    /// must read the keys anew and begin again.
    pub fn read(&mut self, kv: &Kv, id: WatchId, limit: u64) -> Option<Result<Batch, KvError>> {
        let watch = self.watches.get_mut(&id)?;
        let through = kv.revision();
        if !watch.behind {
            return Some(Ok(Batch { changes: Vec::new(), through, more: false }));
        }
        if let Err(error) = kv.kept(watch.next) {
            return Some(Err(error));
        }
        let request = &watch.request;
        let mut batch = Batch { changes: Vec::new(), through, more: false };
        let mut last = watch.next;
        for (looked, record) in (0_u64..).zip(kv.records_since(watch.next)) {
            let revision = record.mod_revision;
            let is_full = batch.changes.len() as u64 >= limit.max(1) || looked >= LOOK_LIMIT;
            if is_full && last < revision {
                (batch.through, batch.more) = (last, true);
                break;
            }
            last = revision;
            if request.wants(record.is_gone(), &record.key) {
                let mut change = kv.change(record);
                change.before = change.before.filter(|_| request.previous);
                batch.changes.push(change);
            }
        }
        watch.next = batch.through + 1;
        watch.behind = batch.more;
        Some(Ok(batch))
    }
}
