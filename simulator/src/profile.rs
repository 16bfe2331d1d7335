//! What a run is like: a profile, and the settings that a seed draws from it.

use quorate_core::{Config, Nanos, NodeId};
use serde::{Deserialize, Serialize};

use crate::{
    MAX_NODES,
    choices::{Choices, Stream},
    network::DelayShape,
};

mod expectation;
mod families;
mod features;

pub use expectation::{DIVERGENCE, Expectation};
pub use families::{Families, Profile};
pub use features::Features;

/// A microsecond, in nanoseconds.
pub const MICROSECOND: Nanos = 1_000;
/// A millisecond, in nanoseconds.
pub const MILLISECOND: Nanos = 1_000_000;
/// A second, in nanoseconds.
pub const SECOND: Nanos = 1_000_000_000;

/// So often clients let go of older values: a state that grows with the log makes long snapshots.
const COMPACT_PERCENT: u64 = 6;
/// Names the draw of how many machines stand by.
const RESERVES: u64 = 2 << 40;
/// Names what is drawn for groups in which the end of a lease can be seen.
const SHARP: u64 = u64::from_be_bytes(*b"   sharp");
/// Names what is drawn of how much is under way.
const WINDOW: u64 = u64::from_be_bytes(*b"_window_");
/// What may be under way to a peer where nothing else is drawn. Bytes.
pub(crate) const INFLIGHT_BYTES: u64 = 16 * 1024 * 1024;
/// Names the draw of whether a log keeps what lies behind a snapshot.
const RETAINED: u64 = u64::from_be_bytes(*b"retained");
/// Names what is drawn for the way back after the faults.
const RECOVERY: u64 = u64::from_be_bytes(*b"recovery");
/// How far clocks may drift in these: as far as nodes allow for at all.
const SHARP_DRIFT_PPM: u64 = 100_000;
/// Names what is drawn for the shape of delays.
const SHAPE: u64 = u64::from_be_bytes(*b"  shapes");

/// What the network does to a message where no fault is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct LinkSettings {
    /// The least delay.
    #[serde(with = "crate::file::time")]
    pub delay: Nanos,
    /// By how much a delay may be longer.
    #[serde(with = "crate::file::time")]
    pub spread: Nanos,
    /// How many messages in a million are late by up to a hundred times that.
    pub late_ppm: u64,
    /// How many in a million are lost.
    pub drop_ppm: u64,
    /// How many in a million arrive twice.
    pub duplicate_ppm: u64,
    /// Whether messages of one link stay in order.
    pub in_order: bool,
    /// How delays are distributed.
    pub shape: DelayShape,
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Workload {
    /// How many clients; each has one operation under way at a time.
    pub clients: u64,
    /// How many keys they share.
    pub keys: u64,
    /// The longest pause between two operations of a client.
    #[serde(with = "crate::file::time")]
    pub think: Nanos,
    /// The longest further pause of clients that write: between two writes all may be quiet.
    #[serde(with = "crate::file::time")]
    pub pace: Nanos,
    /// How many operations in a hundred are reads.
    pub read_percent: u64,
    /// How many reads in a hundred rest on a lease.
    pub lease_percent: u64,
    /// How many of the others in a hundred are deletions.
    pub delete_percent: u64,
    /// How many operations in a hundred that do not read let go of older values.
    pub compact_percent: u64,
    /// Bytes that a written value has besides its number.
    pub padding_bytes: u64,
    /// How long a node collects requests before it proposes them as one batch.
    #[serde(with = "crate::file::time")]
    pub gather: Nanos,
    /// After this long a client gives up on an operation, whose outcome is then unknown.
    #[serde(with = "crate::file::time")]
    pub patience: Nanos,
    /// What they ask of the key-value machine besides.
    pub features: Features,
}

