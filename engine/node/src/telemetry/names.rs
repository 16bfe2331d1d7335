//! Every metric of the engine.

use quorate_tokio::Metric;

pub(crate) const BUILD: Metric =
    Metric::gauge("quorate_build_info", "1; the label says which version runs.").by(&["version"]);
pub(crate) const SYNC_SECONDS: Metric = Metric::histogram(
    "quorate_wal_sync_seconds",
    "How long the disk took to make a group commit durable (`fdatasync`).",
)
.alert("99th percentile above 10 ms on a disk that used to be faster: it degrades");
pub(crate) const WRITE_SECONDS: Metric = Metric::histogram(
    "quorate_wal_write_seconds",
    "How long handing a group commit to the system took, before it was made durable.",
);
pub(crate) const WRITTEN_BYTES: Metric =
    Metric::counter("quorate_wal_written_bytes_total", "What was written to log and snapshots.");
pub(crate) const KEYS: Metric = Metric::gauge("quorate_kv_keys", "Keys in this node's state.");
pub(crate) const USED_BYTES: Metric =
    Metric::gauge("quorate_kv_used_bytes", "What keys and values take, as the quota counts.")
        .alert("above 80 % of `quorate_kv_quota_bytes`: compact, delete, or raise `quota_bytes`");
pub(crate) const QUOTA_BYTES: Metric =
    Metric::gauge("quorate_kv_quota_bytes", "What they may take; 0 for no limit.");
pub(crate) const OUT_OF_SPACE: Metric = Metric::gauge(
    "quorate_kv_out_of_space",
    "1 where a put was refused for want of space, and none has come since.",
)
.alert("1: puts are refused");
pub(crate) const REVISION: Metric =
    Metric::gauge("quorate_kv_revision", "The newest revision of this node's state.");
pub(crate) const COMPACTED: Metric =
    Metric::gauge("quorate_kv_compacted_revision", "The oldest revision that can be read.");
pub(crate) const LEASES: Metric = Metric::gauge("quorate_leases", "Leases, sessions included.");
pub(crate) const SESSIONS: Metric =
    Metric::gauge("quorate_sessions", "Sessions.").alert("near 100,000, the limit");
pub(crate) const EXPIRED: Metric = Metric::counter(
    "quorate_leases_expired_total",
    "Leases that this node, while it led, let expire.",
);
pub(crate) const WATCHES: Metric =
    Metric::gauge("quorate_watches", "Watches of this node's clients.").alert("near `watch_limit`");
pub(crate) const WATCHES_LOST: Metric = Metric::counter(
    "quorate_watches_lost_total",
    "Watches that were cancelled, since a compaction had passed their place.",
)
.alert("rising: readers are too slow, or compactions too eager");
pub(crate) const WATCHES_REFUSED: Metric = Metric::counter(
    "quorate_watches_refused_total",
    "Watches that were refused, since there were `watch_limit` of them.",
)
.alert("any");
pub(crate) const WATCHED: Metric = Metric::counter(
    "quorate_watch_changes_total",
    "Changes that watches were told of; one that three watches see counts three times.",
);
pub(crate) const REQUESTS: Metric = Metric::counter(
    "quorate_requests_total",
    "Requests of this node's clients to the leader, by operation (`write`, `keep_alive`, \
     `time_to_live`) and outcome (`done`, `refused`, `not_done`, `unknown`, `halted`).",
)
.by(&["operation", "outcome"])
.alert("`not_done` or `unknown` rising: requests time out or find no leader");
pub(crate) const READS: Metric = Metric::counter(
    "quorate_reads_total",
    "Reads of this node's clients, by consistency (`linearizable`, `lease`, `stale`) and outcome: \
     `local` (the lease's fast path, and stale reads), `confirmed` by the leader, `failed`.",
)
.by(&["consistency", "outcome"])
.alert("`failed` rising");
pub(crate) const REQUEST_SECONDS: Metric = Metric::histogram(
    "quorate_request_seconds",
    "How long requests took that wait for the group, retries included: an operation of \
     `quorate_requests_total`, or `read`.",
)
.by(&["operation"])
.alert("99th percentile above what your callers bear");
pub(crate) const FORWARDED: Metric = Metric::counter(
    "quorate_forwarded_requests_total",
    "Requests of other nodes, by outcome: `taken`, or `refused` at `forwarded_limit`.",
)
.by(&["outcome"])
.alert("`refused`: the leader has more than it can do");

/// All of them.
pub(super) const ENGINE_METRICS: &[Metric] = &[
    BUILD,
    SYNC_SECONDS,
    WRITE_SECONDS,
    WRITTEN_BYTES,
    KEYS,
    USED_BYTES,
    QUOTA_BYTES,
    OUT_OF_SPACE,
    REVISION,
    COMPACTED,
    LEASES,
    SESSIONS,
    EXPIRED,
    WATCHES,
    WATCHES_LOST,
    WATCHES_REFUSED,
    WATCHED,
    REQUESTS,
    READS,
    REQUEST_SECONDS,
    FORWARDED,
];
