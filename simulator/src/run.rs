//! Running seeds: one, or a range of them.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quorate_core::Nanos;

use crate::{
    case::{Case, PlannedOperation},
    marks::Marks,
    oracle::{Family, Property, Violation},
    system::{KvOperation, KvSystem, System},
    trace::Record,
    world::{Recipe, Stats, Strike, Upcoming, World},
};

/// How the command line is run from a clone, which is where lines to paste are pasted.
pub const PROGRAM: &str = "cargo run --release -q -p quorate-sim --";

/// How a seed's run ended.
#[derive(Clone, Debug)]
pub struct Report<S: System = KvSystem> {
    /// What was run.
    pub recipe: Recipe,
    /// What was counted.
    pub stats: Stats,
    /// What was reached.
    pub marks: Marks,
    /// A hash over everything that happened.
    pub hash: u64,
    /// What broke, if anything.
    pub failure: Option<Failure<S>>,
    /// Each thing that happened, where that was asked for.
    pub trace: Vec<Record>,
}

/// A property that did not hold, and how to see it again.
#[derive(Clone, Debug)]
pub struct Failure<S: System = KvSystem> {
    /// What broke.
    pub violation: Violation,
    /// At which event.
    pub event: u64,
    /// The run as data.
    pub case: Case<S>,
}

/// How the run of a case ended.
#[derive(Clone, Debug)]
pub struct Played<O = KvOperation> {
    /// What broke, if anything.
    pub violation: Option<Violation>,
    /// What was counted.
    pub stats: Stats,
    /// What was reached.
    pub marks: Marks,
    /// A hash over everything that happened.
    pub hash: u64,
    /// The operations that clients began.
    pub begun: Vec<PlannedOperation<O>>,
    /// The faults that struck.
    pub struck: Vec<Strike>,
    /// Each thing that happened, where that was asked for.
    pub trace: Vec<Record>,
}

impl<O> Default for Played<O> {
    fn default() -> Played<O> {
        Played {
            violation: None,
            stats: Stats::default(),
            marks: Marks::default(),
            hash: 0,
            begun: Vec::new(),
            struck: Vec::new(),
            trace: Vec::new(),
        }
    }
}

impl<O> Played<O> {
    fn stillborn(violation: Violation) -> Played<O> {
        Played { violation: Some(violation), ..Played::default() }
    }
}

/// What to do with a seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Run a second world beside the first and compare them after every event.
    pub twice: bool,
    /// Keep a record for each thing that happens.
    pub trace: bool,
    /// The run ends once this time has passed, unless it ended before.
    pub until: Option<Nanos>,
}

/// Runs one seed of the key-value machine to its end or to the first violation.
pub fn run(recipe: Recipe, options: Options) -> Report {
    run_case(recipe, Case::new(recipe), options)
}

/// Runs what was made of a seed to its end or to the first violation.
pub fn run_case<S: System>(recipe: Recipe, case: Case<S>, options: Options) -> Report<S> {
    let (run, case) = play(case, options);
    let failure = run.violation.map(|violation| Failure {
        event: run.stats.events,
        case: Case { expected: Some(violation.property()), ..case },
        violation,
    });
    let Played { stats, marks, hash, trace, .. } = run;
    Report { recipe, stats, marks, hash, failure, trace }
}

/// Runs a case to its end or to the first violation; for a case that is expected not to be
/// deterministic, beside a second world.
pub fn replay<S: System>(case: &Case<S>, options: Options) -> Played<S::Operation> {
    let twice = options.twice || case.expected == Some(Property::Determinism);
    play(case.clone(), Options { twice, ..options }).0
}

fn play<S: System>(case: Case<S>, options: Options) -> (Played<S::Operation>, Case<S>) {
    let mut world = match caught(|| World::of(case.clone())) {
        Ok(world) => world,
        Err(violation) => return (Played::stillborn(violation), case),
    };
    if options.trace {
        world.keep_trace();
    }
    let mut twin = if options.twice { World::of(case.clone()).ok() } else { None };
    let violation = loop {
        if options.until.is_some_and(|until| world.now() > until) {
            break None;
        }
        match caught(|| step_both(&mut world, twin.as_mut())) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(violation) => break Some(violation),
        }
    };
    if let Some(violation) = &violation {
        world.tell_violation(violation);
    }
    let (stats, marks, hash, trace) =
        (world.stats(), world.marks(), world.hash(), world.take_trace());
    let (begun, struck) = (world.begun().to_vec(), world.strikes().to_vec());
    (Played { violation, stats, marks, hash, begun, struck, trace }, case)
}

/// A panic is a violation, too: nothing that comes in from outside may cause one.
pub(crate) fn caught<T>(step: impl FnOnce() -> Result<T, Violation>) -> Result<T, Violation> {
    // After a panic the world is only looked at, and no longer stepped.
    catch_unwind(AssertUnwindSafe(step)).unwrap_or_else(|payload| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Err(Violation::Panicked { message: text.unwrap_or_default() })
    })
}

/// Runs something whose panics are told as violations, and nowhere else.
pub fn without_panics<T>(work: impl FnOnce() -> T) -> T {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let result = work();
    std::panic::set_hook(hook);
    result
}

/// Steps a world, and its twin beside it, which must do the same. The first event that differs is
/// named as either has it.
fn step_both<S: System>(
    world: &mut World<S>,
    twin: Option<&mut World<S>>,
) -> Result<bool, Violation> {
    let Some(twin) = twin else { return world.step() };
    let (here, there) = (world.upcoming(), twin.upcoming());
    let (result, other) = (world.step(), twin.step());
    let is_like = match (&here, &there) {
        (Some(here), Some(there)) => here.is_like(there),
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    };
    let is_same = is_like && other == result;
    if is_same && twin.hash() == world.hash() && twin.now() == world.now() {
        return result;
    }
    Err(Violation::NotDeterministic {
        event: world.stats().events.max(twin.stats().events),
        here: told(here, &result, world.hash()),
        there: told(there, &other, twin.hash()),
    })
}

