//! Every metric of a node's task, its store and its mesh.

use super::Metric;

pub(crate) const TERM: Metric = Metric::gauge("quorate_raft_term", "The node's term.");
pub(crate) const ROLE: Metric = Metric::gauge(
    "quorate_raft_role",
    "1 for the role that the node has: `follower`, `pre_candidate`, `candidate` or `leader`.",
)
.by(&["role"])
.alert(
    "no node, or more than one for longer than an election, has role `leader` in the newest term",
);
pub(crate) const HAS_LEADER: Metric =
    Metric::gauge("quorate_raft_has_leader", "1 where the node knows who leads its term.")
        .alert("0 for longer than a few elections");
pub(crate) const LEADER_CHANGES: Metric = Metric::counter(
    "quorate_raft_leader_changes_total",
    "How often the node has learned of a leader of another term or name.",
)
.alert("more than a few an hour: the network, the disk or a clock is in trouble");
pub(crate) const CAMPAIGNS: Metric =
    Metric::counter("quorate_raft_campaigns_total", "Elections that the node has stood for.");
pub(crate) const COMMIT_INDEX: Metric =
    Metric::gauge("quorate_raft_commit_index", "The last entry known to be committed.");
pub(crate) const APPLIED_INDEX: Metric =
    Metric::gauge("quorate_raft_applied_index", "The last entry applied to the state machine.");
pub(crate) const LAST_INDEX: Metric =
    Metric::gauge("quorate_raft_last_index", "The last entry of the log.");
pub(crate) const COMMIT_LAG: Metric = Metric::gauge(
    "quorate_raft_commit_lag_entries",
    "Entries of the log that are not known to be committed.",
)
.alert("rising on a leader: a majority does not keep up, or cannot be reached");
pub(crate) const APPLY_LAG: Metric = Metric::gauge(
    "quorate_raft_apply_lag_entries",
    "Entries that are committed and not applied here: what stale reads do not show.",
)
.alert("rising: the state machine does not keep up");
pub(crate) const PEER_LAG: Metric = Metric::gauge(
    "quorate_raft_peer_lag_entries",
    "On a leader, entries of its log that the other node is not known to hold; 0 on others.",
)
.by(&["peer"])
.alert("rising for one peer: it is down, cut off, or too slow");
pub(crate) const DROPPED: Metric = Metric::counter(
    "quorate_raft_messages_dropped_total",
    "Messages and completions that the core took no notice of, by reason. Some that are `stale` are \
     usual after elections.",
)
.by(&["reason"])
.alert("any with reason `malformed`, `term_leap`, `contradictory` or `from_ourselves`");
pub(crate) const HALTED: Metric =
    Metric::gauge("quorate_node_halted", "1 where the node has stopped for good.")
        .alert("1: mend the cause that the log names, and start it again");
pub(crate) const REQUESTS_WAITING: Metric = Metric::gauge(
    "quorate_node_requests_waiting",
    "Requests in the node's queue behind those of this turn.",
)
.alert("near `request_queue`");
pub(crate) const MESSAGES_WAITING: Metric = Metric::gauge(
    "quorate_node_messages_waiting",
    "Messages of other nodes in the node's queue behind those of this turn.",
);
pub(crate) const PROPOSALS: Metric = Metric::counter(
    "quorate_proposals_total",
    "Proposals that this node's task was asked for, by outcome: `done`, `refused` and `replaced` and \
     `queue_full` (surely not done), `unknown`.",
)
.by(&["outcome"])
.alert("`queue_full` or `unknown` rising");
pub(crate) const PROPOSALS_PENDING: Metric =
    Metric::gauge("quorate_proposals_pending", "Proposals whose outcome is not known yet.");
pub(crate) const APPLY_SECONDS: Metric = Metric::histogram(
    "quorate_apply_seconds",
    "How long the state machine took for the entries that were handed to it at once.",
);
pub(crate) const STORE_WRITE_SECONDS: Metric = Metric::histogram(
    "quorate_store_write_seconds",
    "How long a group commit took until it was durable.",
)
.alert("99th percentile near `heartbeat_interval`: the disk is too slow");
pub(crate) const COMMIT_ENTRIES: Metric =
    Metric::histogram("quorate_store_commit_entries", "Entries in a group commit.");
pub(crate) const COMMIT_BYTES: Metric =
    Metric::histogram("quorate_store_commit_bytes", "What a group commit's entries cost.");
pub(crate) const STORE_READS: Metric = Metric::counter(
    "quorate_store_reads_total",
    "How often entries were read back from the log, since they were no longer in memory.",
);
pub(crate) const STORE_FAILURES: Metric =
    Metric::counter("quorate_store_failures_total", "Jobs that the store failed at.").alert("any");
