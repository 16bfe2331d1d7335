//! What a batch came to, seed by seed: JSON lines, and how they are joined.
//!
//! The first line of a file says which version ran what; each other line is the run of one seed, as
//! soon as it had ended. A run follows from its seed, so a seed that was run twice with the same result
//! counts once, and joining is a union: in any order, any number of times, with the same outcome. Two
//! results for one seed are not joined but kept: the run is not deterministic.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{self, BufRead, BufReader, Write},
    ops::RangeInclusive,
    path::Path,
};

use quorate_sim::{
    file::VERSION,
    marks::Marks,
    profile::{Profile, SECOND},
    run::{Options, Report, run},
    world::{Recipe, Stats},
};
use serde::{Deserialize, Serialize};

use super::{Shape, files, output, seeds::Seeds, shard::Shard};

/// The format that is written and read.
const FORMAT: u64 = 1;
/// What a violation exits with.
const CODES: RangeInclusive<u8> = 2..=4;

/// One share of a batch: what one process was asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Part {
    pub(super) seeds: Seeds,
    pub(super) shard: Shard,
    /// After so long no more seeds were begun; none where all were to be run.
    pub(super) budget_ns: Option<u64>,
}

/// The first line: what all that is joined must have in common, and which parts there are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    #[serde(rename = "quorate-sim")]
    pub(super) version: String,
    pub(super) format: u64,
    /// The hash of one short run, which is the same for the same runs: one version has many builds.
    pub(super) probe: String,
    pub(super) profile: String,
    pub(super) time_ns: u64,
    pub(super) nodes: Option<u64>,
    pub(super) parts: BTreeSet<Part>,
}

/// What broke.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Broken {
    pub(super) property: String,
    pub(super) event: u64,
    pub(super) violation: String,
    /// Where the case was written, if it was.
    pub(super) file: Option<String>,
    pub(super) exit_code: u8,
}

/// The run of a seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Line {
    pub(super) seed: u64,
    pub(super) profile: String,
    pub(super) version: String,
    /// Over all that happened.
    pub(super) hash: String,
    pub(super) cpu_ns: u64,
    #[serde(flatten)]
    pub(super) stats: Stats,
    pub(super) marks: Marks,
    pub(super) violation: Option<Broken>,
    /// Other hashes that the same seed gave.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) other_hashes: BTreeSet<String>,
}

impl Broken {
    /// None where nothing did.
    pub(super) fn of(report: &Report, file: Option<&Path>) -> Option<Broken> {
        let failure = report.failure.as_ref()?;
        Some(Broken {
            property: failure.violation.property().name().to_owned(),
            event: failure.event,
            violation: failure.violation.to_string(),
            file: file.map(|path| path.display().to_string()),
            exit_code: report.exit_code(),
        })
    }
}

impl Line {
    pub(super) fn of(report: &Report, cpu_ns: u64, file: Option<&Path>) -> Line {
        Line {
            seed: report.recipe.seed,
            profile: report.recipe.profile.name().to_owned(),
            version: VERSION.to_owned(),
            hash: format!("{:016x}", report.hash),
            cpu_ns,
            stats: report.stats,
            marks: report.marks.clone(),
            violation: Broken::of(report, file),
            other_hashes: BTreeSet::new(),
        }
    }

    /// Whether the same seed gave different runs.
    pub(super) fn differs(&self) -> bool {
        !self.other_hashes.is_empty()
    }

    /// One result for one seed: the lesser, but one with a violation before any without, and the names
    /// of all others.
    fn join(self, other: Line) -> Line {
        let rank = |line: &Line| {
            (line.violation.is_none(), line.hash.clone(), line.cpu_ns, line.violation.clone())
        };
        let (mut kept, dropped) =
            if rank(&self) <= rank(&other) { (self, other) } else { (other, self) };
        kept.other_hashes.extend(dropped.other_hashes);
        kept.other_hashes.insert(dropped.hash);
        kept.other_hashes.remove(&kept.hash);
        kept
    }
}

impl Header {
    /// For a batch of this process.
    pub(super) fn new(shape: &Shape, part: Part) -> Header {
        let Recipe { profile, nodes, time, .. } = shape.recipe(0);
        Header {
            version: VERSION.to_owned(),
            format: FORMAT,
            probe: probe(),
            profile: profile.name().to_owned(),
            time_ns: time,
            nodes,
            parts: BTreeSet::from([part]),
        }
    }

    /// Why these two are not of one batch.
    fn conflict(&self, other: &Header) -> Option<String> {
        let nodes = |header: &Header| header.nodes.map_or("drawn".to_owned(), |n| n.to_string());
        let time = |header: &Header| quorate_sim::duration::write(header.time_ns);
        let all = [
            ("quorate-sim", self.version.clone(), other.version.clone()),
            ("format", self.format.to_string(), other.format.to_string()),
            ("a build whose probe is", self.probe.clone(), other.probe.clone()),
            ("profile", self.profile.clone(), other.profile.clone()),
            ("--time", time(self), time(other)),
            ("--nodes", nodes(self), nodes(other)),
        ];
        let (what, ours, theirs) = all.into_iter().find(|(_, ours, theirs)| ours != theirs)?;
        Some(format!("{what} {ours}, and of {what} {theirs}"))
    }
}

