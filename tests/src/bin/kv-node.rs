//! A node as a process: requests come as JSON lines on stdin, answers go as JSON lines to stdout.
//!
//! `{"id":1,"op":"put","key":"k","value":"v"}` is answered by `{"id":1,"ok":true}`;
//! `{"id":2,"op":"get","key":"k"}` by `{"id":2,"ok":true,"value":"v"}`, without a value where there
//! is none; a failure by `{"id":3,"ok":false,"unknown":true,"error":"…"}`.

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, time::Duration};

use clap::Parser;
use quorate::{
    Client, Coordination, EmbeddedEngine, EngineConfig, EngineError, MemberError, NodeId,
    PeerAddress,
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    sync::mpsc,
};

/// Runs one node; ends when stdin does.
#[derive(Parser)]
#[command(after_help = "Example:\n  kv-node --dir data/1 --node 1 --peer 1=127.0.0.1:4001")]
struct Arguments {
    /// Where its log is.
    #[arg(long)]
    dir: PathBuf,
    /// Its name.
    #[arg(long)]
    node: u64,
    /// A member and its address, for each member.
    #[arg(long = "peer", value_name = "ID=ADDRESS", value_parser = peer, required = true)]
    peers: Vec<(NodeId, PeerAddress)>,
}

fn peer(text: &str) -> Result<(NodeId, PeerAddress), String> {
    let (id, address) = text.split_once('=').ok_or("a peer is ID=ADDRESS")?;
    let id = id.parse().ok().and_then(NodeId::new).ok_or("an id is a number from 1")?;
    Ok((id, address.parse().map_err(|error: MemberError| error.to_string())?))
}

#[derive(Deserialize)]
struct Request {
    id: u64,
    op: Op,
    key: String,
    value: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Op {
    Put,
    Get,
}

#[derive(Default, Serialize)]
struct Answer {
    id: u64,
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(node) = NodeId::new(arguments.node) else {
        eprintln!("error: a node's id is at least 1");
        return ExitCode::from(2);
    };
    let peers: BTreeMap<NodeId, PeerAddress> = arguments.peers.into_iter().collect();
    let config = EngineConfig {
        node,
        peers,
        election_timeout: Duration::from_millis(150),
        heartbeat_interval: Duration::from_millis(30),
        request_timeout: Duration::from_secs(2),
        // Small, so that segments roll under the kills.
        segment_bytes: 64 * 1024,
        ..EngineConfig::new(arguments.dir)
    };
    match EmbeddedEngine::start_with(config).await {
        Ok(engine) => {
            serve(engine.client()).await;
            let _ = engine.stop().await;
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(client: Client) {
    let (answers, mut queue) = mpsc::channel::<Answer>(1024);
    let writer = tokio::spawn(async move {
        let mut stdout = tokio::io::stdout();
        while let Some(answer) = queue.recv().await {
            let Ok(mut line) = serde_json::to_vec(&answer) else { continue };
            line.push(b'\n');
            if stdout.write_all(&line).await.is_err() || stdout.flush().await.is_err() {
                return;
            }
        }
    });
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let (client, answers) = (client.clone(), answers.clone());
        tokio::spawn(async move {
            let answer = match serde_json::from_str(&line) {
                Ok(request) => carry_out(&client, request).await,
                Err(error) => Answer { error: Some(error.to_string()), ..Answer::default() },
            };
            let _ = answers.send(answer).await;
        });
    }
    drop(answers);
    let _ = writer.await;
}

async fn carry_out(client: &Client, request: Request) -> Answer {
    let id = request.id;
    let result = match request.op {
        Op::Put => client.put(request.key, request.value.unwrap_or_default()).await.map(|_| None),
        Op::Get => client.get_linearizable(request.key).await,
    };
    match result {
        Ok(value) => {
            let value = value.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
            Answer { id, ok: true, value, ..Answer::default() }
        }
        Err(error) => {
            let unknown = Some(matches!(error, EngineError::Unknown { .. }));
            Answer { id, unknown, error: Some(error.to_string()), ..Answer::default() }
        }
    }
}
