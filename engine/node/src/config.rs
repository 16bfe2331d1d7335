//! Who a node is, where it writes, and who the others are.

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use quorate_core::{Config, NodeId};
use quorate_driver::SnapshotPolicy;
use quorate_tokio::Clock;

/// Whether a node's storage should be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Founds a group on new storage; used storage is refused.
    New,
    /// Goes on with used storage; new storage is refused, for a voter whose disk was lost must not
    /// vote again under its old name.
    Existing,
    /// Founds the group where the storage is new, goes on where it is used. Do not use it for a node
    /// whose disk was replaced: give that one a new name.
    NewOrExisting,
}

/// Everything that a node is started with.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The directory of its log; created where it is missing.
    pub dir: PathBuf,
    /// Its name in the group.
    pub node: NodeId,
    /// The group's name: nodes and directories of other groups are refused. Default 1.
    pub group: u64,
    /// All members, this one included, with their addresses. Empty for a group of one.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// Whether the storage should be new. Default [`Start::NewOrExisting`].
    pub start: Start,
    /// How long a leader must be silent before another is elected, at least. 1 ms to 1 h; default
    /// 500 ms.
    pub election_timeout: Duration,
    /// Time between a leader's heartbeats; at most half of `election_timeout`. Default 100 ms.
    pub heartbeat_interval: Duration,
    /// How long an operation may take where its caller does not say. Default 5 s.
    pub request_timeout: Duration,
    /// The size of the log's files. Bytes; at least 4 KiB; default 16 MiB.
    pub segment_bytes: u64,
    /// A snapshot is taken each time that so many entries were applied; 0 for never. Default
    /// 100,000.
    pub snapshot_every_entries: u64,
    /// Entries that stay in the log behind a snapshot, so that a node that lags a little needs
    /// none. Default 10,000.
    pub retain_entries: u64,
    /// Where everything that the node is told is recorded, for `quorate replay`; an existing file is
    /// replaced. Default none.
    pub record_to: Option<PathBuf>,
}

impl EngineConfig {
    /// The defaults for a group of one in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> EngineConfig {
        EngineConfig {
            dir: dir.into(),
            node: NodeId::of(1),
            group: 1,
            peers: BTreeMap::new(),
            start: Start::NewOrExisting,
            election_timeout: Duration::from_millis(500),
            heartbeat_interval: Duration::from_millis(100),
            request_timeout: Duration::from_secs(5),
            segment_bytes: 16 * 1024 * 1024,
            snapshot_every_entries: SnapshotPolicy::default().every_entries,
            retain_entries: 10_000,
            record_to: None,
        }
    }

    /// The members' names.
    pub(crate) fn members(&self) -> Vec<NodeId> {
        if self.peers.is_empty() { vec![self.node] } else { self.peers.keys().copied().collect() }
    }

    /// The members, with their addresses.
    pub(crate) fn addresses(&self) -> BTreeMap<NodeId, Option<SocketAddr>> {
        if self.peers.is_empty() {
            return BTreeMap::from([(self.node, None)]);
        }
        self.peers.iter().map(|(&node, &address)| (node, Some(address))).collect()
    }

    pub(crate) fn snapshot_policy(&self) -> SnapshotPolicy {
        SnapshotPolicy { every_entries: self.snapshot_every_entries, ..SnapshotPolicy::NEVER }
    }

    pub(crate) fn core(&self) -> Config {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Config {
            election_timeout: nanos(self.election_timeout),
            heartbeat_interval: nanos(self.heartbeat_interval),
            retain_entries: self.retain_entries,
            lease_reads: Clock::COUNTS_SLEEP,
            publish_lease: true,
            ..Config::new(self.node, self.group)
        }
    }
}
