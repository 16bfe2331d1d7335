//! The built-in system: the whole key-value machine, and what its clients must see of it.
//!
//! Operations on single keys are judged without trust in anything: some order must explain what
//! clients saw. Where clients do more ([`crate::profile::Features`]), each answer is besides compared with what the
//! committed log means to a second model, and leases, locks and watches have rules of their own.

mod answer;
mod command;
mod drawn;
mod heard;
mod judge;
mod lists;
mod locks;
mod mirrors;
mod operation;
mod promises;
mod reference;
mod service;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;
use quorate_core::{Index, LogId, Nanos, RequestId, Term, Timestamp};
use quorate_kv::{KeyRange, LeaseError, LeaseId, RangeRequest, Response, Revision, WatchRequest};

use super::{Asked, Change, Draw, End, System, Turn};
use crate::{
    hash::mix,
    history::{Ask, History, Told},
    linearize::{Verdict, judge},
    marks::Mark,
    oracle::Violation,
    profile::Settings,
};

pub use self::{answer::KvAnswer, operation::KvOperation, service::Service};
use self::{
    command::{Kind, key_bytes, value_by, value_of},
    drawn::Knows,
    judge::Judge,
};

/// Steps of the search for a linear order of one key's operations.
const SEARCH_STEPS: u64 = 300_000;

/// The key-value machine, and what its clients saw.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KvSystem {
    /// What clients asked of single keys and were told.
    pub history: History,
    /// What each client waits for.
    open: BTreeMap<u64, Open>,
    clients: BTreeMap<u64, Knows>,
    /// The newest revision that any client was told of.
    newest: Revision,
    given_up: u64,
    /// True time.
    now: Nanos,
    /// What judges more than single keys, where clients do more.
    judge: Option<Box<Judge>>,
}

/// Whether a client holds a copy of the keys that it watches, which it reads anew where its watch was
/// lost. Others go on at the oldest revision that is left.
fn follows(client: u64) -> bool {
    !watch_of(client, 0).no_puts && client % 4 < 3
}

/// An operation under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    /// Where it stands in the history, if it is one on a single key.
    place: Option<usize>,
    /// When it began.
    at: Nanos,
    moment: u64,
}

/// What a client watches: in part all, in part what ends with leases, in part deletions alone; in part with
/// what was before.
fn watch_of(client: u64, from: Revision) -> WatchRequest {
    let range = match client % 4 {
        0 => KeyRange::ALL,
        1 => Kind::Mortal.all(),
        2 => KeyRange::Key(Kind::Mortal.key(0)),
        _ => KeyRange::From(Kind::Count.key(0)),
    };
    let (no_puts, previous) = (client % 8 == 5, client % 3 == 1);
    WatchRequest { from, no_puts, previous, ..WatchRequest::new(range) }
}

impl System for KvSystem {
    const NAME: &'static str = "kv";
    type Machine = Service;
    type Operation = KvOperation;
    type Answer = KvAnswer;

    fn prepare(&mut self, settings: &Settings) {
        if settings.workload.features.any() {
            self.judge = Some(Box::new(Judge::new(settings)));
        }
    }

    fn at(&mut self, now: Nanos) {
        self.now = now;
    }

    fn machine(&self) -> Service {
        Service::new(self.judge.is_some())
    }

    fn draw(&self, turn: &Turn<'_>, draw: &mut Draw<'_>) -> KvOperation {
        drawn::operation(self, turn, draw)
    }

    fn is_read(&self, operation: &KvOperation) -> bool {
        operation.is_read()
    }

    fn is_local(&self, operation: &KvOperation) -> bool {
        matches!(operation, KvOperation::Watch { .. })
    }

    fn takes_lease(&self, operation: &KvOperation) -> bool {
        !operation.is_of_leader()
    }

    fn is_retried(&self, operation: &KvOperation) -> bool {
        operation.session() > 0
    }

    fn command(&self, asked: &Asked<'_, KvOperation>) -> Bytes {
        command::command(asked).encode().expect("short keys, and values within their limit")
    }

    fn answer(&self, operation: &KvOperation, response: &Response) -> Option<KvAnswer> {
        response.outcome.as_ref()?;
        match operation {
            KvOperation::Put { .. } | KvOperation::Delete { .. } | KvOperation::Compact { .. } => {
                let told = answer::told(response)?;
                let hash = if self.judge.is_some() { answer::hash(response) } else { 0 };
                Some(KvAnswer::Told { told, revision: response.revision, hash })
            }
            _ => Some(KvAnswer::Response(Arc::new(response.clone()))),
        }
    }

    fn read(&self, machine: &Service, operation: &KvOperation) -> KvAnswer {
        let KvOperation::Get { key } = operation else {
            let revision =
                if let KvOperation::Scan { revision } = operation { *revision } else { 0 };
            let request = RangeRequest { revision, ..RangeRequest::new(KeyRange::ALL) };
            let found = Arc::new(machine.kv.range(&request));
            return KvAnswer::Range { revision: machine.kv.revision(), found };
        };
        let value = machine.kv.get(&key_bytes(*key));
        let told = Told::Got(value.map(|pair| value_of(&pair.value)));
        KvAnswer::Told { told, revision: machine.kv.revision(), hash: 0 }
    }

    fn asked(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        machine: &mut Service,
        request: RequestId,
        time: Timestamp,
    ) -> bool {
        match *asked.operation {
            KvOperation::KeepAlive { id } => {
                if let Some(judge) = &mut self.judge {
                    judge.asked_at.insert(asked.client, self.now);
                }
                machine.keep_alive(request, LeaseId(id), time)
            }
            _ => true,
        }
    }

