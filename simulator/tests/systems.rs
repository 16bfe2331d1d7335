//! Systems of one's own: what breaks a rule of theirs is convicted, shrunk, written and replayed.

use bytes::Bytes;
use quorate_core::{EntryRef, Payload};
use quorate_driver::{InstallError, SerializeState, StateMachine};
use quorate_sim::{
    campaign::{Campaign, Results},
    file,
    oracle::{Property, Violation},
    plan::{Fault, Pattern, Plan, Planned, Target, When},
    profile::{MILLISECOND, Profile, SECOND},
    run::{Options, replay},
    system::{Asked, Change, Draw, End, System, Turn, Wanted},
};
use serde::{Deserialize, Serialize};

/// What is wrong with a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bug {
    None,
    /// Its state machines count from another number in every life.
    StartsElsewhere,
    /// It answers with something that an addition cannot give.
    OddAnswer,
    /// A snapshot is one short.
    ShortSnapshot,
    /// Readers are told nothing.
    EmptyRead,
    /// Its oracle is not content with how it ends.
    BadEnd,
    /// It adds in one entry what no oracle allows.
    Leaps,
}

/// Counts what clients add.
#[derive(Clone, Debug)]
struct Counter {
    sum: u64,
    bug: Bug,
}

impl StateMachine for Counter {
    type Response = Option<u64>;

    fn apply_entry(&mut self, entry: EntryRef<'_>) -> Option<u64> {
        let Payload::Command(bytes) = entry.payload else { return None };
        self.sum += u64::from(*bytes.first()?);
        if self.bug == Bug::Leaps && entry.log_id.index == 20 {
            self.sum += 1_000;
        }
        if self.bug == Bug::OddAnswer { None } else { Some(self.sum) }
    }

    fn snapshot(&self) -> SerializeState {
        let short = u64::from(self.bug == Bug::ShortSnapshot);
        let sum = self.sum.saturating_sub(short);
        Box::new(move || sum.to_be_bytes().to_vec())
    }

    fn install(&mut self, bytes: Bytes) -> Result<(), InstallError> {
        let bytes = bytes[..].try_into().map_err(|_| InstallError("no counter".into()))?;
        self.sum = u64::from_be_bytes(bytes);
        Ok(())
    }
}

/// An addition of `by`; of 0, a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Add {
    by: u8,
}

/// The oracle: no sum is larger than what was asked for, no entry adds more than 9, and a read sees
/// what had ended before it began.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Counting {
    bug: Bug,
    asked: u64,
    /// The largest sum of which anybody was told.
    told: u64,
    /// The same when each operation began.
    floors: Vec<u64>,
    /// By node: what its state machine held last.
    sums: Vec<u64>,
}

fn counting(bug: Bug) -> Counting {
    Counting { bug, asked: 0, told: 0, floors: Vec::new(), sums: vec![0; 8] }
}

impl System for Counting {
    const NAME: &'static str = "counter";
    type Machine = Counter;
    type Operation = Add;
    type Answer = u64;

    fn machine(&self) -> Counter {
        let elsewhere = self.bug == Bug::StartsElsewhere;
        Counter { sum: if elsewhere { self.asked } else { 0 }, bug: self.bug }
    }

    fn draw(&self, turn: &Turn<'_>, draw: &mut Draw<'_>) -> Add {
        let is_question = turn.wanted == Wanted::Read || draw.below(2) == 1;
        let by = 1 + draw.below(9) as u8;
        Add { by: if is_question && turn.wanted != Wanted::Write { 0 } else { by } }
    }

    fn is_read(&self, add: &Add) -> bool {
        add.by == 0
    }

    fn command(&self, asked: &Asked<'_, Add>) -> Bytes {
        vec![asked.operation.by].into()
    }

    fn answer(&self, _: &Add, response: &Option<u64>) -> Option<u64> {
        *response
    }

    fn read(&self, counter: &Counter, _: &Add) -> u64 {
        if self.bug == Bug::EmptyRead { 0 } else { counter.sum }
    }

    fn simpler(&self, add: &Add) -> Vec<Add> {
        if add.by > 1 { vec![Add { by: 1 }] } else { Vec::new() }
    }

    fn begun(&mut self, asked: &Asked<'_, Add>, _: u64) {
        self.asked += u64::from(asked.operation.by);
        self.floors.push(self.told);
    }

    fn ended(&mut self, asked: &Asked<'_, Add>, end: &End<u64>, _: u64) -> Result<(), Violation> {
        let (End::Wrote { answer, .. } | End::Read { answer, .. }) = end else { return Ok(()) };
        self.told = self.told.max(*answer);
        let floor = self.floors[asked.index];
        if *answer >= floor {
            return Ok(());
        }
        Err(Violation::model("reads", format!("{answer}, though {floor} was told before")))
    }

    fn changed(
        &mut self,
        node: u64,
        change: &Change<'_, Option<u64>>,
        counter: &Counter,
    ) -> Result<(), Violation> {
        let before = std::mem::replace(&mut self.sums[node as usize], counter.sum);
        let leap = counter.sum.abs_diff(before);
        if matches!(change, Change::Entry { entry, .. } if entry.log_id.index > 1) && leap > 9 {
            return Err(Violation::model("steps", format!("node {node} adds {leap} at once")));
        }
        Ok(())
    }

