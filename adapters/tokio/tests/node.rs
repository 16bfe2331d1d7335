//! A node's task: what its handles are told when it stops, and what it costs when nobody is left.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    sync::{Arc, Mutex, RwLock, mpsc as gate},
    time::Duration,
};

use bytes::Bytes;
use quorate_core::{
    Config, Configuration, Entries, EntryRef, HardState, Index, LogId, NodeId, Payload, Seq, Write,
};
use quorate_driver::{
    Driver, InstallError, LogStore, MemoryStore, SerializeState, SnapshotId, SnapshotPolicy,
    StateMachine, StoreError,
};
use quorate_tokio::{Clock, NodeHandle, NodeParts, ProposeError, ReadError, spawn};
use tokio::{sync::mpsc, time::timeout};

/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(30);

/// Counts commands.
#[derive(Default)]
struct Counter(u64);

impl StateMachine for Counter {
    type Response = u64;
    fn apply_entry(&mut self, entry: EntryRef<'_>) -> u64 {
        self.0 += u64::from(matches!(entry.payload, Payload::Command(_)));
        self.0
    }
    fn snapshot(&self) -> SerializeState {
        let count = self.0;
        Box::new(move || count.to_le_bytes().to_vec())
    }
    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        let bytes = bytes[..].try_into().map_err(|_| InstallError("eight bytes".to_owned()))?;
        self.0 = u64::from_le_bytes(bytes);
        Ok(())
    }
}

/// A store whose writes of commands wait until the gate opens: forever, once it is dropped.
struct Gated {
    inner: MemoryStore,
    gate: Arc<Mutex<gate::Receiver<()>>>,
    waiting: gate::Sender<()>,
}

impl LogStore for Gated {
    fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
        let is_command = |payload: &Payload| matches!(payload, Payload::Command(_));
        let mut entries = writes.iter().flat_map(|write| write.entries.iter());
        if entries.any(|entry| is_command(entry.payload)) {
            let _ = self.waiting.send(());
            let _ = self.gate.lock().unwrap().recv();
        }
        self.inner.write(writes)
    }
    fn read(&mut self, from: Index, through: Index, max: u64) -> Result<Entries, StoreError> {
        self.inner.read(from, through, max)
    }
    fn space_left(&self) -> u64 {
        u64::MAX
    }
    fn snapshot_begin(&mut self, id: SnapshotId) -> Result<u64, StoreError> {
        self.inner.snapshot_begin(id)
    }
    fn snapshot_write(&mut self, id: SnapshotId, at: u64, part: &[u8]) -> Result<(), StoreError> {
        self.inner.snapshot_write(id, at, part)
    }
    fn snapshot_finish(&mut self, id: SnapshotId) -> Result<(), StoreError> {
        self.inner.snapshot_finish(id)
    }
    fn snapshot_find(&mut self, last: LogId) -> Result<SnapshotId, StoreError> {
        self.inner.snapshot_find(last)
    }
    fn snapshot_read(&mut self, id: SnapshotId, at: u64, max: u64) -> Result<Bytes, StoreError> {
        self.inner.snapshot_read(id, at, max)
    }
    fn snapshot_remove(&mut self, last: LogId) -> Result<(), StoreError> {
        self.inner.snapshot_remove(last)
    }
}

struct Lone {
    node: NodeHandle<u64>,
    open: gate::Sender<()>,
    waiting: gate::Receiver<()>,
}

impl Lone {
    /// A group of one that leads.
    async fn start() -> Lone {
        Lone::start_with(|_| {}).await
    }

