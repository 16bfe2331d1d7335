//! Strongly consistent keys and values inside your process, on Raft.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use quorate::prelude::*;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let engine = EmbeddedEngine::start("./data").await?; // one node, durable, no configuration file
//! engine.wait_ready(Duration::from_secs(5)).await?;
//! let client = engine.client();
//! client.put("hello", "world").await?;
//! let value = client.get_linearizable("hello").await?;
//! engine.stop().await?;
//! # Ok(())
//! # }
//! ```
//!
//! When `put` returns, the value is synced on the disks of a majority. Any node takes any request;
//! a node that does not lead forwards it. An error says whether the operation surely did not happen.

mod addresses;
mod builder;
mod client;
mod config;
mod coordination;
mod durability;
mod engine;
mod error;
mod forward;
mod machine;
mod membership;
mod node;
mod open;
mod route;
mod server;
mod service;
mod storage;
mod telemetry;
mod watch;

pub use builder::{KeyValues, NodeBuilder, OwnMachine, PreparedNode};
pub use client::{Client, HeldLease, Session};
pub use config::{Conflict, EngineConfig, Knob, PeerAddress, Place, SettingError, Start};
pub use coordination::{
    Answered, Consistency, Coordination, Held, Leaders, LeaseStatus, Ranged, ReadOptions, Swapped,
    TxnAnswer, WatchOptions,
};
pub use durability::Durability;
pub use engine::EmbeddedEngine;
pub use error::{EngineError, StartError};
pub use machine::{MachineClient, WireResponse};
pub use membership::{Member, MemberError, MemberRole, Membership, MembershipChanges, Standing};
pub use node::Node;
pub use quorate_core::{NodeId, Promotion};
pub use quorate_kv::{
    Change, Compare, CompareOp, CompareTarget, DeleteRequest, KEY_LIMIT_BYTES, KeyRange, KeyValue,
    KvError, LeaseId, Operation, OperationResponse, PutLease, PutRequest, PutValue, RangeRequest,
    RequestError, Revision, SortBy, SortOrder, Txn, VALUE_LIMIT_BYTES,
};
pub use quorate_tokio::{
    Answering, BadParcel, Inbox, Metric, MetricKind, NodeStatus, Plug,
    RequestError as TransportError, Switchboard, Transport,
};
pub use storage::{StorageEngine, WalStorage};
pub use telemetry::{SECONDS_BUCKETS, SIZE_BUCKETS, all_metrics};
pub use watch::{LeaderChanges, LeaderInfo, Told, Watcher};
/// What parts of one's own are written against, in the versions that this crate uses.
pub use {quorate_core, quorate_driver};

/// What most programs need.
pub mod prelude {
    pub use crate::{
        Client, Consistency, Coordination, Durability, EmbeddedEngine, EngineConfig, EngineError,
        KeyRange, NodeBuilder, NodeId, PeerAddress, Promotion, ReadOptions, SettingError, Start,
        StartError, WatchOptions,
    };
}

/// The README's examples are tests, too.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// So are those of the guides.
#[cfg(doctest)]
mod guides {
    #[doc = include_str!("../../../docs/configuration.md")]
    struct Configuration;
    #[doc = include_str!("../../../docs/getting-started.md")]
    struct GettingStarted;
    #[doc = include_str!("../../../docs/watch.md")]
    struct Watch;
    #[doc = include_str!("../../../docs/leases-and-locks.md")]
    struct LeasesAndLocks;
    #[doc = include_str!("../../../docs/custom-state-machine.md")]
    struct CustomStateMachine;
    #[doc = include_str!("../../../docs/custom-storage.md")]
    struct CustomStorage;
    #[doc = include_str!("../../../docs/custom-transport.md")]
    struct CustomTransport;
    #[doc = include_str!("../../../docs/snapshots.md")]
    struct Snapshots;
    #[doc = include_str!("../../../docs/migrating-from-d-engine.md")]
    struct Migrating;
    #[doc = include_str!("../../../docs/membership.md")]
    struct Membership;
}
