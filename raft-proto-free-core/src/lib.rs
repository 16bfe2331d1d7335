//! Raft as a value: a pure state machine that answers events with actions.
//!
//! [`Raft`] never waits, sleeps, reads a clock, draws from ambient randomness or touches a disk.
//! Everything that happens to a node is an [`Event`]: a message came in, a write became durable,
//! time passed, somebody proposes. Everything that it wants done is an [`Action`]: write this, send
//! that, apply these entries. Whoever embeds it owns the loop, the disk, the network and the clock:
//!
//! ```text
//!             Event { at, input }                      Action
//!   timer  ── Tick ─────────────┐             ┌── Write ──────── log store ──┐
//!   network ─ Receive ──────────┤             ├── Send ───────── network     │
//!   client ── Propose, Read ────┼─► Raft::step├── Apply ──────── state machine
//!   disk ──── Written ──────────┤             ├── Accepted, Refused, ReadReady ─ client
//!   machine ─ Applied ──────────┘             └── RoleChanged, Halt, Misuse ──── host
//! ```
//!
//! Nothing rests on prose such as "persist before you send": what must wait for the disk waits
//! *inside* until [`Input::Written`] comes, so actions of different kinds may be carried out in any
//! order and with any delay. The rules of the paper stand a file each, and each is cited at the branch
//! that carries it: `raft:5.4.2` is section 5.4.2 of "In Search of an Understandable Consensus
//! Algorithm (Extended Version)", `diss:6.4` is section 6.4 of Diego Ongaro's dissertation "Consensus:
//! Bridging Theory and Practice"; `differs:` says where and why this crate does otherwise.
//!
//! # A group of one
//!
//! ```
//! use std::sync::Arc;
//! use quorate_core::*;
//!
//! let founding = Arc::new(Configuration::new([NodeId::of(1)]));
//! let start = Persisted::Bootstrap { configuration: founding, incarnation: 1 };
//! let mut raft = Raft::restore(Config::new(NodeId::of(1), 42), start, Timestamp(0))?;
//!
//! let mut inbox = vec![Input::Tick];
//! let mut applied = Vec::new();
//! let mut has_proposed = false;
//! while let Some(input) = inbox.pop() {
//!     for action in raft.step(Event { at: Timestamp(0), input }) {
//!         match action {
//!             // A real host makes it durable first; a lone node has nobody to send to.
//!             Action::Write(write) => inbox.push(Input::Written { seq: write.seq }),
//!             Action::Apply { entries } => {
//!                 let index = entries.last().expect("an apply is not empty").index;
//!                 applied.extend(entries.iter().map(|entry| entry.payload.clone()));
//!                 inbox.push(Input::Applied { index });
//!             }
//!             Action::RoleChanged { role: RoleKind::Leader, .. } if !has_proposed => {
//!                 has_proposed = true;
//!                 let commands = commands(["hello"]);
//!                 inbox.push(Input::Propose { request: 1, commands, expected_term: None });
//!             }
//!             _ => {}
//!         }
//!     }
//!     if inbox.is_empty() && !has_proposed {
//!         inbox.push(Input::Tick);
//!     }
//! }
//! assert_eq!(applied.last(), Some(&Payload::Command("hello".into())));
//! # Ok::<(), RestoreError>(())
//! ```
#![no_std]
#![warn(clippy::wildcard_enum_match_arm)]
#![warn(clippy::std_instead_of_core, clippy::std_instead_of_alloc, clippy::alloc_instead_of_core)]

extern crate alloc;

pub mod action;
pub mod config;
pub mod configuration;
pub mod entries;
pub mod event;
pub mod message;
pub mod persisted;
pub mod types;

mod apply;
mod aside;
mod batch;
mod batches;
mod campaign;
mod check;
mod clock;
mod commit;
mod draw;
mod durability;
mod fingerprint;
mod follower;
mod forward;
mod inspect;
mod leader;
mod lease;
mod log;
mod log_read;
mod members;
mod membership;
mod peer;
mod queue;
mod quiesce;
mod quorum;
mod raft;
mod read;
mod release;
mod replicate;
mod restore;
mod role;
mod snapshot;
mod stall;
mod status;
mod summary;
mod term;
mod transfer;
mod vote;

pub use action::{Action, Halt, HardState, Limit, Misuse, Refusal, RoleKind, SnapshotMeta, Write};
pub use batch::Commands;
pub use check::Violation;
pub use config::{Config, ConfigError};
pub use configuration::{
    Configuration, ConfigurationError, Learner, PROTOCOL, Promotion, Seat, VOTERS_LIMIT,
};
pub use entries::{Entries, EntriesError, EntryRef, Payload, commands};
pub use event::{Consistency, Event, Input, LogFound};
pub use log::Log;
pub use membership::{ChangeError, MemberChange};
pub use message::{
    AppendAnswer, AppendOutcome, AppendRequest, Body, Message, ReadAnswer, ReadOutcome,
    ReadRequest, VoteAnswer, VoteRequest,
};
pub use peer::{Flow, Peer};
pub use persisted::{Persisted, RestoreError};
pub use raft::Raft;
pub use status::{Drops, Status};
pub use summary::{LogSummary, TermRun};
pub use types::{
    INDEX_LIMIT, Index, LogId, Nanos, NodeId, RequestId, Round, Seq, TERM_LEAP_LIMIT, TERM_LIMIT,
    Term, Timestamp, Token,
};
