//! What a node keeps its log and snapshots in.

use quorate_driver::{LogStore, Recovered};
use quorate_wal::{DirectoryDisk, Wal, WalError, WalOptions};

use crate::{EngineConfig, StartError, telemetry::MeasuredDisk};

/// Storage that a node can be started on. It is opened once for each life of the node: one that starts
/// again is given another one on the same place.
pub trait StorageEngine: Send + 'static {
    /// The log, its hard state and its snapshots, open.
    type Store: LogStore + 'static;

    /// Opens it, and raises its incarnation durably. May block: it runs on a thread that may. It should
    /// refuse what belongs to another group or node than `config` names, and what is open already.
    ///
    /// # Errors
    /// [`StartError::storage`], with the way out.
    fn open(self, config: &EngineConfig) -> Result<(Self::Store, Recovered), StartError>;
}

/// A store that is open already, with what it found.
impl<S: LogStore + 'static> StorageEngine for (S, Recovered) {
    type Store = S;

    fn open(self, _: &EngineConfig) -> Result<(S, Recovered), StartError> {
        Ok(self)
    }
}

/// The default: a write-ahead log in [`EngineConfig::dir`].
#[derive(Clone, Copy, Debug, Default)]
pub struct WalStorage;

impl StorageEngine for WalStorage {
    type Store = Wal<MeasuredDisk<DirectoryDisk>>;

    fn open(self, config: &EngineConfig) -> Result<(Self::Store, Recovered), StartError> {
        let mut options = WalOptions::new(config.group, config.node);
        options.segment_bytes = config.segment_bytes;
        let opened = DirectoryDisk::open(config.dir.clone())
            .and_then(|disk| Wal::open(MeasuredDisk::new(disk, &config.labels()), options));
        opened.map_err(|source: WalError| StartError::Log { dir: config.dir.clone(), source })
    }
}
