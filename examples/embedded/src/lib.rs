//! What the examples share: a folder to keep a node's log in, and three nodes on this machine.

use std::{collections::BTreeMap, env, error::Error, fs, path::PathBuf, process};

use quorate::prelude::*;
use tokio::net::TcpListener;

/// What an example ends with.
pub type Done<T = ()> = Result<T, Box<dyn Error + Send + Sync>>;

/// A folder that is gone when this is dropped.
pub struct Folder(PathBuf);

impl Folder {
    /// A new one for this run of `example`.
    pub fn new(example: &str) -> Folder {
        Folder(env::temp_dir().join(format!("quorate-{example}-{}", process::id())))
    }

    /// A place in it.
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays is in nobody's way.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Three nodes of one group. Elsewhere each would be a process of its own, and its address known.
pub async fn three_nodes(folder: &Folder) -> Done<Vec<EmbeddedEngine>> {
    let mut listeners = Vec::new();
    let mut peers: BTreeMap<NodeId, PeerAddress> = BTreeMap::new();
    for node in 1..=3 {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        peers.insert(NodeId::of(node), listener.local_addr()?.into());
        listeners.push(listener);
    }
    let mut engines = Vec::new();
    for (&node, listener) in peers.keys().zip(listeners) {
        let dir = folder.at(&format!("node-{node}"));
        let config = EngineConfig { node, peers: peers.clone(), ..EngineConfig::new(dir) };
        engines.push(EmbeddedEngine::start_on(config, Some(listener)).await?);
    }
    Ok(engines)
}
