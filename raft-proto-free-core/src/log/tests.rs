//! The log beside a dumb twin: a list of entries, of which the last ones are in memory.

use alloc::{sync::Arc, vec, vec::Vec};

use proptest::prelude::*;

use super::Log;
use crate::{
    batch::{Batch, Commands},
    configuration::Configuration,
    entries::{Entries, Payload},
    hashed::hash,
    summary::LogSummary,
    types::{Index, LogId, NodeId, Term},
};

#[derive(Clone, Debug)]
enum Operation {
    /// Terms grow by the first; the sizes of commands, 0 for a configuration.
    Append(u64, Vec<u8>),
    TruncateFrom(u64),
    Discard(u64),
    /// To behind the end, as a snapshot does.
    Replace(u64),
    Evict(u64, u64),
    Rest(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        8 => (0u64..3, prop::collection::vec(0u8..30, 1..5))
            .prop_map(|(term, sizes)| Operation::Append(term, sizes)),
        2 => (0u64..12).prop_map(Operation::TruncateFrom),
        1 => (0u64..12).prop_map(Operation::Discard),
        1 => (0u64..4).prop_map(Operation::Replace),
        1 => (0u64..12, 0u64..300).prop_map(|(durable, limit)| Operation::Evict(durable, limit)),
        1 => (0u64..12).prop_map(Operation::Rest),
    ]
}

#[derive(Debug, Default)]
struct Twin {
    base: LogId,
    entries: Vec<(LogId, Payload)>,
    /// The first entry in memory.
    cached: Index,
}

impl Twin {
    fn last(&self) -> LogId {
        self.entries.last().map_or(self.base, |(log_id, _)| *log_id)
    }

    fn term_at(&self, index: Index) -> Option<Term> {
        let found = self.entries.iter().map(|(log_id, _)| *log_id).chain([self.base]);
        found.into_iter().find(|log_id| log_id.index == index).map(|log_id| log_id.term)
    }

    fn in_memory(&self) -> impl Iterator<Item = &(LogId, Payload)> {
        self.entries.iter().filter(|(log_id, _)| log_id.index >= self.cached)
    }

    fn cost(&self) -> u64 {
        self.in_memory().map(|(_, payload)| payload.cost()).sum()
    }

    fn drop_first(&mut self, durable: Index) -> bool {
        let may = self.in_memory().next().is_some_and(|(log_id, _)| log_id.index <= durable);
        self.cached += u64::from(may);
        may
    }

    fn evict(&mut self, durable: Index, limit: u64) {
        if self.cost() <= limit {
            return;
        }
        while self.cost() > limit - limit / 8 && self.drop_first(durable) {}
    }

    fn discard(&mut self, log_id: LogId) {
        if log_id.index < self.base.index {
            return;
        }
        if self.term_at(log_id.index) != Some(log_id.term) {
            self.entries.clear();
        }
        self.entries.retain(|(kept, _)| kept.index > log_id.index);
        self.base = log_id;
        self.cached = self.cached.max(log_id.index + 1).min(self.last().index + 1);
    }
}

fn payload(size: u8) -> Payload {
    match size {
        0 => Payload::Configuration(Arc::new(Configuration::new([NodeId::of(1)]))),
        1 => Payload::Noop,
        size => Payload::Command(vec![size; usize::from(size)].into()),
    }
}

