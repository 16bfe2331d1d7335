//! Locks and elections, by the recipe that etcd made common: who wants the lock puts a key under its
//! name, with a lease, and has it once no key there was created earlier. Each waits for the one
//! before it alone, so that a free lock wakes one and not all. The revision that created the key is
//! the fencing token.

use std::time::Instant;

use bytes::Bytes;
use quorate_kv::{
    Compare, CompareOp, CompareTarget, DeleteRequest, KeyRange, KeyValue, KvError, LeaseId,
    Operation, OperationResponse, PutLease, PutRequest, PutValue, RangeRequest, Revision, SortBy,
    SortOrder, Txn,
};

use super::{
    Consistency, Coordination, Held, Ranged, WatchOptions,
    types::{place_in_line, waiting_line},
};
use crate::{EngineError, Watcher};

pub(super) async fn acquire(
    client: &impl Coordination,
    name: Bytes,
    value: Bytes,
    lease: LeaseId,
) -> Result<Held, EngineError> {
    let until = Instant::now() + client.timeout();
    let key = place_in_line(&name, lease);
    let token = stand_in_line(client, &key, value, lease).await?;
    let place = Place { client, held: Some(Held { name, key, token, lease }) };
    let left = until.saturating_duration_since(Instant::now());
    match tokio::time::timeout(left, wait_for_turn(client, place.held())).await {
        Ok(turn) => turn.map(|()| place.keep()),
        Err(_) => {
            let name = String::from_utf8_lossy(&place.held().name);
            Err(EngineError::not_done(format!("others before this one held {name} all the time")))
        }
    }
}

/// A place in the line. Who waits no longer, for whatever reason, must not be given the lock: dropped,
/// it is left. Where that fails the lease ends it.
struct Place<'a, C: Coordination> {
    client: &'a C,
    held: Option<Held>,
}

impl<C: Coordination> Place<'_, C> {
    fn held(&self) -> &Held {
        self.held.as_ref().expect("it stands until it is kept")
    }

    fn keep(mut self) -> Held {
        self.held.take().expect("it stands until it is kept")
    }
}

impl<C: Coordination> Drop for Place<'_, C> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take()
            && let Ok(executor) = tokio::runtime::Handle::try_current()
        {
            let client = self.client.clone();
            executor.spawn(async move { release(&client, &held).await });
        }
    }
}

/// Puts the key, unless it stands already; answers with the revision that created it.
async fn stand_in_line(
    client: &impl Coordination,
    key: &Bytes,
    value: Bytes,
    lease: LeaseId,
) -> Result<Revision, EngineError> {
    let range = KeyRange::Key(key.clone());
    let put =
        PutRequest { lease: PutLease::Lease(lease), ..PutRequest::new(key.clone(), value.clone()) };
    let (op, target) = (CompareOp::Equal, CompareTarget::CreateRevision(0));
    let txn = Txn {
        compare: vec![Compare { range: range.clone(), op, target }],
        success: vec![Operation::Put(put.clone())],
        // One that stands keeps its place, and says what its holder says now.
        failure: vec![Operation::Range(RangeRequest::new(range)), Operation::Put(put)],
    };
    let answer = client.txn(txn).await?;
    match answer.responses.into_iter().next() {
        Some(OperationResponse::Put(_)) if answer.succeeded => Ok(answer.revision),
        Some(OperationResponse::Range(mut range)) => {
            let stands = range.keys.pop();
            stands.map(|stands| stands.create_revision).ok_or_else(|| lost(lease))
        }
        other => Err(EngineError::unexpected(&other)),
    }
}

fn lost(lease: LeaseId) -> EngineError {
    EngineError::Refused(KvError::LeaseNotFound { lease })
}

/// Returns once nobody who came earlier is left.
async fn wait_for_turn(client: &impl Coordination, held: &Held) -> Result<(), EngineError> {
    loop {
        let (before, revision) = last_before(client, held).await?;
        let Some(before) = before else {
            // The own key may have gone with its lease while this one waited.
            let own = client.get(held.key.clone()).await?;
            let is_ours = own.is_some_and(|own| own.create_revision == held.token);
            return if is_ours { Ok(()) } else { Err(lost(held.lease)) };
        };
        let options = WatchOptions { no_puts: true, ..WatchOptions::from(revision + 1) };
        let watcher = match client.watch(before.key, options).await {
            // Compacted meanwhile: look again.
            Err(EngineError::WatchLost { .. }) => continue,
            watcher => watcher?,
        };
        wait_for_change(watcher).await?;
    }
}

