//! A hash of 128 bits over anything, the same on every platform.

use std::hash::{Hash, Hasher};

use crate::hash::{mix, mix_bytes};

/// Two hashes of 64 bits that start apart.
struct Wide(u64, u64);

impl Wide {
    fn word(&mut self, word: u64) {
        self.0 = mix(self.0, word);
        self.1 = mix(self.1.rotate_left(17), word);
    }
}

impl Hasher for Wide {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = mix_bytes(self.0, bytes);
        self.1 = mix_bytes(self.1.rotate_left(17), bytes);
    }

    fn write_u8(&mut self, word: u8) {
        self.word(word.into());
    }

    fn write_u16(&mut self, word: u16) {
        self.word(word.into());
    }

    fn write_u32(&mut self, word: u32) {
        self.word(word.into());
    }

    fn write_u64(&mut self, word: u64) {
        self.word(word);
    }

    fn write_usize(&mut self, word: usize) {
        self.word(word as u64);
    }

    fn write_isize(&mut self, word: isize) {
        self.word(word as u64);
    }
}

/// The hash of `item`.
pub(super) fn wide(item: &impl Hash) -> u128 {
    let mut state = Wide(0x0123_4567_89ab_cdef, 0x7f4a_7c15_9e37_79b9);
    item.hash(&mut state);
    u128::from(state.0) << 64 | u128::from(state.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_depend_on_every_word() {
        let all = [wide(&(1_u64, 2_u8)), wide(&(2_u64, 1_u8)), wide(&(1_u64, 3_u8))];
        for (one, other) in [(0, 1), (0, 2), (1, 2)] {
            assert_ne!(all[one] >> 64, all[other] >> 64);
            assert_ne!(all[one] as u64, all[other] as u64);
        }
        assert_eq!(wide(&"a"), wide(&"a"));
    }
}
