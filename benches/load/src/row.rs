//! What a case came to.

use serde::{Deserialize, Serialize};

use crate::{Case, Operation, clients::Tally};

/// A case of one engine, and what it came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The engine.
    pub system: String,
    /// Its nodes.
    pub nodes: u64,
    /// What the clients did.
    pub operation: Operation,
    /// How many clients.
    pub clients: u64,
    /// When a write is acknowledged.
    pub durable: String,
    /// Operations done in the median second.
    pub ops: u64,
    /// Operations done in the best second.
    pub ops_best: u64,
    /// Operations done in the worst second.
    pub ops_worst: u64,
    /// How long an operation took. Microseconds.
    pub p50_us: f64,
    /// How long the slowest hundredth took, at least. Microseconds.
    pub p99_us: f64,
    /// What all threads of the process, clients included, worked for an operation. Microseconds.
    pub cpu_us: f64,
    /// Operations that failed.
    pub failed: u64,
    /// The most that the process held in memory. Bytes.
    pub resident: u64,
}

impl Row {
    pub(crate) fn of(system: String, durable: &str, case: &Case, tally: &Tally) -> Row {
        let mut seconds = tally.seconds.clone();
        seconds.sort_unstable();
        let done: u64 = seconds.iter().sum();
        let micros = |quantile| tally.took.value_at_quantile(quantile) as f64 / 1000.0;
        Row {
            system,
            nodes: case.nodes,
            operation: case.operation,
            clients: case.clients,
            durable: durable.to_owned(),
            ops: seconds[seconds.len() / 2],
            ops_best: *seconds.last().unwrap_or(&0),
            ops_worst: *seconds.first().unwrap_or(&0),
            p50_us: micros(0.5),
            p99_us: micros(0.99),
            cpu_us: tally.worked_us as f64 / done.max(1) as f64,
            failed: tally.failed,
            resident: tally.resident,
        }
    }
}
