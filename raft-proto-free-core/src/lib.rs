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

mod campaign;
mod check;
mod clock;
mod draw;
mod durability;
mod follower;
mod inspect;
mod leader;
mod log;
mod peer;
mod quorum;
mod raft;
mod read;
mod release;
mod replicate;
mod restore;
mod role;
mod status;
mod vote;

pub use action::{Action, Halt, HardState, Limit, Misuse, Refusal, RoleKind, SnapshotMeta, Write};
pub use check::Violation;
pub use config::{Config, ConfigError};
pub use configuration::Configuration;
pub use entries::{Commands, Entries, EntriesError, EntryRef, Payload, commands};
pub use event::{Event, Input};
pub use log::Log;
pub use message::{
    AppendAnswer, AppendOutcome, AppendRequest, Body, Message, VoteAnswer, VoteRequest,
};
pub use peer::{Flow, Peer};
pub use persisted::{Persisted, RestoreError};
pub use raft::Raft;
pub use status::{Drops, Status};
pub use types::{
    INDEX_LIMIT, Index, LogId, Nanos, NodeId, RequestId, Round, Seq, TERM_LEAP_LIMIT, TERM_LIMIT,
    Term, Timestamp, Token,
};
