//! The rules of every log store, and a folder that is not this node's.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{fs, path::Path};

use custom_store::{OpenError, SledStorage, SledStore};
use quorate::NodeId;
use quorate_driver::{
    LogStore, Recovered,
    conformance::{Storage, run},
};
use tempfile::TempDir;

/// A folder that keeps, across a crash, what had reached its files.
struct Folder(TempDir);

impl Storage for Folder {
    type Store = SledStore;

    fn open(&mut self) -> (SledStore, Recovered) {
        SledStorage::new(self.0.path()).open_as(1, NodeId::of(1)).unwrap()
    }

    fn crash(&mut self, store: SledStore) {
        // As a process that is killed leaves it: what sled still holds in memory is lost.
        let left = tempfile::tempdir().unwrap();
        copy(self.0.path(), left.path());
        drop(store);
        self.0 = left;
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn the_store_keeps_every_rule() {
    run(|| Folder(tempfile::tempdir().unwrap()));
}

#[test]
fn each_life_has_a_higher_incarnation_and_another_nodes_folder_is_refused() {
    let mut folder = Folder(tempfile::tempdir().unwrap());
    for life in 1..=3 {
        let (store, recovered) = folder.open();
        assert_eq!(recovered.incarnation, life);
        assert!(store.space_left() > 0);
        folder.crash(store);
    }
    let storage = SledStorage::new(folder.0.path());
    let refused = storage.open_as(2, NodeId::of(1)).err().unwrap();
    assert_eq!(refused, OpenError::Other { found: (1, 1), asked: (2, 1) });
    assert!(refused.to_string().contains("use another folder"), "{refused}");
    let _open = storage.open_as(1, NodeId::of(1)).unwrap();
    let refused = storage.open_as(1, NodeId::of(1)).err().unwrap();
    assert!(matches!(refused, OpenError::Sled(_)), "{refused}");
}
