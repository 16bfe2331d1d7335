//! Giving the group its quota: while this node leads, the state has what its configuration says.

use std::time::Duration;

use quorate_core::RoleKind;
use quorate_kv::{Command, Response};
use quorate_tokio::NodeHandle;
use tracing::{debug, info};

use super::Local;

/// Before a quota that was refused is proposed again.
const RETRY_INTERVAL: Duration = Duration::from_millis(50);

/// Runs until the node has stopped.
pub(crate) async fn keep_quota(local: Local, node: NodeHandle<Response>, bytes: u64) {
    let mut status = node.watch_status();
    let Ok(command) = (Command::SetQuota { bytes }).encode() else { return };
    let mut seen = (false, 0);
    let is_news = |seen: (bool, u64)| {
        move |now: &quorate_tokio::NodeStatus| (now.role == RoleKind::Leader, now.term) != seen
    };
    loop {
        match status.wait_for(is_news(seen)).await {
            Ok(now) => seen = (now.role == RoleKind::Leader, now.term),
            Err(_) => return,
        }
        // What leaders before have set, this node may yet have to apply: once more does no harm.
        while seen.0 && local.read(|kv| kv.quota()) != bytes {
            match node.propose(command.clone()).await {
                Ok(_) => info!(bytes, "quota set"),
                Err(error) => {
                    debug!(%error, "the quota is not set yet");
                    tokio::time::sleep(RETRY_INTERVAL).await;
                }
            }
            let now = status.borrow();
            if status.has_changed().is_err() || is_news(seen)(&now) {
                break;
            }
        }
    }
}
