//! What a change of members costs those who write meanwhile, counted in elections: none where the
//! leader stays, one where it goes. With `--nocapture` it prints the times as well.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::growing::{Ended, Group, Load, node};
use quorate::{Coordination, EngineConfig, NodeId, Start};
use tokio::time::sleep;

/// Long enough that nobody campaigns only because the machine is slow.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(2);

fn config(config: EngineConfig) -> EngineConfig {
    EngineConfig { election_timeout: ELECTION_TIMEOUT, ..config }
}

fn joins(join: EngineConfig) -> EngineConfig {
    EngineConfig { start: Start::Join, ..config(join) }
}

/// A change of members, under the load of clients of two nodes that stay.
struct Change {
    what: &'static str,
    load: Load,
    term: u64,
}

impl Change {
    async fn begin(group: &Group, what: &'static str, writers: [u64; 2]) -> Change {
        let term = group.nodes[&group.leader().await].status().term;
        let load = Load::start(writers.map(|id| group.client(id)));
        sleep(Duration::from_millis(200)).await;
        Change { what, load, term }
    }

    /// How many terms it took, and what became of the writes.
    async fn end(self, group: &Group, through: u64) -> (u64, Ended) {
        sleep(Duration::from_millis(200)).await;
        let ended = self.load.check(&group.client(through)).await;
        let elections = group.nodes[&group.leader().await].status().term - self.term;
        println!(
            "{}: {elections} elections; no write acknowledged for {:.0} ms at most; slowest write \
             {:.0} ms; {} written, {} asked again",
            self.what,
            ended.quiet.as_secs_f64() * 1e3,
            ended.slowest.as_secs_f64() * 1e3,
            ended.count,
            ended.unknown,
        );
        (elections, ended)
    }
}

async fn grow(group: &mut Group, id: u64, what: &'static str, writers: [u64; 2]) {
    group.start(id, joins).await;
    let change = Change::begin(group, what, writers).await;
    let address = group.addresses[&id].to_string();
    group.client(writers[0]).member_add(node(id), address, None).await.unwrap();
    group.wait_voter(id).await;
    let (elections, ended) = change.end(group, writers[0]).await;
    assert_eq!((elections, ended.unknown), (0, 0), "{what}: {ended:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_leaves_the_leader_costs_no_election_and_one_that_removes_it_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found_as(dir.path(), config).await;
    grow(&mut group, 2, "from one to two", [1, 1]).await;
    grow(&mut group, 3, "from two to three", [1, 2]).await;
    grow(&mut group, 4, "from three to four", [2, 3]).await;
    grow(&mut group, 5, "from four to five", [3, 4]).await;
    assert_eq!(group.leader().await, 1, "nobody else was elected");

    let change = Change::begin(&group, "a follower removed, of five", [1, 2]).await;
    group.client(3).member_remove(node(5)).await.unwrap();
    let (elections, ended) = change.end(&group, 2).await;
    assert_eq!((elections, ended.unknown), (0, 0), "{ended:?}");
    group.stop(5).await;

    let change = Change::begin(&group, "a dead follower replaced, of four", [1, 2]).await;
    group.kill(4).await;
    group.start(6, joins).await;
    let address = group.addresses[&6].to_string();
    group.client(2).member_replace(node(4), node(6), address).await.unwrap();
    let (elections, ended) = change.end(&group, 2).await;
    assert_eq!((elections, ended.unknown), (0, 0), "{ended:?}");

    let change = Change::begin(&group, "the leader removed, of four", [2, 3]).await;
    group.client(2).member_remove(node(1)).await.unwrap();
    let (elections, _) = change.end(&group, 2).await;
    assert_eq!(elections, 1);
    group.stop(1).await;

    let leader = group.leader().await;
    let stay: Vec<u64> = [2, 3, 6].into_iter().filter(|id| *id != leader).collect();
    let writers = [stay[0], stay[1]];
    let change = Change::begin(&group, "a dead leader replaced, of three", writers).await;
    group.kill(leader).await;
    group.start(7, joins).await;
    let address = group.addresses[&7].to_string();
    group.client(stay[0]).member_replace(node(leader), node(7), address).await.unwrap();
    let (elections, _) = change.end(&group, stay[0]).await;
    // Two that campaign at the same moment share the votes, and a third term decides.
    assert!((1..=3).contains(&elections), "{elections}");

    let leader = group.leader().await;
    let goes = [stay[0], stay[1], 7].into_iter().find(|id| *id != leader).unwrap();
    let stays = [stay[0], stay[1], 7].into_iter().find(|id| ![leader, goes].contains(id)).unwrap();
    let change = Change::begin(&group, "from three to two", [leader, stays]).await;
    group.client(leader).member_remove(NodeId::of(goes)).await.unwrap();
    let (elections, ended) = change.end(&group, leader).await;
    assert_eq!((elections, ended.unknown), (0, 0), "{ended:?}");
    group.stop(goes).await;
    let change = Change::begin(&group, "from two to one, the follower", [leader, leader]).await;
    group.client(leader).member_remove(NodeId::of(stays)).await.unwrap();
    let (elections, ended) = change.end(&group, leader).await;
    assert_eq!((elections, ended.unknown), (0, 0), "{ended:?}");
    group.stop_all().await;
}