/// Everything about a run that does not change within it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Settings {
    /// How many nodes found the group.
    pub nodes: u64,
    /// How many more there are, which may join it.
    pub spares: u64,
    /// How many machines stand by to take the place of lost ones.
    pub reserves: u64,
    /// Whether damage leaves a quorum of every configuration in force undamaged, so that the others
    /// can make good for it.
    pub atlas: bool,
    /// See [`quorate_core::Config::election_timeout`].
    #[serde(with = "crate::file::time")]
    pub election_timeout: Nanos,
    /// See [`quorate_core::Config::heartbeat_interval`].
    #[serde(with = "crate::file::time")]
    pub heartbeat_interval: Nanos,
    /// See [`quorate_core::Config::commit_notify_delay`].
    #[serde(with = "crate::file::time")]
    pub commit_notify_delay: Nanos,
    /// See [`quorate_core::Config::max_message_bytes`].
    pub max_message_bytes: u64,
    /// See [`quorate_core::Config::max_inflight_messages`].
    pub max_inflight_messages: u32,
    /// See [`quorate_core::Config::max_inflight_bytes`].
    pub max_inflight_bytes: u64,
    /// See [`quorate_core::Config::max_apply_bytes`].
    pub max_apply_bytes: u64,
    /// See [`quorate_core::Config::cache_bytes`].
    pub cache_bytes: u64,
    /// See [`quorate_core::Config::retain_entries`].
    pub retain_entries: u64,
    /// A snapshot is due after so many entries; 0 for never.
    pub snapshot_every: u64,
    /// Bytes of a snapshot that travel at once.
    pub part_bytes: u64,
    /// See [`quorate_core::Config::transfer_timeout`].
    #[serde(with = "crate::file::time")]
    pub transfer_timeout: Nanos,
    /// See [`quorate_core::Config::write_stall_limit`].
    #[serde(with = "crate::file::time")]
    pub write_stall_limit: Nanos,
    /// See [`quorate_core::Config::max_clock_drift_ppm`].
    pub max_clock_drift_ppm: u64,
    /// See [`quorate_core::Config::publish_lease`].
    pub publish_lease: bool,
    /// How much less each next node should rather lead: see [`quorate_core::Config::priority`].
    pub priority_step: u64,
    /// How many in a million messages that cannot arrive are told to be so.
    pub unreachable_ppm: u64,
    /// Bytes of a segment of the log.
    pub segment_bytes: u64,
    /// The least time of a group commit.
    #[serde(with = "crate::file::time")]
    pub write_time: Nanos,
    /// By how much a group commit may take longer.
    #[serde(with = "crate::file::time")]
    pub write_spread: Nanos,
    /// By how much applying may take longer than no time.
    #[serde(with = "crate::file::time")]
    pub apply_spread: Nanos,
    /// The network.
    pub link: LinkSettings,
    /// The clients.
    pub workload: Workload,
    /// The families of faults.
    pub families: Families,
    /// How long faults go on; then everything heals.
    #[serde(with = "crate::file::time")]
    pub fault_time: Nanos,
    /// How long before the end of the faults clients fall silent; then the group must come back
    /// without a new write, before they go on. 0: they are never silent.
    #[serde(with = "crate::file::time")]
    pub rest: Nanos,
    /// Whether some links stay cut when all else heals, and the group must go on over the others,
    /// as far as a majority of it reaches itself; only then all is well.
    pub partly_heals: bool,
    /// Whether the disk of whoever leads then hangs on, and the group must come back without it.
    pub disk_hangs_on: bool,
    /// Whether nodes keep their logs in memory, where they are gone with the process: only for
    /// measuring what the production log costs in runs without crashes. No file says so.
    #[serde(skip)]
    pub log_in_memory: bool,
}

