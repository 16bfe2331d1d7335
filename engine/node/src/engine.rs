//! A node with everything that is ours: keys and values, a write-ahead log, a TCP mesh.

use std::path::PathBuf;

use tokio::net::TcpListener;

use crate::{Client, EngineConfig, Node, NodeBuilder, StartError};

/// A node that runs inside this process, with keys and values: what [`NodeBuilder`] makes of its
/// defaults. It stops when [`Node::stop`] is called; dropping it stops it without waiting.
pub type EmbeddedEngine = Node<Client>;

impl EmbeddedEngine {
    /// Starts a group of one, whose log is in `dir`.
    ///
    /// # Errors
    /// [`StartError`], with the way out.
    pub async fn start(dir: impl Into<PathBuf>) -> Result<EmbeddedEngine, StartError> {
        EmbeddedEngine::start_with(EngineConfig::new(dir)).await
    }

    /// Starts a node.
    ///
    /// # Errors
    /// [`StartError`], with the way out.
    pub async fn start_with(config: EngineConfig) -> Result<EmbeddedEngine, StartError> {
        EmbeddedEngine::start_on(config, None).await
    }

    /// Starts a node, on a socket that is bound already if one is given.
    ///
    /// # Errors
    /// [`StartError`], with the way out.
    pub async fn start_on(
        config: EngineConfig,
        listener: Option<TcpListener>,
    ) -> Result<EmbeddedEngine, StartError> {
        let builder = NodeBuilder::new(config, std::future::pending::<()>());
        let builder = match listener {
            Some(listener) => builder.listener(listener),
            None => builder,
        };
        builder.build()?.start().await
    }

    /// How many watches this node's clients have.
    pub fn watches(&self) -> u64 {
        self.client.local.watches()
    }
}
