//! A deterministic simulator of quorate clusters: partitions, crashes, disk faults, clock drift, and oracles.

pub mod choices;
pub mod client;
pub mod clock;
pub mod disk;
pub mod hash;
pub mod history;
pub mod linearize;
pub mod marks;
pub mod network;
pub mod node;
pub mod oracle;
pub mod plan;
pub mod profile;
pub mod queue;
pub mod run;
pub mod store;
pub mod world;

/// The most nodes that a world has.
pub const MAX_NODES: u64 = 8;
