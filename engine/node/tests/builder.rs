//! Nodes that are built from parts of one's own.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use bytes::Bytes;
use quorate::{
    Answering, Consistency, Coordination, EngineConfig, EngineError, Inbox, MachineClient,
    MemberError, Node, NodeBuilder, NodeId, PeerAddress, Plug, Promotion, Start, StartError,
    Switchboard, Transport, TransportError, WireResponse,
};
use quorate_core::{EntryRef, Payload};
use quorate_driver::{InstallError, MemoryStore, SerializeState, StateMachine};
use tokio::{
    net::TcpListener,
    sync::oneshot,
    time::{sleep, timeout},
};

/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);

/// Adds what it is told to; answers with the sum.
#[derive(Clone, Debug, Default)]
struct Sum(u64);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Added {
    Sum(u64),
    NoNumber,
}

impl WireResponse for Added {
    fn to_bytes(&self) -> Bytes {
        match self {
            Added::Sum(sum) => Bytes::copy_from_slice(&sum.to_le_bytes()),
            Added::NoNumber => Bytes::new(),
        }
    }
    fn from_bytes(bytes: Bytes) -> Option<Added> {
        match bytes.len() {
            0 => Some(Added::NoNumber),
            _ => u64::from_bytes(bytes).map(Added::Sum),
        }
    }
}

impl StateMachine for Sum {
    type Response = Added;
    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Added {
        let Payload::Command(command) = entry.payload else { return Added::Sum(self.0) };
        match command[..].try_into() {
            Ok(number) => self.0 = self.0.wrapping_add(u64::from_le_bytes(number)),
            Err(_) => return Added::NoNumber,
        }
        Added::Sum(self.0)
    }
    fn snapshot(&self) -> SerializeState {
        let sum = self.0;
        Box::new(move || sum.to_le_bytes().to_vec())
    }
    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        let sum = u64::from_bytes(bytes).ok_or(InstallError("eight bytes".to_owned()))?;
        self.0 = sum;
        Ok(())
    }
}

type Summing = Node<MachineClient<Sum>>;

fn add(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_le_bytes())
}

fn config(dir: &Path, node: NodeId) -> EngineConfig {
    let config = EngineConfig::new(dir.join(node.to_string()));
    EngineConfig { node, request_timeout: LONG, retain_entries: 5, ..config }
}

fn all() -> impl Iterator<Item = NodeId> {
    (1..=3).map(NodeId::of)
}

fn never() -> std::future::Pending<()> {
    std::future::pending()
}

async fn start(dir: &Path, board: &Switchboard, node: NodeId) -> Summing {
    let builder = NodeBuilder::new(config(dir, node), never()).state_machine(Sum::default());
    let builder = builder.transport(board.plug(node)).members(all());
    builder.build().unwrap().start().await.unwrap()
}

async fn three(dir: &Path, board: &Switchboard) -> Vec<Summing> {
    let mut nodes = Vec::new();
    for node in all() {
        nodes.push(start(dir, board, node).await);
    }
    for node in &nodes {
        node.wait_ready(LONG).await.unwrap();
    }
    nodes
}

async fn leader(nodes: &[Summing]) -> usize {
    loop {
        match nodes.iter().position(Node::is_leader) {
            Some(leader) => return leader,
            None => sleep(Duration::from_millis(5)).await,
        }
    }
}

#[tokio::test]
async fn any_node_proposes_to_a_machine_of_ones_own_over_a_transport_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    let board = Switchboard::new();
    let nodes = three(dir.path(), &board).await;
    let mut sum = 0;
    for (number, node) in (1..=30).zip(nodes.iter().cycle()) {
        sum += number;
        assert_eq!(node.client().propose(add(number)).await, Ok(Added::Sum(sum)));
    }
    assert_eq!(nodes[0].client().propose("no number").await, Ok(Added::NoNumber));
    for node in &nodes {
        let client = node.client();
        assert_eq!(client.read(Consistency::Linearizable, |machine| machine.0).await, Ok(sum));
        assert_eq!(client.read(Consistency::Stale, |machine| machine.0).await, Ok(sum));
        assert_eq!(node.leader_info().leader, nodes[0].leader_info().leader);
    }
    let leading = &nodes[leader(&nodes).await];
    leading.transfer_leadership(None).await.unwrap();
    assert!(!leading.is_leader());
    for node in &nodes {
        node.stop().await.unwrap();
        node.stop().await.unwrap();
    }
    let error = nodes[0].client().propose(add(1)).await.unwrap_err();
    assert!(error.is_surely_not_done(), "{error}");
}

