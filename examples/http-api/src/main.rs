//! One node behind HTTP.
//!
//! ```text
//! http-api --node 1 --data ./1 --http 127.0.0.1:8001 \
//!     --peer 1=127.0.0.1:7001 --peer 2=127.0.0.1:7002 --peer 3=127.0.0.1:7003
//! curl -X PUT --data-binary world http://127.0.0.1:8001/keys/hello
//! curl http://127.0.0.1:8002/keys/hello?consistency=stale
//! ```

use std::{error::Error, net::SocketAddr, path::PathBuf, sync::Arc};

use clap::Parser;
use quorate::prelude::*;
use tokio::{net::TcpListener, signal::ctrl_c};

/// Keys over HTTP, the same on every node.
#[derive(Parser)]
struct Arguments {
    /// This node's number, from 1.
    #[arg(long)]
    node: u64,
    /// The folder of its log.
    #[arg(long)]
    data: PathBuf,
    /// Where it listens for HTTP; port 0 for any that is free.
    #[arg(long)]
    http: SocketAddr,
    /// A member of the group, this one included; none for a group of one.
    #[arg(long = "peer", value_name = "NODE=ADDRESS", value_parser = peer)]
    peers: Vec<(NodeId, PeerAddress)>,
}

fn peer(text: &str) -> Result<(NodeId, PeerAddress), String> {
    let (node, address) = text.split_once('=').ok_or("such as 1=127.0.0.1:7001")?;
    let node = node.parse().ok().and_then(NodeId::new).ok_or("a node is a number from 1")?;
    let address = address.parse().map_err(|_| "an address is such as node-1.example:7001")?;
    Ok((node, address))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let Arguments { node, data, http, peers } = Arguments::parse();
    let node = NodeId::new(node).ok_or("a node's number is at least 1")?;
    let peers = peers.into_iter().collect();
    let config = EngineConfig { node, peers, ..EngineConfig::new(data) };
    let engine = Arc::new(EmbeddedEngine::start_with(config).await?);
    let listener = TcpListener::bind(http).await?;
    println!("node {node} answers on http://{}", listener.local_addr()?);
    // Requests end before the node does: they have their answers.
    let told = async { drop(ctrl_c().await) };
    axum::serve(listener, http_api::app(engine.clone())).with_graceful_shutdown(told).await?;
    engine.stop().await?;
    Ok(())
}
