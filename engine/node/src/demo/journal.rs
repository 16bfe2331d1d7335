//! Which writes were acknowledged, kept beside the nodes' logs so that a later run can look for them.
//!
//! A line is added after the acknowledgement, never before it: what the journal names was
//! acknowledged. A run that is killed may lack its last few lines, which makes the check of the next
//! run no less true.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{directory::DirectoryError, input::Pairs};

/// What a run writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    /// How many values are generated; none of a file's are.
    pub(crate) ops: u64,
    /// Their size.
    pub(crate) value_bytes: u32,
}

/// A run's two streams of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    First,
    Second,
}

/// The pairs of a file.
pub(crate) type Input = Vec<(String, String)>;

fn journal_path(dir: &Path, run: u64) -> PathBuf {
    dir.join(format!("run-{run:04}.acknowledged"))
}

fn input_path(dir: &Path, run: u64) -> PathBuf {
    dir.join(format!("run-{run:04}.pairs"))
}

/// This run's acknowledgements, on their way to the disk.
pub(crate) struct Journal {
    path: PathBuf,
    file: Mutex<State>,
}

enum State {
    /// Nobody will read it.
    None,
    Open(File),
    /// A line may be there in part: no other may follow it.
    Failed,
}

impl Journal {
    /// Keeps nothing.
    pub(crate) fn none() -> Journal {
        Journal { path: PathBuf::new(), file: Mutex::new(State::None) }
    }

    pub(crate) fn create(
        dir: &Path,
        number: u64,
        run: Run,
        input: Option<&[(String, String)]>,
    ) -> Result<Journal, DirectoryError> {
        if let Some(input) = input {
            let path = input_path(dir, number);
            let text = serde_json::to_vec(input).map_err(io::Error::from);
            text.and_then(|text| fs::write(&path, text)).map_err(DirectoryError::io(&path))?;
        }
        let path = journal_path(dir, number);
        let mut head = serde_json::to_string(&run).unwrap_or_default();
        head.push('\n');
        let file = File::create(&path).and_then(|mut file| {
            file.write_all(head.as_bytes())?;
            Ok(file)
        });
        let file = file.map_err(DirectoryError::io(&path))?;
        Ok(Journal { path, file: Mutex::new(State::Open(file)) })
    }

    /// Notes that the write at `place` of `stream` was acknowledged.
    pub(crate) fn note(&self, stream: Stream, place: u64) -> Result<(), DirectoryError> {
        let mut state = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let result = match &mut *state {
            State::None => return Ok(()),
            State::Open(file) => {
                let name = match stream {
                    Stream::First => 'a',
                    Stream::Second => 'b',
                };
                // At once, unbuffered: a killed process leaves it with the system.
                file.write_all(format!("{name}{place}\n").as_bytes())
            }
            State::Failed => Err(io::Error::other("an earlier line could not be written")),
        };
        result.map_err(|source| {
            *state = State::Failed;
            DirectoryError::io(&self.path)(source)
        })
    }
}

type Read = (Run, Option<Input>, [BTreeSet<u64>; 2]);

/// What an earlier run wrote, and which places of its two streams were acknowledged; none where it
/// has no journal.
pub(crate) fn read(dir: &Path, number: u64) -> Result<Option<Read>, DirectoryError> {
    let path = journal_path(dir, number);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(DirectoryError::Io { path, source }),
    };
    let text = String::from_utf8_lossy(&text);
    // A last line without its end was cut off.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut lines = whole.lines().zip(1..);
    let wrong = |line| DirectoryError::Journal { path: path.clone(), line };
    let Some((head, _)) = lines.next() else { return Ok(None) };
    let run = serde_json::from_str(head).map_err(|_| wrong(1))?;
    let mut acknowledged = [BTreeSet::new(), BTreeSet::new()];
    for (text, line) in lines {
        let stream = if text.starts_with('a') { 0 } else { 1 };
        let place = text.strip_prefix(['a', 'b']).and_then(|place| place.parse().ok());
        acknowledged[stream].insert(place.ok_or_else(|| wrong(line))?);
    }
    Ok(Some((run, read_input(dir, number)?, acknowledged)))
}

