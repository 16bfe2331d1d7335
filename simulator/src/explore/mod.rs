//! Bounded exhaustive search: every way in which a few cores can come along, as far as the bounds let
//! them, and every state judged.
//!
//! A small world is the production core alone: no driver, no log, no network, no clock. What a seed
//! draws elsewhere is a [`Choice`] here: which message arrives next, again or never; when a write is
//! durable; whose time has come; who loses its power and how much of its pending writes was on disk.
//! The search is breadth-first, so the path to a violation is a shortest one, and all states that wait
//! are held; or it goes into the depth, which holds no more than one path. Of a state that was seen
//! only a hash of 128 bits is kept, over what matters for what its nodes will do
//! ([`quorate_core::Raft::fingerprint`]).
//!
//! Messages that cannot have any effect any more are left out (`dead.rs`).
//!
//! Where nodes are alike only one of them is tried: a node that nothing has happened to yet, and that
//! is sent the same as another such node, may trade names with it. That is sound since the core takes
//! names for names: their order decides in which order things are sent, which no choice sees, and the
//! length of an election timeout, which no choice sees either.

mod choice;
mod dead;
mod deep;
mod hashing;
mod judge;
mod member;
mod small;

use std::collections::BTreeSet;

use crate::{oracle::Violation, run::caught};

pub use choice::Choice;
use small::Small;

#[cfg(test)]
mod tests;

/// How far a search goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How many nodes, all of them voters: 1 to [`MAX_NODES`](crate::MAX_NODES).
    pub nodes: u64,
    /// In how many terms there may be an election.
    pub terms: u64,
    /// How many commands are proposed.
    pub entries: u64,
    /// How often a node loses its power and starts again.
    pub crashes: u64,
    /// How often time passes for a node: it ends its patience, sends a heartbeat, or outlasts a promise.
    pub timeouts: u64,
    /// How many messages arrive twice.
    pub duplicates: u64,
    /// How many messages are under way at once; beyond that some are lost, in every way.
    pub messages: u64,
    /// The longest path; 0 for any. Only for a search in breadth.
    pub depth: u64,
    /// The most states; 0 for any number. A state takes about 60 bytes, half of that in the depth; and
    /// some KiB while it waits.
    pub states: u64,
    /// Whether of nodes that are alike only one is tried.
    pub symmetry: bool,
    /// Whether messages that cannot have any effect any more are left out.
    pub reduction: bool,
    /// Whether a path is gone to its end before the next is begun.
    pub deep: bool,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            nodes: 3,
            terms: 2,
            entries: 2,
            crashes: 0,
            timeouts: 2,
            duplicates: 0,
            messages: 2,
            depth: 0,
            states: 1_000_000,
            symmetry: true,
            reduction: true,
            deep: false,
        }
    }
}

/// How a host treats its disk. Anything but the first breaks the core's contract, and is for tests of
/// the search itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// As it should.
    Honest,
    /// A node that starts again has forgotten whom it voted for.
    #[cfg(test)]
    ForgetsVotes,
    /// Writes are reported durable before they are.
    #[cfg(test)]
    ReportsEarly,
}

/// Why a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Every state within the bounds was seen.
    Exhausted,
    /// Nothing was found in paths of up to so many choices, which is the bound.
    Depth,
    /// So many states were seen, which is the bound.
    States,
    /// Whoever watched it had enough.
    Interrupted,
    /// A property does not hold.
    Broken {
        /// Which.
        violation: Violation,
        /// What led there, a line for each choice.
        path: Vec<String>,
    },
}

/// How far a search has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Different states.
    pub states: u64,
    /// Choices that were tried.
    pub transitions: u64,
    /// Choices in the longest path so far.
    pub depth: u64,
    /// States that wait to be looked at.
    pub waiting: u64,
    /// The most leaders that a state had had, to see that a search came anywhere.
    pub leaders: u64,
    /// The most commands that a state had committed.
    pub commands: u64,
}

/// What a search came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How far it came.
    pub progress: Progress,
    /// Why it ended.
    pub end: End,
}

/// How each state was first reached.
struct Visit {
    from: u32,
    choice: Choice,
}

/// What a choice led to.
enum Tried {
    /// A state that was not seen before.
    New(Box<Small>),
    /// One that was, or that lies beyond the bounds.
    Old,
    Broken(Violation),
    Enough(End),
}

/// After so many choices the watcher is asked.
const WATCH_EVERY: u64 = 1 << 12;

struct Search {
    bounds: Bounds,
    host: Host,
    seen: BTreeSet<u128>,
    /// By number of the state, counted from 1.
    visits: Vec<Visit>,
    progress: Progress,
}

