//! How far the rows are, on one line; only where standard error is a terminal.

use std::{
    collections::BTreeMap,
    io::IsTerminal,
    sync::{Mutex, MutexGuard},
    time::{Duration, Instant},
};

use quorate_sim::words::counted;

/// The line at the foot of the terminal.
pub(super) struct Progress {
    is_shown: bool,
    started: Instant,
    of: u64,
    now: Mutex<Now>,
}

#[derive(Default)]
struct Now {
    done: u64,
    /// Of the rows that are done. Seconds.
    cpu_s: f64,
    /// What is under way: its words, and its processor time so far.
    rows: BTreeMap<String, (String, f64)>,
}

impl Progress {
    /// For so many rows.
    pub(super) fn new(of: u64) -> Progress {
        let is_shown = std::io::stderr().is_terminal();
        Progress { is_shown, started: Instant::now(), of, now: Mutex::default() }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A row is under way.
    pub(super) fn row(&self, id: &str, text: &str, cpu_s: f64) {
        self.now().rows.insert(id.to_owned(), (text.to_owned(), cpu_s));
        self.show();
    }

    /// A row has ended, after so much processor time.
    pub(super) fn done(&self, id: &str, cpu_s: f64) {
        let mut now = self.now();
        now.rows.remove(id);
        now.done += 1;
        now.cpu_s += cpu_s;
        drop(now);
        self.show();
    }

    fn show(&self) {
        self.say(&text(&self.now(), self.of, self.started.elapsed()));
    }

    /// Says something in its place.
    pub(super) fn say(&self, text: &str) {
        if self.is_shown {
            eprint!("\r\x1b[2K{text}");
        }
    }

    /// Prints something above it.
    pub(super) fn above<T>(&self, print: impl FnOnce() -> T) -> T {
        self.say("");
        let result = print();
        self.show();
        result
    }

    pub(super) fn end(&self) {
        self.say("");
    }
}

fn text(now: &Now, of: u64, took: Duration) -> String {
    let cpu = now.cpu_s + now.rows.values().map(|(_, cpu_s)| cpu_s).sum::<f64>();
    let left = of.saturating_sub(now.done);
    let minutes = took.as_secs_f64() * left as f64 / now.done.max(1) as f64 / 60.0;
    let left = if now.done == 0 { String::new() } else { format!(", about {minutes:.0} min left") };
    let rows: Vec<String> =
        now.rows.iter().map(|(id, (text, _))| format!("{id}: {text}")).collect();
    let (done, of) = (now.done, counted(of, "row"));
    format!("{done} of {of}, {cpu:.0} CPU-s{left}; {}", rows.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_tells_rows_time_and_what_is_left() {
        let rows = [("B4".to_owned(), ("range 2, 9 seeds".to_owned(), 2.0))].into();
        let now = Now { done: 2, cpu_s: 38.0, rows };
        let told = text(&now, 10, Duration::from_secs(60));
        assert_eq!(told, "2 of 10 rows, 40 CPU-s, about 4 min left; B4: range 2, 9 seeds");
        let none = text(&Now::default(), 1, Duration::ZERO);
        assert_eq!(none, "0 of 1 row, 0 CPU-s; ");
    }
}
