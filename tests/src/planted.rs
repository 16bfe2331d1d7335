//! Planted bugs: edits of the sources, as data, applied to a copy. The sources are never touched.

pub mod convict;
pub mod known;
pub mod page;
pub mod results;
pub mod source;
pub mod switch;

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde::Deserialize;

/// One wrong line.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The table that it stands in, which is named like the core's test harness that runs `test`.
    #[serde(skip)]
    pub suite: String,
    /// The test that sees it.
    pub test: String,
    /// Whether, of all tests of its harness, that one alone sees it. Noted where it was tried.
    #[serde(default)]
    pub alone: bool,
    /// What is wrong with it.
    pub why: String,
    /// The kind of defect of real implementations that it is, as `docs/simulator.md` names them.
    pub bug: Option<String>,
    /// The file, from the top of the repository.
    pub file: PathBuf,
    /// What stands there, exactly once.
    pub find: String,
    /// What stands there instead.
    pub replace: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    edit: Vec<Edit>,
}

/// Why a planted bug cannot be tried.
#[derive(Debug)]
pub enum PlantedError {
    /// A file or a process.
    Io(String, io::Error),
    /// The table is not as it should be.
    Table(String),
}

impl std::fmt::Display for PlantedError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            PlantedError::Io(what, error) => write!(out, "cannot {what}: {error}"),
            PlantedError::Table(what) => out.write_str(what),
        }
    }
}

fn failed(what: impl Into<String>) -> impl FnOnce(io::Error) -> PlantedError {
    let what = what.into();
    move |error| PlantedError::Io(what, error)
}

/// The top of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The tables in `tests/planted`, each named like a test harness of the core.
pub const SUITES: [&str; 3] = ["figure2", "scenarios", "members"];

/// The edits in `tests/planted`, a table after the other.
///
/// # Errors
/// Where the table is missing, malformed, or an edit does not fit the sources.
pub fn edits(repository: &Path) -> Result<Vec<Edit>, PlantedError> {
    let mut edits = Vec::new();
    for suite in SUITES {
        edits.extend(edits_of(repository, suite)?);
    }
    Ok(edits)
}

fn edits_of(repository: &Path, suite: &str) -> Result<Vec<Edit>, PlantedError> {
    let path = repository.join("tests/planted").join(format!("{suite}.toml"));
    let text = fs::read_to_string(&path).map_err(failed(format!("read {}", path.display())))?;
    let mut table: Table = toml::from_str(&text)
        .map_err(|error| PlantedError::Table(format!("{}: {error}", path.display())))?;
    for edit in &mut table.edit {
        suite.clone_into(&mut edit.suite);
        edit.apply(repository)?;
    }
    Ok(table.edit)
}

impl Edit {
    /// The edited file's text.
    ///
    /// # Errors
    /// Where the text to replace does not stand in the file exactly once.
    pub fn apply(&self, repository: &Path) -> Result<String, PlantedError> {
        let path = repository.join(&self.file);
        let text = fs::read_to_string(&path).map_err(failed(format!("read {}", path.display())))?;
        match only_place(&text, &self.find) {
            Ok(_) => Ok(text.replacen(&self.find, &self.replace, 1)),
            Err(count) => Err(PlantedError::Table(format!(
                "the edit for {} finds its text {count} times in {}, not once",
                self.test,
                self.file.display()
            ))),
        }
    }
}

/// Where `find` stands in `text`; how often, where that is not once.
fn only_place(text: &str, find: &str) -> Result<usize, usize> {
    let mut places = text.match_indices(find).map(|(place, _)| place);
    match (places.next(), places.count()) {
        (Some(place), 0) => Ok(place),
        (first, more) => Err(more + usize::from(first.is_some())),
    }
}

/// What became of a planted bug.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The test failed, or did not end.
    Convicted,
    /// The test passed.
    Survived,
    /// The edit does not build.
    DoesNotBuild(String),
}

/// A copy of some crates, to be broken.
pub struct Copy {
    repository: PathBuf,
    folder: PathBuf,
    broken: Option<PathBuf>,
}

