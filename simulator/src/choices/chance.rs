//! Numbers that all follow from one that was drawn before.

use crate::hash::mix;

/// A source of numbers that all follow from one drawn number; 0 stays benign.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chance(u64);

impl Chance {
    /// All follows from `drawn`.
    pub fn new(drawn: u64) -> Chance {
        Chance(drawn)
    }

    /// A chance of its own for one of several things.
    pub fn of(self, thing: u64) -> Chance {
        if self.0 == 0 { self } else { Chance(mix(self.0, thing).max(1)) }
    }

    /// A number below `bound`; always 0 for a chance of 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if self.0 == 0 {
            return 0;
        }
        self.0 = mix(self.0, 0x5eed).max(1);
        ((u128::from(self.0) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_stays_benign_and_all_else_differs_from_thing_to_thing() {
        let mut none = Chance::new(0).of(3);
        assert_eq!([none.below(u64::MAX), none.below(2)], [0, 0]);
        let [mut first, mut second] = [1, 2].map(|thing| Chance::new(7).of(thing));
        assert_ne!(first.below(u64::MAX), second.below(u64::MAX));
        assert_ne!(first.below(u64::MAX), first.below(u64::MAX));
    }
}
