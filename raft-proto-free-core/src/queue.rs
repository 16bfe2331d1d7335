//! A queue that takes one word while it rests: of ten thousand groups most have nothing under way.

use alloc::{boxed::Box, collections::VecDeque};
use core::hash::{Hash, Hasher};

/// First in, first out.
#[allow(clippy::box_collection, reason = "a word instead of four, for all that rest")]
#[derive(Clone, Debug)]
pub(crate) struct Queue<T> {
    items: Option<Box<VecDeque<T>>>,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Queue<T> {
        Queue { items: None }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.items.as_ref().is_none_or(|items| items.is_empty())
    }

    pub(crate) fn len(&self) -> usize {
        self.items.as_ref().map_or(0, |items| items.len())
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.items.as_ref()?.front()
    }

    pub(crate) fn back(&self) -> Option<&T> {
        self.items.as_ref()?.back()
    }

    pub(crate) fn get(&self, place: usize) -> Option<&T> {
        self.items.as_ref()?.get(place)
    }

    pub(crate) fn push_back(&mut self, item: T) {
        self.items.get_or_insert_default().push_back(item);
    }

    pub(crate) fn push_front(&mut self, item: T) {
        self.items.get_or_insert_default().push_front(item);
    }

    pub(crate) fn pop_front(&mut self) -> Option<T> {
        self.items.as_mut()?.pop_front()
    }

    pub(crate) fn pop_back(&mut self) -> Option<T> {
        self.items.as_mut()?.pop_back()
    }

    /// Takes out the item at `place`.
    pub(crate) fn remove(&mut self, place: usize) -> Option<T> {
        self.items.as_mut()?.remove(place)
    }

    pub(crate) fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        if let Some(items) = &mut self.items {
            items.retain(keep);
        }
    }

    pub(crate) fn clear(&mut self) {
        if let Some(items) = &mut self.items {
            items.clear();
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.iter_from(0)
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.items.iter_mut().flat_map(|items| items.iter_mut())
    }

    /// The items from `place` on.
    pub(crate) fn iter_from(&self, place: usize) -> impl Iterator<Item = &T> {
        let items = self.items.as_deref();
        items.map_or_else(Default::default, |items| items.range(place.min(items.len())..))
    }

    /// The first place whose item is not `before`, where those that are come first.
    pub(crate) fn partition_point(&self, before: impl FnMut(&T) -> bool) -> usize {
        self.items.as_ref().map_or(0, |items| items.partition_point(before))
    }

    /// Gives its memory back, if it is empty.
    pub(crate) fn rest(&mut self) {
        if self.is_empty() {
            self.items = None;
        }
    }
}

impl<T: PartialEq> PartialEq for Queue<T> {
    fn eq(&self, other: &Queue<T>) -> bool {
        self.iter().eq(other.iter())
    }
}

impl<T: Eq> Eq for Queue<T> {}

impl<T: Hash> Hash for Queue<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.len().hash(state);
        self.iter().for_each(|item| item.hash(state));
    }
}

#[cfg(test)]
mod tests;
