//! What is told of a node's state, of leases and of watches.

use metrics::{Counter, Gauge};
use quorate_kv::Kv;
use quorate_tokio::Labels;

use super::names;

/// Gauges of the state, told once for each batch that was applied.
#[derive(Debug)]
pub(crate) struct StateGauges {
    all: [(Gauge, Option<u64>); 8],
}

impl StateGauges {
    pub(crate) fn new(labels: &Labels) -> StateGauges {
        let all = [
            &names::KEYS,
            &names::USED_BYTES,
            &names::QUOTA_BYTES,
            &names::OUT_OF_SPACE,
            &names::REVISION,
            &names::COMPACTED,
            &names::LEASES,
            &names::SESSIONS,
        ];
        StateGauges { all: all.map(|metric| (labels.gauge(metric, &[]), None)) }
    }

    /// Tells what has changed.
    pub(crate) fn show(&mut self, kv: &Kv) {
        let values = [
            kv.len(),
            kv.used(),
            kv.quota(),
            u64::from(kv.is_out_of_space()),
            kv.revision(),
            kv.compacted(),
            kv.lease_count(),
            kv.session_count(),
        ];
        for ((gauge, shown), value) in self.all.iter_mut().zip(values) {
            if shown.replace(value) != Some(value) {
                gauge.set(value as f64);
            }
        }
    }
}

/// Counters of leases and watches.
#[derive(Debug)]
pub(crate) struct ServiceMetrics {
    pub(crate) expired: Counter,
    pub(crate) watches: Gauge,
    pub(crate) watches_lost: Counter,
    pub(crate) watches_refused: Counter,
    pub(crate) watched: Counter,
}

impl ServiceMetrics {
    pub(crate) fn new(labels: &Labels) -> ServiceMetrics {
        ServiceMetrics {
            expired: labels.counter(&names::EXPIRED, &[]),
            watches: labels.gauge(&names::WATCHES, &[]),
            watches_lost: labels.counter(&names::WATCHES_LOST, &[]),
            watches_refused: labels.counter(&names::WATCHES_REFUSED, &[]),
            watched: labels.counter(&names::WATCHED, &[]),
        }
    }
}
