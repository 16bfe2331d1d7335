//! Letting go of the past: while this node leads it proposes that revisions which nobody should need any
//! more are compacted. Without it each put of the same key would take room for ever.

use std::{collections::VecDeque, time::Duration};

use quorate_core::RoleKind;
use quorate_kv::{Command, Response, Revision};
use quorate_tokio::NodeHandle;
use tokio::time::{Instant, sleep};
use tracing::{debug, info};

use super::Local;

/// How often it looks at most and at least; else ten times within what is kept.
const INTERVALS: [Duration; 2] = [Duration::from_millis(50), Duration::from_secs(5)];
/// How often where three quarters of the quota are used: each time half of the history goes.
const INTERVAL_WHERE_FULL: Duration = Duration::from_millis(200);

/// When which revision was the newest. Looked at on every node, so that one that comes to lead knows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Past {
    seen: VecDeque<(Instant, Revision)>,
}

impl Past {
    fn saw(&mut self, now: Instant, revision: Revision) {
        if self.seen.back().is_none_or(|(_, last)| *last < revision) {
            self.seen.push_back((now, revision));
        }
    }

    /// The newest revision that was the newest one `kept` ago; forgets what is older.
    fn before(&mut self, now: Instant, kept: Duration) -> Option<Revision> {
        let is_old = |(at, _): &(Instant, Revision)| now.saturating_duration_since(*at) >= kept;
        while self.seen.get(1).is_some_and(is_old) {
            self.seen.pop_front();
        }
        self.seen.front().filter(|first| is_old(first)).map(|(_, revision)| *revision)
    }
}

/// Runs until the node has stopped. `kept`: how long each revision can be read at least; zero for ever.
pub(crate) async fn keep_history(local: Local, node: NodeHandle<Response>, kept: Duration) {
    if kept.is_zero() {
        return;
    }
    let status = node.watch_status();
    let interval = (kept / 10).clamp(INTERVALS[0], INTERVALS[1]);
    let mut past = Past::default();
    let mut was_full = false;
    while status.has_changed().is_ok() {
        sleep(if was_full { interval.min(INTERVAL_WHERE_FULL) } else { interval }).await;
        let (newest, compacted, is_full) = local.read(|kv| {
            let quota = kv.quota();
            let is_full = quota > 0 && kv.used() > quota / 4 * 3;
            (kv.revision(), kv.compacted(), is_full)
        });
        let now = Instant::now();
        past.saw(now, newest);
        let old = past.before(now, kept).unwrap_or(0);
        let half = newest - (newest - compacted.min(newest)) / 2;
        let old = if is_full { old.max(half) } else { old };
        was_full = is_full;
        if old > compacted && status.borrow().role == RoleKind::Leader {
            compact(&node, old, is_full).await;
        }
    }
}

async fn compact(node: &NodeHandle<Response>, revision: Revision, is_full: bool) {
    let Ok(command) = (Command::Compact { revision }).encode() else { return };
    match node.propose(command).await {
        Ok(_) if is_full => info!(revision, "history compacted, for the quota is nearly used up"),
        Ok(_) => debug!(revision, "history compacted"),
        // It is looked at again soon.
        Err(error) => debug!(%error, "history is not compacted yet"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_goes_once_a_newer_one_is_as_old_as_what_is_kept() {
        let (start, mut past) = (Instant::now(), Past::default());
        let at = |seconds| start + Duration::from_secs(seconds);
        let kept = Duration::from_secs(10);
        past.saw(at(0), 5);
        assert_eq!(past.before(at(9), kept), None);
        assert_eq!(past.before(at(10), kept), Some(5));
        past.saw(at(11), 7);
        past.saw(at(12), 7);
        past.saw(at(13), 9);
        assert_eq!(past.before(at(20), kept), Some(5));
        assert_eq!(past.before(at(21), kept), Some(7));
        assert_eq!(past.before(at(99), kept), Some(9));
        assert_eq!(past.seen.len(), 1, "what is older is forgotten");
    }
}
