//! Which keys a request is about.

use std::ops::Bound;

use bytes::Bytes;

use crate::{KEY_LIMIT_BYTES, RequestError};

/// A range of keys, in the order of their bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyRange {
    /// This key alone.
    Key(Bytes),
    /// From the first of these, inclusive, to the second, exclusive.
    Between(Bytes, Bytes),
    /// From this key on; all keys where it is empty.
    From(Bytes),
}

impl KeyRange {
    /// All keys.
    pub const ALL: KeyRange = KeyRange::From(Bytes::new());

    /// This key alone.
    pub fn key(key: impl Into<Bytes>) -> KeyRange {
        KeyRange::Key(key.into())
    }

    /// All keys that begin with `prefix`; all keys where it is empty.
    pub fn prefix(prefix: impl Into<Bytes>) -> KeyRange {
        let prefix = prefix.into();
        // The end is the least string that is above all with this prefix: the last byte that can
        // grow grows, and what follows it falls away.
        match prefix.iter().rposition(|&byte| byte < u8::MAX) {
            Some(place) => {
                let mut end = prefix[..=place].to_vec();
                end[place] += 1;
                KeyRange::Between(prefix, end.into())
            }
            None => KeyRange::From(prefix),
        }
    }

    /// The range of a key and a range end as etcd's API gives them: no end is the key alone, an end
    /// of one zero byte is everything from the key on.
    pub fn from_etcd(key: Bytes, range_end: Bytes) -> KeyRange {
        match range_end.as_ref() {
            [] => KeyRange::Key(key),
            // There the empty key is written as one zero byte, which no key lies below but itself.
            [0] if key.as_ref() == [0] => KeyRange::ALL,
            [0] => KeyRange::From(key),
            _ => KeyRange::Between(key, range_end),
        }
    }

    /// Its least key, or a bound below it.
    pub fn start(&self) -> &Bytes {
        match self {
            KeyRange::Key(start) | KeyRange::Between(start, _) | KeyRange::From(start) => start,
        }
    }

    /// Whether `key` is in it.
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            KeyRange::Key(only) => key == only,
            KeyRange::Between(start, end) => start <= key && key < end,
            KeyRange::From(start) => start <= key,
        }
    }

    /// Whether a key can be in both.
    pub fn intersects(&self, other: &KeyRange) -> bool {
        self.start_before_end_of(other) && other.start_before_end_of(self)
    }

    fn start_before_end_of(&self, other: &KeyRange) -> bool {
        if self.is_empty() || other.is_empty() {
            return false;
        }
        match other.end() {
            Bound::Included(last) => self.start() <= last,
            Bound::Excluded(end) => self.start() < end,
            Bound::Unbounded => true,
        }
    }

    /// Whether no key can be in it.
    pub fn is_empty(&self) -> bool {
        matches!(self, KeyRange::Between(start, end) if start >= end)
    }

    /// Where it ends.
    pub fn end(&self) -> Bound<&Bytes> {
        match self {
            KeyRange::Key(only) => Bound::Included(only),
            KeyRange::Between(_, end) => Bound::Excluded(end),
            KeyRange::From(_) => Bound::Unbounded,
        }
    }

    /// Whether its keys are keys.
    pub(crate) fn validate(&self) -> Result<(), RequestError> {
        match self {
            KeyRange::Key(key) => validate_key(key),
            KeyRange::Between(start, end) => {
                validate_length(start)?;
                validate_length(end)
            }
            KeyRange::From(start) => validate_length(start),
        }
    }
}

/// Whether these bytes can be a key.
pub(crate) fn validate_key(key: &[u8]) -> Result<(), RequestError> {
    if key.is_empty() {
        return Err(RequestError::EmptyKey);
    }
    validate_length(key)
}

fn validate_length(key: &[u8]) -> Result<(), RequestError> {
    let size = key.len() as u64;
    if size > u64::from(KEY_LIMIT_BYTES) {
        return Err(RequestError::KeyTooLong { size });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_below_the_next_string_that_lacks_it() {
        let between = |start: &'static [u8], end: &'static [u8]| {
            KeyRange::Between(Bytes::from_static(start), Bytes::from_static(end))
        };
        assert_eq!(KeyRange::prefix("ab"), between(b"ab", b"ac"));
        assert_eq!(KeyRange::prefix(&b"a\xff\xff"[..]), between(b"a\xff\xff", b"b"));
        assert_eq!(KeyRange::prefix(&b"\xff"[..]), KeyRange::From(Bytes::from_static(b"\xff")));
        assert_eq!(KeyRange::prefix(""), KeyRange::ALL);
    }

    #[test]
    fn ranges_that_touch_at_an_end_that_is_excluded_share_no_key() {
        let low = KeyRange::Between("a".into(), "c".into());
        assert!(!low.intersects(&KeyRange::From("c".into())));
        assert!(!low.intersects(&KeyRange::key("c")));
        assert!(low.intersects(&KeyRange::key("b")));
        assert!(KeyRange::key("c").intersects(&KeyRange::From("c".into())));
        assert!(!KeyRange::Between("c".into(), "c".into()).intersects(&KeyRange::key("c")));
    }
}
