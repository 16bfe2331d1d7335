//! The bugs that real implementations had: each as edits of our sources, or with the reason why it
//! cannot be here. The rows stand in `tests/planted/known`, a file for each area.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{PlantedError, edits, failed, only_place};

/// The files of rows, in the order of the table.
pub const AREAS: [&str; 9] =
    ["votes", "pre-votes", "commit", "reads", "append", "snapshots", "members", "flow", "engine"];

/// The longest list of edits from elsewhere that a row may use: more would be another bug.
const USES_LIMIT: usize = 3;

/// A wrong line of logic, with a place where it was real.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Row {
    /// The name, which stays; a small letter behind it where one bug is planted in several ways.
    pub id: String,
    /// What the wrong line says.
    pub what: String,
    /// Where it was real.
    pub seen: String,
    /// What it breaks: safety of elections (ES), leader completeness (LC), log matching (LM), state
    /// machine safety (SM), linearizability (LIN), durability (DUR), liveness (LIVE).
    pub breaks: String,
    /// The profile under which the simulator looks for it.
    #[serde(default = "swarm")]
    pub profile: String,
    /// Edits of the other tables that are part of it, each as `table/test`.
    #[serde(default)]
    pub uses: Vec<String>,
    /// Its own edits.
    #[serde(default)]
    pub edit: Vec<Planting>,
    /// Why it cannot be here; then there are no edits.
    pub absent: Option<String>,
    /// Why the simulator does not convict it, though it does harm, where that is known.
    pub missed: Option<String>,
    /// Why it does no harm here that anybody could see; in place of `missed`.
    pub harmless: Option<String>,
    /// Whether it is one of those that CI tries.
    #[serde(default)]
    pub quick: bool,
}

fn swarm() -> String {
    "swarm".to_owned()
}

/// An edit of a source.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Planting {
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
    row: Vec<Row>,
}

impl Row {
    /// The name without the letter of a variant: `B3` of `B3a`.
    pub fn bug(&self) -> &str {
        self.id.trim_end_matches(|letter: char| letter.is_ascii_lowercase())
    }

    /// Whether there is anything to plant.
    pub fn is_planted(&self) -> bool {
        self.absent.is_none()
    }

    /// Why it is not convicted, if it is known not to be.
    pub fn excuse(&self) -> Option<&str> {
        self.missed.as_deref().or(self.harmless.as_deref())
    }

    fn judge(&self) -> Result<(), String> {
        let texts = [&self.what, &self.seen, &self.breaks];
        if texts.iter().any(|text| text.trim().is_empty()) {
            return Err("`what`, `seen` and `breaks` must say something".to_owned());
        }
        let reasons = [&self.absent, &self.missed, &self.harmless];
        if reasons.iter().any(|reason| reason.as_ref().is_some_and(|why| why.trim().is_empty())) {
            return Err("a reason must say something".to_owned());
        }
        if reasons.iter().filter(|reason| reason.is_some()).count() > 1 {
            return Err("only one of `absent`, `missed` and `harmless`".to_owned());
        }
        if self.uses.len() > USES_LIMIT {
            return Err(format!("more than {USES_LIMIT} edits of other tables"));
        }
        let has_edits = !(self.uses.is_empty() && self.edit.is_empty());
        match (has_edits, &self.absent) {
            (true, Some(_)) => Err("it has edits and a reason why there can be none".to_owned()),
            (false, None) => Err("it has neither edits nor a reason why there are none".to_owned()),
            (true, None) | (false, Some(_)) => Ok(()),
        }
    }
}

/// The rows, with the edits that they take from other tables among their own.
///
/// # Errors
/// Where a file is missing or malformed, a row is no row, or an edit does not fit the sources.
pub fn rows(repository: &Path) -> Result<Vec<Row>, PlantedError> {
    let elsewhere: BTreeMap<String, Planting> = edits(repository)?
        .into_iter()
        .map(|edit| {
            let planting = Planting { file: edit.file, find: edit.find, replace: edit.replace };
            (format!("{}/{}", edit.suite, edit.test), planting)
        })
        .collect();
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    for area in AREAS {
        let path = repository.join("tests/planted/known").join(format!("{area}.toml"));
        let refused = |what: String| PlantedError::Table(format!("{}: {what}", path.display()));
        let text = fs::read_to_string(&path).map_err(failed(format!("read {}", path.display())))?;
        let table: Table = toml::from_str(&text).map_err(|error| refused(error.to_string()))?;
        for mut row in table.row {
            let wrong = |what: String| refused(format!("row {}: {what}", row.id));
            row.judge().map_err(wrong)?;
            if !seen.insert(row.id.clone()) {
                return Err(wrong("there are two of this name".to_owned()));
            }
            for name in &row.uses {
                let found = elsewhere.get(name);
                let found = found.ok_or_else(|| wrong(format!("no edit is called {name}")))?;
                row.edit.push(found.clone());
            }
            for edit in &row.edit {
                let path = repository.join(&edit.file);
                let text = fs::read_to_string(&path)
                    .map_err(failed(format!("read {}", path.display())))?;
                only_place(&text, &edit.find).map_err(|count| wrong(edit.not_once(count)))?;
            }
            all.push(row);
        }
    }
    Ok(all)
}

impl Planting {
    fn not_once(&self, count: usize) -> String {
        let begin: String = self.find.chars().take(60).collect();
        format!("{begin:?} stands {count} times in {}, not once", self.file.display())
    }
}
