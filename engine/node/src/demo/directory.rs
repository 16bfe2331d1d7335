//! Where the nodes' logs are, and what earlier runs left there.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use quorate::Start;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::{
    input::Pairs,
    journal::{self, Journal, Ledger, Run},
};

const MANIFEST: &str = "demo.json";
const LOCK: &str = "demo.lock";
const FORMAT: u32 = 2;

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    group: u64,
    /// Whether every node was up once: from then on an empty node directory is a lost disk.
    founded: bool,
    /// The last run that began to write.
    last: u64,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("cannot use {}: {source}; name another directory, or mend this one", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("no space left in {}: free some, or name another directory", path.display())]
    Full { path: PathBuf },
    #[error("{} is in use by another demo: wait for its end, or name another directory",
        path.display())]
    InUse { path: PathBuf },
    #[error("{} is not a demo's directory: it holds files, but no readable {MANIFEST} ({why}); \
        name an empty or new directory", path.display())]
    Foreign { path: PathBuf, why: String },
    #[error("{} has format {found}, this version reads format {FORMAT}; name another directory, \
        or open it with the version that wrote it", path.display())]
    Format { path: PathBuf, found: u32 },
    #[error("{} line {line} is not what a demo writes: remove this file to go on without the \
        check of its run", path.display())]
    Journal { path: PathBuf, line: u64 },
}

impl DirectoryError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(io::Error) -> DirectoryError {
        let path = path.to_path_buf();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                DirectoryError::Full { path }
            }
            _ => DirectoryError::Io { path, source },
        }
    }
}

pub(crate) struct Directory {
    path: PathBuf,
    group: u64,
    founded: bool,
    last: u64,
    /// Locked as long as it is open; none where the directory is this run's own.
    _lock: Option<File>,
    /// Removed with the value.
    temporary: Option<TempDir>,
}

impl Directory {
    /// Opens `path`, or a temporary directory.
    pub(crate) fn open(path: Option<&Path>) -> Result<Directory, DirectoryError> {
        let Some(path) = path else {
            let made = tempfile::Builder::new().prefix("quorate-demo-").tempdir();
            let made = made.map_err(DirectoryError::io(&std::env::temp_dir()))?;
            return Ok(Directory::new(made.path().to_path_buf(), None, Some(made)));
        };
        let made = match fs::metadata(path) {
            // Else the system says that the file exists, which is not what is wrong.
            Ok(found) if !found.is_dir() => Err(io::ErrorKind::NotADirectory.into()),
            Ok(_) | Err(_) => fs::create_dir_all(path),
        };
        made.map_err(DirectoryError::io(path))?;
        let manifest = path.join(MANIFEST);
        if !manifest.exists() {
            let mut others = fs::read_dir(path).map_err(DirectoryError::io(path))?;
            if others.any(|entry| entry.is_ok_and(|entry| entry.file_name() != LOCK)) {
                let why = "it is missing".to_owned();
                return Err(DirectoryError::Foreign { path: path.to_owned(), why });
            }
            return Ok(Directory::new(path.to_owned(), Some(lock(path)?), None));
        }
        let lock = lock(path)?;
        let text = fs::read_to_string(&manifest).map_err(DirectoryError::io(&manifest))?;
        let foreign = |error: serde_json::Error| DirectoryError::Foreign {
            path: path.to_owned(),
            why: error.to_string(),
        };
        // The format first: another one may have other fields.
        let value: serde_json::Value = serde_json::from_str(&text).map_err(foreign)?;
        let format = value.get("format").and_then(serde_json::Value::as_u64);
        if let Some(found) = format.and_then(|format| u32::try_from(format).ok())
            && found != FORMAT
        {
            return Err(DirectoryError::Format { path: path.to_owned(), found });
        }
        let Manifest { group, founded, last, .. } =
            serde_json::from_value(value).map_err(foreign)?;
        let (path, temporary) = (path.to_owned(), None);
        Ok(Directory { path, group, founded, last, _lock: Some(lock), temporary })
    }

    fn new(path: PathBuf, lock: Option<File>, temporary: Option<TempDir>) -> Directory {
        // Two demos are two groups, also on the same ports.
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let nanos = now.map_or(0, |now| now.as_nanos() as u64);
        let group = nanos ^ u64::from(std::process::id()).rotate_right(16);
        Directory { path, group, founded: false, last: 0, _lock: lock, temporary }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the next run finds it again.
    pub(crate) fn is_kept(&self) -> bool {
        self.temporary.is_none()
    }

    pub(crate) fn group(&self) -> u64 {
        self.group
    }

    /// A founded group's node that finds no log has lost its disk, and must not vote anew.
    pub(crate) fn start(&self) -> Start {
        if self.founded { Start::Existing } else { Start::NewOrExisting }
    }

    /// How many runs began to write here before.
    pub(crate) fn earlier_runs(&self) -> u64 {
        self.last
    }

    pub(crate) fn node(&self, node: u64) -> PathBuf {
        self.path.join(format!("node-{node}"))
    }

    /// Names the group before any node founds it.
    pub(crate) fn claim(&self) -> Result<(), DirectoryError> {
        self.write(self.founded, self.last)
    }

    /// Begins a run: from now on its values may be there. The second of the two is what is written
    /// while the leader is killed.
    pub(crate) fn begin(
        &self,
        run: Run,
        input: Option<&[(String, String)]>,
    ) -> Result<Journal, DirectoryError> {
        if !self.is_kept() {
            return Ok(Journal::none());
        }
        let journal = Journal::create(&self.path, self.last + 1, run, input)?;
        self.write(true, self.last + 1)?;
        Ok(journal)
    }

    /// This run's number.
    pub(crate) fn run(&self) -> u64 {
        self.last + 1
    }

    /// What earlier runs had acknowledged, as far as their journals say, and may have changed since.
    pub(crate) fn earlier(&self) -> Result<Ledger, DirectoryError> {
        let mut ledger = Ledger::default();
        for number in 1..=self.last {
            if let Some((run, input, acknowledged)) = journal::read(&self.path, number)? {
                let [first, second] = acknowledged;
                let end = |places: &BTreeSet<u64>| places.last().map_or(0, |last| last + 1);
                // A file's keys may come again in other runs; generated ones never do, so those that
                // nobody acknowledged say nothing.
                let all = input.as_ref().map(|input| input.len() as u64);
                let pairs = Pairs::first(number, run, input);
                ledger.add(&pairs, all.unwrap_or_else(|| end(&first)), |at| first.contains(&at));
                let pairs = Pairs::second(number, run);
                ledger.add(&pairs, end(&second), |at| second.contains(&at));
            }
        }
        Ok(ledger)
    }

    fn write(&self, founded: bool, last: u64) -> Result<(), DirectoryError> {
        let manifest = Manifest { format: FORMAT, group: self.group, founded, last };
        let (next, path) = (self.path.join(format!("{MANIFEST}.next")), self.path.join(MANIFEST));
        let text = serde_json::to_string(&manifest).map_err(io::Error::from);
        let written = text.and_then(|text| {
            fs::write(&next, text)?;
            // Durable before anything rests on it.
            File::open(&next)?.sync_all()?;
            fs::rename(&next, &path)
        });
        written.map_err(DirectoryError::io(&path))
    }
}

fn lock(path: &Path) -> Result<File, DirectoryError> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path.join(LOCK));
    let file = file.map_err(DirectoryError::io(path))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(DirectoryError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(DirectoryError::io(path)(source)),
    }
}
