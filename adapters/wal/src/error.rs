//! Why a log does not open, in words for the operator.

use std::{fmt, io};

use quorate_driver::StoreError;

/// Why a log does not open. Nothing that was written is changed or lost by any of these.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The disk or the file system said no.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What came of it.
        source: io::Error,
    },
    /// No space is left.
    #[error("no space left to {action}: free some space, then start again")]
    Full {
        /// What was tried.
        action: String,
    },
    /// Another process has the directory open.
    #[error("{directory} is in use by another process: stop it, or use another directory")]
    InUse {
        /// The directory.
        directory: String,
    },
    /// The log belongs to someone else.
    #[error(
        "the log belongs to {what} {found}, not {expected}: use the directory of {what} {expected}"
    )]
    Foreign {
        /// Which name differs: `group` or `node`.
        what: &'static str,
        /// The name in the log.
        found: u64,
        /// The name of who opened it.
        expected: u64,
    },
    /// Another version wrote it.
    #[error(
        "the log has format {found}, this version reads format {expected}: \
         open it with the version that wrote it"
    )]
    Format {
        /// The format in the log.
        found: u32,
        /// The format that is read here.
        expected: u32,
    },
    /// A damaged log was here, and was set aside.
    #[error(
        "the log of this directory was damaged and is set aside in {backup}; what its node had \
         promised is lost with it: start the node under a new id, in another directory"
    )]
    SetAside {
        /// The folder in the directory that holds it.
        backup: String,
    },
    /// The snapshot that the log begins with is not there, or reads back otherwise.
    #[error(
        "the snapshot {file} is damaged: {what}; the log does not reach back to its start, so this \
         node must not go on without it: restore the directory from a copy of this very moment, or \
         set the log aside with `quorate wal repair`, after which the node rejoins under a new id"
    )]
    Snapshot {
        /// The file.
        file: String,
        /// What is wrong with it.
        what: String,
    },
    /// What was durable reads back otherwise.
    #[error(
        "segment {segment} is damaged at byte {offset}: {what}; a durable entry may be lost, so \
         this node must not go on: restore the directory from a copy of this very moment, or set \
         the log aside with `quorate wal repair`, after which the node rejoins under a new id"
    )]
    Damaged {
        /// The segment's number.
        segment: u64,
        /// Where in it, in bytes.
        offset: u64,
        /// What is wrong there.
        what: String,
    },
}

impl WalError {
    /// An error of the disk while `action` was tried.
    pub(crate) fn io(action: impl fmt::Display) -> impl FnOnce(io::Error) -> WalError {
        move |source| {
            let action = action.to_string();
            let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
            if full.contains(&source.kind()) {
                return WalError::Full { action };
            }
            WalError::Io { action, source }
        }
    }
}

impl From<WalError> for StoreError {
    fn from(error: WalError) -> StoreError {
        match error {
            WalError::Full { action } => StoreError::Full(format!("free some to {action}")),
            other @ (WalError::Io { .. }
            | WalError::InUse { .. }
            | WalError::Foreign { .. }
            | WalError::Format { .. }
            | WalError::SetAside { .. }
            | WalError::Snapshot { .. }
            | WalError::Damaged { .. }) => StoreError::Io(other.to_string()),
        }
    }
}
