//! The deterministic key-value state machine: no I/O, no executor.
//!
//! ```
//! use quorate_core::{EntryRef, LogId, Payload};
//! use quorate_driver::StateMachine;
//! use quorate_kv::{Command, Kv, Response};
//!
//! let mut kv = Kv::default();
//! let put = Command::Put { key: "a".into(), value: "1".into() };
//! let payload = Payload::Command(put.encode()?);
//! let response = kv.apply_entry(EntryRef { log_id: LogId::new(1, 1), payload: &payload });
//! assert_eq!(response, Response::Put { revision: 1 });
//! assert_eq!(kv.get(b"a").expect("just put").bytes, "1");
//! # Ok::<(), quorate_kv::CommandError>(())
//! ```

mod command;
mod hash;
mod machine;
mod snapshot;

pub use command::{Command, CommandError, KEY_LIMIT_BYTES, VALUE_LIMIT_BYTES};
pub use machine::{Kv, Response, Revision, Value};
