//! A client on a handle whose node is played by the test.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::Path, time::Duration};

use quorate_core::{EntryRef, LogId, NodeId, Payload, Promotion, RoleKind};
use quorate_driver::StateMachine;
use quorate_kv::{Command, LeaseId};
use quorate_tokio::{Clock, Labels, NodeHandle, NodeStatus, ReadError, Scripted};

use super::*;
use crate::{
    forward::{Answer, Ask},
    route::Carrier,
    telemetry::RequestMetrics,
};

const LONG: Duration = Duration::from_secs(30);
const LABELS: Labels = Labels { group: 1, node: NodeId::of(1) };
const LEASE: LeaseId = LeaseId(7);

fn status(role: RoleKind, term: u64) -> NodeStatus {
    NodeStatus {
        role,
        term,
        leader: (role == RoleKind::Leader).then_some(NodeId::of(1)),
        is_alone: false,
        applied: 3,
        commit: 3,
        last: 9,
        snapshot: 0,
        halted: None,
    }
}

fn client(node: NodeHandle<Response>) -> Client {
    Client {
        route: Route {
            node,
            id: NodeId::of(1),
            net: None,
            timeout: LONG,
            promotion: Promotion::OnDemand,
            dir: Path::new("nowhere").into(),
            metrics: Arc::new(RequestMetrics::new(&LABELS)),
            command_limit: u64::MAX,
        },
        local: Local::new(Clock::new(), &LABELS, 8),
        session: None,
    }
}

/// A client of a leader of term 2 that has granted [`LEASE`] in that term.
async fn with_lease() -> (Client, Scripted<Response>) {
    let (node, scripted) = Scripted::new(status(RoleKind::Leader, 2));
    let client = client(node);
    let grant = Command::LeaseGrant { lease: LEASE, ttl_ms: 60_000 }.encode().unwrap();
    let entries = [Payload::Noop, Payload::Command(grant)];
    for (index, payload) in (1..).zip(&entries) {
        let entry = EntryRef { log_id: LogId::new(2, index), payload };
        client.local.machine().write().unwrap().apply_entry(entry);
    }
    (client, scripted)
}

/// Asks to keep the lease alive, and answers the read by which the node is shown to lead.
async fn keep_alive(
    client: &Client,
    scripted: &mut Scripted<Response>,
    meanwhile: impl FnOnce(&Scripted<Response>),
    read: Result<u64, ReadError>,
) -> Answer<Response> {
    let asking = tokio::spawn({
        let client = client.clone();
        async move { client.carry_out(Ask::KeepAlive(LEASE)).await }
    });
    // The time was taken before the read was asked for.
    tokio::task::yield_now().await;
    meanwhile(scripted);
    // Whoever asks for no read has an answer already.
    tokio::select! {
        () = scripted.answer_read(read) => {}
        () = tokio::time::sleep(LONG) => {}
    }
    tokio::time::timeout(LONG, asking).await.expect("it ends").unwrap()
}

#[tokio::test]
async fn a_leader_that_is_shown_to_lead_keeps_a_lease_alive() {
    let (client, mut scripted) = with_lease().await;
    let answer = keep_alive(&client, &mut scripted, |_| {}, Ok(3)).await;
    assert_eq!(answer, Answer::Left(Some(60_000)));
}

#[tokio::test]
async fn a_leader_that_is_not_shown_to_lead_keeps_no_lease_alive() {
    let (client, mut scripted) = with_lease().await;
    let answer = keep_alive(&client, &mut scripted, |_| {}, Err(ReadError::Stopped)).await;
    assert!(matches!(answer, Answer::NotDone(_)), "{answer:?}");
}

#[tokio::test]
async fn a_node_that_led_when_it_was_asked_keeps_no_lease_alive_once_another_leads() {
    // A leader that has lost its quorum follows in its own term.
    let others = [(RoleKind::Follower, 2), (RoleKind::Follower, 3), (RoleKind::Leader, 4)];
    for now in others.map(|(role, term)| status(role, term)) {
        let (client, mut scripted) = with_lease().await;
        // The read is confirmed, by whoever leads now.
        let lost = |scripted: &Scripted<Response>| scripted.publish(now);
        let answer = keep_alive(&client, &mut scripted, lost, Ok(3)).await;
        assert!(matches!(answer, Answer::NotDone(_)), "{answer:?}");
    }
}

#[tokio::test]
async fn a_barrier_waits_for_the_read_to_be_confirmed() {
    let (node, mut scripted) = Scripted::new(status(RoleKind::Leader, 2));
    let client = client(node);
    let waiting = tokio::spawn(async move { client.barrier().await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(!waiting.is_finished());
    scripted.answer_read(Ok(7)).await;
    let ended = tokio::time::timeout(LONG, waiting).await.expect("it ends").unwrap();
    assert_eq!(ended, Ok(()));
}

#[tokio::test]
async fn a_read_that_nobody_confirms_ends_at_its_deadline_and_was_surely_not_done() {
    let (node, _scripted) = Scripted::new(status(RoleKind::Leader, 2));
    let client = client(node).with_timeout(Duration::from_millis(50));
    for ended in [client.get("a").await, client.get_lease("a").await] {
        assert!(ended.unwrap_err().is_surely_not_done());
    }
    assert_eq!(client.get_stale("a").await, Ok(None));
}

#[tokio::test]
async fn a_write_that_nobody_answers_ends_at_its_deadline_and_is_unknown() {
    let (node, _scripted) = Scripted::new(status(RoleKind::Leader, 2));
    let client = client(node).with_timeout(Duration::from_millis(50));
    let error = client.put("a", "1").await.unwrap_err();
    assert!(matches!(error, EngineError::Unknown { .. }), "{error}");
    assert!(!error.is_surely_not_done());
}
