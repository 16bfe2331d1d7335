//! The result, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use super::{load::Written, verify::Reads};

/// Figures of one run; the names are those of the JSON object.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Report {
    /// Writes that were acknowledged.
    pub(crate) acknowledged: u64,
    /// Of these, those that a node does not hold, or that a read did not return.
    pub(crate) lost: u64,
    /// Acknowledged writes a second, the fail-over included.
    pub(crate) ops_per_s: u64,
    /// Latency of writes in microseconds, retries included.
    pub(crate) p50_us: u64,
    pub(crate) p99_us: u64,
    pub(crate) p999_us: u64,
    /// From the kill of the leader to the first acknowledgement of a write begun once it was dead;
    /// none where the stream was too short to see one.
    pub(crate) failover_ms: Option<f64>,
    /// Linearizable reads, and how many a second.
    pub(crate) reads: u64,
    pub(crate) reads_per_s: u64,
}

impl Report {
    pub(crate) fn of(written: &Written, reads: &Reads, lost: u64) -> Report {
        let rank = |share: f64| {
            let place = (written.latencies.len() as f64 * share) as usize;
            let last = written.latencies.len().saturating_sub(1);
            written.latencies.get(place.min(last)).copied().unwrap_or(0) / 1000
        };
        Report {
            acknowledged: written.acknowledged,
            lost: lost.max(reads.wrong),
            ops_per_s: per_second(written.acknowledged, written.elapsed),
            p50_us: rank(0.5),
            p99_us: rank(0.99),
            p999_us: rank(0.999),
            failover_ms: written
                .failover
                .map(|failover| (failover.as_secs_f64() * 10_000.0).round() / 10.0),
            reads: reads.count,
            reads_per_s: per_second(reads.count, reads.elapsed),
        }
    }

    pub(crate) fn print_json(&self) {
        match serde_json::to_string(self) {
            Ok(line) => println!("{line}"),
            Err(error) => eprintln!("error: {error}"),
        }
    }

    pub(crate) fn print_table(&self) {
        println!();
        println!("writes acknowledged        {:>12}", self.acknowledged);
        println!("throughput                 {:>12} writes/s", self.ops_per_s);
        println!("latency p50                {:>12} µs", self.p50_us);
        println!("latency p99                {:>12} µs", self.p99_us);
        println!("latency p99.9              {:>12} µs", self.p999_us);
        match self.failover_ms {
            Some(failover_ms) => println!("fail-over                  {failover_ms:>12} ms"),
            None => println!("fail-over                   not measured: the stream was too short"),
        }
        println!("linearizable reads         {:>12}", self.reads);
        println!("                           {:>12} reads/s", self.reads_per_s);
        println!("acknowledged writes lost:  {:>12}", self.lost);
    }
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    (count as f64 / elapsed.as_secs_f64().max(1e-9)) as u64
}