impl Settings {
    /// Draws the settings of a run of `time`, of which two thirds have faults.
    pub fn draw(
        choices: &mut Choices,
        profile: Profile,
        nodes: Option<u64>,
        time: Nanos,
    ) -> Settings {
        let on = Stream::Configuration;
        let drawn = choices.pick(on, &[3, 3, 3, 5, 5, 5, 3, 1, 2, 4]);
        let families = profile.families(choices);
        let quick = profile == Profile::Calm;
        let link = link(choices, families.links, quick);
        let write_spread = choices.pick(on, &[0, 200, 4_000, 20_000]) * MICROSECOND;
        // A timeout below a few round trips with their writes would elect nobody.
        let election_timeout = choices.pick(on, &[150, 100, 300, 500]) * MILLISECOND;
        let election_timeout = election_timeout.max(6 * (link.spread + write_spread));
        let heartbeat_interval = election_timeout / choices.pick(on, &[5, 3, 10]);
        // Few entries at a time and each slow: a restarted node would apply its log for minutes.
        let max_apply_bytes = choices.pick(on, &[1024 * 1024, 4096, 64]);
        let apply_spread = choices.pick(on, &[0, 0, 100, 5_000]) * MICROSECOND;
        let apply_spread = apply_spread.min(MICROSECOND * max_apply_bytes);
        let any_nodes = nodes.is_none();
        let nodes = nodes.unwrap_or(drawn).clamp(1, MAX_NODES);
        let mut settings = Settings {
            nodes,
            spares: 0,
            reserves: 0,
            atlas: profile != Profile::BeyondModel,
            election_timeout,
            heartbeat_interval,
            commit_notify_delay: choices.pick(on, &[2 * MILLISECOND, 0]).min(heartbeat_interval),
            max_message_bytes: choices.pick(on, &[1024 * 1024, 64 * 1024, 32 * 1024]),
            max_inflight_messages: choices.pick(on, &[64, 8, 1]),
            max_inflight_bytes: INFLIGHT_BYTES,
            max_apply_bytes,
            cache_bytes: choices.pick(on, &[16 * 1024 * 1024, 4096, 0]),
            segment_bytes: choices.pick(on, &[64 * 1024, 16 * 1024, 8 * 1024]),
            write_time: choices.pick(on, &[100, 20, 1_000]) * MICROSECOND,
            write_spread,
            apply_spread,
            link,
            workload: workload(choices, election_timeout),
            families,
            fault_time: time / 3 * 2,
            retain_entries: 10_000,
            snapshot_every: 0,
            part_bytes: 64 * 1024,
            transfer_timeout: election_timeout,
            write_stall_limit: 5 * SECOND,
            max_clock_drift_ppm: 1_000,
            publish_lease: false,
            priority_step: 0,
            unreachable_ppm: 0,
            disk_hangs_on: false,
            log_in_memory: false,
            rest: 0,
            partly_heals: false,
        };
        if profile == Profile::Leases && settings.families.scenes {
            settings.sharpen(choices, any_nodes);
        }
        settings.draw_operations(choices);
        settings.draw_recovery(choices, profile);
        settings.draw_retained(choices, profile);
        settings.draw_window(choices, profile);
        settings.draw_reserves(choices);
        settings.draw_features(choices, profile);
        settings
    }

    /// What clients do besides, which must leave a group at rest that is to come back so. Older
    /// values are part of a snapshot: where its parts are small they must be, or it takes longer to
    /// travel than a group has to come back.
    fn draw_features(&mut self, choices: &mut Choices, profile: Profile) {
        if self.families.snapshots {
            self.workload.padding_bytes = self.workload.padding_bytes.min(self.part_bytes);
        }
        let padding_bytes = self.workload.padding_bytes;
        let features = Features::draw(choices, profile, self.election_timeout, padding_bytes);
        self.workload.features = if self.rest > 0 { features.at_rest() } else { features };
    }

    /// Machines that take the place of lost ones.
    fn draw_reserves(&mut self, choices: &mut Choices) {
        let [more] = choices.keyed(Stream::Configuration, RESERVES, [3]);
        if self.families.damage {
            self.reserves = (1 + more).min(MAX_NODES - self.first_nodes());
        }
    }

