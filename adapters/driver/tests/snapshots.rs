//! Old entries, snapshots, and outcomes across them.

mod host;

use std::sync::Arc;

use host::*;
use quorate_core::{
    Body, Consistency, Entries, Halt, LogId, MemberChange, Message, Promotion, Refusal,
    SnapshotMeta, Timestamp, VoteAnswer, commands,
};
use quorate_driver::{
    ApplyJob, Cause, Driver, LogStore, MemoryStore, Outcome, SnapshotId, SnapshotPolicy,
    StateMachine, StoreError,
};

#[test]
fn after_a_restart_everything_is_applied_from_the_store() {
    let mut store = MemoryStore::new();
    let mut machine = Count::default();
    let mut driver = begin(1, &mut store);
    driver.propose(proposals(1..31), NOW);
    run(&mut driver, &mut store, &mut machine);
    driver.propose(proposals(1..31), NOW);
    run(&mut driver, &mut store, &mut machine);
    assert_eq!(machine.commands, 30, "the first came before it led");
    let mut again = Count::default();
    let mut driver = begin(1, &mut store);
    let mut reads = 0;
    loop {
        if let Some(job) = driver.next_write() {
            driver.write_done(job.run(&mut store), NOW);
        } else if let Some(job) = driver.next_log_read() {
            reads += 1;
            driver.log_read_done(job.run(&mut store), NOW);
        } else if let Some(job) = driver.next_apply() {
            driver.apply_done(job.run(&mut store, &mut again), NOW);
        } else {
            break;
        }
    }
    assert_eq!(again.commands, machine.commands);
    assert!(reads > 3, "{reads} reads: nothing was read in parts");
}

#[test]
fn a_log_read_that_fails_stops_the_node_and_says_why() {
    for (error, cause) in [
        (StoreError::Io("gone".into()), Cause::Store(StoreError::Io("gone".into()))),
        (StoreError::NotFound(1), Cause::Core(Halt::LogLost { index: 1 })),
    ] {
        let mut store = MemoryStore::new();
        let mut driver = begin(1, &mut store);
        driver.write_done(driver.clone().next_write().expect("a write").run(&mut store), NOW);
        run(&mut driver, &mut store, &mut Count::default());
        let mut driver = begin(1, &mut store);
        while let Some(job) = driver.next_write() {
            driver.write_done(job.run(&mut store), NOW);
        }
        driver.propose(proposals(7..8), NOW);
        driver.read(8, Consistency::Linearizable, NOW);
        let job = driver.next_log_read().expect("all is read back");
        assert_eq!(job.range().0, 1);
        driver.log_read_done(job.run(&mut Failing(error)), NOW);
        let outcomes: Vec<_> = driver.drain_outcomes().collect();
        assert_eq!(outcomes.last(), Some(&Outcome::Halted(cause.clone())), "{outcomes:?}");
        assert!(outcomes.contains(&Outcome::Unknown { request: 7 }), "{outcomes:?}");
        let refused = Outcome::Refused { request: 8, reason: Refusal::Halted };
        assert!(outcomes.contains(&refused), "{outcomes:?}");
        assert_eq!(driver.cause(), Some(&cause));
        // What comes later is refused, whatever it is.
        driver.change_members(9, Vec::new(), None, NOW);
        driver.transfer(10, None, NOW);
        let reason = Refusal::Halted;
        let refused = [9, 10].map(|request| Outcome::Refused { request, reason });
        assert_eq!(driver.drain_outcomes().collect::<Vec<_>>(), refused);
        assert!(driver.next_write().is_none() && driver.next_log_read().is_none());
    }
}

/// A store from which nothing can be read.
struct Failing(StoreError);

