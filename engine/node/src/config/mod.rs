//! Who a node is, where it writes, who the others are, and every knob: from code, from a file, from
//! the environment.

mod check;
mod error;
mod group;
mod kind;
mod knob;
mod knobs;
mod load;
mod page;
mod peer;
#[cfg(test)]
mod tests;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use quorate_core::{Config, NodeId, entries::ENTRY_OVERHEAD_BYTES};
use quorate_driver::SnapshotPolicy;
use quorate_tokio::{Clock, Labels};

use self::load::Layers;
pub use self::{
    error::{Conflict, Place, SettingError},
    knob::Knob,
    knobs::EngineConfig,
    peer::PeerAddress,
};

/// Whether a node's storage should be new.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Founds a group on new storage; used storage is refused.
    New,
    /// Goes on with used storage; new storage is refused, for a voter whose disk was lost must not
    /// vote again under its old name.
    Existing,
    /// Founds the group where the storage is new, goes on where it is used. Do not use it for a node
    /// whose disk was replaced: give that one a new name.
    NewOrExisting,
    /// Waits, empty and passive, until a running group adds it
    /// ([`Coordination::member_add`](crate::Coordination::member_add)), where the storage is new;
    /// goes on where it is used. It needs no more than its name, its group and
    /// [`EngineConfig::listen`]. Its name must be one that no member ever had.
    Join,
}

impl EngineConfig {
    /// The defaults for a group of one in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> EngineConfig {
        EngineConfig { dir: dir.into(), ..EngineConfig::defaults() }
    }

    /// What `file` says, and the defaults. What its knobs ask of one another is looked at when the node
    /// is started, or by [`EngineConfig::validate`]: the environment and code may yet change them.
    ///
    /// # Errors
    /// [`SettingError`] names file, line, key, value and what is allowed.
    pub fn from_file(file: impl AsRef<Path>) -> Result<EngineConfig, SettingError> {
        let mut layers = Layers::over(EngineConfig::defaults());
        layers.read_file(file.as_ref())?;
        Ok(layers.config)
    }

    /// The same, of a text.
    ///
    /// # Errors
    /// As [`EngineConfig::from_file`].
    pub fn from_toml(text: &str) -> Result<EngineConfig, SettingError> {
        let mut layers = Layers::over(EngineConfig::defaults());
        layers.read_toml(text, None)?;
        Ok(layers.config)
    }

    /// The same, with what the environment says: `QUORATE_ELECTION_TIMEOUT` and so on, for each knob.
    /// A variable that is a letter or two off a knob's is refused; another one that begins so is passed
    /// over with a warning, for hosts set some by themselves.
    ///
    /// # Errors
    /// [`SettingError`] names variable, value and what is allowed.
    pub fn with_environment(self) -> Result<EngineConfig, SettingError> {
        self.with_variables(load::variables()?)
    }

    /// The same, for variables that are given.
    ///
    /// # Errors
    /// As [`EngineConfig::with_environment`].
    pub fn with_variables(
        self,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<EngineConfig, SettingError> {
        let mut layers = Layers::over(self);
        layers.read_variables(variables)?;
        Ok(layers.config)
    }

    /// The variables of this process whose names begin with `QUORATE_`.
    ///
    /// # Errors
    /// [`SettingError::Senseless`] where one is no Unicode.
    pub fn variables() -> Result<Vec<(String, String)>, SettingError> {
        load::variables()
    }

    /// The defaults, then a file, then variables, each over what was before; and whether all goes
    /// together, where an error still says where each value was set.
    ///
    /// # Errors
    /// [`SettingError`].
    pub fn load(
        file: Option<&Path>,
        variables: impl IntoIterator<Item = (String, String)>,
    ) -> Result<EngineConfig, SettingError> {
        let mut layers = Layers::over(EngineConfig::defaults());
        if let Some(file) = file {
            layers.read_file(file)?;
        }
        layers.read_variables(variables)?;
        layers.checked()
    }

    /// Whether every knob is in its range, and all go together.
    ///
    /// # Errors
    /// [`SettingError`] names the first that does not, with its value, the range, and the other knob.
    pub fn validate(&self) -> Result<(), SettingError> {
        check::check(&Layers::over(self.clone()))
    }

    /// The members' names.
    pub(crate) fn members(&self) -> Vec<NodeId> {
        if self.peers.is_empty() { vec![self.node] } else { self.peers.keys().copied().collect() }
    }

    pub(crate) fn snapshot_policy(&self) -> SnapshotPolicy {
        SnapshotPolicy {
            every_entries: self.snapshot_every_entries,
            every_bytes: self.snapshot_every_bytes,
            every_nanos: nanos(self.snapshot_interval),
        }
    }

    /// The longest command. Bytes.
    pub(crate) fn command_limit(&self) -> u64 {
        self.max_message_bytes.saturating_sub(ENTRY_OVERHEAD_BYTES)
    }

    pub(crate) fn labels(&self) -> Labels {
        Labels { group: self.group, node: self.node }
    }

    pub(crate) fn core(&self) -> Config {
        Config {
            node: self.node,
            seed: self.group,
            election_timeout: nanos(self.election_timeout),
            heartbeat_interval: nanos(self.heartbeat_interval),
            commit_notify_delay: nanos(self.commit_notify_delay),
            max_message_bytes: self.max_message_bytes,
            max_inflight_messages: self.max_inflight_messages,
            max_inflight_bytes: self.max_inflight_bytes,
            max_uncommitted_bytes: self.max_uncommitted_bytes,
            max_apply_bytes: self.max_apply_bytes,
            max_unapplied_bytes: self.max_unapplied_bytes,
            max_pending_reads: self.max_pending_reads,
            cache_bytes: self.cache_bytes,
            retain_entries: self.retain_entries,
            priority: self.priority,
            transfer_timeout: nanos(self.transfer_timeout),
            write_stall_limit: nanos(self.write_stall_limit),
            lease_reads: self.lease_reads && Clock::COUNTS_SLEEP,
            max_clock_drift_ppm: self.max_clock_drift_ppm,
            publish_lease: true,
            apply_before_durable: self.apply_before_durable,
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
