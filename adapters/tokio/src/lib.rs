//! quorate on tokio: a clock, a task for each node, a TCP mesh.
//!
//! One task owns a node's [`Driver`](quorate_driver::Driver); the log store runs on a thread of its
//! own; the state machine is shared behind a lock, so that confirmed reads do not pass through the
//! task.

mod answers;
mod buffered;
mod clock;
mod events;
mod fetch;
mod handle;
mod membership;
mod mesh;
mod metrics;
mod net;
mod node;
mod published;
mod scripted;
mod snapshots;
mod store;
mod switchboard;
mod transport;
mod turn;

pub use buffered::{Buffered, Early};
pub use clock::Clock;
pub use handle::{NodeHandle, NodeStatus, ProposeError, ReadError, SnapshotError, TransferError};
pub use membership::{Contact, Membership};
pub use mesh::{
    ConnectError, GreetingRefusal, Incoming, Mesh, MeshCounters, MeshOptions, MeshParts,
    RequestError, Responder, SnapshotFrame, WIRE_PROTOCOL,
};
pub use metrics::{Labels, Metric, MetricKind, NODE_METRICS, describe};
pub use net::{Net, NetParts};
pub use node::{NodeOptions, NodeParts, spawn, spawn_with};
pub use switchboard::{Plug, Switchboard};
pub use transport::{Answering, BadParcel, Inbox, Transport};

#[doc(hidden)]
pub use scripted::Scripted;
