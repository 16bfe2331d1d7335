//! What is told, and where.

use std::{
    fmt,
    fs::File,
    io::{self, BufWriter, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use quorate_sim::{
    case::Case,
    file,
    marks::Mark,
    plan::Plan,
    profile::{Expectation, MILLISECOND, SECOND, Settings},
    run::Report,
    shrink::Size,
    trace::Record,
    words::counted,
};
use serde_json::json;

use super::{batch::Total, failures::Kept, shrink};

/// What is looked for was not met: marks, seeds, or an expected violation.
pub(super) const NOT_MET: u8 = 5;

/// Prints a line.
macro_rules! tell {
    ($($text:tt)*) => {
        $crate::cli::output::print(format_args!("{}\n", format_args!($($text)*)))
    };
}
pub(super) use tell;

/// Whether something that was asked for could not be written.
static IS_CUT: AtomicBool = AtomicBool::new(false);
/// Whether the standard output takes no more.
static IS_OUTPUT_LOST: AtomicBool = AtomicBool::new(false);

/// Prints text as it is.
pub(super) fn put(text: &str) {
    print(format_args!("{text}"));
}

/// Whoever no longer listens, as `head` may not, misses it. After the first that cannot be written
/// for another reason, no more is.
pub(super) fn print(text: fmt::Arguments<'_>) {
    if IS_OUTPUT_LOST.load(Ordering::Relaxed) {
        return;
    }
    let mut out = io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            IS_OUTPUT_LOST.store(true, Ordering::Relaxed);
            cut(&format!("the standard output is cut short: {error}"));
        }
        Ok(()) | Err(_) => {}
    }
}

/// Says that something that was asked for cannot be written.
pub(super) fn cut(what: &str) {
    eprintln!("{what}");
    IS_CUT.store(true, Ordering::Relaxed);
}

/// The exit code with what could not be written reckoned with.
pub(super) fn code(code: u8) -> u8 {
    reckoned(code, IS_CUT.load(Ordering::Relaxed))
}

fn reckoned(code: u8, is_cut: bool) -> u8 {
    // A violation stands, whatever is lost of its telling.
    if is_cut && matches!(code, 0 | NOT_MET) { 1 } else { code }
}

/// Says what is wrong with what was asked for, and gives the exit code.
pub(super) fn usage(error: &str) -> u8 {
    eprintln!("error: {error}");
    1
}

/// Why a trace cannot be written.
pub(super) fn no_trace(path: Option<&str>, error: &io::Error) -> String {
    let path = path.unwrap_or_default();
    format!("the trace cannot be written to '{path}': {error}; name another file or -")
}

/// A size for programs.
pub(super) fn size_json(size: &Size) -> serde_json::Value {
    json!({
        "faults": size.faults,
        "operations": size.operations,
        "clients": size.clients,
        "nodes": size.nodes,
        "simulated_ns": size.simulated,
        "events": size.events,
    })
}

/// Where the trace goes: as lines, or as JSON lines where the file's name says so.
pub(super) enum Trace {
    Nowhere,
    Output,
    File(BufWriter<File>),
    Json(BufWriter<File>),
}

impl Trace {
    pub(super) fn open(target: Option<&str>) -> io::Result<Trace> {
        Ok(match target {
            None => Trace::Nowhere,
            Some("-") => Trace::Output,
            Some(path) if path.ends_with(".jsonl") => {
                Trace::Json(BufWriter::new(File::create(path)?))
            }
            Some(path) => Trace::File(BufWriter::new(File::create(path)?)),
        })
    }

    /// Writes records; after the first that cannot be written, no more.
    pub(super) fn write(&mut self, records: &[Record]) {
        let put = |out: &mut dyn Write| {
            records.iter().try_for_each(|record| writeln!(out, "{record}"))?;
            out.flush()
        };
        let put_json = |out: &mut dyn Write| {
            for record in records {
                serde_json::to_writer(&mut *out, record)?;
                writeln!(out)?;
            }
            out.flush()
        };
        let result = match self {
            Trace::Nowhere => Ok(()),
            Trace::Output => put(&mut io::stdout().lock()),
            Trace::File(file) => put(file),
            Trace::Json(file) => put_json(file),
        };
        if let Err(error) = result {
            // Whoever no longer listens, as `head` may not, has what they wanted.
            if error.kind() != io::ErrorKind::BrokenPipe {
                cut(&format!("the trace is cut short: {error}"));
            }
            *self = Trace::Nowhere;
        }
    }
}

/// Tells of a failure: what broke, in which world, and how to see it again.
pub(super) fn failure(report: &Report) {
    let Some(failure) = &report.failure else { return };
    let seed = report.recipe.seed;
    let property = failure.violation.property();
    eprintln!("FAILED seed {seed} at event {}: {property}: {}", failure.event, failure.violation);
    let settings = &failure.case.settings;
    let (nodes, spares, clients) = (settings.nodes, settings.spares, settings.workload.clients);
    eprintln!(
        "{}, {}, {}; families: {}",
        counted(nodes, "node"),
        counted(spares, "spare"),
        counted(clients, "client"),
        families(settings)
    );
    eprintln!("faults:\n{}reproduce: {}", failure.case.plan, report.command());
}

