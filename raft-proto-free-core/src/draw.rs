//! Randomness as data: draw n is a pure function of (seed, node, incarnation, n).

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::types::NodeId;

/// A node's sequence of draws. Its only state is how many were made.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Draws {
    count: u64,
}

impl Draws {
    pub(crate) fn new() -> Draws {
        Draws { count: 0 }
    }

    /// The next draw, from 0 and below `bound`, which is at least 1.
    pub(crate) fn below(&mut self, bound: u64, seed: u64, node: NodeId, incarnation: u64) -> u64 {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&node.get().to_le_bytes());
        key[16..24].copy_from_slice(&incarnation.to_le_bytes());
        let mut cipher = ChaCha8Rng::from_seed(key);
        cipher.set_word_pos(u128::from(self.count) * 2);
        self.count += 1;
        // The high half of the product: uniform enough for timeouts, with no loop.
        ((u128::from(cipher.next_u64()) * u128::from(bound)) >> 64) as u64
    }
}
