//! What must be true of the whole machine: each entry does what it means, leases live as long as was
//! promised, and watches tell the committed history.

use std::collections::BTreeMap;

use quorate_core::{EntryRef, Index, Nanos, Payload};
use quorate_kv::{
    Batch, Change, Command, KeyValue, Kv, KvError, Outcome, RangeRequest, RangeResponse, Response,
    Revision, WatchRequest,
};

use super::{
    lists::Lists,
    locks::Locks,
    mirrors::Mirrors,
    promises::Promises,
    reference::{Reference, Space},
};
use crate::{marks::Mark, oracle::Violation, profile::Settings};

/// The judge of a run, and what it has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Judge {
    reference: Reference,
    pub(super) promises: Promises,
    pub(super) locks: Locks,
    pub(super) lists: Lists,
    mirrors: Mirrors,
    /// When the keep-alive that each client waits for came to a node.
    pub(super) asked_at: BTreeMap<u64, Nanos>,
    reached: BTreeMap<Mark, u64>,
}

impl Judge {
    pub(super) fn new(settings: &Settings) -> Judge {
        let families = settings.families;
        // Where reads rest on leases, clocks drift within what nodes reckon with.
        let drift_ppm = match (families.leases, families.clocks) {
            (true, _) => Some(settings.max_clock_drift_ppm),
            (false, true) => None,
            (false, false) => Some(0),
        };
        Judge {
            reference: Reference::default(),
            promises: Promises::new(drift_ppm),
            locks: Locks::default(),
            lists: Lists::default(),
            mirrors: Mirrors::default(),
            asked_at: BTreeMap::new(),
            reached: BTreeMap::new(),
        }
    }

    pub(super) fn reach(&mut self, mark: Mark) {
        *self.reached.entry(mark).or_default() += 1;
    }

    pub(super) fn reached(&self) -> Vec<(Mark, u64)> {
        let fenced = (Mark::HolderFenced, self.locks.fenced);
        self.reached.iter().map(|(&mark, &count)| (mark, count)).chain([fenced]).collect()
    }

    /// A node has applied an entry; the first that does so shows what it means.
    pub(super) fn entry(
        &mut self,
        entry: EntryRef<'_>,
        response: &Response,
        kv: &Kv,
        now: Nanos,
    ) -> Result<(), Violation> {
        let index = entry.log_id.index;
        if index != self.reference.applied() + 1 {
            return Ok(());
        }
        let before = self.reference.revision();
        let was_out = self.reference.space.is_out;
        let expected = self.reference.apply(entry);
        if *response != expected {
            let what = format!("entry {index} answers {response:?}, and means {expected:?}");
            return Err(Violation::model("meaning", what));
        }
        let found = (kv.revision(), kv.compacted(), kv.len(), kv.leases().count());
        let (revision, compacted) = (self.reference.revision(), self.reference.compacted());
        let means = (
            revision,
            compacted,
            self.reference.keys().count() as u64,
            self.reference.leases().count(),
        );
        if found != means {
            let what = format!(
                "after entry {index} revision, compacted revision, keys and leases are {found:?}, \
                 and should be {means:?}"
            );
            return Err(Violation::model("meaning", what));
        }
        let (used, quota, is_out) = (kv.used(), kv.quota(), kv.is_out_of_space());
        let (found, means) = (Space { used, quota, is_out }, self.reference.space);
        if found != means {
            let what = format!("after entry {index} there is {found:?}, and should be {means:?}");
            return Err(Violation::model("meaning", what));
        }
        if was_out && !is_out {
            self.reach(Mark::QuotaFreed);
        }
        self.look(entry, &expected, before < revision, now)
    }

