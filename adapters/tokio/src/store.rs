//! The store's thread: one group commit at a time, off the executor.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
    mpsc,
};

use quorate_driver::{LogStore, StoreError, WriteDone, WriteJob};
use tokio::sync::{mpsc as async_mpsc, watch};

/// The node task's end of the store's thread.
pub(crate) struct StoreThread {
    pub(crate) jobs: mpsc::SyncSender<WriteJob>,
    pub(crate) done: async_mpsc::Receiver<WriteDone>,
    pub(crate) error: Arc<Mutex<Option<StoreError>>>,
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
    mut store: S,
    name: String,
) -> std::io::Result<(StoreThread, StoreEnd)> {
    // One job is under way at most; the driver holds back the rest.
    let (jobs, queue) = mpsc::sync_channel::<WriteJob>(1);
    let (report, done) = async_mpsc::channel(1);
    let (announce, closed) = watch::channel(false);
    let killed = Arc::new(AtomicBool::new(false));
    let error = Arc::new(Mutex::new(None));
    let (is_killed, last_error) = (killed.clone(), error.clone());
    std::thread::Builder::new().name(name).spawn(move || {
        while let Ok(job) = queue.recv() {
            if is_killed.load(Ordering::SeqCst) {
                break;
            }
            let result = store.write(job.writes());
            if let (Err(error), Ok(mut slot)) = (&result, last_error.lock()) {
                *slot = Some(error.clone());
            }
            if report.blocking_send(job.done(result)).is_err() {
                break;
            }
        }
        drop(store);
        let _ = announce.send(true);
    })?;
    Ok((StoreThread { jobs, done, error }, StoreEnd { killed, closed }))
}
