//! All keys in order, each with its records, oldest first.
//!
//! Keys stand in leaves that copies share until one of them changes a leaf: setting the whole index
//! aside copies a pointer for each leaf, and no key.

use std::{collections::BTreeMap, ops::Bound, sync::Arc};

use bytes::Bytes;

use super::record::Record;
use crate::{KeyRange, Revision};

/// A leaf with more keys is split in two.
const LEAF_LIMIT_KEYS: usize = 64;

/// A key's records, by rising revision. Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Versions(Vec<Arc<Record>>);

impl Versions {
    pub(crate) fn newest(&self) -> &Arc<Record> {
        self.0.last().expect("a key has a record")
    }

    /// The newest that is not above `revision`.
    pub(crate) fn at(&self, revision: Revision) -> Option<&Arc<Record>> {
        // Most requests are for the newest.
        let newest = self.newest();
        if newest.mod_revision <= revision {
            return Some(newest);
        }
        let after = self.0.partition_point(|record| record.mod_revision <= revision);
        after.checked_sub(1).map(|place| &self.0[place])
    }

    /// The one before `record`.
    pub(crate) fn before(&self, record: &Record) -> Option<&Arc<Record>> {
        self.place(record).checked_sub(1).map(|place| &self.0[place])
    }

    fn place(&self, record: &Record) -> usize {
        self.0.partition_point(|other| other.position() < record.position())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.0.iter()
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Leaf {
    /// By rising key.
    keys: Vec<(Bytes, Versions)>,
}

impl Leaf {
    fn find(&self, key: &[u8]) -> Result<usize, usize> {
        self.keys.binary_search_by(|(other, _)| other.as_ref().cmp(key))
    }
}

/// The index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    /// By a bound: each of a leaf's keys is at or above it, and below the next one. The first is
    /// empty, so that each key has a leaf.
    leaves: BTreeMap<Bytes, Arc<Leaf>>,
}

impl Default for Index {
    fn default() -> Index {
        Index { leaves: BTreeMap::from([(Bytes::new(), Arc::default())]) }
    }
}

impl Index {
    fn leaf(&self, key: &[u8]) -> &Leaf {
        let below = (Bound::Unbounded, Bound::Included(key));
        self.leaves.range::<[u8], _>(below).next_back().expect("the first bound is empty").1
    }

    fn leaf_mut(&mut self, key: &[u8]) -> (&Bytes, &mut Arc<Leaf>) {
        let below = (Bound::Unbounded, Bound::Included(key));
        self.leaves.range_mut::<[u8], _>(below).next_back().expect("the first bound is empty")
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Versions> {
        let leaf = self.leaf(key);
        leaf.find(key).ok().map(|place| &leaf.keys[place].1)
    }

    /// Adds a record, which is newer than all others of its key.
    pub(crate) fn push(&mut self, record: Arc<Record>) {
        let (_, shared) = self.leaf_mut(&record.key);
        let leaf = Arc::make_mut(shared);
        match leaf.find(&record.key) {
            Ok(place) => leaf.keys[place].1.0.push(record),
            Err(place) => {
                leaf.keys.insert(place, (record.key.clone(), Versions(vec![record])));
                if leaf.keys.len() > LEAF_LIMIT_KEYS {
                    let upper = leaf.keys.split_off(LEAF_LIMIT_KEYS / 2);
                    let bound = upper[0].0.clone();
                    self.leaves.insert(bound, Arc::new(Leaf { keys: upper }));
                }
            }
        }
    }

    /// Takes away what `record` replaced, and `record` itself where it says that its key is gone;
    /// returns what they cost.
    pub(crate) fn forget(&mut self, record: &Record) -> u64 {
        let (bound, shared) = self.leaf_mut(&record.key);
        let Ok(place) = shared.find(&record.key) else { return 0 };
        let versions = &shared.keys[place].1;
        let count = versions.place(record) + usize::from(record.is_gone());
        if count == 0 {
            return 0;
        }
        let bound = bound.clone();
        let leaf = Arc::make_mut(shared);
        let freed = leaf.keys[place].1.0.drain(..count).map(|record| record.cost()).sum();
        if leaf.keys[place].1.0.is_empty() {
            leaf.keys.remove(place);
        }
        if leaf.keys.is_empty() && !bound.is_empty() {
            self.leaves.remove(&bound);
        }
        freed
    }

    /// All keys in rising order, with those that are gone.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Versions> {
        self.leaves.values().flat_map(|leaf| &leaf.keys).map(|(_, versions)| versions)
    }

    /// The keys of `range` in rising order, with those that are gone.
    pub(crate) fn range<'a>(
        &'a self,
        range: &'a KeyRange,
    ) -> impl Iterator<Item = &'a Versions> + 'a {
        let start = range.start();
        let below = (Bound::Unbounded, Bound::Included(start.as_ref()));
        let (first, _) = self.leaves.range::<[u8], _>(below).next_back().expect("as above");
        let leaves = self.leaves.range::<Bytes, _>((Bound::Included(first), Bound::Unbounded));
        leaves
            .flat_map(move |(_, leaf)| {
                let from = leaf.keys.partition_point(|(key, _)| key < start);
                leaf.keys[from..].iter()
            })
            .take_while(move |(key, _)| match range.end() {
                Bound::Included(last) => key <= last,
                Bound::Excluded(end) => key < end,
                Bound::Unbounded => true,
            })
            .map(|(_, versions)| versions)
    }
}