    /// What the later families need; what is off stays as a plain host has it.
    fn draw_operations(&mut self, choices: &mut Choices) {
        let on = Stream::Configuration;
        let spares = choices.between(on, 1, 3).min(MAX_NODES - self.nodes);
        let every = choices.pick(on, &[100, 0, 20, 5]);
        let retain = choices.pick(on, &[50, 0, 5]);
        let part_bytes = choices.pick(on, &[64 * 1024, 1024, 256]);
        let cache_bytes = choices.pick(on, &[self.cache_bytes, 512, 0]);
        // A lease that is short beside an election cannot be seen to last too long.
        let longer = choices.pick(on, &[1, 3]);
        let longer = (self.election_timeout * longer).min(600 * MILLISECOND);
        if self.families.leases && !self.families.scenes {
            self.election_timeout = self.election_timeout.max(longer);
        }
        let transfer = self.election_timeout * choices.pick(on, &[1, 2]);
        let stall = self.election_timeout * choices.pick(on, &[10, 2, 1]);
        let bound = choices.pick(on, &[1_000, 20_000, 100_000, 100_000]);
        let (lease_percent, publish) = (choices.pick(on, &[50, 80, 100]), choices.draw(on, 3) == 2);
        let priority_step = choices.pick(on, &[0, 10, 1]);
        let unreachable_ppm = choices.pick(on, &[0, 100_000, 1_000_000]);
        let hangs_on = choices.draw(on, 2) == 1;
        let families = self.families;
        if families.snapshots {
            (self.snapshot_every, self.retain_entries) = (every, retain);
            (self.part_bytes, self.cache_bytes) = (part_bytes, cache_bytes);
        }
        if families.members {
            self.spares = spares;
        }
        if families.transfers {
            self.transfer_timeout = transfer;
        }
        if families.disks {
            (self.write_stall_limit, self.disk_hangs_on) = (stall, hangs_on);
        }
        let is_sharp = families.leases && families.scenes;
        let (bound, lease_percent) =
            if is_sharp { (SHARP_DRIFT_PPM, 100) } else { (bound, lease_percent) };
        let publish = if is_sharp { self.publish_lease } else { publish };
        if families.leases {
            (self.max_clock_drift_ppm, self.publish_lease) = (bound, publish);
            self.workload.lease_percent = lease_percent;
        }
        if families.hosts {
            (self.priority_step, self.unreachable_ppm) = (priority_step, unreachable_ppm);
        }
    }

    /// How the group must come back: in some runs at rest, in others over what links there are.
    fn draw_recovery(&mut self, choices: &mut Choices, profile: Profile) {
        let is_due = match profile {
            Profile::Swarm | Profile::Crashes | Profile::Network | Profile::Members => true,
            Profile::Calm
            | Profile::Disk
            | Profile::Damage
            | Profile::BeyondModel
            | Profile::Leases
            | Profile::Kv
            | Profile::LeaseBroken => false,
        };
        let on = Stream::Configuration;
        let [how, long] = choices.keyed(on, RECOVERY, [8, 2]);
        let families = self.families;
        if !is_due || self.disk_hangs_on || families.damage {
            return;
        }
        if how >= 6 {
            // What was begun before is over by then; or it is not, and nothing follows it.
            let silent = self.workload.patience + 2 * self.election_timeout;
            self.rest = if long == 1 { silent } else { MILLISECOND };
            self.rest = self.rest.min(self.fault_time);
            // So that a snapshot leaves nothing of the log.
            self.retain_entries = 0;
        } else if how >= 4 && !families.members && !families.hosts {
            // Who is a member, or should rather lead, is another question.
            self.partly_heals = true;
        }
    }

    /// A window that small messages fill, too.
    fn draw_window(&mut self, choices: &mut Choices, profile: Profile) {
        let [narrow] = choices.keyed(Stream::Configuration, WINDOW, [4]);
        if profile == Profile::Network && narrow == 3 {
            self.max_inflight_bytes = 4 * 1024;
        }
    }

    /// Whoever was cut off in a scene about members needs the snapshot that was taken meanwhile.
    fn draw_retained(&mut self, choices: &mut Choices, profile: Profile) {
        let [keeps] = choices.keyed(Stream::Configuration, RETAINED, [2]);
        if profile == Profile::Members && self.families.scenes {
            self.retain_entries *= keeps;
        }
    }

    /// A group in which the end of a lease can be seen: an election takes little of its time, clocks
    /// may drift as far as nodes allow for at all, and clients never cease to read.
    fn sharpen(&mut self, choices: &mut Choices, any_nodes: bool) {
        let on = Stream::Configuration;
        let [nodes, timeout, pace, publish] = choices.keyed(on, SHARP, [4, 2, 3, 2]);
        if any_nodes {
            self.nodes = [3, 5, 5, 4][nodes as usize];
        }
        self.election_timeout = [150, 300][timeout as usize] * MILLISECOND;
        self.heartbeat_interval = self.election_timeout / 10;
        self.commit_notify_delay = self.commit_notify_delay.min(self.heartbeat_interval);
        (self.write_time, self.write_spread) = (20 * MICROSECOND, 50 * MICROSECOND);
        (self.link.delay, self.link.spread) = (50 * MICROSECOND, 100 * MICROSECOND);
        self.apply_spread = 0;
        self.publish_lease = publish == 1;
        let workload = &mut self.workload;
        (workload.clients, workload.think) = (6, 4 * MILLISECOND);
        // Whoever is behind in its log is not elected, so that some only read for a while.
        workload.pace = [6, 0, 12][pace as usize] * self.election_timeout;
        (workload.gather, workload.padding_bytes) = (0, 0);
        workload.patience = 3 * self.election_timeout;
    }

