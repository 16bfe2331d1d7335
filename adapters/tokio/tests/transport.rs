//! What a transport of one's own may rely on, and what nobody can do to a node through it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use quorate_core::{Body, Message, NodeId};
use quorate_tokio::{
    Answering, BadParcel, Inbox, Net, NetParts, RequestError, Switchboard, Transport,
};
use tokio::time::timeout;

/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(30);
const ME: u64 = 1;
const OTHER: u64 = 2;

/// Keeps what it is given, and answers nothing.
#[derive(Clone, Default)]
struct Silent(Arc<Mutex<(Option<Inbox>, Vec<Bytes>)>>);

impl Transport for Silent {
    fn open(&self, inbox: Inbox) {
        self.0.lock().unwrap().0 = Some(inbox);
    }
    fn send(&self, _: NodeId, parcel: Bytes) {
        self.0.lock().unwrap().1.push(parcel);
    }
    fn ask(
        &self,
        _: NodeId,
        question: Bytes,
        _: Duration,
    ) -> Answering<'_, Result<Bytes, RequestError>> {
        self.0.lock().unwrap().1.push(question);
        Box::pin(std::future::pending())
    }
    fn close(&self) {}
}

fn open(transport: &Silent) -> (Inbox, Net, NetParts) {
    let mut parts = NetParts::over(Arc::new(transport.clone()), NodeId::of(ME));
    let inbox = transport.0.lock().unwrap().0.clone().unwrap();
    let net = parts.net.take().unwrap();
    (inbox, net, parts)
}

/// A question as another node's transport was given it.
async fn question(net: &Net, transport: &Silent, body: &[u8]) -> Bytes {
    let asked = net.request(NodeId::of(OTHER), body, Duration::from_millis(1)).await;
    // A transport that forgets the time does not keep its node waiting.
    assert_eq!(asked, Err(RequestError::NoAnswer(NodeId::of(OTHER))));
    transport.0.lock().unwrap().1.pop().unwrap()
}

#[tokio::test]
async fn a_message_comes_out_as_it_went_in() {
    let transport = Silent::default();
    let (inbox, net, mut parts) = open(&transport);
    let message = Message { term: 7, body: Body::TimeoutNow };
    net.send([(NodeId::of(OTHER), &message)]);
    let parcel = transport.0.lock().unwrap().1.pop().unwrap();
    let from = NodeId::of(OTHER);
    assert_eq!(inbox.node(), NodeId::of(ME));
    assert_eq!(inbox.deliver(from, parcel).await, Ok(()));
    assert_eq!(parts.inbox.recv().await, Some((from, message)));
}

#[tokio::test]
async fn a_node_is_told_of_who_cannot_be_reached() {
    let transport = Silent::default();
    let (inbox, _, mut parts) = open(&transport);
    inbox.unreachable(NodeId::of(OTHER));
    let told = format!("{:?}", parts.snapshots.recv().await.unwrap());
    assert!(told.contains("Unreachable(n2)"), "{told}");
    // It is dropped where too much waits: nobody is held up.
    (0..1_000).for_each(|_| inbox.unreachable(NodeId::of(OTHER)));
}

#[tokio::test]
async fn bytes_that_no_node_sends_go_nowhere() {
    let transport = Silent::default();
    let (inbox, _, mut parts) = open(&transport);
    let from = NodeId::of(OTHER);
    for bytes in [&[][..], &[0], &[0, 9, 9], &[1, 2], &[3, 1], &[3; 40], &[200; 9]] {
        let parcel = Bytes::copy_from_slice(bytes);
        assert_eq!(inbox.deliver(from, parcel).await, Err(BadParcel), "{bytes:?}");
    }
    for bytes in [&[][..], &[0], &[4, 1, 2], &[200; 9]] {
        let answer = inbox.ask(from, Bytes::copy_from_slice(bytes)).await;
        assert_eq!(answer, Err(RequestError::NotSent(NodeId::of(ME))), "{bytes:?}");
    }
    assert!(parts.inbox.try_recv().is_err() && parts.requests.try_recv().is_err());
}

#[tokio::test]
async fn a_question_is_answered_or_its_asker_is_told_what_is_known() {
    let transport = Silent::default();
    let (inbox, net, mut parts) = open(&transport);
    let (me, from) = (NodeId::of(ME), NodeId::of(OTHER));
    let question = question(&net, &transport, b"why").await;
    let asking = |inbox: &Inbox| {
        let (inbox, question) = (inbox.clone(), question.clone());
        tokio::spawn(async move { inbox.ask(from, question).await })
    };
    let answered = asking(&inbox);
    let incoming = parts.requests.recv().await.unwrap();
    assert_eq!((incoming.from, &incoming.body[..]), (from, &b"why"[..]));
    incoming.responder.respond(b"because");
    assert_eq!(answered.await.unwrap().unwrap(), "because");
    // Taken, and then forgotten: nobody knows.
    let forgotten = asking(&inbox);
    drop(parts.requests.recv().await.unwrap());
    assert_eq!(forgotten.await.unwrap(), Err(RequestError::NoAnswer(me)));
    // As many as may wait do; one more was surely not taken.
    let mut waiting = Vec::new();
    while parts.requests.len() < parts.requests.max_capacity() {
        waiting.push(asking(&inbox));
        tokio::task::yield_now().await;
    }
    assert_eq!(inbox.ask(from, question.clone()).await, Err(RequestError::Busy(me)));
    drop(parts);
    for asked in waiting {
        let answer = timeout(LONG, asked).await.expect("it ends").unwrap();
        assert_eq!(answer, Err(RequestError::NoAnswer(me)));
    }
    assert_eq!(inbox.ask(from, question).await, Err(RequestError::NotSent(me)));
}

#[tokio::test]
async fn a_plug_of_an_earlier_life_does_not_cut_off_the_next_one() {
    let board = Switchboard::new();
    let (me, other) = (NodeId::of(ME), NodeId::of(OTHER));
    let old = Arc::new(board.plug(me));
    let _old_parts = NetParts::over(old.clone(), me);
    let mut new = NetParts::over(Arc::new(board.plug(me)), me);
    old.close();
    let asker = NetParts::over(Arc::new(board.plug(other)), other).net.unwrap();
    let asking = {
        let asker = asker.clone();
        tokio::spawn(async move { asker.request(me, b"why", LONG).await })
    };
    let incoming = timeout(LONG, new.requests.recv()).await.expect("it comes").unwrap();
    incoming.responder.respond(b"because");
    assert_eq!(asking.await.unwrap().unwrap(), "because");
    board.cut_off(me, [other]);
    assert_eq!(asker.request(me, b"why", LONG).await, Err(RequestError::NotSent(me)));
    board.heal();
    new.net.unwrap().close_now();
    assert_eq!(asker.request(me, b"why", LONG).await, Err(RequestError::NotSent(me)));
}
