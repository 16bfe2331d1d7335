//! What a case must keep to, so that a file that somebody edited cannot ask for the impossible: a group
//! whose messages, writes and clients take longer than it is given to come back would fail for nothing.

use quorate_core::Nanos;
use quorate_kv::LEASE_TTL_MIN_MS;

use crate::{
    MAX_NODES, duration,
    plan::{Fault, Wire},
    profile::{MILLISECOND, SECOND, Settings},
};

/// Operations of a client are numbered below this.
pub(super) const NUMBERS: u64 = 1 << 32;
/// More clients than this are of no use in a group of eight.
const CLIENTS: u64 = 1_000;
const MILLION: u64 = 1_000_000;
/// A larger value says no more, and a disk and a link are busy with it.
const PADDING_BYTES: u64 = 16 * 1024;
/// Faults go on for at most an hour.
const FAULT_TIME: Nanos = 3_600 * SECOND;
/// A clock may nearly stand.
const SLOWEST_PPM: i64 = -999_999;
/// And it may be so much faster.
const FASTEST_PPM: i64 = 10_000_000;

/// What is not possible.
pub(super) struct Refused {
    /// The setting as files name it, with its table where it is in one within.
    pub(super) name: String,
    /// What it is, and what may be written.
    pub(super) message: String,
}

/// What a setting holds, the least and the most that it may.
type Bounds = (&'static str, u64, u64, u64);

fn together(settings: &Settings) -> u64 {
    settings.nodes.saturating_add(settings.spares).saturating_add(settings.reserves)
}

/// Whether a world can have these settings.
pub(super) fn settings(settings: &Settings) -> Result<(), Refused> {
    numbers(settings).into_iter().try_for_each(|bounds| within(bounds, number))?;
    (0..settings.all_nodes()).try_for_each(|node| settings.config(node, 0).validate()).map_err(
        |error| {
            let name = error.knob.replace('_', "-");
            let is_time = name.ends_with("-timeout") || TIMES.contains(&name.as_str());
            let write: fn(u64) -> String = if is_time { duration::write } else { number };
            let [value, min, max] = [error.value, error.min, error.max].map(write);
            refused(&name, &value, &min, &max)
        },
    )?;
    times(settings).into_iter().try_for_each(|bounds| within(bounds, duration::write))
}

/// Knobs of a node that are times and are not called timeouts.
const TIMES: [&str; 3] = ["heartbeat-interval", "commit-notify-delay", "write-stall-limit"];

fn numbers(settings: &Settings) -> [Bounds; 25] {
    let (link, workload) = (&settings.link, &settings.workload);
    let features = &workload.features;
    [
        ("nodes", settings.nodes, 1, MAX_NODES),
        ("spares", settings.spares, 0, MAX_NODES),
        ("reserves", settings.reserves, 0, MAX_NODES),
        ("nodes, spares and reserves together", together(settings), 1, MAX_NODES),
        ("priority-step", settings.priority_step, 0, 10),
        ("part-bytes", settings.part_bytes, 1, 1 << 30),
        ("segment-bytes", settings.segment_bytes, 1 << 10, 1 << 30),
        ("max-clock-drift-ppm", settings.max_clock_drift_ppm, 0, MILLION),
        ("unreachable-ppm", settings.unreachable_ppm, 0, MILLION),
        ("link.late-ppm", link.late_ppm, 0, MILLION),
        ("link.drop-ppm", link.drop_ppm, 0, MILLION),
        ("link.duplicate-ppm", link.duplicate_ppm, 0, MILLION),
        ("workload.clients", workload.clients, 1, CLIENTS),
        ("workload.keys", workload.keys, 1, MILLION),
        ("workload.read-percent", workload.read_percent, 0, 100),
        ("workload.lease-percent", workload.lease_percent, 0, 100),
        ("workload.delete-percent", workload.delete_percent, 0, 100),
        ("workload.compact-percent", workload.compact_percent, 0, 100),
        ("workload.features.transactions", features.transactions, 0, 100),
        ("workload.features.sessions", features.sessions, 0, 100),
        ("workload.features.leases", features.leases, 0, 100),
        ("workload.features.locks", features.locks, 0, 100),
        ("workload.features.watches", features.watches, 0, 100),
        ("workload.features.quota", features.quota, 0, 1 << 30),
        ("workload.padding-bytes", workload.padding_bytes, 0, PADDING_BYTES),
    ]
}

/// Beside the election timeout, which is in its range: several messages and writes must fit
/// in it, or nobody is elected, and a group is given some of it to come back.
fn times(settings: &Settings) -> [Bounds; 13] {
    let (link, workload) = (&settings.link, &settings.workload);
    let timeout = settings.election_timeout;
    let path = [link.delay, link.spread, settings.write_time, settings.write_spread];
    let path = path.into_iter().fold(0, u64::saturating_add);
    let (half, quarter) = (timeout / 2, timeout / 4);
    let least = if workload.features.any() { LEASE_TTL_MIN_MS * MILLISECOND } else { 0 };
    [
        ("write-time", settings.write_time, 0, quarter),
        ("write-spread", settings.write_spread, 0, quarter),
        ("link.delay", link.delay, 0, quarter),
        ("link.spread", link.spread, 0, quarter),
        ("link.delay, link.spread, write-time and write-spread together", path, 0, quarter),
        ("apply-spread", settings.apply_spread, 0, timeout / 20),
        ("workload.think", workload.think, 0, 10 * timeout),
        ("workload.pace", workload.pace, 0, 20 * timeout),
        ("workload.gather", workload.gather, 0, half),
        ("workload.patience", workload.patience, half, 20 * timeout),
        ("workload.features.ttl", workload.features.ttl, least, 20 * timeout),
        ("fault-time", settings.fault_time, 0, FAULT_TIME),
        ("rest", settings.rest, 0, FAULT_TIME),
    ]
}

fn within(bounds: Bounds, write: fn(u64) -> String) -> Result<(), Refused> {
    let (name, value, low, high) = bounds;
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let [value, low, high] = [value, low, high].map(write);
    Err(refused(name, &value, &low, &high))
}

fn refused(name: &str, value: &str, low: &str, high: &str) -> Refused {
    let message = format!("{name} is {value}: {low} to {high} are possible");
    Refused { name: name.to_owned(), message }
}

/// Whether a world with these settings can come back from such a fault.
pub(super) fn fault(fault: Fault, settings: &Settings) -> Result<(), String> {
    // What comes later than that holds up a link that keeps its order for too long.
    let longest = 10 * settings.election_timeout;
    let checked = match fault {
        Fault::Lossy { drop_ppm } => within(("drop-ppm", drop_ppm, 0, MILLION), number),
        Fault::Wire(Wire::Corrupt { ppm }) => within(("corrupt-ppm", ppm, 0, MILLION), number),
        Fault::Slow { by } | Fault::Wire(Wire::Lag { by, .. }) | Fault::SlowSteps { by } => {
            within(("by", by, 0, longest), duration::write)
        }
        Fault::Drift { ppm } if !(SLOWEST_PPM..=FASTEST_PPM).contains(&ppm) => {
            let [value, low, high] = [ppm, SLOWEST_PPM, FASTEST_PPM].map(|ppm| ppm.to_string());
            Err(refused("ppm", &value, &low, &high))
        }
        _ => Ok(()),
    };
    checked.map_err(|refused| refused.message)
}

fn number(number: u64) -> String {
    number.to_string()
}
