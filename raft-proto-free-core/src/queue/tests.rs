//! The queue beside the standard one.

use alloc::{collections::VecDeque, vec::Vec};

use proptest::prelude::*;

use super::Queue;
use crate::hashed::hash;

#[derive(Clone, Copy, Debug)]
enum Operation {
    PushBack(u8),
    PushFront(u8),
    PopBack,
    PopFront,
    Remove(usize),
    RetainOdd,
    AddOne,
    Clear,
    Rest,
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        6 => any::<u8>().prop_map(Operation::PushBack),
        3 => any::<u8>().prop_map(Operation::PushFront),
        1 => Just(Operation::PopBack),
        2 => Just(Operation::PopFront),
        1 => (0usize..8).prop_map(Operation::Remove),
        1 => Just(Operation::RetainOdd),
        1 => Just(Operation::AddOne),
        1 => Just(Operation::Clear),
        2 => Just(Operation::Rest),
    ]
}

fn both(queue: &mut Queue<u8>, twin: &mut VecDeque<u8>, what: Operation) {
    match what {
        Operation::PushBack(item) => {
            queue.push_back(item);
            twin.push_back(item);
        }
        Operation::PushFront(item) => {
            queue.push_front(item);
            twin.push_front(item);
        }
        Operation::PopBack => assert_eq!(queue.pop_back(), twin.pop_back()),
        Operation::PopFront => assert_eq!(queue.pop_front(), twin.pop_front()),
        Operation::Remove(place) => assert_eq!(queue.remove(place), twin.remove(place)),
        Operation::RetainOdd => {
            queue.retain(|item| item % 2 == 1);
            twin.retain(|item| item % 2 == 1);
        }
        Operation::AddOne => {
            queue.iter_mut().for_each(|item| *item = item.wrapping_add(1));
            twin.iter_mut().for_each(|item| *item = item.wrapping_add(1));
        }
        Operation::Clear => {
            queue.clear();
            twin.clear();
        }
        Operation::Rest => {
            queue.rest();
            assert_eq!(queue.items.is_none(), twin.is_empty());
        }
    }
}

proptest! {
    #[test]
    fn it_does_what_the_standard_one_does(list in prop::collection::vec(operation(), 0..40)) {
        let (mut queue, mut twin) = (Queue::new(), VecDeque::new());
        for what in list {
            both(&mut queue, &mut twin, what);
            prop_assert_eq!(queue.len(), twin.len());
            prop_assert_eq!(queue.is_empty(), twin.is_empty());
            prop_assert_eq!((queue.front(), queue.back()), (twin.front(), twin.back()));
            prop_assert!(queue.iter().eq(twin.iter()));
            for place in 0..=twin.len() {
                prop_assert_eq!(queue.get(place), twin.get(place));
                prop_assert!(queue.iter_from(place).eq(twin.range(place..)));
            }
            prop_assert_eq!(queue.iter_from(twin.len() + 1).count(), 0);
        }
        let mut sorted: Vec<u8> = twin.iter().copied().collect();
        sorted.sort_unstable();
        let mut ordered = Queue::new();
        sorted.iter().for_each(|item| ordered.push_back(*item));
        let is_small = |item: &u8| *item < 100;
        prop_assert_eq!(ordered.partition_point(is_small), sorted.partition_point(is_small));
        // Equal and hashed alike, whatever it held before.
        let mut fresh = Queue::new();
        twin.iter().for_each(|item| fresh.push_back(*item));
        prop_assert_eq!(&fresh, &queue);
        prop_assert_eq!(hash(&fresh), hash(&queue));
        fresh.push_back(0);
        prop_assert_ne!(&fresh, &queue);
        prop_assert_ne!(hash(&fresh), hash(&queue));
    }
}
