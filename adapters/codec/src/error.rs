//! What can be wrong with bytes. Whoever sent or stored them is at fault, never the reader.

use quorate_core::{ConfigurationError, EntriesError};

/// Why bytes do not decode.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Another version of the format.
    #[error("format version {found}, this reads version {expected}")]
    Version {
        /// The version in the bytes.
        found: u8,
        /// The version that is read here.
        expected: u8,
    },
    /// The bytes end too early.
    #[error("{what} ends after {left} of {needed} bytes")]
    Short {
        /// What was being read.
        what: &'static str,
        /// Bytes needed.
        needed: u64,
        /// Bytes left.
        left: u64,
    },
    /// Bytes are left over behind the value.
    #[error("{left} bytes are left over")]
    Trailing {
        /// How many.
        left: u64,
    },
    /// A tag names no variant.
    #[error("{what} has no variant {tag}")]
    Tag {
        /// What was being read.
        what: &'static str,
        /// The tag found.
        tag: u8,
    },
    /// A number is out of its range, or a list is longer than its limit.
    #[error("{what} is {found}, over its limit {limit}")]
    Range {
        /// What was being read.
        what: &'static str,
        /// The number found.
        found: u64,
        /// The most it may be.
        limit: u64,
    },
    /// There is a shorter or sorted way to write the same value: only that one is read.
    #[error("{what} is not in canonical form")]
    NotCanonical {
        /// What was being read.
        what: &'static str,
    },
    /// Entries do not follow one another.
    #[error(transparent)]
    Entries(#[from] EntriesError),
    /// There can be no such configuration.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
}
