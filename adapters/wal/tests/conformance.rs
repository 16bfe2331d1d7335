//! The rules of every log store, on a disk that forgets what was not synced.

mod disk;

use disk::{MemoryDisk, open};
use quorate_driver::{
    Recovered,
    conformance::{Storage, run},
};
use quorate_wal::Wal;

struct Unsynced(MemoryDisk);

impl Storage for Unsynced {
    type Store = Wal<MemoryDisk>;
    fn open(&mut self) -> (Wal<MemoryDisk>, Recovered) {
        open(&self.0).expect("opens")
    }
    fn crash(&mut self, store: Wal<MemoryDisk>) {
        drop(store);
        self.0 = MemoryDisk::with(self.0.durable());
    }
}

#[test]
fn the_log_keeps_every_rule_through_power_losses() {
    run(|| Unsynced(MemoryDisk::default()));
}
