//! Raft as a value: a pure state machine that answers events with actions.
//!
//! [`Raft`] never waits, sleeps, reads a clock, draws from ambient randomness or touches a disk.
//! Everything that happens to a node is an [`Event`]: a message came in, a write became durable,
//! time passed, somebody proposes. Everything that it wants done is an [`Action`]: write this, send
//! that, apply these entries. Whoever embeds it owns the loop, the disk, the network and the clock:
//!
//! ```text
//!              Event { at, input }                      Action
//!   timer ──── Tick ────────────┐               ┌── Write, ReadLog ──────────── log store
//!   network ── Receive ─────────┤               ├── Send, SendSnapshot ──────── network
//!   client ─── Propose, Read ───┼─► Raft::step ─┼── Apply, Install ──────────── state machine
//!   disk ───── Written, LogRead ┤               ├── Accepted, Refused, ReadReady ─ client
//!   machine ── Applied ─────────┤               └── RoleChanged, Halt, Misuse ─── host
//!   operator ─ ChangeMembers ───┘
//! ```
//!
//! Step an event, carry out the actions, sleep until [`Raft::deadline`] or the next event: that is
//! the loop. Three rules order it, and there is no fourth. *Notices* (`Accepted`, `Refused`,
//! `ReadReady`, `RoleChanged` and their like) are handled in list order, before anything later is
//! stepped. *Writes* take effect by `seq`. *State machine work* (`Apply`, `Install`) goes by
//! index. All else may be delayed, done in any order, and, where it is sent, lost: what must wait
//! for the disk is not in the list before [`Input::Written`] has come, so nothing rests on prose
//! such as "persist before you send". A run is a value too: the same [`Config`], [`Persisted`] and
//! events give the same actions.
//!
//! The rules of the paper stand a file each, and each is cited at the branch that carries it:
//! `raft:5.4.2` is section 5.4.2 of "In Search of an Understandable Consensus Algorithm (Extended
//! Version)", `diss:6.4` is section 6.4 of Diego Ongaro's dissertation "Consensus: Bridging Theory
//! and Practice"; `differs:` says where and why this crate does otherwise. `docs/protocol.md`
//! lists them all with their tests.
//!
//! # Three nodes
//!
//! The whole host of a group in memory: one queue is network, disk and state machine at once, and
//! time jumps to the next deadline when it is empty. Nodes elect a leader; it proposes; all apply.
//!
//! ```
//! use std::collections::{BTreeMap, VecDeque};
//! use std::sync::Arc;
//! use quorate_core::*;
//!
//! let names = [1, 2, 3].map(NodeId::of);
//! let configuration = Arc::new(Configuration::new(names));
//! let mut nodes = BTreeMap::new();
//! for id in names {
//!     let configuration = configuration.clone();
//!     let founding = Persisted::Bootstrap { configuration, incarnation: 1 };
//!     nodes.insert(id, Raft::restore(Config::new(id, 42), founding, Timestamp(0))?);
//! }
//! let (mut queue, mut at) = (VecDeque::new(), Timestamp(0)); // what is under way, to whom
//! let mut applied: BTreeMap<NodeId, Vec<Payload>> = BTreeMap::new();
//! let hello = Payload::Command("hello".into());
//!
//! while !names.iter().all(|id| applied.get(id).is_some_and(|all| all.contains(&hello))) {
//!     let (id, input) = queue.pop_front().unwrap_or_else(|| {
//!         let due = nodes.values().filter_map(|node| Some((node.deadline()?, node.node())));
//!         let (due, id) = due.min().expect("a group without a leader waits for one");
//!         at = at.max(due);
//!         (id, Input::Tick)
//!     });
//!     for action in nodes.get_mut(&id).expect("one of three").step(Event { at, input }) {
//!         match action {
//!             // A real host says so once it *is* durable.
//!             Action::Write(write) => queue.push_back((id, Input::Written { seq: write.seq })),
//!             Action::Send { to, message } => {
//!                 queue.push_back((to, Input::Receive { from: id, message }));
//!             }
//!             Action::Apply { entries } => {
//!                 let index = entries.last().expect("an apply is not empty").index;
//!                 let payloads = entries.iter().map(|entry| entry.payload.clone());
//!                 applied.entry(id).or_default().extend(payloads);
//!                 queue.push_back((id, Input::Applied { index }));
//!             }
//!             Action::RoleChanged { role: RoleKind::Leader, .. } => {
//!                 let (request, commands, expected_term) = (1, commands(["hello"]), None);
//!                 queue.push_back((id, Input::Propose { request, commands, expected_term }));
//!             }
//!             _ => {} // nothing is read, moved or compacted here
//!         }
//!     }
//! }
//! // The founding configuration, the leader's first entry, the command: the same on every node.
//! assert!(names.iter().all(|id| applied[id] == applied[&names[0]]));
//! # Ok::<(), RestoreError>(())
//! ```
//!
//! `examples/embed-threads` is the same with real threads, files, reads, snapshots and a leader
//! that dies, told step by step in `docs/embedding.md`; `examples/embed-bare` is for
//! microcontrollers.
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
#[cfg(test)]
mod hashed;
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
    ADDRESS_LIMIT_BYTES, Configuration, ConfigurationError, Learner, PROTOCOL, Promotion, Seat,
    VOTERS_LIMIT,
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
