//! What a mesh has done, to look at.

use std::sync::atomic::{AtomicU64, Ordering};

use quorate_core::NodeId;

use super::{Link, Mesh, MeshCounters};

/// What went over the way to one peer and back, since the mesh was started.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    connects: AtomicU64,
    sent_bytes: AtomicU64,
    received_bytes: AtomicU64,
}

/// The way to one peer, at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinkSeen {
    pub(crate) is_up: bool,
    /// Frames that wait to be sent.
    pub(crate) waiting: u64,
    pub(crate) connects: u64,
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
}

impl MeshCounters {
    /// Dropped frames and refused connections.
    pub(crate) fn read(&self) -> (u64, u64) {
        (self.dropped.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed))
    }
}

impl Link {
    fn seen(&self) -> LinkSeen {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        LinkSeen {
            is_up: self.is_up(),
            waiting: self.waiting() as u64,
            connects: read(&self.traffic.connects),
            sent_bytes: read(&self.traffic.sent_bytes),
            received_bytes: read(&self.traffic.received_bytes),
        }
    }
}

impl Traffic {
    pub(super) fn note_connect(&self) {
        self.connects.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn note_sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

impl Mesh {
    /// Looks at each peer.
    pub(crate) fn look(&self, mut look: impl FnMut(NodeId, LinkSeen)) {
        self.links().iter().for_each(|(peer, line)| look(*peer, line.link.seen()));
    }

    pub(super) fn note_received(&self, peer: NodeId, bytes: usize) {
        if let Some(line) = self.links().get(&peer) {
            line.link.traffic.received_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }
}
