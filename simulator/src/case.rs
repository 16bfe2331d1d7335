//! A run as data: everything that it follows from.

use std::fmt;

use quorate_core::Nanos;
use serde::{Deserialize, Serialize};

use crate::{
    choices::{Choices, Stream},
    duration,
    oracle::Property,
    plan::Plan,
    profile::{Profile, Settings},
    world::Recipe,
};

/// Everything that a run needs. Equal cases give equal runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
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
    pub operations: Option<Vec<PlannedOperation>>,
    /// Streams of chance that make benign choices only.
    pub quiet: Vec<Stream>,
    /// The property that the run breaks.
    pub expected: Option<Property>,
}

/// What a client asks for. A written value follows from the client and the operation's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// The value of the key.
    Get,
    /// To set the key.
    Put,
    /// To remove the key.
    Delete,
}

/// An operation that a client is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedOperation {
    /// Who asks; a client works off its operations in their order, one at a time.
    pub client: u64,
    /// Names it among those of its client: what is drawn for it follows from the number, so that
    /// one operation less changes nothing for the others.
    pub number: u64,
    /// When it begins, unless an earlier one is still under way.
    pub at: Nanos,
    /// What is asked for.
    pub verb: Verb,
    /// Of which key.
    pub key: u64,
    /// Whether a read may rest on a lease.
    pub lease: bool,
}

impl fmt::Display for PlannedOperation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lease = if self.lease { " under a lease" } else { "" };
        let (at, verb) = (duration::write(self.at), format!("{:?}", self.verb).to_lowercase());
        write!(out, "at {at}: client {} does {verb} of key {}{lease}", self.client, self.key)
    }
}

impl Case {
    /// What a seed is expanded to.
    pub fn new(recipe: Recipe) -> Case {
        let mut choices = Choices::from_seed(recipe.seed);
        let settings = Settings::draw(&mut choices, recipe.profile, recipe.nodes, recipe.time);
        let plan = Plan::draw(&mut choices, recipe.profile, &settings);
        Case {
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