impl LogStore for Failing {
    fn write(&mut self, _: &[quorate_core::Write]) -> Result<(), StoreError> {
        Err(self.0.clone())
    }
    fn read(&mut self, _: u64, _: u64, _: u64) -> Result<Entries, StoreError> {
        Err(self.0.clone())
    }
    fn space_left(&self) -> u64 {
        0
    }
    fn snapshot_begin(&mut self, _: quorate_driver::SnapshotId) -> Result<u64, StoreError> {
        Err(self.0.clone())
    }
    fn snapshot_write(
        &mut self,
        _: quorate_driver::SnapshotId,
        _: u64,
        _: &[u8],
    ) -> Result<(), StoreError> {
        Err(self.0.clone())
    }
    fn snapshot_finish(&mut self, _: quorate_driver::SnapshotId) -> Result<(), StoreError> {
        Err(self.0.clone())
    }
    fn snapshot_find(&mut self, _: LogId) -> Result<quorate_driver::SnapshotId, StoreError> {
        Err(self.0.clone())
    }
    fn snapshot_read(
        &mut self,
        _: quorate_driver::SnapshotId,
        _: u64,
        _: u64,
    ) -> Result<bytes::Bytes, StoreError> {
        Err(self.0.clone())
    }
    fn snapshot_remove(&mut self, _: LogId) -> Result<(), StoreError> {
        Err(self.0.clone())
    }
}

#[test]
fn a_snapshot_is_taken_when_it_is_due_and_the_next_life_begins_with_it() {
    let mut store = MemoryStore::new();
    let mut machine = Count::default();
    let mut driver = begin(1, &mut store);
    run(&mut driver, &mut store, &mut machine);
    let policy = SnapshotPolicy { every_entries: 10, ..SnapshotPolicy::NEVER };
    driver.propose(proposals(1..6), NOW);
    run(&mut driver, &mut store, &mut machine);
    assert!(!driver.is_snapshot_due(policy) && !driver.is_snapshot_due(SnapshotPolicy::NEVER));
    assert!(driver.is_snapshot_due(SnapshotPolicy { every_bytes: 50, ..SnapshotPolicy::NEVER }));
    driver.propose(proposals(6..16), NOW);
    run(&mut driver, &mut store, &mut machine);
    assert!(driver.is_snapshot_due(policy));
    let job = driver.take_snapshot(&machine).expect("it is due");
    let last = job.last();
    assert!(driver.take_snapshot(&machine).is_none(), "one at a time");
    // Applying goes on meanwhile.
    driver.propose(proposals(16..20), NOW);
    run(&mut driver, &mut store, &mut machine);
    driver.snapshot_done(job.run(&mut store), NOW);
    let outcomes = run(&mut driver, &mut store, &mut machine);
    assert!(outcomes.contains(&Outcome::SnapshotTaken { last }), "{outcomes:?}");
    assert_eq!(store.read(1, 1, 1), Err(StoreError::NotFound(1)), "the log was let go");
    let mut again = Count::default();
    let mut driver = begin(1, &mut store);
    let job = driver.next_apply().expect("the snapshot comes first");
    assert!(matches!(&job, ApplyJob::Install(job) if job.meta().last == last), "{job:?}");
    driver.apply_done(job.run(&mut store, &mut again), NOW);
    assert_eq!((again.commands, driver.applied()), (15, last.index));
    run(&mut driver, &mut store, &mut again);
    // The new life's own first entry is one more.
    assert_eq!((again.commands, again.last), (19, machine.last + 1));
}

/// Does all that is due, at `now`.
fn run_at(
    now: Timestamp,
    driver: &mut Driver<<Count as StateMachine>::Response>,
    store: &mut MemoryStore,
    machine: &mut Count,
) {
    loop {
        if let Some(job) = driver.next_write() {
            driver.write_done(job.run(store), now);
        } else if let Some(job) = driver.next_log_read() {
            driver.log_read_done(job.run(store), now);
        } else if let Some(job) = driver.next_apply() {
            driver.apply_done(job.run(store, machine), now);
        } else {
            return;
        }
    }
}

