//! How far a batch is, on one line; only where standard error is a terminal.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use quorate_sim::words::counted;

/// The line at the foot of the terminal.
pub(super) struct Line {
    bar: ProgressBar,
    started: Instant,
    seeds: u64,
    /// How many seeds there are, where they end.
    of: Option<u64>,
    budget: Option<Duration>,
    events: u64,
    violations: u64,
}

impl Line {
    /// `of` seeds, or as many as `budget` allows.
    pub(super) fn new(of: Option<u64>, budget: Option<Duration>, is_hidden: bool) -> Line {
        let bar = if is_hidden { ProgressBar::hidden() } else { ProgressBar::new(1_000) };
        let style = ProgressStyle::with_template("{bar:30} {msg}");
        let bar = if let Ok(style) = style { bar.with_style(style) } else { bar };
        let started = Instant::now();
        Line { bar, started, seeds: 0, of, budget, events: 0, violations: 0 }
    }

    /// One more seed has ended.
    pub(super) fn ran(&mut self, events: u64, failed: bool) {
        self.seeds += 1;
        self.events += events;
        self.violations += u64::from(failed);
        let took = self.started.elapsed();
        self.bar.set_position(self.permille(took));
        self.bar.set_message(self.text(took));
    }

    /// Prints something above it.
    pub(super) fn above(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }

    /// How much is done: of the seeds, or of the time.
    fn permille(&self, took: Duration) -> u64 {
        let share = |done: u128, of: u128| (done * 1_000 / of.max(1)).min(1_000) as u64;
        let of_seeds = self.of.map_or(0, |of| share(self.seeds.into(), of.into()));
        let of_time = self.budget.map_or(0, |budget| share(took.as_millis(), budget.as_millis()));
        of_seeds.max(of_time)
    }

    fn left(&self, took: Duration) -> Option<Duration> {
        let by_time = self.budget.map(|budget| budget.saturating_sub(took));
        let by_seeds = self.of.map(|of| {
            let left = u128::from(of.saturating_sub(self.seeds));
            let millis = took.as_millis() * left / u128::from(self.seeds.max(1));
            Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
        });
        by_time.into_iter().chain(by_seeds).min()
    }

    fn text(&self, took: Duration) -> String {
        let rate = u128::from(self.events) * 1_000 / took.as_millis().max(1);
        let rate = match rate {
            0..10_000 => rate.to_string(),
            10_000..10_000_000 => format!("{}k", rate / 1_000),
            _ => format!("{}M", rate / 1_000_000),
        };
        let left = self.left(took).map_or(String::new(), |left| format!(", {} left", clock(left)));
        let violations = counted(self.violations, "violation");
        let seeds = match self.of {
            Some(of) => format!("{}/{}", self.seeds, counted(of, "seed")),
            None => counted(self.seeds, "seed"),
        };
        format!("{seeds}, {rate} events/s, {violations}{left}")
    }
}

/// A time without its fractions.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m {}s", seconds / 60, seconds % 60),
        _ => format!("{}h {}m", seconds / 3_600, seconds / 60 % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(of: Option<u64>, budget: Option<u64>) -> Line {
        let line = Line::new(of, budget.map(Duration::from_secs), true);
        Line { seeds: 25, events: 3_000_000, violations: 1, ..line }
    }

    #[test]
    fn it_tells_seeds_events_violations_and_the_time_left() {
        let took = Duration::from_secs(10);
        let text = line(Some(100), None).text(took);
        assert_eq!(text, "25/100 seeds, 300k events/s, 1 violation, 30s left");
        assert_eq!(line(Some(100), None).permille(took), 250);
        let text = line(None, Some(300)).text(took);
        assert_eq!(text, "25 seeds, 300k events/s, 1 violation, 4m 50s left");
        assert_eq!(line(None, Some(40)).permille(took), 250);
        let both = line(Some(1_000_000), Some(7_300));
        assert_eq!(both.left(took), Some(Duration::from_secs(7_290)));
        assert_eq!(clock(Duration::from_secs(7_290)), "2h 1m");
    }

    #[test]
    fn nothing_done_is_no_division_by_zero() {
        let line = Line { seeds: 0, events: 0, ..line(Some(0), Some(0)) };
        assert_eq!(line.permille(Duration::ZERO), 0);
        assert!(line.text(Duration::ZERO).starts_with("0/0 seeds, 0 events/s"));
    }
}
