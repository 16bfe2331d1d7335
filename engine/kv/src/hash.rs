//! A running 64-bit hash (FNV-1a over 8-byte words): the same on every platform, and cheap enough to
//! take at every entry. It tells accidents apart, not attackers.

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hash(u64);

impl Default for Hash {
    fn default() -> Hash {
        Hash(OFFSET)
    }
}

impl Hash {
    /// A hash that goes on from `value`.
    pub(crate) fn from_value(value: u64) -> Hash {
        Hash(value)
    }

    pub(crate) fn value(self) -> u64 {
        self.0
    }

    pub(crate) fn add_u64(&mut self, word: u64) {
        // The rotation carries high bits down: a product alone never lets them touch low ones.
        self.0 = (self.0.rotate_left(23) ^ word).wrapping_mul(PRIME);
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.add_u64(bytes.len() as u64);
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.add_u64(u64::from_le_bytes(*word));
        }
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.add_u64(u64::from_le_bytes(word));
        }
    }
}
