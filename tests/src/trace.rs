//! A small group that lives through everything a node can live through, recorded.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use quorate_core::{
    Config, Configuration, Consistency, EntryRef, MemberChange, Message, NodeId, Payload,
    Persisted, Promotion, RoleKind, Timestamp,
};
use quorate_driver::{
    Driver, InstallError, MemoryStore, Outcome, Recorder, SerializeState, SnapshotId, StateMachine,
};

const MILLISECOND: u64 = 1_000_000;

/// A trace in memory.
#[derive(Clone, Debug, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl io::Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Counts and adds up the bytes of commands.
#[derive(Default)]
struct Sum(u64);

impl StateMachine for Sum {
    type Response = u64;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> u64 {
        if let Payload::Command(command) = entry.payload {
            self.0 += command.iter().map(|byte| u64::from(*byte)).sum::<u64>() + 1;
        }
        self.0
    }

    fn snapshot(&self) -> SerializeState {
        let sum = self.0;
        Box::new(move || sum.to_le_bytes().to_vec())
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        let wrong = |_| InstallError("a sum has eight bytes".to_owned());
        self.0 = u64::from_le_bytes(bytes[..].try_into().map_err(wrong)?);
        Ok(())
    }
}

struct Member {
    driver: Driver<u64>,
    store: MemoryStore,
    machine: Sum,
    tape: Tape,
    outcomes: Vec<Outcome<u64>>,
}

/// A group whose network and disks take no time.
struct Group {
    now: u64,
    members: BTreeMap<NodeId, Member>,
    next_request: u64,
}

fn config(id: NodeId) -> Config {
    Config {
        election_timeout: 100 * MILLISECOND,
        heartbeat_interval: 20 * MILLISECOND,
        // Everything that is durable is read back; little is kept behind a snapshot.
        cache_bytes: 0,
        retain_entries: 4,
        max_apply_bytes: 128,
        ..Config::new(id, 7)
    }
}

impl Group {
    fn found(ids: [u64; 3]) -> Group {
        let founding = Arc::new(Configuration::new(ids.map(NodeId::of)));
        let mut group = Group { now: 1, members: BTreeMap::new(), next_request: 1 };
        for id in ids {
            let start = Persisted::Bootstrap { configuration: founding.clone(), incarnation: 1 };
            group.start(NodeId::of(id), start);
        }
        group
    }

    fn start(&mut self, id: NodeId, persisted: Persisted) {
        let mut store = MemoryStore::new();
        store.open();
        let tape = Tape::default();
        let recorder = Recorder::new(tape.clone()).with_buffer_bytes(0);
        let now = Timestamp(self.now);
        let driver = Driver::restore_recorded(config(id), persisted, now, recorder);
        let driver = driver.expect("a node starts");
        let member = Member { driver, store, machine: Sum::default(), tape, outcomes: Vec::new() };
        self.members.insert(id, member);
        self.settle();
    }

    fn leader(&self) -> Option<NodeId> {
        let leads = |member: &&Member| member.driver.raft().status().role == RoleKind::Leader;
        let newest = |member: &&Member| member.driver.raft().status().term;
        let leader = self.members.values().filter(leads).max_by_key(newest);
        leader.map(|member| member.driver.raft().node())
    }

    fn with(&mut self, id: NodeId, act: impl FnOnce(&mut Driver<u64>, u64, Timestamp)) -> u64 {
        let (request, at) = (self.next_request, Timestamp(self.now));
        self.next_request += 1;
        let member = self.members.get_mut(&id).expect("a member");
        act(&mut member.driver, request, at);
        self.settle();
        request
    }

    /// Carries everything out that any node wants, until none wants any more.
    fn settle(&mut self) {
        loop {
            let mut sends: Vec<(NodeId, NodeId, Message)> = Vec::new();
            let mut snapshots = Vec::new();
            let (mut is_idle, at) = (true, Timestamp(self.now));
            for (id, member) in &mut self.members {
                is_idle &= !member.work(at);
                sends.extend(member.driver.drain_sends().map(|(to, message)| (*id, to, message)));
                snapshots.extend(member.driver.drain_snapshot_sends().map(|send| (*id, send)));
            }
            for (from, to, message) in sends {
                is_idle = false;
                if let Some(member) = self.members.get_mut(&to) {
                    member.driver.receive(from, message, at);
                }
            }
            for (from, send) in snapshots {
                is_idle = false;
                let source = &self.members[&from].store;
                let (id, bytes) = read_snapshot(&mut source.clone(), &send.meta.last);
                if let Some(member) = self.members.get_mut(&send.to) {
                    member.keep(id, &bytes);
                    member.driver.snapshot_received(send.term, send.meta, at);
                }
            }
            if is_idle {
                return;
            }
        }
    }

    /// Lets time pass, deadline by deadline.
    fn pass(&mut self, nanos: u64) {
        let end = self.now + nanos;
        loop {
            let due = self.members.values().filter_map(|member| member.driver.deadline()).min();
            self.now = due.map_or(end, |due| due.0.clamp(self.now, end));
            let at = Timestamp(self.now);
            for member in self.members.values_mut() {
                if member.driver.deadline().is_some_and(|due| due <= at) {
                    member.driver.tick(at);
                }
            }
            self.settle();
            if self.now >= end {
                return;
            }
        }
    }

