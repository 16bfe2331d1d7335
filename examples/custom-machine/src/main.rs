//! Three nodes with one queue of jobs: workers on all of them, the leader ended in mid-work, nothing done
//! twice, nothing forgotten.

use std::{error::Error, path::Path};

use custom_machine::{Answer, Command, Jobs};
use quorate::{MachineClient, Node, Switchboard, prelude::*};

type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

const JOBS: u64 = 200;

/// Elsewhere each would be a process of its own, with addresses in `EngineConfig::peers` in place of
/// the switchboard.
async fn start(
    folder: &Path,
    board: &Switchboard,
    node: NodeId,
) -> Done<Node<MachineClient<Jobs>>> {
    let config = EngineConfig {
        node,
        snapshot_every_entries: 100,
        ..EngineConfig::new(folder.join(node.to_string()))
    };
    let prepared = NodeBuilder::new(config, std::future::pending::<()>())
        .state_machine(Jobs::default())
        .transport(board.plug(node))
        .members((1..=3).map(NodeId::of))
        .build()?;
    Ok(prepared.start().await?)
}

/// Works until nothing waits; how much it did.
async fn work(client: MachineClient<Jobs>, worker: String) -> Done<u64> {
    let mut done = 0;
    loop {
        // Asked again, the queue names the same job: this may be repeated.
        let take = Command::Take { worker: worker.clone() }.encode();
        let Answer::Taken(Some((id, _job))) = client.propose_repeatable(take).await? else {
            return Ok(done);
        };
        // Said again, the queue says that the worker has it no more: that is fine here.
        let finished = Command::Done { worker: worker.clone(), id }.encode();
        match client.propose_repeatable(finished).await? {
            Answer::Noted | Answer::NotYours => done += 1,
            other => return Err(format!("the queue answers {other:?}").into()),
        }
    }
}

#[tokio::main]
async fn main() -> Done {
    let folder = tempfile::tempdir()?;
    let board = Switchboard::new();
    let mut nodes = Vec::new();
    for node in (1..=3).map(NodeId::of) {
        nodes.push(start(folder.path(), &board, node).await?);
    }
    let client = nodes[0].client();
    for token in 1..=u128::from(JOBS) {
        let submit = Command::Submit { token, job: format!("job {token}") }.encode();
        // Twice, as whoever has no answer would: the token makes one of it.
        let first = client.propose_repeatable(submit.clone()).await?;
        assert_eq!(client.propose_repeatable(submit).await?, first);
    }

    // The leader goes without a farewell, and the others work on.
    let leader = nodes.iter().position(Node::is_leader).ok_or("somebody leads")?;
    let ended = nodes.remove(leader);
    let workers = nodes
        .iter()
        .enumerate()
        .map(|(number, node)| tokio::spawn(work(node.client(), format!("worker {number}"))));
    let workers: Vec<_> = workers.collect();
    ended.kill().await;
    let mut done = 0;
    for worker in workers {
        done += worker.await??;
    }
    let read = |jobs: &Jobs| (jobs.done(), jobs.waiting().len());
    let state = nodes[0].client().read(Consistency::Linearizable, read).await?;
    assert_eq!((state, done), ((JOBS, 0), JOBS));

    // Back from its snapshot and log, and from what the others know.
    let back = start(folder.path(), &board, NodeId::of(leader as u64 + 1)).await?.ready().await?;
    assert_eq!(back.client().peek(read), (JOBS, 0));
    println!("custom-machine: ok: {done} jobs done once each, on {} nodes", nodes.len());
    for node in nodes.iter().chain([&back]) {
        node.stop().await?;
    }
    Ok(())
}
