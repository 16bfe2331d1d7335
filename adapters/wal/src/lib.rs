//! A segmented, group-committed write-ahead log behind a small [`Disk`] trait.
//!
//! A log is a sequence of segments, a segment a sequence of records. The first record of a segment is
//! a checkpoint: whose log it is, and the state at that point. Each other record is one group
//! commit: it starts on a fresh sector of a preallocated file, and one sync makes it durable.
//!
//! Opening tells three things apart. An *end*: nothing but fill follows. A *tear*: the last batch was
//! cut short by a power loss before it was reported durable; it goes. *Rot*: something that was
//! durable reads back otherwise; the log does not open, for a shorter log would silently forget what
//! was acknowledged. And since a killed process leaves bytes in the page cache that no sync has made
//! durable, the last batch is written again, into a new segment, before it is returned.
//!
//! Memory holds where each write stands and the shape of the log, never what entries say: they are
//! read back from the disk. Snapshots lie beside the segments, a file each.

mod batch;
mod chain;
mod check;
mod checkpoint;
mod directory;
mod disk;
mod error;
mod open;
mod places;
mod record;
mod replay;
mod scan;
mod segment;
mod snapshots;
mod wal;

pub use check::{Summary, check};
pub use checkpoint::FORMAT;
pub use directory::{DirectoryDisk, DirectoryFile};
pub use disk::{Disk, DiskFile};
pub use error::WalError;
pub use record::{FILL, SECTOR_BYTES};
pub use wal::{Wal, WalCounters, WalOptions};
