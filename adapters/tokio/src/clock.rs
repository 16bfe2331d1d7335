//! This machine's monotonic clock, time asleep included where the system can say it.

use std::time::Duration;

use quorate_core::Timestamp;

/// Reads the clock that a node's timestamps come from.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    origin: std::time::Instant,
}

impl Clock {
    /// The clock of this machine.
    #[allow(clippy::new_without_default, reason = "a clock is read, not made of nothing")]
    pub fn new() -> Clock {
        Clock {
            #[cfg(not(any(target_os = "linux", target_os = "android")))]
            origin: std::time::Instant::now(),
        }
    }

    /// Whether it counts the time that the machine is asleep: else nothing may rest on a lease.
    pub const COUNTS_SLEEP: bool = cfg!(any(target_os = "linux", target_os = "android"));

    /// The time now: CLOCK_BOOTTIME.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub fn now(&self) -> Timestamp {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
        Timestamp(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
    }

    /// The time now.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    pub fn now(&self) -> Timestamp {
        Timestamp(u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    /// How long until `then`.
    pub fn until(&self, then: Timestamp) -> Duration {
        Duration::from_nanos(then.0.saturating_sub(self.now().0))
    }
}
