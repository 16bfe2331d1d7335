//! A host for tests: it does a driver's jobs at once, or one at a time.
#![allow(dead_code, unreachable_pub, reason = "each test file uses a part of it")]

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::{
    AppendRequest, Body, Config, Configuration, Entries, EntryRef, LogId, Message, NodeId, Payload,
    Timestamp,
};
use quorate_driver::{
    Driver, InstallError, LogStore, MemoryStore, Outcome, SerializeState, SnapshotId, StateMachine,
};

pub const NOW: Timestamp = Timestamp(0);

/// Remembers how many commands it applied, and the last entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Count {
    pub commands: u64,
    pub last: u64,
}

impl StateMachine for Count {
    type Response = u64;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> u64 {
        self.commands += u64::from(matches!(entry.payload, Payload::Command(_)));
        self.last = entry.log_id.index;
        self.commands
    }

    fn snapshot(&self) -> SerializeState {
        let state = [self.commands, self.last];
        Box::new(move || state.iter().flat_map(|part| part.to_le_bytes()).collect())
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        let (commands, last) =
            bytes.split_at_checked(8).ok_or_else(|| InstallError("short".to_owned()))?;
        let number = |part: &[u8]| {
            let part = part.try_into().map_err(|_| InstallError("not eight bytes".to_owned()))?;
            Ok(u64::from_le_bytes(part))
        };
        *self = Count { commands: number(commands)?, last: number(last)? };
        Ok(())
    }
}

/// Knobs with which nothing durable stays in memory.
pub fn config() -> Config {
    Config { cache_bytes: 0, retain_entries: 0, max_apply_bytes: 100, ..Config::new(node(1), 1) }
}

pub fn node(id: u64) -> NodeId {
    NodeId::of(id)
}

pub fn founding(voters: u64) -> Arc<Configuration> {
    Arc::new(Configuration::new((1..=voters).map(node)))
}

pub fn begin(voters: u64, store: &mut MemoryStore) -> Driver<u64> {
    let persisted = store.open().found_or_bootstrap(founding(voters));
    Driver::restore(config(), persisted, NOW).expect("starts")
}

/// Does all jobs until there are none.
pub fn run(
    driver: &mut Driver<u64>,
    store: &mut impl LogStore,
    machine: &mut impl StateMachine<Response = u64>,
) -> Vec<Outcome<u64>> {
    let mut outcomes = Vec::new();
    loop {
        let write = driver.next_write();
        let read = driver.next_log_read();
        let apply = driver.next_apply();
        outcomes.extend(driver.drain_outcomes());
        if write.is_none() && read.is_none() && apply.is_none() {
            return outcomes;
        }
        if let Some(job) = write {
            driver.write_done(job.run(store), NOW);
        }
        if let Some(job) = read {
            driver.log_read_done(job.run(store), NOW);
        }
        if let Some(job) = apply {
            driver.apply_done(job.run(store, machine), NOW);
        }
    }
}

pub fn proposals(requests: std::ops::Range<u64>) -> Vec<(u64, Bytes)> {
    requests.map(|request| (request, Bytes::from_static(b"x"))).collect()
}

/// What the leader of `term` appends behind `prev`.
pub fn append(term: u64, prev: LogId, commit: u64, entries: Entries) -> Message {
    let promise = 1_000_000_000;
    let request = AppendRequest { prev, commit, round: 1, promise, quiesce: false, entries };
    Message { term, body: Body::AppendRequest(request) }
}

/// Keeps a snapshot that another node sent.
pub fn keep(store: &mut impl LogStore, last: LogId, state: &Count) {
    let bytes = state.snapshot()();
    let id = SnapshotId::of(last, &bytes);
    if store.snapshot_begin(id).expect("it begins") < id.len {
        store.snapshot_write(id, 0, &bytes).expect("it is written");
    }
    store.snapshot_finish(id).expect("it is whole");
}
