//! A range of seeds, as it is written.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// From `first` on, without `end`; without an end it never ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Seeds {
    pub(super) first: u64,
    pub(super) end: Option<u64>,
}

impl Seeds {
    /// The end, or the last number there is.
    pub(super) fn last_end(self) -> u64 {
        self.end.unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Seeds {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}..", self.first)?;
        self.end.map_or(Ok(()), |end| write!(out, "{end}"))
    }
}

impl From<Seeds> for String {
    fn from(seeds: Seeds) -> String {
        seeds.to_string()
    }
}

impl TryFrom<String> for Seeds {
    type Error = String;

    fn try_from(text: String) -> Result<Seeds, String> {
        text.parse()
    }
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Seeds, String> {
        let number = |text: &str| {
            let wrong = || format!("'{text}' is not a number: write A..B or a seed");
            text.parse::<u64>().map_err(|_| wrong())
        };
        let (first, end) = match text.split_once("..") {
            Some((first, "")) => (number(first)?, None),
            Some((first, end)) => (number(first)?, Some(number(end)?)),
            None => (number(text)?, Some(number(text)?.saturating_add(1))),
        };
        if end.is_some_and(|end| end <= first) {
            return Err(format!("{text} holds no seed: write A..B with A below B; B is not run"));
        }
        Ok(Seeds { first, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_it_is_written() {
        assert_eq!("3..9".parse(), Ok(Seeds { first: 3, end: Some(9) }));
        assert_eq!("7".parse(), Ok(Seeds { first: 7, end: Some(8) }));
        assert_eq!("7..".parse(), Ok(Seeds { first: 7, end: None }));
        for text in ["3..9", "7.."] {
            assert_eq!(text.parse::<Seeds>().map(String::from), Ok(text.to_owned()));
        }
        for wrong in ["9..3", "x", "..3", "3..3", "-1..2"] {
            assert!(wrong.parse::<Seeds>().is_err(), "{wrong}");
        }
    }
}
