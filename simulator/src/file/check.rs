//! What settings must keep to, so that a file that somebody edited cannot ask for the impossible.

use crate::{MAX_NODES, profile::Settings};

/// Operations of a client are numbered below this.
pub(super) const NUMBERS: u64 = 1 << 32;
/// More clients than this are of no use in a group of eight.
const CLIENTS: u64 = 1_000;
const MILLION: u64 = 1_000_000;

fn together(settings: &Settings) -> u64 {
    settings.nodes.saturating_add(settings.spares).saturating_add(settings.reserves)
}

/// Whether a world can have these settings.
pub(super) fn settings(settings: &Settings) -> Result<(), String> {
    let (link, workload) = (&settings.link, &settings.workload);
    let ranges = [
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
        ("workload.padding-bytes", workload.padding_bytes, 0, 1 << 20),
    ];
    for (name, value, low, high) in ranges {
        if !(low..=high).contains(&value) {
            return Err(format!("{name} is {value}: {low} to {high} are possible"));
        }
    }
    (0..settings.all_nodes())
        .try_for_each(|node| settings.config(node, 0).validate())
        .map_err(|error| format!("no node takes these settings: {error}"))
}
