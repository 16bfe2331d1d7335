//! What is written: generated pairs, or a file's.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
};

use bytes::Bytes;
use serde::Deserialize;

use super::journal::{Input, Run};

/// The largest file that is loaded, since every node holds all of it in memory. Bytes.
const FILE_LIMIT_BYTES: u64 = 256 * 1024 * 1024;
/// The longest line of it: the largest key and value, each of their bytes escaped. Bytes.
const LINE_LIMIT_BYTES: u64 = 4 * 1024 * 1024;
/// A first line that names the columns.
const HEADING: [&str; 2] = ["key", "value"];

#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot read {}: {source}; name a file that this user may read", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} line {line}: {why}; a line is `key,value` or {{\"key\": …, \"value\": …}}",
        path.display())]
    Line { path: PathBuf, line: u64, why: String },
    #[error("{} holds no pair: a line is `key,value` or {{\"key\": …, \"value\": …}}",
        path.display())]
    Empty { path: PathBuf },
    #[error("{} takes {size} bytes, over the limit of {FILE_LIMIT_BYTES}: split it over several \
        runs with the same --data-dir", path.display())]
    TooLarge { path: PathBuf, size: u64 },
}

/// Keys with the values that are written to them; each key once.
pub(crate) enum Pairs {
    /// The names say which run and stream, so that an old value never passes for a new one.
    Generated {
        run: u64,
        stream: char,
        count: u64,
        value_bytes: u32,
    },
    Read(Vec<(Bytes, Bytes)>),
}

impl Pairs {
    /// What run `number` writes, and reads back, before anything happens.
    pub(crate) fn first(number: u64, run: Run, input: Option<Input>) -> Pairs {
        match input {
            Some(input) => Pairs::Read(
                input.into_iter().map(|(key, value)| (key.into(), value.into())).collect(),
            ),
            None => Pairs::Generated {
                run: number,
                stream: 'a',
                count: run.ops,
                value_bytes: run.value_bytes,
            },
        }
    }

    /// What it writes while the leader is killed, for as long as that takes.
    pub(crate) fn second(number: u64, run: Run) -> Pairs {
        let value_bytes = run.value_bytes;
        Pairs::Generated { run: number, stream: 'b', count: u64::MAX, value_bytes }
    }

    pub(crate) fn len(&self) -> u64 {
        match self {
            Pairs::Generated { count, .. } => *count,
            Pairs::Read(list) => list.len() as u64,
        }
    }

    /// Pair `place`, counted from 0 and below [`Pairs::len`].
    pub(crate) fn get(&self, place: u64) -> (Bytes, Bytes) {
        match self {
            Pairs::Generated { run, stream, value_bytes, .. } => {
                let key = format!("demo/{run}/{stream}/{place:09}");
                let mut value = format!("{run}-{stream}-{place}-").into_bytes();
                value.resize(value.len().max(*value_bytes as usize), b'.');
                (key.into(), value.into())
            }
            Pairs::Read(list) => list.get(place as usize).cloned().unwrap_or_default(),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct JsonPair {
    key: String,
    value: serde_json::Value,
}

/// The pairs of a file; of a key that comes twice, the last.
pub(crate) fn read(path: &Path) -> Result<Input, InputError> {
    let io = |source| InputError::Io { path: path.to_owned(), source };
    let file = File::open(path).map_err(io)?;
    let size = file.metadata().map_err(io)?.len();
    let too_large = |size| Err(InputError::TooLarge { path: path.to_owned(), size });
    if size > FILE_LIMIT_BYTES {
        return too_large(size);
    }
    // A pipe has no size: it is cut where the limit is passed.
    let mut file = BufReader::new(file.take(FILE_LIMIT_BYTES + 1));
    let start = file.fill_buf().map_err(io)?.trim_ascii_start();
    let is_json = start.first() == Some(&b'{');
    let source = Source { path, read: 0, line_bytes: 0, line: 1, file };
    let mut pairs = BTreeMap::new();
    let read = if is_json { read_json(source, &mut pairs) } else { read_csv(source, &mut pairs) };
    match read? {
        read if read > FILE_LIMIT_BYTES => too_large(read),
        _ if pairs.is_empty() => Err(InputError::Empty { path: path.to_owned() }),
        _ => Ok(pairs.into_iter().collect()),
    }
}

/// A file that is read in lines of bounded length.
struct Source<'a, F> {
    path: &'a Path,
    file: F,
    read: u64,
    line: u64,
    line_bytes: u64,
}

impl<F> Source<'_, F> {
    fn wrong(&self, line: u64, why: impl Into<String>) -> InputError {
        InputError::Line { path: self.path.to_owned(), line, why: why.into() }
    }
}

impl<F: Read> Read for Source<'_, F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.read += count as u64;
        for byte in &buffer[..count] {
            self.line_bytes += 1;
            if *byte == b'\n' {
                self.line += 1;
                self.line_bytes = 0;
            }
            if self.line_bytes > LINE_LIMIT_BYTES {
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
        }
        Ok(count)
    }
}

/// What came of reading on, where that failed.
fn failed<F>(source: &Source<'_, F>, error: io::Error) -> InputError {
    if error.kind() == io::ErrorKind::FileTooLarge {
        let why = format!("the line is longer than the limit of {LINE_LIMIT_BYTES} bytes");
        return source.wrong(source.line, why);
    }
    InputError::Io { path: source.path.to_owned(), source: error }
}

fn add(
    pairs: &mut BTreeMap<String, String>,
    key: impl Into<String>,
    value: impl Into<String>,
) -> Result<(), String> {
    let (key, value) = (key.into(), value.into());
    let command = quorate_kv::Command::put(key.clone(), value.clone());
    command.validate().map_err(|error| error.to_string())?;
    pairs.insert(key, value);
    Ok(())
}

fn read_json(
    source: Source<'_, impl Read>,
    pairs: &mut BTreeMap<String, String>,
) -> Result<u64, InputError> {
    let mut reader = BufReader::new(source);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if let Err(error) = reader.read_until(b'\n', &mut line) {
            return Err(failed(reader.get_ref(), error));
        }
        if line.is_empty() {
            break;
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        let pair = serde_json::from_slice(text).map_err(|error| error.to_string());
        let added = pair.and_then(|JsonPair { key, value }| match value {
            serde_json::Value::String(text) => add(pairs, key, text),
            other => add(pairs, key, other.to_string()),
        });
        added.map_err(|why| reader.get_ref().wrong(number, why))?;
    }
    Ok(reader.get_ref().read)
}

fn read_csv(
    source: Source<'_, impl Read>,
    pairs: &mut BTreeMap<String, String>,
) -> Result<u64, InputError> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(source);
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(reader.get_ref().read),
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                return Err(match error.into_kind() {
                    csv::ErrorKind::Io(error) => failed(reader.get_ref(), error),
                    csv::ErrorKind::Utf8 { .. } => {
                        reader.get_ref().wrong(line, "it is not UTF-8 text")
                    }
                    other => reader.get_ref().wrong(line, format!("{other:?}")),
                });
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        if line == 1 && record.iter().eq(HEADING) {
            continue;
        }
        let added = match (record.get(0), record.get(1), record.len()) {
            (Some(key), Some(value), 2) => add(pairs, key, value),
            (_, _, count) => Err(format!("{count} field(s) where 2 are due")),
        };
        added.map_err(|why| reader.get_ref().wrong(line, why))?;
    }
}
