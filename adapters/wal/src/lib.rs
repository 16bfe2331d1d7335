//! A segmented, group-committed write-ahead log behind a small Disk trait.

mod disk;

pub use disk::{Disk, DiskFile};