fn both(log: &mut Log, twin: &mut Twin, what: Operation) {
    let (base, last) = (twin.base.index, twin.last());
    match what {
        Operation::Append(leap, sizes) => {
            let first = LogId::new((last.term + leap).max(1), last.index + 1);
            let payloads: Vec<Payload> = sizes.into_iter().map(payload).collect();
            for (payload, index) in payloads.iter().zip(first.index..) {
                twin.entries.push((LogId::new(first.term, index), payload.clone()));
            }
            log.append(Batch::new(first, Commands::from(payloads)).expect("not empty"));
        }
        Operation::TruncateFrom(back) => {
            let from = last.index.saturating_sub(back).max(base) + 1;
            twin.entries.retain(|(log_id, _)| log_id.index < from);
            twin.cached = twin.cached.min(twin.last().index + 1);
            log.truncate_from(from);
        }
        Operation::Discard(on) => {
            let index = (base + on).min(last.index);
            let log_id = LogId::new(twin.term_at(index).expect("in the log"), index);
            twin.discard(log_id);
            log.discard_through(log_id);
            // What lies before the base is gone already.
            if log_id.index > 1 {
                twin.discard(LogId::new(1, log_id.index - 1));
                log.discard_through(LogId::new(1, log_id.index - 1));
            }
        }
        Operation::Replace(on) => {
            let log_id = LogId::new(last.term + 1, last.index + on);
            twin.discard(log_id);
            log.discard_through(log_id);
        }
        Operation::Evict(back, limit) => {
            let durable = last.index.saturating_sub(back);
            twin.evict(durable, limit);
            log.evict(durable, limit);
        }
        Operation::Rest(back) => {
            let durable = last.index.saturating_sub(back);
            while twin.drop_first(durable) {}
            log.rest(durable);
            assert_eq!(log.cached.is_empty(), twin.in_memory().next().is_none());
        }
    }
}

fn list(entries: &Entries) -> Vec<(LogId, Payload)> {
    entries.iter().map(|entry| (entry.log_id, entry.payload.clone())).collect()
}

/// The first, and what follows while the cost is within `max_cost`.
fn read(twin: &Twin, from: Index, through: Index, max_cost: u64) -> Option<Vec<(LogId, Payload)>> {
    let found: Vec<_> = twin.in_memory().filter(|(log_id, _)| log_id.index >= from).collect();
    found.first().filter(|(first, _)| first.index == from)?;
    let mut left = max_cost;
    let mut taken = Vec::new();
    for (log_id, payload) in found {
        let is_first = taken.is_empty();
        if !is_first && (log_id.index > through || payload.cost() > left) {
            break;
        }
        left = left.saturating_sub(payload.cost());
        taken.push((*log_id, payload.clone()));
    }
    Some(taken)
}

fn compare(log: &Log, twin: &Twin) {
    assert!(log.is_sound(), "{log:?}");
    assert_eq!((log.base(), log.last()), (twin.base, twin.last()));
    assert_eq!((log.first_cached(), log.cached_bytes()), (twin.cached, twin.cost()));
    let first = twin.base.index.saturating_sub(1);
    for index in first..=twin.last().index + 1 {
        let term = twin.term_at(index);
        assert_eq!(log.term_at(index), term, "{index}");
        assert!(!log.holds(LogId::new(term.unwrap_or(0) + 1, index)));
        assert_eq!(log.holds(LogId::new(term.unwrap_or(9), index)), term.is_some());
        compare_run(log.summary(), twin, index);
        compare_search(log.summary(), twin, index);
        let newest = read(twin, index, Index::MAX, u64::MAX);
        let found = log.newest(index);
        assert_eq!((!found.is_empty()).then(|| list(&found)), newest);
        for (through, cost) in [(index, 0), (index + 2, 60), (index + 5, 200), (Index::MAX, 90)] {
            let found = log.read(index, through, cost);
            assert_eq!(found.as_ref().map(list), read(twin, index, through, cost));
        }
    }
    let configurations: Vec<Index> = (twin.entries.iter())
        .filter(|(_, payload)| matches!(payload, Payload::Configuration(_)))
        .map(|(log_id, _)| log_id.index)
        .collect();
    assert!(log.summary().configurations().iter().map(|(index, _)| *index).eq(configurations));
    compare_rebuilt(log, twin);
}

fn compare_run(summary: &LogSummary, twin: &Twin, index: Index) {
    let entry = twin.entries.iter().find(|(log_id, _)| log_id.index == index);
    let expected = entry.map(|(found, _)| {
        let run = twin.entries.iter().filter(|(log_id, _)| log_id.term == found.term);
        (found.term, run.last().expect("itself").0.index)
    });
    assert_eq!(summary.run_at(index), expected);
}

fn compare_search(summary: &LogSummary, twin: &Twin, index: Index) {
    for term in 0..=twin.last().term + 1 {
        let within = twin.entries.iter().map(|(log_id, _)| *log_id);
        let expected = within.filter(|id| id.term <= term && id.index <= index).last();
        let found = summary.last_not_beyond(LogId::new(term, index));
        assert_eq!(found, expected.unwrap_or(twin.base));
    }
}