pub(crate) const STALLED: Metric = Metric::gauge(
    "quorate_store_stalled",
    "1 where a write takes so long that the node does not lead.",
)
.alert("1: the disk hangs");
pub(crate) const SNAPSHOTS: Metric = Metric::counter(
    "quorate_snapshots_total",
    "Snapshots of the own state, by outcome: `taken` or `failed`.",
)
.by(&["outcome"])
.alert("`failed` rising: the log grows without end");
pub(crate) const SNAPSHOT_INDEX: Metric =
    Metric::gauge("quorate_snapshot_index", "The last entry that the newest snapshot covers.");
pub(crate) const SNAPSHOT_SECONDS: Metric = Metric::histogram(
    "quorate_snapshot_seconds",
    "How long a snapshot took, by phase: `serialize`, `write` or `install`.",
)
.by(&["phase"]);
pub(crate) const SNAPSHOT_BYTES: Metric =
    Metric::gauge("quorate_snapshot_bytes", "The size of the last snapshot that was taken.");
pub(crate) const SNAPSHOT_OFFERS: Metric = Metric::counter(
    "quorate_snapshot_offers_total",
    "How often the node has offered a snapshot to another one, which lacks entries that are gone.",
);
pub(crate) const SNAPSHOT_FETCHES: Metric = Metric::counter(
    "quorate_snapshot_fetches_total",
    "Snapshots that were fetched from another node, by outcome: `done` or `failed`.",
)
.by(&["outcome"]);
pub(crate) const FETCHED_BYTES: Metric = Metric::gauge(
    "quorate_snapshot_fetched_bytes",
    "How much is here of the snapshot that is being fetched; 0 where none is.",
);
pub(crate) const FETCH_BYTES: Metric = Metric::gauge(
    "quorate_snapshot_fetch_size_bytes",
    "The size of the snapshot that is being fetched; 0 where none is.",
);
pub(crate) const MESH_CONNECTED: Metric =
    Metric::gauge("quorate_mesh_connected", "1 where the connection to the other node stands.")
        .by(&["peer"])
        .alert("0 for longer than a restart takes");
pub(crate) const MESH_CONNECTS: Metric = Metric::counter(
    "quorate_mesh_connects_total",
    "Connections to the other node that were made, the first included.",
)
.by(&["peer"])
.alert("rising while nobody restarts");
pub(crate) const MESH_SENT: Metric =
    Metric::counter("quorate_mesh_sent_bytes_total", "What was written to the other node.")
        .by(&["peer"]);
pub(crate) const MESH_RECEIVED: Metric =
    Metric::counter("quorate_mesh_received_bytes_total", "What was read from the other node.")
        .by(&["peer"]);
pub(crate) const MESH_QUEUE: Metric =
    Metric::gauge("quorate_mesh_queue_frames", "What waits to be sent to the other node.")
        .by(&["peer"]);
pub(crate) const MESH_DROPPED: Metric = Metric::counter(
    "quorate_mesh_dropped_total",
    "Messages that found the other node's queue full, or no connection. Raft sends them again.",
);
pub(crate) const MESH_REFUSED: Metric = Metric::counter(
    "quorate_mesh_refused_total",
    "Connections that were refused or ended: another group, a stranger, or no sense in what it sent.",
)
.alert("rising: somebody connects who should not, or a node has a wrong configuration");

/// All of them.
pub const NODE_METRICS: &[Metric] = &[
    TERM,
    ROLE,
    HAS_LEADER,
    LEADER_CHANGES,
    CAMPAIGNS,
    COMMIT_INDEX,
    APPLIED_INDEX,
    LAST_INDEX,
    COMMIT_LAG,
    APPLY_LAG,
    PEER_LAG,
    DROPPED,
    HALTED,
    REQUESTS_WAITING,
    MESSAGES_WAITING,
    PROPOSALS,
    PROPOSALS_PENDING,
    APPLY_SECONDS,
    STORE_WRITE_SECONDS,
    COMMIT_ENTRIES,
    COMMIT_BYTES,
    STORE_READS,
    STORE_FAILURES,
    STALLED,
    SNAPSHOTS,
    SNAPSHOT_INDEX,
    SNAPSHOT_SECONDS,
    SNAPSHOT_BYTES,
    SNAPSHOT_OFFERS,
    SNAPSHOT_FETCHES,
    FETCHED_BYTES,
    FETCH_BYTES,
    MESH_CONNECTED,
    MESH_CONNECTS,
    MESH_SENT,
    MESH_RECEIVED,
    MESH_QUEUE,
    MESH_DROPPED,
    MESH_REFUSED,
];
