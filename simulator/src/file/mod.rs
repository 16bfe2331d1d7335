//! Cases as TOML: written by a failure, edited by people, read by `replay` and `shrink`.
//!
//! A file is of one format and of one version of the simulator: another version may draw other
//! numbers, and would show another run under the same name.

mod check;
mod fault;
mod words;

use std::ops::Range;

use quorate_core::Nanos;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{DeserializeOwned, Error as _},
};
use toml::Spanned;

use crate::{
    case::{Case, PlannedOperation},
    choices::Stream,
    oracle::Property,
    plan::Plan,
    profile::{Profile, Settings},
    system::{KvSystem, System},
};
use fault::RawFault;
use words::Word;
pub(crate) use words::time;

#[cfg(test)]
mod tests;

/// The format that is written and read.
pub const FORMAT: u64 = 1;
/// The version of the simulator, which files name.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Why else something that is needed may be missing.
const OTHER_BUILD: &str =
    concat!(", or the file is of another build of ", env!("CARGO_PKG_VERSION"));

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// What it says is wrong.
    #[error("line {line}, column {column}: {message}")]
    Wrong {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
        /// What is wrong, and what may be written.
        message: String,
    },
    /// Another format.
    #[error("the file is of format {found}, but this quorate-sim reads format {FORMAT}")]
    OtherFormat {
        /// The file's.
        found: u64,
    },
    /// Another version of the simulator.
    #[error(
        "the file is of quorate-sim {found}, but this is quorate-sim {VERSION}: another version \
         may draw other numbers; replay it with {found}"
    )]
    OtherVersion {
        /// The file's.
        found: String,
    },
}

/// What is wrong, and where in the text.
struct Wrong {
    at: Range<usize>,
    message: String,
}

/// What every format has.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Header {
    format: u64,
    quorate_sim: String,
    #[serde(default = "kv")]
    system: Spanned<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct RawOperation<O> {
    client: u64,
    number: u64,
    at: Word<Nanos>,
    #[serde(flatten)]
    operation: O,
    #[serde(skip_serializing_if = "is_not")]
    lease: bool,
}

/// What is read of it first. What is left over is the system's: an enum cannot tell this table which
/// fields it took, so that those which it would not write, and does not look at, are refused.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Frame {
    client: u64,
    number: u64,
    at: Word<Nanos>,
    #[serde(default)]
    lease: bool,
    #[serde(flatten)]
    operation: toml::Table,
}

impl<'de, O: Serialize + DeserializeOwned> Deserialize<'de> for RawOperation<O> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<RawOperation<O>, D::Error> {
        let Frame { client, number, at, lease, operation } = Frame::deserialize(from)?;
        let found = operation.clone();
        let operation = O::deserialize(operation).map_err(D::Error::custom)?;
        let known = toml::Table::try_from(&operation).map_err(D::Error::custom)?;
        let mut unwritten = found.keys().filter(|name| !known.contains_key(*name));
        if let Some(alien) = unwritten.find(|name| !is_looked_at::<O>(&found, name)) {
            return Err(D::Error::custom(format!("unknown field `{alien}`")));
        }
        Ok(RawOperation { client, number, at, operation, lease })
    }
}

/// Whether an operation's field has a meaning, though it is not written: one that says what is so
/// without it. Then no value of any kind may stand there, and a date is what no operation has.
fn is_looked_at<O: DeserializeOwned>(found: &toml::Table, name: &str) -> bool {
    let date = toml::value::Datetime { date: None, time: None, offset: None };
    let mut other = found.clone();
    other.insert(name.to_owned(), date.into());
    O::deserialize(other).is_err()
}

fn is_not(value: &bool) -> bool {
    !value
}

/// Files that name no system are of the key-value machine.
fn kv() -> Spanned<String> {
    Spanned::new(0..0, KvSystem::NAME.to_owned())
}

