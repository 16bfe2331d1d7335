//! An ordered map whose copies share what neither changes: setting one aside copies a pointer for each
//! leaf, and whoever changes a leaf that is shared copies that leaf.

use std::{collections::BTreeMap, sync::Arc};

/// A leaf with more keys is split in two.
const LEAF_LIMIT_KEYS: usize = 64;

/// The map. The default of `K` must be the least key that there can be.
#[derive(Clone, Debug)]
pub(crate) struct SharedMap<K, V> {
    /// By a bound: each of a leaf's keys is at or above it, and below the next one. The first is the
    /// least key, so that each key has a leaf. Keys rise in a leaf.
    leaves: BTreeMap<K, Arc<Vec<(K, V)>>>,
    len: u64,
}

impl<K: Ord + Clone + Default, V: Clone> Default for SharedMap<K, V> {
    fn default() -> SharedMap<K, V> {
        SharedMap { leaves: BTreeMap::from([(K::default(), Arc::default())]), len: 0 }
    }
}

/// How keys lie in leaves is of no account.
impl<K: Ord + Clone + Default, V: Clone + PartialEq> PartialEq for SharedMap<K, V> {
    fn eq(&self, other: &SharedMap<K, V>) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Ord + Clone + Default, V: Clone + Eq> Eq for SharedMap<K, V> {}

impl<K: Ord + Clone + Default, V: Clone> SharedMap<K, V> {
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// All of it, by rising key.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.leaves.values().flat_map(|leaf| leaf.iter()).map(|(key, value)| (key, value))
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        let (_, leaf) = self.leaves.range(..=key).next_back()?;
        find(leaf, key).ok().map(|place| &leaf[place].1)
    }

    /// To change a value in place: what copies share of its leaf is copied first.
    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let (_, leaf) = self.leaves.range_mut(..=key).next_back()?;
        let place = find(leaf, key).ok()?;
        Some(&mut Arc::make_mut(leaf)[place].1)
    }

    /// Adds a value, or puts it in another one's place.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        let below = self.leaves.range_mut(..=&key).next_back();
        let (_, leaf) = below.expect("the first bound is the least key");
        let leaf = Arc::make_mut(leaf);
        match find(leaf, &key) {
            Ok(place) => leaf[place].1 = value,
            Err(place) => {
                leaf.insert(place, (key, value));
                self.len += 1;
                if leaf.len() > LEAF_LIMIT_KEYS {
                    let upper = leaf.split_off(LEAF_LIMIT_KEYS / 2);
                    self.leaves.insert(upper[0].0.clone(), Arc::new(upper));
                }
            }
        }
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        let (bound, leaf) = self.leaves.range_mut(..=key).next_back()?;
        let place = find(leaf, key).ok()?;
        let leaf = Arc::make_mut(leaf);
        let (_, value) = leaf.remove(place);
        self.len -= 1;
        if leaf.is_empty() && *bound != K::default() {
            let bound = bound.clone();
            self.leaves.remove(&bound);
        }
        Some(value)
    }
}

fn find<K: Ord, V>(leaf: &[(K, V)], key: &K) -> Result<usize, usize> {
    leaf.binary_search_by(|(other, _)| other.cmp(key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_an_ordered_map_and_a_copy_stays_as_it_was(
            steps in prop::collection::vec((0_u64..300, any::<bool>()), 0..2000),
            copied_at in 0_usize..2000,
        ) {
            let (mut map, mut model) = (SharedMap::default(), BTreeMap::new());
            let mut copies = None;
            for (step, (key, inserts)) in steps.into_iter().enumerate() {
                if step == copied_at {
                    copies = Some((map.clone(), model.clone()));
                }
                if inserts {
                    map.insert(key, step);
                    model.insert(key, step);
                } else {
                    prop_assert_eq!(map.remove(&key), model.remove(&key));
                }
                if let Some(value) = map.get_mut(&(key / 2)) {
                    *value += 1;
                }
                model.entry(key / 2).and_modify(|value| *value += 1);
            }
            for (map, model) in copies.into_iter().chain([(map, model)]) {
                prop_assert_eq!(map.len(), model.len() as u64);
                prop_assert!(map.iter().eq(model.iter()));
                prop_assert!((0..300).all(|key| map.get(&key) == model.get(&key)));
            }
        }
    }
}
