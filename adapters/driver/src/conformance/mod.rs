//! What every log store must pass: run [`run`] from its tests.

mod log;
mod model;
mod snapshots;

use crate::{LogStore, Recovered};

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
    log::new_storage_holds_nothing(&mut new());
    log::each_batch_survives_a_crash(&mut new());
    log::a_truncation_replaces_the_tail_for_good(&mut new());
    log::a_discarded_entry_is_not_found_and_the_rest_stays(&mut new());
    log::old_entries_are_read_in_any_later_life(&mut new());
    log::reads_are_bounded_by_index_and_bytes(&mut new());
    log::what_does_not_follow_is_refused_and_changes_nothing(&mut new());
    snapshots::a_snapshot_is_there_once_it_is_finished(&mut new());
    snapshots::a_snapshot_that_was_cut_off_goes_on(&mut new());
    snapshots::a_damaged_snapshot_is_refused_and_begins_anew(&mut new());
    snapshots::a_named_snapshot_stays_and_older_ones_go(&mut new());
    snapshots::a_snapshot_takes_the_place_of_the_whole_log(&mut new());
    snapshots::a_snapshot_within_the_log_leaves_what_follows(&mut new());
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
