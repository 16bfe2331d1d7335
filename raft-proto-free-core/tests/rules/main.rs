//! Rules that need a closer look than a scenario gives: limits at both ends, refusals, what a node
//! starts from, who falls silent. One file a topic.

#[path = "../group/mod.rs"]
mod group;

mod answers;
mod base;
mod config;
mod entries;
mod fingerprints;
mod flow;
mod forms;
mod forward;
mod handing;
mod installs;
mod leases;
mod log_reads;
mod probes;
mod quiet;
mod refusals;
mod restore;
mod retain;
mod roles;
#[cfg(feature = "serde")]
mod serde;
mod timers;
