//! A case from a file, run again.

use std::fs;

use clap::Args;
use quorate_sim::{
    case::Case,
    duration, file,
    oracle::Property,
    run::{Options, Played, replay, without_panics},
    shrink::Size,
};
use serde_json::json;

use super::output;

const EXAMPLES: &str = "\
Examples:
  quorate-sim replay failures/swarm-42.toml               does it still fail, and how
  quorate-sim replay failures/swarm-42.toml --trace -     with all that happens in it
  quorate-sim replay failures/swarm-42.toml --json        the same for programs

Exit codes: 0 the run passes and was expected to, 1 the file cannot be read, 2 to 4 the violation
as with `run`, 5 the file expects a violation and the run shows none.";

/// The violation that a file expects is not seen any more.
const NOT_SEEN: u8 = 5;

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReplayArgs {
    /// The file: written at a failure, by `shrink` or by `plan --toml`; `-` for the standard input.
    file: String,
    /// Write a line for each thing that happens to this file; `-` for the standard output.
    #[arg(long)]
    trace: Option<String>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// The case of a file, or a sentence why there is none.
pub(super) fn read(path: &str) -> Result<Case, String> {
    let text = if path == "-" {
        std::io::read_to_string(std::io::stdin())
    } else {
        fs::read_to_string(path)
    };
    let text = text.map_err(|error| format!("'{path}' cannot be read: {error}"))?;
    file::read(&text).map_err(|error| format!("{path}: {error}"))
}

pub(super) fn run(args: &ReplayArgs) -> u8 {
    let case = match read(&args.file) {
        Ok(case) => case,
        Err(error) => return output::usage(&error),
    };
    let mut sink = match output::Trace::open(args.trace.as_deref()) {
        Ok(sink) => sink,
        Err(error) => return output::usage(&output::no_trace(args.trace.as_deref(), &error)),
    };
    let options = Options { trace: args.trace.is_some(), ..Options::default() };
    let played = without_panics(|| replay(&case, options));
    sink.write(&played.trace);
    let found = played.violation.as_ref().map(|violation| violation.property());
    let code = exit_code(case.expected, &played);
    if args.json {
        tell_json(&args.file, &case, &played, code);
        return code;
    }
    let size = Size::of(&case, &played);
    match &played.violation {
        Some(violation) => output::tell!(
            "FAILED {} at event {}, after {}: {violation}",
            violation.property(),
            played.stats.events,
            duration::write(played.stats.simulated),
        ),
        None => output::tell!("passed, hash {:016x}", played.hash),
    }
    output::tell!("{size}");
    match case.expected {
        Some(expected) if found.is_none() => {
            output::tell!("{expected} is not violated any more, as the file expects");
        }
        Some(expected) if found != Some(expected) => {
            output::tell!("the file expects another violation: {expected}");
        }
        Some(_) | None => {}
    }
    code
}

fn exit_code(expected: Option<Property>, played: &Played) -> u8 {
    match (&played.violation, expected) {
        (Some(violation), _) => violation.exit_code(),
        (None, Some(_)) => NOT_SEEN,
        (None, None) => 0,
    }
}

fn tell_json(path: &str, case: &Case, played: &Played, code: u8) {
    let violation = played.violation.as_ref();
    let value = json!({
        "file": path,
        "seed": case.seed,
        "profile": case.profile.name(),
        "expected": case.expected.map(Property::name),
        "property": violation.map(|violation| violation.property().name()),
        "violation": violation.map(ToString::to_string),
        "exit_code": code,
        "hash": format!("{:016x}", played.hash),
        "size": output::size_json(&Size::of(case, played)),
    });
    output::tell!("{value}");
}

#[cfg(test)]
mod tests {
    use quorate_sim::oracle::Violation;

    use super::*;

    #[test]
    fn a_violation_that_is_gone_is_no_pass() {
        let passed = Played::default();
        let violation = Some(Violation::TwoWrites { node: 1 });
        let failed = Played { violation, ..Played::default() };
        assert_eq!(exit_code(None, &passed), 0);
        assert_eq!(exit_code(Some(Property::Liveness), &passed), NOT_SEEN);
        assert_eq!(exit_code(Some(Property::Liveness), &failed), 2);
        assert_eq!(exit_code(None, &failed), 2);
    }
}
