//! Watches: no gap, no phantom, no repetition, no other order, however slowly they are read.

mod common;

use std::collections::BTreeMap;

use common::{Machine, command, range};
use proptest::prelude::*;
use quorate_kv::{
    Batch, Change, Command, KeyRange, KvError, RangeRequest, WatchId, WatchRequest, Watches,
};

#[derive(Clone, Debug)]
enum Step {
    Apply(Command),
    Begin(WatchRequest),
    /// One of the watches reads at most so much.
    Read(usize, u64),
    End(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let flags = any::<[bool; 3]>();
    let begin = (range(), 0_u64..16, flags).prop_map(|(range, from, [no_puts, rare, previous])| {
        let no_deletes = rare && !no_puts;
        let no_puts = no_puts && rare;
        Step::Begin(WatchRequest { range, from, no_puts, no_deletes, previous })
    });
    prop_oneof![
        6 => command().prop_map(Step::Apply),
        2 => begin,
        3 => (any::<usize>(), 0_u64..4).prop_map(|(which, limit)| Step::Read(which, limit)),
        1 => any::<usize>().prop_map(Step::End),
    ]
}

/// What a watch was to be told, and was told.
struct Twin {
    request: WatchRequest,
    from: u64,
    told: Vec<Change>,
    through: u64,
}

impl Twin {
    fn wants(&self, change: &Change) -> bool {
        let left_out =
            if change.now.is_none() { self.request.no_deletes } else { self.request.no_puts };
        !left_out && self.request.range.contains(&change.key)
    }