/// Looks at every state within the bounds, until one breaks a property or `watch` gives false.
///
/// # Panics
/// For bounds without a node, or with more than [`MAX_NODES`](crate::MAX_NODES).
pub fn explore(bounds: Bounds, watch: &mut dyn FnMut(&Progress) -> bool) -> Outcome {
    explore_on(Host::Honest, bounds, watch)
}

fn explore_on(host: Host, bounds: Bounds, watch: &mut dyn FnMut(&Progress) -> bool) -> Outcome {
    assert!((1..=crate::MAX_NODES).contains(&bounds.nodes), "1 to {} nodes", crate::MAX_NODES);
    let progress = Progress::default();
    let mut search = Search { bounds, host, seen: BTreeSet::new(), visits: Vec::new(), progress };
    let end = search.run(watch);
    Outcome { progress: search.progress, end }
}

impl Search {
    fn run(&mut self, watch: &mut dyn FnMut(&Progress) -> bool) -> End {
        let start = match caught(|| Small::start(&self.bounds, self.host)) {
            Ok(start) => start,
            Err(violation) => return End::Broken { violation, path: Vec::new() },
        };
        self.seen.insert(start.hash());
        self.progress.states = 1;
        if self.bounds.deep {
            return deep::run(self, start, watch);
        }
        let mut level = vec![(0, start)];
        while !level.is_empty() {
            if self.bounds.depth > 0 && self.progress.depth == self.bounds.depth {
                return End::Depth;
            }
            let mut next = Vec::new();
            while let Some((number, state)) = level.pop() {
                self.progress.waiting = (level.len() + next.len()) as u64;
                if let Some(end) = self.expand(number, &state, &mut next, watch) {
                    // It is not done with this one.
                    self.progress.waiting = (1 + level.len() + next.len()) as u64;
                    return end;
                }
            }
            self.progress.depth += u64::from(!next.is_empty());
            // In the order in which they were found.
            next.reverse();
            level = next;
        }
        End::Exhausted
    }

    /// Tries every choice that a state has.
    fn expand(
        &mut self,
        number: u32,
        state: &Small,
        next: &mut Vec<(u32, Small)>,
        watch: &mut dyn FnMut(&Progress) -> bool,
    ) -> Option<End> {
        for choice in state.choices(&self.bounds) {
            let after = match self.try_choice(state, choice, watch) {
                Tried::New(after) => after,
                Tried::Old => continue,
                Tried::Broken(violation) => {
                    let path = self.path(number, Some(choice));
                    return Some(End::Broken { violation, path });
                }
                Tried::Enough(end) => return Some(end),
            };
            self.visits.push(Visit { from: number, choice });
            let number = u32::try_from(self.visits.len()).ok();
            let Some(number) = number else { return Some(End::States) };
            next.push((number, *after));
        }
        None
    }

    /// Tries a choice, and says what it leads to.
    fn try_choice(
        &mut self,
        state: &Small,
        choice: Choice,
        watch: &mut dyn FnMut(&Progress) -> bool,
    ) -> Tried {
        let bounds = self.bounds;
        if bounds.states > 0 && self.progress.states >= bounds.states {
            return Tried::Enough(End::States);
        }
        self.progress.transitions += 1;
        if self.progress.transitions.is_multiple_of(WATCH_EVERY) && !watch(&self.progress) {
            return Tried::Enough(End::Interrupted);
        }
        let after = match caught(|| state.take(choice, self.host, &bounds)) {
            Ok(after) => after,
            Err(violation) => return Tried::Broken(violation),
        };
        if after.is_beyond(&bounds) || !self.seen.insert(after.hash()) {
            return Tried::Old;
        }
        self.progress.states += 1;
        self.progress.leaders = self.progress.leaders.max(after.leaders());
        self.progress.commands = self.progress.commands.max(after.commands());
        Tried::New(Box::new(after))
    }

    /// The choices to a state and one more. What is kept of a path is its choices.
    fn path(&self, mut number: u32, last: Option<Choice>) -> Vec<String> {
        let mut choices: Vec<Choice> = last.into_iter().collect();
        while let Some(visit) = (number as usize).checked_sub(1).and_then(|at| self.visits.get(at))
        {
            choices.push(visit.choice);
            number = visit.from;
        }
        choices.reverse();
        self.told(choices)
    }

    /// Choices as lines: they are gone once more.
    fn told(&self, choices: Vec<Choice>) -> Vec<String> {
        let mut lines = Vec::new();
        let Ok(mut state) = Small::start(&self.bounds, self.host) else { return lines };
        for choice in choices {
            lines.push(state.describe(choice));
            match caught(|| state.take(choice, self.host, &self.bounds)) {
                Ok(after) => state = after,
                Err(_) => break,
            }
        }
        lines
    }
}
