//! Peers that come, move and go while a mesh runs.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use quorate_core::{Body, Configuration, LogId, Message, NodeId};
use quorate_tokio::{ConnectError, GreetingRefusal, Mesh, MeshOptions, MeshParts, RequestError};
use tokio::{
    net::TcpListener,
    time::{sleep, timeout},
};

const GROUP: u64 = 7;
/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(30);

fn node(id: u64) -> NodeId {
    NodeId::of(id)
}

struct Real {
    parts: MeshParts,
    address: Arc<str>,
}

/// A mesh of a node that knows nobody, and says where it is.
async fn start(id: u64) -> Real {
    start_at(id, "127.0.0.1:0", BTreeMap::new()).await
}

async fn start_at(id: u64, at: &str, peers: BTreeMap<NodeId, Arc<str>>) -> Real {
    let listener = TcpListener::bind(at).await.unwrap();
    let address: Arc<str> = listener.local_addr().unwrap().to_string().into();
    let own = Some(address.clone());
    let options = MeshOptions { group: GROUP, node: node(id), address: own, peers };
    Real { parts: Mesh::start(listener, options), address }
}

/// The same, of a node that does not say where it is.
async fn start_silent(id: u64) -> Real {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string().into();
    let (node, peers) = (node(id), BTreeMap::new());
    let options = MeshOptions { group: GROUP, node, address: None, peers };
    Real { parts: Mesh::start(listener, options), address }
}

/// The configuration of these nodes, at their addresses.
fn members(nodes: &[(u64, &Arc<str>)]) -> Configuration {
    let known = Configuration::new(nodes.iter().map(|(id, _)| node(*id)));
    let addresses = nodes.iter().filter(|(_, address)| !address.is_empty());
    let addresses = addresses.map(|(id, address)| (node(*id), Arc::clone(address)));
    known.with_addresses(addresses).unwrap()
}

const PLACE: LogId = LogId { term: 3, index: 5 };

fn message(term: u64) -> Message {
    Message { term, body: Body::TimeoutNow }
}

/// Sends until it arrives.
async fn reaches(from: &Real, id: u64, to: &mut Real, term: u64) {
    let sent = timeout(LONG, async {
        loop {
            from.parts.mesh.send([(node(to_id(to)), &message(term))]);
            let heard = timeout(Duration::from_millis(20), to.parts.inbox.recv()).await;
            match heard {
                Ok(Some((sender, heard))) if heard == message(term) => {
                    assert_eq!(sender, node(id));
                    return;
                }
                Ok(Some(_)) | Err(_) => {}
                Ok(None) => panic!("the mesh has ended"),
            }
        }
    });
    sent.await.expect("there is a way");
}

fn to_id(real: &Real) -> u64 {
    real.parts.mesh.node().get()
}

/// Returns once nothing can be asked of a node.
async fn is_cut_off(from: &Real, to: u64) {
    let asked = timeout(LONG, async {
        let ask = || from.parts.mesh.request(node(to), b"?", Duration::from_millis(1));
        while ask().await != Err(RequestError::NotSent(node(to))) {
            sleep(Duration::from_millis(5)).await;
        }
    });
    asked.await.expect("it is let go of");
}

#[tokio::test]
async fn a_member_that_is_added_is_connected_to_and_answers_though_it_knows_nobody() {
    let (mut one, mut two) = (start(1).await, start(2).await);
    one.parts.mesh.send([(node(2), &message(1))]);
    let both = members(&[(1, &one.address), (2, &two.address)]);
    one.parts.mesh.set_members(&both, PLACE);
    reaches(&one, 1, &mut two, 2).await;
    // It was told where the other is.
    reaches(&two, 2, &mut one, 3).await;
    one.parts.mesh.close().await;
    two.parts.mesh.close().await;
}

#[tokio::test]
async fn a_member_that_is_removed_is_let_go_of_and_one_that_comes_back_is_found() {
    let (one, mut two) = (start(1).await, start(2).await);
    let both = members(&[(1, &one.address), (2, &two.address)]);
    let alone = members(&[(1, &one.address)]);
    for term in 1..4 {
        one.parts.mesh.set_members(&both, PLACE);
        reaches(&one, 1, &mut two, term).await;
        two.parts.mesh.close().await;
        one.parts.mesh.set_members(&alone, PLACE);
        is_cut_off(&one, 2).await;
        let given = BTreeMap::new();
        two = start_at(2, &two.address, given).await;
    }
    one.parts.mesh.close().await;
    two.parts.mesh.close().await;
}

