//! The machine against a model that is too simple to be wrong: a whole copy of all keys for each
//! revision.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use common::{Machine, command, read};
use proptest::prelude::*;
use quorate_kv::{
    Change, Command, Compare, CompareTarget, DeleteResponse, KeyValue, KvError, LeaseId, Operation,
    OperationResponse, Outcome, PutLease, PutRequest, PutResponse, PutValue, RangeRequest,
    RangeResponse, Response, Revision, SortBy, SortOrder, Txn, TxnResponse,
};

type Keys = BTreeMap<Bytes, KeyValue>;

#[derive(Clone, Default)]
struct Model {
    /// All keys, as each revision left them; the first is revision 1.
    revisions: Vec<Keys>,
    /// What changed in each revision, in order.
    changes: Vec<Change>,
    compacted: Revision,
    /// How long each lives, and the entry that granted it.
    leases: BTreeMap<LeaseId, (u64, u64)>,
    /// Entries applied.
    applied: u64,
    sessions: BTreeMap<LeaseId, (u64, BTreeMap<u64, Response>)>,
}

/// A revision in the making.
struct Draft {
    keys: Keys,
    changes: Vec<Change>,
    revision: Revision,
}

impl Draft {
    fn set(&mut self, key: &Bytes, now: Option<KeyValue>) {
        let before = match now.clone() {
            Some(now) => self.keys.insert(key.clone(), now),
            None => self.keys.remove(key),
        };
        let revision = self.revision;
        self.changes.push(Change { revision, key: key.clone(), now, before });
    }
}

impl Model {
    fn new() -> Model {
        Model { revisions: vec![Keys::new()], ..Model::default() }
    }

    fn revision(&self) -> Revision {
        self.revisions.len() as u64
    }

    fn now(&self) -> &Keys {
        self.revisions.last().expect("revision 1 is there")
    }

    fn draft(&self) -> Draft {
        let (keys, revision) = (self.now().clone(), self.revision() + 1);
        Draft { keys, changes: Vec::new(), revision }
    }

    fn keep(&mut self, draft: Draft) {
        if !draft.changes.is_empty() {
            self.revisions.push(draft.keys);
            self.changes.extend(draft.changes);
        }
    }

    fn apply(&mut self, command: &Command) -> Response {
        self.applied += 1;
        if let Command::InSession { session, sequence, acknowledged, txn } = command {
            return self.once(*session, *sequence, *acknowledged, txn);
        }
        let outcome = self.run(command);
        Response { revision: self.revision(), outcome: Some(outcome) }
    }

    fn once(&mut self, id: LeaseId, sequence: u64, acknowledged: u64, txn: &Txn) -> Response {
        let revision = self.revision();
        let refused = |error| Response { revision, outcome: Some(Err(error)) };
        let Some((through, answers)) = self.sessions.get_mut(&id) else {
            return refused(KvError::SessionNotFound { session: id });
        };
        *through = acknowledged.max(*through);
        let through = *through;
        answers.retain(|number, _| *number > through);
        if let Some(answer) = answers.get(&sequence) {
            return answer.clone();
        }
        if sequence <= through {
            return refused(KvError::AnswerGone { sequence });
        }
        let outcome = Some(self.run(&Command::Txn(txn.clone())));
        let response = Response { revision: self.revision(), outcome };
        self.sessions.get_mut(&id).expect("just found").1.insert(sequence, response.clone());
        response
    }

    fn run(&mut self, command: &Command) -> Result<Outcome, KvError> {
        match command {
            Command::Txn(txn) => {
                let before = self.now().clone();
                let mut draft = self.draft();
                let done = self.txn(txn, &before, &mut draft)?;
                self.keep(draft);
                Ok(Outcome::Txn(done))
            }
            Command::Compact { revision } => {
                let (asked, current) = (*revision, self.revision());
                if asked <= self.compacted {
                    return Err(KvError::Compacted { asked, compacted: self.compacted });
                }
                if asked > current {
                    return Err(KvError::FutureRevision { asked, current });
                }
                self.compacted = asked;
                Ok(Outcome::Compacted)
            }
            Command::LeaseGrant { lease, ttl_ms } => self.grant(*lease, *ttl_ms),
            Command::SessionOpen { session, ttl_ms } => {
                let granted = self.grant(*session, *ttl_ms)?;
                self.sessions.insert(*session, Default::default());
                Ok(granted)
            }
            Command::LeaseRevoke { lease } => match self.end(&[*lease]) {
                (ended, _) if ended.is_empty() => Err(KvError::LeaseNotFound { lease: *lease }),
                (leases, deleted) => Ok(Outcome::Ended { leases, deleted }),
            },
            Command::LeaseExpire { term, applied, leases } => {
                let due = |lease: &&LeaseId| {
                    *term == 1
                        && self.leases.get(lease).is_some_and(|(_, granted)| granted <= applied)
                };
                let due: Vec<LeaseId> = leases.iter().filter(due).copied().collect();
                let (leases, deleted) = self.end(&due);
                Ok(Outcome::Ended { leases, deleted })
            }
            Command::SetQuota { .. } => Ok(Outcome::QuotaSet),
            Command::InSession { .. } => unreachable!(),
        }
    }

