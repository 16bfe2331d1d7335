//! Settings as a plain group in a quiet place has them.

use super::search::Search;
use crate::{
    network::DelayShape,
    profile::{Families, INFLIGHT_BYTES, LinkSettings, MICROSECOND, MILLISECOND, SECOND, Settings},
    system::System,
};

/// Makes one setting benign.
type Benign = fn(&mut Settings);

/// What does not change what a violation means: clocks within the bound that nodes know, and who
/// may read under a lease, stay as they are.
const BENIGN: [Benign; 31] = [
    |s| s.link.drop_ppm = 0,
    |s| s.link.duplicate_ppm = 0,
    |s| s.link.late_ppm = 0,
    |s| s.link.in_order = true,
    |s| s.link.shape = DelayShape::Uniform,
    |s| s.link.spread = s.link.spread.min(200 * MICROSECOND),
    |s| s.link.spread = 0,
    |s| s.write_spread = 0,
    |s| s.write_time = s.write_time.min(100 * MICROSECOND),
    |s| s.apply_spread = 0,
    |s| s.workload.gather = 0,
    |s| s.workload.pace = 0,
    |s| s.workload.padding_bytes = 0,
    |s| s.workload.delete_percent = 0,
    |s| s.workload.keys = 1,
    |s| (s.snapshot_every, s.retain_entries) = (0, 10_000),
    |s| s.part_bytes = 64 * 1024,
    |s| s.cache_bytes = 16 * 1024 * 1024,
    |s| s.segment_bytes = 64 * 1024,
    |s| s.max_apply_bytes = 1024 * 1024,
    |s| s.max_message_bytes = 1024 * 1024,
    |s| (s.max_inflight_messages, s.max_inflight_bytes) = (64, INFLIGHT_BYTES),
    |s| s.commit_notify_delay = (2 * MILLISECOND).min(s.heartbeat_interval),
    |s| (s.publish_lease, s.priority_step, s.unreachable_ppm) = (false, 0, 0),
    |s| s.transfer_timeout = s.election_timeout,
    |s| s.write_stall_limit = 5 * SECOND,
    |s| s.disk_hangs_on = false,
    |s| s.rest = 0,
    |s| s.partly_heals = false,
    |s| s.reserves = 0,
    |s| s.families = Families { leases: s.families.leases, ..Families::default() },
];

/// Makes all settings benign.
pub(super) fn benign(settings: &mut Settings) {
    BENIGN.iter().for_each(|benign| benign(settings));
}

/// All at once; and where that shows nothing, all of the network and of the disk.
pub(super) fn all_benign<S: System>(search: &mut Search<'_, S>) {
    if search.edit(|case| benign(&mut case.settings)) {
        return;
    }
    search.edit(|case| {
        let link = &mut case.settings.link;
        *link = LinkSettings {
            drop_ppm: 0,
            duplicate_ppm: 0,
            late_ppm: 0,
            in_order: true,
            shape: DelayShape::Uniform,
            ..*link
        };
    });
    search.edit(|case| {
        let settings = &mut case.settings;
        (settings.write_spread, settings.apply_spread, settings.workload.gather) = (0, 0, 0);
    });
}

/// Each by itself.
pub(super) fn each_benign<S: System>(search: &mut Search<'_, S>) {
    if search.edit(|case| benign(&mut case.settings)) {
        return;
    }
    for benign in BENIGN {
        search.edit(|case| benign(&mut case.settings));
    }
}
