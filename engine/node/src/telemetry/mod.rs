//! What the engine tells a recorder of the crate `metrics`, beside what its node's task tells.
//!
//! State is told once for each batch that was applied; requests are counted where they were asked for.
//! Owns names and handles; knows nothing of any exporter.

mod disk;
mod names;
mod requests;
mod state;

use quorate_tokio::{Labels, Metric, NODE_METRICS, describe};

pub(crate) use self::{
    disk::MeasuredDisk,
    requests::{ReadPath, RequestMetrics},
    state::{ServiceMetrics, StateGauges},
};

/// Where the buckets of histograms in seconds should lie: from 50 µs to 10 s. For exporters that
/// must be told.
pub const SECONDS_BUCKETS: &[f64] = &[
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
];
/// The same for histograms of entries and bytes: powers of four up to 16 Mi.
pub const SIZE_BUCKETS: &[f64] = &[
    1.0,
    4.0,
    16.0,
    64.0,
    256.0,
    1_024.0,
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

/// Every metric there is.
pub fn all_metrics() -> impl Iterator<Item = &'static Metric> {
    NODE_METRICS.iter().chain(names::ENGINE_METRICS)
}

/// Says what all of them mean, and which build this is.
fn begin(labels: &Labels) {
    describe(names::ENGINE_METRICS);
    labels.gauge(&names::BUILD, &[env!("CARGO_PKG_VERSION")]).set(1.0);
}
