//! A leader that removes itself while proposals are under way.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    sync::{Arc, RwLock},
    time::Duration,
};

use bytes::Bytes;
use quorate_core::{Config, Configuration, EntryRef, MemberChange, NodeId, RoleKind};
use quorate_driver::{
    Driver, InstallError, MemoryStore, SerializeState, SnapshotPolicy, StateMachine,
};
use quorate_tokio::{Clock, NetParts, NodeHandle, NodeParts, ProposeError, Switchboard, spawn};
use tokio::time::timeout;

/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);

/// Holds nothing.
struct Nothing;

impl StateMachine for Nothing {
    type Response = ();
    fn apply_entry(&mut self, _: EntryRef<'_>) {}
    fn snapshot(&self) -> SerializeState {
        Box::new(Vec::new)
    }
    fn install(&mut self, _: Bytes) -> Result<(), InstallError> {
        Ok(())
    }
}

fn start(board: &Switchboard, id: u64) -> NodeHandle<()> {
    let node = NodeId::of(id);
    let clock = Clock::new();
    let mut store = MemoryStore::new();
    let founding = Arc::new(Configuration::new([1, 2, 3].map(NodeId::of)));
    let persisted = store.open().found_or_bootstrap(founding);
    let driver = Driver::restore(Config::new(node, 1), persisted, clock.now()).unwrap();
    let NetParts { net, inbox, snapshots, .. } = NetParts::over(Arc::new(board.plug(node)), node);
    let machine = Arc::new(RwLock::new(Nothing));
    let policy = SnapshotPolicy::default();
    spawn(NodeParts { driver, store, early: None, machine, net, inbox, snapshots, policy, clock })
        .unwrap()
}

async fn leader(nodes: &[NodeHandle<()>]) -> NodeHandle<()> {
    let leads = async {
        loop {
            let leads = |node: &&NodeHandle<()>| node.status().role == RoleKind::Leader;
            if let Some(node) = nodes.iter().find(leads) {
                return node.clone();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, leads).await.expect("one leads")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_leader_that_removes_itself_is_answered() {
    let board = Switchboard::new();
    let nodes = [1, 2, 3].map(|id| start(&board, id));
    let leader = leader(&nodes).await;
    let own = leader.status().leader.unwrap();
    let propose = |_| {
        let leader = leader.clone();
        tokio::spawn(async move {
            // Again and again, until it leads no more.
            loop {
                match leader.propose(Bytes::from_static(b"x")).await {
                    Ok(_) => {}
                    Err(error) => return error,
                }
            }
        })
    };
    let proposers: Vec<_> = (0..64).map(propose).collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    leader.change_members(vec![MemberChange::Remove { node: own }]).await.unwrap();
    for proposer in proposers {
        let error = timeout(LONG, proposer).await.expect("it is answered").unwrap();
        assert!(matches!(error, ProposeError::Refused(_) | ProposeError::Unknown), "{error}");
    }
    for node in nodes {
        node.kill().await;
    }
}
