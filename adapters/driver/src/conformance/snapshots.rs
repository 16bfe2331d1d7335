//! The rules of the place for snapshots.

use quorate_core::{LogId, Write};

use super::{
    Storage,
    model::{Model, bytes, id, keep, meta, read_all, write},
};
use crate::{LogStore, StoreError};

fn held(store: &mut impl LogStore, last: LogId) -> Option<Vec<u8>> {
    let id = match store.snapshot_find(last) {
        Ok(id) => id,
        Err(StoreError::NoSnapshot(at)) => {
            assert_eq!(at, last);
            return None;
        }
        Err(error) => panic!("a snapshot is not looked for: {error}"),
    };
    let mut all = Vec::new();
    loop {
        let part = store.snapshot_read(id, all.len() as u64, 999).expect("it was found");
        if part.is_empty() {
            id.check(&all).expect("a finished snapshot is whole");
            return Some(all);
        }
        all.extend_from_slice(&part);
    }
}

pub(super) fn a_snapshot_is_there_once_it_is_finished<S: Storage>(storage: &mut S) {
    let (mut store, _) = storage.open();
    for (index, len) in [(3, 5_000), (4, 0), (5, 1)] {
        let bytes = bytes(len, 1);
        let id = id(LogId::new(1, index), &bytes);
        assert_eq!(held(&mut store, id.last), None, "a snapshot before it was begun");
        assert_eq!(store.snapshot_begin(id), Ok(0));
        store.snapshot_write(id, 0, &bytes).expect("a store takes parts in order");
        assert_eq!(held(&mut store, id.last), None, "a snapshot before it was finished");
        store.snapshot_finish(id).expect("a whole snapshot is finished");
        assert_eq!(held(&mut store, id.last).as_deref(), Some(&bytes[..]));
        // The same again does no harm.
        assert_eq!(store.snapshot_begin(id), Ok(id.len));
        store.snapshot_finish(id).expect("a finished snapshot is finished");
    }
    // Named, so that it may not go.
    let mut named = write(1, 1, &[1, 1, 1]);
    named.snapshot = Some(meta(1, 3));
    store.write(&[named]).expect("a store takes snapshots");
    storage.crash(store);
    let (mut store, _) = storage.open();
    let kept = held(&mut store, LogId::new(1, 3));
    assert_eq!(kept.as_deref(), Some(&bytes(5_000, 1)[..]), "a finished snapshot is lost");
    storage.crash(store);
}

pub(super) fn a_snapshot_that_was_cut_off_goes_on<S: Storage>(storage: &mut S) {
    let (mut store, _) = storage.open();
    let bytes = bytes(5_000, 2);
    let id = id(LogId::new(1, 3), &bytes);
    assert_eq!(store.snapshot_begin(id), Ok(0));
    store.snapshot_write(id, 0, &bytes[..2_000]).expect("a store takes parts in order");
    for wrong in [1_999, 2_001] {
        let refused = store.snapshot_write(id, wrong, b"x");
        assert!(matches!(refused, Err(StoreError::OutOfOrder(_))), "a gap: {refused:?}");
    }
    assert_eq!(store.snapshot_begin(id), Ok(2_000), "it goes on where it ended");
    storage.crash(store);
    // A part may be lost in a crash, but what is said to be here is.
    let (mut store, _) = storage.open();
    let here = store.snapshot_begin(id).expect("a store goes on with snapshots");
    assert!(here <= 2_000, "{here} bytes of 2000");
    keep(&mut store, LogId::new(1, 3), &bytes);
    assert_eq!(held(&mut store, id.last).as_deref(), Some(&bytes[..]));
    storage.crash(store);
}

pub(super) fn a_damaged_snapshot_is_refused_and_begins_anew<S: Storage>(storage: &mut S) {
    let (mut store, _) = storage.open();
    let good = bytes(3_000, 3);
    let mut bad = good.clone();
    bad[1_500] ^= 1;
    let id = id(LogId::new(1, 3), &good);
    store.snapshot_begin(id).expect("a store begins snapshots");
    store.snapshot_write(id, 0, &bad).expect("it is not looked at yet");
    let refused = store.snapshot_finish(id);
    assert!(matches!(refused, Err(StoreError::BadSnapshot { .. })), "{refused:?}");
    assert_eq!(held(&mut store, id.last), None, "a damaged snapshot is found");
    assert_eq!(store.snapshot_begin(id), Ok(0), "damage is kept");
    store.snapshot_write(id, 0, &good[..10]).expect("a store takes parts in order");
    let refused = store.snapshot_finish(id);
    assert!(matches!(refused, Err(StoreError::BadSnapshot { .. })), "{refused:?}");
    keep(&mut store, LogId::new(1, 3), &good);
    assert_eq!(held(&mut store, id.last).as_deref(), Some(&good[..]));
    storage.crash(store);
}

