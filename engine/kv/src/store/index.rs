//! All keys in order, each with its records, oldest first.
//!
//! Keys stand in leaves that copies share until one of them changes a leaf: setting the whole index
//! aside copies a pointer for each leaf, and no key.

use std::{borrow::Borrow, cmp::Ordering, collections::BTreeMap, ops::Bound, sync::Arc};

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
    /// Of each key, in the same order: most comparisons end here, and need not look where it lies.
    prefixes: Vec<u64>,
    /// By rising key.
    keys: Vec<(Bytes, Versions)>,
}

impl Leaf {
    fn find(&self, key: &[u8]) -> Result<usize, usize> {
        let wanted = prefix(key);
        let from = self.prefixes.partition_point(|&other| other < wanted);
        let equal = self.prefixes[from..].partition_point(|&other| other == wanted);
        let found =
            self.keys[from..from + equal].binary_search_by(|(other, _)| other.as_ref().cmp(key));
        found.map(|place| from + place).map_err(|place| from + place)
    }

    fn insert(&mut self, place: usize, record: Arc<Record>) {
        self.prefixes.insert(place, prefix(&record.key));
        self.keys.insert(place, (record.key.clone(), Versions(vec![record])));
    }

    fn remove(&mut self, place: usize) {
        self.prefixes.remove(place);
        self.keys.remove(place);
    }

    /// Takes the upper half away, with its first key.
    fn split(&mut self) -> (Bytes, Leaf) {
        let half = self.keys.len() / 2;
        let (prefixes, keys) = (self.prefixes.split_off(half), self.keys.split_off(half));
        (keys[0].0.clone(), Leaf { prefixes, keys })
    }
}

/// The first bytes of a key as a number. Of two keys with unlike ones, the lesser has the lesser.
fn prefix(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(bytes) => u64::from_be_bytes(*bytes),
        None => {
            let mut bytes = [0; 8];
            bytes[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(bytes)
        }
    }
}

/// What stands in the order of keys: compared by prefix first.
trait Placed {
    fn place(&self) -> (u64, &[u8]);
}

/// A bound between leaves.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Fence {
    prefix: u64,
    key: Bytes,
}

impl Fence {
    fn of(key: Bytes) -> Fence {
        Fence { prefix: prefix(&key), key }
    }
}

impl Placed for Fence {
    fn place(&self) -> (u64, &[u8]) {
        (self.prefix, &self.key)
    }
}

impl Placed for (u64, &[u8]) {
    fn place(&self) -> (u64, &[u8]) {
        *self
    }
}

impl<'a> Borrow<dyn Placed + 'a> for Fence {
    fn borrow(&self) -> &(dyn Placed + 'a) {
        self
    }
}

impl PartialEq for dyn Placed + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for dyn Placed + '_ {}

impl PartialOrd for dyn Placed + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Placed + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.place().cmp(&other.place())
    }
}

/// The index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Index {
    /// By a bound: each of a leaf's keys is at or above it, and below the next one. The first is
    /// empty, so that each key has a leaf.
    leaves: BTreeMap<Fence, Arc<Leaf>>,
}

impl Default for Index {
    fn default() -> Index {
        Index { leaves: BTreeMap::from([(Fence::default(), Arc::default())]) }
    }
}

impl Index {
    /// The leaf of `key`, with its bound.
    fn leaf(&self, key: &[u8]) -> (&Fence, &Leaf) {
        let key = (prefix(key), key);
        let below = (Bound::Unbounded, Bound::Included(&key as &dyn Placed));
        let found = self.leaves.range::<dyn Placed, _>(below).next_back();
        let (bound, leaf) = found.expect("the first bound is empty");
        (bound, leaf)
    }

    fn leaf_mut(&mut self, key: &[u8]) -> (&Fence, &mut Arc<Leaf>) {
        let key = (prefix(key), key);
        let below = (Bound::Unbounded, Bound::Included(&key as &dyn Placed));
        let found = self.leaves.range_mut::<dyn Placed, _>(below).next_back();
        found.expect("the first bound is empty")
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Versions> {
        let (_, leaf) = self.leaf(key);
        leaf.find(key).ok().map(|place| &leaf.keys[place].1)
    }

    /// Adds the record of `key` that `make` makes of its newest one, and which is newer; returns both.
    pub(crate) fn put(
        &mut self,
        key: &[u8],
        make: impl FnOnce(Option<&Record>) -> Record,
    ) -> (Arc<Record>, Option<Arc<Record>>) {
        let (_, shared) = self.leaf_mut(key);
        let leaf = Arc::make_mut(shared);
        match leaf.find(key) {
            Ok(place) => {
                let versions = &mut leaf.keys[place].1;
                let known = versions.newest().clone();
                let record = Arc::new(make(Some(&known)));
                versions.0.push(record.clone());
                (record, Some(known))
            }
            Err(place) => {
                let record = Arc::new(make(None));
                leaf.insert(place, record.clone());
                if leaf.keys.len() > LEAF_LIMIT_KEYS {
                    let (bound, upper) = leaf.split();
                    self.leaves.insert(Fence::of(bound), Arc::new(upper));
                }
                (record, None)
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
            leaf.remove(place);
        }
        if leaf.keys.is_empty() && !bound.key.is_empty() {
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
        let (first, _) = self.leaf(start);
        let leaves = self.leaves.range::<Fence, _>((Bound::Included(first), Bound::Unbounded));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LeaseId;

    #[test]
    fn keys_stand_in_the_order_of_their_bytes_whatever_they_begin_with() {
        let ends: Vec<&[u8]> = vec![b"", b"\0", b"\0\0", b"\x01", b"a", b"\xff"];
        let starts: Vec<&[u8]> = vec![b"", b"1234567", b"12345678", b"12345678\0", b"\xff\xff"];
        let mut keys: Vec<Bytes> = Vec::new();
        for (start, (one, other)) in starts
            .iter()
            .flat_map(|start| ends.iter().map(move |one| (start, one)))
            .flat_map(|(start, one)| ends.iter().map(move |other| (start, (one, other))))
        {
            keys.push([*start, *one, *other].concat().into());
        }
        let mut index = Index::default();
        for (revision, key) in (2..).zip(&keys) {
            index.put(key, |_| Record {
                key: key.clone(),
                value: Bytes::new(),
                create_revision: revision,
                mod_revision: revision,
                sub: 0,
                version: 1,
                lease: LeaseId::NONE,
            });
        }
        keys.sort();
        keys.dedup();
        assert!(keys.len() > LEAF_LIMIT_KEYS, "there is more than one leaf");
        let found: Vec<Bytes> = index.all().map(|versions| versions.newest().key.clone()).collect();
        assert_eq!(found, keys);
        assert!(keys.iter().all(|key| index.get(key).is_some_and(|own| own.newest().key == key)));
        let from = KeyRange::From(keys[40].clone());
        let found = index.range(&from).map(|versions| &versions.newest().key);
        assert!(found.eq(&keys[40..]));
    }
}
