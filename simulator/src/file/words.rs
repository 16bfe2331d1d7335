//! How single values are written in files: times, names, nodes.

use std::{fmt::Display, str::FromStr};

use quorate_core::Nanos;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use crate::{
    choices::Stream,
    duration,
    oracle::Property,
    plan::{MessageKind, Pattern, Target},
    profile::Profile,
};

/// A value that stands in a file as a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Word<T>(pub(crate) T);

/// A value that has a word.
pub(crate) trait Worded: Sized {
    fn to_word(&self) -> String;
    fn from_word(word: &str) -> Result<Self, String>;
}

impl<T: Worded> Serialize for Word<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.to_word())
    }
}

impl<'de, T: Worded> Deserialize<'de> for Word<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Word<T>, D::Error> {
        let word = String::deserialize(deserializer)?;
        T::from_word(&word).map(Word).map_err(D::Error::custom)
    }
}

/// For `#[serde(with = "…")]`: a time as a word.
pub(crate) mod time {
    use super::*;

    pub(crate) fn serialize<S: Serializer>(time: &Nanos, to: S) -> Result<S::Ok, S::Error> {
        Word(*time).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Nanos, D::Error> {
        Word::deserialize(from).map(|word| word.0)
    }
}

impl Worded for Nanos {
    fn to_word(&self) -> String {
        duration::write(*self)
    }

    fn from_word(word: &str) -> Result<Nanos, String> {
        duration::parse(word)
    }
}

impl Worded for i64 {
    fn to_word(&self) -> String {
        duration::write_signed(*self)
    }

    fn from_word(word: &str) -> Result<i64, String> {
        duration::parse_signed(word)
    }
}

/// "no profile 'x': one of a, b"
fn unknown<T: Display>(what: &str, word: &str, known: impl Iterator<Item = T>) -> String {
    let known: Vec<String> = known.map(|name| name.to_string()).collect();
    format!("no {what} '{word}': one of {}", known.join(", "))
}

impl Worded for Profile {
    fn to_word(&self) -> String {
        self.name().to_owned()
    }

    fn from_word(word: &str) -> Result<Profile, String> {
        let names = Profile::ALL.iter().map(|profile| profile.name());
        Profile::parse(word).ok_or_else(|| unknown("profile", word, names))
    }
}

impl Worded for Property {
    fn to_word(&self) -> String {
        self.name().to_owned()
    }

    fn from_word(word: &str) -> Result<Property, String> {
        Property::parse(word).ok_or_else(|| unknown("property", word, Property::ALL.iter()))
    }
}

impl Worded for Stream {
    fn to_word(&self) -> String {
        self.to_string()
    }

    fn from_word(word: &str) -> Result<Stream, String> {
        let kinds = ["ties", "client 0", "link 0 1", "disk 0", "clock 0", "process 0", "core 0"];
        Stream::parse(word).ok_or_else(|| unknown("stream", word, kinds.iter()))
    }
}

impl Worded for Pattern {
    fn to_word(&self) -> String {
        self.to_string()
    }

    fn from_word(word: &str) -> Result<Pattern, String> {
        Pattern::parse(word).ok_or_else(|| unknown("event", word, Pattern::ALL.iter()))
    }
}

impl Worded for MessageKind {
    fn to_word(&self) -> String {
        self.name().to_owned()
    }

    fn from_word(word: &str) -> Result<MessageKind, String> {
        let names = MessageKind::ALL.iter().map(|kind| kind.name());
        MessageKind::parse(word).ok_or_else(|| unknown("kind of message", word, names))
    }
}

impl Worded for Target {
    fn to_word(&self) -> String {
        match self {
            Target::Node(node) => format!("node {node}"),
            Target::Leader => "leader".to_owned(),
            Target::Cause => "cause".to_owned(),
            Target::Everyone => "everyone".to_owned(),
        }
    }

    fn from_word(word: &str) -> Result<Target, String> {
        let node = word.strip_prefix("node ").and_then(|number| u64::from_str(number).ok());
        match (word, node) {
            ("leader", _) => Ok(Target::Leader),
            ("cause", _) => Ok(Target::Cause),
            ("everyone", _) => Ok(Target::Everyone),
            (_, Some(node)) => Ok(Target::Node(node)),
            (_, None) => {
                let known = ["node 0", "leader", "cause", "everyone"];
                Err(unknown("target", word, known.iter()))
            }
        }
    }
}
