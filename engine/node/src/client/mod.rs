//! Operations, from any node: carried out here where this node leads, by the leader where not.

mod call;
mod lease;
mod session;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use quorate_core::{NodeId, Promotion};
use quorate_kv::{
    Command, KeyRange, KeyValue, KvError, LeaseId, Outcome, RangeRequest, Response, Revision, Txn,
    WatchRequest,
};

use self::session::Numbers;
pub use self::{lease::HeldLease, session::Session};
use crate::{
    Consistency, Coordination, EngineError, LeaseStatus, Member, Ranged, TxnAnswer, WatchOptions,
    Watcher,
    coordination::Answered,
    membership::Wish,
    route::{Repeat, Route},
    service::Local,
    watch::LocalWatch,
};

/// A client of one node. Clones share it.
#[derive(Clone)]
pub struct Client {
    pub(crate) route: Route<Response>,
    pub(crate) local: Local,
    /// The session in which transactions are carried out, if any.
    pub(crate) session: Option<Arc<Numbers>>,
}

impl Client {
    /// The same client, with another limit to how long each operation may take; more than a year is a
    /// year.
    pub fn with_timeout(&self, timeout: Duration) -> Client {
        Client { route: self.route.with_timeout(timeout), ..self.clone() }
    }

    /// The value of `key`, as of some moment between call and return.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn get_linearizable(
        &self,
        key: impl Into<Bytes>,
    ) -> Result<Option<Bytes>, EngineError> {
        Ok(self.get(key).await?.map(|found| found.value))
    }

    /// Waits until this node's own state holds everything that was acknowledged, by any node, before
    /// the call.
    ///
    /// # Errors
    /// [`EngineError`].
    pub async fn barrier(&self) -> Result<(), EngineError> {
        self.route.confirm(Consistency::Linearizable).await
    }

    /// The value of `key` in this node's own state, which may be old. Waits for nothing.
    pub fn peek(&self, key: &[u8]) -> Option<Bytes> {
        self.local.read(|kv| kv.get(key)).map(|found| found.value)
    }

    /// How many keys this node's own state holds.
    pub fn len_stale(&self) -> u64 {
        self.local.read(|kv| kv.len())
    }
}

impl Coordination for Client {
    fn timeout(&self) -> Duration {
        self.route.timeout
    }

    async fn read(&self, request: RangeRequest, consistency: Consistency) -> Answered<Ranged> {
        request.validate()?;
        self.route.confirm(consistency).await?;
        let (revision, read) = self.local.range(&request).map_err(EngineError::Refused)?;
        Ok(Ranged { revision, keys: read.keys, more: read.more, count: read.count })
    }

