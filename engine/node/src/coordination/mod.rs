//! The operations that programs coordinate by, whoever carries them out.

mod kv;
mod lock;
mod types;

use std::time::Duration;

use bytes::Bytes;
use quorate_core::{NodeId, Promotion};
use quorate_kv::{KeyRange, KeyValue, LeaseId, PutRequest, RangeRequest, Revision, Txn};

pub use self::{
    lock::Leaders,
    types::{
        Consistency, Held, LeaseStatus, Ranged, ReadOptions, Swapped, TxnAnswer, WatchOptions,
    },
};
use crate::{EngineError, Member, Watcher};

/// What an operation answers with, once it is done.
pub type Answered<T> = Result<T, EngineError>;

/// Strongly consistent keys, watches, leases, locks and elections.
///
/// Each operation ends by [`Coordination::timeout`] at the latest, and its error says whether it was
/// surely not done: see [`EngineError::is_surely_not_done`]. Only [`Coordination::lock`] and
/// [`Coordination::campaign`] wait for others, for as long as their caller does; each of their
/// questions to the group ends by that time.
pub trait Coordination: Clone + Send + Sync + 'static {
    /// How long each operation may take.
    fn timeout(&self) -> Duration;

    /// Reads a range, in every way that there is.
    ///
    /// # Errors
    /// For a revision that is compacted or yet to come; [`EngineError`].
    fn read(
        &self,
        request: RangeRequest,
        consistency: Consistency,
    ) -> impl Future<Output = Answered<Ranged>> + Send;

    /// Carries a transaction out: it is done whole, in one revision, or not at all.
    ///
    /// # Errors
    /// [`EngineError`].
    fn txn(&self, txn: Txn) -> impl Future<Output = Answered<TxnAnswer>> + Send;

    /// Follows the changes of a range.
    ///
    /// # Errors
    /// For a revision that is compacted; [`EngineError`].
    fn watch_range(
        &self,
        range: KeyRange,
        options: WatchOptions,
    ) -> impl Future<Output = Answered<Watcher>> + Send;

    /// Makes a lease, with a number that nobody has used: keys that are put with it are gone when it
    /// ends. `ttl` is at least 100 ms, and counts in whole milliseconds.
    ///
    /// # Errors
    /// [`EngineError`].
    fn grant(&self, ttl: Duration) -> impl Future<Output = Answered<LeaseId>> + Send;

    /// Gives a lease its full time again, counted from some moment after the call; answers with it.
    ///
    /// # Errors
    /// [`quorate_kv::KvError::LeaseNotFound`] where it has ended; [`EngineError`].
    fn keep_alive(&self, lease: LeaseId) -> impl Future<Output = Answered<Duration>> + Send;

    /// Ends a lease, and deletes its keys; answers with how many.
    ///
    /// # Errors
    /// [`quorate_kv::KvError::LeaseNotFound`] where it has ended; [`EngineError`].
    fn revoke(&self, lease: LeaseId) -> impl Future<Output = Answered<u64>> + Send;

    /// How long a lease lives, and which keys live by it.
    ///
    /// # Errors
    /// [`quorate_kv::KvError::LeaseNotFound`] where it has ended; [`EngineError`].
    fn time_to_live(&self, lease: LeaseId) -> impl Future<Output = Answered<LeaseStatus>> + Send;

    /// Lets go of what only revisions below this one show.
    ///
    /// # Errors
    /// For a revision that is compacted or yet to come; [`EngineError`].
    fn compact(&self, revision: Revision) -> impl Future<Output = Answered<()>> + Send;

    /// The members of the group, with every change that was done before the call. One that is under
    /// way counts.
    ///
    /// # Errors
    /// [`EngineError`].
    fn members(&self) -> impl Future<Output = Answered<Vec<Member>>> + Send;

    /// Makes a node a member: it runs at `address` (`host:port`), with an empty directory and
    /// [`Start::Join`](crate::Start::Join). It gets the log at once, and a vote as `promotion` says;
    /// where that is none, as [`EngineConfig::promotion`](crate::EngineConfig::promotion) of the
    /// leader says. Returns once it is a member. A node that does not answer yet, and another change
    /// that is under way, are waited for. Where it is a member at this address already, nothing is
    /// done.
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`].
    fn member_add(
        &self,
        node: NodeId,
        address: impl Into<String>,
        promotion: impl Into<Option<Promotion>>,
    ) -> impl Future<Output = Answered<()>> + Send;

    /// Gives a learner a vote, once it has nearly all that is committed: that is waited for.
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`].
    fn member_promote(&self, node: NodeId) -> impl Future<Output = Answered<()>> + Send;

    /// Takes a member out of the group, whether it runs or not. Returns once the others need it no
    /// more. Its name should not be used again.
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`].
    fn member_remove(&self, node: NodeId) -> impl Future<Output = Answered<()>> + Send;

    /// Tells the group that a member is at another address.
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`].
    fn member_update(
        &self,
        node: NodeId,
        address: impl Into<String>,
    ) -> impl Future<Output = Answered<()>> + Send;

    /// Puts a new node in the place of an old one, which may be dead: it is added, gets the log, and
    /// only then the old one goes. May be called again after an error: it goes on.
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`].
    fn member_replace(
        &self,
        old: NodeId,
        node: NodeId,
        address: impl Into<String>,
    ) -> impl Future<Output = Answered<()>> + Send;

    /// Lets another voter lead; where none is named, the one that is best prepared.
    ///
    /// # Errors
    /// [`MemberError`](crate::MemberError); [`EngineError`].
    fn transfer_leadership(&self, to: Option<NodeId>) -> impl Future<Output = Answered<()>> + Send;

    /// Gives `key` a value, and takes it out of its lease, if it had one; answers with the revision.
    /// When this returns, it is synced on the disks of a majority.
    ///
    /// # Errors
    /// [`EngineError`].
    fn put(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<Revision>> + Send {
        let put = PutRequest::new(key, value);
        async move { kv::put(self, put).await }
    }

    /// The same, with a lease: the key is gone when that ends.
    ///
    /// # Errors
    /// [`quorate_kv::KvError::LeaseNotFound`] where it has ended; [`EngineError`].
    fn put_with_lease(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        lease: LeaseId,
    ) -> impl Future<Output = Answered<Revision>> + Send {
        let lease = quorate_kv::PutLease::Lease(lease);
        let put = PutRequest { lease, ..PutRequest::new(key, value) };
        async move { kv::put(self, put).await }
    }

    /// The same, with a lease of its own, which the answer names: it can be kept alive.
    ///
    /// # Errors
    /// [`EngineError`].
    fn put_with_ttl(
        &self,
        key: impl Into<Bytes>,
        value: impl Into<Bytes>,
        ttl: Duration,
    ) -> impl Future<Output = Answered<(Revision, LeaseId)>> + Send {
        let pair = (key.into(), value.into());
        async move { kv::put_with_ttl(self, pair, ttl).await }
    }

    /// The key, as of some moment between call and return.
    ///
    /// # Errors
    /// [`EngineError`].
    fn get(
        &self,
        key: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<Option<KeyValue>>> + Send {
        let key = key.into();
        async move { kv::get(self, key, Consistency::Linearizable).await }
    }

    /// The same, as [`Consistency::Lease`] says.
    ///
    /// # Errors
    /// [`EngineError`].
    fn get_lease(
        &self,
        key: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<Option<KeyValue>>> + Send {
        let key = key.into();
        async move { kv::get(self, key, Consistency::Lease).await }
    }

    /// The same, as [`Consistency::Stale`] says.
    ///
    /// # Errors
    /// [`EngineError`].
    fn get_stale(
        &self,
        key: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<Option<KeyValue>>> + Send {
        let key = key.into();
        async move { kv::get(self, key, Consistency::Stale).await }
    }

    /// These keys, at most 128, all as of one moment between call and return; in the same order.
    ///
    /// # Errors
    /// [`EngineError`].
    fn get_multi(
        &self,
        keys: Vec<Bytes>,
    ) -> impl Future<Output = Answered<Vec<Option<KeyValue>>>> + Send {
        async move { kv::get_multi(self, keys).await }
    }

    /// The keys of a range, all as of one revision.
    ///
    /// # Errors
    /// For a revision that is compacted or yet to come; [`EngineError`].
    fn range(
        &self,
        range: KeyRange,
        options: ReadOptions,
    ) -> impl Future<Output = Answered<Ranged>> + Send {
        let request = kv::request(range, options);
        async move { self.read(request, options.consistency).await }
    }

    /// The keys that begin with `prefix`.
    ///
    /// # Errors
    /// As [`Coordination::range`].
    fn scan_prefix(
        &self,
        prefix: impl Into<Bytes>,
        options: ReadOptions,
    ) -> impl Future<Output = Answered<Ranged>> + Send {
        let range = KeyRange::prefix(prefix);
        async move { self.range(range, options).await }
    }

    /// Takes `key` away; true where it was there.
    ///
    /// # Errors
    /// [`EngineError`].
    fn delete(&self, key: impl Into<Bytes>) -> impl Future<Output = Answered<bool>> + Send {
        let range = KeyRange::key(key);
        async move { Ok(kv::delete(self, range).await? > 0) }
    }

    /// Takes all keys that begin with `prefix` away, in one revision; answers with how many.
    ///
    /// # Errors
    /// [`EngineError`].
    fn delete_prefix(
        &self,
        prefix: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<u64>> + Send {
        let range = KeyRange::prefix(prefix);
        async move { kv::delete(self, range).await }
    }

    /// Takes all keys of a range away, in one revision; answers with how many.
    ///
    /// # Errors
    /// [`EngineError`].
    fn delete_range(&self, range: KeyRange) -> impl Future<Output = Answered<u64>> + Send {
        async move { kv::delete(self, range).await }
    }

    /// Gives `key` a value where it has the one that is expected; none for a key that is not there.
    ///
    /// # Errors
    /// [`EngineError`].
    fn compare_and_swap(
        &self,
        key: impl Into<Bytes>,
        expected: Option<Bytes>,
        value: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<Swapped>> + Send {
        let (key, value) = (key.into(), value.into());
        async move { kv::compare_and_swap(self, key, expected, value).await }
    }

    /// Follows the changes of a key.
    ///
    /// # Errors
    /// As [`Coordination::watch_range`].
    fn watch(
        &self,
        key: impl Into<Bytes>,
        options: WatchOptions,
    ) -> impl Future<Output = Answered<Watcher>> + Send {
        let range = KeyRange::key(key);
        async move { self.watch_range(range, options).await }
    }

    /// Follows the changes of all keys that begin with `prefix`.
    ///
    /// # Errors
    /// As [`Coordination::watch_range`].
    fn watch_prefix(
        &self,
        prefix: impl Into<Bytes>,
        options: WatchOptions,
    ) -> impl Future<Output = Answered<Watcher>> + Send {
        let range = KeyRange::prefix(prefix);
        async move { self.watch_range(range, options).await }
    }

    /// Waits until this lease holds the lock `name`: one lease does at a time, in the order in which
    /// they came. The same lease may ask again. The lock is free when it is unlocked or the lease
    /// ends. Its keys are `name/…`, so no name may begin with another one and a slash.
    ///
    /// There is no limit to the wait: drop the future, or put `tokio::time::timeout` around it, to
    /// wait no longer. It leaves the line then, as after any error, unless the lease had stood there
    /// before the call.
    ///
    /// # Errors
    /// [`quorate_kv::KvError::LeaseNotFound`] where its lease has ended, some seconds after that at
    /// most; [`EngineError`] where the group cannot be reached.
    fn lock(
        &self,
        name: impl Into<Bytes>,
        lease: LeaseId,
    ) -> impl Future<Output = Answered<Held>> + Send {
        let name = name.into();
        async move { lock::acquire(self, name, Bytes::new(), lease).await }
    }

    /// The same without waiting: none where another lease holds the lock or waits for it, and then
    /// nothing is changed.
    ///
    /// # Errors
    /// [`quorate_kv::KvError::LeaseNotFound`] where its lease has ended; [`EngineError`].
    fn try_lock(
        &self,
        name: impl Into<Bytes>,
        lease: LeaseId,
    ) -> impl Future<Output = Answered<Option<Held>>> + Send {
        let name = name.into();
        async move { lock::try_acquire(self, name, lease).await }
    }

    /// Frees a lock; false where it was free already, for its lease had ended.
    ///
    /// # Errors
    /// [`EngineError`].
    fn unlock(&self, held: &Held) -> impl Future<Output = Answered<bool>> + Send {
        async move { lock::release(self, held).await }
    }

    /// Waits until this lease leads `name`, and then tells `value` to whoever observes it. As
    /// [`Coordination::lock`].
    ///
    /// # Errors
    /// As [`Coordination::lock`].
    fn campaign(
        &self,
        name: impl Into<Bytes>,
        value: impl Into<Bytes>,
        lease: LeaseId,
    ) -> impl Future<Output = Answered<Held>> + Send {
        let (name, value) = (name.into(), value.into());
        async move { lock::acquire(self, name, value, lease).await }
    }

    /// Tells another value to whoever observes the leader; false where it leads no more.
    ///
    /// # Errors
    /// [`EngineError`].
    fn proclaim(
        &self,
        held: &Held,
        value: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<bool>> + Send {
        let value = value.into();
        async move { lock::proclaim(self, held, value).await }
    }

    /// Gives a leadership up; false where it was over already, for its lease had ended.
    ///
    /// # Errors
    /// [`EngineError`].
    fn resign(&self, held: &Held) -> impl Future<Output = Answered<bool>> + Send {
        async move { lock::release(self, held).await }
    }

    /// Follows who leads `name`, and with what value.
    fn observe(&self, name: impl Into<Bytes>) -> Leaders<Self> {
        Leaders::new(self.clone(), name.into())
    }
}