/// What one short swarm run comes to here: another build, or another platform, that draws or does
/// anything else comes to something else.
pub(super) fn probe() -> String {
    let recipe = Recipe { time: SECOND, profile: Profile::Swarm, ..Recipe::new(1) };
    format!("{:016x}", run(recipe, Options::default()).hash)
}

/// Where lines go as runs end. Each is written at once, so that whatever ends the process leaves whole
/// lines behind.
pub(super) struct Sink {
    file: Option<File>,
}

impl Sink {
    /// Where nothing is asked for.
    pub(super) fn nowhere() -> Sink {
        Sink { file: None }
    }

    /// Overwrites the file, if there is one: the same seeds give the same results.
    pub(super) fn open(path: &Path, header: &Header) -> Result<Sink, String> {
        let told = |error: io::Error| {
            let path = path.display();
            format!("the results cannot be written to '{path}': {error}; name another file")
        };
        let file = File::create(path).map_err(told)?;
        let mut sink = Sink { file: Some(file) };
        sink.put(header).map_err(told)?;
        Ok(sink)
    }

    /// Writes a line; after the first that cannot be written, no more.
    pub(super) fn write(&mut self, line: &Line) {
        if let Err(error) = self.put(line) {
            output::cut(&format!("the results are cut short: {error}"));
            self.file = None;
        }
    }

    fn put(&mut self, value: &impl Serialize) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), |file| put(file, value))
    }
}

/// A line of JSON, at once.
fn put(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    out.write_all(text.as_bytes())
}

/// The results of a batch, or of several that were joined.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Results {
    pub(super) header: Header,
    pub(super) lines: BTreeMap<u64, Line>,
}

impl Results {
    /// Reads a file; what is wrong is told with its place.
    pub(super) fn read(path: &str) -> Result<Results, String> {
        let file = File::open(path).map_err(|error| format!("'{path}' cannot be read: {error}"))?;
        Results::parse(path, BufReader::new(file))
    }

    fn parse(path: &str, text: impl BufRead) -> Result<Results, String> {
        let mut results: Option<Results> = None;
        for (line, number) in text.lines().zip(1_u64..) {
            let told = |what: String| format!("{path}, line {number}: {what}");
            let line = line.map_err(|error| told(error.to_string()))?;
            match &mut results {
                None => {
                    let header = header(&line).map_err(told)?;
                    results = Some(Results { header, lines: BTreeMap::new() });
                }
                Some(results) => {
                    let line = serde_json::from_str(&line)
                        .map_err(|error| told(format!("it is damaged or cut short: {error}")))?;
                    results.add(line).map_err(told)?;
                }
            }
        }
        results.ok_or_else(|| format!("{path}: it is empty, without even a header"))
    }

    fn add(&mut self, line: Line) -> Result<(), String> {
        let Header { version, profile, .. } = &self.header;
        if (&line.version, &line.profile) != (version, profile) {
            return Err(format!(
                "a run of quorate-sim {}, profile {}, but the file is of {version}, {profile}",
                line.version, line.profile
            ));
        }
        if let Some(broken) = &line.violation
            && !CODES.contains(&broken.exit_code)
        {
            let (low, high) = (CODES.start(), CODES.end());
            return Err(format!(
                "a violation with exit code {}: {low} to {high} are possible",
                broken.exit_code
            ));
        }
        self.put(line);
        Ok(())
    }

    fn put(&mut self, line: Line) {
        let line = match self.lines.remove(&line.seed) {
            Some(known) => known.join(line),
            None => line,
        };
        self.lines.insert(line.seed, line);
    }

    /// Both, where they are of one batch.
    ///
    /// # Errors
    /// What they differ in.
    pub(super) fn join(mut self, other: Results) -> Result<Results, String> {
        if let Some(conflict) = self.header.conflict(&other.header) {
            return Err(conflict);
        }
        self.header.parts.extend(other.header.parts);
        other.lines.into_values().for_each(|line| self.put(line));
        Ok(self)
    }

    /// Writes them as a file that can be joined again. A file of this name is there as a whole or not
    /// at all, whatever ends the process.
    pub(super) fn write(&self, path: &Path) -> Result<(), String> {
        let written = files::write_whole(path, |out| {
            put(out, &self.header)?;
            self.lines.values().try_for_each(|line| put(out, line))
        });
        written.map_err(|error| {
            let path = path.display();
            format!("the results cannot be written to '{path}': {error}; name another file")
        })
    }
}

fn header(line: &str) -> Result<Header, String> {
    /// What every format has.
    #[derive(Deserialize)]
    struct Version {
        #[serde(rename = "quorate-sim")]
        version: String,
        format: u64,
    }

    let wrong =
        |error: serde_json::Error| format!("it is no header of quorate-sim results: {error}");
    let Version { version, format } = serde_json::from_str(line).map_err(wrong)?;
    if format != FORMAT {
        return Err(format!("it is of format {format}, but this quorate-sim reads {FORMAT}"));
    }
    if version != VERSION {
        return Err(format!(
            "it is of quorate-sim {version}, but this is quorate-sim {VERSION}: merge it with \
             {version}"
        ));
    }
    serde_json::from_str(line).map_err(wrong)
}

#[cfg(test)]
pub(super) mod samples;
#[cfg(test)]
mod tests;
