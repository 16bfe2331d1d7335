//! What is written: generated pairs, or a file's.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::Deserialize;

use super::{DemoArguments, directory::Run};

#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot read {}: {source}", path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} line {line}: {why}; a line is `key,value` or {{\"key\": …, \"value\": …}}",
        path.display())]
    Line { path: PathBuf, line: u64, why: String },
    #[error("{} holds no pair", path.display())]
    Empty { path: PathBuf },
}

/// Keys with the values that are written to them; each key once.
pub(crate) enum Pairs {
    Generated(Run),
    Read(Vec<(Bytes, Bytes)>),
}

impl Pairs {
    /// The pairs of run `run`; generated values name it, so that an old one never passes for new.
    pub(crate) fn of(
        input: Option<Vec<(Bytes, Bytes)>>,
        arguments: &DemoArguments,
        run: u64,
    ) -> Pairs {
        let DemoArguments { ops, value_bytes, .. } = *arguments;
        input.map_or(Pairs::Generated(Run { run, ops, value_bytes }), Pairs::Read)
    }

    pub(crate) fn generated(run: Run) -> Pairs {
        Pairs::Generated(run)
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Pairs::Generated(run) => run.ops,
            Pairs::Read(list) => list.len() as u64,
        }
    }

    /// Pair `place`, counted from 0 and below [`Pairs::len`].
    pub(crate) fn get(&self, place: u64) -> (Bytes, Bytes) {
        match self {
            Pairs::Generated(run) => {
                let key = format!("key-{place:09}");
                let mut value = format!("{}-{place}-", run.run).into_bytes();
                value.resize(value.len().max(run.value_bytes as usize), b'.');
                (key.into(), value.into())
            }
            Pairs::Read(list) => list.get(place as usize).cloned().unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
struct JsonPair {
    key: String,
    value: serde_json::Value,
}

/// The pairs of a file; of a key that comes twice, the last.
pub(crate) fn read(path: &Path) -> Result<Vec<(Bytes, Bytes)>, InputError> {
    let io = |source| InputError::Io { path: path.to_owned(), source };
    let mut file = BufReader::new(File::open(path).map_err(io)?);
    let is_json =
        file.fill_buf().map_err(io)?.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let pairs = if is_json { read_json(path, file)? } else { read_csv(path, file)? };
    if pairs.is_empty() {
        return Err(InputError::Empty { path: path.to_owned() });
    }
    Ok(pairs.into_iter().collect())
}

fn checked(path: &Path, line: u64, key: Bytes, value: Bytes) -> Result<(Bytes, Bytes), InputError> {
    let command = quorate_kv::Command::Put { key: key.clone(), value: value.clone() };
    command.validate().map_err(|error| InputError::Line {
        path: path.to_owned(),
        line,
        why: error.to_string(),
    })?;
    Ok((key, value))
}

fn read_json(path: &Path, file: impl BufRead) -> Result<BTreeMap<Bytes, Bytes>, InputError> {
    let mut pairs = BTreeMap::new();
    for (line, number) in file.lines().zip(1..) {
        let line = line.map_err(|source| InputError::Io { path: path.to_owned(), source })?;
        if line.trim().is_empty() {
            continue;
        }
        let pair: JsonPair = serde_json::from_str(&line).map_err(|error| InputError::Line {
            path: path.to_owned(),
            line: number,
            why: error.to_string(),
        })?;
        let value = match pair.value {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        };
        let (key, value) = checked(path, number, pair.key.into(), value.into())?;
        pairs.insert(key, value);
    }
    Ok(pairs)
}

fn read_csv(path: &Path, file: impl BufRead) -> Result<BTreeMap<Bytes, Bytes>, InputError> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(file);
    let mut pairs = BTreeMap::new();
    for record in reader.byte_records() {
        let wrong = |line, why| InputError::Line { path: path.to_owned(), line, why };
        let record = record.map_err(|error| {
            wrong(error.position().map_or(0, csv::Position::line), error.to_string())
        })?;
        let line = record.position().map_or(0, csv::Position::line);
        let (Some(key), Some(value), 2) = (record.get(0), record.get(1), record.len()) else {
            return Err(wrong(line, format!("{} fields where 2 were due", record.len())));
        };
        let (key, value) = (Bytes::copy_from_slice(key), Bytes::copy_from_slice(value));
        let (key, value) = checked(path, line, key, value)?;
        pairs.insert(key, value);
    }
    Ok(pairs)
}