#[tokio::test]
async fn a_node_that_was_cut_off_gets_the_snapshot_over_a_transport_of_ones_own() {
    let dir = tempfile::tempdir().unwrap();
    let board = Switchboard::new();
    let nodes = three(dir.path(), &board).await;
    let leading = leader(&nodes).await;
    let late = &nodes[(leading + 1) % 3];
    let id = NodeId::of(((leading + 1) % 3 + 1) as u64);
    board.cut_off(id, all());
    for _ in 0..200 {
        assert!(nodes[leading].client().propose(add(1)).await.is_ok());
    }
    nodes[leading].snapshot().await.unwrap();
    nodes[leading].client().propose(add(1)).await.unwrap();
    let old = late.client().peek(|machine| machine.0);
    assert_eq!(old, 0);
    let asked = late.client().with_timeout(Duration::from_millis(100));
    let error = asked.read(Consistency::Linearizable, |machine| machine.0).await.unwrap_err();
    assert!(matches!(error, EngineError::NotDone { .. }), "{error}");
    board.heal();
    assert_eq!(late.client().read(Consistency::Linearizable, |machine| machine.0).await, Ok(201));
    assert!(late.status().snapshot > 100, "{:?}", late.status());
}

/// Loses every third parcel, and sends every fourth twice.
struct Bad(Plug, AtomicU64);

impl Transport for Bad {
    fn open(&self, inbox: Inbox) {
        self.0.open(inbox);
    }
    fn send(&self, to: NodeId, parcel: Bytes) {
        let number = self.1.fetch_add(1, Ordering::Relaxed);
        let times = match number % 12 {
            0 | 3 | 6 | 9 => 0,
            4 | 8 => 2,
            _ => 1,
        };
        (0..times).for_each(|_| self.0.send(to, parcel.clone()));
    }
    fn ask(
        &self,
        to: NodeId,
        question: Bytes,
        timeout: Duration,
    ) -> Answering<'_, Result<Bytes, TransportError>> {
        self.0.ask(to, question, timeout)
    }
    fn close(&self) {
        self.0.close();
    }
}

#[tokio::test]
async fn parcels_that_are_lost_or_come_twice_cost_time_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let board = Switchboard::new();
    let mut nodes = Vec::new();
    for node in all() {
        let builder = NodeBuilder::new(config(dir.path(), node), never());
        let builder = builder.state_machine(Sum::default()).members(all());
        let bad = Bad(board.plug(node), AtomicU64::new(node.get()));
        nodes.push(builder.transport(bad).build().unwrap().start().await.unwrap());
    }
    for node in &nodes {
        node.wait_ready(LONG).await.unwrap();
    }
    // What is surely in it, and what may be: a leader that is not heard for long enough makes way.
    let (mut least, mut most) = (0, 0);
    for node in nodes.iter().cycle().take(60) {
        match node.client().propose(add(1)).await {
            Ok(Added::Sum(sum)) => {
                assert!((least + 1..=most + 1).contains(&sum), "{least} to {most}, then {sum}");
                (least, most) = (sum, sum.max(most + 1));
            }
            Ok(Added::NoNumber) => panic!("it was a number"),
            Err(error) if error.is_surely_not_done() => {}
            Err(_) => most += 1,
        }
    }
    assert!(least > 0);
    for node in &nodes {
        let sum = node.client().read(Consistency::Linearizable, |machine| machine.0).await;
        assert!((least..=most).contains(&sum.clone().unwrap()), "{least} to {most}, {sum:?}");
    }
}

#[tokio::test]
async fn a_machine_of_ones_own_comes_back_from_snapshot_and_log() {
    let dir = tempfile::tempdir().unwrap();
    let node = NodeId::of(1);
    for life in 0..3 {
        let start = if life == 0 { Start::New } else { Start::Existing };
        let config = EngineConfig { start, ..config(dir.path(), node) };
        let builder = NodeBuilder::new(config, never()).state_machine(Sum::default());
        let running = builder.build().unwrap().start().await.unwrap().ready().await.unwrap();
        let client = running.client();
        assert_eq!(client.peek(|machine| machine.0), life * 20);
        for _ in 0..10 {
            client.propose(add(1)).await.unwrap();
        }
        running.snapshot().await.unwrap();
        for _ in 0..10 {
            client.propose_repeatable(add(1)).await.unwrap();
        }
        running.kill().await;
    }
}

#[tokio::test]
async fn a_command_that_is_too_long_is_refused_at_once_and_the_longest_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let builder = NodeBuilder::new(config(dir.path(), NodeId::of(1)), never());
    let mut store = MemoryStore::new();
    let recovered = store.open();
    let builder = builder.state_machine(Sum::default()).storage_engine((store, recovered));
    let node = builder.build().unwrap().start().await.unwrap().ready().await.unwrap();
    let error = node.client().propose(vec![0; 1 << 21]).await.unwrap_err();
    let EngineError::CommandTooLong { len, limit } = error else { panic!("{error}") };
    assert!(len == 1 << 21 && limit < len);
    assert!(error.is_surely_not_done());
    assert_eq!(node.client().propose(vec![0; limit as usize]).await, Ok(Added::NoNumber));
    assert!(!dir.path().join("1").exists(), "the log is in a directory after all");
}

