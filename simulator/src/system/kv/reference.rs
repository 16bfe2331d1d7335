//! What the committed log means, told a second time: all keys as every revision left them, nothing
//! shared, nothing swept. Slow and plain on purpose.

use std::{collections::BTreeMap, ops::Bound};

use bytes::Bytes;
use quorate_core::{EntryRef, Index, LogId, Payload};
use quorate_kv::{
    Change, Command, Compare, CompareTarget, DeleteResponse, KeyRange, KeyValue, KvError, LeaseId,
    Operation, OperationResponse, Outcome, PutLease, PutRequest, PutResponse, PutValue,
    QUOTA_DEFAULT_BYTES, RangeRequest, RangeResponse, Response, Revision, Txn, TxnResponse,
};

use super::answer;

type Keys = BTreeMap<Bytes, KeyValue>;

/// The state after the first entries of the committed log, and every state before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reference {
    now: Keys,
    /// What each revision made of a key, in rising order.
    versions: BTreeMap<Bytes, Vec<(Revision, Option<KeyValue>)>>,
    changes: Vec<Change>,
    leases: BTreeMap<LeaseId, Lease>,
    sessions: BTreeMap<LeaseId, Session>,
    /// How many of the changes were compacted away.
    swept: usize,
    pub(super) space: Space,
    /// After each entry, and before the first.
    after: Vec<After>,
}

/// What the state takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    /// So many bytes.
    pub(super) used: u64,
    /// And may take so many; 0 for no limit.
    pub(super) quota: u64,
    /// Whether puts are refused.
    pub(super) is_out: bool,
}

/// What is charged for a key, with its value or with none.
fn cost(key: &Bytes, now: Option<&KeyValue>) -> u64 {
    (key.len() + now.map_or(0, |now| now.value.len())) as u64 + 160
}