#[test]
fn a_snapshot_is_due_a_while_after_the_first_entry_that_none_covers() {
    let mut store = MemoryStore::new();
    let mut machine = Count::default();
    let mut driver = begin(1, &mut store);
    run(&mut driver, &mut store, &mut machine);
    let job = driver.take_snapshot(&machine).expect("there is something new");
    driver.snapshot_done(job.run(&mut store), NOW);
    run(&mut driver, &mut store, &mut machine);
    let policy = SnapshotPolicy { every_nanos: 1_000, ..SnapshotPolicy::NEVER };
    let at = |nanos: u64| Timestamp(NOW.0 + nanos);
    let wakes = |driver: &Driver<_>, nanos| driver.deadline() == Some(at(nanos));
    // Nothing was applied since: it is due neither now nor ever.
    driver.tick(at(0));
    assert!(!driver.is_snapshot_due(policy) && !wakes(&driver, 1_000));
    driver.propose(proposals(1..2), at(0));
    run_at(at(0), &mut driver, &mut store, &mut machine);
    assert!(!driver.is_snapshot_due(policy) && wakes(&driver, 1_000));
    // The first one counts, not the last.
    driver.propose(proposals(2..3), at(900));
    run_at(at(900), &mut driver, &mut store, &mut machine);
    assert!(!driver.is_snapshot_due(policy) && wakes(&driver, 1_000));
    assert!(!driver.is_snapshot_due(SnapshotPolicy::NEVER) && !wakes(&driver, 1_000));
    driver.tick(at(999));
    assert!(!driver.is_snapshot_due(policy) && wakes(&driver, 1_000));
    // Nobody is woken twice for the same.
    driver.tick(at(1_000));
    assert!(!wakes(&driver, 1_000) && driver.is_snapshot_due(policy));
    let job = driver.take_snapshot(&machine).expect("it is due");
    assert!(!driver.is_snapshot_due(policy), "one is under way");
    driver.snapshot_done(job.run(&mut store), at(1_000));
    run_at(at(1_000), &mut driver, &mut store, &mut machine);
    driver.tick(at(5_000));
    assert!(!driver.is_snapshot_due(policy), "there is nothing new");
    // It is counted anew from what comes then.
    driver.propose(proposals(3..4), at(5_000));
    run_at(at(5_000), &mut driver, &mut store, &mut machine);
    assert!(!driver.is_snapshot_due(policy) && wakes(&driver, 6_000));
}

#[test]
fn a_snapshot_that_cannot_be_kept_harms_nothing() {
    let mut store = MemoryStore::new();
    let mut machine = Count::default();
    let mut driver = begin(1, &mut store);
    run(&mut driver, &mut store, &mut machine);
    let job = driver.take_snapshot(&machine).expect("there is something new");
    let error = StoreError::Full("no".into());
    driver.snapshot_done(job.run(&mut Failing(error.clone())), NOW);
    assert_eq!(driver.drain_outcomes().next(), Some(Outcome::SnapshotFailed { error }));
    driver.propose(proposals(1..2), NOW);
    let outcomes = run(&mut driver, &mut store, &mut machine);
    assert!(matches!(outcomes[..], [Outcome::Done { request: 1, .. }]), "{outcomes:?}");
    assert!(driver.take_snapshot(&machine).is_some(), "it can be tried again");
}

/// Node 1 leads three nodes in term 2, with the first entry of its term at 2, not committed.
fn leader(store: &mut MemoryStore) -> Driver<u64> {
    let mut driver = begin(3, store);
    run(&mut driver, store, &mut Count::default());
    let due = driver.deadline().expect("an election timeout");
    driver.tick(due);
    for _ in 0..2 {
        for (to, message) in driver.drain_sends().collect::<Vec<_>>() {
            let answer = |campaign| VoteAnswer { granted: true, campaign };
            let body = match message.body {
                Body::PreVoteRequest(request) => Body::PreVoteAnswer(answer(request.campaign)),
                Body::VoteRequest(request) => Body::VoteAnswer(answer(request.campaign)),
                other => panic!("a candidate says {other:?}"),
            };
            if to == node(2) {
                driver.receive(to, Message { term: message.term, body }, due);
            }
        }
        run(&mut driver, store, &mut Count::default());
    }
    driver.drain_sends();
    driver
}

fn meta(term: u64, index: u64) -> Arc<SnapshotMeta> {
    Arc::new(SnapshotMeta { last: LogId::new(term, index), configuration: founding(3) })
}

