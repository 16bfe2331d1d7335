//! What the driver adds to the core: group commit, outcomes, reads that wait for their apply.

use std::sync::Arc;

use bytes::Bytes;
use quorate_core::{
    AppendAnswer, AppendOutcome, AppendRequest, Body, Config, Configuration, Consistency, Entries,
    EntryRef, LogId, Message, NodeId, Payload, Refusal, RoleKind, Seq, Timestamp, VoteAnswer,
    VoteRequest, commands,
};
use quorate_driver::{
    Cause, Driver, InstallError, LogStore, MemoryStore, Outcome, SerializeState, SnapshotId,
    StateMachine, StoreError,
};

/// Answers each entry with its index.
#[derive(Default)]
struct Echo;

impl StateMachine for Echo {
    type Response = u64;
    fn apply_entry(&mut self, entry: EntryRef<'_>) -> u64 {
        entry.log_id.index
    }
    fn snapshot(&self) -> SerializeState {
        Box::new(Vec::new)
    }
    fn install(&mut self, _: Bytes) -> Result<(), InstallError> {
        Ok(())
    }
}

const NOW: Timestamp = Timestamp(0);

fn driver(voters: u64, store: &mut MemoryStore) -> Driver<u64> {
    let founding = Arc::new(Configuration::new((1..=voters).map(NodeId::of)));
    let persisted = store.open().found_or_bootstrap(founding);
    Driver::restore(Config::new(NodeId::of(1), 1), persisted, NOW).expect("starts")
}

fn run(driver: &mut Driver<u64>, store: &mut MemoryStore) -> Vec<Outcome<u64>> {
    loop {
        let write = driver.next_write();
        let read = driver.next_log_read();
        let apply = driver.next_apply();
        if write.is_none() && read.is_none() && apply.is_none() {
            return driver.drain_outcomes().collect();
        }
        if let Some(job) = write {
            driver.write_done(job.run(store), NOW);
        }
        if let Some(job) = read {
            driver.log_read_done(job.run(store), NOW);
        }
        if let Some(job) = apply {
            driver.apply_done(job.run(store, &mut Echo), NOW);
        }
    }
}

fn proposals(requests: std::ops::Range<u64>) -> Vec<(u64, Bytes)> {
    requests.map(|request| (request, Bytes::from_static(b"x"))).collect()
}

#[test]
fn each_proposal_of_a_batch_gets_its_own_outcome() {
    let mut store = MemoryStore::new();
    let mut driver = driver(1, &mut store);
    run(&mut driver, &mut store);
    driver.propose(proposals(10..13), NOW);
    let done =
        |request, index| Outcome::Done { request, log_id: LogId::new(2, index), response: index };
    assert_eq!(run(&mut driver, &mut store), [done(10, 3), done(11, 4), done(12, 5)]);
}

#[test]
fn writes_that_queue_up_behind_one_become_one_group_commit() {
    let mut store = MemoryStore::new();
    let mut driver = driver(1, &mut store);
    run(&mut driver, &mut store);
    driver.propose(proposals(1..2), NOW);
    let first = driver.next_write().expect("a write");
    driver.propose(proposals(2..3), NOW);
    driver.propose(proposals(3..4), NOW);
    assert_eq!(driver.next_write(), None, "one write at a time");
    driver.write_done(first.run(&mut store), NOW);
    assert_eq!(driver.next_write().expect("the rest").writes().len(), 2);
}

#[test]
fn a_read_waits_until_its_index_is_applied() {
    let mut store = MemoryStore::new();
    let mut driver = driver(1, &mut store);
    let write = driver.next_write().expect("the founding entry");
    driver.write_done(write.run(&mut store), NOW);
    let write = driver.next_write().expect("the first entry of the term");
    driver.write_done(write.run(&mut store), NOW);
    driver.drain_outcomes();
    driver.read(5, Consistency::Linearizable, NOW);
    assert_eq!(driver.drain_outcomes().next(), None, "nothing is applied yet");
    let outcomes = run(&mut driver, &mut store);
    assert!(outcomes.contains(&Outcome::ReadReady { request: 5, index: 2 }), "{outcomes:?}");
}

#[test]
fn a_follower_refuses_a_proposal_with_the_leader_and_asks_it_for_a_read() {
    let mut store = MemoryStore::new();
    let mut driver = driver(3, &mut store);
    let entries = Entries::new();
    let prev = LogId::ZERO;
    let append = AppendRequest {
        prev,
        commit: 0,
        round: 1,
        promise: 1_000_000_000,
        quiesce: false,
        entries,
    };
    let message = Message { term: 2, body: Body::AppendRequest(append) };
    driver.receive(NodeId::of(3), message, NOW);
    driver.drain_outcomes();
    driver.propose(proposals(7..8), NOW);
    driver.read(8, Consistency::Linearizable, NOW);
    let reason = Refusal::NotLeader { leader: Some(NodeId::of(3)) };
    // The read is not refused: the node asks the leader.
    let refused = Outcome::Refused { request: 7, reason };
    assert_eq!(driver.drain_outcomes().collect::<Vec<_>>(), [refused]);
    let asks = |(to, message): (NodeId, Message)| {
        to == NodeId::of(3) && matches!(message.body, Body::ReadRequest(_))
    };
    assert!(driver.drain_sends().any(asks));
}

