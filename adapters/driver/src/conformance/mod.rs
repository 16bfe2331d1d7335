//! What every log store must pass: run [`run`] from its tests.

use std::sync::Arc;

use quorate_core::{
    Configuration, Entries, HardState, Index, LogId, NodeId, Seq, SnapshotMeta, Term, Write,
    commands,
};

use crate::{Found, LogStore, Recovered, StoreError};

/// One place where a store keeps its log, new at first.
pub trait Storage {
    /// The store under test.
    type Store: LogStore;

    /// Opens the storage for another life. No store has it open.
    fn open(&mut self) -> (Self::Store, Recovered);

    /// Ends a life without a farewell, as a crash does. What `write` has returned for must stay.
    fn crash(&mut self, store: Self::Store);
}

/// Runs every rule against storage of its own, made by `new`.
///
/// # Panics
/// Where the store breaks a rule; the message names it.
pub fn run<S: Storage>(mut new: impl FnMut() -> S) {
    new_storage_holds_nothing(&mut new());
    each_batch_survives_a_crash(&mut new());
    a_truncation_replaces_the_tail_for_good(&mut new());
    a_discarded_entry_is_not_found_and_the_rest_stays(&mut new());
    reads_are_bounded_by_index_and_bytes(&mut new());
    a_gap_is_refused_and_changes_nothing(&mut new());
}

fn new_storage_holds_nothing<S: Storage>(storage: &mut S) {
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

fn each_batch_survives_a_crash<S: Storage>(storage: &mut S) {
    let (mut expected, mut last) = (None, 0);
    for round in 0..8 {
        let (mut store, recovered) = storage.open();
        assert_eq!(recovered.found, expected, "round {round}: not what was written");
        assert!(recovered.incarnation > last, "an open does not raise the incarnation");
        last = recovered.incarnation;
        let from = 3 * round + 1;
        let batch = [write(round + 1, from, &[5, 700]), write(round + 1, from + 2, &[0])];
        batch.iter().for_each(|write| model(&mut expected, write));
        store.write(&batch).expect("a store takes writes in order");
        storage.crash(store);
    }
}

fn a_truncation_replaces_the_tail_for_good<S: Storage>(storage: &mut S) {
    let mut expected = None;
    let (mut store, _) = storage.open();
    for next in [write(1, 1, &[1, 2, 3, 4]), write(2, 3, &[9]), write(3, 2, &[])] {
        model(&mut expected, &next);
        store.write(&[next]).expect("a store takes truncations");
        let last = expected.as_ref().and_then(|found| found.entries.last());
        let behind = last.map_or(0, |last| last.index) + 1;
        let read = store.read(behind, behind, u64::MAX);
        assert_eq!(read, Err(StoreError::NotFound(behind)), "a truncated entry is read");
    }
    storage.crash(store);
    assert_eq!(storage.open().1.found, expected, "a truncation was undone");
}

fn a_discarded_entry_is_not_found_and_the_rest_stays<S: Storage>(storage: &mut S) {
    let mut expected = None;
    let (mut store, _) = storage.open();
    let configuration = Arc::new(Configuration::new([NodeId::of(1), NodeId::of(2)]));
    let meta = Arc::new(SnapshotMeta { last: LogId::new(1, 3), configuration });
    let mut discard = write(1, 6, &[]);
    discard.snapshot = Some(meta);
    discard.discard_through = 3;
    for next in [write(1, 1, &[1, 2, 3, 4, 5]), discard, write(2, 6, &[6])] {
        model(&mut expected, &next);
        store.write(&[next]).expect("a store takes snapshots");
    }
    assert_eq!(store.read(3, 4, u64::MAX), Err(StoreError::NotFound(3)));
    assert_eq!(store.read(4, 6, u64::MAX).map(|found| found.len()), Ok(3));
    storage.crash(store);
    assert_eq!(storage.open().1.found, expected, "a snapshot or its log was lost");
}

fn reads_are_bounded_by_index_and_bytes<S: Storage>(storage: &mut S) {
    let mut expected = None;
    let (mut store, _) = storage.open();
    for next in [write(1, 1, &[10, 20, 30]), write(2, 4, &[40, 50])] {
        model(&mut expected, &next);
        store.write(&[next]).expect("a store takes writes in order");
    }
    let all = expected.map(|found| found.entries).unwrap_or_default();
    for from in 1..=5 {
        for through in from..=6 {
            let wanted = all.starting_at(from).ending_before(through + 1);
            for max_bytes in [0, 1, 60, 100, u64::MAX] {
                let read = store.read(from, through, max_bytes);
                assert_eq!(read, Ok(wanted.capped(max_bytes)), "{from} to {through}, {max_bytes}");
            }
        }
    }
    storage.crash(store);
}

fn a_gap_is_refused_and_changes_nothing<S: Storage>(storage: &mut S) {
    let mut expected = None;
    let (mut store, _) = storage.open();
    let first = write(1, 1, &[1]);
    model(&mut expected, &first);
    store.write(&[first]).expect("a store takes writes in order");
    let refused = store.write(&[write(2, 3, &[1])]);
    assert!(matches!(refused, Err(StoreError::OutOfOrder(_))), "a gap is taken: {refused:?}");
    storage.crash(store);
    assert_eq!(storage.open().1.found, expected, "a refused write left a trace");
}

/// What a write leaves, by the plainest way to say it.
fn model(found: &mut Option<Found>, write: &Write) {
    let (old, snapshot) =
        found.take().map(|found| (found.entries, found.snapshot)).unwrap_or_default();
    let mut entries = old.ending_before(write.truncate_from);
    entries.extend(write.entries.clone()).expect("the suite's writes follow one another");
    *found = Some(Found {
        hard_state: write.hard_state,
        snapshot: write.snapshot.clone().or(snapshot),
        entries: entries.starting_at(write.discard_through + 1),
    });
}

/// A write in `term` that puts commands of `lens` bytes at `from`.
fn write(term: Term, from: Index, lens: &[usize]) -> Write {
    let payloads = commands(lens.iter().map(|len| vec![term as u8; *len]));
    let entries = Entries::from_payloads(LogId::new(term, from), payloads).unwrap_or_default();
    Write {
        seq: Seq { incarnation: 1, number: from },
        hard_state: HardState { term, voted_for: Some(NodeId::of(2)), promise: term },
        truncate_from: from,
        entries,
        snapshot: None,
        discard_through: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryStore;

    struct Memory(MemoryStore);

    impl Storage for Memory {
        type Store = MemoryStore;
        fn open(&mut self) -> (MemoryStore, Recovered) {
            let recovered = self.0.open();
            (self.0.clone(), recovered)
        }
        fn crash(&mut self, store: MemoryStore) {
            self.0 = store;
        }
    }

    #[test]
    fn the_store_in_memory_keeps_every_rule() {
        run(|| Memory(MemoryStore::new()));
    }
}