/// An event with what it led to.
fn told<A: std::fmt::Debug>(
    event: Option<Upcoming<A>>,
    result: &Result<bool, Violation>,
    hash: u64,
) -> String {
    let event = event.map_or("nothing was left to come".to_owned(), |event| event.to_string());
    let end = match result {
        Ok(_) => String::new(),
        Err(violation) => format!(", {}", violation.property()),
    };
    format!("{event}{end} (hash {hash:016x})")
}

impl Report {
    /// The line to paste that shows the failure again.
    pub fn command(&self) -> String {
        let recipe = self.recipe;
        let nodes = recipe.nodes.map(|nodes| format!(" --nodes {nodes}")).unwrap_or_default();
        let millis = recipe.time / crate::profile::MILLISECOND;
        let failure = self.failure.as_ref();
        let twice =
            failure.is_some_and(|failure| failure.violation.family() == Family::Determinism);
        format!(
            "{PROGRAM} run --seeds {} --profile {} --time {millis}ms{nodes}{} --trace -",
            recipe.seed,
            recipe.profile.name(),
            if twice { " --twice" } else { "" },
        )
    }
}

impl<S: System> Report<S> {
    /// Whether it shows what its profile is meant to show.
    pub fn is_expected(&self) -> bool {
        let failure = self.failure.as_ref();
        failure.is_some_and(|failure| self.recipe.profile.expects(&failure.violation))
    }

    /// The exit code: 0 pass, 2 safety, 3 liveness, 4 not deterministic.
    pub fn exit_code(&self) -> u8 {
        self.failure.as_ref().map_or(0, |failure| failure.violation.exit_code())
    }
}

impl Violation {
    /// The exit code: 2 safety, 3 liveness, 4 not deterministic.
    pub fn exit_code(&self) -> u8 {
        match self.family() {
            Family::Safety => 2,
            Family::Liveness => 3,
            Family::Determinism => 4,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{MILLISECOND, Profile, SECOND};

    #[test]
    fn a_panic_is_a_violation_with_its_message() {
        let text = "a bug";
        let found = caught::<()>(|| panic!("{text}"));
        assert_eq!(found, Err(Violation::Panicked { message: "a bug".into() }));
        assert_eq!(caught(|| Ok(7)), Ok(7));
    }

    fn failed(violation: Violation) -> Report {
        let time = 1_500 * MILLISECOND;
        let recipe = Recipe { profile: Profile::Disk, nodes: Some(5), time, ..Recipe::new(9) };
        let failure = Failure { violation, event: 0, case: Case::new(recipe) };
        let (stats, marks) = (Stats::default(), Marks::default());
        Report { recipe, stats, marks, hash: 0, failure: Some(failure), trace: Vec::new() }
    }

    fn parted() -> Violation {
        Violation::NotDeterministic { event: 3, here: String::new(), there: String::new() }
    }

    #[test]
    fn the_line_to_paste_names_all_that_decides_the_run() {
        let line = failed(parted()).command();
        let end = "run --seeds 9 --profile disk --time 1500ms --nodes 5 --twice --trace -";
        assert!(line.ends_with(end), "{line}");
    }

    /// Steps a case beside one that differs from it, until they part.
    fn part(case: Case, other: Case) -> Violation {
        let (mut world, mut twin) = (World::of(case).unwrap(), World::of(other).unwrap());
        loop {
            match step_both(&mut world, Some(&mut twin)) {
                Ok(true) => {}
                Ok(false) => panic!("they never parted"),
                Err(violation) => return violation,
            }
        }
    }

    #[test]
    fn a_run_that_parts_from_its_twin_names_the_event_the_time_and_the_node_in_both() {
        let recipe = Recipe { time: SECOND, nodes: Some(3), profile: Profile::Calm, seed: 1 };
        let case = Case::new(recipe);
        // One more nanosecond for a write that a disk spends: an artificial divergence.
        let mut other = case.clone();
        other.settings.write_time += 1;
        let Violation::NotDeterministic { here, there, .. } = part(case, other) else {
            panic!("another violation");
        };
        for told in [&here, &there] {
            assert!(told.starts_with("at ") && told.contains(" WriteDone { node: "), "{told}");
        }
        assert_ne!(here, there);
    }

    #[test]
    fn a_run_that_differs_in_a_state_alone_is_not_deterministic() {
        let recipe = Recipe { time: SECOND, nodes: Some(3), profile: Profile::Calm, seed: 1 };
        let case = Case::new(recipe);
        let mut other = case.clone();
        // Nothing comes at another time, but messages say something else.
        other.settings.max_message_bytes -= 1;
        other.settings.workload.padding_bytes += 1;
        let violation = part(case, other);
        let Violation::NotDeterministic { here, there, .. } = &violation else {
            panic!("another violation");
        };
        let event = |told: &str| told.split(" (hash ").next().unwrap_or_default().to_owned();
        assert_ne!(here, there);
        assert!(!event(here).is_empty(), "{violation}");
    }

    #[test]
    fn exit_codes_tell_families_apart() {
        let stuck = Violation::Stuck { timeouts: 40, what: String::new() };
        let panicked = Violation::Panicked { message: String::new() };
        let codes = [panicked, stuck, parted()].map(|violation| failed(violation).exit_code());
        assert_eq!(codes, [2, 3, 4]);
    }
}
