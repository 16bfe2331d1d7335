//! For tests: a hash without the standard library.

use core::hash::{Hash, Hasher};

struct Fnv(u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

pub(crate) fn hash(item: &impl Hash) -> u64 {
    let mut state = Fnv(0xcbf2_9ce4_8422_2325);
    item.hash(&mut state);
    state.finish()
}
