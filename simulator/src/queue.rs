//! The event queue: ordered by time, then by a drawn tie, then by insertion.

use std::{cmp::Ordering, collections::BinaryHeap};

use quorate_core::Nanos;

/// When an event is due, and where it lies: small, since a heap moves what it holds many times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    at: Nanos,
    tie: u32,
    place: u32,
    sequence: u64,
}

impl Slot {
    fn key(&self) -> (Nanos, u32, u64) {
        (self.at, self.tie, self.sequence)
    }
}

impl PartialOrd for Slot {
    fn partial_cmp(&self, other: &Slot) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Slot {
    /// The earliest is the greatest, since the heap gives the greatest first.
    fn cmp(&self, other: &Slot) -> Ordering {
        other.key().cmp(&self.key())
    }
}

/// Events to come.
#[derive(Clone, Debug)]
pub struct Queue<E> {
    heap: BinaryHeap<Slot>,
    events: Vec<Option<E>>,
    free: Vec<u32>,
    sequence: u64,
}

impl<E> Default for Queue<E> {
    fn default() -> Queue<E> {
        Queue { heap: BinaryHeap::new(), events: Vec::new(), free: Vec::new(), sequence: 0 }
    }
}

impl<E> Queue<E> {
    /// Adds an event; `tie` orders it among those of the same time. Gives the event's number.
    pub fn push(&mut self, at: Nanos, tie: u32, event: E) -> u64 {
        self.sequence += 1;
        let place = match self.free.pop() {
            Some(place) => {
                self.events[place as usize] = Some(event);
                place
            }
            None => {
                self.events.push(Some(event));
                (self.events.len() - 1) as u32
            }
        };
        self.heap.push(Slot { at, tie, place, sequence: self.sequence });
        self.sequence
    }

    /// The next event, with its time and its number.
    pub fn pop(&mut self) -> Option<(Nanos, u64, E)> {
        let slot = self.heap.pop()?;
        self.free.push(slot.place);
        let event = self.events[slot.place as usize].take()?;
        Some((slot.at, slot.sequence, event))
    }

    /// The next event and its time, which stay.
    pub fn peek(&self) -> Option<(Nanos, &E)> {
        let slot = self.heap.peek()?;
        let event = self.events.get(slot.place as usize)?.as_ref()?;
        Some((slot.at, event))
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
        let order: Vec<char> =
            std::iter::from_fn(|| queue.pop()).map(|(_, _, name)| name).collect();
        assert_eq!(order, ['a', 'b', 'c', 'd']);
        assert!(queue.is_empty());
    }
}
