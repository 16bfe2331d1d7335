//! The deterministic key-value state machine: no I/O, no executor.
//!
//! Keys have all their values since the last compaction, by revision; transactions compare and
//! change several at once; leases take keys away with them; sessions make what is tried again
//! happen once; and every change can be told to a watch, from any revision that is kept.
//!
//! ```
//! use quorate_core::{EntryRef, LogId, Payload};
//! use quorate_driver::StateMachine;
//! use quorate_kv::{Command, Kv};
//!
//! let mut kv = Kv::default();
//! let payload = Payload::Command(Command::put("a", "1").encode()?);
//! let response = kv.apply_entry(EntryRef { log_id: LogId::new(1, 1), payload: &payload });
//! assert_eq!(response.revision, 2);
//! assert_eq!(kv.get(b"a").expect("just put").value, "1");
//! # Ok::<(), quorate_kv::RequestError>(())
//! ```

mod attend;
mod error;
mod hash;
mod key_range;
mod lease;
mod limits;
mod machine;
mod request;
mod session;
mod shared_map;
mod store;
mod watch;

pub use self::{
    attend::{Asked, Attendant, LeaseError, TimeToLive},
    error::{KvError, RequestError},
    key_range::KeyRange,
    lease::{Deadlines, Lease, LeaseId},
    limits::*,
    machine::{Kv, View},
    request::*,
    store::{Change, KeyValue},
    watch::{Batch, WatchId, WatchRequest, Watches},
};

/// A count of what changed the state: each command that changes a key is one more.
pub type Revision = u64;
