//! A deterministic simulator of quorate clusters: partitions, crashes, disk faults, clock drift, and
//! oracles.
//!
//! A [`world::World`] drives the production driver, the production log on a simulated disk and the
//! production state machine, or one of yours ([`system::System`], [`campaign::Campaign`]); messages
//! pass through the production codec. All chance comes from one
//! seed through [`choices::Choices`]; the faults that it is expanded to are data
//! ([`plan::Plan`]). The [`oracle`]s judge every step; at the end what clients saw is checked to be
//! linearizable ([`linearize`]), and the group must have come back after everything healed.
//!
//! ```
//! use quorate_sim::{profile::SECOND, run::{Options, run}, world::Recipe};
//!
//! let recipe = Recipe { time: 3 * SECOND, ..Recipe::new(42) };
//! let report = run(recipe, Options::default());
//! assert!(report.failure.is_none(), "{}", report.command());
//! ```

pub mod campaign;
pub mod case;
pub mod choices;
pub mod client;
pub mod clock;
pub mod disk;
pub mod duration;
pub mod explore;
pub mod file;
pub mod hash;
pub mod history;
pub mod linearize;
pub mod marks;
pub mod network;
pub mod node;
pub mod oracle;
pub mod plan;
pub mod pool;
pub mod profile;
pub mod queue;
pub mod report;
pub mod run;
pub mod shrink;
pub mod store;
pub mod system;
pub mod trace;
pub mod words;
pub mod world;

/// The most nodes that a world has.
pub const MAX_NODES: u64 = 8;