pub(super) fn a_named_snapshot_stays_and_older_ones_go<S: Storage>(storage: &mut S) {
    let mut model = Model::default();
    let (mut store, _) = storage.open();
    let first = write(1, 1, &[1, 2, 3, 4, 5]);
    model.write(&first);
    store.write(&[first]).expect("a store takes writes in order");
    for index in 2..=4 {
        let last = keep(&mut store, LogId::new(1, index), &bytes(2_000, index as u8)).last;
        let before = LogId::new(1, index - 1);
        assert_eq!(held(&mut store, before).is_some(), index > 2, "gone before it is replaced");
        let mut named = write(1, 6, &[]);
        named.snapshot = Some(meta(1, index));
        named.discard_through = index - 1;
        model.write(&named);
        store.write(&[named]).expect("a store takes snapshots");
        assert_eq!(held(&mut store, before), None, "an older snapshot stays");
        store.snapshot_remove(last).expect("it does nothing");
        assert!(held(&mut store, last).is_some(), "a named snapshot is removed");
        storage.crash(store);
        store = model.reopen(storage, "a snapshot was lost");
        assert!(held(&mut store, last).is_some(), "a named snapshot is lost");
    }
    let useless = keep(&mut store, LogId::new(1, 5), &bytes(100, 9)).last;
    store.snapshot_remove(useless).expect("a store removes snapshots");
    assert_eq!(held(&mut store, useless), None, "a removed snapshot stays");
    storage.crash(store);
}

pub(super) fn a_snapshot_takes_the_place_of_the_whole_log<S: Storage>(storage: &mut S) {
    let mut model = Model::default();
    let (mut store, _) = storage.open();
    keep(&mut store, LogId::new(1, 20), &bytes(2_000, 5));
    let replace = Write { snapshot: Some(meta(1, 20)), discard_through: 20, ..write(2, 1, &[]) };
    for next in [write(1, 1, &[1, 700, 3]), replace, write(2, 21, &[7, 8])] {
        model.write(&next);
        store.write(std::slice::from_ref(&next)).expect("a store takes a new head");
        for gone in [1, 3, 20] {
            let read = store.read(gone, gone, u64::MAX);
            assert_eq!(read.is_ok(), gone <= model.last_index() && model.last_index() < 20);
        }
        storage.crash(store);
        store = model.reopen(storage, "the log is another than its new head says");
    }
    assert_eq!(read_all(&mut store, 21), *model.entries());
    // And once more in one batch, with what follows; then the tail behind it goes again.
    keep(&mut store, LogId::new(1, 30), &bytes(2_000, 6));
    let replace = Write { snapshot: Some(meta(1, 30)), discard_through: 30, ..write(3, 21, &[]) };
    let batch = [replace, write(3, 31, &[1, 2]), write(4, 31, &[3])];
    batch.iter().for_each(|write| model.write(write));
    store.write(&batch).expect("a store takes a new head");
    storage.crash(store);
    let store = model.reopen(storage, "the log is another than its new head says");
    storage.crash(store);
}

pub(super) fn a_snapshot_within_the_log_leaves_what_follows<S: Storage>(storage: &mut S) {
    let mut model = Model::default();
    let (mut store, _) = storage.open();
    keep(&mut store, LogId::new(1, 2), &bytes(10, 7));
    let mut all = write(1, 4, &[]);
    all.snapshot = Some(meta(1, 3));
    all.discard_through = 3;
    keep(&mut store, LogId::new(1, 3), &bytes(10, 8));
    // The last entry itself goes: the log is empty behind it.
    for next in [write(1, 1, &[1, 2, 3]), all, write(1, 4, &[4])] {
        model.write(&next);
        store.write(&[next]).expect("a store takes snapshots");
        storage.crash(store);
        store = model.reopen(storage, "a snapshot took more or less than it covers");
    }
    storage.crash(store);
}
