//! A group that grows, shrinks and replaces its dead, while clients of all nodes write.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{
    LONG,
    growing::{Group, Load, node},
};
use quorate::{
    Coordination, EmbeddedEngine, EngineConfig, MemberRole, NodeId, Promotion, Standing, Start,
};
use tokio::time::{sleep, timeout};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_grows_to_three_and_five_and_shrinks_to_one_and_loses_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    let load = Load::start([group.client(1), group.client(1)]);
    for id in 2..=3 {
        group.grow(id, 1).await;
    }
    assert_eq!(group.voters(1).await, [1, 2, 3]);
    let more = Load::start([group.client(2), group.client(3)]);
    // Through a node that does not lead.
    for id in 4..=5 {
        group.grow(id, id - 2).await;
    }
    assert_eq!(group.voters(5).await, [1, 2, 3, 4, 5]);
    let last = Load::start([group.client(5)]);
    sleep(Duration::from_millis(200)).await;
    // Whoever leads at first is not among those who stay.
    group.client(3).transfer_leadership(Some(node(4))).await.unwrap();
    group.client(1).member_remove(node(4)).await.unwrap();
    group.stop(4).await;
    more.check(&group.client(1)).await;
    group.client(1).member_remove(node(2)).await.unwrap();
    group.stop(2).await;
    assert_eq!(group.voters(3).await, [1, 3, 5]);
    last.check(&group.client(3)).await;
    for id in [3, 5] {
        group.client(1).member_remove(node(id)).await.unwrap();
        group.stop(id).await;
    }
    assert_eq!(group.voters(1).await, [1]);
    load.check(&group.client(1)).await;
    group.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_member_is_replaced_under_load() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    for id in 2..=3 {
        group.grow(id, 1).await;
    }
    let load = Load::start([group.client(1), group.client(2)]);
    sleep(Duration::from_millis(200)).await;
    group.kill(3).await;
    group.start(4, |config| EngineConfig { start: Start::Join, ..config }).await;
    let address = group.addresses[&4].to_string();
    let client = group.client(1);
    client.member_replace(node(3), node(4), address.clone()).await.unwrap();
    assert_eq!(group.voters(1).await, [1, 2, 4]);
    // All is as wished: nothing is to be done.
    client.member_replace(node(3), node(4), address.clone()).await.unwrap();
    client.member_add(node(4), address, None).await.unwrap();
    client.member_promote(node(4)).await.unwrap();
    load.check(&client).await;
    // The new one counts: without one of the others there is a majority still.
    group.kill(2).await;
    group.client(4).put("after", "1").await.unwrap();
    assert_eq!(group.client(1).get("after").await.unwrap().unwrap().value, "1");
    group.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_was_asked_for_goes_on_when_the_leader_dies() {
    for pause in [0, 5, 20, 60] {
        let dir = tempfile::tempdir().unwrap();
        let mut group = Group::found(dir.path()).await;
        for id in 2..=3 {
            group.grow(id, 1).await;
        }
        let leader = group.leader().await;
        let others: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
        let load = Load::start(others.iter().map(|id| group.client(*id)));
        group.start(4, |config| EngineConfig { start: Start::Join, ..config }).await;
        let (client, address) = (group.client(others[0]), group.addresses[&4].to_string());
        let asked = tokio::spawn({
            let client = client.clone();
            async move { client.member_add(node(4), address, None).await }
        });
        sleep(Duration::from_millis(pause)).await;
        group.kill(leader).await;
        asked.await.unwrap().unwrap();
        group.wait_voter(4).await;
        group.start(5, |config| EngineConfig { start: Start::Join, ..config }).await;
        let address = group.addresses[&5].to_string();
        client.member_replace(node(leader), node(5), address).await.unwrap();
        let voters: Vec<u64> = (1..=5).filter(|id| *id != leader).collect();
        assert_eq!(group.voters(others[1]).await, voters);
        load.check(&client).await;
        let leads = group.leader().await;
        let members = group.client(leads).members().await.unwrap();
        let known =
            members.iter().filter(|member| member.matched.is_some_and(|matched| matched > 0));
        assert_eq!(known.count(), 3, "{members:?}");
        group.stop_all().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_forms_again_by_the_addresses_in_its_logs() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    for id in 2..=3 {
        group.grow(id, 1).await;
    }
    group.client(2).put("a", "1").await.unwrap();
    for id in 1..=3 {
        group.stop(id).await;
    }
    // Nobody is told where the others are; what two of them are told is wrong.
    for id in 1..=3 {
        let wrong =
            [(node(id), group.addresses[&id].into()), (node(9), "127.0.0.1:1".parse().unwrap())];
        let peers = if id == 1 { [].into() } else { wrong.into() };
        let config = EngineConfig { peers, start: Start::Existing, ..group.config(id) };
        let engine = EmbeddedEngine::start_with(config).await.unwrap();
        group.nodes.insert(id, engine);
    }
    for id in 1..=3 {
        assert_eq!(group.client(id).get("a").await.unwrap().unwrap().value, "1");
        let members = group.client(id).members().await.unwrap();
        let told: Vec<_> = members.iter().map(|member| member.address.clone().unwrap()).collect();
        assert_eq!(told, [1, 2, 3].map(|id| group.addresses[&id].to_string()));
    }
    group.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_that_come_back_elsewhere_tell_the_group() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    for id in 2..=3 {
        group.grow(id, 1).await;
    }
    for id in 1..=3 {
        group.stop(id).await;
        // On another port, and the node says so.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let config = EngineConfig {
            listen: Some(address),
            address: Some(format!("localhost:{}", address.port())),
            ..group.config(id)
        };
        group.nodes.insert(id, EmbeddedEngine::start_with(config).await.unwrap());
        group.nodes[&id].wait_ready(LONG).await.unwrap();
        let mut changes = group.nodes[&id].watch_membership();
        let told = changes.wait_for(|now| {
            let own = now.members.iter().find(|member| member.node == node(id));
            let own = own.and_then(|member| member.address.as_deref());
            now.is_settled() && own.is_some_and(|own| own.starts_with("localhost:"))
        });
        timeout(LONG, told).await.expect("it tells the group").unwrap();
    }
    group.client(3).put("a", "1").await.unwrap();
    group.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_removes_itself_and_learns_that_it_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    for id in 2..=3 {
        group.grow(id, 1).await;
    }
    let leader = group.leader().await;
    let load = Load::start((1..=3).filter(|id| *id != leader).map(|id| group.client(id)));
    let mut changes = group.nodes[&leader].watch_membership();
    group.client(leader).member_remove(node(leader)).await.unwrap();
    let gone = changes.wait_for(|now| now.standing == Standing::Removed);
    timeout(LONG, gone).await.expect("it learns so").unwrap();
    let mut leaders = group.nodes[&leader].leader_changes();
    while leaders.next().await.unwrap().leader == Some(node(leader)) {}
    assert!(!group.nodes[&leader].is_leader());
    let next = group.leader().await;
    assert_ne!(next, leader);
    // It runs on, and the others do not hear of it.
    let term = group.nodes[&next].status().term;
    sleep(Duration::from_secs(2)).await;
    assert_eq!(group.nodes[&next].status().term, term);
    load.check(&group.client(next)).await;
    group.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_was_removed_while_it_was_down_learns_it_when_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    for id in 2..=3 {
        group.grow(id, 1).await;
    }
    // A voter and a learner.
    group.start(4, |config| EngineConfig { start: Start::Join, ..config }).await;
    let address = group.addresses[&4].to_string();
    group.client(1).member_add(node(4), address, Promotion::OnDemand).await.unwrap();
    let mut learns = group.nodes[&4].watch_membership();
    let is_learner = learns.wait_for(|now| now.standing == Standing::Member);
    timeout(LONG, is_learner).await.expect("it learns so").unwrap();
    let members = group.client(4).members().await.unwrap();
    assert_eq!(members[3].role, MemberRole::Learner(Promotion::OnDemand));
    for id in [3, 4] {
        group.kill(id).await;
        group.client(1).member_remove(node(id)).await.unwrap();
    }
    let term = group.nodes[&1].status().term;
    for id in [3, 4] {
        let config = EngineConfig { start: Start::Existing, ..group.config(id) };
        group.nodes.insert(id, EmbeddedEngine::start_with(config).await.unwrap());
        let mut changes = group.nodes[&id].watch_membership();
        let gone = changes.wait_for(|now| now.standing == Standing::Removed);
        timeout(LONG, gone).await.expect("it learns so").unwrap();
    }
    group.client(2).put("a", "1").await.unwrap();
    assert_eq!(group.nodes[&1].status().term, term, "nobody was disturbed");
    assert_eq!(group.voters(2).await, [1, 2]);
    group.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_reader_of_the_members_sees_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    let mut changes = group.nodes[&1].watch_membership();
    let first = changes.next().await.unwrap();
    assert_eq!(first.voters(), [node(1)]);
    for id in 2..=3 {
        group.grow(id, 1).await;
    }
    let seen = changes.next().await.unwrap();
    assert_eq!(seen.voters(), [1, 2, 3].map(NodeId::of));
    assert!(seen.is_settled());
    assert_eq!(seen.standing, Standing::Member);
    let next = timeout(Duration::from_millis(100), changes.next()).await;
    assert!(next.is_err(), "there is nothing more to tell: {next:?}");
    group.stop(1).await;
    assert_eq!(changes.next().await, None);
    group.stop_all().await;
}