/// Returns once something has changed, or the watch must be begun anew.
async fn wait_for_change(mut watcher: Watcher) -> Result<(), EngineError> {
    match watcher.next().await {
        Some(Ok(_)) | Some(Err(EngineError::WatchLost { .. })) | None => Ok(()),
        Some(Err(error)) => Err(error),
    }
}

/// The last of those that came before, and the revision of which that is true.
async fn last_before(
    client: &impl Coordination,
    held: &Held,
) -> Result<(Option<KeyValue>, Revision), EngineError> {
    let request = RangeRequest {
        max_create_revision: held.token - 1,
        sort_by: SortBy::CreateRevision,
        order: SortOrder::Descending,
        limit: 1,
        ..RangeRequest::new(waiting_line(&held.name))
    };
    let Ranged { revision, mut keys, .. } = client.read(request, Consistency::Linearizable).await?;
    Ok((keys.pop(), revision))
}

/// Holds of the key that this holder put, and of no other.
fn is_held(held: &Held) -> Compare {
    Compare {
        range: KeyRange::Key(held.key.clone()),
        op: CompareOp::Equal,
        target: CompareTarget::CreateRevision(held.token),
    }
}

pub(super) async fn release(client: &impl Coordination, held: &Held) -> Result<bool, EngineError> {
    let range = KeyRange::Key(held.key.clone());
    let delete = Operation::Delete(DeleteRequest { range, previous: false });
    let compare = vec![is_held(held)];
    let txn = Txn { compare, success: vec![delete], failure: Vec::new() };
    Ok(client.txn(txn).await?.succeeded)
}

pub(super) async fn proclaim(
    client: &impl Coordination,
    held: &Held,
    value: Bytes,
) -> Result<bool, EngineError> {
    let key = held.key.clone();
    let put =
        PutRequest { key, value: PutValue::New(value), lease: PutLease::Keep, previous: false };
    let success = vec![Operation::Put(put)];
    let txn = Txn { compare: vec![is_held(held)], success, failure: Vec::new() };
    Ok(client.txn(txn).await?.succeeded)
}

/// Who leads, as it changes. What is passed quickly may be passed over; the newest never is.
pub struct Leaders<C> {
    client: C,
    name: Bytes,
    /// What was told last.
    told: Option<KeyValue>,
    has_told: bool,
    watcher: Option<Watcher>,
}

impl<C: Coordination> Leaders<C> {
    pub(super) fn new(client: C, name: Bytes) -> Leaders<C> {
        Leaders { client, name, told: None, has_told: false, watcher: None }
    }

    /// The next leader that is another one, or says something else, than the last that was told:
    /// its key, whose value is what it says, and whose create revision is its fencing token. At
    /// first at once, and then without a limit of time. None while nobody leads.
    ///
    /// # Errors
    /// [`EngineError`]; it may be called again.
    pub async fn next(&mut self) -> Result<Option<KeyValue>, EngineError> {
        loop {
            if let Some(watcher) = &mut self.watcher {
                match watcher.next().await {
                    Some(Ok(_)) => {}
                    Some(Err(EngineError::WatchLost { .. })) | None => self.watcher = None,
                    Some(Err(error)) => {
                        self.watcher = None;
                        return Err(error);
                    }
                }
            }
            let (leader, revision) = self.leader().await?;
            if self.watcher.is_none() {
                let options = WatchOptions::from(revision + 1);
                let begun = self.client.watch_range(waiting_line(&self.name), options).await;
                self.watcher = match begun {
                    Err(EngineError::WatchLost { .. }) => continue,
                    watcher => Some(watcher?),
                };
            }
            if !self.has_told || leader != self.told {
                self.has_told = true;
                self.told.clone_from(&leader);
                return Ok(leader);
            }
        }
    }

    async fn leader(&self) -> Result<(Option<KeyValue>, Revision), EngineError> {
        let request = RangeRequest {
            sort_by: SortBy::CreateRevision,
            limit: 1,
            ..RangeRequest::new(waiting_line(&self.name))
        };
        let read = self.client.read(request, Consistency::Linearizable).await?;
        let Ranged { revision, mut keys, .. } = read;
        Ok((keys.pop(), revision))
    }
}