    /// How many nodes run from the first moment on, members or not.
    pub fn first_nodes(&self) -> u64 {
        self.nodes + self.spares
    }

    /// How many nodes there are, with those that stand by.
    pub fn all_nodes(&self) -> u64 {
        self.nodes + self.spares + self.reserves
    }

    /// The knobs of a node, counted from 0.
    pub fn config(&self, number: u64, seed: u64) -> Config {
        Config {
            election_timeout: self.election_timeout,
            heartbeat_interval: self.heartbeat_interval,
            commit_notify_delay: self.commit_notify_delay,
            max_message_bytes: self.max_message_bytes,
            max_inflight_messages: self.max_inflight_messages,
            max_inflight_bytes: self.max_inflight_bytes,
            max_apply_bytes: self.max_apply_bytes,
            cache_bytes: self.cache_bytes,
            retain_entries: self.retain_entries,
            transfer_timeout: self.transfer_timeout,
            write_stall_limit: self.write_stall_limit,
            max_clock_drift_ppm: self.max_clock_drift_ppm as u32,
            publish_lease: self.publish_lease,
            priority: Config::PRIORITY_MAX - (self.priority_step * number) as u8,
            ..Config::new(NodeId::of(number + 1), seed)
        }
    }
}

fn link(choices: &mut Choices, faulty: bool, quick: bool) -> LinkSettings {
    let on = Stream::Configuration;
    let spread = choices.pick(on, &[200, 1_000, 5_000, 20_000]) * MICROSECOND;
    let late_ppm = choices.pick(on, &[0, 1_000, 20_000]);
    let drop_ppm = choices.pick(on, &[0, 1_000, 20_000, 100_000]);
    let duplicate_ppm = choices.pick(on, &[0, 1_000, 20_000, 100_000]);
    let in_order = choices.draw(on, 3) == 0;
    let [shape] = choices.keyed(on, SHAPE, [5]);
    let shape = match shape {
        2 => DelayShape::Constant,
        3 => DelayShape::Exponential,
        4 => DelayShape::Bimodal,
        _ => DelayShape::Uniform,
    };
    LinkSettings {
        delay: 100 * MICROSECOND,
        spread: if quick { 200 * MICROSECOND } else { spread },
        late_ppm: if faulty { late_ppm } else { 0 },
        drop_ppm: if faulty { drop_ppm } else { 0 },
        duplicate_ppm: if faulty { duplicate_ppm } else { 0 },
        in_order: !faulty || in_order,
        shape: if faulty { shape } else { DelayShape::Uniform },
    }
}

fn workload(choices: &mut Choices, election_timeout: Nanos) -> Workload {
    let on = Stream::Configuration;
    Workload {
        clients: choices.pick(on, &[4, 8, 2, 12]),
        keys: choices.pick(on, &[3, 1, 8]),
        think: choices.pick(on, &[20, 5, 100]) * MILLISECOND,
        pace: 0,
        read_percent: choices.pick(on, &[40, 10, 70]),
        lease_percent: 0,
        delete_percent: choices.pick(on, &[0, 5, 10]),
        compact_percent: COMPACT_PERCENT,
        padding_bytes: choices.pick(on, &[0, 100, 700, 2_000]),
        gather: choices.pick(on, &[0, 0, 2, 10]) * MILLISECOND,
        patience: election_timeout * choices.between(on, 3, 8),
        features: Features::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_drawn_setting_is_one_that_the_core_takes() {
        for seed in 0..300 {
            let mut choices = Choices::from_seed(seed);
            let drawn = Settings::draw(&mut choices, Profile::Swarm, None, 20 * SECOND);
            for node in 0..drawn.all_nodes() {
                assert_eq!(drawn.config(node, seed).validate(), Ok(()), "seed {seed}");
            }
        }
    }

    #[test]
    fn a_profile_is_found_by_its_name() {
        for profile in Profile::ALL {
            assert_eq!(Profile::parse(profile.name()), Some(profile));
        }
        assert_eq!(Profile::parse("none"), None);
    }
}
