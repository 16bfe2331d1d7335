//! The log store of a simulated node: the production log on a simulated disk.

use quorate_core::NodeId;
use quorate_driver::Recovered;
use quorate_wal::{Wal, WalError, WalOptions};

use crate::{disk::SimDisk, profile::Settings};

/// The name of every simulated group.
const GROUP: u64 = 1;

/// The production log on a simulated disk.
pub type Store = Wal<SimDisk>;

/// Opens the log on `disk` for another life.
///
/// # Errors
/// As [`Wal::open`].
pub fn open(
    disk: &SimDisk,
    node: NodeId,
    settings: &Settings,
) -> Result<(Store, Recovered), WalError> {
    let segment_bytes = settings.segment_bytes;
    Wal::open(disk.clone(), WalOptions { group: GROUP, node, segment_bytes })
}
