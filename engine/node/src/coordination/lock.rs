//! Locks and elections, by the recipe that etcd made common: who wants the lock puts a key under its
//! name, with a lease, and has it once no key there was created earlier. Each waits for the one
//! before it alone, so that a free lock wakes one and not all. The revision that created the key is
//! the fencing token.
//!
//! Waiting for others has no limit of its own: it ends when the caller drops it. Every question to
//! the group on the way ends by the client's timeout.

use std::time::{Duration, Instant};

use bytes::Bytes;
use quorate_kv::{
    Compare, CompareOp, CompareTarget, DeleteRequest, KeyRange, KeyValue, KvError, LeaseId,
    Operation, OperationResponse, PutLease, PutRequest, PutValue, RangeRequest, Revision, SortBy,
    SortOrder, Txn,
};

use super::{
    Answered, Consistency, Coordination, Held, Ranged, TxnAnswer, WatchOptions,
    types::{place_in_line, waiting_line},
};
use crate::{EngineError, Watcher};

/// Who waits in line looks this often whether it still stands there: nothing tells it that its own
/// lease has ended, or that its node is cut off from the group.
const LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// Before what failed at once is asked again, at first.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

pub(super) async fn acquire(
    client: &impl Coordination,
    name: Bytes,
    value: Bytes,
    lease: LeaseId,
) -> Answered<Held> {
    let mut place = Place::begin(client, name, lease).await?;
    let own = KeyRange::Key(place.key.clone());
    let txn = Txn {
        compare: vec![absent(own.clone())],
        success: vec![put(&place.key, value.clone(), lease)],
        // One that stands keeps its place, and says what its holder says now.
        failure: vec![Operation::Range(RangeRequest::new(own)), put(&place.key, value, lease)],
    };
    let token = place.stand(txn).await?.ok_or_else(|| lost(lease))?;
    wait_for_turn(&place, token).await?;
    Ok(place.keep(token))
}

/// The lock, where nobody holds it or waits for it; decided in one step, so nobody else is held up.
pub(super) async fn try_acquire(
    client: &impl Coordination,
    name: Bytes,
    lease: LeaseId,
) -> Answered<Option<Held>> {
    let mut place = Place::begin(client, name, lease).await?;
    let first = RangeRequest {
        sort_by: SortBy::CreateRevision,
        limit: 1,
        ..RangeRequest::new(waiting_line(&place.name))
    };
    let txn = Txn {
        compare: vec![absent(waiting_line(&place.name))],
        success: vec![put(&place.key, Bytes::new(), lease)],
        failure: vec![Operation::Range(first)],
    };
    Ok(place.stand(txn).await?.map(|token| place.keep(token)))
}

fn absent(range: KeyRange) -> Compare {
    Compare { range, op: CompareOp::Equal, target: CompareTarget::CreateRevision(0) }
}

fn put(key: &Bytes, value: Bytes, lease: LeaseId) -> Operation {
    let lease = PutLease::Lease(lease);
    Operation::Put(PutRequest { lease, ..PutRequest::new(key.clone(), value) })
}

/// A place in the line, from before it is asked for. Who waits no longer, for whatever reason, must
/// not be given the lock: dropped, it is left, if this call made it. Where that fails the lease ends
/// it.
struct Place<'a, C: Coordination> {
    client: &'a C,
    name: Bytes,
    key: Bytes,
    lease: LeaseId,
    /// Which creation of the key is this call's to take away: at this revision, or, while it is not
    /// known, at any behind it. None where others made it, with the same lease.
    made: Option<(CompareOp, Revision)>,
}

impl<'a, C: Coordination> Place<'a, C> {
    async fn begin(client: &'a C, name: Bytes, lease: LeaseId) -> Answered<Place<'a, C>> {
        let key = place_in_line(&name, lease);
        // Whatever this lease was given through this node before is in the node's own state.
        let request = RangeRequest::new(KeyRange::Key(key.clone()));
        let seen = client.read(request, Consistency::Stale).await?;
        let made = Some((CompareOp::Greater, seen.revision));
        Ok(Place { client, name, key, lease, made })
    }

    /// Carries `txn` out, which puts the key, or reads it; as often as it takes until its end is
    /// known, since twice is the same as once. Answers with the revision that created the key; none
    /// where it is not there.
    async fn stand(&mut self, txn: Txn) -> Answered<Option<Revision>> {
        let until = Instant::now() + self.client.timeout();
        let mut is_sure = true;
        let answer = loop {
            match self.client.txn(txn.clone()).await {
                Err(EngineError::Unknown { .. }) if Instant::now() < until => {
                    is_sure = false;
                    tokio::time::sleep(RETRY_INTERVAL).await;
                }
                Err(error) => {
                    if is_sure && error.is_surely_not_done() {
                        self.made = None;
                    }
                    return Err(error);
                }
                Ok(answer) => break answer,
            }
        };
        let TxnAnswer { revision, succeeded, responses } = answer;
        match responses.into_iter().next() {
            Some(OperationResponse::Put(_)) if succeeded => {
                self.made = Some((CompareOp::Equal, revision));
                Ok(Some(revision))
            }
            Some(OperationResponse::Range(range)) => {
                if is_sure {
                    self.made = None;
                }
                let own = range.keys.into_iter().find(|found| found.key == self.key);
                Ok(own.map(|own| own.create_revision))
            }
            other => Err(EngineError::unexpected(&other)),
        }
    }

    fn keep(mut self, token: Revision) -> Held {
        self.made = None;
        let (name, key) = (std::mem::take(&mut self.name), std::mem::take(&mut self.key));
        Held { name, key, token, lease: self.lease }
    }
}

impl<C: Coordination> Drop for Place<'_, C> {
    fn drop(&mut self) {
        if let Some((op, revision)) = self.made
            && let Ok(executor) = tokio::runtime::Handle::try_current()
        {
            let range = KeyRange::Key(self.key.clone());
            let target = CompareTarget::CreateRevision(revision);
            let compare = Compare { range, op, target };
            let client = self.client.clone();
            executor.spawn(async move { leave(&client, compare).await });
        }
    }
}

