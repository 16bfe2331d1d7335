//! Every knob of a node, with its unit, default and range.

use crate::types::{Nanos, NodeId};

const MS: Nanos = 1_000_000;
const HOUR: Nanos = 3_600_000 * MS;
const MIB: u64 = 1024 * 1024;

/// The knobs of one node. All members of a group may differ in them, within reason.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Config {
    /// This node's name.
    pub node: NodeId,
    /// Keys this node's draws, together with `node` and the incarnation.
    pub seed: u64,
    /// The promise: for how long an answer to a leader rules out vote and candidacy. The election
    /// timeout is drawn above it, at most at its double. Nanoseconds; 1 ms to 1 h; default 500 ms.
    pub election_timeout: Nanos,
    /// Time between heartbeats. Nanoseconds; at least 0.1 ms, at most half of `election_timeout`;
    /// default 100 ms.
    pub heartbeat_interval: Nanos,
    /// How long a follower may wait for news of the commit index where no other message carries
    /// it. Nanoseconds; 0 sends at once; at most `heartbeat_interval`; default 2 ms.
    pub commit_notify_delay: Nanos,
    /// The most that one message's entries may cost. Bytes; 1 KiB to 1 GiB; default 1 MiB. A
    /// larger proposal is refused.
    pub max_message_bytes: u64,
    /// Appends with entries that may be under way to one peer. 1 to 65,536; default 64.
    pub max_inflight_messages: u32,
    /// What appends under way to one peer may cost together; one always may. Bytes; default 16 MiB.
    pub max_inflight_bytes: u64,
    /// What proposals that are not yet committed may cost together; one always may. Bytes; default
    /// 64 MiB.
    pub max_uncommitted_bytes: u64,
    /// The most that one `Apply` may cost; one entry always may. Bytes; default 1 MiB.
    pub max_apply_bytes: u64,
    /// What may wait for the state machine before no more is handed to it. Bytes; default 16 MiB.
    pub max_unapplied_bytes: u64,
    /// Reads that may wait for a round. 1 to 2^24; default 65,536.
    pub max_pending_reads: u32,
    /// Durable entries that stay in memory, for peers and the state machine; older ones are read
    /// back with [`ReadLog`](crate::Action::ReadLog). What is not durable stays in any case, and a
    /// batch goes as a whole. Bytes; default 16 MiB.
    pub cache_bytes: u64,
    /// Entries that stay in the log behind a snapshot, so that a follower that lags a little needs
    /// none. Default 10,000.
    pub retain_entries: u64,
    /// How much this node should rather lead than others. A lower one waits longer before it
    /// campaigns, by a hundredth of the election timeout for each step, and hands over to a higher one that has caught up; 0 votes, but never campaigns.
    /// 0 to 100; default 100.
    pub priority: u8,
    /// For how long a transfer may hold up proposals. Nanoseconds; 1 ms to 1 h; default 500 ms.
    pub transfer_timeout: Nanos,
    /// While its oldest write is older than this, a node does not lead, campaign or take over: its
    /// disk must not keep the group from moving. Nanoseconds; at least `election_timeout`; default
    /// 5 s.
    pub write_stall_limit: Nanos,
    /// Whether lease reads rest on the lease. Needs a clock that counts time asleep. Default yes.
    pub lease_reads: bool,
    /// By how much a clock may run too fast or too slow. Parts per million; up to 100,000; default
    /// 1,000.
    pub max_clock_drift_ppm: u32,
    /// Whether [`Lease`](crate::Action::Lease) notices tell other threads of the lease. Default no.
    pub publish_lease: bool,
    /// Whether entries may be applied before they are durable here. Only for a state machine that
    /// lives in memory. Default no.
    pub apply_before_durable: bool,
}

impl Config {
    /// The highest [`priority`](Config::priority), and the default.
    pub const PRIORITY_MAX: u8 = 100;

    /// The defaults for `node`. `seed` should differ from one group to the next.
    pub fn new(node: NodeId, seed: u64) -> Config {
        Config {
            node,
            seed,
            election_timeout: 500 * MS,
            heartbeat_interval: 100 * MS,
            commit_notify_delay: 2 * MS,
            max_message_bytes: MIB,
            max_inflight_messages: 64,
            max_inflight_bytes: 16 * MIB,
            max_uncommitted_bytes: 64 * MIB,
            max_apply_bytes: MIB,
            max_unapplied_bytes: 16 * MIB,
            max_pending_reads: 65_536,
            cache_bytes: 16 * MIB,
            retain_entries: 10_000,
            priority: Config::PRIORITY_MAX,
            transfer_timeout: 500 * MS,
            write_stall_limit: 5_000 * MS,
            lease_reads: true,
            max_clock_drift_ppm: 1_000,
            publish_lease: false,
            apply_before_durable: false,
        }
    }

    /// Whether every knob is in its range.
    ///
    /// # Errors
    /// [`ConfigError`] names the first that is not, with its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        let half = self.election_timeout / 2;
        within("election_timeout", self.election_timeout, MS, HOUR)?;
        within("heartbeat_interval", self.heartbeat_interval, MS / 10, half)?;
        within("commit_notify_delay", self.commit_notify_delay, 0, self.heartbeat_interval)?;
        within("max_message_bytes", self.max_message_bytes, 1024, 1024 * MIB)?;
        within("max_inflight_messages", self.max_inflight_messages.into(), 1, 65_536)?;
        within("max_inflight_bytes", self.max_inflight_bytes, 1, u64::MAX)?;
        within("max_uncommitted_bytes", self.max_uncommitted_bytes, 1, u64::MAX)?;
        within("max_apply_bytes", self.max_apply_bytes, 1, 1024 * MIB)?;
        within("max_unapplied_bytes", self.max_unapplied_bytes, 1, u64::MAX)?;
        within("max_pending_reads", self.max_pending_reads.into(), 1, 1 << 24)?;
        within("priority", self.priority.into(), 0, Config::PRIORITY_MAX.into())?;
        within("transfer_timeout", self.transfer_timeout, MS, HOUR)?;
        within("write_stall_limit", self.write_stall_limit, self.election_timeout, 24 * HOUR)?;
        within("max_clock_drift_ppm", self.max_clock_drift_ppm.into(), 0, 100_000)
    }
}

fn within(knob: &'static str, value: u64, min: u64, max: u64) -> Result<(), ConfigError> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    Err(ConfigError { knob, value, min, max })
}

/// A knob is out of its range.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{knob} is {value}, but must lie in {min}..={max}")]
pub struct ConfigError {
    /// The field of [`Config`].
    pub knob: &'static str,
    /// What it was set to.
    pub value: u64,
    /// The least it may be, with the other knobs as they are.
    pub min: u64,
    /// The most it may be, with the other knobs as they are.
    pub max: u64,
}
