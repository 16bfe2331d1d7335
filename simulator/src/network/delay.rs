//! How long messages take, by the shape of the distribution. Integers only.

use quorate_core::Nanos;
use serde::{Deserialize, Serialize};

/// How delays beyond the least one are distributed; `spread` says how wide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DelayShape {
    /// Anything up to `spread`, equally often.
    #[default]
    Uniform,
    /// None beyond the least delay.
    Constant,
    /// Mostly short, seldom long: on average a quarter of `spread`, at most about five times.
    Exponential,
    /// Most messages take an eighth of `spread` at most; one of eight another way, which takes from
    /// once to twice `spread`.
    Bimodal,
}

/// Where a shape needs more than `spread` says, it draws below this.
const FINE: u64 = 1 << 32;
/// A natural logarithm of 2, in parts of `1 << 16`.
const LN_2: u64 = 45_426;

impl DelayShape {
    /// What is drawn for a message is below this.
    pub fn bound(self, spread: Nanos) -> u64 {
        match self {
            DelayShape::Uniform => spread + 1,
            DelayShape::Constant => 1,
            DelayShape::Exponential | DelayShape::Bimodal => FINE,
        }
    }

    /// The delay beyond the least one, for what was drawn below [`DelayShape::bound`]. It grows with
    /// that, from 0.
    pub fn delay(self, spread: Nanos, drawn: u64) -> Nanos {
        match self {
            DelayShape::Uniform => drawn,
            DelayShape::Constant => 0,
            DelayShape::Exponential => {
                ((u128::from(logarithm(FINE - drawn)) * u128::from(spread / 4)) >> 16) as u64
            }
            DelayShape::Bimodal => {
                let within = |low: u64, part: u64, width: Nanos| {
                    (u128::from(drawn - low) * u128::from(width) / u128::from(part)) as u64
                };
                let slow = FINE / 8 * 7;
                if drawn < slow {
                    within(0, slow, spread / 8)
                } else {
                    spread + within(slow, FINE - slow, spread)
                }
            }
        }
    }
}

/// `-ln(share / FINE)` in parts of `1 << 16`, for a share from 1 through `FINE`. Between powers of
/// two it is a straight line, which is off by less than a tenth.
fn logarithm(share: u64) -> u64 {
    let power = u64::from(share.ilog2());
    let rest = share - (1 << power);
    // log2 of the share, in parts of 1 << 16.
    let log2 = (power << 16) + ((rest << 16) >> power);
    (((32 << 16) - log2) * LN_2) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [DelayShape; 4] =
        [DelayShape::Uniform, DelayShape::Constant, DelayShape::Exponential, DelayShape::Bimodal];

    #[test]
    fn nothing_drawn_is_no_delay_and_more_drawn_is_no_shorter() {
        for shape in SHAPES {
            let bound = shape.bound(1_000);
            assert_eq!(shape.delay(1_000, 0), 0, "{shape:?}");
            let delays: Vec<u64> =
                (0..1_000).map(|step| shape.delay(1_000, (bound - 1) * step / 999)).collect();
            assert!(delays.is_sorted(), "{shape:?}");
            assert!(*delays.last().unwrap() <= 6 * 1_000, "{shape:?}");
        }
    }

    /// The delays of equal shares of all that can be drawn.
    fn sample(shape: DelayShape) -> Vec<u64> {
        let bound = shape.bound(1_000_000);
        (0..10_000).map(|step| shape.delay(1_000_000, bound / 10_000 * step)).collect()
    }

    #[test]
    fn shapes_differ_as_their_names_say() {
        let mean = |shape| sample(shape).iter().sum::<u64>() / 10_000;
        assert!((490_000..510_000).contains(&mean(DelayShape::Uniform)));
        assert!((230_000..270_000).contains(&mean(DelayShape::Exponential)));
        let long = |shape, than: u64| sample(shape).iter().filter(|delay| **delay > than).count();
        assert!((100..400).contains(&long(DelayShape::Exponential, 1_000_000)), "e^-4 of them");
        assert_eq!(long(DelayShape::Bimodal, 125_000), long(DelayShape::Bimodal, 999_999));
        assert!((1_200..1_300).contains(&long(DelayShape::Bimodal, 500_000)));
        assert_eq!(mean(DelayShape::Constant), 0);
    }
}