    /// The same, with knobs of its own.
    async fn start_with(set: impl FnOnce(&mut Config)) -> Lone {
        let lone = Lone::start_from(set, &[]);
        let leads = async {
            while lone.node.status().leader.is_none() || lone.node.status().applied == 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(LONG, leads).await.expect("it leads");
        lone
    }

    /// On a store that holds this already.
    fn start_from(set: impl FnOnce(&mut Config), held: &[Write]) -> Lone {
        let mut config = Config::new(NodeId::of(1), 1);
        set(&mut config);
        let clock = Clock::new();
        let mut inner = MemoryStore::new();
        let configuration = Arc::new(Configuration::new([NodeId::of(1)]));
        if !held.is_empty() {
            let _ = inner.open();
            inner.write(held).unwrap();
        }
        let persisted = inner.open().found_or_bootstrap(configuration);
        let driver = Driver::restore(config, persisted, clock.now());
        let (open, closed) = gate::channel();
        let (tell, waiting) = gate::channel();
        let store = Gated { inner, gate: Arc::new(Mutex::new(closed)), waiting: tell };
        let machine = Arc::new(RwLock::new(Counter::default()));
        let parts = NodeParts {
            early: None,
            driver: driver.unwrap(),
            store,
            machine,
            net: None,
            inbox: mpsc::channel(1).1,
            snapshots: mpsc::channel(1).1,
            policy: SnapshotPolicy::default(),
            clock,
        };
        let node = spawn(parts).unwrap();
        Lone { node, open, waiting }
    }

    fn propose(&self) -> tokio::task::JoinHandle<Result<u64, ProposeError>> {
        let node = self.node.clone();
        tokio::spawn(async move {
            node.propose(Bytes::from_static(b"command")).await.map(|(_, response)| response)
        })
    }

    /// Waits until a command is on its way to the disk.
    async fn written(self) -> Lone {
        let wait = move || {
            self.waiting.recv_timeout(LONG).expect("a write");
            self
        };
        tokio::task::spawn_blocking(wait).await.unwrap()
    }
}

async fn told<T>(task: tokio::task::JoinHandle<T>) -> T {
    timeout(LONG, task).await.expect("an answer").unwrap()
}

#[tokio::test]
async fn a_node_that_stops_finishes_what_it_accepted_and_refuses_what_came_after() {
    let lone = Lone::start().await;
    let accepted = lone.propose();
    let lone = lone.written().await;
    let stopping = tokio::spawn({
        let node = lone.node.clone();
        async move { node.stop().await }
    });
    // The task has taken the stop, and waits for its disk.
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!accepted.is_finished() && !stopping.is_finished());
    assert_eq!(told(lone.propose()).await, Err(ProposeError::Stopped));
    let read = timeout(LONG, lone.node.read_index()).await.expect("an answer");
    assert_eq!(read, Err(ReadError::Stopped));
    lone.open.send(()).unwrap();
    assert_eq!(told(accepted).await, Ok(1));
    told(stopping).await;
    assert_eq!(told(lone.propose()).await, Err(ProposeError::Stopped));
}

#[tokio::test]
async fn a_node_that_is_killed_says_unknown_only_of_what_it_had_taken() {
    let lone = Lone::start().await;
    let accepted = lone.propose();
    let lone = lone.written().await;
    // On this one thread the node's task does not run before the next await: these are queued.
    let node = lone.node.clone();
    let mut queued: Vec<_> = (0..3).map(|_| Box::pin(node.propose(Bytes::new()))).collect();
    for proposal in &mut queued {
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(proposal.as_mut().poll(context).is_pending())
        });
        assert!(polled.await, "answered at once");
    }
    lone.node.abort();
    for proposal in queued {
        let answer = timeout(LONG, proposal).await.expect("an answer");
        assert_eq!(answer.map(drop), Err(ProposeError::Stopped));
    }
    assert_eq!(told(accepted).await, Err(ProposeError::Unknown));
    lone.open.send(()).unwrap();
    timeout(LONG, lone.node.kill()).await.expect("the store closes");
}

#[tokio::test]
async fn a_node_whose_handles_are_gone_waits_for_its_disk_without_spinning() {
    let lone = Lone::start().await;
    let proposal = lone.propose();
    let Lone { node, open, .. } = lone.written().await;
    proposal.abort();
    let mut status = node.watch_status();
    drop(node);
    let _ = proposal.await;
    let metrics = tokio::runtime::Handle::current().metrics();
    let before = metrics.worker_total_busy_duration(0);
    // Until it gives up: nothing comes back from the disk.
    timeout(LONG, async { while status.changed().await.is_ok() {} }).await.expect("it ends");
    let busy = metrics.worker_total_busy_duration(0) - before;
    assert!(busy < Duration::from_millis(200), "busy for {busy:?}");
    drop(open);
}

