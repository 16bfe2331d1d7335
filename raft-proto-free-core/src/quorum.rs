//! Majorities (paper §5.2, §5.3). A pure leaf: knows no role, no log, no message.

use smallvec::SmallVec;

/// How many of `voters` are a majority. For 0 voters that is 1: nobody decides for an empty group.
pub(crate) const fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// The largest value that a majority has reached, where each voter has reached one of `values`.
pub(crate) fn reached_by_majority(values: impl Iterator<Item = u64>) -> u64 {
    let mut values: SmallVec<[u64; 8]> = values.collect();
    values.sort_unstable_by(|a, b| b.cmp(a));
    values.get(majority(values.len()) - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Tries every value: which is the largest that more than half have reached?
    fn twin(values: &[u64]) -> u64 {
        let reached = |value: u64| values.iter().filter(|other| **other >= value).count();
        let most = values.iter().copied().filter(|value| reached(*value) * 2 > values.len());
        most.max().unwrap_or(0)
    }

    #[test]
    fn half_of_an_even_group_is_no_majority() {
        assert_eq!((1..=7).map(majority).collect::<Vec<_>>(), [1, 2, 2, 3, 3, 4, 4]);
    }

    proptest! {
        #[test]
        fn a_majority_has_reached_what_the_twin_finds(
            values in prop::collection::vec(0u64..6, 0..8)
        ) {
            prop_assert_eq!(reached_by_majority(values.iter().copied()), twin(&values));
        }
    }
}
