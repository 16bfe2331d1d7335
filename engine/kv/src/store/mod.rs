//! Keys with all their values since the last compaction, in memory.

mod history;
mod index;
mod record;
mod restore;

use std::sync::Arc;

use bytes::Bytes;

pub use self::record::{Change, KeyValue};
use self::{
    history::History,
    index::{Index, Versions},
};
pub(crate) use self::{record::Record, restore::Restored};
use crate::{KeyRange, KvError, LeaseId, Revision};

/// The revision of a store to which nothing was done. The first change has the next one, as in
/// etcd.
pub(crate) const FIRST_REVISION: Revision = 1;
/// How many changes a compaction takes away at a time.
const SWEEP_RECORDS: u32 = 4096;

/// What a put puts.
pub(crate) struct Put<'a> {
    pub(crate) key: &'a [u8],
    /// None keeps the one that the key has.
    pub(crate) value: Option<Bytes>,
    /// None keeps the one that it lives by.
    pub(crate) lease: Option<LeaseId>,
}

/// The store. A copy shares all that neither changes.
///
/// The index has the records of the history, and besides for each key the last of those that were
/// swept from it, unless the key was gone by then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Store {
    index: Index,
    history: History,
    /// The newest revision.
    revision: Revision,
    /// The oldest that can be read.
    compacted: Revision,
    /// The place of the last change that was swept.
    swept: (Revision, u32),
    /// How many keys there are at the newest revision.
    len: u64,
    /// What all records cost. Bytes.
    cost: u64,
}

impl Default for Store {
    fn default() -> Store {
        Store {
            index: Index::default(),
            history: History::default(),
            revision: FIRST_REVISION,
            compacted: 0,
            swept: (0, 0),
            len: 0,
            cost: 0,
        }
    }
}

impl Store {
    pub(crate) fn revision(&self) -> Revision {
        self.revision
    }

    pub(crate) fn compacted(&self) -> Revision {
        self.compacted
    }

    pub(crate) fn swept(&self) -> (Revision, u32) {
        self.swept
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    pub(crate) fn cost(&self) -> u64 {
        self.cost
    }

    /// The key as it is now.
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Arc<Record>> {
        self.index.get(key).map(Versions::newest).filter(|record| !record.is_gone())
    }

    /// All keys as they are now, in rising order.
    pub(crate) fn newest(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.index.all().map(Versions::newest).filter(|record| !record.is_gone())
    }

    /// The keys of `range` as they are now, in rising order.
    pub(crate) fn newest_of<'a>(
        &'a self,
        range: &'a KeyRange,
    ) -> impl Iterator<Item = &'a Arc<Record>> + 'a {
        self.index.range(range).map(Versions::newest).filter(|record| !record.is_gone())
    }

