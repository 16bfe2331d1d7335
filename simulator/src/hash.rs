//! A small, fast, fixed hash: the same on every platform. Not for keys that an adversary chooses.

const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// `hash` with `word` mixed in.
#[inline]
pub fn mix(hash: u64, word: u64) -> u64 {
    let product = u128::from(hash ^ word ^ 0x2545_f491_4f6c_dd1d) * u128::from(MULTIPLIER | 1);
    (product as u64) ^ ((product >> 64) as u64).rotate_left(23) ^ word.rotate_left(41)
}

/// `hash` with all of `bytes` mixed in.
#[inline]
pub fn mix_bytes(mut hash: u64, bytes: &[u8]) -> u64 {
    hash = mix(hash, bytes.len() as u64);
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let mut word = [0; 8];
        word.copy_from_slice(chunk);
        hash = mix(hash, u64::from_le_bytes(word));
    }
    let mut last = [0; 8];
    let rest = chunks.remainder();
    last[..rest.len()].copy_from_slice(rest);
    mix(hash, u64::from_le_bytes(last))
}

/// Another word, in which every bit depends on every bit of `word`.
#[inline]
pub fn scatter(word: u64) -> u64 {
    let word = word.wrapping_add(MULTIPLIER);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bit_and_the_length_count() {
        let base = mix_bytes(0, b"hello world");
        assert_ne!(base, mix_bytes(0, b"hello worle"));
        assert_ne!(base, mix_bytes(1, b"hello world"));
        assert_ne!(mix_bytes(0, b""), mix_bytes(0, b"\0"));
        assert_ne!(mix(mix(0, 1), 2), mix(mix(0, 2), 1));
    }
}
