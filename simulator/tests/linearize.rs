//! The black-box check of histories beside another one, which knows nothing of it.
//!
//! `porcupine-rs` has `criterion` among its own dependencies, and no feature that leaves it out (0.3.0, the
//! newest); it is a dependency of tests alone, and nothing that is shipped is built with it.

use porcupine_rs::Model;
use proptest::prelude::*;
use quorate_core::LogId;
use quorate_sim::{
    history::{Ask, Operation, Told, Value},
    linearize::{Verdict, judge},
};

/// The most operations of a history.
const LONGEST: usize = 40;
/// More steps than any such history takes.
const STEPS: u64 = 10_000_000;

/// One key, as the other checker has it: what may follow from which value.
#[derive(Clone)]
struct Key;

impl Model for Key {
    type State = Option<Value>;
    type Op = (Ask, Told);
    type Metadata = ();

    fn init() -> Option<Value> {
        None
    }

    fn step(value: &Option<Value>, (ask, told): &(Ask, Told)) -> (bool, Option<Value>) {
        match (ask, told) {
            (Ask::Get, Told::Got(read)) => (read == value, *value),
            (Ask::Get, _) => (true, *value),
            (Ask::Put(written), _) => (true, Some(*written)),
            (Ask::Delete, Told::Removed { existed }) => (value.is_some() == *existed, None),
            (Ask::Delete, _) => (true, None),
        }
    }
}

/// What the other one says. An operation without an answer may come after all others, where nobody
/// can tell whether it was done.
fn other(history: &[Operation]) -> bool {
    let told: Vec<porcupine_rs::Operation<Key>> = history
        .iter()
        .filter(|operation| operation.told != Told::Never)
        .map(|operation| porcupine_rs::Operation {
            client_id: None,
            call_time: operation.invoked as i64,
            return_time: i64::try_from(operation.returned).unwrap_or(i64::MAX),
            op: (operation.ask, operation.told),
            metadata: None,
        })
        .collect();
    porcupine_rs::check_operations(&told)
}

fn ours(history: &[Operation]) -> bool {
    match judge(history, STEPS) {
        Verdict::Linearizable => true,
        Verdict::Not { .. } => false,
        Verdict::GivenUp { steps } => panic!("given up after {steps} steps"),
    }
}

/// An operation: what kind, when it begins, when it takes effect and when it ends, and what becomes of
/// its answer.
type Draft = (u8, u64, u64, u64, u8);

fn drafts() -> impl Strategy<Value = Vec<Draft>> {
    // The narrower the time, the more operations overlap: both checkers take exponentially long in
    // those that do, of which a run has as many as it has clients.
    let shapes = prop_oneof![Just((20_u64, 10)), Just((100, 16)), Just((600, LONGEST))];
    shapes.prop_flat_map(|(time, longest)| {
        let draft = (0..10_u8, 0..time, 0..30_u64, 0..30_u64, 0..10_u8);
        proptest::collection::vec(draft, 0..longest)
    })
}

/// What clients of a faultless key see: each operation takes effect at one moment of its own.
fn good(drafts: &[Draft]) -> Vec<Operation> {
    let count = drafts.len() as u64;
    // Moments are distinct, as in a run.
    let moment = |at: u64, number: u64, part: u64| (at * count + number) * 3 + part + 1;
    let mut order: Vec<(u64, u64)> = drafts
        .iter()
        .zip(0..)
        .map(|((_, begin, until, _, _), number)| (moment(begin + until, number, 1), number))
        .collect();
    order.sort_unstable();
    let mut value = None;
    let mut history = Vec::new();
    for (_, number) in order {
        let (kind, begin, until, rest, fate) = drafts[number as usize];
        let returned = moment(begin + until + rest, number, 2);
        let is_lost = fate == 0;
        let is_done = !is_lost || rest % 2 == 0;
        let (ask, told, after) = match kind {
            0..=3 => (Ask::Put(number), Told::Done, Some(number)),
            4 => (Ask::Delete, Told::Removed { existed: value.is_some() }, None),
            5 => (Ask::Delete, Told::Done, None),
            _ => (Ask::Get, Told::Got(value), value),
        };
        value = if is_done { after } else { value };
        history.push(Operation {
            client: 0,
            key: 0,
            ask,
            invoked: moment(begin, number, 0),
            returned: if is_lost { u64::MAX } else { returned },
            told: if is_lost { Told::Unknown } else { told },
            place: LogId::ZERO,
        });
    }
    history.sort_by_key(|operation| operation.invoked);
    history
}

/// The same with a few answers that somebody else should have got.
fn meddled(mut history: Vec<Operation>, edits: &[(usize, u64)]) -> Vec<Operation> {
    let count = history.len();
    for (place, drawn) in edits {
        let Some(operation) = history.get_mut(place % count.max(1)) else { continue };
        match &mut operation.told {
            Told::Got(read) => *read = drawn.checked_sub(1),
            Told::Removed { existed } => *existed = !*existed,
            Told::Done if drawn % 3 == 0 => {
                (operation.told, operation.returned) = (Told::Unknown, u64::MAX);
            }
            Told::Done if drawn % 3 == 1 && operation.ask != Ask::Delete => {
                operation.told = Told::Never;
            }
            Told::Done | Told::Unknown | Told::Never => {}
        }
    }
    history
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1_000) })]

    #[test]
    fn both_take_what_a_faultless_key_gave(drafts in drafts()) {
        let history = good(&drafts);
        prop_assert!(ours(&history), "{history:?}");
        prop_assert!(other(&history), "{history:?}");
    }

    #[test]
    fn both_say_the_same_of_answers_that_were_meddled_with(
        drafts in drafts(),
        edits in proptest::collection::vec((0..LONGEST, 0..LONGEST as u64), 1..4),
    ) {
        let history = meddled(good(&drafts), &edits);
        prop_assert_eq!(ours(&history), other(&history), "{:?}", history);
    }
}

/// The comparison is worth something only where both answers are common.
#[test]
fn both_answers_are_common_among_the_compared() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    let edits = proptest::collection::vec((0..LONGEST, 0..LONGEST as u64), 1..4);
    let strategy = (drafts(), edits);
    let mut runner = TestRunner::deterministic();
    let mut seen = [0, 0];
    for _ in 0..500 {
        let (drafts, edits) = strategy.new_tree(&mut runner).expect("a history").current();
        seen[usize::from(ours(&meddled(good(&drafts), &edits)))] += 1;
    }
    assert!(seen.iter().all(|count| *count >= 100), "{seen:?}");
}