    /// One key is read without a list of one.
    fn get(
        &self,
        key: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<Option<KeyValue>>> + Send {
        self.get_one(key.into(), Consistency::Linearizable)
    }

    fn get_lease(
        &self,
        key: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<Option<KeyValue>>> + Send {
        self.get_one(key.into(), Consistency::Lease)
    }

    fn get_stale(
        &self,
        key: impl Into<Bytes>,
    ) -> impl Future<Output = Answered<Option<KeyValue>>> + Send {
        self.get_one(key.into(), Consistency::Stale)
    }

    /// Read at one moment of the own state, without a transaction in the log.
    async fn get_multi(&self, keys: Vec<Bytes>) -> Answered<Vec<Option<KeyValue>>> {
        let most = quorate_kv::TXN_LIMIT_OPERATIONS;
        let count = keys.len() as u64;
        if count > u64::from(most) {
            return Err(quorate_kv::RequestError::TooManyOperations { count }.into());
        }
        for key in &keys {
            RangeRequest::new(KeyRange::Key(key.clone())).validate()?;
        }
        self.route.confirm(Consistency::Linearizable).await?;
        Ok(self.local.read(|kv| keys.iter().map(|key| kv.get(key)).collect()))
    }

    async fn txn(&self, txn: Txn) -> Answered<TxnAnswer> {
        let (revision, outcome) = match &self.session {
            Some(numbers) => numbers.run(self, txn).await?,
            None => self.write(&Command::Txn(txn), Repeat::Unsafe).await?,
        };
        match outcome {
            Outcome::Txn(done) => {
                let (succeeded, responses) = (done.succeeded, done.responses);
                Ok(TxnAnswer { revision, succeeded, responses })
            }
            other => Err(EngineError::unexpected(&other)),
        }
    }

    async fn watch_range(&self, range: KeyRange, options: WatchOptions) -> Answered<Watcher> {
        let WatchOptions { from, previous, no_puts, no_deletes, progress } = options;
        if from == 0 {
            // What was acknowledged before is behind this node, too.
            self.barrier().await?;
        }
        let request = WatchRequest { range, from, no_puts, no_deletes, previous };
        let status = self.route.node.watch_status();
        match LocalWatch::begin(&self.local, request, status, progress) {
            Ok(Some(watch)) => Ok(watch.into_watcher()),
            Ok(None) => Err(EngineError::not_done(format!(
                "the node's limit of {} watches is reached; end some",
                self.local.watch_limit()
            ))),
            Err(KvError::Compacted { asked, compacted }) => {
                Err(EngineError::WatchLost { next: asked, compacted })
            }
            Err(KvError::Request(error)) => Err(error.into()),
            Err(error) => Err(EngineError::Refused(error)),
        }
    }

    async fn grant(&self, ttl: Duration) -> Answered<LeaseId> {
        self.grant_lease(ttl, |lease, ttl_ms| Command::LeaseGrant { lease, ttl_ms }).await
    }

    async fn keep_alive(&self, lease: LeaseId) -> Answered<Duration> {
        self.keep_lease_alive(lease).await
    }

    async fn revoke(&self, lease: LeaseId) -> Answered<u64> {
        self.revoke_lease(lease).await
    }

    async fn time_to_live(&self, lease: LeaseId) -> Answered<LeaseStatus> {
        self.lease_status(lease).await
    }

    async fn compact(&self, revision: Revision) -> Answered<()> {
        self.write(&Command::Compact { revision }, Repeat::Unsafe).await.map(drop)
    }

    async fn members(&self) -> Answered<Vec<Member>> {
        self.route.members().await
    }

    fn member_add(
        &self,
        node: NodeId,
        address: impl Into<String>,
        promotion: impl Into<Option<Promotion>>,
    ) -> impl Future<Output = Answered<()>> + Send {
        self.wish(Wish::Add { node, address: address.into(), promotion: promotion.into() })
    }

    async fn member_promote(&self, node: NodeId) -> Answered<()> {
        self.wish(Wish::Promote { node }).await
    }

    async fn member_remove(&self, node: NodeId) -> Answered<()> {
        self.wish(Wish::Remove { node }).await
    }

    fn member_update(
        &self,
        node: NodeId,
        address: impl Into<String>,
    ) -> impl Future<Output = Answered<()>> + Send {
        self.wish(Wish::Update { node, address: address.into() })
    }

    fn member_replace(
        &self,
        old: NodeId,
        node: NodeId,
        address: impl Into<String>,
    ) -> impl Future<Output = Answered<()>> + Send {
        self.route.replace(self, old, node, address.into())
    }

    async fn transfer_leadership(&self, to: Option<NodeId>) -> Answered<()> {
        self.route.wish_leader(self, to).await
    }
}

impl Client {
    async fn wish(&self, wish: Wish) -> Answered<()> {
        self.route.wish(self, wish).await
    }

    async fn get_one(&self, key: Bytes, consistency: Consistency) -> Answered<Option<KeyValue>> {
        RangeRequest::new(KeyRange::Key(key.clone())).validate()?;
        self.route.confirm(consistency).await?;
        Ok(self.local.read(|kv| kv.get(&key)))
    }
}
