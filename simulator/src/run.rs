//! Running seeds: one, or a range of them.

use crate::{
    choices::Choices,
    marks::Marks,
    oracle::{Family, Violation},
    plan::Plan,
    profile::Settings,
    world::{Recipe, Stats, World},
};

/// How a seed's run ended.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was run.
    pub recipe: Recipe,
    /// What was counted.
    pub stats: Stats,
    /// What was reached.
    pub marks: Marks,
    /// A hash over everything that happened.
    pub hash: u64,
    /// What broke, if anything.
    pub failure: Option<Failure>,
    /// A line for each thing that happened, where that was asked for.
    pub trace: Vec<String>,
}

/// A property that did not hold, and how to see it again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What broke.
    pub violation: Violation,
    /// At which event.
    pub event: u64,
    /// The settings that the seed was expanded to.
    pub settings: String,
    /// The faults that the seed was expanded to.
    pub plan: String,
}

/// What to do with a seed.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Run a second world beside the first and compare them after every event.
    pub twice: bool,
    /// Keep a line for each thing that happens.
    pub trace: bool,
}

/// Runs one seed to its end or to the first violation.
pub fn run(recipe: Recipe, options: Options) -> Report {
    let mut world = match World::new(recipe) {
        Ok(world) => world,
        Err(violation) => return stillborn(recipe, violation),
    };
    if options.trace {
        world.keep_trace();
    }
    let mut twin = if options.twice { World::new(recipe).ok() } else { None };
    let violation = loop {
        match step_both(&mut world, twin.as_mut()) {
            Ok(true) => {}
            Ok(false) => break None,
            Err(violation) => break Some(violation),
        }
    };
    let stats = world.stats();
    let failure = violation.map(|violation| Failure {
        violation,
        event: stats.events,
        settings: format!("{:?}", world.settings()),
        plan: world.plan().to_string(),
    });
    let (marks, hash, trace) = (world.marks(), world.hash(), world.take_trace());
    Report { recipe, stats, marks, hash, failure, trace }
}

fn stillborn(recipe: Recipe, violation: Violation) -> Report {
    Report {
        recipe,
        stats: Stats::default(),
        marks: Marks::default(),
        hash: 0,
        failure: Some(Failure {
            violation,
            event: 0,
            settings: String::new(),
            plan: String::new(),
        }),
        trace: Vec::new(),
    }
}

fn step_both(world: &mut World, twin: Option<&mut World>) -> Result<bool, Violation> {
    let result = world.step();
    if let Some(twin) = twin {
        let other = twin.step();
        if other != result || twin.hash() != world.hash() || twin.now() != world.now() {
            return Err(Violation::NotDeterministic { event: world.stats().events });
        }
    }
    result
}

impl Report {
    /// The line to paste that shows the failure again.
    pub fn command(&self) -> String {
        let recipe = self.recipe;
        let nodes = recipe.nodes.map(|nodes| format!(" --nodes {nodes}")).unwrap_or_default();
        let seconds = recipe.time / crate::profile::SECOND;
        format!(
            "cargo run --release -p quorate-sim -- run --seeds {}..{} --profile {} --time {seconds}s{nodes} --trace -",
            recipe.seed,
            recipe.seed + 1,
            recipe.profile.name(),
        )
    }

    /// The exit code: 0 pass, 2 safety, 3 liveness, 4 not deterministic.
    pub fn exit_code(&self) -> u8 {
        match &self.failure {
            None => 0,
            Some(failure) => match failure.violation.family() {
                Family::Safety => 2,
                Family::Liveness => 3,
                Family::Determinism => 4,
            },
        }
    }
}

/// What a seed is expanded to.
pub fn expand(recipe: Recipe) -> (Settings, Plan) {
    let mut choices = Choices::from_seed(recipe.seed);
    let settings = Settings::draw(&mut choices, recipe.profile, recipe.nodes, recipe.time);
    let plan = Plan::draw(&mut choices, recipe.profile, &settings);
    (settings, plan)
}