#[test]
fn what_a_snapshot_covers_is_unknown_unless_terms_tell() {
    let mut store = MemoryStore::new();
    let mut machine = Count::default();
    let mut driver = leader(&mut store);
    // At 3 to 6 of term 2.
    driver.propose(proposals(3..7), NOW);
    driver.read(50, Consistency::Linearizable, NOW);
    run(&mut driver, &mut store, &mut machine);
    let state = Count { commands: 40, last: 5 };
    keep(&mut store, LogId::new(3, 5), &state);
    driver.snapshot_received(3, meta(3, 5), NOW);
    let outcomes = run(&mut driver, &mut store, &mut machine);
    for (request, outcome) in [
        (3, Outcome::Unknown { request: 3 }),
        (4, Outcome::Unknown { request: 4 }),
        (5, Outcome::Replaced { request: 5, by: LogId::new(3, 5) }),
    ] {
        assert!(outcomes.contains(&outcome), "{request}: {outcomes:?}");
    }
    assert_eq!((&machine, driver.applied()), (&state, 5));
    // At 6 another entry is committed later.
    let mut entries = Entries::new();
    entries.append(LogId::new(3, 6), commands(["other"])).expect("in order");
    driver.receive(node(2), append(3, LogId::new(3, 5), 6, entries), NOW);
    let outcomes = run(&mut driver, &mut store, &mut machine);
    let replaced = Outcome::Replaced { request: 6, by: LogId::new(3, 6) };
    assert!(outcomes.contains(&replaced), "{outcomes:?}");
    assert_eq!(machine.commands, 41);
}

#[test]
fn a_snapshot_that_a_newer_one_drove_out_is_passed_over() {
    let mut store = MemoryStore::new();
    let mut machine = Count::default();
    let mut driver = begin(3, &mut store);
    run(&mut driver, &mut store, &mut machine);
    keep(&mut store, LogId::new(2, 5), &Count { commands: 4, last: 5 });
    driver.snapshot_received(2, meta(2, 5), NOW);
    while let Some(job) = driver.next_write() {
        driver.write_done(job.run(&mut store), NOW);
    }
    let older = driver.next_apply().expect("the first snapshot");
    let mut entries = Entries::new();
    entries.append(LogId::new(2, 6), commands(["a", "b"])).expect("in order");
    driver.receive(node(2), append(2, LogId::new(2, 5), 7, entries), NOW);
    while let Some(job) = driver.next_write() {
        driver.write_done(job.run(&mut store), NOW);
    }
    while let Some(job) = driver.next_log_read() {
        driver.log_read_done(job.run(&mut store), NOW);
    }
    keep(&mut store, LogId::new(2, 9), &Count { commands: 8, last: 9 });
    driver.snapshot_received(2, meta(2, 9), NOW);
    // The store drives the older one out; its completion comes late.
    let write = driver.next_write().expect("the newer snapshot is named").run(&mut store);
    driver.apply_done(older.run(&mut store, &mut machine), NOW);
    assert_eq!(driver.cause(), None, "nothing is lost");
    assert!(driver.next_apply().is_none(), "what follows the older one needs it");
    driver.write_done(write, NOW);
    run(&mut driver, &mut store, &mut machine);
    assert_eq!((&machine, driver.applied()), (&Count { commands: 8, last: 9 }, 9));
    // One that is gone with nothing in its place is the end.
    keep(&mut store, LogId::new(2, 12), &Count { commands: 11, last: 12 });
    driver.snapshot_received(2, meta(2, 12), NOW);
    while let Some(job) = driver.next_write() {
        driver.write_done(job.run(&mut store), NOW);
    }
    let job = driver.next_apply().expect("a snapshot");
    driver.apply_done(job.run(&mut MemoryStore::new(), &mut machine), NOW);
    assert!(matches!(driver.cause(), Some(Cause::Install { .. })), "{:?}", driver.cause());
}

#[test]
fn of_received_snapshots_only_those_that_nothing_names_are_removed() {
    let mut store = MemoryStore::new();
    let mut machine = Count::default();
    let mut driver = begin(3, &mut store);
    run(&mut driver, &mut store, &mut machine);
    keep(&mut store, LogId::new(2, 5), &Count { commands: 4, last: 5 });
    driver.snapshot_received(2, meta(2, 5), NOW);
    // The same again, before and after it is named.
    driver.snapshot_received(2, meta(2, 5), NOW);
    assert!(driver.drain_discards().is_empty());
    run(&mut driver, &mut store, &mut machine);
    driver.snapshot_received(2, meta(2, 5), NOW);
    assert!(driver.drain_discards().is_empty());
    let mut entries = Entries::new();
    entries.append(LogId::new(2, 6), commands(["a", "b"])).expect("in order");
    driver.receive(node(2), append(2, LogId::new(2, 5), 7, entries), NOW);
    run(&mut driver, &mut store, &mut machine);
    // Committed here already: of no use, and of no name.
    driver.snapshot_received(2, meta(2, 6), NOW);
    assert_eq!(driver.drain_discards(), [LogId::new(2, 6)]);
}