/// A test that takes longer does not end. The clean suite takes under a second.
const TEST_TIMEOUT: Duration = Duration::from_secs(20);

impl Copy {
    /// Copies `members` into `folder`, with a workspace of their own.
    ///
    /// # Errors
    /// Where files cannot be copied.
    pub fn new(repository: &Path, folder: &Path, members: &[&str]) -> Result<Copy, PlantedError> {
        Copy::with(repository, folder, members, &BTreeMap::new())
    }

    /// The same, but for files whose text is given here, by their path from the top.
    ///
    /// # Errors
    /// Where files cannot be copied.
    pub fn with(
        repository: &Path,
        folder: &Path,
        members: &[&str],
        others: &BTreeMap<PathBuf, String>,
    ) -> Result<Copy, PlantedError> {
        fs::create_dir_all(folder).map_err(failed(format!("create {}", folder.display())))?;
        for member in members {
            copy_folder((repository, folder), Path::new(member), others)?;
        }
        // The core's scenarios lie outside of it.
        copy_folder((repository, folder), Path::new("tests/scenarios"), others)?;
        let manifest = repository.join("Cargo.toml");
        let text = fs::read_to_string(&manifest).map_err(failed("read Cargo.toml"))?;
        let mut workspace: toml::Table =
            toml::from_str(&text).map_err(|error| PlantedError::Table(error.to_string()))?;
        if let Some(table) = workspace.get_mut("workspace").and_then(toml::Value::as_table_mut) {
            let list = members.iter().map(|member| toml::Value::from(*member)).collect();
            table.insert("members".to_owned(), toml::Value::Array(list));
            table.remove("exclude");
        }
        workspace.insert("profile".to_owned(), toml::Value::Table(profiles()));
        fs::write(folder.join("Cargo.toml"), workspace.to_string())
            .map_err(failed("write the copy's Cargo.toml"))?;
        fs::copy(repository.join("Cargo.lock"), folder.join("Cargo.lock"))
            .map_err(failed("copy Cargo.lock"))?;
        let (repository, folder) = (repository.to_owned(), folder.to_owned());
        Ok(Copy { repository, folder, broken: None })
    }

    /// Puts `edit` into the copy, in place of the one before; none mends it.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn plant(&mut self, edit: Option<&Edit>) -> Result<(), PlantedError> {
        if let Some(file) = self.broken.take() {
            let clean = self.repository.join(&file);
            let text = fs::read_to_string(clean).map_err(failed("read a source"))?;
            write_source(&self.folder.join(&file), &text)?;
        }
        if let Some(edit) = edit {
            write_source(&self.folder.join(&edit.file), &edit.apply(&self.repository)?)?;
            self.broken = Some(edit.file.clone());
        }
        Ok(())
    }

    /// Builds the copy and runs one test of a harness alone, or all of it.
    ///
    /// # Errors
    /// Where cargo cannot be run.
    pub fn try_test(&self, suite: &str, test: Option<&str>) -> Result<Fate, PlantedError> {
        let build = ["test", "-p", "quorate-core", "--test", suite, "--no-run"];
        let built = self.cargo(&build).arg("--message-format=json").output();
        let built = built.map_err(failed("run cargo"))?;
        if !built.status.success() {
            let text = String::from_utf8_lossy(&built.stderr).into_owned();
            return Ok(Fate::DoesNotBuild(text));
        }
        let binary = test_binary(&String::from_utf8_lossy(&built.stdout))
            .ok_or_else(|| PlantedError::Table("cargo names no test binary".to_owned()))?;
        // Not through cargo: a test that does not end must die, and not only cargo.
        let mut child = Command::new(binary)
            .args(test.map_or(vec![], |test| vec!["--exact", test]))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed("run the test"))?;
        let until = Instant::now() + TEST_TIMEOUT;
        loop {
            match child.try_wait().map_err(failed("wait for the test"))? {
                Some(status) if status.success() => return Ok(Fate::Survived),
                Some(_) => return Ok(Fate::Convicted),
                None if Instant::now() > until => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Ok(Fate::Convicted);
                }
                None => thread::sleep(Duration::from_millis(5)),
            }
        }
    }

    /// Builds the simulator in the copy, and says where it is.
    ///
    /// # Errors
    /// Where cargo cannot be run, or does not build it.
    pub fn build_simulator(&self) -> Result<PathBuf, PlantedError> {
        let build = self
            .cargo(&["build", "-q", "--release", "-p", "quorate-sim"])
            // What is planted may well leave a name unused.
            .env("RUSTFLAGS", "-Awarnings")
            .output();
        let build = build.map_err(failed("run cargo"))?;
        if !build.status.success() {
            let text = String::from_utf8_lossy(&build.stderr);
            return Err(PlantedError::Table(format!("the copy does not build:\n{text}")));
        }
        Ok(self.target().join("release/quorate-sim"))
    }

    fn target(&self) -> PathBuf {
        self.folder.join("target")
    }

    fn cargo(&self, arguments: &[&str]) -> Command {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
        cargo
            .args(arguments)
            .current_dir(&self.folder)
            .env("CARGO_TARGET_DIR", self.target())
            .env("CARGO_INCREMENTAL", "1")
            .env_remove("RUSTFLAGS");
        cargo
    }
}

