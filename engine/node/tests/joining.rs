//! What stands in the way of new members, and what is said about it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::time::Duration;

use common::{
    LONG,
    growing::{Group, node},
};
use quorate::{
    Coordination, EmbeddedEngine, EngineConfig, EngineError, MemberError, Promotion, Standing,
    Start, StartError,
};
use tokio::net::TcpListener;

fn join(config: EngineConfig) -> EngineConfig {
    EngineConfig { start: Start::Join, ..config }
}

fn why(ended: Result<(), EngineError>) -> MemberError {
    match ended {
        Err(EngineError::Members(error)) => error,
        other => panic!("{other:?}"),
    }
}

/// An address where nobody listens.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_cannot_join_is_told_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    group.grow(2, 1).await;
    let client = group.client(2).with_timeout(Duration::from_secs(3));
    let at = |group: &Group, id: u64| group.addresses[&id].to_string();
    let add = |id: u64, address: String| {
        let client = client.clone();
        async move { client.member_add(node(id), address, None).await }
    };
    // Nobody there, or nowhere at all.
    let nobody = why(add(3, nowhere().await).await);
    assert!(matches!(nobody, MemberError::Unreachable { .. }), "{nobody}");
    assert!(nobody.to_string().contains("Start::Join"), "{nobody}");
    assert!(matches!(why(add(3, "nowhere".to_owned()).await), MemberError::Address { .. }));
    // Another group; another node; a node with a log of its own.
    group.start(3, |config| join(EngineConfig { group: 99, ..config })).await;
    let stranger = why(add(3, at(&group, 3)).await);
    assert!(stranger.to_string().contains("another group"), "{stranger}");
    group.start(4, join).await;
    let stranger = why(add(5, at(&group, 4)).await);
    assert!(stranger.to_string().contains("another node"), "{stranger}");
    group.start(6, |config| config).await;
    group.nodes[&6].wait_ready(LONG).await.unwrap();
    assert_eq!(why(add(6, at(&group, 6)).await), MemberError::Used { node: node(6) });
    // The same name twice; the same address twice.
    let twice = why(add(2, at(&group, 4)).await);
    assert_eq!(twice, MemberError::Exists { node: node(2), address: Some(at(&group, 2)) });
    let taken = why(add(4, at(&group, 2)).await);
    assert_eq!(taken, MemberError::AddressTaken { node: node(2), address: at(&group, 2) });
    // None of it did any harm: whoever is right is welcome.
    assert_eq!(group.voters(2).await, [1, 2]);
    add(4, at(&group, 4)).await.unwrap();
    group.wait_voter(4).await;
    group.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_cannot_answer_the_leader_gets_no_vote_and_holds_up_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    group.stop(1).await;
    // It says that it is where it is not.
    let wrong = Some(nowhere().await);
    group.start(1, |config| EngineConfig { address: wrong, ..config }).await;
    group.start(2, join).await;
    let address = group.addresses[&2].to_string();
    let hasty = group.client(1).with_timeout(Duration::from_secs(2));
    let error = why(hasty.member_add(node(2), address.clone(), None).await);
    assert_eq!(error, MemberError::Silent { node: node(2) });
    hasty.put("a", "1").await.unwrap();
    assert_eq!(group.voters(1).await, [1]);
    // Once it says the right thing, the same call goes on.
    group.stop(1).await;
    group.start(1, |config| config).await;
    let right = group.addresses[&1].to_string();
    let client = group.client(1);
    client.member_update(node(1), right).await.unwrap();
    client.member_add(node(2), address, None).await.unwrap();
    group.wait_voter(2).await;
    group.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_done_with_members_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    let client = group.client(1).with_timeout(Duration::from_secs(2));
    let last = why(client.member_remove(node(1)).await);
    assert_eq!(last, MemberError::LastVoter { node: node(1) });
    for ended in [
        client.member_remove(node(7)).await,
        client.member_promote(node(7)).await,
        client.member_update(node(7), "host:1").await,
        client.transfer_leadership(Some(node(7))).await,
    ] {
        let no_member = MemberError::NotAMember { node: node(7), members: vec![node(1)] };
        assert_eq!(why(ended), no_member);
    }
    client.transfer_leadership(Some(node(1))).await.unwrap();
    // A learner that is gone lags, and cannot lead.
    group.start(2, join).await;
    let address = group.addresses[&2].to_string();
    let patient = group.client(1);
    patient.member_add(node(2), address, Promotion::OnDemand).await.unwrap();
    assert_eq!(
        why(client.transfer_leadership(Some(node(2))).await),
        MemberError::NotAVoter { to: node(2) }
    );
    group.kill(2).await;
    for number in 0..1_500 {
        patient.put(format!("k{number}"), "v").await.unwrap();
    }
    let lagging = why(client.member_promote(node(2)).await);
    assert!(matches!(lagging, MemberError::Lagging { behind: 500.., .. }), "{lagging}");
    // Once it is back it is promoted: that is waited for.
    let listen = Some(group.addresses[&2]);
    let config = join(EngineConfig { listen, ..group.config(2) });
    let back = EmbeddedEngine::start_with(config).await.unwrap();
    group.nodes.insert(2, back);
    patient.member_promote(node(2)).await.unwrap();
    assert_eq!(group.voters(2).await, [1, 2]);
    patient.transfer_leadership(Some(node(2))).await.unwrap();
    assert_eq!(group.leader().await, 2);
    patient.transfer_leadership(None).await.unwrap();
    assert_eq!(group.leader().await, 1);
    group.stop_all().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_one_that_does_not_listen_says_what_it_takes_to_grow() {
    let dir = tempfile::tempdir().unwrap();
    let engine = EmbeddedEngine::start(dir.path()).await.unwrap();
    engine.client().put("a", "1").await.unwrap();
    let error = why(engine.client().member_add(node(2), "127.0.0.1:1", None).await);
    assert_eq!(error, MemberError::NotListening { node: node(1) });
    engine.stop().await.unwrap();
    // The same directory, with an address: the group learns it.
    let listen = Some(nowhere().await.parse().unwrap());
    let config = EngineConfig { listen, ..EngineConfig::new(dir.path()) };
    let engine = EmbeddedEngine::start_with(config).await.unwrap();
    let mut changes = engine.watch_membership();
    let told = changes.wait_for(|now| now.members[0].address.is_some() && now.is_settled());
    tokio::time::timeout(LONG, told).await.expect("it tells the group").unwrap();
    assert_eq!(engine.client().get("a").await.unwrap().unwrap().value, "1");
    engine.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_joins_waits_and_is_no_member_until_it_is_added() {
    let dir = tempfile::tempdir().unwrap();
    let mut group = Group::found(dir.path()).await;
    group.start(2, join).await;
    assert_eq!(group.nodes[&2].membership().standing, Standing::Joining);
    let client = group.client(2).with_timeout(Duration::from_millis(50));
    let error = client.put("a", "1").await.unwrap_err();
    assert!(error.is_surely_not_done() && error.to_string().contains("no member"), "{error}");
    // It comes back as what it was, before and after it was added, whatever it is told.
    for start in [Start::Join, Start::Join, Start::Existing] {
        let address = group.addresses[&2];
        if start == Start::Existing {
            group.client(1).member_add(node(2), address.to_string(), None).await.unwrap();
            group.wait_voter(2).await;
        }
        group.kill(2).await;
        let config = EngineConfig { start, listen: Some(address), ..group.config(2) };
        group.nodes.insert(2, EmbeddedEngine::start_with(config).await.unwrap());
    }
    group.client(2).put("a", "1").await.unwrap();
    group.stop_all().await;
}

#[tokio::test]
async fn a_node_that_could_not_be_reached_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let config = || EngineConfig { node: node(4), ..EngineConfig::new(dir.path().join("4")) };
    let refused = |config| async move {
        EmbeddedEngine::start_with(config).await.err().expect("it does not start")
    };
    let error = refused(EngineConfig { start: Start::Join, ..config() }).await;
    assert!(matches!(error, StartError::NoAddress { .. }), "{error}");
    let everywhere = "0.0.0.0:0".parse().ok();
    let error = refused(EngineConfig { listen: everywhere, ..join(config()) }).await;
    assert!(matches!(error, StartError::NotReachable { .. }), "{error}");
    let address = Some("no address".to_owned());
    let error = refused(EngineConfig { listen: everywhere, address, ..join(config()) }).await;
    assert!(matches!(error, StartError::Address { .. }), "{error}");
    let peers = [(node(1), "127.0.0.1:1".parse().unwrap())].into();
    let error = refused(EngineConfig { peers, ..config() }).await;
    assert!(matches!(error, StartError::NotAFounder { .. }), "{error}");
}
