//! A case from a file, run again.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use quorate_sim::{
    case::Case,
    duration, file,
    oracle::Property,
    report,
    run::{Options, Played, replay, without_panics},
    shrink::Size,
};
use serde_json::json;

use super::{files, output};

const EXAMPLES: &str = "\
Examples:
  quorate-sim replay failures/swarm-42.toml               does it still fail, and how
  quorate-sim replay failures/swarm-42.toml --trace -     with all that happens in it
  quorate-sim replay failures/swarm-42.toml --html a.html with all of it as a page for a browser
  quorate-sim replay failures/swarm-42.toml --json        the same for programs

Exit codes: 0 the run passes and was expected to, or shows what its profile expects, 1 the file cannot be read, 2 to 4 the violation
as with `run`, 5 the file expects a violation and the run shows none, or another one.";

#[derive(Clone, Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReplayArgs {
    /// The file: written at a failure, by `shrink` or by `plan --toml`; `-` for the standard input.
    file: String,
    /// Write a line for each thing that happens to this file, as JSON where it ends in .jsonl;
    /// `-` for the standard output.
    #[arg(long)]
    trace: Option<String>,
    /// Write a page to this file that shows the run in any browser, without a network.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
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

/// Whether what is to be written has places of its own.
fn check(args: &ReplayArgs) -> Result<(), String> {
    let (html, trace) = (args.html.as_deref(), args.trace.as_deref().map(Path::new));
    files::named("--html", html)?;
    let file = Some(Path::new(&args.file));
    files::different(&[("FILE", file), ("--html", html), ("--trace", trace)])
}

pub(super) fn run(args: &ReplayArgs) -> u8 {
    if let Err(error) = check(args) {
        return output::usage(&error);
    }
    let case = match read(&args.file) {
        Ok(case) => case,
        Err(error) => return output::usage(&error),
    };
    let mut sink = match output::Trace::open(args.trace.as_deref()) {
        Ok(sink) => sink,
        Err(error) => return output::usage(&output::no_trace(args.trace.as_deref(), &error)),
    };
    let trace = args.trace.is_some() || args.html.is_some();
    let options = Options { trace, ..Options::default() };
    let played = without_panics(|| replay(&case, options));
    sink.write(&played.trace);
    if let Some(path) = &args.html
        && let Err(error) = write_page(&case, &played, &args.file, path)
    {
        return output::usage(&no_page(path, &error));
    }
    let found = played.violation.as_ref().map(|violation| violation.property());
    let code = output::code(exit_code(&case, &played));
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
    if played.violation.as_ref().is_some_and(|violation| case.profile.expects(violation)) {
        output::tell!("as the profile {} expects", case.profile.name());
    }
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

/// Writes the page of a run that was played with a trace.
pub(super) fn write_page(case: &Case, played: &Played, file: &str, path: &Path) -> io::Result<()> {
    let command = format!("quorate-sim replay {file} --trace -");
    let page = report::html(case, played, file, &command);
    files::write_whole(path, |out| out.write_all(page.as_bytes()))
}

/// Why a page cannot be written.
pub(super) fn no_page(path: &Path, error: &io::Error) -> String {
    format!("the page cannot be written to '{}': {error}; name another file", path.display())
}

fn exit_code(case: &Case, played: &Played) -> u8 {
    match (&played.violation, case.expected) {
        (Some(violation), Some(expected)) if violation.property() != expected => output::NOT_MET,
        (Some(violation), _) if case.profile.expects(violation) => 0,
        (Some(violation), _) => violation.exit_code(),
        (None, Some(_)) => output::NOT_MET,
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
    use quorate_sim::{oracle::Violation, profile::Profile, world::Recipe};

    use super::*;

    #[test]
    fn a_violation_that_is_gone_is_no_pass() {
        let passed = Played::default();
        let violation = Some(Violation::TwoWrites { node: 1 });
        let failed = Played { violation, ..Played::default() };
        let code = |expected, played: &Played| {
            let recipe = Recipe { profile: Profile::LeaseBroken, ..Recipe::new(1) };
            exit_code(&Case { expected, ..Case::new(recipe) }, played)
        };
        assert_eq!(code(None, &passed), 0);
        assert_eq!(code(Some(Property::Liveness), &passed), output::NOT_MET);
        assert_eq!(code(Some(Property::Liveness), &failed), output::NOT_MET);
        assert_eq!(code(Some(Property::OneWrite), &failed), 2);
        assert_eq!(code(None, &failed), 2);
        let stale = Violation::StaleLeaseRead { node: 1, index: 2, committed: 3 };
        let stale = Played { violation: Some(stale), ..Played::default() };
        assert_eq!(code(Some(Property::LeaseRead), &stale), 0, "its profile is meant to show it");
        assert_eq!(code(Some(Property::Liveness), &stale), output::NOT_MET, "but not its file");
    }
}
