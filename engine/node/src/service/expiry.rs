//! Letting leases run out: while this node leads it proposes that those end whose time is up.

use std::time::Duration;

use quorate_core::{RoleKind, Timestamp};
use quorate_kv::{Command, Outcome, Response};
use quorate_tokio::{NodeHandle, NodeStatus, ProposeError};
use tokio::{sync::watch, task::JoinSet};

use super::Local;

/// Before an expiry that was refused is proposed again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Runs until the node has stopped.
pub(crate) async fn keep_time(local: Local, node: NodeHandle<Response>) {
    let mut status = node.watch_status();
    let mut proposals = JoinSet::new();
    loop {
        let seen = status.borrow_and_update().clone();
        let (due, wake_at) =
            local.attend(&node, |attendant, _, now| (attendant.due(now), attendant.wake_at()));
        if let Some(command) = due {
            proposals.spawn(propose(local.clone(), node.clone(), command));
            // What is due behind it is known once it is applied.
            continue;
        }
        let sleep = async {
            match wake_at {
                Some(at) => tokio::time::sleep(local.clock.until(Timestamp(at))).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = other_role(&mut status, &seen) => if !changed { return },
            () = local.times.notified() => {}
            () = sleep => {}
            Some(_) = proposals.join_next(), if !proposals.is_empty() => {}
        }
    }
}

/// Returns once the node has another role or term; false once it has stopped.
async fn other_role(status: &mut watch::Receiver<NodeStatus>, seen: &NodeStatus) -> bool {
    let is_other = |now: &NodeStatus| {
        (now.role == RoleKind::Leader) != (seen.role == RoleKind::Leader)
            || now.term != seen.term
            || now.halted != seen.halted
    };
    status.wait_for(is_other).await.is_ok()
}

/// Proposes an expiry, which is applied or says that it was not done.
async fn propose(local: Local, node: NodeHandle<Response>, command: Command) {
    let (Command::LeaseExpire { term, .. }, Ok(bytes)) = (&command, command.encode()) else {
        tracing::error!(?command, "an expiry that is no command");
        return;
    };
    match node.propose(bytes).await {
        Ok((_, Response { outcome: Some(Ok(Outcome::Ended { leases, deleted })), .. })) => {
            tracing::debug!(leases = leases.len(), deleted, "leases expired");
            local.metrics().expired.increment(leases.len() as u64);
        }
        Ok(_) => {}
        Err(ProposeError::Unknown | ProposeError::Stopped) => {}
        Err(error) => {
            tracing::debug!(%error, "leases do not end yet");
            tokio::time::sleep(RETRY_INTERVAL).await;
            local.attend(&node, |attendant, _, _| attendant.refused(*term));
        }
    }
}