/// The names of the families of faults that are on.
fn families(settings: &Settings) -> String {
    let all = toml::Table::try_from(settings.families).unwrap_or_default();
    let on = all.into_iter().filter(|(_, is_on)| is_on.as_bool() == Some(true));
    let names: Vec<String> = on.map(|(name, _)| name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// What a seed is expanded to, with times and names as files have them.
pub(super) fn expanded(case: &Case) -> String {
    let text = file::write(&Case { plan: Plan::default(), ..case.clone() });
    let settings = text.split_once("[settings]").map_or("", |(_, settings)| settings);
    format!("[settings]{settings}\nfaults:\n{}", case.plan)
}

/// Tells what was done.
pub(super) fn summary(total: &Total, missing: &[Mark]) {
    let stats = total.stats;
    let rate = per_second(stats.events, total.cpu_nanos);
    let rate = rate.map_or(String::new(), |rate| format!(" ({rate} per CPU-second)"));
    let stopped = if total.interrupted { ", interrupted" } else { "" };
    if let Some(seed) = total.came_to {
        tell!("the budget is over: the seeds of this shard below {seed} were run");
    }
    tell!(
        "{}{stopped}, {} failed: {}, {}{rate}, {}, hash {:016x}",
        counted(total.seeds, "seed"),
        total.failures.len(),
        counted(stats.simulated / SECOND, "simulated second"),
        counted(stats.events, "event"),
        counted(stats.messages, "message"),
        total.hash,
    );
    tell!(
        "{}, {}, {}, {}, {} ({} answered), {} given up",
        counted(stats.elections, "election"),
        counted(stats.commits, "commit"),
        counted(stats.faults, "fault"),
        counted(stats.restarts, "restart"),
        counted(stats.operations, "operation"),
        stats.answered,
        counted(stats.searches_given_up, "search"),
    );
    self::missing(missing);
}

/// Tells that a batch without a seed has shown nothing.
pub(super) fn nothing() {
    tell!("no seed was run: that is no pass");
}

/// Tells which marks a batch should have reached.
pub(super) fn missing(missing: &[Mark]) {
    if !missing.is_empty() {
        let names: Vec<String> = missing.iter().map(Mark::to_string).collect();
        tell!("never reached, though every batch must: {}", names.join(", "));
    }
}

/// What was seen of what the profile expects.
pub(super) fn expectation(seen: &[u64], seeds: u64, expected: Expectation) {
    match seen.iter().min() {
        Some(first) => tell!(
            "as expected, {expected}: by {} of {}, the first of them {first}",
            seen.len(),
            counted(seeds, "seed"),
        ),
        None => tell!("expected, but not seen: {expected}"),
    }
}

/// None where too little time was spent, or the system does not say how much.
pub(super) fn per_second(count: u64, nanos: u64) -> Option<u64> {
    if nanos < MILLISECOND {
        return None;
    }
    let rate = u128::from(count) * u128::from(SECOND) / u128::from(nanos);
    Some(rate as u64)
}

/// The same for programs.
pub(super) fn json(
    total: &Total,
    missing: &[Mark],
    expected: Option<Expectation>,
    is_share: bool,
    exit_code: u8,
) {
    let stats = total.stats;
    let marks: serde_json::Map<String, serde_json::Value> =
        Mark::ALL.iter().map(|mark| (mark.to_string(), total.marks.count(*mark).into())).collect();
    let failures = total.failures.iter().zip(&total.kept);
    let failures: Vec<serde_json::Value> = failures.map(failure_json).collect();
    let value = json!({
        "seeds": total.seeds,
        "interrupted": total.interrupted,
        "budget_ended_below_seed": total.came_to,
        "hash": format!("{:016x}", total.hash),
        "simulated_ns": stats.simulated,
        "events": stats.events,
        "events_per_cpu_second": per_second(stats.events, total.cpu_nanos),
        "cpu_ns": total.cpu_nanos,
        "wall_ns": total.wall_nanos,
        "messages": stats.messages,
        "elections": stats.elections,
        "commits": stats.commits,
        "faults": stats.faults,
        "restarts": stats.restarts,
        "operations": stats.operations,
        "answered": stats.answered,
        "searches_given_up": stats.searches_given_up,
        "marks": marks,
        "missing": missing.iter().map(Mark::to_string).collect::<Vec<String>>(),
        "expectation": expected.map(|expected| expected.to_string()),
        "expected_seeds": total.expected,
        "judged_by_merge": is_share,
        "failures": failures,
        "exit_code": exit_code,
    });
    tell!("{value}");
}

fn failure_json((report, kept): (&Report, &Kept)) -> serde_json::Value {
    let Some(failure) = &report.failure else { return serde_json::Value::Null };
    json!({
        "seed": report.recipe.seed,
        "profile": report.recipe.profile.name(),
        "event": failure.event,
        "property": failure.violation.property().name(),
        "violation": failure.violation.to_string(),
        "file": kept.file.as_ref().map(|path| path.display().to_string()),
        "shrunk": kept.shrunk.as_ref().map(shrink::json_of),
        "page": kept.page.as_ref().map(|path| path.display().to_string()),
        "exit_code": report.exit_code(),
        "command": report.command(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_is_no_pass_and_hides_no_violation() {
        let codes = [0, 1, 2, 3, 4, NOT_MET, 130];
        assert_eq!(codes.map(|code| reckoned(code, true)), [1, 1, 2, 3, 4, 1, 130]);
        assert_eq!(codes.map(|code| reckoned(code, false)), codes);
    }
}
