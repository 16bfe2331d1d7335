//! What a node tells a recorder of the crate `metrics`. Where none is installed, nothing is counted.
//!
//! Whatever grows with requests is counted in batches: once each turn of the node's task, or once
//! each group commit. Owns the handles, which are looked up once; knows nothing of any exporter.

mod metric;
mod names;
mod published;

use metrics::{Counter, Histogram};
use quorate_core::Status;
use quorate_driver::{Outcome, WriteJob};

pub(crate) use self::published::{Publisher, Waiting};
pub use self::{
    metric::{Labels, Metric, MetricKind, describe},
    names::NODE_METRICS,
};

use crate::{Mesh, NodeStatus};

/// What a node's task tells.
pub(crate) struct TaskMetrics {
    pub(crate) labels: Labels,
    pub(crate) publisher: Publisher,
    pub(crate) proposals: Proposals,
    pub(crate) commits: CommitMetrics,
    pub(crate) snapshots: SnapshotMetrics,
}

impl TaskMetrics {
    pub(crate) fn new(labels: Labels) -> TaskMetrics {
        describe(NODE_METRICS);
        TaskMetrics {
            labels,
            publisher: Publisher::new(labels),
            proposals: Proposals::new(&labels),
            commits: CommitMetrics::new(&labels),
            snapshots: SnapshotMetrics::new(&labels),
        }
    }

    /// Counts what is rare; what is not is counted in batches, by [`TaskMetrics::tell`].
    pub(crate) fn count<R>(&self, outcome: &Outcome<R>) {
        match outcome {
            Outcome::SnapshotTaken { .. } => self.snapshots.taken.increment(1),
            Outcome::SnapshotFailed { .. } => self.snapshots.failed.increment(1),
            Outcome::Done { .. }
            | Outcome::Refused { .. }
            | Outcome::Replaced { .. }
            | Outcome::Unknown { .. }
            | Outcome::ReadReady { .. }
            | Outcome::Transferred { .. }
            | Outcome::Lease { .. }
            | Outcome::RoleChanged { .. }
            | Outcome::Misuse(_)
            | Outcome::Halted(_) => {}
        }
    }

    /// Tells what is new, once a turn.
    pub(crate) fn tell(
        &mut self,
        node: &NodeStatus,
        core: &Status<'_>,
        mesh: Option<&Mesh>,
        waiting: Waiting,
        settled: Settled,
    ) {
        self.publisher.show(node, core, mesh, waiting);
        let Proposals { done, refused, replaced, unknown, .. } = &self.proposals;
        let Settled { done: d, refused: r, replaced: p, unknown: u } = settled;
        for (counter, more) in [(done, d), (refused, r), (replaced, p), (unknown, u)] {
            if more > 0 {
                counter.increment(more);
            }
        }
    }
}

/// How many proposals were settled since it was last told.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settled {
    pub(crate) done: u64,
    pub(crate) refused: u64,
    pub(crate) replaced: u64,
    pub(crate) unknown: u64,
}

/// What became of proposals.
pub(crate) struct Proposals {
    pub(crate) done: Counter,
    pub(crate) refused: Counter,
    pub(crate) replaced: Counter,
    pub(crate) unknown: Counter,
    pub(crate) queue_full: Counter,
}

impl Proposals {
    pub(crate) fn new(labels: &Labels) -> Proposals {
        let of = |outcome| labels.counter(&names::PROPOSALS, &[outcome]);
        Proposals {
            done: of("done"),
            refused: of("refused"),
            replaced: of("replaced"),
            unknown: of("unknown"),
            queue_full: of("queue_full"),
        }
    }
}

/// What the store's thread tells.
pub(crate) struct StoreMetrics {
    pub(crate) write_seconds: Histogram,
    pub(crate) commits: CommitMetrics,
    pub(crate) reads: Counter,
    pub(crate) failures: Counter,
    /// From the first part of a snapshot to the last.
    pub(crate) snapshot_seconds: Histogram,
}

impl StoreMetrics {
    pub(crate) fn new(labels: &Labels) -> StoreMetrics {
        StoreMetrics {
            write_seconds: labels.histogram(&names::STORE_WRITE_SECONDS, &[]),
            commits: CommitMetrics::new(labels),
            reads: labels.counter(&names::STORE_READS, &[]),
            failures: labels.counter(&names::STORE_FAILURES, &[]),
            snapshot_seconds: labels.histogram(&names::SNAPSHOT_SECONDS, &["write"]),
        }
    }
}

/// What is told of each group commit.
pub(crate) struct CommitMetrics {
    entries: Histogram,
    bytes: Histogram,
}

impl CommitMetrics {
    pub(crate) fn new(labels: &Labels) -> CommitMetrics {
        CommitMetrics {
            entries: labels.histogram(&names::COMMIT_ENTRIES, &[]),
            bytes: labels.histogram(&names::COMMIT_BYTES, &[]),
        }
    }

    pub(crate) fn tell(&self, job: &WriteJob) {
        let writes = job.writes().iter().map(|write| &write.entries);
        let (entries, bytes) = writes
            .fold((0, 0), |(entries, bytes), more| (entries + more.len(), bytes + more.cost()));
        // Others write terms, votes and what is committed.
        if entries > 0 {
            self.entries.record(entries as f64);
            self.bytes.record(bytes as f64);
        }
    }
}

/// What is told of snapshots besides.
#[derive(Clone)]
pub(crate) struct SnapshotMetrics {
    pub(crate) taken: Counter,
    pub(crate) failed: Counter,
    pub(crate) serialize_seconds: Histogram,
    pub(crate) install_seconds: Histogram,
    pub(crate) bytes: metrics::Gauge,
    pub(crate) offers: Counter,
    pub(crate) fetched: Counter,
    pub(crate) not_fetched: Counter,
    pub(crate) fetched_bytes: metrics::Gauge,
    pub(crate) fetch_bytes: metrics::Gauge,
}

impl SnapshotMetrics {
    pub(crate) fn new(labels: &Labels) -> SnapshotMetrics {
        SnapshotMetrics {
            taken: labels.counter(&names::SNAPSHOTS, &["taken"]),
            failed: labels.counter(&names::SNAPSHOTS, &["failed"]),
            serialize_seconds: labels.histogram(&names::SNAPSHOT_SECONDS, &["serialize"]),
            install_seconds: labels.histogram(&names::SNAPSHOT_SECONDS, &["install"]),
            bytes: labels.gauge(&names::SNAPSHOT_BYTES, &[]),
            offers: labels.counter(&names::SNAPSHOT_OFFERS, &[]),
            fetched: labels.counter(&names::SNAPSHOT_FETCHES, &["done"]),
            not_fetched: labels.counter(&names::SNAPSHOT_FETCHES, &["failed"]),
            fetched_bytes: labels.gauge(&names::FETCHED_BYTES, &[]),
            fetch_bytes: labels.gauge(&names::FETCH_BYTES, &[]),
        }
    }
}
