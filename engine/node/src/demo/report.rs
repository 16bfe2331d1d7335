//! The result, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use super::{load::Written, verify::Reads, voice::grouped};

/// Figures of one run; the names are those of the JSON object.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Writes that were acknowledged in this run.
    pub(crate) acknowledged: u64,
    /// Keys whose acknowledged value a node does not hold, or a read did not return; earlier runs'
    /// included.
    pub(crate) lost: u64,
    /// Acknowledged writes a second, before the kill.
    pub(crate) ops_per_s: u64,
    /// Latency of these writes in microseconds, retries included.
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    /// The longest that any write took; those that waited for a new leader are among them.
    pub(crate) slowest_us: u64,
    /// From the kill of the leader to the first acknowledgement of a write sent once it was dead;
    /// none where no leader was killed.
    pub(crate) failover_ms: Option<f64>,
    /// Linearizable reads, and how many a second.
    pub(crate) reads: u64,
    pub(crate) reads_per_s: u64,
    /// Values that earlier runs had acknowledged in this directory and that are there.
    pub(crate) earlier_found: u64,
}

impl Report {
    pub(crate) fn of(steady: &Written, disturbed: &Written, reads: &Reads) -> Report {
        let rank = |share: f64| {
            let place = (steady.latencies.len() as f64 * share) as usize;
            let last = steady.latencies.len().saturating_sub(1);
            steady.latencies.get(place.min(last)).copied().unwrap_or(0) / 1000
        };
        let slowest = steady.latencies.last().max(disturbed.latencies.last());
        Report {
            acknowledged: steady.acknowledged + disturbed.acknowledged,
            lost: reads.wrong,
            ops_per_s: per_second(steady.acknowledged, steady.elapsed),
            p50_us: rank(0.5),
            p99_us: rank(0.99),
            p999_us: rank(0.999),
            slowest_us: slowest.copied().unwrap_or(0) / 1000,
            failover_ms: disturbed
                .failover
                .map(|failover| (failover.as_secs_f64() * 10_000.0).round() / 10.0),
            reads: reads.count,
            reads_per_s: per_second(reads.count, reads.elapsed),
            earlier_found: 0,
        }
    }

    pub(crate) fn print_json(&self) {
        match serde_json::to_string(self) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("error: {error}"),
        }
    }

    pub(crate) fn print_table(&self) {
        let row =
            |name: &str, number: String, what: &str| println!("{name:<24}{number:>10} {what}");
        println!();
        row("operations", grouped(self.acknowledged), "writes acknowledged");
        row("", grouped(self.reads), "linearizable reads");
        row("throughput", grouped(self.ops_per_s), "writes/s, each synced by a majority");
        row("", grouped(self.reads_per_s), "reads/s");
        row("write latency    p50", grouped(self.p50_us), "µs");
        row("                 p99", grouped(self.p99_us), "µs");
        row("                 p99.9", grouped(self.p999_us), "µs");
        row("                 slowest", grouped(self.slowest_us), "µs, the fail-over included");
        if let Some(failover_ms) = self.failover_ms {
            let what = "from the kill to the first write acknowledged after it";
            row("failover_ms", failover_ms.to_string(), what);
        }
        if self.earlier_found > 0 {
            row("earlier runs", grouped(self.earlier_found), "of their values found");
        }
        println!();
        println!("acknowledged writes lost: {}", grouped(self.lost));
    }
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    (count as f64 / elapsed.as_secs_f64().max(1e-9)) as u64
}
