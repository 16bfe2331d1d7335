//! The mesh against peers of every kind: right ones, wrong ones, and those who mean harm.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use bytes::{BufMut, Bytes};
use quorate_codec::encode_frame;
use quorate_core::{Body, Message, NodeId};
use quorate_tokio::{Mesh, MeshOptions, MeshParts, RequestError, WIRE_PROTOCOL};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

const GROUP: u64 = 7;
/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(30);

fn node(id: u64) -> NodeId {
    NodeId::of(id)
}

fn named<const N: usize>(peers: [(u64, SocketAddr); N]) -> BTreeMap<NodeId, Arc<str>> {
    peers.into_iter().map(|(id, address)| (node(id), address.to_string().into())).collect()
}

/// A mesh of nodes 1 and 2, of which only 1 is real.
async fn lone_node() -> (MeshParts, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Nobody listens at port 1.
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let peers = named([(1, address), (2, nobody)]);
    let options = MeshOptions { group: GROUP, node: node(1), address: None, peers };
    (Mesh::start(listener, options), address)
}

fn greeting(protocol: u32, group: u64, sender: u64, receiver: u64) -> Vec<u8> {
    let mut out = Vec::from(*b"QORT");
    out.put_u32_le(protocol);
    out.put_u64_le(group);
    out.put_u64_le(sender);
    out.put_u64_le(receiver);
    out.put_u8(0); // no address
    out
}

async fn greet(address: SocketAddr, greeting: &[u8]) -> (TcpStream, u8) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(greeting).await.unwrap();
    let answer = timeout(LONG, stream.read_u8()).await.expect("an answer").unwrap();
    if answer == 1 {
        // Where its configuration stands.
        timeout(LONG, stream.read_exact(&mut [0; 16])).await.expect("the rest").unwrap();
    }
    (stream, answer)
}

fn frame(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode_frame(&mut out, u32::MAX, |out| out.extend_from_slice(body)).unwrap();
    out
}

/// Waits until the peer closes.
async fn closed(mut stream: TcpStream) {
    let mut byte = [0];
    let end = timeout(LONG, stream.read(&mut byte)).await.expect("the connection ends");
    assert!(matches!(end, Ok(0) | Err(_)), "{end:?}");
}

async fn reaches(counter: &AtomicU64, count: u64) {
    timeout(LONG, async {
        while counter.load(Ordering::Relaxed) < count {
            sleep(Duration::from_millis(1)).await;
        }
    })
    .await
    .expect("it is counted");
}

#[tokio::test]
async fn who_looks_for_another_group_or_node_is_refused_and_counted() {
    let (parts, address) = lone_node().await;
    let wrong = [
        greeting(WIRE_PROTOCOL + 1, GROUP, 2, 1),
        greeting(WIRE_PROTOCOL, GROUP + 1, 2, 1),
        greeting(WIRE_PROTOCOL, GROUP, 2, 3),
        greeting(WIRE_PROTOCOL, GROUP, 1, 1),
        greeting(WIRE_PROTOCOL, GROUP, 0, 1),
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"[..32].to_vec(),
    ];
    let mut answers = Vec::new();
    for greeting in &wrong {
        let (stream, answer) = greet(address, greeting).await;
        closed(stream).await;
        answers.push(answer);
    }
    assert_eq!(answers, [2, 3, 4, 5, 5, 2]);
    reaches(&parts.mesh.counters().refused, wrong.len() as u64).await;
    // Who is no member may have become one since.
    for sender in [2, 9] {
        let (_stream, answer) = greet(address, &greeting(WIRE_PROTOCOL, GROUP, sender, 1)).await;
        assert_eq!(answer, 1, "the right one is still welcome");
    }
    parts.mesh.close().await;
}

#[tokio::test]
async fn a_member_that_sends_what_no_peer_sends_is_cut_off_and_the_next_one_is_welcome() {
    let (parts, address) = lone_node().await;
    let mut corrupt = frame(b"\x01\0\0\0\0\0\0\0\0hello");
    let last = corrupt.len() - 1;
    corrupt[last] ^= 1;
    let hostile: [Vec<u8>; 6] = [
        vec![0xff; 64],           // a frame of 4 GiB
        corrupt,                  // a checksum that does not fit
        frame(b""),               // no kind
        frame(b"\x09something"),  // an unknown kind
        frame(b"\x00no message"), // not a Raft message
        frame(b"\x01abc"),        // a request without an id
    ];
    for (place, bytes) in hostile.iter().enumerate() {
        let (mut stream, answer) = greet(address, &greeting(WIRE_PROTOCOL, GROUP, 2, 1)).await;
        assert_eq!(answer, 1);
        stream.write_all(bytes).await.unwrap();
        closed(stream).await;
        reaches(&parts.mesh.counters().refused, place as u64 + 1).await;
    }
    parts.mesh.close().await;
}

