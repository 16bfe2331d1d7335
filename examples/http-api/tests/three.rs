//! Three nodes behind HTTP, of which one is ended, then another.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{collections::BTreeMap, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use quorate::prelude::*;
use tokio::{net::TcpListener, task::JoinHandle};
use ureq::Agent;

/// Far more than anything here takes; only a hang reaches it.
const LONG: Duration = Duration::from_secs(60);

struct Node {
    engine: Arc<EmbeddedEngine>,
    http: SocketAddr,
    server: JoinHandle<()>,
}

impl Node {
    async fn kill(self) {
        self.server.abort();
        self.engine.kill().await;
    }
}

/// Free ports, taken before they are told to others.
async fn three(dir: &Path) -> Vec<Node> {
    let mut listeners = Vec::new();
    for _ in 0..3 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let addresses = listeners.iter().map(|listener| listener.local_addr().unwrap().into());
    let peers: BTreeMap<NodeId, PeerAddress> = (1..).map(NodeId::of).zip(addresses).collect();
    let mut nodes = Vec::new();
    for (&node, listener) in peers.keys().zip(listeners) {
        let config = EngineConfig {
            node,
            peers: peers.clone(),
            request_timeout: Duration::from_secs(10),
            ..EngineConfig::new(dir.join(node.to_string()))
        };
        let engine = EmbeddedEngine::start_on(config, Some(listener)).await.unwrap();
        let engine = Arc::new(engine);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let app = http_api::app(engine.clone());
        let server = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        nodes.push(Node { engine, http, server });
    }
    for node in &nodes {
        node.engine.wait_ready(LONG).await.unwrap();
    }
    nodes
}

/// Status, header and body of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    status: u16,
    retry_after: Option<String>,
    body: String,
}

impl Said {
    fn is(&self, status: u16) -> &str {
        assert_eq!(self.status, status, "{self:?}");
        &self.body
    }
}

/// Asks as a program of its own would, on a thread of its own.
async fn ask(method: &'static str, node: &Node, path: &str, body: Option<Vec<u8>>) -> Said {
    let url = format!("http://{}{path}", node.http);
    let asking = tokio::task::spawn_blocking(move || {
        let config = Agent::config_builder().http_status_as_error(false);
        let agent = Agent::new_with_config(config.timeout_global(Some(LONG)).build());
        let answer = match (method, body) {
            ("PUT", body) => agent.put(url).send(body.unwrap_or_default()),
            ("DELETE", _) => agent.delete(url).call(),
            _ => agent.get(url).call(),
        };
        let mut answer = answer.unwrap();
        let retry_after = answer.headers().get("retry-after");
        Said {
            status: answer.status().as_u16(),
            retry_after: retry_after.map(|value| value.to_str().unwrap().to_owned()),
            body: answer.body_mut().read_to_string().unwrap(),
        }
    });
    asking.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_node_answers_and_one_may_go() {
    let dir = tempfile::tempdir().unwrap();
    let mut nodes = three(dir.path()).await;
    for (place, node) in nodes.iter().enumerate() {
        let path = format!("/keys/some/key-{place}");
        ask("GET", node, &path, None).await.is(404);
        let put = ask("PUT", node, &path, Some(b"value".to_vec())).await;
        assert!(put.is(200).contains("revision"), "{put:?}");
        for other in &nodes {
            for how in ["", "?consistency=linearizable", "?consistency=lease"] {
                let read = ask("GET", other, &format!("{path}{how}"), None).await;
                assert_eq!(read.is(200), "value");
            }
            // It has caught up: it answered a read that saw the value.
            let read = ask("GET", other, &format!("{path}?consistency=stale"), None).await;
            assert_eq!(read.is(200), "value");
        }
    }
    ask("DELETE", &nodes[0], "/keys/some/key-1", None).await.is(204);
    ask("DELETE", &nodes[1], "/keys/some/key-1", None).await.is(404);
    ask("GET", &nodes[2], "/ready", None).await.is(200);
    assert!(ask("GET", &nodes[2], "/health", None).await.is(200).contains("\"halted\":null"));

    let wrong = ask("GET", &nodes[0], "/keys/a?consistency=eventual", None).await;
    assert!(wrong.is(400).contains("linearizable"), "{wrong:?}");

    // The leader goes without a farewell: the others go on, and have everything.
    let leader = nodes.iter().position(|node| node.engine.is_leader()).unwrap();
    nodes.remove(leader).kill().await;
    ask("PUT", &nodes[0], "/keys/after", Some(b"it".to_vec())).await.is(200);
    for node in &nodes {
        assert_eq!(ask("GET", node, "/keys/some/key-0", None).await.is(200), "value");
        assert_eq!(ask("GET", node, "/keys/after", None).await.is(200), "it");
    }

    // One alone is no quorum, and says so in time.
    nodes.remove(0).kill().await;
    let last = &nodes[0];
    let refused = ask("GET", last, "/keys/after", None).await;
    assert!(refused.is(503).contains("\"done\":\"no\""), "{refused:?}");
    assert_eq!(refused.retry_after.as_deref(), Some("1"));
    let write = ask("PUT", last, "/keys/after", Some(b"all".to_vec())).await;
    assert!(matches!(write.status, 503 | 504), "{write:?}");
    let says = if write.status == 503 { "\"done\":\"no\"" } else { "\"done\":\"unknown\"" };
    assert!(write.body.contains(says), "{write:?}");
    ask("GET", last, "/ready", None).await.is(503);
    assert_eq!(ask("GET", last, "/keys/after?consistency=stale", None).await.is(200), "it");
}
