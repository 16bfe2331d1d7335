//! A deterministic simulator of quorate clusters: partitions, crashes, disk faults, clock drift, and oracles.

pub mod choices;
pub mod clock;
pub mod disk;
pub mod hash;
pub mod queue;

/// The most nodes that a world has.
pub const MAX_NODES: u64 = 8;
