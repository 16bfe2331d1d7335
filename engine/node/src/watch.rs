//! Watches, as programs read them.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use quorate_core::Term;
use quorate_kv::{Change, KvError, Revision, WatchId, WatchRequest};
use quorate_tokio::NodeStatus;
use tokio::sync::{Notify, watch};

use crate::{EngineError, service::Local};

/// What a watch tells at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// Changes in order; those of one revision are never torn apart. Empty where it only says how
    /// far it has come.
    pub changes: Vec<Change>,
    /// Everything up to this revision, inclusive, was told: a watch from the next one goes on without
    /// gap or repetition, at any node.
    pub revision: Revision,
}

type Source = Pin<Box<dyn Stream<Item = Result<Told, EngineError>> + Send>>;

/// The changes of a range, from a revision on: no gap, no repetition, no other order.
///
/// Nothing is queued for it: it reads the history when it is asked, as slowly as it likes, and holds
/// nobody up. Only when a compaction has passed its place it is lost, and says so:
/// [`EngineError::WatchLost`]. After an error it has ended.
pub struct Watcher {
    source: Source,
    next: Revision,
    has_ended: bool,
}

impl Watcher {
    /// A watch whose next revision is `next`, that reads from `source`.
    pub(crate) fn new(next: Revision, source: Source) -> Watcher {
        Watcher { source, next, has_ended: false }
    }

    /// What was changed next; waits for it. None once it has ended, which an error has said before.
    ///
    /// # Errors
    /// [`EngineError::WatchLost`] where a compaction has passed its place, and
    /// [`EngineError::WatchEnded`] where the node has stopped.
    pub async fn next(&mut self) -> Option<Result<Told, EngineError>> {
        StreamExt::next(self).await
    }

    /// The revision to go on from, at any node, after what was told so far.
    pub fn resume_from(&self) -> Revision {
        self.next
    }
}

impl Stream for Watcher {
    type Item = Result<Told, EngineError>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let polled = self.source.as_mut().poll_next(context);
        match &polled {
            Poll::Ready(Some(Ok(told))) => self.next = told.revision + 1,
            Poll::Ready(Some(Err(_)) | None) => {
                self.has_ended = true;
                // The node need not keep it any longer.
                self.source = Box::pin(futures_util::stream::empty());
            }
            Poll::Pending => {}
        }
        polled
    }
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Watcher { next, has_ended, .. } = self;
        let mut shown = out.debug_struct("Watcher");
        shown.field("next", next).field("has_ended", has_ended).finish_non_exhaustive()
    }
}

/// A watch on this node.
pub(crate) struct LocalWatch {
    local: Local,
    id: WatchId,
    reader: Arc<Notify>,
    status: watch::Receiver<NodeStatus>,
    progress: Option<Duration>,
    /// What comes next.
    next: Revision,
}

impl Drop for LocalWatch {
    fn drop(&mut self) {
        self.local.end_watch(self.id);
    }
}

impl LocalWatch {
    /// Begins to watch; the error is of the machine. None where there are too many.
    pub(crate) fn begin(
        local: &Local,
        request: WatchRequest,
        status: watch::Receiver<NodeStatus>,
        progress: Option<Duration>,
    ) -> Result<Option<LocalWatch>, KvError> {
        let Some((id, reader, next)) = local.begin_watch(request)? else { return Ok(None) };
        Ok(Some(LocalWatch { local: local.clone(), id, reader, status, progress, next }))
    }

    pub(crate) fn into_watcher(self) -> Watcher {
        let next = self.next;
        let tell = |mut watch: LocalWatch| async move {
            let told = watch.tell().await;
            Some((told, watch))
        };
        Watcher::new(next, Box::pin(futures_util::stream::unfold(self, tell)))
    }

    async fn tell(&mut self) -> Result<Told, EngineError> {
        loop {
            let batch = match self.local.read_watch(self.id) {
                Some(Ok(batch)) => batch,
                Some(Err(KvError::Compacted { asked, compacted })) => {
                    self.local.metrics().watches_lost.increment(1);
                    tracing::warn!(next = asked, compacted, "watch cancelled: it lags too far");
                    return Err(EngineError::WatchLost { next: asked, compacted });
                }
                Some(Err(error)) => return Err(EngineError::Refused(error)),
                None => return Err(self.ended("the watch has ended")),
            };
            let told = Told { changes: batch.changes, revision: batch.through };
            self.next = self.next.max(told.revision + 1);
            if !told.changes.is_empty() {
                self.local.metrics().watched.increment(told.changes.len() as u64);
                return Ok(told);
            }
            if batch.more {
                // Others have their turn.
                tokio::task::yield_now().await;
            } else if !self.wait().await? {
                return Ok(self.progress());
            }
        }
    }

    /// Returns once there may be something to read; false where it is time to say how far it is.
    async fn wait(&mut self) -> Result<bool, EngineError> {
        let sleep = async {
            match self.progress {
                Some(progress) => tokio::time::sleep(progress).await,
                None => std::future::pending().await,
            }
        };
        let ended = tokio::select! {
            () = self.reader.notified() => return Ok(true),
            () = sleep => return Ok(false),
            ended = has_ended(&mut self.status) => ended,
        };
        Err(self.ended(&ended))
    }

    /// What is true without a change: nothing was missed up to what has been looked at.
    fn progress(&self) -> Told {
        Told { changes: Vec::new(), revision: self.next - 1 }
    }

    fn ended(&self, reason: &str) -> EngineError {
        EngineError::WatchEnded { next: self.next, reason: reason.to_owned() }
    }
}

/// Returns once the node has halted or stopped, and says which.
async fn has_ended(status: &mut watch::Receiver<NodeStatus>) -> String {
    match status.wait_for(|status| status.halted.is_some()).await {
        Ok(halted) => format!("the node has halted: {}", halted.halted.as_deref().unwrap_or("")),
        Err(_) => "the node has stopped".to_owned(),
    }
}

/// Who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderInfo {
    /// The term.
    pub term: Term,
    /// The leader of the term; none where none is known.
    pub leader: Option<quorate_core::NodeId>,
}

impl From<&NodeStatus> for LeaderInfo {
    fn from(status: &NodeStatus) -> LeaderInfo {
        LeaderInfo { term: status.term, leader: status.leader }
    }
}

/// Who leads, as this node learns of it. What is passed quickly may be passed over.
#[derive(Debug)]
pub struct LeaderChanges {
    status: watch::Receiver<NodeStatus>,
    told: Option<LeaderInfo>,
}

impl LeaderChanges {
    pub(crate) fn new(status: watch::Receiver<NodeStatus>) -> LeaderChanges {
        LeaderChanges { status, told: None }
    }

    /// The newest, at first at once, then when it is another one than was told last. None once the
    /// node has stopped.
    pub async fn next(&mut self) -> Option<LeaderInfo> {
        let told = self.told;
        let is_other = |status: &NodeStatus| Some(LeaderInfo::from(status)) != told;
        let info = LeaderInfo::from(&*self.status.wait_for(is_other).await.ok()?);
        self.told = Some(info);
        self.told
    }
}