fn is_kv(name: &Spanned<String>) -> bool {
    name.get_ref() == KvSystem::NAME
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
#[serde(bound(deserialize = "O: Serialize + DeserializeOwned"))]
struct Raw<O> {
    format: u64,
    quorate_sim: String,
    #[serde(default = "kv", skip_serializing_if = "is_kv")]
    system: Spanned<String>,
    profile: Word<Profile>,
    seed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<Word<Property>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    quiet: Vec<Word<Stream>>,
    settings: Spanned<Settings>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fault: Vec<RawFault>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    operation: Option<Vec<Spanned<RawOperation<O>>>>,
}

/// A case as text.
///
/// # Panics
/// Where operations of the system are no tables: see [`System::Operation`].
pub fn write<S: System>(case: &Case<S>) -> String {
    let operation = |operation: &PlannedOperation<S::Operation>| {
        let PlannedOperation { client, number, at, operation, lease } = operation.clone();
        Spanned::new(0..0, RawOperation { client, number, at: Word(at), operation, lease })
    };
    let raw = Raw {
        format: FORMAT,
        quorate_sim: VERSION.to_owned(),
        system: Spanned::new(0..0, S::NAME.to_owned()),
        profile: Word(case.profile),
        seed: case.seed,
        expected: case.expected.map(Word),
        quiet: case.quiet.iter().copied().map(Word).collect(),
        settings: Spanned::new(0..0, case.settings),
        fault: case.plan.faults.iter().map(RawFault::from).collect(),
        operation: case.operations.as_ref().map(|list| list.iter().map(operation).collect()),
    };
    let tables = toml::to_string(&raw).expect("operations are tables, and all else is, too");
    format!("# A run of quorate-sim, as data: `quorate-sim replay FILE` runs it.\n{tables}")
}

/// The case of the key-value machine that `text` holds.
///
/// # Errors
/// As [`read_for`].
pub fn read(text: &str) -> Result<Case, FileError> {
    read_for(KvSystem::default(), text)
}

/// The case of this system that `text` holds.
///
/// # Errors
/// Where the text is no case, or one of another version or system.
pub fn read_for<S: System>(system: S, text: &str) -> Result<Case<S>, FileError> {
    let wrong = |error: toml::de::Error| {
        let at = error.span().unwrap_or(0..0);
        at_line(text, Wrong { at, message: error.message().to_owned() })
    };
    let header: Header = toml::from_str(text).map_err(wrong)?;
    if header.format != FORMAT {
        return Err(FileError::OtherFormat { found: header.format });
    }
    if header.quorate_sim != VERSION {
        return Err(FileError::OtherVersion { found: header.quorate_sim });
    }
    if header.system.get_ref() != S::NAME {
        let (at, found) = (header.system.span(), header.system.get_ref());
        let message = format!("a case of the system '{found}', but this one is '{}'", S::NAME);
        return Err(at_line(text, Wrong { at, message }));
    }
    let raw: Raw<S::Operation> = toml::from_str(text).map_err(|error| {
        // Builds of one version may differ in what they have.
        let lacks = error.message().starts_with("missing field");
        let more = if lacks { OTHER_BUILD } else { "" };
        let at = error.span().unwrap_or(0..0);
        at_line(text, Wrong { at, message: format!("{}{more}", error.message()) })
    })?;
    case_of(system, raw, text).map_err(|wrong| at_line(text, wrong))
}

fn case_of<S: System>(system: S, raw: Raw<S::Operation>, text: &str) -> Result<Case<S>, Wrong> {
    let at = raw.settings.span();
    let settings = raw.settings.into_inner();
    check::settings(&settings).map_err(|refused| {
        let at = place(text, &refused.name).unwrap_or(at);
        Wrong { at, message: refused.message }
    })?;
    let faults = raw.fault.iter().map(|fault| fault.planned(&settings));
    let faults = faults.collect::<Result<_, Wrong>>()?;
    let operations = match raw.operation {
        None => None,
        Some(list) => Some(operations_of(list, settings.workload.clients)?),
    };
    Ok(Case {
        system,
        profile: raw.profile.0,
        seed: raw.seed,
        settings,
        plan: Plan { faults },
        operations,
        quiet: raw.quiet.into_iter().map(|word| word.0).collect(),
        expected: raw.expected.map(|word| word.0),
    })
}

fn operations_of<O>(
    list: Vec<Spanned<RawOperation<O>>>,
    clients: u64,
) -> Result<Vec<PlannedOperation<O>>, Wrong> {
    let mut due = vec![0; clients as usize];
    let mut operations = Vec::with_capacity(list.len());
    for spanned in list {
        let at = spanned.span();
        let raw = spanned.into_inner();
        let known = due.get_mut(raw.client as usize);
        let message = match known {
            None => format!("no client {}: there are {clients}, from 0 on", raw.client),
            Some(due) if raw.number < *due => {
                format!("`number` must rise with each operation of client {}", raw.client)
            }
            Some(_) if raw.number >= check::NUMBERS => "`number` is too large".to_owned(),
            Some(due) => {
                *due = raw.number + 1;
                let RawOperation { client, number, at: Word(at), operation, lease } = raw;
                operations.push(PlannedOperation { client, number, at, operation, lease });
                continue;
            }
        };
        return Err(Wrong { at, message });
    }
    Ok(operations)
}

/// Where a setting stands; none where the name is not that of one.
fn place(text: &str, name: &str) -> Option<Range<usize>> {
    let document = toml::de::DeTable::parse(text).ok()?;
    let settings = document.get_ref().get("settings")?;
    let value = name.split('.').try_fold(settings, |table, key| table.get_ref().get(key))?;
    Some(value.span())
}

/// Line and column of a place in the text.
fn at_line(text: &str, wrong: Wrong) -> FileError {
    let before = text.get(..wrong.at.start).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    FileError::Wrong { line, column, message: wrong.message.replace('\n', " ") }
}
