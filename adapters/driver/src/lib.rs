//! The loop that runs quorate-core's actions: group commit, jobs and completions, no thread and no
//! executor.

#![warn(clippy::wildcard_enum_match_arm)]

mod driver;
mod machine;
mod memory;
mod store;

pub mod conformance;

pub use driver::{ApplyDone, ApplyJob, Driver, Outcome, WriteDone, WriteJob};
pub use machine::StateMachine;
pub use memory::MemoryStore;
pub use store::{Found, LogStore, Recovered, StoreError};