/// Takes the key away that `made` holds of. One that may be on its way yet is waited for, as long as
/// an operation may take.
async fn leave(client: &impl Coordination, made: Compare) {
    let until = Instant::now() + client.timeout();
    let mut pause = RETRY_INTERVAL;
    loop {
        match delete_where(client, made.clone()).await {
            Ok(true) => return,
            Ok(false) if made.op == CompareOp::Equal => return,
            Ok(false) | Err(EngineError::Unknown { .. } | EngineError::NotDone { .. }) => {}
            Err(_) => return,
        }
        if Instant::now() + pause > until {
            return;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
    }
}

fn lost(lease: LeaseId) -> EngineError {
    EngineError::Refused(KvError::LeaseNotFound { lease })
}

/// Returns once nobody who came earlier is left.
async fn wait_for_turn<C: Coordination>(place: &Place<'_, C>, token: Revision) -> Answered<()> {
    loop {
        let (before, revision) = last_before(place, token).await?;
        let Some(before) = before else { return Ok(()) };
        let options = WatchOptions { no_puts: true, ..WatchOptions::from(revision + 1) };
        let watcher = match place.client.watch(before.key, options).await {
            // Compacted meanwhile: look again.
            Err(EngineError::WatchLost { .. }) => continue,
            watcher => watcher?,
        };
        // Not in time: look again, too.
        if let Ok(changed) = tokio::time::timeout(LOOK_INTERVAL, wait_for_change(watcher)).await {
            changed?;
        }
    }
}

/// Returns once something has changed, or the watch must be begun anew.
async fn wait_for_change(mut watcher: Watcher) -> Answered<()> {
    match watcher.next().await {
        Some(Ok(_)) | Some(Err(EngineError::WatchLost { .. })) | None => Ok(()),
        Some(Err(error)) => Err(error),
    }
}

/// The last of those that came before, and the revision of which that is true.
async fn last_before<C: Coordination>(
    place: &Place<'_, C>,
    token: Revision,
) -> Answered<(Option<KeyValue>, Revision)> {
    let request = RangeRequest {
        max_create_revision: token,
        sort_by: SortBy::CreateRevision,
        order: SortOrder::Descending,
        limit: 2,
        ..RangeRequest::new(waiting_line(&place.name))
    };
    let read = place.client.read(request, Consistency::Linearizable).await?;
    let Ranged { revision, keys, .. } = read;
    let mut keys = keys.into_iter();
    // The own key may have gone with its lease while this one waited.
    match keys.next() {
        Some(own) if own.create_revision == token => Ok((keys.next(), revision)),
        _ => Err(lost(place.lease)),
    }
}

/// Holds of the key that this holder put, and of no other.
fn is_held(held: &Held) -> Compare {
    Compare {
        range: KeyRange::Key(held.key.clone()),
        op: CompareOp::Equal,
        target: CompareTarget::CreateRevision(held.token),
    }
}

pub(super) async fn release(client: &impl Coordination, held: &Held) -> Answered<bool> {
    delete_where(client, is_held(held)).await
}

/// Takes the key away that `compare` is about, where it holds; whether it does.
async fn delete_where(client: &impl Coordination, compare: Compare) -> Answered<bool> {
    let delete = DeleteRequest { range: compare.range.clone(), previous: false };
    let success = vec![Operation::Delete(delete)];
    let txn = Txn { compare: vec![compare], success, failure: Vec::new() };
    Ok(client.txn(txn).await?.succeeded)
}

pub(super) async fn proclaim(
    client: &impl Coordination,
    held: &Held,
    value: Bytes,
) -> Answered<bool> {
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
    pub async fn next(&mut self) -> Answered<Option<KeyValue>> {
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

    async fn leader(&self) -> Answered<(Option<KeyValue>, Revision)> {
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
