//! Telling whoever waits what became of it, and everybody what the node is.

use std::collections::HashMap;

use quorate_core::{LogId, RequestId};
use quorate_driver::{Driver, Outcome};
use tracing::{debug, error, info, warn};

use crate::{
    NodeStatus, ProposeError, ReadError, SnapshotError, TransferError,
    handle::{ProposeReply, ReadReply, SnapshotReply, TransferReply},
    metrics::Settled,
};

/// Who waits for what.
pub(crate) struct Answers<R> {
    pub(crate) proposals: HashMap<RequestId, ProposeReply<R>>,
    pub(crate) reads: HashMap<RequestId, ReadReply>,
    pub(crate) transfers: HashMap<RequestId, TransferReply>,
    /// For the snapshot that is being taken.
    pub(crate) snapshots: Vec<SnapshotReply>,
    pub(crate) settled: Settled,
}

impl<R> Answers<R> {
    pub(crate) fn new() -> Answers<R> {
        Answers {
            proposals: HashMap::new(),
            reads: HashMap::new(),
            transfers: HashMap::new(),
            snapshots: Vec::new(),
            settled: Settled::default(),
        }
    }

    /// Tells whoever waits for a proposal that its outcome cannot be known.
    pub(crate) fn forget_proposals(&mut self) {
        for (_, reply) in self.proposals.drain() {
            let _ = reply.send(Err(ProposeError::Unknown));
        }
    }

    /// Tells whoever waits for `outcome`.
    pub(crate) fn settle(&mut self, outcome: Outcome<R>) {
        match outcome {
            Outcome::Done { request, log_id, response } => {
                self.answer(request, Ok((log_id, response)));
            }
            Outcome::Refused { request, reason } => {
                if let Some(reply) = self.reads.remove(&request) {
                    let _ = reply.send(Err(ReadError::Refused(reason)));
                } else if let Some(reply) = self.transfers.remove(&request) {
                    let _ = reply.send(Err(TransferError::Refused(reason)));
                } else {
                    self.answer(request, Err(ProposeError::Refused(reason)));
                }
            }
            Outcome::Replaced { request, .. } => self.answer(request, Err(ProposeError::Replaced)),
            Outcome::Unknown { request } => self.answer(request, Err(ProposeError::Unknown)),
            Outcome::ReadReady { request, index } => {
                if let Some(reply) = self.reads.remove(&request) {
                    let _ = reply.send(Ok(index));
                }
            }
            Outcome::Transferred { request } => {
                if let Some(reply) = self.transfers.remove(&request) {
                    let _ = reply.send(Ok(()));
                }
            }
            Outcome::SnapshotTaken { last } => {
                info!(index = last.index, "snapshot taken");
                self.tell_snapshot(Ok(last));
            }
            Outcome::SnapshotFailed { error } => {
                warn!(%error, "no snapshot taken");
                self.tell_snapshot(Err(SnapshotError::NotKept(error.to_string())));
            }
            Outcome::RoleChanged { role, term, leader } => {
                info!(?role, term, ?leader, "role changed");
            }
            // Published by the node's task.
            Outcome::Lease { until } => debug!(?until, "lease"),
            Outcome::Misuse(misuse) => error!(%misuse, "misuse"),
            Outcome::Halted(cause) => error!(%cause, "halted"),
        }
    }

    fn tell_snapshot(&mut self, result: Result<LogId, SnapshotError>) {
        for reply in self.snapshots.drain(..) {
            let _ = reply.send(result.clone());
        }
    }

    fn answer(&mut self, request: RequestId, result: Result<(LogId, R), ProposeError>) {
        let Some(reply) = self.proposals.remove(&request) else { return };
        *match &result {
            Ok(_) => &mut self.settled.done,
            Err(ProposeError::Replaced) => &mut self.settled.replaced,
            Err(ProposeError::Unknown) => &mut self.settled.unknown,
            Err(
                ProposeError::Refused(_) | ProposeError::QueueFull { .. } | ProposeError::Stopped,
            ) => &mut self.settled.refused,
        } += 1;
        if reply.send(result).is_err() {
            debug!(request, "nobody waits for the outcome any more");
        }
    }
}

pub(crate) fn status_of<R: Clone>(driver: &Driver<R>) -> NodeStatus {
    let status = driver.raft().status();
    NodeStatus {
        role: status.role,
        term: status.term,
        leader: status.leader,
        is_alone: status.configuration.voters() == [driver.raft().node()]
            && !status.configuration.is_joint(),
        applied: driver.applied(),
        commit: status.commit,
        last: status.log.last().index,
        snapshot: status.snapshot.map_or(0, |snapshot| snapshot.last.index),
        halted: driver.cause().map(ToString::to_string),
    }
}
