//! d-engine under the load that quorate bears: embedded, RocksDB, its own defaults; all nodes in one
//! process on loopback, clients of the leader.

use std::{fs, net::TcpListener, path::Path, process::ExitCode, sync::Arc, time::Duration};

use bytes::Bytes;
use d_engine::{EmbeddedClient, EmbeddedEngine};
use d_engine_core::config::ReadConsistencyPolicy;
use quorate_bench_load::{Case, Client, KEY_BYTES, Operation, System};

/// How long starting may take.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// Before it is asked again who leads.
const ASK_INTERVAL: Duration = Duration::from_millis(20);

struct Engines {
    engines: Vec<EmbeddedEngine>,
    leader: Leader,
}

/// A client of the leader: others refuse.
#[derive(Clone)]
struct Leader(Arc<EmbeddedClient>);

impl Client for Leader {
    async fn put(&self, key: [u8; KEY_BYTES], value: Bytes) -> Result<(), String> {
        self.0.put(key, value).await.map_err(|error| format!("{error:?}"))
    }

    async fn read(&self, key: [u8; KEY_BYTES], operation: Operation) -> Result<bool, String> {
        let policy = match operation {
            Operation::Put | Operation::Linearizable => ReadConsistencyPolicy::LinearizableRead,
            Operation::Lease => ReadConsistencyPolicy::LeaseRead,
            Operation::Stale => ReadConsistencyPolicy::EventualConsistency,
        };
        let found = self.0.get_with_consistency(key, policy).await;
        found.map(|found| found.is_some()).map_err(|error| format!("{error:?}"))
    }
}

impl System for Engines {
    type Client = Leader;

    fn name(_: &Case) -> String {
        "d-engine".to_owned()
    }

    /// One node does not wait for its disk either: `strace -f -c -e trace=fsync,fdatasync` counts some
    /// forty syncs for two thousand puts, one after the other.
    fn durable(case: &Case) -> &'static str {
        if case.nodes == 1 { "no: from memory" } else { "no: from the memory of a majority" }
    }

    async fn start(case: &Case, dir: &Path) -> Result<Engines, String> {
        let ports = ports(case.nodes)?;
        let mut engines = Vec::new();
        for place in 0..ports.len() {
            let file = configure(dir, place, &ports)?;
            let engine = EmbeddedEngine::start_with(&file).await;
            engines.push(engine.map_err(|error| format!("{error:?}"))?);
        }
        for engine in &engines {
            engine.wait_ready(START_TIMEOUT).await.map_err(|error| format!("{error:?}"))?;
        }
        let leader = loop {
            match engines.iter().find(|engine| engine.is_leader()) {
                Some(engine) => break Leader(engine.client()),
                None => tokio::time::sleep(ASK_INTERVAL).await,
            }
        };
        Ok(Engines { engines, leader })
    }

    fn client(&self) -> Leader {
        self.leader.clone()
    }

    async fn stop(self) {
        // It is at its end, and a store that is busy may take long: all is thrown away.
        drop(self.engines);
    }
}

/// Free ports.
fn ports(count: u64) -> Result<Vec<u16>, String> {
    let bind = |_| TcpListener::bind("127.0.0.1:0");
    let bound: std::io::Result<Vec<TcpListener>> = (0..count).map(bind).collect();
    let bound = bound.map_err(|error| format!("no port on loopback: {error}"))?;
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    bound.iter().map(port).collect::<std::io::Result<_>>().map_err(|error| error.to_string())
}

/// Writes a node's configuration file; where it lies.
fn configure(dir: &Path, place: usize, ports: &[u16]) -> Result<String, String> {
    let node = place + 1;
    let member = |(place, port): (usize, &u16)| {
        let id = place + 1;
        // A follower that is active: a voter from the start.
        format!("{{ id = {id}, address = '127.0.0.1:{port}', role = 1, status = 3 }}")
    };
    let members: Vec<String> = ports.iter().enumerate().map(member).collect();
    let home = dir.join(node.to_string());
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let text = format!(
        "[cluster]\nnode_id = {node}\nlisten_address = '127.0.0.1:{}'\ninitial_cluster = [{}]\n\
         db_root_dir = '{}'\n[raft.snapshot]\nsnapshots_dir = '{}'\n",
        ports[place],
        members.join(", "),
        home.join("db").display(),
        home.join("snapshots").display()
    );
    let file = home.join("config.toml");
    fs::write(&file, text).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(file.display().to_string())
}

fn main() -> ExitCode {
    let done = quorate_bench_load::main::<Engines>(std::env::args().skip(1));
    // What its threads still do is in nobody's way.
    std::process::exit(if done == ExitCode::SUCCESS { 0 } else { 1 })
}
