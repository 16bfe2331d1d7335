//! Raft as a value: a pure state machine that answers events with actions.
#![no_std]

extern crate alloc;

pub mod action;
pub mod config;
pub mod configuration;
pub mod entries;
pub mod event;
pub mod message;
pub mod persisted;
pub mod types;
mod raft;

pub use action::{
    Action, Halt, HardState, Limit, Misuse, Refusal, RoleKind, SnapshotMeta, Write,
};
pub use config::{Config, ConfigError};
pub use configuration::Configuration;
pub use entries::{Commands, Entries, EntriesError, EntryRef, Payload, commands};
pub use event::{Event, Input};
pub use message::{
    AppendAnswer, AppendOutcome, AppendRequest, Body, Message, VoteAnswer, VoteRequest,
};
pub use persisted::{Persisted, RestoreError};
pub use raft::Raft;
pub use types::{
    INDEX_LIMIT, Index, LogId, Nanos, NodeId, RequestId, Round, Seq, TERM_LEAP_LIMIT, TERM_LIMIT,
    Term, Timestamp, Token,
};
