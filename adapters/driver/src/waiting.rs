//! Requests that wait for the state machine, and what becomes of them.

use std::collections::BTreeMap;

use quorate_core::{Index, LogId, RequestId, Term};

use crate::Outcome;

/// Proposals and reads that wait.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting {
    /// What stands in the log, by place: a place may be given anew by a later term.
    proposals: BTreeMap<(Index, Term), RequestId>,
    /// Confirmed reads, by the index they wait for.
    reads: BTreeMap<Index, Vec<RequestId>>,
}

impl Waiting {
    /// Proposals stand at `first` and behind it.
    pub(crate) fn accept(&mut self, requests: Vec<RequestId>, first: LogId) {
        for (request, index) in requests.into_iter().zip(first.index..) {
            self.proposals.insert((index, first.term), request);
        }
    }

    /// A read waits until `index` is applied.
    pub(crate) fn read(&mut self, request: RequestId, index: Index) {
        self.reads.entry(index).or_default().push(request);
    }

    /// Tells every proposal for this place what became of it.
    pub(crate) fn applied<R: Clone>(
        &mut self,
        log_id: LogId,
        response: &R,
        out: &mut Vec<Outcome<R>>,
    ) {
        while let Some((place, request)) = self.next_through(log_id.index) {
            out.push(if place == log_id {
                Outcome::Done { request, log_id, response: response.clone() }
            } else {
                Outcome::Replaced { request, by: log_id }
            });
        }
    }

    /// A snapshot stands for everything through `last`: what stood where is not known, unless terms
    /// tell, which never fall. Gives the number of those that are not known.
    pub(crate) fn installed<R>(&mut self, last: LogId, out: &mut Vec<Outcome<R>>) -> u64 {
        let mut unknown = 0;
        while let Some((place, request)) = self.next_through(last.index) {
            let is_replaced =
                place.term > last.term || (place.index == last.index && place.term != last.term);
            out.push(if is_replaced {
                Outcome::Replaced { request, by: last }
            } else {
                unknown += 1;
                Outcome::Unknown { request }
            });
        }
        unknown
    }

    fn next_through(&mut self, through: Index) -> Option<(LogId, RequestId)> {
        let first = self.proposals.first_entry().filter(|first| first.key().0 <= through)?;
        let (index, term) = *first.key();
        Some((LogId::new(term, index), first.remove()))
    }

    /// Everything through `index` is applied: reads that waited for it are ready.
    pub(crate) fn ready<R>(&mut self, index: Index, out: &mut Vec<Outcome<R>>) {
        while self.reads.first_key_value().is_some_and(|(waits_for, _)| *waits_for <= index) {
            let Some((index, requests)) = self.reads.pop_first() else { return };
            out.extend(requests.into_iter().map(|request| Outcome::ReadReady { request, index }));
        }
    }

    /// Takes out all proposals and all reads.
    pub(crate) fn take(&mut self) -> (Vec<RequestId>, Vec<RequestId>) {
        let proposals = std::mem::take(&mut self.proposals).into_values().collect();
        let reads = std::mem::take(&mut self.reads).into_values().flatten().collect();
        (proposals, reads)
    }
}
