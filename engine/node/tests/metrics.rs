//! What nodes tell a recorder, scraped as Prometheus would, against what the page says.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;
mod scrape;

use std::{collections::BTreeMap, fmt::Write as _, path::Path, time::Duration};

use common::{LONG, Three};
use quorate::{
    Consistency, Coordination, EmbeddedEngine, EngineConfig, KeyRange, NodeId, ReadOptions, Start,
    WatchOptions, all_metrics,
};
use quorate_core::{Body, Message};
use quorate_tokio::{Mesh, MeshOptions};
use scrape::{Scrape, eventually, scrape};
use tokio::{io::AsyncWriteExt, net::TcpListener};

/// Little is kept, so that whoever was away needs a snapshot.
fn config(group: u64) -> impl Fn(EngineConfig) -> EngineConfig {
    move |config| EngineConfig {
        group,
        snapshot_every_entries: 40,
        retain_entries: 5,
        // No election but by a death.
        election_timeout: Duration::from_secs(2),
        ..config
    }
}

async fn write(engine: &EmbeddedEngine, count: u32) {
    let client = engine.client();
    for number in 0..count {
        client.put(format!("key-{number}"), vec![7; 100]).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_scraped_is_what_the_page_says_and_moves_as_nodes_do() {
    let group = 71;
    scrape();
    let dir = tempfile::tempdir().unwrap();
    let mut three = Three::start_as(dir.path(), config(group)).await;
    let leader = three.wait_leader().await;
    let engine = three.engines[leader].as_ref().unwrap();
    let id = three.configs[leader].node;
    let of = |node: NodeId| move |scrape: &Scrape| scrape.of(group, node);
    let leads = |scrape: &Scrape| of(id)(scrape).get("quorate_raft_role", &["leader"]) == 1.0;
    eventually("it says that it leads", leads).await;

    let before = of(id)(&scrape());
    write(engine, 30).await;
    let requests = ("quorate_requests_total", ["write", "done"]);
    let proposals = ("quorate_proposals_total", ["done"]);
    eventually("proposals are counted", |scrape| {
        let now = of(id)(scrape);
        now.get(proposals.0, &proposals.1) == before.get(proposals.0, &proposals.1) + 30.0
            && now.get(requests.0, &requests.1) == before.get(requests.0, &requests.1) + 30.0
            && now.get("quorate_kv_keys", &[]) == 30.0
            && now.get("quorate_raft_commit_lag_entries", &[]) == 0.0
            && now.get("quorate_store_commit_entries_count", &[]) >= 1.0
    })
    .await;

    reads(engine, group, id).await;
    watches_and_leases(engine, group, id).await;
    a_leader_dies(&mut three, leader, group).await;
    names_are_those_of_the_page(group);
    three.stop().await;
}

async fn reads(engine: &EmbeddedEngine, group: u64, node: NodeId) {
    let client = engine.client();
    let before = scrape().of(group, node);
    for _ in 0..5 {
        client.get("key-1").await.unwrap();
        client.get_stale("key-1").await.unwrap();
        client.get_lease("key-1").await.unwrap();
    }
    let now = scrape().of(group, node);
    let more = |consistency: &str, outcome: &str| {
        let labels = [consistency, outcome];
        now.get("quorate_reads_total", &labels) - before.get("quorate_reads_total", &labels)
    };
    assert_eq!(more("linearizable", "confirmed"), 5.0);
    assert_eq!(more("stale", "local"), 5.0);
    // Its lease may end on a slow machine; then the leader is asked.
    assert_eq!(more("lease", "local") + more("lease", "confirmed"), 5.0);
}

async fn watches_and_leases(engine: &EmbeddedEngine, group: u64, node: NodeId) {
    let client = engine.client();
    let mut watcher = client.watch("key-1", WatchOptions::default()).await.unwrap();
    let other = client.watch_prefix("", WatchOptions::default()).await.unwrap();
    assert_eq!(scrape().of(group, node).get("quorate_watches", &[]), 2.0);
    client.put("key-1", "told").await.unwrap();
    watcher.next().await.unwrap().unwrap();
    let now = scrape().of(group, node);
    assert_eq!(now.get("quorate_watch_changes_total", &[]), 1.0);
    drop((watcher, other));
    eventually("watches are back at none", |scrape| {
        scrape.of(group, node).get("quorate_watches", &[]) == 0.0
    })
    .await;

    let lease = client.grant(Duration::from_secs(3600)).await.unwrap();
    client.put_with_lease("leased", "1", lease).await.unwrap();
    let session = client.session(Duration::from_secs(3600)).await.unwrap();
    client.grant(Duration::from_millis(100)).await.unwrap();
    eventually("a lease has expired", |scrape| {
        let now = scrape.of(group, node);
        now.get("quorate_leases_expired_total", &[]) == 1.0
            && now.get("quorate_leases", &[]) == 2.0
            && now.get("quorate_sessions", &[]) == 1.0
    })
    .await;
    session.close().await.unwrap();
    client.revoke(lease).await.unwrap();
    eventually("no lease is left", |scrape| {
        let now = scrape.of(group, node);
        now.get("quorate_leases", &[]) == 0.0 && now.get("quorate_sessions", &[]) == 0.0
    })
    .await;
    let request = quorate::RangeRequest::new(KeyRange::prefix("key"));
    client.read(request, Consistency::Stale).await.unwrap();
    client.scan_prefix("key", ReadOptions::default()).await.unwrap();
}

/// Its successor says so, everybody has seen it, and it comes back by way of a snapshot.
async fn a_leader_dies(three: &mut Three, leader: usize, group: u64) {
    let dead = three.configs[leader].node;
    let others: Vec<NodeId> =
        three.configs.iter().map(|config| config.node).filter(|node| *node != dead).collect();
    let changes = |scrape: &Scrape, node| {
        scrape.of(group, node).get("quorate_raft_leader_changes_total", &[])
    };
    let before = scrape();
    assert_eq!(three.kill_leader().await, leader);
    let gone = scrape().of(group, dead);
    assert_eq!(gone.get("quorate_raft_role", &["leader"]), 0.0);
    let now_leads = three.wait_leader().await;
    for other in &others {
        eventually("a change of leaders is counted", |now| {
            let now_connected = now.of(group, *other);
            changes(now, *other) > changes(&before, *other)
                && now_connected.get("quorate_mesh_connected", &[&dead.to_string()]) == 0.0
        })
        .await;
    }
    let engine = three.engines[now_leads].as_ref().unwrap();
    write(engine, 300).await;
    let node = three.configs[now_leads].node;
    eventually("nobody is there to hear, and the log is covered", |now| {
        let now = now.of(group, node);
        now.get("quorate_mesh_dropped_total", &[]) > 0.0
            && now.get("quorate_snapshots_total", &["taken"]) > 0.0
            && now.get("quorate_raft_peer_lag_entries", &[&dead.to_string()]) >= 300.0
    })
    .await;

    let back = EngineConfig { start: Start::Existing, ..three.configs[leader].clone() };
    let back = EmbeddedEngine::start_with(back).await.unwrap();
    back.wait_ready(LONG).await.unwrap();
    three.engines[leader] = Some(back);
    eventually("it is back, by way of a snapshot", |now| {
        let (back, node) = (now.of(group, dead), now.of(group, node));
        back.get("quorate_snapshot_fetches_total", &["done"]) >= 1.0
            && back.get("quorate_snapshot_seconds_count", &["install"]) >= 1.0
            && back.get("quorate_snapshot_fetched_bytes", &[]) == 0.0
            && node.get("quorate_snapshot_offers_total", &[]) >= 1.0
            && node.get("quorate_raft_peer_lag_entries", &[&dead.to_string()]) == 0.0
            && node.get("quorate_mesh_connected", &[&dead.to_string()]) == 1.0
    })
    .await;
}

/// In both directions, with types and labels.
fn names_are_those_of_the_page(group: u64) {
    let found = scrape().kinds(group);
    let known: BTreeMap<String, (String, Vec<String>)> = all_metrics()
        .map(|metric| {
            let labels = ["group", "node"].iter().chain(metric.labels);
            let mut labels: Vec<String> = labels.map(ToString::to_string).collect();
            labels.sort();
            (metric.name.to_owned(), (metric.kind.word().to_owned(), labels))
        })
        .collect();
    assert_eq!(found, known);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/observability.md");
    let text = std::fs::read_to_string(&page).unwrap();
    let (head, rest) = text.split_once("<!-- metrics -->\n").expect("the table has its place");
    let (_, tail) = rest.split_once("<!-- end of metrics -->").expect("and its end");
    let expected = format!("{head}<!-- metrics -->\n{}<!-- end of metrics -->{tail}", table());
    if std::env::var_os("QUORATE_BLESS").is_some() {
        std::fs::write(&page, &expected).unwrap();
    } else {
        assert!(text == expected, "docs/observability.md is outdated: QUORATE_BLESS=1 writes it");
    }
}

fn table() -> String {
    let mut table = "| name | type | labels | unit | meaning | alert on |\n".to_owned();
    table.push_str("|---|---|---|---|---|---|\n");
    for metric in all_metrics() {
        let (name, kind, labels) = (metric.name, metric.kind.word(), metric.labels.join(", "));
        let (unit, about, alert) = (metric.unit(), metric.about, metric.alert);
        let _ = writeln!(table, "| `{name}` | {kind} | {labels} | {unit} | {about} | {alert} |");
    }
    table
}

#[tokio::test]
async fn what_is_dropped_and_refused_is_counted_by_reason() {
    let group = 72;
    scrape();
    let dir = tempfile::tempdir().unwrap();
    let own = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let others = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = own.local_addr().unwrap();
    let (one, two) = (NodeId::of(1), NodeId::of(2));
    let peers = [(one, address), (two, others.local_addr().unwrap())];
    let base = EngineConfig::new(dir.path());
    let given = peers.map(|(node, address)| (node, address.into())).into();
    let config = EngineConfig { group, peers: given, watch_limit: 0, ..base };
    let engine = EmbeddedEngine::start_on(config, Some(own)).await.unwrap();
    let of = |scrape: &Scrape| scrape.of(group, one);

    // The other node is none of ours: it says what none says.
    let peers = peers.map(|(node, address)| (node, address.to_string().into())).into();
    let parts = Mesh::start(others, MeshOptions { group, node: two, address: None, peers });
    let reasons = ["malformed", "term_leap"];
    let senseless = || {
        for term in [0, 1 << 50] {
            parts.mesh.send([(one, &Message { term, body: Body::TimeoutNow })]);
        }
    };
    eventually("both reasons are counted", |scrape| {
        senseless();
        reasons
            .iter()
            .all(|reason| of(scrape).get("quorate_raft_messages_dropped_total", &[reason]) > 0.0)
    })
    .await;
    assert_eq!(of(&scrape()).get("quorate_raft_messages_dropped_total", &["from_ourselves"]), 0.0);
    assert!(of(&scrape()).get("quorate_mesh_received_bytes_total", &["2"]) > 0.0);

    let mut stranger = tokio::net::TcpStream::connect(address).await.unwrap();
    stranger.write_all(&[0xff; 64]).await.unwrap();
    eventually("a stranger is counted", |scrape| {
        of(scrape).get("quorate_mesh_refused_total", &[]) >= 1.0
    })
    .await;

    // It has no leader, and no room for watches.
    let client = engine.client().with_timeout(Duration::from_millis(50));
    client.put("a", "1").await.unwrap_err();
    client.get("a").await.unwrap_err();
    let from = WatchOptions { from: 1, ..WatchOptions::default() };
    client.watch("a", from).await.unwrap_err();
    let now = of(&scrape());
    assert_eq!(now.get("quorate_requests_total", &["write", "not_done"]), 1.0);
    assert_eq!(now.get("quorate_reads_total", &["linearizable", "failed"]), 1.0);
    assert_eq!(now.get("quorate_watches_refused_total", &[]), 1.0);
    assert_eq!(now.get("quorate_raft_has_leader", &[]), 0.0);
    parts.mesh.close().await;
    engine.stop().await.unwrap();
}

#[tokio::test]
async fn the_group_has_the_quota_of_its_leader() {
    let group = 73;
    scrape();
    let dir = tempfile::tempdir().unwrap();
    let config = EngineConfig { group, quota_bytes: 10_000, ..EngineConfig::new(dir.path()) };
    let engine = EmbeddedEngine::start_with(config.clone()).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    let of = |scrape: &Scrape| scrape.of(group, NodeId::of(1));
    eventually("the quota is set", |scrape| of(scrape).get("quorate_kv_quota_bytes", &[]) == 1e4)
        .await;
    engine.client().put("a", vec![0; 20_000]).await.unwrap_err();
    let now = of(&scrape());
    assert_eq!(now.get("quorate_kv_out_of_space", &[]), 1.0);
    assert_eq!(now.get("quorate_requests_total", &["write", "refused"]), 1.0);
    engine.stop().await.unwrap();
    let config = EngineConfig { quota_bytes: 100_000, ..config };
    let engine = EmbeddedEngine::start_with(config).await.unwrap();
    engine.wait_ready(LONG).await.unwrap();
    eventually("the quota is raised", |scrape| {
        of(scrape).get("quorate_kv_quota_bytes", &[]) == 1e5
    })
    .await;
    engine.client().put("a", vec![0; 20_000]).await.unwrap();
    engine.stop().await.unwrap();
}
