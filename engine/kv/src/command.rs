//! What a client may ask of the machine, as bytes in the log: version, kind, key, value.

use bytes::{Buf, Bytes};

/// The most bytes of a key.
pub const KEY_LIMIT_BYTES: u32 = 64 * 1024;
/// The most bytes of a value.
pub const VALUE_LIMIT_BYTES: u32 = 512 * 1024;

const VERSION: u8 = 1;
const PUT: u8 = 0;
const DELETE: u8 = 1;
/// Version, kind and the key's length.
const HEADER_BYTES: usize = 6;

/// A change of the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Gives `key` a value.
    Put {
        /// 1 to [`KEY_LIMIT_BYTES`].
        key: Bytes,
        /// At most [`VALUE_LIMIT_BYTES`].
        value: Bytes,
    },
    /// Takes `key` away.
    Delete {
        /// 1 to [`KEY_LIMIT_BYTES`].
        key: Bytes,
    },
}

/// Why a command cannot be carried out, or bytes are not a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// The key is empty.
    #[error("the key is empty: a key has 1 to {KEY_LIMIT_BYTES} bytes")]
    EmptyKey,
    /// The key is too long.
    #[error("the key takes {size} bytes, over the limit of {KEY_LIMIT_BYTES}: use a shorter key")]
    KeyTooLong {
        /// Its length in bytes.
        size: u64,
    },
    /// The value is too long.
    #[error(
        "the value takes {size} bytes, over the limit of {VALUE_LIMIT_BYTES}: \
         split it over several keys"
    )]
    ValueTooLong {
        /// Its length in bytes.
        size: u64,
    },
    /// The bytes were written by another version.
    #[error("command version {found}, this machine reads version {VERSION}")]
    Version {
        /// The version found.
        found: u8,
    },
    /// The bytes are not a command.
    #[error("these bytes are not a command")]
    Malformed,
}

impl Command {
    /// Whether the machine will take it.
    ///
    /// # Errors
    /// [`CommandError`] names the limit that is passed.
    pub fn validate(&self) -> Result<(), CommandError> {
        let (key, value) = match self {
            Command::Put { key, value } => (key, value.len()),
            Command::Delete { key } => (key, 0),
        };
        let (key, value) = (key.len() as u64, value as u64);
        if key == 0 {
            return Err(CommandError::EmptyKey);
        }
        if key > u64::from(KEY_LIMIT_BYTES) {
            return Err(CommandError::KeyTooLong { size: key });
        }
        if value > u64::from(VALUE_LIMIT_BYTES) {
            return Err(CommandError::ValueTooLong { size: value });
        }
        Ok(())
    }

    /// The bytes that go into the log.
    ///
    /// # Errors
    /// As [`Command::validate`].
    pub fn encode(&self) -> Result<Bytes, CommandError> {
        self.validate()?;
        let (kind, key, value) = match self {
            Command::Put { key, value } => (PUT, key, value.as_ref()),
            Command::Delete { key } => (DELETE, key, &[][..]),
        };
        let mut out = Vec::with_capacity(HEADER_BYTES + key.len() + value.len());
        out.extend_from_slice(&[VERSION, kind]);
        out.extend_from_slice(&(key.len() as u32).to_le_bytes());
        out.extend_from_slice(key);
        out.extend_from_slice(value);
        Ok(out.into())
    }

    /// The command of these bytes; key and value share them.
    ///
    /// # Errors
    /// [`CommandError`] for anything that [`Command::encode`] would not write.
    pub fn decode(mut bytes: Bytes) -> Result<Command, CommandError> {
        if bytes.len() < HEADER_BYTES {
            return Err(CommandError::Malformed);
        }
        let (version, kind, key_len) = (bytes.get_u8(), bytes.get_u8(), bytes.get_u32_le());
        if version != VERSION {
            return Err(CommandError::Version { found: version });
        }
        if bytes.len() < key_len as usize {
            return Err(CommandError::Malformed);
        }
        let key = bytes.split_to(key_len as usize);
        let command = match kind {
            PUT => Command::Put { key, value: bytes },
            DELETE if bytes.is_empty() => Command::Delete { key },
            _ => return Err(CommandError::Malformed),
        };
        command.validate()?;
        Ok(command)
    }
}
