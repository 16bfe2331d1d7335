//! Every state of a small group, within bounds.

use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;
use quorate_sim::{
    MAX_NODES,
    explore::{Bounds, End, Outcome, Progress, explore},
    run::without_panics,
    words::counted,
};
use serde_json::json;

use super::{
    interrupt::{self, INTERRUPTED},
    output,
};

const EXAMPLES: &str = "\
Examples:
  quorate-sim explore --nodes 3 --terms 2 --entries 2
  quorate-sim explore --deep --states 0 --messages 1
  quorate-sim explore --nodes 2 --terms 1 --entries 1 --crashes 1 --timeouts 2 --messages 2

Exit codes: 0 no property is broken as far as the search came, 1 usage, 2 a property is broken,
130 interrupted.";

/// More of anything that a path has is never searched through.
const MOST: u64 = 200;

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ExploreArgs {
    /// How many nodes, all of them voters.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=MAX_NODES))]
    nodes: u64,
    /// How many terms may have an election.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=MOST))]
    terms: u64,
    /// How many commands are proposed.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(..=MOST))]
    entries: u64,
    /// How often a node loses its power and starts again.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MOST))]
    crashes: u64,
    /// How often time passes for a node: a timeout, a heartbeat, or the end of a promise.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(..=MOST))]
    timeouts: u64,
    /// How many messages arrive twice.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u64).range(..=MOST))]
    duplicates: u64,
    /// How many messages may be under way at once; of more, some are lost, in every way.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=MOST))]
    messages: u64,
    /// The most choices of a path; 0 for any number. Not with --deep.
    #[arg(long, default_value_t = 0, conflicts_with = "deep")]
    depth: u64,
    /// Go each path to its end before the next: only hashes are kept of states, but a path to a
    /// violation is no shortest one.
    #[arg(long)]
    deep: bool,
    /// The most states; 0 for any number, as long as the memory lasts.
    #[arg(long, default_value_t = 1_000_000)]
    states: u64,
    /// Try each of several nodes that are alike.
    #[arg(long)]
    no_symmetry: bool,
    /// Deliver also messages that cannot have any effect any more.
    #[arg(long)]
    no_reduction: bool,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

impl ExploreArgs {
    fn bounds(&self) -> Bounds {
        Bounds {
            nodes: self.nodes,
            terms: self.terms,
            entries: self.entries,
            crashes: self.crashes,
            timeouts: self.timeouts,
            duplicates: self.duplicates,
            messages: self.messages,
            depth: self.depth,
            states: self.states,
            symmetry: !self.no_symmetry,
            reduction: !self.no_reduction,
            deep: self.deep,
        }
    }
}

pub(super) fn run(args: &ExploreArgs) -> u8 {
    let stop = interrupt::flag();
    let started = Instant::now();
    // It shows itself only where standard error is a terminal.
    let bar = ProgressBar::new_spinner();
    let mut watch = |progress: &Progress| {
        let Progress { states, transitions, depth, waiting, .. } = progress;
        let rate = u128::from(*transitions) * 1_000 / started.elapsed().as_millis().max(1);
        bar.set_message(format!(
            "{}, {waiting} waiting, depth {depth}, {}, {rate}/s",
            counted(*states, "state"),
            counted(*transitions, "transition"),
        ));
        bar.tick();
        !stop.is_set()
    };
    let outcome = without_panics(|| explore(args.bounds(), &mut watch));
    bar.finish_and_clear();
    if args.json {
        tell_json(args, &outcome, started.elapsed());
    } else {
        tell(args, &outcome, started.elapsed());
    }
    exit_code(&outcome.end)
}

fn exit_code(end: &End) -> u8 {
    match end {
        End::Exhausted | End::Depth | End::States => 0,
        End::Interrupted => INTERRUPTED,
        End::Broken { .. } => 2,
    }
}

/// Why it ended, in a word.
fn name(end: &End) -> &'static str {
    match end {
        End::Exhausted => "exhausted",
        End::Depth => "depth",
        End::States => "states",
        End::Interrupted => "interrupted",
        End::Broken { .. } => "broken",
    }
}

fn tell(args: &ExploreArgs, outcome: &Outcome, took: Duration) {
    let Progress { states, transitions, depth, waiting, leaders, commands } = outcome.progress;
    if let End::Broken { violation, path } = &outcome.end {
        let choices = counted(path.len() as u64, "choice");
        output::tell!("FAILED {} after {choices}: {violation}", violation.property());
        for (line, number) in path.iter().zip(1_u64..) {
            output::tell!("{number:>4}. {line}");
        }
    }
    let why = match &outcome.end {
        End::Exhausted => "exhausted: every state within the bounds".to_owned(),
        End::Depth => format!("ended by --depth {}", args.depth),
        End::States => {
            format!("ended by --states {}; {waiting} of them not looked at yet", args.states)
        }
        End::Interrupted => format!("interrupted; {waiting} of them not looked at yet"),
        End::Broken { .. } => "ended by the violation".to_owned(),
    };
    output::tell!(
        "{}, {}, depth {depth}, up to {} and {}, in {:.1} s; {why}",
        counted(states, "state"),
        counted(transitions, "transition"),
        counted(leaders, "leader"),
        counted(commands, "committed command"),
        took.as_secs_f64()
    );
}

fn tell_json(args: &ExploreArgs, outcome: &Outcome, took: Duration) {
    let progress = outcome.progress;
    let (property, violation, path) = match &outcome.end {
        End::Broken { violation, path } => {
            (Some(violation.property().name()), Some(violation.to_string()), Some(path))
        }
        End::Exhausted | End::Depth | End::States | End::Interrupted => (None, None, None),
    };
    let value = json!({
        "nodes": args.nodes,
        "terms": args.terms,
        "entries": args.entries,
        "crashes": args.crashes,
        "timeouts": args.timeouts,
        "duplicates": args.duplicates,
        "messages": args.messages,
        "symmetry": !args.no_symmetry,
        "reduction": !args.no_reduction,
        "deep": args.deep,
        "states": progress.states,
        "transitions": progress.transitions,
        "depth": progress.depth,
        "waiting": progress.waiting,
        "leaders": progress.leaders,
        "commands": progress.commands,
        "wall_ns": took.as_nanos() as u64,
        "end": name(&outcome.end),
        "property": property,
        "violation": violation,
        "path": path,
        "exit_code": exit_code(&outcome.end),
    });
    output::tell!("{value}");
}

#[cfg(test)]
mod tests {
    use quorate_sim::oracle::Violation;

    use super::*;

    #[test]
    fn only_a_broken_property_fails() {
        let violation = Violation::TwoWrites { node: 1 };
        assert_eq!(exit_code(&End::Broken { violation, path: Vec::new() }), 2);
        assert_eq!(exit_code(&End::Interrupted), INTERRUPTED);
        let passed = [End::Exhausted, End::Depth, End::States].map(|end| exit_code(&end));
        assert_eq!(passed, [0; 3]);
    }
}