#[test]
fn a_change_of_members_is_done_once_it_is_applied_and_refused_with_the_reason() {
    let mut store = MemoryStore::new();
    let mut machine = Count::default();
    let mut driver = begin(1, &mut store);
    run(&mut driver, &mut store, &mut machine);
    let add = || vec![MemberChange::AddLearner { node: node(2), promotion: Promotion::OnDemand }];
    driver.change_members(5, add(), None, NOW);
    let outcomes = run(&mut driver, &mut store, &mut machine);
    let place = LogId::new(2, 3);
    assert!(
        outcomes.iter().any(|outcome| matches!(
            outcome,
            Outcome::Done { request: 5, log_id, .. } if *log_id == place
        )),
        "{outcomes:?}"
    );
    driver.change_members(6, add(), None, NOW);
    let outcomes = run(&mut driver, &mut store, &mut machine);
    assert!(
        matches!(outcomes[..], [Outcome::Refused { request: 6, reason: Refusal::Change(_) }]),
        "{outcomes:?}"
    );
    driver.transfer(7, None, NOW);
    let refused = Outcome::Refused { request: 7, reason: Refusal::NoTarget };
    assert_eq!(run(&mut driver, &mut store, &mut machine), [refused]);
}

/// A follower that has applied entries through 7, of term 2.
fn follower(store: &mut MemoryStore, machine: &mut Count) -> Driver<u64> {
    let mut driver = begin(3, store);
    run(&mut driver, store, machine);
    keep(store, LogId::new(2, 5), &Count { commands: 4, last: 5 });
    driver.snapshot_received(2, meta(2, 5), NOW);
    let mut entries = Entries::new();
    entries.append(LogId::new(2, 6), commands(["a", "b"])).expect("in order");
    driver.receive(node(2), append(2, LogId::new(2, 5), 7, entries), NOW);
    run(&mut driver, store, machine);
    assert_eq!(driver.applied(), 7);
    driver
}

#[test]
fn a_snapshot_that_comes_from_two_sides_is_kept_once() {
    let (mut store, mut machine) = (MemoryStore::new(), Count::default());
    let mut driver = follower(&mut store, &mut machine);
    let job = driver.take_snapshot(&machine).expect("there is something new");
    let last = job.last();
    let state = machine.snapshot()();
    let id = SnapshotId::of(last, &state);
    let mut own = job.serialize();
    assert_eq!(own.write_some(&mut store), Ok(false), "it is begun");
    // Another node sends the same bytes, and is faster.
    assert_eq!(store.snapshot_begin(id), Ok(0));
    store.snapshot_write(id, 0, &state[..10]).expect("the other's part");
    assert_eq!(own.write_some(&mut store), Ok(false), "it goes on behind the other's part");
    assert_eq!(own.write_some(&mut store), Ok(false));
    assert_eq!(own.write_some(&mut store), Ok(true));
    driver.snapshot_done(own.done(Ok(())), NOW);
    let outcomes = run(&mut driver, &mut store, &mut machine);
    assert!(outcomes.contains(&Outcome::SnapshotTaken { last }), "{outcomes:?}");
    assert_eq!(store.snapshot_find(last), Ok(id));
}

#[test]
fn a_snapshot_that_was_overtaken_is_no_failure() {
    let (mut store, mut machine) = (MemoryStore::new(), Count::default());
    let mut driver = follower(&mut store, &mut machine);
    let mut own = driver.take_snapshot(&machine).expect("something new").serialize();
    assert_eq!(own.write_some(&mut store), Ok(false), "it is begun");
    keep(&mut store, LogId::new(2, 9), &Count { commands: 8, last: 9 });
    driver.snapshot_received(2, meta(2, 9), NOW);
    run(&mut driver, &mut store, &mut machine);
    let error = own.write_some(&mut store).expect_err("the newer one drove it out");
    assert_eq!(error, StoreError::NoSnapshot(LogId::new(2, 7)));
    driver.snapshot_done(own.done(Err(error)), NOW);
    let outcomes = run(&mut driver, &mut store, &mut machine);
    assert_eq!(outcomes, [Outcome::SnapshotTaken { last: LogId::new(2, 9) }]);
    assert_eq!(driver.raft().status().snapshot.map(|newest| newest.last.index), Some(9));
}