    fn outcome(&self, request: u64) -> Option<&Outcome<u64>> {
        let all = self.members.values().flat_map(|member| &member.outcomes);
        all.into_iter().find(|outcome| match outcome {
            Outcome::Done { request: of, .. }
            | Outcome::ReadReady { request: of, .. }
            | Outcome::Transferred { request: of }
            | Outcome::Refused { request: of, .. } => *of == request,
            _ => false,
        })
    }
}

fn read_snapshot(store: &mut MemoryStore, last: &quorate_core::LogId) -> (SnapshotId, Bytes) {
    use quorate_driver::LogStore;
    let id = store.snapshot_find(*last).expect("what is named is here");
    (id, store.snapshot_read(id, 0, u64::MAX).expect("it can be read"))
}

impl Member {
    /// Does its jobs; false where there are none.
    fn work(&mut self, at: Timestamp) -> bool {
        let mut worked = false;
        loop {
            let write = self.driver.next_write();
            let read = self.driver.next_log_read();
            let apply = self.driver.next_apply();
            self.outcomes.extend(self.driver.drain_outcomes());
            if write.is_none() && read.is_none() && apply.is_none() {
                return worked;
            }
            worked = true;
            if let Some(job) = write {
                self.driver.write_done(job.run(&mut self.store), at);
            }
            if let Some(job) = read {
                self.driver.log_read_done(job.run(&mut self.store), at);
            }
            if let Some(job) = apply {
                let done = job.run(&mut self.store, &mut self.machine);
                self.driver.apply_done(done, at);
            }
        }
    }

    fn keep(&mut self, id: SnapshotId, bytes: &[u8]) {
        use quorate_driver::LogStore;
        self.store.snapshot_begin(id).expect("memory does not fail");
        // It may be here already.
        let _ = self.store.snapshot_write(id, 0, bytes);
        self.store.snapshot_finish(id).expect("it is whole");
    }

    fn take_snapshot(&mut self, at: Timestamp) {
        if let Some(job) = self.driver.take_snapshot(&self.machine) {
            self.driver.snapshot_done(job.run(&mut self.store), at);
        }
    }
}

/// The traces of a run with elections, proposals, reads, changes of members, a snapshot that is taken
/// and one that is installed, log reads and a transfer; one for each node.
///
/// # Panics
/// Where the group does not do what it is asked for: then the trace would not hold all that.
pub fn record() -> BTreeMap<NodeId, Bytes> {
    let mut group = Group::found([1, 2, 3]);
    group.pass(300 * MILLISECOND);
    let leader = group.leader().expect("somebody leads");
    let other = group.members.keys().copied().find(|id| *id != leader).expect("three nodes");
    for round in 0..10_u8 {
        let proposals = group.with(leader, |driver, request, at| {
            let commands = (0..3).map(|number| {
                (request * 1000 + number, Bytes::from(vec![round; 10 * number as usize]))
            });
            driver.propose(commands.collect(), at);
        });
        assert!(group.outcome(proposals * 1000).is_some(), "a proposal is done");
        group.pass(5 * MILLISECOND);
    }
    for node in [leader, other] {
        for consistency in [Consistency::Linearizable, Consistency::Lease] {
            let read =
                group.with(node, |driver, request, at| driver.read(request, consistency, at));
            let answer = group.outcome(read);
            assert!(matches!(answer, Some(Outcome::ReadReady { .. })), "{answer:?}");
        }
    }
    let at = Timestamp(group.now);
    group.members.values_mut().for_each(|member| member.take_snapshot(at));
    group.settle();
    let node = NodeId::of(4);
    group.start(node, Persisted::Join { incarnation: 1 });
    let promotion = Promotion::WhenCaughtUp { max_lag: 0 };
    let added = group.with(leader, |driver, request, at| {
        let changes = vec![MemberChange::AddLearner { node, promotion }];
        driver.change_members(request, changes, None, at);
    });
    group.pass(500 * MILLISECOND);
    assert!(matches!(group.outcome(added), Some(Outcome::Done { .. })), "a learner is added");
    let members = group.members[&leader].driver.raft().status().configuration;
    assert!(members.is_voter(node) && !members.is_joint(), "{members:?}");
    let handed =
        group.with(leader, |driver, request, at| driver.transfer(request, Some(other), at));
    group.pass(100 * MILLISECOND);
    assert!(
        matches!(group.outcome(handed), Some(Outcome::Transferred { .. })),
        "a transfer is done"
    );
    assert_eq!(group.leader(), Some(other), "it was handed to the one asked for");
    let sums: Vec<u64> = group.members.values().map(|member| member.machine.0).collect();
    assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
    let tapes = group.members.into_iter().map(|(id, mut member)| {
        let recorder = member.driver.recorder().expect("it is recorded");
        recorder.flush().expect("memory does not fail");
        let tape = member.tape.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        (id, tape.into())
    });
    tapes.collect()
}
