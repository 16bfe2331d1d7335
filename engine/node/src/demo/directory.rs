//! Where the nodes' logs are, and what an earlier run left there.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use tempfile::TempDir;

use super::DemoArguments;

const MANIFEST: &str = "demo.json";
const FORMAT: u32 = 1;

/// What a run wrote, so that the next one can look for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) run: u64,
    pub(crate) ops: u64,
    pub(crate) value_bytes: u32,
}

#[derive(Serialize, Deserialize)]
struct Manifest {
    format: u32,
    group: u64,
    /// The last run that began.
    last: u64,
    /// The last run, if it ended and its data was generated.
    finished: Option<Run>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum DirectoryError {
    #[error("cannot use {}: {source}; name another directory, or mend its permissions",
        path.display())]
    Io { path: PathBuf, source: std::io::Error },
    #[error("{} is not a demo's directory: it holds files, but no readable {MANIFEST} ({why}); \
        name an empty or new directory", path.display())]
    Foreign { path: PathBuf, why: String },
    #[error("{} has format {found}, this version reads format {FORMAT}; name another directory",
        path.display())]
    Format { path: PathBuf, found: u32 },
}

pub(crate) struct Directory {
    path: PathBuf,
    group: u64,
    run: u64,
    earlier: Option<Run>,
    /// Removed with the value.
    _temporary: Option<TempDir>,
}

impl Directory {
    pub(crate) fn open(arguments: &DemoArguments) -> Result<Directory, DirectoryError> {
        let Some(path) = arguments.data_dir.clone() else {
            let made = tempfile::Builder::new().prefix("quorate-demo-").tempdir();
            let made =
                made.map_err(|source| DirectoryError::Io { path: std::env::temp_dir(), source })?;
            let path = made.path().to_path_buf();
            return Ok(Directory::new(path, Some(made)));
        };
        let io = |source| DirectoryError::Io { path: path.clone(), source };
        fs::create_dir_all(&path).map_err(io)?;
        let manifest = path.join(MANIFEST);
        if !manifest.exists() {
            if fs::read_dir(&path).map_err(io)?.next().is_some() {
                let why = "it is missing".to_owned();
                return Err(DirectoryError::Foreign { path, why });
            }
            return Ok(Directory::new(path, None));
        }
        let text = fs::read_to_string(&manifest).map_err(io)?;
        let found: Manifest = serde_json::from_str(&text).map_err(|error| {
            DirectoryError::Foreign { path: path.clone(), why: error.to_string() }
        })?;
        if found.format != FORMAT {
            return Err(DirectoryError::Format { path, found: found.format });
        }
        let run = found.last + 1;
        Ok(Directory { path, group: found.group, run, earlier: found.finished, _temporary: None })
    }

    fn new(path: PathBuf, temporary: Option<TempDir>) -> Directory {
        // Two demos at the same time are two groups.
        let group = u64::from(std::process::id()) + 1;
        Directory { path, group, run: 1, earlier: None, _temporary: temporary }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn group(&self) -> u64 {
        self.group
    }

    /// What the last run wrote, if it ended.
    pub(crate) fn earlier(&self) -> Option<Run> {
        self.earlier
    }

    pub(crate) fn node(&self, node: u64) -> PathBuf {
        self.path.join(format!("node-{node}"))
    }

    /// Names the group before any node founds it.
    pub(crate) fn claim(&self) -> Result<(), DirectoryError> {
        self.write(self.run - 1, self.earlier)
    }

    /// From now on values of this run may be there.
    pub(crate) fn begin(&self) -> Result<(), DirectoryError> {
        self.write(self.run, None)
    }

    /// From now on all of them are.
    pub(crate) fn finish(&self, arguments: &DemoArguments) -> Result<(), DirectoryError> {
        let DemoArguments { ops, value_bytes, .. } = *arguments;
        let run = arguments.input.is_none().then_some(Run { run: self.run, ops, value_bytes });
        self.write(self.run, run)
    }

    /// This run, as the values name it.
    pub(crate) fn run(&self) -> u64 {
        self.run
    }

    fn write(&self, last: u64, finished: Option<Run>) -> Result<(), DirectoryError> {
        let io = |source| DirectoryError::Io { path: self.path.clone(), source };
        let manifest = Manifest { format: FORMAT, group: self.group, last, finished };
        let text = serde_json::to_string(&manifest).map_err(|error| io(error.into()))?;
        let next = self.path.join(format!("{MANIFEST}.next"));
        fs::write(&next, text).map_err(io)?;
        fs::rename(&next, self.path.join(MANIFEST)).map_err(io)
    }
}