    fn show(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        machine: &mut Service,
        request: RequestId,
    ) -> Option<KvAnswer> {
        match *asked.operation {
            KvOperation::KeepAlive { .. } => {
                let kept = machine.confirmed(request);
                (kept != Err(LeaseError::NotLeading)).then_some(KvAnswer::Kept(kept))
            }
            KvOperation::Left { id } => {
                let left = machine.time_to_live(LeaseId(id));
                (left != Err(LeaseError::NotLeading)).then_some(KvAnswer::Left(left))
            }
            KvOperation::Watch { limit, afresh } => {
                let from = self.knows(asked.client).watched;
                let request = watch_of(asked.client, from);
                let kept = !afresh && machine.is_watching(asked.client, from);
                let batch = Arc::new(machine.watch(asked.client, request, limit, afresh));
                Some(KvAnswer::Watched { from, kept, batch })
            }
            _ => Some(self.read(machine, asked.operation)),
        }
    }

    fn attend(
        &mut self,
        machine: &mut Service,
        time: Timestamp,
        leads: Option<Term>,
    ) -> Option<Bytes> {
        machine.attend(time, leads)
    }

    fn refused(&mut self, machine: &mut Service, term: Term) {
        machine.refused(term);
    }

    fn wake_at(&self, machine: &Service) -> Option<Timestamp> {
        if self.judge.is_some() { machine.wake_at() } else { None }
    }

    fn installed(&mut self, machine: &mut Service, last: LogId) {
        machine.installed(last);
    }

    fn hash_response(&self, response: &Response) -> u64 {
        answer::hash(response)
    }

    fn fingerprint(&self, machine: &Service) -> u64 {
        // What its history says, and what that does not.
        let space = mix(machine.kv.quota(), u64::from(machine.kv.is_out_of_space()));
        mix(machine.kv.fingerprint(), space)
    }

    fn simpler(&self, operation: &KvOperation) -> Vec<KvOperation> {
        operation.simpler()
    }

    fn begun(&mut self, asked: &Asked<'_, KvOperation>, moment: u64) {
        let ask = match *asked.operation {
            KvOperation::Get { key } => Some((key, Ask::Get)),
            KvOperation::Delete { key } => Some((key, Ask::Delete)),
            KvOperation::Put { key, .. } => {
                Some((key, Ask::Put(value_by(asked.client, asked.number))))
            }
            _ => None,
        };
        let place = ask.map(|(key, ask)| self.history.invoke(asked.client, key, ask, moment));
        self.open.insert(asked.client, Open { place, at: self.now, moment });
    }

    fn ended(
        &mut self,
        asked: &Asked<'_, KvOperation>,
        end: &End<KvAnswer>,
        moment: u64,
    ) -> Result<(), Violation> {
        let Some(open) = self.open.remove(&asked.client) else { return Ok(()) };
        let (told, place) = match end {
            End::Wrote { place, answer } => (self.heard(answer), *place),
            End::Read { applied, answer } => (self.heard(answer), at_index(*applied)),
            End::Never => (Told::Never, LogId::ZERO),
            End::Unknown => (Told::Unknown, LogId::ZERO),
        };
        if let Some(operation) = open.place {
            // What is unknown has no end: it may take effect at any later time.
            let moment = if told == Told::Unknown { u64::MAX } else { moment };
            self.history.answer(operation, told, place, moment);
        }
        self.judge_end(asked, end, open, moment)
    }

    fn changed(
        &mut self,
        _node: u64,
        change: &Change<'_, Response>,
        machine: &Service,
    ) -> Result<(), Violation> {
        match (&mut self.judge, change) {
            (Some(judge), Change::Entry { entry, response }) => {
                judge.entry(*entry, response, &machine.kv, self.now)
            }
            (Some(_) | None, Change::Snapshot { .. }) | (None, Change::Entry { .. }) => Ok(()),
        }
    }

    fn unfinished(&self) -> Option<String> {
        self.judge.as_ref().and_then(|judge| judge.unfinished())
    }

    fn reached(&self) -> Vec<(Mark, u64)> {
        self.judge.as_ref().map(|judge| judge.reached()).unwrap_or_default()
    }

    /// The operations of each key have an order that explains every answer.
    fn finished(&mut self, machine: &Service) -> Result<(), Violation> {
        if let Some(judge) = &self.judge {
            judge.finished(&machine.kv)?;
        }
        for key in self.history.keys() {
            match judge(&self.history.of_key(key), SEARCH_STEPS) {
                Verdict::Linearizable => {}
                Verdict::Not { stuck_at } => {
                    let stuck_at = format!("{stuck_at:?}");
                    return Err(Violation::NotLinearizable { key, stuck_at });
                }
                Verdict::GivenUp { .. } => self.given_up += 1,
            }
        }
        Ok(())
    }

    fn searches_given_up(&self) -> u64 {
        self.given_up
    }
}

impl KvSystem {
    fn heard(&mut self, answer: &KvAnswer) -> Told {
        let (told, revision) = match answer {
            KvAnswer::Told { told, revision, .. } => (*told, *revision),
            KvAnswer::Response(response) => (Told::Done, response.revision),
            KvAnswer::Range { .. }
            | KvAnswer::Kept(_)
            | KvAnswer::Left(_)
            | KvAnswer::Watched { .. } => (Told::Done, 0),
        };
        self.newest = self.newest.max(revision);
        told
    }

    /// What a client knows.
    fn knows(&self, client: u64) -> Knows {
        self.clients.get(&client).copied().unwrap_or_else(Knows::nothing)
    }
}

fn at_index(index: Index) -> LogId {
    LogId::new(0, index)
}
