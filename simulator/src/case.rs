//! A run as data: everything that it follows from.

use std::fmt;

use quorate_core::Nanos;

use crate::{
    choices::{Choices, Stream},
    duration,
    oracle::Property,
    plan::Plan,
    profile::{Profile, Settings},
    system::{KvOperation, KvSystem, System},
    world::Recipe,
};

/// Everything that a run needs. Equal cases give equal runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case<S: System = KvSystem> {
    /// What is replicated, what clients ask of it, and what must be true of it.
    pub system: S,
    /// Which kinds of trouble the seed was expanded for. Decides nothing any more.
    pub profile: Profile,
    /// What is drawn within the run follows from it.
    pub seed: u64,
    /// What the run is like.
    pub settings: Settings,
    /// The faults.
    pub plan: Plan,
    /// What clients do; drawn where none is given. Once all is done and healed, client 0 writes on
    /// until a write is acknowledged.
    pub operations: Option<Vec<PlannedOperation<S::Operation>>>,
    /// Streams of chance that make benign choices only.
    pub quiet: Vec<Stream>,
    /// The property that the run breaks.
    pub expected: Option<Property>,
}

/// An operation that a client is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedOperation<O = KvOperation> {
    /// Who asks; a client works off its operations in their order, one at a time.
    pub client: u64,
    /// Names it among those of its client: what is drawn for it follows from the number, so that
    /// one operation less changes nothing for the others.
    pub number: u64,
    /// When it begins, unless an earlier one is still under way.
    pub at: Nanos,
    /// What is asked for.
    pub operation: O,
    /// Whether a read may rest on a lease.
    pub lease: bool,
}

impl<O: fmt::Debug> fmt::Display for PlannedOperation<O> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lease = if self.lease { " under a lease" } else { "" };
        let at = duration::write(self.at);
        write!(out, "at {at}: client {} does {:?}{lease}", self.client, self.operation)
    }
}

impl Case {
    /// What a seed is expanded to, for the key-value machine.
    pub fn new(recipe: Recipe) -> Case {
        Case::with(KvSystem::default(), recipe)
    }
}

impl<S: System> Case<S> {
    /// What a seed is expanded to.
    pub fn with(system: S, recipe: Recipe) -> Case<S> {
        Case::draw(&mut Choices::from_seed(recipe.seed), system, recipe)
    }

    /// What any source of chance makes of a recipe, whose seed then counts for nothing: the run goes
    /// on drawing from the same source, by [`World::with`](crate::world::World::with).
    pub fn draw(choices: &mut Choices, system: S, recipe: Recipe) -> Case<S> {
        let settings = Settings::draw(choices, recipe.profile, recipe.nodes, recipe.time);
        let plan = Plan::draw(choices, recipe.profile, &settings);
        Case {
            system,
            profile: recipe.profile,
            seed: recipe.seed,
            settings,
            plan,
            operations: None,
            quiet: Vec::new(),
            expected: None,
        }
    }

    /// The source of chance for a run of it.
    pub fn choices(&self) -> Choices {
        let mut choices = Choices::from_seed(self.seed);
        self.quiet.iter().for_each(|stream| choices.silence(*stream));
        choices
    }
}