/// The one executable that cargo's messages name.
fn test_binary(messages: &str) -> Option<PathBuf> {
    let mut found = messages.lines().filter_map(|line| {
        let message: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(PathBuf::from(message["executable"].as_str()?))
    });
    found.next_back()
}

/// Quick to build: many small builds, each run for a moment.
fn profiles() -> toml::Table {
    let profile = |level: i64| {
        toml::Table::from_iter([
            ("opt-level".to_owned(), toml::Value::from(level)),
            ("debug".to_owned(), toml::Value::from(false)),
            ("overflow-checks".to_owned(), toml::Value::from(true)),
            ("debug-assertions".to_owned(), toml::Value::from(level == 0)),
        ])
    };
    toml::Table::from_iter([
        ("dev".to_owned(), toml::Value::Table(profile(0))),
        ("release".to_owned(), toml::Value::Table(profile(3))),
    ])
}

/// Writes only what differs, so that cargo builds only what must be.
fn write_source(path: &Path, text: &str) -> Result<(), PlantedError> {
    if fs::read_to_string(path).is_ok_and(|old| old == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(failed(format!("write {}", path.display())))
}

fn entries_of(folder: &Path) -> Result<Vec<fs::DirEntry>, PlantedError> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect);
    entries.map_err(failed(format!("read {}", folder.display())))
}

/// An earlier copy may hold what has another name by now.
fn remove_others(from: &Path, to: &Path) -> Result<(), PlantedError> {
    for entry in entries_of(to)? {
        let (path, original) = (entry.path(), from.join(entry.file_name()));
        if path.is_dir() == original.is_dir() && original.exists() {
            continue;
        }
        let removed =
            if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(failed(format!("remove {}", path.display())))?;
    }
    Ok(())
}

fn copy_folder(
    (from, to): (&Path, &Path),
    folder: &Path,
    others: &BTreeMap<PathBuf, String>,
) -> Result<(), PlantedError> {
    fs::create_dir_all(to.join(folder)).map_err(failed(format!("create {}", folder.display())))?;
    remove_others(&from.join(folder), &to.join(folder))?;
    for entry in entries_of(&from.join(folder))? {
        let (path, name) = (entry.path(), entry.file_name());
        let place = folder.join(&name);
        if path.is_dir() {
            if name != "target" {
                copy_folder((from, to), &place, others)?;
            }
        } else if let Some(text) = others.get(&place) {
            write_source(&to.join(&place), text)?;
        } else {
            let text = fs::read_to_string(&path);
            let text = text.map_err(failed(format!("read {}", path.display())))?;
            write_source(&to.join(&place), &text)?;
        }
    }
    Ok(())
}