    fn finished(&mut self, counter: &Counter) -> Result<(), Violation> {
        if counter.sum <= self.asked && self.bug != Bug::BadEnd {
            return Ok(());
        }
        Err(Violation::model("sum", format!("{} of {}", counter.sum, self.asked)))
    }
}

fn campaign(bug: Bug) -> Campaign<Counting> {
    let campaign = Campaign::of(counting(bug)).seeds(0..40).profile(Profile::Crashes);
    let often = |case: &mut quorate_sim::case::Case<Counting>| {
        (case.settings.snapshot_every, case.settings.retain_entries) = (8, 0);
    };
    campaign.time(3 * SECOND).edit(often).shrink_runs(300)
}

/// What a campaign convicts a bug of.
fn convicted(bug: Bug) -> Violation {
    let results = campaign(bug).shrink_runs(0).run();
    let failure = results.failures.first().and_then(|failed| failed.report.failure.as_ref());
    failure.unwrap_or_else(|| panic!("{bug:?} is not convicted: {results}")).violation.clone()
}

#[test]
fn a_sound_system_passes_and_its_clients_are_served() {
    let results = campaign(Bug::None).twice().run();
    assert_eq!((results.seeds, results.exit_code()), (40, 0), "{results}");
    assert!(results.stats.answered > 1_000 && results.stats.restarts > 40, "{results}");
}

#[test]
fn each_bug_is_convicted_of_what_it_breaks() {
    for (bug, property) in [
        (Bug::StartsElsewhere, Property::EqualStates),
        (Bug::ShortSnapshot, Property::EqualStates),
        (Bug::OddAnswer, Property::Response),
    ] {
        assert_eq!(convicted(bug).property(), property, "{bug:?}");
    }
    for (bug, broken) in [(Bug::EmptyRead, "reads"), (Bug::BadEnd, "sum"), (Bug::Leaps, "steps")] {
        let found = convicted(bug);
        assert!(matches!(found, Violation::Model { rule, .. } if rule == broken), "{found}");
    }
}

#[test]
fn a_failure_is_shrunk_written_and_replayed() {
    let results = campaign(Bug::Leaps).run();
    let shrunk = results.failures[0].shrunk.as_ref().expect("it is made smaller");
    assert_eq!(shrunk.after.faults, 0, "{results}");
    let operations = shrunk.case.operations.as_ref().expect("a list");
    assert!(operations.iter().all(|planned| planned.operation.by <= 1), "{results}");
    let text = file::write(&shrunk.case);
    let case = file::read_for(counting(Bug::Leaps), &text).expect(&text);
    assert_eq!(case, shrunk.case);
    let again = replay(&case, Options { trace: true, ..Options::default() });
    assert_eq!(again.violation.as_ref(), Some(&shrunk.violation));
    assert!(again.trace.len() > 10);
    let mended = file::read_for(counting(Bug::None), &text).expect(&text);
    assert_eq!(replay(&mended, Options::default()).violation, None);
}

#[test]
fn a_file_of_another_system_and_a_wrong_operation_are_refused() {
    let mut case = campaign(Bug::None).case(3);
    case.operations = Some(Vec::new());
    let text = file::write(&case);
    let said = file::read(&text).unwrap_err().to_string();
    assert!(said.contains("of the system 'counter', but this one is 'kv'"), "{said}");
    assert!(said.starts_with("line "), "{said}");
    for (operation, complaint) in [
        ("by = \"x\"", "expected u8"),
        ("by = 1\nto = 2", "`to`"),
        ("", "missing field `by`"),
        ("by = 1\nnumbers = 2", "`numbers`"),
    ] {
        let text = text.replace("operation = []\n", "");
        let text =
            format!("{text}\n[[operation]]\nclient = 0\nnumber = 0\nat = \"0s\"\n{operation}\n");
        let said = file::read_for(counting(Bug::None), &text).unwrap_err().to_string();
        assert!(said.starts_with("line ") && said.contains(complaint), "{said}");
    }
}

fn text_of(results: &Results<Counting>) -> String {
    format!("{results} {:?}", results.marks)
}

#[test]
fn results_do_not_depend_on_how_many_run_at_a_time() {
    let run = |bug, jobs| text_of(&campaign(bug).jobs(jobs).shrink_runs(0).run());
    assert_eq!(run(Bug::None, 1), run(Bug::None, 3));
    assert_eq!(run(Bug::Leaps, 1), run(Bug::Leaps, 3));
}

#[test]
fn a_plan_of_ones_own_strikes_in_every_seed() {
    let when = When::On { after: 0, pattern: Pattern::Committed, nth: 5 };
    let (fault, target, duration) = (Fault::PowerLoss, Target::Cause, 100 * MILLISECOND);
    let plan =
        Plan { faults: vec![Planned { when, fault, target, duration, again: 0, chance: 0 }] };
    let calm = campaign(Bug::None).profile(Profile::Calm).plan(plan);
    let results = calm.run();
    assert_eq!((results.stats.faults, results.stats.restarts), (40, 40), "{results}");
}
