//! The thread beside a node that waits for the disk, so that the node need not.

use std::{
    io, iter,
    sync::{
        Arc,
        mpsc::{Receiver, Sender},
    },
};

use quorate_core::{Index, LogFound, NodeId, Seq, SnapshotMeta, Term, Token, Write};

use crate::{
    store::Store,
    wire::{Done, Inbox, Wire},
};

pub(crate) enum Job {
    Write(Write),
    ReadLog { token: Token, from: Index, through: Index, max_bytes: u64 },
    SaveSnapshot { index: Index, bytes: Vec<u8> },
    KeepSnapshot { term: Term, meta: Arc<SnapshotMeta>, bytes: Arc<[u8]> },
    SendSnapshot { to: NodeId, term: Term, meta: Arc<SnapshotMeta> },
}

pub(crate) struct Disk {
    pub(crate) store: Store,
    pub(crate) jobs: Receiver<Job>,
    pub(crate) node: Sender<Inbox>,
    pub(crate) wire: Arc<Wire>,
}

impl Disk {
    /// Works until the node is gone, or a write fails.
    pub(crate) fn run(mut self) {
        while let Ok(first) = self.jobs.recv() {
            // Whatever queued up meanwhile shares one sync: a group commit.
            let batch: Vec<Job> = iter::once(first).chain(self.jobs.try_iter()).collect();
            let mut newest: Option<Seq> = None;
            for job in batch {
                let seq = match &job {
                    Job::Write(write) => Some(write.seq),
                    _ => None,
                };
                if self.work(job).is_err()
                    && let Some(seq) = seq.or(newest)
                {
                    // Nobody knows what the file holds now: this life is over.
                    return self.tell(Done::Failed(seq));
                }
                newest = seq.or(newest);
            }
            let Some(seq) = newest else { continue };
            match self.store.commit() {
                // It covers all writes before it.
                Ok(()) => self.tell(Done::Written(seq)),
                Err(_) => return self.tell(Done::Failed(seq)),
            }
        }
    }

    fn work(&mut self, job: Job) -> io::Result<()> {
        match job {
            Job::Write(write) => self.store.append(write)?,
            Job::ReadLog { token, from, through, max_bytes } => {
                // What cannot be read is missing: the node halts, and says which entry it was.
                let found = self.store.read(from, through, max_bytes);
                let found = found.unwrap_or(LogFound::Missing);
                self.tell(Done::LogRead { token, found });
            }
            Job::SaveSnapshot { index, bytes } => {
                // One that cannot be saved was not taken: the log just stays longer.
                if self.store.save_snapshot(index, &bytes).is_ok() {
                    self.tell(Done::SnapshotSaved { index });
                }
            }
            Job::KeepSnapshot { term, meta, bytes } => {
                // Durable under its final name, and only then reported.
                if self.store.save_snapshot(meta.last.index, &bytes).is_ok() {
                    self.tell(Done::SnapshotReceived { term, meta });
                }
            }
            Job::SendSnapshot { to, term, meta } => {
                // Gone already, for a newer one: the core asks again.
                if let Ok(bytes) = self.store.load_snapshot(meta.last.index) {
                    self.wire.send(to, Inbox::Snapshot { term, meta, bytes: bytes.into() });
                }
            }
        }
        Ok(())
    }

    fn tell(&self, done: Done) {
        // A node that is gone needs no answer.
        let _ = self.node.send(Inbox::Disk(done));
    }
}