#[tokio::test]
async fn a_member_that_has_moved_is_found_by_its_new_address() {
    let (one, mut two) = (start(1).await, start(2).await);
    one.parts.mesh.set_members(&members(&[(1, &one.address), (2, &two.address)]), PLACE);
    reaches(&one, 1, &mut two, 1).await;
    two.parts.mesh.close().await;
    let mut moved = start(2).await;
    assert_ne!(moved.address, two.address);
    one.parts.mesh.set_members(&members(&[(1, &one.address), (2, &moved.address)]), PLACE);
    reaches(&one, 1, &mut moved, 2).await;
    one.parts.mesh.close().await;
    moved.parts.mesh.close().await;
}

#[tokio::test]
async fn a_member_says_itself_where_it_is_where_the_configuration_is_wrong_or_silent() {
    let nowhere = Arc::from("");
    let wrong = Arc::from("127.0.0.1:1");
    for known in [nowhere, wrong] {
        let (one, mut two) = (start(1).await, start(2).await);
        let both = members(&[(1, &one.address), (2, &known)]);
        one.parts.mesh.set_members(&both, PLACE);
        two.parts.mesh.set_members(&both, PLACE);
        reaches(&one, 1, &mut two, 1).await;
        one.parts.mesh.close().await;
        two.parts.mesh.close().await;
    }
}

#[tokio::test]
async fn what_a_node_was_started_with_serves_until_it_knows_the_members() {
    let one = start(1).await;
    let mut two = start_silent(2).await;
    let given = BTreeMap::from([(node(2), two.address.clone())]);
    let three = start_at(3, "127.0.0.1:0", given).await;
    reaches(&three, 3, &mut two, 1).await;
    // Then it is for members alone.
    three.parts.mesh.set_members(&members(&[(1, &one.address), (3, &three.address)]), PLACE);
    is_cut_off(&three, 2).await;
    for real in [one, two, three] {
        real.parts.mesh.close().await;
    }
}

#[tokio::test]
async fn a_node_that_greeted_and_is_gone_is_forgotten() {
    let (one, two) = (start(1).await, start(2).await);
    two.parts.mesh.set_members(&members(&[(1, &one.address), (2, &two.address)]), PLACE);
    let asked = timeout(LONG, async {
        while let Err(RequestError::NotSent(_)) =
            one.parts.mesh.request(node(2), b"?", Duration::from_millis(1)).await
        {
            sleep(Duration::from_millis(5)).await;
        }
    });
    asked.await.expect("it is known, for it has greeted");
    assert_eq!(one.parts.mesh.known(), [node(2)]);
    two.parts.mesh.close().await;
    timeout(LONG, async {
        while !one.parts.mesh.known().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it is forgotten");
    one.parts.mesh.close().await;
}

#[tokio::test]
async fn a_probe_says_who_is_there() {
    let (one, two) = (start(1).await, start(2).await);
    let probe = |id, address: &Arc<str>| {
        let (mesh, address) = (one.parts.mesh.clone(), address.clone());
        async move { mesh.probe(node(id), &address).await }
    };
    assert_eq!(probe(2, &two.address).await.unwrap(), LogId::ZERO);
    two.parts.mesh.set_members(&members(&[(2, &two.address)]), PLACE);
    assert_eq!(probe(2, &two.address).await.unwrap(), PLACE);
    let wrong = probe(3, &two.address).await.unwrap_err();
    assert!(
        matches!(wrong, ConnectError::Refused { refusal: GreetingRefusal::Receiver, .. }),
        "{wrong}"
    );
    let nobody = probe(2, &Arc::from("127.0.0.1:1")).await.unwrap_err();
    assert!(matches!(nobody, ConnectError::Unreachable { .. }), "{nobody}");
    one.parts.mesh.close().await;
    two.parts.mesh.close().await;
}
