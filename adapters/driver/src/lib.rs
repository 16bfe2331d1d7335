//! The loop that runs quorate-core's actions: group commit, jobs and completions, no thread and no
//! executor.

#![warn(clippy::wildcard_enum_match_arm)]

mod boxed;
mod checked;
mod contract;
mod counters;
mod driver;
mod inputs;
mod jobs;
mod machine;
mod memory;
mod outcome;
mod record;
mod replay;
mod snapshot;
mod store;
mod tally;
mod waiting;
mod work;

pub mod conformance;

pub use checked::{CheckedMachine, CheckedStore};
pub use contract::ContractChecker;
pub use counters::DriverCounters;
pub use driver::Driver;
pub use jobs::{LogReadDone, LogReadJob, WriteDone, WriteJob};
pub use machine::{InstallError, SerializeState, StateMachine};
pub use memory::MemoryStore;
pub use outcome::{Cause, Outcome};
pub use record::Recorder;
pub use replay::{Divergence, ReplayError, Replayed, replay};
pub use snapshot::{SnapshotBytes, SnapshotDone, SnapshotJob, SnapshotPolicy, SnapshotSend};
pub use store::{Found, LogStore, Recovered, SnapshotId, StoreError};
pub use tally::{ActionKind, Tally};
pub use work::{ApplyDone, ApplyJob, EntriesJob, InstallJob, LoadedInstall};
