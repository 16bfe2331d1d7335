//! When a write is acknowledged.

use std::time::Duration;

use quorate_driver::LogStore;
use quorate_tokio::{Buffered, Early};

use crate::StartError;

/// When a node counts an entry as its own, and a write is acknowledged: once a majority does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is synced on the node's disk: a crash of any or all nodes loses nothing.
    Durable,
    /// When it is in the node's memory; it is synced within `interval`. What a node must never
    /// forget, its term and its votes, is durable all the same.
    ///
    /// A process that crashes loses what it took within `interval`, and one that stops cleanly
    /// nothing. So an acknowledged write is lost where a majority crashes within `interval` of it; or
    /// where one node that counted for it crashes, and, before the others have told it again, a leader
    /// is elected without those that still have it. The leader cannot bring a node up to date that forgot
    /// what it had acknowledged: hand the leadership over then. A node that applied such a write, and finds that
    /// the others went on without it, halts rather than contradict itself, and must be replaced.
    Buffered {
        /// How long an entry may be in memory alone. 1 ms to 10 s.
        interval: Duration,
    },
}

impl Durability {
    /// The least interval.
    pub const INTERVAL_MIN: Duration = Duration::from_millis(1);
    /// The greatest interval.
    pub const INTERVAL_MAX: Duration = Duration::from_secs(10);

    /// A store that acknowledges so, and what acknowledges for it.
    pub(crate) fn of(
        self,
        store: impl LogStore + 'static,
    ) -> Result<(Option<Early>, Box<dyn LogStore>), StartError> {
        Ok(match self {
            Durability::Durable => (None, Box::new(store)),
            Durability::Buffered { interval } => {
                let buffered = Buffered::new(store, interval).map_err(StartError::Thread)?;
                let (early, store) = buffered.split();
                (Some(early), Box::new(store))
            }
        })
    }
}