    /// Leases that began and ended, and what is worth reaching.
    fn look(
        &mut self,
        entry: EntryRef<'_>,
        response: &Response,
        changes: bool,
        now: Nanos,
    ) -> Result<(), Violation> {
        let Payload::Command(bytes) = entry.payload else { return Ok(()) };
        let Ok(command) = Command::decode(bytes.clone()) else { return Ok(()) };
        match (&command, &response.outcome) {
            (_, Some(Ok(Outcome::Granted { lease, .. }))) => self.promises.forget(*lease),
            (Command::LeaseExpire { .. }, Some(Ok(Outcome::Ended { leases, deleted }))) => {
                let mark = if leases.is_empty() { Mark::ExpiryStale } else { Mark::LeaseExpired };
                self.reach(mark);
                if *deleted > 0 {
                    self.reach(Mark::KeyExpired);
                }
                leases.iter().try_for_each(|lease| self.promises.ran_out(*lease, now))?;
            }
            (_, Some(Ok(Outcome::Ended { leases, .. }))) => {
                leases.iter().for_each(|lease| self.promises.forget(*lease));
            }
            (_, Some(Err(KvError::NoSpace { .. }))) => self.reach(Mark::QuotaReached),
            (Command::InSession { .. }, Some(Ok(_)))
                if response.revision < self.reference.revision() =>
            {
                self.reach(Mark::AnsweredAgain);
            }
            (Command::Txn(_) | Command::InSession { .. }, Some(Ok(Outcome::Txn(txn)))) => {
                let mark = if txn.succeeded { Mark::TxnDone } else { Mark::TxnRefused };
                if !changes || txn.responses.len() > 1 {
                    self.reach(mark);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A client was told that the entry at `index` answered with what this is a hash of.
    pub(super) fn told(&self, client: u64, index: Index, hash: u64) -> Result<(), Violation> {
        if self.reference.answer(index) == Some(hash) {
            return Ok(());
        }
        let what = format!("client {client} was told of entry {index} what that did not answer");
        Err(Violation::model("answers", what))
    }

    /// A client read a range of a node that had applied the log through `index`, and whose newest
    /// revision was `revision`.
    pub(super) fn read(
        &self,
        request: &RangeRequest,
        index: Index,
        revision: Revision,
        found: &Result<RangeResponse, KvError>,
    ) -> Result<(), Violation> {
        let expected = self.reference.range(request, index);
        let newest = self.reference.revision_at(index);
        if *found == expected && revision == newest {
            return Ok(());
        }
        let what = format!(
            "after entry {index} a node shows {found:?} at {revision}, and should show {expected:?} \
             at {newest}"
        );
        Err(Violation::model("reads", what))
    }

    /// A client whose watch was lost has read all keys that it watches.
    pub(super) fn read_anew<'a>(&mut self, client: u64, keys: impl Iterator<Item = &'a KeyValue>) {
        self.mirrors.read(client, keys);
        self.reach(Mark::WatchReadAnew);
    }

    /// A client's watch was told of these changes: they are all of its range up to there. Gives the
    /// first revision that it was not told of; where that is compacted, the oldest that is left.
    pub(super) fn watched(
        &mut self,
        client: u64,
        request: &WatchRequest,
        told: &Result<Batch, KvError>,
    ) -> Result<Revision, Violation> {
        let from = request.from;
        let batch = match told {
            Ok(batch) => batch,
            Err(KvError::Compacted { asked, compacted })
                if *asked >= from
                    && asked < compacted
                    && *compacted <= self.reference.compacted() =>
            {
                self.reach(Mark::WatchCompacted);
                return Ok(*compacted);
            }
            Err(error) => {
                let what = format!("client {client}'s watch from {from} ends: {error}");
                return Err(Violation::model("watches", what));
            }
        };
        let wants = |change: &&Change| {
            let is_left_out =
                if change.now.is_none() { request.no_deletes } else { request.no_puts };
            !is_left_out && request.range.contains(&change.key)
        };
        let all = self.reference.changes(from, batch.through);
        let compacted = self.reference.compacted();
        let told = batch.changes.iter().map(Some).chain(std::iter::repeat(None));
        let shown = |(change, told): (&Change, Option<&Change>)| {
            // What a compaction leaves of the revision that it names, and of those behind it, need not
            // hold what was before.
            let is_gone = told.is_some_and(|told| told.before.is_none());
            let is_told = request.previous && !(is_gone && change.revision <= compacted);
            Change { before: change.before.clone().filter(|_| is_told), ..change.clone() }
        };
        let expected: Vec<Change> = all.iter().filter(wants).zip(told).map(shown).collect();
        if batch.changes != expected || batch.through > self.reference.revision() {
            let pairs = batch.changes.iter().zip(&expected);
            let at = pairs.take_while(|(one, other)| one == other).count();
            let what = format!(
                "client {client}'s watch from {from} was told of {} changes through {}; number {at} \
                 is {}, and should be {}",
                batch.changes.len(),
                batch.through,
                place(batch.changes.get(at)),
                place(expected.get(at))
            );
            return Err(Violation::model("watches", what));
        }
        if !expected.is_empty() {
            self.reach(Mark::WatchTold);
        }
        let next = from.max(batch.through + 1);
        if super::follows(client) {
            self.mirrors.told(client, &batch.changes, next - 1, &self.reference)?;
        }
        Ok(next)
    }

    /// The state at the end is what the log means.
    pub(super) fn finished(&self, kv: &Kv) -> Result<(), Violation> {
        let leases = kv.leases().map(|(id, lease)| (id, lease.ttl_ms));
        if kv.iter().eq(self.reference.keys().cloned()) && leases.eq(self.reference.leases()) {
            return Ok(());
        }
        let what = "keys and leases at the end are not what the log means".to_owned();
        Err(Violation::model("meaning", what))
    }

    /// Nobody keeps leases alive any more: whichever is there must end.
    pub(super) fn unfinished(&self) -> Option<String> {
        let (lease, _) = self.reference.leases().next()?;
        Some(format!("lease {lease} has not ended, though nobody keeps it alive"))
    }
}

/// A change in short.
fn place(change: Option<&Change>) -> String {
    let Some(Change { revision, key, now, .. }) = change else { return "none".to_owned() };
    let key = key.escape_ascii();
    match now {
        Some(now) => format!("put {} of {key} in {revision}, by lease {}", now.version, now.lease),
        None => format!("the end of {key} in {revision}"),
    }
}
