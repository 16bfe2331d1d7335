//! The rules of the log itself.

use quorate_core::{Index, LogId, Write};

use super::{
    Storage,
    model::{Model, keep, members, meta, read_all, write},
};
use crate::{LogStore, StoreError};

pub(super) fn new_storage_holds_nothing<S: Storage>(storage: &mut S) {
    let mut last = 0;
    for _ in 0..3 {
        let (mut store, recovered) = storage.open();
        assert!(recovered.incarnation > last, "an open does not raise the incarnation");
        assert_eq!(recovered.found, None, "new storage holds something");
        assert_eq!(store.read(1, 1, u64::MAX), Err(StoreError::NotFound(1)));
        last = recovered.incarnation;
        storage.crash(store);
    }
}

pub(super) fn each_batch_survives_a_crash<S: Storage>(storage: &mut S) {
    let mut model = Model::default();
    for round in 0..8 {
        let mut store = model.reopen(storage, &format!("round {round}: not what was written"));
        let from = 3 * round + 1;
        let batch =
            [write(round + 1, from, &[5, 700]), members(round + 1, from + 2, &[1, round + 2])];
        batch.iter().for_each(|write| model.write(write));
        store.write(&batch).expect("a store takes writes in order");
        storage.crash(store);
    }
}

pub(super) fn a_truncation_replaces_the_tail_for_good<S: Storage>(storage: &mut S) {
    let mut model = Model::default();
    let (mut store, _) = storage.open();
    let writes = [
        write(1, 1, &[1, 2, 3, 4]),
        members(1, 5, &[1, 2]),
        write(2, 3, &[9]),
        members(2, 4, &[1, 3]),
        write(3, 2, &[]),
    ];
    for next in writes {
        model.write(&next);
        store.write(&[next]).expect("a store takes truncations");
        let behind = model.last_index() + 1;
        let read = store.read(behind, behind, u64::MAX);
        assert_eq!(read, Err(StoreError::NotFound(behind)), "a truncated entry is read");
    }
    storage.crash(store);
    model.reopen(storage, "a truncation was undone");
}

pub(super) fn a_discarded_entry_is_not_found_and_the_rest_stays<S: Storage>(storage: &mut S) {
    let mut model = Model::default();
    let (mut store, _) = storage.open();
    let mut discard = write(1, 6, &[]);
    discard.snapshot = Some(meta(1, 5));
    discard.discard_through = 3;
    keep(&mut store, LogId::new(1, 5), b"state");
    for next in [write(1, 1, &[1, 2, 3, 4, 5]), discard, write(2, 6, &[6])] {
        model.write(&next);
        store.write(&[next]).expect("a store takes snapshots");
    }
    assert_eq!(store.read(3, 4, u64::MAX), Err(StoreError::NotFound(3)));
    assert_eq!(store.read(4, 6, u64::MAX).map(|found| found.len()), Ok(3));
    storage.crash(store);
    model.reopen(storage, "a snapshot or its log was lost");
}

pub(super) fn old_entries_are_read_in_any_later_life<S: Storage>(storage: &mut S) {
    let mut model = Model::default();
    for life in 0..6 {
        let mut store = model.reopen(storage, &format!("life {life}: an old entry is lost"));
        for round in 0..10 {
            let from = 20 * life + 2 * round + 1;
            let next = write(life + 1, from, &[600, 30]);
            model.write(&next);
            store.write(&[next]).expect("a store takes writes in order");
            let oldest = model.entries().first().map_or(1, |first| first.index);
            let read = store.read(oldest, from, u64::MAX).expect("the oldest entry is there");
            assert_eq!(read, model.entries().ending_before(from + 1), "other entries");
        }
        // What lies before is needed no more: its place may be used again, its entries may not.
        let through = 20 * life + 5;
        let mut discard = write(life + 1, 20 * life + 21, &[]);
        discard.snapshot = Some(meta(life + 1, through));
        discard.discard_through = through;
        keep(&mut store, LogId::new(life + 1, through), b"state");
        model.write(&discard);
        store.write(&[discard]).expect("a store discards");
        assert_eq!(read_all(&mut store, through + 1), *model.entries());
        storage.crash(store);
    }
}

pub(super) fn reads_are_bounded_by_index_and_bytes<S: Storage>(storage: &mut S) {
    let mut model = Model::default();
    let (mut store, _) = storage.open();
    for next in [write(1, 1, &[10, 20, 30]), write(2, 4, &[40, 50])] {
        model.write(&next);
        store.write(&[next]).expect("a store takes writes in order");
    }
    for from in 1..=5 {
        for through in from..=6 {
            let wanted = model.entries().starting_at(from).ending_before(through + 1);
            for max_bytes in [0, 1, 60, 100, u64::MAX] {
                let read = store.read(from, through, max_bytes);
                assert_eq!(read, Ok(wanted.capped(max_bytes)), "{from} to {through}, {max_bytes}");
            }
        }
    }
    assert_eq!(store.read(6, Index::MAX, u64::MAX), Err(StoreError::NotFound(6)));
    storage.crash(store);
}

pub(super) fn what_does_not_follow_is_refused_and_changes_nothing<S: Storage>(storage: &mut S) {
    let mut model = Model::default();
    let (mut store, _) = storage.open();
    let mut discard = write(3, 5, &[]);
    discard.snapshot = Some(meta(3, 2));
    discard.discard_through = 2;
    keep(&mut store, LogId::new(3, 2), b"state");
    for next in [write(3, 1, &[1, 2, 3, 4]), discard] {
        model.write(&next);
        store.write(&[next]).expect("a store takes writes in order");
    }
    let beyond = Write { discard_through: 9, ..write(3, 5, &[]) };
    let unnamed = Write { snapshot: Some(meta(3, 8)), ..beyond.clone() };
    keep(&mut store, LogId::new(3, 8), b"state");
    let nowhere = Write { snapshot: Some(meta(3, 4)), ..write(3, 5, &[1]) };
    let refused = [
        ("a gap", write(4, 6, &[1])),
        ("a discarded entry replaced", write(4, 2, &[1])),
        ("a term that falls", write(2, 5, &[1])),
        ("a term that falls behind a truncation", write(2, 3, &[1])),
        ("entries that were never there discarded", beyond),
        ("the log replaced by another snapshot", unnamed),
        ("a snapshot that is not here", nowhere),
    ];
    for (what, write) in refused {
        let result = store.write(&[write]);
        assert!(matches!(result, Err(StoreError::OutOfOrder(_))), "{what} is taken: {result:?}");
    }
    storage.crash(store);
    model.reopen(storage, "a refused write left a trace");
}
