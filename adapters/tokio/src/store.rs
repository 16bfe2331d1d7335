//! The store's thread: one job at a time, off the executor. A snapshot is written in parts between
//! the others, so that no write waits for all of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, TryRecvError},
    },
    thread,
    time::Instant,
};

use bytes::Bytes;
use quorate_core::LogId;
use quorate_driver::{
    InstallJob, LoadedInstall, LogReadDone, LogReadJob, LogStore, SnapshotBytes, SnapshotDone,
    SnapshotId, SnapshotSend, StoreError, WriteDone, WriteJob,
};
use tokio::sync::{mpsc as async_mpsc, oneshot, watch};
use tracing::Span;

use crate::{Net, mesh::Fetch, metrics::StoreMetrics};

/// What the store is asked to do.
pub(crate) enum StoreJob {
    Write(WriteJob),
    Read(LogReadJob),
    Load(InstallJob),
    Keep(SnapshotBytes),
    Discard(LogId),
    /// Offers a snapshot to another node.
    Offer(Net, SnapshotSend),
    /// Reads a part of a snapshot for another node.
    Fetch(Fetch),
    Begin(SnapshotId, oneshot::Sender<Result<u64, StoreError>>),
    Part(SnapshotId, u64, Bytes, oneshot::Sender<Result<(), StoreError>>),
    Finish(SnapshotId, oneshot::Sender<Result<(), StoreError>>),
}

/// What the store has done.
pub(crate) enum StoreDone {
    Written(WriteDone),
    Read(LogReadDone),
    Loaded(LoadedInstall),
    Kept(SnapshotDone),
}

/// Where jobs go. Clones are the same thread.
pub(crate) type Jobs = mpsc::Sender<StoreJob>;

/// The node task's end of the store's thread.
pub(crate) struct StoreThread {
    pub(crate) jobs: Jobs,
    pub(crate) done: async_mpsc::UnboundedReceiver<StoreDone>,
}

/// What ends the thread, and tells that it has ended: then the store is closed.
#[derive(Clone)]
pub(crate) struct StoreEnd {
    killed: Arc<AtomicBool>,
    closed: watch::Receiver<bool>,
}

impl StoreEnd {
    /// Of a store that is closed already.
    pub(crate) fn none() -> StoreEnd {
        StoreEnd { killed: Arc::default(), closed: watch::channel(true).1 }
    }

    /// No job that has not begun will begin.
    pub(crate) fn kill(&self) {
        self.killed.store(true, Ordering::SeqCst);
    }

    /// Waits until the store is closed.
    pub(crate) async fn closed(&self) {
        // An error means that the thread is gone, and the store with it.
        let _ = self.closed.clone().wait_for(|closed| *closed).await;
    }
}

/// Starts the thread, which owns the store until the node's task or a kill ends it.
pub(crate) fn start<S: LogStore + 'static>(
    store: S,
    name: String,
    metrics: StoreMetrics,
    span: Span,
) -> std::io::Result<(StoreThread, StoreEnd)> {
    // The driver has one write and few reads under way at a time: the queue stays short.
    let (jobs, queue) = mpsc::channel::<StoreJob>();
    let (report, done) = async_mpsc::unbounded_channel();
    let (announce, closed) = watch::channel(false);
    let killed = Arc::new(AtomicBool::new(false));
    let worker = Worker { store, report, keeping: None, keeping_since: None, metrics };
    let is_killed = killed.clone();
    thread::Builder::new().name(name).spawn(move || {
        let _in = span.entered();
        worker.run(&queue, &is_killed);
        let _ = announce.send(true);
    })?;
    Ok((StoreThread { jobs, done }, StoreEnd { killed, closed }))
}

struct Worker<S> {
    store: S,
    report: async_mpsc::UnboundedSender<StoreDone>,
    /// A snapshot that is being written, a part after each other job.
    keeping: Option<SnapshotBytes>,
    keeping_since: Option<Instant>,
    metrics: StoreMetrics,
}

impl<S: LogStore> Worker<S> {
    /// Ends when nobody has jobs or takes completions any more.
    fn run(mut self, queue: &mpsc::Receiver<StoreJob>, is_killed: &AtomicBool) {
        loop {
            let job = if self.keeping.is_some() {
                match queue.try_recv() {
                    Ok(job) => Some(job),
                    Err(TryRecvError::Empty) => None,
                    Err(TryRecvError::Disconnected) => return,
                }
            } else {
                match queue.recv() {
                    Ok(job) => Some(job),
                    Err(mpsc::RecvError) => return,
                }
            };
            if is_killed.load(Ordering::SeqCst) {
                return;
            }
            let is_heard = job.is_none_or(|job| self.run_job(job)) && self.keep_some();
            if !is_heard {
                return;
            }
        }
    }

    /// False where nobody hears of it any more.
    fn run_job(&mut self, job: StoreJob) -> bool {
        let store = &mut self.store;
        let done = match job {
            StoreJob::Write(job) => StoreDone::Written(write(store, &self.metrics, job)),
            StoreJob::Read(job) => {
                self.metrics.reads.increment(1);
                StoreDone::Read(job.run(store))
            }
            StoreJob::Load(job) => StoreDone::Loaded(job.load(store)),
            StoreJob::Keep(bytes) => {
                self.keeping = Some(bytes);
                self.keeping_since = Some(Instant::now());
                return true;
            }
            StoreJob::Discard(last) => {
                // One that stays is in nobody's way, and goes when a newer one is named.
                let _ = store.snapshot_remove(last);
                return true;
            }
            StoreJob::Offer(net, send) => {
                if let Ok(id) = store.snapshot_find(send.meta.last) {
                    net.offer_snapshot(&send, id);
                }
                return true;
            }
            StoreJob::Fetch(fetch) => {
                let Fetch { id, offset, max_bytes, responder } = fetch;
                responder.respond_part(store.snapshot_read(id, offset, max_bytes).ok());
                return true;
            }
            StoreJob::Begin(id, reply) => {
                let _ = reply.send(store.snapshot_begin(id));
                return true;
            }
            StoreJob::Part(id, offset, bytes, reply) => {
                let _ = reply.send(store.snapshot_write(id, offset, &bytes));
                return true;
            }
            StoreJob::Finish(id, reply) => {
                let _ = reply.send(store.snapshot_finish(id));
                return true;
            }
        };
        self.report.send(done).is_ok()
    }

    fn keep_some(&mut self) -> bool {
        let Some(mut bytes) = self.keeping.take() else { return true };
        let since = self.keeping_since;
        let result = match bytes.write_some(&mut self.store) {
            Ok(false) => {
                self.keeping = Some(bytes);
                return true;
            }
            Ok(true) => Ok(()),
            Err(error) => Err(error),
        };
        if let Some(since) = since {
            self.metrics.snapshot_seconds.record(since.elapsed());
        }
        self.report.send(StoreDone::Kept(bytes.done(result))).is_ok()
    }
}

/// A group commit, measured.
fn write(store: &mut impl LogStore, metrics: &StoreMetrics, job: WriteJob) -> WriteDone {
    metrics.commits.tell(&job);
    let begun = Instant::now();
    let done = job.run(store);
    metrics.write_seconds.record(begun.elapsed());
    if done.has_failed() {
        metrics.failures.increment(1);
    }
    done
}
