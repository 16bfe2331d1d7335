//! A running checksum (CRC-32C): finds accidents, not attackers.

/// The checksum of bytes that come in parts.
///
/// ```
/// use quorate_codec::Checksum;
///
/// let mut parts = Checksum::default();
/// parts.add(b"one");
/// parts.add(b"two");
/// assert_eq!(parts.value(), Checksum::of(b"onetwo"));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checksum(u32);

impl Checksum {
    /// Of all of `bytes`.
    pub fn of(bytes: &[u8]) -> u32 {
        crc32c::crc32c(bytes)
    }

    /// Goes on with `bytes`.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0 = crc32c::crc32c_append(self.0, bytes);
    }

    /// Of all that was added.
    pub fn value(self) -> u32 {
        self.0
    }
}
