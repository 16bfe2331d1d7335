//! Each rule of the judge is shown what must not be, and says so; and what was mended in the machine
//! stays mended.

use bytes::Bytes;
use quorate_core::{EntryRef, LogId, Payload};
use quorate_driver::StateMachine;
use quorate_kv::{
    Batch, Change, Command, KeyRange, Kv, KvError, LeaseId, RangeRequest, Response, WatchRequest,
};

use super::{judge::Judge, *};
use crate::{profile::MILLISECOND, world::Recipe};

/// A judge of a run without faults, and a machine beside it.
struct Bench {
    judge: Judge,
    kv: Kv,
    index: u64,
    now: u64,
}

impl Bench {
    fn new() -> Bench {
        let settings = crate::case::Case::new(Recipe::new(1)).settings;
        let families = crate::profile::Families::default();
        let judge = Judge::new(&Settings { families, ..settings });
        Bench { judge, kv: Kv::default(), index: 0, now: 0 }
    }

    /// Applies a command to the machine, and lets `change` have a hand in it.
    fn run_with(
        &mut self,
        command: &Command,
        change: impl FnOnce(&mut Kv, &mut Response),
    ) -> Result<(), Violation> {
        self.index += 1;
        let payload = Payload::Command(command.encode().unwrap());
        let entry = EntryRef { log_id: LogId::new(1, self.index), payload: &payload };
        let mut response = self.kv.apply_entry(entry);
        change(&mut self.kv, &mut response);
        self.judge.entry(entry, &response, &self.kv, self.now)
    }

    fn run(&mut self, command: &Command) -> Result<(), Violation> {
        self.run_with(command, |_, _| {})
    }
}

fn rule(result: Result<(), Violation>) -> &'static str {
    match result {
        Ok(()) => "none",
        Err(Violation::Model { rule, .. }) => rule,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn an_entry_that_does_not_do_what_it_means() {
    let mut bench = Bench::new();
    assert_eq!(bench.run(&Command::put("a", "1")), Ok(()));
    let answers = bench.run_with(&Command::put("a", "2"), |_, response| response.revision += 1);
    assert_eq!(rule(answers), "meaning");
    let mut bench = Bench::new();
    let forgets = bench.run_with(&Command::put("a", "1"), |kv, _| *kv = Kv::default());
    assert_eq!(rule(forgets), "meaning");
    // The same of a state that is alike but for a value.
    let (mut bench, mut other) = (Bench::new(), Bench::new());
    assert_eq!(bench.run(&Command::put("a", "1")), Ok(()));
    assert_eq!(other.run(&Command::put("a", "2")), Ok(()));
    assert_eq!(bench.judge.finished(&bench.kv), Ok(()));
    assert_eq!(rule(bench.judge.finished(&other.kv)), "meaning");
}

#[test]
fn an_answer_that_the_entry_did_not_give_and_a_read_that_shows_another_state() {
    let mut bench = Bench::new();
    bench.run(&Command::put("a", "1")).unwrap();
    bench.run(&Command::put("a", "2")).unwrap();
    let response = bench.kv.clone().apply_entry(EntryRef {
        log_id: LogId::new(1, 3),
        payload: &Payload::Command(Command::put("a", "3").encode().unwrap()),
    });
    assert_eq!(rule(bench.judge.told(0, 2, answer::hash(&response))), "answers");
    let request = RangeRequest::new(KeyRange::ALL);
    let shown = bench.kv.range(&request);
    assert_eq!(bench.judge.read(&request, 2, 3, &shown), Ok(()));
    assert_eq!(rule(bench.judge.read(&request, 1, 2, &shown)), "reads");
    let late = RangeRequest { revision: 9, ..request };
    let refused = Err(KvError::FutureRevision { asked: 9, current: 3 });
    assert_eq!(bench.judge.read(&late, 2, 3, &refused), Ok(()));
}

#[test]
fn puts_without_space_change_nothing_until_some_is_free() {
    let mut bench = Bench::new();
    let puts = |bench: &mut Bench, key: &'static str| {
        let mut taken = None;
        let put = Command::put(key, "1");
        let judged = bench.run_with(&put, |_, response| taken = response.outcome.clone());
        assert_eq!(judged, Ok(()));
        matches!(taken, Some(Ok(_)))
    };
    let compacts = |bench: &mut Bench| {
        let revision = bench.kv.revision();
        assert_eq!(bench.run(&Command::Compact { revision }), Ok(()));
    };
    // Three keys fit.
    assert_eq!(bench.run(&Command::SetQuota { bytes: 500 }), Ok(()));
    assert_eq!(["a", "b", "c", "d"].map(|key| puts(&mut bench, key)), [true, true, true, false]);
    for key in ["a", "b"] {
        assert_eq!(bench.run(&Command::delete(key)), Ok(()));
        assert!(!puts(&mut bench, "d"), "what is gone is kept");
    }
    compacts(&mut bench);
    assert!(!puts(&mut bench, "d"), "less than a tenth is free");
    assert_eq!(bench.run(&Command::delete("c")), Ok(()));
    compacts(&mut bench);
    assert_eq!(["d", "e"].map(|key| puts(&mut bench, key)), [true, false]);
    assert_eq!(bench.run(&Command::SetQuota { bytes: 0 }), Ok(()));
    assert!(puts(&mut bench, "e"), "without a limit");
    let reached = |mark| bench.judge.reached().iter().any(|(one, _)| *one == mark);
    assert!(reached(Mark::QuotaReached) && reached(Mark::QuotaFreed));
    assert_eq!(bench.judge.finished(&bench.kv), Ok(()));
}

