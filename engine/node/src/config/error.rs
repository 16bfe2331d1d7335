//! What is wrong with a configuration: where, which knob, its value, and what is allowed.

use std::{fmt, path::PathBuf};

/// Where a value was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In code, or nowhere: then it is the default.
    Code,
    /// In a file, or in a text that has no name.
    Line {
        /// The file.
        file: Option<PathBuf>,
        /// Counted from 1.
        line: usize,
    },
    /// In the environment.
    Variable(String),
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Code => write!(out, "in code or by default"),
            Place::Line { file: Some(file), line } => write!(out, "{}:{line}", file.display()),
            Place::Line { file: None, line } => write!(out, "line {line}"),
            Place::Variable(name) => write!(out, "{name} in the environment"),
        }
    }
}

/// Why a configuration is not taken. Nothing is started, nothing is changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}; name a file of settings", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The text is no TOML.
    #[error("{place}: {what}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the reader of TOML says.
        what: String,
    },
    /// There is no such knob.
    #[error("{place}: there is no setting {key}: did you mean {}? `quorate config example` has all",
        nearest.join(", "))]
    Unknown {
        /// Where.
        place: Place,
        /// What was named.
        key: String,
        /// Those that are written most like it, the nearest first.
        nearest: Vec<String>,
    },
    /// What was written is not such a value.
    #[error("{place}: {key} cannot be {given}: it takes {takes}")]
    Senseless {
        /// Where.
        place: Place,
        /// The knob.
        key: String,
        /// What was written.
        given: String,
        /// What may be written.
        takes: String,
    },
    /// A value is out of range.
    #[error("{place}: {key} is {given}, but must lie in {range}")]
    OutOfRange {
        /// Where.
        place: Place,
        /// The knob.
        key: String,
        /// Its value.
        given: String,
        /// The range.
        range: String,
    },
    /// Two knobs do not go together.
    #[error(transparent)]
    Conflict(Box<Conflict>),
}

/// Two knobs that do not go together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {key} is {given}, but must be {rule}; {other} is {limit} ({other_place})")]
pub struct Conflict {
    /// Where the first one was set.
    pub place: Place,
    /// The first one.
    pub key: &'static str,
    /// Its value.
    pub given: String,
    /// What is asked of it.
    pub rule: &'static str,
    /// The other one.
    pub other: &'static str,
    /// Its value.
    pub limit: String,
    /// Where it was set.
    pub other_place: Place,
}