/// What is known of the state after an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct After {
    revision: Revision,
    compacted: Revision,
    /// A hash of what the entry answers.
    answer: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Lease {
    ttl_ms: u64,
    granted: Index,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Session {
    acknowledged: u64,
    answers: BTreeMap<u64, Response>,
}

/// A revision in the making.
struct Draft {
    keys: Keys,
    changes: Vec<Change>,
    revision: Revision,
    /// What its puts are charged for.
    needs: u64,
}

impl Draft {
    fn set(&mut self, key: &Bytes, now: Option<KeyValue>) {
        let before = match now.clone() {
            Some(now) => self.keys.insert(key.clone(), now),
            None => self.keys.remove(key),
        };
        self.changes.push(Change { revision: self.revision, key: key.clone(), now, before });
    }
}

impl Default for Reference {
    fn default() -> Reference {
        Reference {
            now: Keys::new(),
            versions: BTreeMap::new(),
            changes: Vec::new(),
            leases: BTreeMap::new(),
            sessions: BTreeMap::new(),
            swept: 0,
            space: Space { used: 0, quota: QUOTA_DEFAULT_BYTES, is_out: false },
            after: vec![After { revision: 1, compacted: 0, answer: 0 }],
        }
    }
}

impl Reference {
    /// The last entry that it knows.
    pub(super) fn applied(&self) -> Index {
        self.after.len() as u64 - 1
    }

    fn last(&self) -> After {
        self.after.last().copied().expect("there is one before the first entry")
    }

    pub(super) fn revision(&self) -> Revision {
        self.last().revision
    }

    pub(super) fn compacted(&self) -> Revision {
        self.last().compacted
    }

    /// All keys as they are now.
    pub(super) fn keys(&self) -> impl Iterator<Item = &KeyValue> {
        self.now.values()
    }

    /// All leases, with their time to live in milliseconds.
    pub(super) fn leases(&self) -> impl Iterator<Item = (LeaseId, u64)> + '_ {
        self.leases.iter().map(|(&id, lease)| (id, lease.ttl_ms))
    }

    pub(super) fn has_lease(&self, lease: LeaseId) -> bool {
        self.leases.contains_key(&lease)
    }

    /// The changes of these revisions, in order.
    pub(super) fn changes(&self, from: Revision, through: Revision) -> &[Change] {
        let place = |revision| self.changes.partition_point(|one| one.revision < revision);
        let end = place(through.saturating_add(1));
        &self.changes[place(from).min(end)..end]
    }

    /// A hash of what the entry at `index` answers.
    pub(super) fn answer(&self, index: Index) -> Option<u64> {
        self.after.get(index as usize).map(|after| after.answer)
    }

    /// Takes the next entry in, and gives its answer.
    pub(super) fn apply(&mut self, entry: EntryRef<'_>) -> Response {
        let before = self.last();
        self.after.push(before);
        self.sweep();
        let response = match entry.payload {
            Payload::Command(bytes) => match Command::decode(bytes.clone()) {
                Ok(command) => self.once(entry.log_id, &command),
                Err(error) => self.respond(Err(error.into())),
            },
            Payload::Noop | Payload::Configuration(_) => {
                Response { revision: before.revision, outcome: None }
            }
        };
        if let Some(after) = self.after.last_mut() {
            after.answer = answer::hash(&response);
        }
        response
    }

    fn respond(&self, outcome: Result<Outcome, KvError>) -> Response {
        Response { revision: self.revision(), outcome: Some(outcome) }
    }

    fn once(&mut self, at: LogId, command: &Command) -> Response {
        let Command::InSession { session: id, sequence, acknowledged, txn } = command else {
            let outcome = self.run(at, command);
            return self.respond(outcome);
        };
        let Some(session) = self.sessions.get_mut(id) else {
            return self.respond(Err(KvError::SessionNotFound { session: *id }));
        };
        session.acknowledged = session.acknowledged.max(*acknowledged);
        let through = session.acknowledged;
        session.answers.retain(|number, _| *number > through);
        if let Some(answer) = session.answers.get(sequence) {
            return answer.clone();
        }
        if *sequence <= through {
            return self.respond(Err(KvError::AnswerGone { sequence: *sequence }));
        }
        let outcome = self.run(at, &Command::Txn(txn.clone()));
        let response = self.respond(outcome);
        if let Some(session) = self.sessions.get_mut(id) {
            session.answers.insert(*sequence, response.clone());
        }
        response
    }

    fn run(&mut self, at: LogId, command: &Command) -> Result<Outcome, KvError> {
        match command {
            Command::Txn(txn) | Command::InSession { txn, .. } => {
                let mut draft = self.draft();
                let done = self.txn(txn, &self.now.clone(), &mut draft)?;
                self.room_for(draft.needs)?;
                self.keep(draft);
                Ok(Outcome::Txn(done))
            }
            &Command::Compact { revision: asked } => {
                let (current, compacted) = (self.revision(), self.compacted());
                if asked <= compacted {
                    return Err(KvError::Compacted { asked, compacted });
                }
                if asked > current {
                    return Err(KvError::FutureRevision { asked, current });
                }
                if let Some(after) = self.after.last_mut() {
                    after.compacted = asked;
                }
                Ok(Outcome::Compacted)
            }
            &Command::LeaseGrant { lease, ttl_ms } => self.grant(at, lease, ttl_ms),
            &Command::SessionOpen { session, ttl_ms } => {
                let granted = self.grant(at, session, ttl_ms)?;
                self.sessions.insert(session, Session::default());
                Ok(granted)
            }
            &Command::LeaseRevoke { lease } => {
                if self.has_lease(lease) {
                    Ok(self.end(&[lease]))
                } else {
                    Err(KvError::LeaseNotFound { lease })
                }
            }
            Command::LeaseExpire { term, applied, leases } => {
                let is_due = |lease: &&LeaseId| {
                    let held = self.leases.get(lease);
                    *term == at.term && held.is_some_and(|held| held.granted <= *applied)
                };
                let due: Vec<LeaseId> = leases.iter().filter(is_due).copied().collect();
                Ok(self.end(&due))
            }
            &Command::SetQuota { bytes } => {
                self.space.quota = bytes;
                Ok(Outcome::QuotaSet)
            }
        }
    }

    fn grant(&mut self, at: LogId, lease: LeaseId, ttl_ms: u64) -> Result<Outcome, KvError> {
        if self.has_lease(lease) {
            return Err(KvError::LeaseExists { lease });
        }
        self.leases.insert(lease, Lease { ttl_ms, granted: at.index });
        Ok(Outcome::Granted { lease, ttl_ms })
    }

    /// Ends leases, and with them their keys, in one revision.
    fn end(&mut self, leases: &[LeaseId]) -> Outcome {
        let mut draft = self.draft();
        let mut ended = Vec::new();
        for lease in leases {
            if self.leases.remove(lease).is_none() {
                continue;
            }
            self.sessions.remove(lease);
            ended.push(*lease);
            let held: Vec<Bytes> = draft
                .keys
                .values()
                .filter(|one| one.lease == *lease)
                .map(|one| one.key.clone())
                .collect();
            held.iter().for_each(|key| draft.set(key, None));
        }
        let deleted = draft.changes.len() as u64;
        self.keep(draft);
        Outcome::Ended { leases: ended, deleted }
    }

    fn draft(&self) -> Draft {
        let (keys, revision) = (self.now.clone(), self.revision() + 1);
        Draft { keys, changes: Vec::new(), revision, needs: 0 }
    }

    fn keep(&mut self, draft: Draft) {
        if draft.changes.is_empty() {
            return;
        }
        self.now = draft.keys;
        for change in &draft.changes {
            let versions = self.versions.entry(change.key.clone()).or_default();
            versions.push((change.revision, change.now.clone()));
            self.space.used += cost(&change.key, change.now.as_ref());
        }
        self.changes.extend(draft.changes);
        if let Some(after) = self.after.last_mut() {
            after.revision = draft.revision;
        }
    }

    /// Of changes below the compacted revision goes what they replaced, and where one says that its key
    /// is gone it goes itself: with the next entry, so many at a time. Puts go on with a tenth of the quota
    /// free.
    fn sweep(&mut self) {
        let compacted = self.compacted();
        let rest = &self.changes[self.swept..];
        let due = rest.iter().take(4096).take_while(|change| change.revision < compacted);
        for Change { key, now, before, .. } in due {
            self.swept += 1;
            let gone = now.is_none().then(|| cost(key, None));
            let replaced = before.is_some().then(|| cost(key, before.as_ref()));
            self.space.used -= gone.unwrap_or(0) + replaced.unwrap_or(0);
        }
        let Space { used, quota, is_out } = self.space;
        self.space.is_out = is_out && quota > 0 && used > quota - quota / 100 * 10;
    }

    /// Puts are refused once one did not fit.
    fn room_for(&mut self, needs: u64) -> Result<(), KvError> {
        let Space { used, quota, is_out } = self.space;
        if needs == 0 || quota == 0 {
            return Ok(());
        }
        self.space.is_out = is_out || used + needs > quota;
        if self.space.is_out { Err(KvError::NoSpace { used, quota }) } else { Ok(()) }
    }

    /// Carries a transaction out on a draft, where `before` is what its conditions see.
    fn txn(&self, txn: &Txn, before: &Keys, draft: &mut Draft) -> Result<TxnResponse, KvError> {
        let succeeded = txn.compare.iter().all(|compare| holds(before, compare));
        let branch = if succeeded { &txn.success } else { &txn.failure };
        let mut responses = Vec::new();
        for operation in branch {
            responses.push(match operation {
                Operation::Range(request) if request.revision == 0 => {
                    let all = draft.keys.values().filter(|one| request.range.contains(&one.key));
                    OperationResponse::Range(shown(all.cloned(), request))
                }
                Operation::Range(request) => {
                    OperationResponse::Range(self.range(request, self.applied())?)
                }
                Operation::Put(put) => OperationResponse::Put(self.put(put, draft)?),
                Operation::Delete(delete) => {
                    let all = draft.keys.values().filter(|one| delete.range.contains(&one.key));
                    let found: Vec<KeyValue> = all.cloned().collect();
                    found.iter().for_each(|one| draft.set(&one.key, None));
                    let deleted = found.len() as u64;
                    let previous = if delete.previous { found } else { Vec::new() };
                    OperationResponse::Delete(DeleteResponse { deleted, previous })
                }
                Operation::Txn(inner) => OperationResponse::Txn(self.txn(inner, before, draft)?),
            });
        }
        Ok(TxnResponse { succeeded, responses })
    }

    fn put(&self, put: &PutRequest, draft: &mut Draft) -> Result<PutResponse, KvError> {
        let now = draft.keys.get(&put.key).cloned();
        let value = match &put.value {
            PutValue::New(value) => value.clone(),
            PutValue::Keep => now.clone().ok_or(KvError::KeyNotFound)?.value,
        };
        let lease = match put.lease {
            PutLease::None => LeaseId::NONE,
            PutLease::Keep => now.clone().ok_or(KvError::KeyNotFound)?.lease,
            PutLease::Lease(lease) if self.has_lease(lease) => lease,
            PutLease::Lease(lease) => return Err(KvError::LeaseNotFound { lease }),
        };
        let revision = draft.revision;
        let begun = |now: &KeyValue| (now.create_revision, now.version + 1);
        let (create_revision, version) = now.as_ref().map_or((revision, 1), begun);
        let (key, mod_revision) = (put.key.clone(), revision);
        let pair = KeyValue { key, value, create_revision, mod_revision, version, lease };
        draft.needs += cost(&put.key, Some(&pair));
        draft.set(&put.key, Some(pair));
        Ok(PutResponse { previous: now.filter(|_| put.previous) })
    }

    /// What a node reads that has applied the log through `index`. Limits and revisions count; other
    /// wishes are not known here.
    ///
    /// # Errors
    /// As the machine's.
    pub(super) fn range(
        &self,
        request: &RangeRequest,
        index: Index,
    ) -> Result<RangeResponse, KvError> {
        let After { revision: current, compacted, .. } =
            self.after.get(index as usize).copied().unwrap_or(self.last());
        let asked = if request.revision > 0 { request.revision } else { current };
        if asked > current {
            return Err(KvError::FutureRevision { asked, current });
        }
        if asked < compacted {
            return Err(KvError::Compacted { asked, compacted });
        }
        Ok(shown(self.as_of(&request.range, asked).cloned(), request))
    }

    /// The keys of a range as a revision left them, be it compacted or not.
    pub(super) fn as_of<'a>(
        &'a self,
        range: &'a KeyRange,
        asked: Revision,
    ) -> impl Iterator<Item = &'a KeyValue> {
        let all = self.versions.range((Bound::Included(range.start().clone()), Bound::Unbounded));
        all.filter(|(key, _)| range.contains(key)).filter_map(move |(_, versions)| {
            let count = versions.partition_point(|(revision, _)| *revision <= asked);
            versions[..count].last().and_then(|(_, now)| now.as_ref())
        })
    }

    /// The newest revision after the entry at `index`.
    pub(super) fn revision_at(&self, index: Index) -> Revision {
        self.after.get(index as usize).map_or(0, |after| after.revision)
    }
}

