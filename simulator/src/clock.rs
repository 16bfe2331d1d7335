//! A node's clock: true time with an offset, a drift and jumps. Integers only.

use quorate_core::{Nanos, Timestamp};

const MILLION: u64 = 1_000_000;

/// A clock that runs at a rate of its own. Rates are changed at a point in time, from which the
/// clock goes on without a jump.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clock {
    /// True time of the last change.
    changed: Nanos,
    /// True time from which it goes on at the present rate; until then it stands.
    since: Nanos,
    /// What the clock showed then.
    shown: Nanos,
    /// How much it advances in a million nanoseconds.
    rate: u64,
}

impl Clock {
    /// A clock that shows `shown` at the start of the run, at the right rate.
    pub fn new(shown: Nanos) -> Clock {
        Clock { changed: 0, since: 0, shown, rate: MILLION }
    }

    /// How many parts in a million it is fast; negative where it is slow.
    pub fn drift_ppm(&self) -> i64 {
        self.rate.cast_signed() - MILLION.cast_signed()
    }

    /// What it shows at true time `now`.
    pub fn read(&self, now: Nanos) -> Timestamp {
        let passed = now.saturating_sub(self.since);
        Timestamp(self.shown.saturating_add(scale(passed, self.rate, MILLION)))
    }

    /// The first true time from the last change on at which it shows `at` or later.
    pub fn when(&self, at: Timestamp) -> Nanos {
        let wanted = at.0.saturating_sub(self.shown);
        if wanted == 0 {
            return self.changed;
        }
        if self.rate == MILLION {
            return self.since.saturating_add(wanted);
        }
        let mut guess = self.since.saturating_add(scale(wanted, MILLION, self.rate));
        while self.read(guess) < at {
            guess += 1;
        }
        guess
    }

    /// From `now` on it runs fast (or slow) by this many parts in a million.
    pub fn set_drift(&mut self, now: Nanos, drift_ppm: i64) {
        self.shown = self.read(now).0;
        self.changed = now;
        self.since = self.since.max(now);
        self.rate = MILLION.saturating_add_signed(drift_ppm).max(1);
    }

    /// At `now` it leaps by this much.
    pub fn jump(&mut self, now: Nanos, by: i64) {
        self.shown = self.read(now).0.saturating_add_signed(by);
        self.changed = now;
        self.since = self.since.max(now);
    }

    /// From `now` until `until` it stands; then it goes on from where it stood.
    pub fn freeze(&mut self, now: Nanos, until: Nanos) {
        self.shown = self.read(now).0;
        self.changed = now;
        self.since = self.since.max(until);
    }
}

/// `value * over / under`, rounded down.
fn scale(value: u64, over: u64, under: u64) -> u64 {
    if over == under {
        return value;
    }
    match value.checked_mul(over) {
        Some(product) => product / under,
        None => (u128::from(value) * u128::from(over) / u128::from(under)) as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_is_the_first_moment_that_shows_the_time() {
        for drift in [-200_000, -137, 0, 1, 500, 250_000] {
            let mut clock = Clock::new(1_000);
            clock.set_drift(50, drift);
            for at in [1_050, 2_000, 7_777_777, 123_456_789_012] {
                let moment = clock.when(Timestamp(at));
                assert!(clock.read(moment).0 >= at, "drift {drift} at {at}");
                assert!(clock.read(moment - 1).0 < at || moment == 50, "drift {drift} at {at}");
            }
        }
    }

    #[test]
    fn a_frozen_clock_stands_and_goes_on_from_there() {
        let mut clock = Clock::new(1_000);
        clock.freeze(100, 500);
        assert_eq!([100, 300, 500, 501].map(|now| clock.read(now).0), [1_100, 1_100, 1_100, 1_101]);
        assert_eq!(clock.when(Timestamp(1_100)), 100, "it shows that already");
        assert_eq!(clock.when(Timestamp(1_110)), 510);
        clock.set_drift(200, 500_000);
        assert_eq!(clock.read(400), Timestamp(1_100), "a drift does not thaw it");
        assert_eq!(clock.read(600), Timestamp(1_250));
        clock.freeze(600, 700);
        clock.jump(650, 50);
        assert_eq!(clock.read(700), Timestamp(1_300), "nor does a leap");
    }

    #[test]
    fn a_change_of_rate_does_not_jump() {
        let mut clock = Clock::new(0);
        clock.set_drift(1_000_000, 100);
        assert_eq!(clock.read(1_000_000), Timestamp(1_000_000));
        assert_eq!(clock.read(2_000_000), Timestamp(2_000_100));
        clock.jump(2_000_000, -2_000_000);
        assert_eq!(clock.read(2_000_000), Timestamp(100));
    }
}
