//! Openraft's log and state machine in memory: a write is done before it returns.

use std::{
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds},
    sync::{Arc, Mutex, MutexGuard},
};

use futures_util::{Stream, TryStreamExt};
use openraft::{
    EntryPayload, OptionalSend, RaftLogReader, RaftSnapshotBuilder,
    entry::RaftEntry,
    storage::{
        EntryResponder, IOFlushed, LogState, RaftLogStorage, RaftStateMachine, SnapshotMeta,
    },
    type_config::alias::{
        CommittedLeaderIdOf, EntryOf, LogIdOf, SnapshotOf, StoredMembershipOf, VoteOf,
    },
};
use quorate_bench_harness::Machine;

use crate::Types;

#[derive(Default)]
struct Log {
    /// All entries; the first has index 0.
    entries: Vec<EntryOf<Types>>,
    vote: Option<VoteOf<Types>>,
}

/// A log that its readers share.
#[derive(Clone, Default)]
pub(crate) struct LogStore(Arc<Mutex<Log>>);

impl LogStore {
    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().expect("nobody panics while it holds the log")
    }
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<EntryOf<Types>>>
    where
        R: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let log = self.lock();
        let from = match range.start_bound() {
            Bound::Included(index) => *index,
            Bound::Excluded(index) => index + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(index) => index + 1,
            Bound::Excluded(index) => *index,
            Bound::Unbounded => u64::MAX,
        };
        let end = (end as usize).min(log.entries.len());
        Ok(log.entries.get(from as usize..end).map_or_else(Vec::new, <[_]>::to_vec))
    }

    async fn read_vote(&mut self) -> io::Result<Option<VoteOf<Types>>> {
        Ok(self.lock().vote)
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        let last_log_id = self.lock().entries.last().map(|entry| entry.log_id());
        Ok(LogState { last_purged_log_id: None, last_log_id })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &VoteOf<Types>) -> io::Result<()> {
        self.lock().vote = Some(*vote);
        Ok(())
    }

    async fn append<I>(&mut self, entries: I, done: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = EntryOf<Types>> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        self.lock().entries.extend(entries);
        done.io_completed(Ok(()));
        Ok(())
    }

    async fn truncate_after(&mut self, last: Option<LogIdOf<Types>>) -> io::Result<()> {
        let kept = last.map_or(0, |last| last.index as usize + 1);
        self.lock().entries.truncate(kept);
        Ok(())
    }

    async fn purge(&mut self, _: LogIdOf<Types>) -> io::Result<()> {
        Err(io::Error::other("nothing is purged here"))
    }
}

/// The machine that all systems share, and what openraft wants kept beside it.
#[derive(Clone, Default)]
pub(crate) struct StateMachine {
    pub(crate) machine: Arc<Mutex<Machine>>,
    applied: Option<LogIdOf<Types>>,
    membership: StoredMembershipOf<Types>,
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotData = ();
    type SnapshotBuilder = NoSnapshot;

    async fn applied_state(
        &mut self,
    ) -> io::Result<(Option<LogIdOf<Types>>, StoredMembershipOf<Types>)> {
        Ok((self.applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            let log_id = entry.log_id();
            let payload = match &entry.payload {
                EntryPayload::Normal(command) => &command.0[..],
                EntryPayload::Membership(members) => {
                    self.membership =
                        StoredMembershipOf::<Types>::new(Some(log_id), members.clone());
                    &[]
                }
                EntryPayload::Blank => &[],
            };
            let mut machine = self.machine.lock().expect("nobody panics while it holds it");
            // Its indexes count from 0, the machine's from 1.
            machine.apply(1, log_id.index + 1, || [payload]);
            drop(machine);
            self.applied = Some(log_id);
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> NoSnapshot {
        NoSnapshot
    }

    async fn install_snapshot(
        &mut self,
        _: &SnapshotMeta<CommittedLeaderIdOf<Types>, u64, ()>,
        (): (),
    ) -> io::Result<()> {
        Err(no_snapshot())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<SnapshotOf<Types, ()>>> {
        Ok(None)
    }
}

/// Nothing here is ever so far behind that it needs one.
pub(crate) struct NoSnapshot;

impl RaftSnapshotBuilder<Types> for NoSnapshot {
    type SnapshotData = ();

    async fn build_snapshot(&mut self) -> io::Result<SnapshotOf<Types, ()>> {
        Err(no_snapshot())
    }
}

fn no_snapshot() -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, "there are no snapshots here")
}
