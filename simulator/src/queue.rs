//! The event queue: ordered by time, then by a drawn tie, then by insertion.

use std::{cmp::Ordering, collections::BinaryHeap};

use quorate_core::Nanos;

#[derive(Clone, Debug)]
struct Slot<E> {
    at: Nanos,
    tie: u32,
    sequence: u64,
    event: E,
}

impl<E> Slot<E> {
    fn key(&self) -> (Nanos, u32, u64) {
        (self.at, self.tie, self.sequence)
    }
}

impl<E> PartialEq for Slot<E> {
    fn eq(&self, other: &Slot<E>) -> bool {
        self.key() == other.key()
    }
}

impl<E> Eq for Slot<E> {}

impl<E> PartialOrd for Slot<E> {
    fn partial_cmp(&self, other: &Slot<E>) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Slot<E> {
    /// The earliest is the greatest, since the heap gives the greatest first.
    fn cmp(&self, other: &Slot<E>) -> Ordering {
        other.key().cmp(&self.key())
    }
}

/// Events to come.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Slot<E>>,
    sequence: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Queue<E> {
        Queue { heap: BinaryHeap::new(), sequence: 0 }
    }
}

impl<E> Queue<E> {
    /// Adds an event; `tie` orders it among those of the same time.
    pub fn push(&mut self, at: Nanos, tie: u32, event: E) {
        self.sequence += 1;
        self.heap.push(Slot { at, tie, sequence: self.sequence, event });
    }

    /// The next event and its time.
    pub fn pop(&mut self) -> Option<(Nanos, E)> {
        self.heap.pop().map(|slot| (slot.at, slot.event))
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<Nanos> {
        self.heap.peek().map(|slot| slot.at)
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_then_tie_then_insertion() {
        let mut queue = Queue::default();
        for (at, tie, name) in [(5, 0, 'd'), (1, 2, 'c'), (1, 1, 'a'), (1, 1, 'b')] {
            queue.push(at, tie, name);
        }
        let order: Vec<char> = std::iter::from_fn(|| queue.pop()).map(|(_, name)| name).collect();
        assert_eq!(order, ['a', 'b', 'c', 'd']);
        assert!(queue.is_empty());
    }
}
