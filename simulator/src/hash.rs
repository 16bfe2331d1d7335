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

/// A hash of `bytes` for comparisons within a run: two words a multiplication, and two of these at a
/// time, where [`mix_bytes`] waits for each word before it takes the next.
#[inline]
pub fn digest(bytes: &[u8]) -> u64 {
    let (blocks, rest) = bytes.as_chunks::<32>();
    let mut lanes = [blocks.len() as u64, MULTIPLIER];
    for block in blocks {
        let (words, _) = block.as_chunks::<8>();
        let [a, b, c, d] = [0, 1, 2, 3].map(|word: usize| u64::from_le_bytes(words[word]));
        lanes = [fold(lanes[0] ^ a, b), fold(lanes[1] ^ c, d)];
    }
    mix_bytes(mix(lanes[0], lanes[1]), rest)
}

fn fold(lane: u64, word: u64) -> u64 {
    let product = u128::from(lane) * u128::from(word ^ MULTIPLIER);
    (product as u64) ^ ((product >> 64) as u64) ^ word.rotate_left(29)
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
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_bit_and_the_length_count() {
        let base = mix_bytes(0, b"hello world");
        assert_ne!(base, mix_bytes(0, b"hello worle"));
        assert_ne!(base, mix_bytes(1, b"hello world"));
        assert_ne!(mix_bytes(0, b""), mix_bytes(0, b"\0"));
        assert_ne!(mix(mix(0, 1), 2), mix(mix(0, 2), 1));
    }

    #[test]
    fn a_digest_differs_with_every_bit_the_length_and_the_order_of_words() {
        for len in [0, 1, 8, 31, 32, 33, 100] {
            let bytes = vec![7; len];
            let mut known = BTreeSet::from([digest(&bytes)]);
            assert!(known.insert(digest(&vec![7; len + 1])), "{len}");
            for bit in 0..len * 8 {
                let mut other = bytes.clone();
                other[bit / 8] ^= 1 << (bit % 8);
                assert!(known.insert(digest(&other)), "bit {bit} of {len}");
            }
        }
        let words: Vec<u8> = (0..64).collect();
        for (one, other) in [(0, 8), (0, 32), (8, 48)] {
            let mut swapped = words.clone();
            (0..8).for_each(|byte| swapped.swap(one + byte, other + byte));
            assert_ne!(digest(&words), digest(&swapped), "{one} {other}");
        }
    }
}