    /// Whether what was told is all there was, up to where it was read.
    fn check(&self, all: &[Change]) -> Result<(), TestCaseError> {
        let due = |change: &&Change| {
            (self.from..=self.through).contains(&change.revision) && self.wants(change)
        };
        let shown = |change: &Change| {
            let before = change.before.clone().filter(|_| self.request.previous);
            Change { before, ..change.clone() }
        };
        prop_assert_eq!(&self.told, &all.iter().filter(due).map(shown).collect::<Vec<_>>());
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_watch_is_told_each_change_once_and_in_order(
        steps in proptest::collection::vec(step(), 0..60),
    ) {
        let (mut machine, mut watches) = (Machine::default(), Watches::default());
        let mut twins: BTreeMap<WatchId, Twin> = BTreeMap::new();
        let mut all: Vec<Change> = Vec::new();
        for step in steps {
            let nth = |which: usize| twins.keys().nth(which % twins.len().max(1)).copied();
            match step {
                Step::Apply(command) => {
                    let before = machine.kv.revision();
                    machine.apply(&command);
                    all.extend(machine.kv.changes(before + 1).unwrap());
                    let idle: Vec<_> =
                        twins.iter().filter(|(_, twin)| twin.through == before).map(|(id, _)| *id).collect();
                    let woken = watches.publish(&machine.kv);
                    for id in idle {
                        let news = all.iter().any(|one| one.revision > before && one.revision >= twins[&id].from && twins[&id].wants(one));
                        prop_assert_eq!(woken.contains(&id), news);
                    }
                }
                Step::Begin(request) => {
                    let now = machine.kv.revision();
                    let from = if request.from == 0 { now + 1 } else { request.from };
                    match watches.begin(&machine.kv, request.clone()) {
                        Ok(id) => {
                            prop_assert!(from >= machine.kv.compacted() || from > now);
                            twins.insert(id, Twin { request, from, told: Vec::new(), through: 0 });
                        }
                        Err(error) => {
                            let is_compacted = matches!(error, KvError::Compacted { .. });
                            prop_assert!(is_compacted && from < machine.kv.compacted());
                        }
                    }
                }
                Step::Read(which, limit) => {
                    let Some(id) = nth(which) else { continue };
                    let Some(twin) = twins.get_mut(&id) else { continue };
                    match watches.read(&machine.kv, id, limit).unwrap() {
                        Ok(Batch { changes, through, more }) => {
                            prop_assert_eq!(more, through < machine.kv.revision());
                            twin.told.extend(changes);
                            twin.through = through;
                            twin.check(&all)?;
                        }
                        Err(_) => {
                            // Whether what it has not looked at was its business is not known.
                            let place = twin.from.max(twin.through + 1);
                            prop_assert!(place < machine.kv.compacted());
                            watches.end(id);
                            twins.remove(&id);
                        }
                    }
                }
                Step::End(which) => {
                    if let Some(id) = nth(which) {
                        watches.end(id);
                        twins.remove(&id);
                        prop_assert_eq!(watches.read(&machine.kv, id, 1), None);
                    }
                }
            }
        }
        prop_assert_eq!(watches.len(), twins.len() as u64);
        for (id, mut twin) in twins {
            while let Ok(batch) = watches.read(&machine.kv, id, 2).unwrap() {
                twin.told.extend(batch.changes);
                twin.through = batch.through;
                if !batch.more {
                    twin.check(&all)?;
                    break;
                }
            }
        }
    }
}

#[test]
fn a_watch_that_is_lost_is_taken_up_behind_what_it_was_told() {
    let mut machine = Machine::default();
    let mut watches = Watches::default();
    let id = watches.begin(&machine.kv, WatchRequest::new(KeyRange::prefix("a"))).unwrap();
    for key in ["a1", "b", "a2"] {
        machine.apply(&Command::put(key, "x"));
        watches.publish(&machine.kv);
    }
    let first = watches.read(&machine.kv, id, 1).unwrap().unwrap();
    assert_eq!((first.changes.len(), first.through, first.more), (1, 2, true));
    // On another node, from its own snapshot.
    let other = machine.reborn();
    let mut watches = Watches::default();
    let request =
        WatchRequest { from: first.through + 1, ..WatchRequest::new(KeyRange::prefix("a")) };
    let id = watches.begin(&other.kv, request).unwrap();
    let rest = watches.read(&other.kv, id, 9).unwrap().unwrap();
    assert_eq!(rest.changes.iter().map(|one| one.key.as_ref()).collect::<Vec<_>>(), [b"a2"]);
    assert_eq!((rest.through, rest.more), (4, false));
}

#[test]
fn an_installed_snapshot_hides_no_change() {
    let mut ahead = Machine::default();
    let mut behind = ahead.clone();
    let mut watches = Watches::default();
    let id = watches.begin(&behind.kv, WatchRequest::new(KeyRange::key("a"))).unwrap();
    for value in ["1", "2", "3"] {
        ahead.apply(&Command::put("a", value));
    }
    behind = ahead.reborn();
    assert_eq!(watches.reset(&behind.kv), [id]);
    let told = watches.read(&behind.kv, id, 9).unwrap().unwrap();
    assert_eq!(told.changes.len(), 3);
    // Compacted on the way: it is told so.
    ahead.apply(&Command::put("a", "4"));
    ahead.apply(&Command::put("a", "5"));
    ahead.apply(&Command::Compact { revision: 6 });
    behind = ahead.reborn();
    watches.reset(&behind.kv);
    let lost = watches.read(&behind.kv, id, 9).unwrap();
    assert_eq!(lost, Err(KvError::Compacted { asked: 5, compacted: 6 }));
}

#[test]
fn a_watch_that_missed_nothing_is_not_lost_to_a_compaction() {
    let mut machine = Machine::default();
    let mut watches = Watches::default();
    let id = watches.begin(&machine.kv, WatchRequest::new(KeyRange::key("a"))).unwrap();
    for value in ["1", "2", "3"] {
        machine.apply(&Command::put("b", value));
        assert_eq!(watches.publish(&machine.kv), []);
    }
    machine.apply(&Command::Compact { revision: 4 });
    // A snapshot of a state that is one change ahead.
    let mut ahead = machine.clone();
    ahead.apply(&Command::put("a", "1"));
    assert_eq!(watches.reset(&ahead.kv), [id]);
    let told = watches.read(&ahead.kv, id, 9).unwrap().unwrap();
    assert_eq!((told.changes.len(), told.through), (1, 5));
}

#[test]
fn a_watch_that_wants_little_of_a_long_history_looks_through_it_bit_by_bit() {
    let mut machine = Machine::default();
    for number in 0..5_000 {
        let key = if number % 2_000 == 1_999 { "rare" } else { "often" };
        machine.apply(&Command::put(key, "1"));
    }
    let mut watches = Watches::default();
    let request = WatchRequest { from: 1, ..WatchRequest::new(KeyRange::key("rare")) };
    let id = watches.begin(&machine.kv, request).expect("kept");
    let (mut told, mut reads, mut through) = (Vec::new(), 0, 0);
    loop {
        let batch = watches.read(&machine.kv, id, 100).expect("it runs").expect("kept");
        assert!(batch.through > through, "it goes on");
        through = batch.through;
        told.extend(batch.changes.into_iter().map(|change| change.revision));
        reads += 1;
        if !batch.more {
            break;
        }
    }
    assert_eq!(told, [2_001, 4_001]);
    assert!(reads >= 5, "{reads}");
    assert_eq!(through, machine.kv.revision());
}

#[test]
fn a_view_stays_as_it_was() {
    let mut machine = Machine::default();
    machine.apply(&Command::put("a", "1"));
    let view = machine.kv.view();
    machine.apply(&Command::put("a", "2"));
    machine.apply(&Command::put("b", "1"));
    let read = view.range(&RangeRequest::new(KeyRange::ALL)).expect("it can be read");
    assert_eq!(view.revision(), 2);
    assert_eq!(read.keys.len(), 1);
    assert_eq!(read.keys[0].value, "1");
    assert!(machine.kv.is_wide(&KeyRange::ALL, 1));
    assert!(!machine.kv.is_wide(&KeyRange::ALL, 2));
}