    fn grant(&mut self, lease: LeaseId, ttl_ms: u64) -> Result<Outcome, KvError> {
        if self.leases.contains_key(&lease) {
            return Err(KvError::LeaseExists { lease });
        }
        self.leases.insert(lease, (ttl_ms, self.applied));
        Ok(Outcome::Granted { lease, ttl_ms })
    }

    fn end(&mut self, leases: &[LeaseId]) -> (Vec<LeaseId>, u64) {
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
        (ended, deleted)
    }

    fn txn(&self, txn: &Txn, before: &Keys, draft: &mut Draft) -> Result<TxnResponse, KvError> {
        let succeeded = txn.compare.iter().all(|compare| holds(before, compare));
        let mut responses = Vec::new();
        for operation in if succeeded { &txn.success } else { &txn.failure } {
            responses.push(match operation {
                Operation::Range(request) => {
                    OperationResponse::Range(self.range_in(request, draft)?)
                }
                Operation::Put(put) => OperationResponse::Put(self.put(put, draft)?),
                Operation::Delete(delete) => {
                    let found: Vec<KeyValue> = draft
                        .keys
                        .values()
                        .filter(|one| delete.range.contains(&one.key))
                        .cloned()
                        .collect();
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
            PutLease::Lease(lease) if self.leases.contains_key(&lease) => lease,
            PutLease::Lease(lease) => return Err(KvError::LeaseNotFound { lease }),
        };
        let key = put.key.clone();
        let revision = draft.revision;
        let (create_revision, version) =
            now.as_ref().map_or((revision, 1), |now| (now.create_revision, now.version + 1));
        let mod_revision = revision;
        let pair = KeyValue { key, value, create_revision, mod_revision, version, lease };
        draft.set(&put.key, Some(pair));
        Ok(PutResponse { previous: now.filter(|_| put.previous) })
    }

    fn range_in(&self, request: &RangeRequest, draft: &Draft) -> Result<RangeResponse, KvError> {
        // The newest revision is the one in the making, if it has any change yet.
        let is_begun = !draft.changes.is_empty();
        if request.revision == 0 || is_begun && request.revision == draft.revision {
            // A revision that is only about to come cannot be asked for.
            if request.revision == 0 {
                return Ok(range_of(&draft.keys, request));
            }
        }
        self.range(request)
    }

    fn range(&self, request: &RangeRequest) -> Result<RangeResponse, KvError> {
        let (asked, current) = (request.revision, self.revision());
        if asked > current {
            return Err(KvError::FutureRevision { asked, current });
        }
        if asked > 0 && asked < self.compacted {
            return Err(KvError::Compacted { asked, compacted: self.compacted });
        }
        let asked = if asked > 0 { asked } else { current };
        Ok(range_of(&self.revisions[asked as usize - 1], request))
    }
}

fn holds(keys: &Keys, compare: &Compare) -> bool {
    let number = |found: Option<&KeyValue>| match &compare.target {
        CompareTarget::Version(given) => found.map_or(0, |one| one.version).cmp(given),
        CompareTarget::CreateRevision(given) => {
            found.map_or(0, |one| one.create_revision).cmp(given)
        }
        CompareTarget::ModRevision(given) => found.map_or(0, |one| one.mod_revision).cmp(given),
        CompareTarget::Lease(given) => found.map_or(0, |one| one.lease.0).cmp(&given.0),
        CompareTarget::Value(given) => {
            found.expect("a value is only compared where there is one").value.cmp(given)
        }
    };
    let found: Vec<&KeyValue> =
        keys.values().filter(|one| compare.range.contains(&one.key)).collect();
    if found.is_empty() {
        let is_of_value = matches!(compare.target, CompareTarget::Value(_));
        return !is_of_value && compare.op.holds(number(None));
    }
    found.into_iter().all(|one| compare.op.holds(number(Some(one))))
}

fn range_of(keys: &Keys, request: &RangeRequest) -> RangeResponse {
    let all: Vec<&KeyValue> =
        keys.values().filter(|one| request.range.contains(&one.key)).collect();
    let count = all.len() as u64;
    if request.count_only {
        return RangeResponse { count, ..RangeResponse::default() };
    }
    let below = |bound: u64, found: u64| bound == 0 || found <= bound;
    let mut shown: Vec<KeyValue> = all
        .into_iter()
        .filter(|one| {
            one.mod_revision >= request.min_mod_revision
                && below(request.max_mod_revision, one.mod_revision)
                && one.create_revision >= request.min_create_revision
                && below(request.max_create_revision, one.create_revision)
        })
        .cloned()
        .collect();
    let number = |one: &KeyValue| match request.sort_by {
        SortBy::Key | SortBy::Value => 0,
        SortBy::Version => one.version,
        SortBy::CreateRevision => one.create_revision,
        SortBy::ModRevision => one.mod_revision,
    };
    let text = |one: &KeyValue| match request.sort_by {
        SortBy::Key => one.key.clone(),
        SortBy::Value => one.value.clone(),
        SortBy::Version | SortBy::CreateRevision | SortBy::ModRevision => Bytes::new(),
    };
    shown.sort_by_key(|one| (number(one), text(one), one.key.clone()));
    if request.order == SortOrder::Descending {
        // Equals stay by rising key.
        let what: BTreeSet<(u64, Bytes)> =
            shown.iter().map(|one| (number(one), text(one))).collect();
        let of = |which: &(u64, Bytes)| {
            shown
                .iter()
                .filter(|one| (number(one), text(one)) == *which)
                .cloned()
                .collect::<Vec<_>>()
        };
        shown = what.iter().rev().flat_map(of).collect();
    }
    let limit = if request.limit == 0 { usize::MAX } else { request.limit as usize };
    let more = shown.len() > limit;
    shown.truncate(limit);
    if request.keys_only {
        shown.iter_mut().for_each(|one| one.value = Bytes::new());
    }
    RangeResponse { keys: shown, more, count }
}

/// All that can be asked, of both.
fn compare_all(machine: &Machine, model: &Model) -> Result<(), TestCaseError> {
    let kv = &machine.kv;
    prop_assert_eq!(kv.revision(), model.revision());
    prop_assert_eq!(kv.compacted(), model.compacted);
    prop_assert_eq!(
        kv.iter().collect::<Vec<_>>(),
        model.now().values().cloned().collect::<Vec<_>>()
    );
    prop_assert_eq!(kv.len(), model.now().len() as u64);
    for revision in 1..=model.revision() + 1 {
        let all = RangeRequest { revision, ..RangeRequest::new(quorate_kv::KeyRange::ALL) };
        prop_assert_eq!(kv.range(&all), model.range(&all));
        let told = kv.changes(revision).map(Iterator::collect::<Vec<_>>);
        if revision < model.compacted {
            let is_refused = matches!(told, Err(KvError::Compacted { .. }));
            prop_assert!(is_refused);
            continue;
        }
        let changes: Vec<Change> =
            model.changes.iter().filter(|one| one.revision >= revision).cloned().collect();
        prop_assert_eq!(told, Ok(changes));
    }
    for (id, (ttl_ms, granted)) in &model.leases {
        let lease = kv.lease(*id).expect("as in the model");
        let held = model.now().values().filter(|one| one.lease == *id);
        prop_assert_eq!((lease.ttl_ms, lease.granted), (*ttl_ms, *granted));
        prop_assert!(lease.keys().eq(held.map(|one| &one.key)));
    }
    prop_assert_eq!(kv.leases().count(), model.leases.len());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_machine_answers_and_holds_what_the_model_does(
        commands in proptest::collection::vec(command(), 0..50),
        reads in proptest::collection::vec(read(), 0..5),
    ) {
        let (mut machine, mut model) = (Machine::default(), Model::new());
        // The model knows no quota.
        let counts = |command: &&Command| !matches!(command, Command::SetQuota { .. });
        for command in commands.iter().filter(counts) {
            prop_assert_eq!(machine.apply(command), model.apply(command), "{:?}", command);
            for request in &reads {
                prop_assert_eq!(machine.kv.range(request), model.range(request), "{:?}", request);
            }
        }
        compare_all(&machine, &model)?;
    }

    #[test]
    fn a_machine_from_a_snapshot_goes_on_as_the_one_that_it_was_taken_of(
        before in proptest::collection::vec(command(), 0..40),
        after in proptest::collection::vec(command(), 0..40),
    ) {
        let mut machine = Machine::default();
        for command in &before {
            machine.apply(command);
        }
        let mut reborn = machine.reborn();
        let taken = machine.kv.clone();
        prop_assert_eq!(&reborn.kv, &machine.kv);
        for command in &after {
            prop_assert_eq!(reborn.apply(command), machine.apply(command), "{:?}", command);
        }
        prop_assert_eq!(&reborn.kv, &machine.kv);
        prop_assert_eq!(reborn.kv.fingerprint(), machine.kv.fingerprint());
        // What was set aside is as it was.
        let mut again = Machine::default();
        for command in &before {
            again.apply(command);
        }
        prop_assert_eq!(again.kv, taken);
    }

    #[test]
    fn a_command_reads_back(command in command()) {
        let bytes = command.encode().unwrap();
        prop_assert_eq!(Command::decode(bytes), Ok(command));
    }
}