fn shown(all: impl Iterator<Item = KeyValue>, request: &RangeRequest) -> RangeResponse {
    let mut keys: Vec<KeyValue> = all.collect();
    let count = keys.len() as u64;
    let limit = if request.limit > 0 { request.limit } else { u64::MAX };
    keys.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    RangeResponse { keys, more: count > limit, count }
}

fn holds(keys: &Keys, compare: &Compare) -> bool {
    let mut found = keys.values().filter(|one| compare.range.contains(&one.key)).peekable();
    if found.peek().is_none() {
        return holds_of(None, compare);
    }
    found.all(|one| holds_of(Some(one), compare))
}

fn holds_of(one: Option<&KeyValue>, compare: &Compare) -> bool {
    let number = |of: fn(&KeyValue) -> u64| one.map_or(0, of);
    let ordering = match &compare.target {
        CompareTarget::Version(given) => number(|one| one.version).cmp(given),
        CompareTarget::CreateRevision(given) => number(|one| one.create_revision).cmp(given),
        CompareTarget::ModRevision(given) => number(|one| one.mod_revision).cmp(given),
        CompareTarget::Lease(given) => number(|one| one.lease.0).cmp(&given.0),
        CompareTarget::Value(given) => match one {
            Some(one) => one.value.cmp(given),
            None => return false,
        },
    };
    compare.op.holds(ordering)
}