fn read_input(dir: &Path, number: u64) -> Result<Option<Input>, DirectoryError> {
    let path = input_path(dir, number);
    match fs::read(&path) {
        Ok(text) => {
            let wrong = |error: serde_json::Error| DirectoryError::Journal {
                path: path.clone(),
                line: error.line() as u64,
            };
            Ok(Some(serde_json::from_slice(&text).map_err(wrong)?))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DirectoryError::Io { path, source }),
    }
}

/// What a node must hold.
#[derive(Default)]
pub(crate) struct Ledger {
    /// For each key that has an acknowledged value: that value, then those that may have replaced
    /// it, for their writes were begun later and nobody heard how they ended.
    acceptable: BTreeMap<Bytes, Vec<Bytes>>,
}

impl Ledger {
    /// Takes in the first `end` pairs, which were written after all that came in before.
    pub(crate) fn add(&mut self, pairs: &Pairs, end: u64, is_acknowledged: impl Fn(u64) -> bool) {
        for place in 0..end {
            let (key, value) = pairs.get(place);
            if is_acknowledged(place) {
                self.acceptable.insert(key, vec![value]);
            } else if let Some(values) = self.acceptable.get_mut(&key) {
                values.push(value);
            }
        }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> u64 {
        self.acceptable.len() as u64
    }

    /// How many keys have another value, or none, on one of the nodes that `get` asks.
    pub(crate) fn lost(&self, get: impl Fn(&[u8]) -> Vec<Option<Bytes>>) -> u64 {
        let is_there = |values: &[Bytes], found: &Option<Bytes>| {
            found.as_ref().is_some_and(|found| values.contains(found))
        };
        let lost = self.acceptable.iter().filter(|(key, values)| {
            let found = get(key);
            found.is_empty() || !found.iter().all(|found| is_there(values, found))
        });
        lost.count() as u64
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    const RUN: Run = Run { ops: 3, value_bytes: 16 };

    #[test]
    fn a_journal_reads_back_without_the_line_that_was_cut_off() {
        let dir = tempfile::tempdir().unwrap();
        let input = vec![("key".to_owned(), "value".to_owned())];
        let journal = Journal::create(dir.path(), 1, RUN, Some(&input)).unwrap();
        for (stream, place) in [(Stream::First, 0), (Stream::Second, 7), (Stream::First, 2)] {
            journal.note(stream, place).unwrap();
        }
        let path = journal_path(dir.path(), 1);
        let mut text = fs::read_to_string(&path).unwrap();
        text.push_str("a1");
        fs::write(&path, &text).unwrap();
        let places = [BTreeSet::from([0, 2]), BTreeSet::from([7])];
        assert_eq!(read(dir.path(), 1).unwrap().unwrap(), (RUN, Some(input), places));
        assert!(read(dir.path(), 2).unwrap().is_none());
        text.push_str("x\n");
        fs::write(&path, text).unwrap();
        let error = read(dir.path(), 1).unwrap_err();
        assert!(matches!(error, DirectoryError::Journal { line: 5, .. }), "{error}");
    }

    #[test]
    fn a_ledger_misses_what_is_old_other_or_gone_on_any_node() {
        let pairs =
            |text: &str| Pairs::first(1, RUN, Some(vec![("k".to_owned(), text.to_owned())]));
        let mut ledger = Ledger::default();
        let lost = |ledger: &Ledger, found: [Option<&str>; 2]| {
            ledger.lost(|_| found.map(|text| text.map(|text| text.to_owned().into())).to_vec())
        };
        ledger.add(&pairs("begun"), 1, |_| false);
        assert_eq!((ledger.len(), lost(&ledger, [None, None])), (0, 0));
        ledger.add(&pairs("old"), 1, |_| true);
        ledger.add(&pairs("new"), 1, |_| true);
        assert_eq!(lost(&ledger, [Some("new"), Some("new")]), 0);
        assert_eq!(lost(&ledger, [Some("new"), Some("old")]), 1);
        assert_eq!(lost(&ledger, [None, Some("new")]), 1);
        ledger.add(&pairs("perhaps"), 1, |_| false);
        assert_eq!(lost(&ledger, [Some("new"), Some("perhaps")]), 0);
        assert_eq!(ledger.lost(|_| Vec::new()), 1, "nobody was asked");
    }
}