/// A log with the same entries, one batch each, is equal; one with another last entry is not.
fn compare_rebuilt(log: &Log, twin: &Twin) {
    let built = |entries: &[(LogId, Payload)]| {
        let mut all = Entries::new();
        for (log_id, payload) in entries {
            all.append(*log_id, payload.clone().into()).expect("in order");
        }
        let mut built = Log::new(LogSummary::new(twin.base));
        all.batches().iter().for_each(|batch| built.append(batch.clone()));
        built.forget_through(twin.cached - 1);
        built
    };
    let same = built(&twin.entries);
    assert!(same == *log);
    assert_eq!(hash(&same), hash(log));
    let matches = |entries: &[(LogId, Payload)]| {
        let whole = built(entries).summary().clone();
        let mut read = Entries::new();
        for (log_id, payload) in &twin.entries {
            read.append(*log_id, payload.clone().into()).expect("in order");
        }
        whole.matches(&read)
    };
    assert!(matches(&twin.entries));
    if let Some(((last, _), others)) = twin.entries.split_last() {
        let mut other = others.to_vec();
        other.push((*last, Payload::Command(vec![9; 40].into())));
        assert!(built(&other) != *log || last.index < twin.cached);
        other.pop();
        other.push((LogId::new(last.term + 1, last.index), Payload::Noop));
        assert!(built(&other) != *log);
        assert_ne!(hash(&built(&other)), hash(log));
        assert!(!matches(&other));
        assert!(!matches(others));
    }
}

proptest! {
    #[test]
    fn it_holds_what_the_twin_holds(
        base in 0u64..3,
        list in prop::collection::vec(operation(), 0..20),
    ) {
        let base = if base == 0 { LogId::ZERO } else { LogId::new(base, base * 2) };
        let mut twin = Twin { base, entries: Vec::new(), cached: base.index + 1 };
        let mut log = Log::new(LogSummary::new(base));
        for what in list {
            both(&mut log, &mut twin, what);
            compare(&log, &twin);
        }
    }
}

#[test]
fn parts_that_disagree_are_seen() {
    let batch = |term, index, count: usize| {
        let payloads: Vec<Payload> = vec![payload(5); count];
        Batch::new(LogId::new(term, index), Commands::from(payloads)).expect("not empty")
    };
    let sound = || {
        let mut log = Log::new(LogSummary::default());
        for (term, index, count) in [(1, 1, 2), (1, 3, 2), (2, 5, 2)] {
            log.append(batch(term, index, count));
        }
        log
    };
    let broken = |breaks: &dyn Fn(&mut Log)| {
        let mut log = sound();
        breaks(&mut log);
        !log.is_sound()
    };
    assert!(!broken(&|_| {}));
    assert!(broken(&|log| log.cached_bytes += 1));
    let replace = |log: &mut Log, place: usize, other: Batch| {
        log.cached.iter_mut().nth(place).into_iter().for_each(|batch| *batch = other.clone());
        log.cached_bytes = log.cached.iter().map(Batch::cost).sum();
    };
    assert!(!broken(&|log| replace(log, 1, batch(1, 3, 2))));
    assert!(broken(&|log| replace(log, 1, batch(2, 3, 2))), "another term");
    assert!(broken(&|log| replace(log, 1, batch(1, 4, 1))), "a hole");
    assert!(broken(&|log| replace(log, 1, batch(1, 3, 3))), "it reaches into the next run");
    assert!(broken(&|log| replace(log, 2, batch(2, 5, 1))), "the last is missing");
    assert!(broken(&|log| replace(log, 2, batch(2, 7, 1))), "of no run");
    let lost = |log: &mut Log| {
        log.cached_bytes -= log.cached.pop_back().expect("the last").cost();
    };
    assert!(broken(&lost), "what is in memory ends with the last entry");
    let first = |log: &mut Log| {
        log.cached_bytes -= log.cached.pop_front().expect("the first").cost();
    };
    assert!(!broken(&first), "but may begin anywhere");
}