#[tokio::test]
async fn strangers_that_say_nothing_do_not_keep_a_member_out() {
    let (parts, address) = lone_node().await;
    let mut silent = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(b"QO").await;
        silent.push(stream);
    }
    // At once: long before the strangers' time is up.
    let greeting = greeting(WIRE_PROTOCOL, GROUP, 2, 1);
    let member = timeout(Duration::from_secs(1), greet(address, &greeting)).await;
    let (mut member, answer) = member.expect("no need to wait for strangers");
    assert_eq!(answer, 1);
    // Nor do those who come later cost it its place.
    for _ in 0..300 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // Each but the last few had to make room for the next.
    let evicted = reaches(&parts.mesh.counters().refused, 500);
    timeout(Duration::from_secs(1), evicted).await.expect("no need to wait for their time");
    let end = timeout(Duration::from_millis(50), member.read_u8()).await;
    assert!(end.is_err(), "the member's connection has ended: {end:?}");
    parts.mesh.close().await;
}

#[tokio::test]
async fn nobody_answers_for_another_node() {
    let (one, two) = pair().await;
    // Node 2 is asked, and says nothing; a stranger in the name of node 3 could know the id.
    let asking = tokio::spawn({
        let mesh = one.mesh.clone();
        async move { ask(&mesh, node(2), Duration::from_millis(300)).await }
    });
    let (mut third, answer) = greet(one.address, &greeting(WIRE_PROTOCOL, GROUP, 3, 1)).await;
    assert_eq!(answer, 1);
    while !asking.is_finished() {
        for id in 0..100_u64 {
            let body = [&[2][..], &id.to_le_bytes(), b"forged"].concat();
            third.write_all(&frame(&body)).await.unwrap();
        }
        sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(asking.await.unwrap(), Err(RequestError::NoAnswer(node(2))));
    one.parts.mesh.close().await;
    two.parts.mesh.close().await;
}

#[tokio::test]
async fn a_request_to_who_cannot_be_reached_was_surely_not_sent() {
    let (parts, _) = lone_node().await;
    for to in [node(2), node(9)] {
        let answer = parts.mesh.request(to, b"hello", LONG).await;
        assert_eq!(answer, Err(RequestError::NotSent(to)));
    }
    parts.mesh.close().await;
}

struct Real {
    parts: MeshParts,
    mesh: Mesh,
    address: SocketAddr,
}

/// Two real nodes, and a third that is not there.
async fn pair() -> (Real, Real) {
    let one = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let two = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addresses = [one.local_addr().unwrap(), two.local_addr().unwrap()];
    let nobody: SocketAddr = "127.0.0.1:1".parse().unwrap();
    let peers = named([(1, addresses[0]), (2, addresses[1]), (3, nobody)]);
    let start = |listener, id, address| {
        let (node, peers) = (node(id), peers.clone());
        let options = MeshOptions { group: GROUP, node, address: None, peers };
        let parts = Mesh::start(listener, options);
        Real { mesh: parts.mesh.clone(), parts, address }
    };
    (start(one, 1, addresses[0]), start(two, 2, addresses[1]))
}

/// Asks until the connection stands.
async fn ask(mesh: &Mesh, to: NodeId, limit: Duration) -> Result<Bytes, RequestError> {
    let asking = async {
        loop {
            match mesh.request(to, b"hello", limit).await {
                Err(RequestError::NotSent(_)) => sleep(Duration::from_millis(5)).await,
                answer => return answer,
            }
        }
    };
    timeout(LONG, asking).await.expect("the connection is made")
}

#[tokio::test]
async fn a_request_is_answered_by_whom_it_was_sent_to() {
    let (one, two) = pair().await;
    let mut requests = two.parts.requests;
    let server = tokio::spawn(async move {
        while let Some(incoming) = requests.recv().await {
            assert_eq!((incoming.from, &incoming.body[..]), (node(1), &b"hello"[..]));
            incoming.responder.respond(b"welcome");
        }
    });
    // An answer is lost while the way back is not up yet.
    let mut answer = Err(RequestError::NoAnswer(node(2)));
    for _ in 0..100 {
        answer = ask(&one.mesh, node(2), Duration::from_millis(500)).await;
        if answer.is_ok() {
            break;
        }
    }
    assert_eq!(answer.as_deref(), Ok(&b"welcome"[..]));
    server.abort();
    one.mesh.close().await;
    two.mesh.close().await;
}

#[tokio::test]
async fn an_engine_with_too_much_to_do_says_so_and_holds_up_no_message() {
    let (one, mut two) = pair().await;
    // Connected both ways.
    for (from, to) in [(&one, node(2)), (&two, node(1))] {
        let _ = ask(&from.mesh, to, Duration::from_millis(10)).await;
    }
    // Nobody takes what the second node's engine is asked.
    let mut asking = Vec::new();
    let mut is_busy = false;
    while !is_busy && asking.len() < 20_000 {
        let ask_once = || {
            let mesh = one.mesh.clone();
            tokio::spawn(async move { mesh.request(node(2), b"?", LONG).await })
        };
        let mut last = ask_once();
        asking.extend((0..100).map(|_| ask_once()));
        let answer = timeout(Duration::from_millis(50), &mut last).await;
        is_busy = matches!(answer, Ok(Ok(Err(RequestError::Busy(_)))));
    }
    let message = Message { term: 7, body: Body::TimeoutNow };
    one.mesh.send([(node(2), &message)]);
    let heard = timeout(LONG, two.parts.inbox.recv()).await.expect("it waits behind no request");
    assert_eq!(heard, Some((node(1), message)));
    assert!(is_busy, "it never says so");
    asking.iter().for_each(tokio::task::JoinHandle::abort);
    one.mesh.close().await;
    two.mesh.close().await;
}

#[tokio::test]
async fn requests_to_a_peer_that_takes_none_leave_room_for_messages() {
    let own = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stuck = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let peers = named([(1, own.local_addr().unwrap()), (2, stuck.local_addr().unwrap())]);
    let options = MeshOptions { group: GROUP, node: node(1), address: None, peers };
    let parts = Mesh::start(own, options);
    // It says welcome, and reads nothing more.
    let (mut stream, _) = stuck.accept().await.unwrap();
    stream.read_exact(&mut [0; 33]).await.unwrap();
    stream.write_all(&[&[1][..], &[0; 16]].concat()).await.unwrap();
    let first = parts.mesh.clone();
    let first = tokio::spawn(async move { ask(&first, node(2), LONG).await });
    sleep(Duration::from_millis(50)).await;
    let mut asking = Vec::new();
    let refused = loop {
        assert!(asking.len() < 10_000, "nothing holds it back");
        let mesh = parts.mesh.clone();
        let mut asked = tokio::spawn(async move { mesh.request(node(2), &[0; 4096], LONG).await });
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        if asked.is_finished() {
            break (&mut asked).await.unwrap();
        }
        asking.push(asked);
    };
    assert_eq!(refused, Err(RequestError::QueueFull(node(2))));
    let message = Message { term: 7, body: Body::TimeoutNow };
    (0..1_000).for_each(|_| parts.mesh.send([(node(2), &message)]));
    assert_eq!(parts.mesh.counters().dropped.load(Ordering::Relaxed), 0);
    first.abort();
    asking.iter().for_each(tokio::task::JoinHandle::abort);
    parts.mesh.close().await;
}

#[tokio::test]
async fn what_was_flushed_before_the_mesh_closes_arrives() {
    let (one, mut two) = pair().await;
    let _ = ask(&one.mesh, node(2), Duration::from_millis(10)).await;
    let message = Message { term: 7, body: Body::TimeoutNow };
    (0..1_000).for_each(|_| one.mesh.send([(node(2), &message)]));
    timeout(LONG, one.mesh.flush()).await.expect("nobody who is not connected is waited for");
    one.mesh.close().await;
    for number in 0..1_000 {
        let heard = timeout(Duration::from_secs(5), two.parts.inbox.recv()).await;
        assert_eq!(heard, Ok(Some((node(1), message.clone()))), "{number}");
    }
    two.mesh.close().await;
}

#[tokio::test]
async fn a_request_whose_peer_dies_is_unknown_at_once() {
    let (one, mut two) = pair().await;
    let asking = tokio::spawn({
        let mesh = one.mesh.clone();
        async move { ask(&mesh, node(2), Duration::from_secs(3600)).await }
    });
    let taken = timeout(LONG, two.parts.requests.recv()).await.expect("it comes in");
    two.mesh.close().await;
    drop(taken);
    let answer = timeout(LONG, asking).await.expect("no need to wait").unwrap();
    assert_eq!(answer, Err(RequestError::NoAnswer(node(2))));
    one.mesh.close().await;
}

#[tokio::test]
async fn a_connection_that_breaks_is_told_once() {
    let (mut one, two) = pair().await;
    let _ = ask(&one.mesh, node(2), Duration::from_millis(10)).await;
    let early = timeout(Duration::from_millis(50), one.parts.snapshots.recv()).await;
    assert!(early.is_err(), "it stands");
    two.mesh.close().await;
    let told = timeout(LONG, one.parts.snapshots.recv()).await.expect("it is told").unwrap();
    assert_eq!(format!("{told:?}"), "SnapshotFrame(Unreachable(n2))");
    let again = timeout(Duration::from_millis(200), one.parts.snapshots.recv()).await;
    assert!(again.is_err(), "connecting in vain is no news");
    one.mesh.close().await;
}