#[test]
fn a_quota_that_one_machine_does_not_keep() {
    let mut bench = Bench::new();
    bench.run(&Command::SetQuota { bytes: 200 }).unwrap();
    bench.run(&Command::put("a", "1")).unwrap();
    let mut other = bench.kv.clone();
    let refused = Command::put("b", "1");
    let payload = Payload::Command(refused.encode().unwrap());
    let set = Payload::Command(Command::SetQuota { bytes: 0 }.encode().unwrap());
    for (index, payload) in [(3, &set), (4, &payload)] {
        other.apply_entry(EntryRef { log_id: LogId::new(1, index), payload });
    }
    let takes = bench.run_with(&refused, |kv, _| *kv = other);
    assert_eq!(rule(takes), "meaning");
}

#[test]
fn a_lease_that_the_log_ends_early_and_one_that_never_ends() {
    let mut bench = Bench::new();
    let lease = LeaseId(1);
    bench.run(&Command::LeaseGrant { lease, ttl_ms: 500 }).unwrap();
    bench.judge.promises.promised(lease, 500, 0).unwrap();
    assert!(bench.judge.unfinished().is_some());
    bench.now = 499 * MILLISECOND;
    let expire = Command::LeaseExpire { term: 1, applied: 1, leases: vec![lease] };
    assert_eq!(rule(bench.run(&expire)), "lease");
    assert_eq!(bench.judge.unfinished(), None);
}

#[test]
fn a_watch_with_a_gap_a_phantom_a_repetition_or_another_order() {
    let mut bench = Bench::new();
    for key in ["a", "b", "a"] {
        bench.run(&Command::put(key, "1")).unwrap();
    }
    let request = WatchRequest { from: 2, ..WatchRequest::new(KeyRange::ALL) };
    let all: Vec<Change> =
        bench.kv.changes(2).unwrap().map(|change| Change { before: None, ..change }).collect();
    let mut told = |changes: &[&Change], through| {
        let changes = changes.iter().copied().cloned().collect();
        let batch = Batch { changes, through, more: false };
        bench.judge.watched(3, &request, &Ok(batch)).map(drop)
    };
    let [one, two, three] = [0, 1, 2].map(|at| &all[at]);
    assert_eq!(told(&[one, two, three], 4), Ok(()));
    assert_eq!(told(&[one], 2), Ok(()));
    let phantom = Change { key: Bytes::from_static(b"z"), ..two.clone() };
    for wrong in [
        (vec![one, three], 4),
        (vec![one, two], 4),
        (vec![one, &phantom, three], 4),
        (vec![one, one, two, three], 4),
        (vec![two, one, three], 4),
        (vec![one, two, three], 5),
    ] {
        assert_eq!(rule(told(&wrong.0, wrong.1)), "watches", "{wrong:?}");
    }
    let lost = Err(KvError::Compacted { asked: 2, compacted: 3 });
    assert_eq!(rule(bench.judge.watched(3, &request, &lost).map(drop)), "watches");
    bench.run(&Command::Compact { revision: 3 }).unwrap();
    assert_eq!(bench.judge.watched(3, &request, &lost), Ok(3));
}
