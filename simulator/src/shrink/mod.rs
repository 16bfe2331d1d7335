//! Makes a failing case smaller, as long as it fails in the same way.
//!
//! A case is data, and a run of it is cheap: so what may go is found by leaving it out and running
//! again. First come steps that make every further run short (what came long before the failure,
//! noise); then faults, operations, clients and nodes are left out; then times and parameters are
//! made small. The phases are repeated until none of them finds anything. Nothing is drawn by the
//! shrinker itself: the same case gives the same result, unless its budget ends it.

mod coarse;
mod details;
mod list;
mod phases;
mod search;
mod settings;
mod size;
mod times;

use std::fmt;

use crate::{
    case::Case,
    oracle::Violation,
    system::{KvSystem, System},
};

pub use search::Limits;
use search::Search;
pub use size::Size;

#[cfg(test)]
mod tests;

/// Rounds over all phases, at most.
const ROUNDS: usize = 16;
/// The most other seeds that are tried for a smaller case that passes.
const MOST_SEEDS: u64 = 32;

/// How far a shrinker is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub phase: &'static str,
    /// Runs so far.
    pub tries: u64,
    /// Of the smallest case so far.
    pub size: Size,
}

/// A case that was made smaller.
#[derive(Clone, Debug)]
pub struct Shrunk<S: System = KvSystem> {
    /// The smaller case, with the property that it breaks.
    pub case: Case<S>,
    /// How it breaks it.
    pub violation: Violation,
    /// Before.
    pub before: Size,
    /// After.
    pub after: Size,
    /// Runs that it took.
    pub tries: u64,
    /// Whether the budget was used up before there was nothing left to try.
    pub cut: bool,
}

impl<S: System> fmt::Display for Shrunk<S> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "  before: {}\n  after:  {}", self.before, self.after)?;
        writeln!(out, "{}: {}", self.violation.property(), self.violation)?;
        write!(out, "faults:\n{}operations:\n", self.case.plan)?;
        let mut operations = self.case.operations.iter().flatten().peekable();
        if operations.peek().is_none() {
            writeln!(out, "  no operations")?;
        }
        operations.try_for_each(|operation| writeln!(out, "  {operation}"))
    }
}

/// Makes `case` smaller; none where it does not fail.
pub fn shrink<S: System>(case: Case<S>, limits: Limits<'_>) -> Option<Shrunk<S>> {
    let mut search = Search::new(case, limits)?;
    let before = search.size();
    phases::prepare(&mut search);
    let mut seeds = 2;
    for _ in 0..ROUNDS {
        let case = search.best().clone();
        search.seeds = seeds;
        phases::round(&mut search);
        let is_stuck = *search.best() == case;
        if search.is_cut() || (is_stuck && seeds >= MOST_SEEDS) {
            break;
        }
        // Where nothing is found, more interleavings are tried.
        seeds = if is_stuck { seeds * 4 } else { seeds };
    }
    search.phase = "order";
    phases::sort(&mut search);
    let run = search.run();
    Some(Shrunk {
        case: search.best().clone(),
        violation: run.violation.clone()?,
        before,
        after: search.size(),
        tries: search.tries(),
        cut: search.is_cut(),
    })
}