    /// The keys of `range` as they were at `revision`, in rising order.
    ///
    /// # Errors
    /// For a revision that is compacted or yet to come.
    pub(crate) fn range<'a>(
        &'a self,
        range: &'a KeyRange,
        revision: Revision,
    ) -> Result<impl Iterator<Item = &'a Arc<Record>> + 'a, KvError> {
        self.readable(revision)?;
        let shown = self.index.range(range).filter_map(move |versions| versions.at(revision));
        Ok(shown.filter(|record| !record.is_gone()))
    }

    /// Whether more than `count` keys of `range` are kept, those that are gone included.
    pub(crate) fn is_wide(&self, range: &KeyRange, count: u32) -> bool {
        self.index.range(range).nth(count as usize).is_some()
    }

    /// Whether `asked` can be read.
    pub(crate) fn readable(&self, asked: Revision) -> Result<(), KvError> {
        if asked > self.revision {
            return Err(KvError::FutureRevision { asked, current: self.revision });
        }
        if asked < self.compacted {
            return Err(KvError::Compacted { asked, compacted: self.compacted });
        }
        Ok(())
    }

    /// The records of `revision` and of those above it, in the order of changes.
    pub(crate) fn changes(&self, revision: Revision) -> impl Iterator<Item = &Arc<Record>> {
        self.history.since(revision)
    }

    /// What a record changed.
    pub(crate) fn change(&self, record: &Record) -> Change {
        let versions = self.index.get(&record.key);
        let before = versions.and_then(|versions| versions.before(record));
        let there = |record: &Record| (!record.is_gone()).then(|| record.key_value());
        Change {
            revision: record.mod_revision,
            key: record.key.clone(),
            now: there(record),
            before: before.and_then(|before| there(before)),
        }
    }

    /// All records, by key and position.
    pub(crate) fn records(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.index.all().flat_map(Versions::iter)
    }

    /// Puts; returns what the key is now, and what it was, if it was there.
    pub(crate) fn put(
        &mut self,
        writes: &mut Writes,
        put: Put<'_>,
    ) -> (Arc<Record>, Option<Arc<Record>>) {
        let Put { key, value, lease } = put;
        let (mod_revision, sub) = writes.next();
        let (record, known) = self.index.put(key, |known| {
            let before = known.filter(|known| !known.is_gone());
            Record {
                // One allocation serves all records of a key.
                key: known.map_or_else(|| Bytes::copy_from_slice(key), |known| known.key.clone()),
                value: value.or_else(|| Some(before?.value.clone())).unwrap_or_default(),
                create_revision: before.map_or(mod_revision, |before| before.create_revision),
                mod_revision,
                sub,
                version: before.map_or(1, |before| before.version + 1),
                lease: lease.or_else(|| Some(before?.lease)).unwrap_or(LeaseId::NONE),
            }
        });
        let before = known.filter(|known| !known.is_gone());
        self.len += u64::from(before.is_none());
        self.note(&record);
        (record, before)
    }

    /// Deletes a key, which is there.
    pub(crate) fn delete(&mut self, writes: &mut Writes, key: &Bytes) {
        self.len -= 1;
        let (mod_revision, sub) = writes.next();
        let (record, _) = self.index.put(key, |_| Record {
            key: key.clone(),
            value: Bytes::new(),
            create_revision: 0,
            mod_revision,
            sub,
            version: 0,
            lease: LeaseId::NONE,
        });
        self.note(&record);
    }

    /// A record was added to the index, the newest of all.
    fn note(&mut self, record: &Arc<Record>) {
        self.revision = record.mod_revision;
        self.cost += record.cost();
        self.history.push(record.clone());
    }

    /// Lets go of what only revisions below `revision` show. The work is done by [`Store::sweep`],
    /// bit by bit.
    ///
    /// # Errors
    /// For a revision that is compacted or yet to come.
    pub(crate) fn compact(&mut self, revision: Revision) -> Result<(), KvError> {
        if revision <= self.compacted {
            return Err(KvError::Compacted { asked: revision, compacted: self.compacted });
        }
        self.readable(revision)?;
        self.compacted = revision;
        Ok(())
    }

    /// Takes away some of what is compacted: of changes below that revision, what they replaced. How much is the same on every node, for it is done as
    /// entries are applied.
    pub(crate) fn sweep(&mut self) {
        for _ in 0..SWEEP_RECORDS {
            let Some(record) = self.history.pop_before(self.compacted) else { return };
            self.swept = record.position();
            self.cost -= self.index.forget(&record);
        }
    }
}

/// The changes of one revision, as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Writes {
    revision: Revision,
    sub: u32,
}

impl Writes {
    /// Those of the next revision, which begins with the first of them.
    pub(crate) fn begin(store: &Store) -> Writes {
        Writes { revision: store.revision + 1, sub: 0 }
    }

    /// The place of the next one.
    fn next(&mut self) -> (Revision, u32) {
        let place = (self.revision, self.sub);
        self.sub += 1;
        place
    }
}
