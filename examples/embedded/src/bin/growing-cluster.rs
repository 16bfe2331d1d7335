//! One node becomes a cluster of three while clients write, loses one, and replaces it: nothing that was
//! acknowledged is lost, and no write has to wait longer than an election takes.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use embedded::{Done, Folder};
use quorate::{Membership, prelude::*};
use tokio::{net::TcpListener, task::JoinHandle};

/// A node, and where the others reach it.
struct Running {
    engine: EmbeddedEngine,
    address: String,
}

/// Starts a node. Elsewhere each would be a process of its own, with a `listen` address.
async fn start(folder: &Folder, node: u64, start: Start) -> Done<Running> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let dir = folder.at(&format!("node-{node}"));
    let config = EngineConfig { node: NodeId::of(node), start, ..EngineConfig::new(dir) };
    let engine = EmbeddedEngine::start_on(config, Some(listener)).await?;
    Ok(Running { engine, address })
}

/// Waits until `node` has a vote, as `watcher` sees it.
async fn votes(watcher: &EmbeddedEngine, node: u64) -> Done {
    let node = NodeId::of(node);
    let is_voter = |now: &Membership| now.is_settled() && now.voters().contains(&node);
    let seen = watcher.watch_membership().wait_for(is_voter).await.ok_or("it runs")?;
    println!("voters are now {:?}", seen.voters());
    Ok(())
}

/// Writes numbers until told to end; answers with how many, and how long the slowest took.
fn write(client: Client, end: Arc<AtomicBool>) -> JoinHandle<Done<(u64, Duration)>> {
    tokio::spawn(async move {
        let client = client.with_timeout(Duration::from_secs(20));
        // In a session a write is done once, even where a leader dies before it can answer.
        let session = client.session(Duration::from_secs(60)).await?;
        let client = session.client();
        let (mut count, mut slowest) = (0, Duration::ZERO);
        while !end.load(Ordering::SeqCst) {
            let asked = Instant::now();
            client.put(format!("numbers/{count:08}"), count.to_string()).await?;
            slowest = slowest.max(asked.elapsed());
            count += 1;
        }
        Ok((count, slowest))
    })
}

#[tokio::main]
async fn main() -> Done {
    let folder = Folder::new("growing-cluster");
    let one = start(&folder, 1, Start::New).await?;
    one.engine.wait_ready(Duration::from_secs(30)).await?;
    let client = one.engine.client().with_timeout(Duration::from_secs(30));
    let end = Arc::new(AtomicBool::new(false));
    let writer = write(client.clone(), end.clone());
    println!("one node, under load");

    // Two more: each gets the log first, and a vote once it has it.
    let two = start(&folder, 2, Start::Join).await?;
    client.member_add(NodeId::of(2), &two.address, None).await?;
    votes(&one.engine, 2).await?;
    let three = start(&folder, 3, Start::Join).await?;
    client.member_add(NodeId::of(3), &three.address, None).await?;
    votes(&one.engine, 3).await?;

    // One dies, and a new one takes its place, under a new name.
    three.engine.kill().await;
    println!("node 3 is dead");
    let four = start(&folder, 4, Start::Join).await?;
    client.member_replace(NodeId::of(3), NodeId::of(4), &four.address).await?;
    votes(&four.engine, 4).await?;

    end.store(true, Ordering::SeqCst);
    let (count, slowest) = writer.await??;
    println!("{count} writes, the slowest took {} ms", slowest.as_millis());
    // Read at the newest member: it has all of them.
    let all = four.engine.client().scan_prefix("numbers/", ReadOptions::default()).await?;
    assert_eq!(all.count, count, "nothing that was acknowledged is lost");
    for node in [one, two, four] {
        node.engine.stop().await?;
    }
    println!("growing-cluster: ok: from one node to three, one replaced, nothing lost");
    Ok(())
}
