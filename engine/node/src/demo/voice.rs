//! Where the demo says what happens: stderr, as a moving bar on a terminal, as lines elsewhere.

use std::{io::IsTerminal, time::Duration};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Says what happens.
#[derive(Clone)]
pub(crate) struct Voice {
    quiet: bool,
    /// Whether there is no terminal to move a bar on.
    plain: bool,
    bar: ProgressBar,
}

impl Voice {
    pub(crate) fn new(quiet: bool) -> Voice {
        let plain = !std::io::stderr().is_terminal();
        let hidden = quiet || plain;
        let bar = ProgressBar::with_draw_target(
            None,
            if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() },
        );
        let style = ProgressStyle::with_template(
            "{msg:>9} {bar:40} {human_pos}/{human_len}  {per_sec}  {eta} left",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Voice { quiet, plain, bar }
    }

    pub(crate) fn say(&self, text: impl AsRef<str>) {
        if !self.quiet {
            self.bar.suspend(|| eprintln!("{}", text.as_ref()));
        }
    }

    /// From now on [`Voice::advance`] counts `what` towards `total`.
    pub(crate) fn begin(&self, what: &'static str, total: u64) {
        self.bar.reset();
        self.bar.set_length(total);
        self.bar.set_message(what);
    }

    pub(crate) fn advance(&self) {
        self.bar.inc(1);
        if self.plain && !self.quiet {
            let (done, total) = (self.bar.position(), self.bar.length().unwrap_or(0));
            let quarter = |done: u64| done.saturating_mul(4) / total.max(1);
            if done < total && quarter(done) > quarter(done - 1) {
                eprintln!("{:>9} {}/{}", self.bar.message(), grouped(done), grouped(total));
            }
        }
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

/// A number as people read it: `12,345`.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A time as people read it: `1.2 s`.
pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (number, text) in cases {
            assert_eq!(grouped(number), text);
        }
    }
}