#[tokio::test]
async fn a_leader_may_be_read_under_its_lease_until_it_stops() {
    let lone = Lone::start_with(|config| config.publish_lease = true).await;
    let node = &lone.node;
    // Nothing happens in a group of one: a read makes the lease anew.
    timeout(LONG, node.read_index()).await.expect("it is read").unwrap();
    assert!(node.may_read());
    assert!(node.is_leader());
    // A lease ends by itself, but nobody else can lead a group of one.
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert!(!node.may_read());
    assert!(node.is_leader());
    timeout(LONG, node.read_index()).await.expect("it is read").unwrap();
    assert!(node.may_read());
    timeout(LONG, node.stop()).await.expect("it stops");
    assert!(!node.may_read());
    assert!(!node.is_leader());
}

#[tokio::test]
async fn a_node_that_another_one_outlives_in_its_group_is_not_alone() {
    // The last voter of its log is not this node: it was removed, or is about to be.
    let gone = Payload::Configuration(Arc::new(Configuration::new([NodeId::of(2)])));
    let write = Write {
        seq: Seq { incarnation: 1, number: 1 },
        hard_state: HardState { term: 1, ..HardState::default() },
        truncate_from: 1,
        entries: Entries::from_payloads(LogId::new(1, 1), gone.into()).unwrap(),
        snapshot: None,
        discard_through: 0,
    };
    let lone = Lone::start_from(|_| {}, &[write]);
    let status = lone.node.status();
    assert!(!status.is_alone, "{status:?}");
    assert_eq!(lone.node.membership().configuration.voters(), [NodeId::of(2)]);
    lone.node.kill().await;
}

#[tokio::test]
async fn a_node_that_was_about_to_be_added_is_no_member_for_certain() {
    let after = |configurations: &[&[u64]]| {
        let held = (1..).zip(configurations).map(|(index, voters)| {
            let voters = voters.iter().map(|id| NodeId::of(*id));
            let payload = Payload::Configuration(Arc::new(Configuration::new(voters)));
            Write {
                seq: Seq { incarnation: 1, number: index },
                hard_state: HardState { term: 1, ..HardState::default() },
                truncate_from: index,
                entries: Entries::from_payloads(LogId::new(1, index), payload.into()).unwrap(),
                snapshot: None,
                discard_through: 0,
            }
        });
        let lone = Lone::start_from(|_| {}, &held.collect::<Vec<_>>());
        let joined = lone.node.membership().joined;
        lone.node.abort();
        joined
    };
    assert_eq!(after(&[&[2, 3]]), LogId::ZERO);
    // The newest may be taken back.
    assert_eq!(after(&[&[2, 3], &[1, 2, 3]]), LogId::ZERO);
    assert_eq!(after(&[&[2, 3], &[1, 2, 3], &[2, 3]]), LogId::new(1, 2));
    // Founders are members from the start.
    assert_eq!(after(&[&[1, 2, 3]]), LogId::new(1, 1));
}

#[tokio::test]
async fn without_a_published_lease_nobody_reads_beside_the_task() {
    let lone = Lone::start().await;
    timeout(LONG, lone.node.read_index()).await.expect("it is read").unwrap();
    assert!(!lone.node.may_read());
    assert!(lone.node.is_leader());
}

#[tokio::test]
async fn who_follows_a_node_is_not_woken_by_each_command() {
    let lone = Lone::start().await;
    let mut status = lone.node.watch_status();
    let before = status.borrow_and_update().applied;
    let proposed = lone.propose();
    lone.open.send(()).unwrap();
    told(proposed).await.expect("done");
    let applied = async {
        while lone.node.status().applied == before {
            tokio::task::yield_now().await;
        }
    };
    timeout(LONG, applied).await.expect("it is told");
    assert!(!status.has_changed().unwrap(), "a command is no news");
}