#[tokio::test]
async fn a_node_runs_until_it_is_told_to_stop() {
    let dir = tempfile::tempdir().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let builder = NodeBuilder::new(EngineConfig::new(dir.path()), stopped);
    let engine = builder.build().unwrap().start().await.unwrap().ready().await.unwrap();
    engine.client().put("hello", "world").await.unwrap();
    let client = engine.client();
    let running = tokio::spawn(async move { engine.run().await });
    sleep(Duration::from_millis(50)).await;
    assert!(!running.is_finished());
    client.put("hello", "again").await.unwrap();
    stop.send(()).unwrap();
    timeout(LONG, running).await.expect("it ends").unwrap().unwrap();
    assert!(client.put("hello", "late").await.unwrap_err().is_surely_not_done());
}

#[tokio::test]
async fn a_node_that_is_shut_down_before_it_is_ready_says_so_and_has_stopped() {
    let dir = tempfile::tempdir().unwrap();
    let (stop, stopped) = oneshot::channel::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nobody =
        |node: NodeId| PeerAddress::from(SocketAddr::from(([127, 0, 0, 1], node.get() as u16)));
    // Two others that never come.
    let mut peers: BTreeMap<NodeId, PeerAddress> = all().map(|node| (node, nobody(node))).collect();
    peers.insert(NodeId::of(1), listener.local_addr().unwrap().into());
    let config = EngineConfig { peers, ..config(dir.path(), NodeId::of(1)) };
    let builder = NodeBuilder::new(config.clone(), stopped).listener(listener);
    let node = builder.build().unwrap().start().await.unwrap();
    let waiting = tokio::spawn(node.ready());
    sleep(Duration::from_millis(20)).await;
    drop(stop);
    let error = timeout(LONG, waiting).await.expect("it ends").unwrap().err().expect("it is not");
    assert!(error.to_string().contains("shut down before"), "{error}");
    // Address and directory are free.
    let again = NodeBuilder::new(config, never()).build().unwrap().start().await.unwrap();
    again.kill().await;
}

#[tokio::test]
async fn what_cannot_be_built_is_said_before_anything_is_touched() {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path().join("data");
    let odd = EngineConfig { heartbeat_interval: LONG, ..EngineConfig::new(&at) };
    let error = NodeBuilder::new(odd, never()).build().err().unwrap();
    assert!(matches!(error, StartError::Setting(_)), "{error}");
    let builder = NodeBuilder::new(EngineConfig::new(&at), never()).members([NodeId::of(2)]);
    let error = builder.build().err().unwrap();
    assert!(matches!(error, StartError::NotAFounder { .. }), "{error}");
    assert!(!at.exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_over_a_transport_of_ones_own_grows_and_replaces_its_dead() {
    let dir = tempfile::tempdir().unwrap();
    let board = Switchboard::new();
    let mut nodes = three(dir.path(), &board).await;
    let client = nodes[0].client();
    client.propose(add(1)).await.unwrap();
    let joining = |id: u64| {
        let node = NodeId::of(id);
        let config = EngineConfig { start: Start::Join, ..config(dir.path(), node) };
        let builder = NodeBuilder::new(config, never()).state_machine(Sum::default());
        builder.transport(board.plug(node)).build().unwrap().start()
    };
    // What an address means is the transport's business; it is kept, and that is all.
    let unknown = client.with_timeout(Duration::from_secs(1));
    let error = unknown.member_add(NodeId::of(4), "shelf 4", None).await.unwrap_err();
    assert!(matches!(error, EngineError::Members(MemberError::Unreachable { .. })), "{error}");
    let four = joining(4).await.unwrap();
    client.member_add(NodeId::of(4), "shelf 4", Promotion::OnDemand).await.unwrap();
    client.member_promote(NodeId::of(4)).await.unwrap();
    assert_eq!(four.membership().members[3].address.as_deref(), Some("shelf 4"));
    assert_eq!(four.client().propose(add(2)).await, Ok(Added::Sum(3)));
    let dead = nodes.remove(2);
    dead.kill().await;
    let five = joining(5).await.unwrap();
    client.member_replace(NodeId::of(3), NodeId::of(5), "shelf 5").await.unwrap();
    let members = five.client().members().await.unwrap();
    assert_eq!(members.iter().map(|one| one.node.get()).collect::<Vec<_>>(), [1, 2, 4, 5]);
    assert_eq!(five.client().propose(add(3)).await, Ok(Added::Sum(6)));
    for node in nodes.into_iter().chain([four, five]) {
        node.stop().await.unwrap();
    }
}