/// Node 1 leads three nodes in term 2, with the first entry of its term not yet committed.
fn leader(store: &mut MemoryStore) -> Driver<u64> {
    let mut driver = driver(3, store);
    run(&mut driver, store);
    let due = driver.deadline().expect("an election timeout");
    driver.tick(due);
    for _ in 0..2 {
        for (to, message) in driver.drain_sends().collect::<Vec<_>>() {
            let body = match message.body {
                Body::PreVoteRequest(request) => {
                    Body::PreVoteAnswer(VoteAnswer { granted: true, campaign: request.campaign })
                }
                Body::VoteRequest(request) => {
                    Body::VoteAnswer(VoteAnswer { granted: true, campaign: request.campaign })
                }
                other => panic!("a candidate says {other:?}"),
            };
            if to == NodeId::of(2) {
                driver.receive(to, Message { term: message.term, body }, due);
            }
        }
        run(&mut driver, store);
    }
    assert_eq!(driver.raft().status().role, RoleKind::Leader);
    driver.drain_sends();
    driver
}

#[test]
fn a_proposal_whose_place_another_leader_filled_is_known_to_be_not_done() {
    let mut store = MemoryStore::new();
    let mut driver = leader(&mut store);
    driver.propose(proposals(9..10), NOW);
    run(&mut driver, &mut store);
    let mut entries = Entries::new();
    let noop = || Payload::Noop.into();
    entries.append(LogId::new(3, 2), noop()).expect("in order");
    entries.append(LogId::new(3, 3), commands(["other"])).expect("in order");
    let prev = LogId::new(1, 1);
    let append = AppendRequest {
        prev,
        commit: 3,
        round: 1,
        promise: 1_000_000_000,
        quiesce: false,
        entries,
    };
    let message = Message { term: 3, body: Body::AppendRequest(append) };
    driver.receive(NodeId::of(2), message, NOW);
    let outcomes = run(&mut driver, &mut store);
    let replaced = Outcome::Replaced { request: 9, by: LogId::new(3, 3) };
    assert!(outcomes.contains(&replaced), "{outcomes:?}");
    assert!(!outcomes.iter().any(|outcome| matches!(outcome, Outcome::Done { .. })));
}

/// A store whose disk is gone.
struct Broken;

impl LogStore for Broken {
    fn write(&mut self, _: &[quorate_core::Write]) -> Result<(), StoreError> {
        Err(StoreError::Io("gone".into()))
    }
    fn read(&mut self, from: u64, _: u64, _: u64) -> Result<Entries, StoreError> {
        Err(StoreError::NotFound(from))
    }
    fn space_left(&self) -> u64 {
        0
    }
    fn snapshot_begin(&mut self, _: SnapshotId) -> Result<u64, StoreError> {
        Err(StoreError::Io("gone".into()))
    }
    fn snapshot_write(&mut self, _: SnapshotId, _: u64, _: &[u8]) -> Result<(), StoreError> {
        Err(StoreError::Io("gone".into()))
    }
    fn snapshot_finish(&mut self, _: SnapshotId) -> Result<(), StoreError> {
        Err(StoreError::Io("gone".into()))
    }
    fn snapshot_find(&mut self, _: LogId) -> Result<SnapshotId, StoreError> {
        Err(StoreError::Io("gone".into()))
    }
    fn snapshot_read(&mut self, _: SnapshotId, _: u64, _: u64) -> Result<Bytes, StoreError> {
        Err(StoreError::Io("gone".into()))
    }
    fn snapshot_remove(&mut self, _: LogId) -> Result<(), StoreError> {
        Err(StoreError::Io("gone".into()))
    }
}

#[test]
fn after_a_failed_write_what_was_accepted_is_unknown_and_nothing_more_is_done() {
    let mut store = MemoryStore::new();
    let mut driver = leader(&mut store);
    driver.propose(proposals(4..5), NOW);
    let job = driver.next_write().expect("a write");
    driver.write_done(job.run(&mut Broken), NOW);
    let outcomes: Vec<_> = driver.drain_outcomes().collect();
    assert!(outcomes.contains(&Outcome::Unknown { request: 4 }), "{outcomes:?}");
    assert!(matches!(outcomes.last(), Some(Outcome::Halted(Cause::Store(StoreError::Io(_))))));
    assert!(driver.is_halted() && driver.deadline().is_none());
    let answer =
        AppendAnswer { round: 1, priority: 100, outcome: AppendOutcome::Matched { index: 3 } };
    driver.receive(NodeId::of(2), Message { term: 2, body: Body::AppendAnswer(answer) }, NOW);
    driver.propose(proposals(5..6), NOW);
    driver.read(6, Consistency::Linearizable, NOW);
    let refused = [5, 6].map(|request| Outcome::Refused { request, reason: Refusal::Halted });
    assert_eq!(driver.drain_outcomes().collect::<Vec<_>>(), refused);
    assert!(driver.next_write().is_none() && driver.next_apply().is_none());
    assert_eq!(driver.drain_sends().next(), None);
}

#[test]
fn a_completion_of_an_earlier_life_ends_no_job_of_this_one() {
    let mut store = MemoryStore::new();
    let mut earlier = driver(1, &mut store);
    run(&mut earlier, &mut store);
    earlier.propose(proposals(1..2), NOW);
    let late_write = earlier.next_write().expect("a write").run(&mut store);
    earlier.write_done(late_write.clone(), NOW);
    let late_apply = earlier.next_apply().expect("an apply").run(&mut store, &mut Echo);

    let mut driver = driver(1, &mut store);
    let write = driver.next_write().expect("a lone voter's candidacy is written");
    driver.write_done(late_write, NOW);
    let vote = VoteRequest { last: LogId::ZERO, campaign: Seq::default(), transfer: false };
    let message = Message { term: 9, body: Body::VoteRequest(vote) };
    driver.receive(NodeId::of(2), message, NOW);
    assert_eq!(driver.next_write(), None, "the first write is still under way");
    driver.write_done(write.run(&mut store), NOW);
    assert!(driver.next_write().is_some(), "the new term is written");
    driver.apply_done(late_apply, NOW);
    assert_eq!(driver.applied(), 0, "this life's state machine has applied nothing");
}
