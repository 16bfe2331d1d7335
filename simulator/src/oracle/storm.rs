//! Whether a group talks for a reason. An answer that makes its receiver ask again, where the
//! network repeats some of both, multiplies without end though every single step is right.

use quorate_core::Nanos;

use super::{Property, Violation};
use crate::{profile::SECOND, words::counted};

/// Messages are counted over so long. Nanoseconds.
const WINDOW: Nanos = SECOND;
/// The most messages for each node of the group that one reason may lead to. A heartbeat to each
/// node with its answer makes two, a read two, an entry two with the news of its commit; what was
/// seen in sound runs, with all that is lost and repeated, is at most one on average.
const LIMIT_PER_REASON: u64 = 4;
/// So many are no storm yet, whatever the reason.
const FLOOR: u64 = 1_000;

/// What was said in a window of time, and what for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Storms {
    until: Nanos,
    sent: u64,
    /// In this window, and in the one before, which messages may still follow from.
    reasons: [u64; 2],
}

impl Storms {
    /// Something that messages may follow from, and that messages alone do not bring about for ever:
    /// time that has passed for a node, what a client asks for, a node's start, an entry or a part
    /// of a snapshot that a node did not hold before, an old message that a fault sends again.
    pub fn reason(&mut self, count: u64) {
        self.reasons[0] += count;
    }

    /// `node`, one of `nodes`, sends a message.
    ///
    /// # Errors
    /// Where the group says more than there are reasons for.
    pub fn sends(&mut self, node: u64, nodes: u64, now: Nanos) -> Result<(), Violation> {
        if now >= self.until {
            let is_next = now - self.until < WINDOW;
            let before = if is_next { self.reasons[0] } else { 0 };
            *self = Storms { until: now + WINDOW, sent: 0, reasons: [0, before] };
        }
        self.sent += 1;
        let [here, before] = self.reasons;
        let (sent, reasons) = (self.sent, here + before);
        if sent <= FLOOR || sent <= reasons.saturating_mul(LIMIT_PER_REASON * nodes) {
            return Ok(());
        }
        let what = format!(
            "sends message {sent} of the group within a second, for which there {} only {}",
            if reasons == 1 { "is" } else { "are" },
            counted(reasons, "reason")
        );
        Err(Violation::Rule { rule: Property::NoStorm, node, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first of `count` messages within a window that is one too many.
    fn breaks(storms: &mut Storms, window: u64, count: u64) -> Option<Violation> {
        let times = (0..count).map(|number| window * WINDOW + number);
        times.map(|now| storms.sends(2, 5, now)).find_map(Result::err)
    }

    #[test]
    fn messages_without_a_reason_are_a_storm() {
        let text = "node 2 sends message 1001 of the group within a second, for which there are only \
                    0 reasons";
        let violation = breaks(&mut Storms::default(), 1, FLOOR + 1).unwrap();
        assert_eq!(violation.to_string(), text);
        assert_eq!(violation.property(), Property::NoStorm);
    }

    #[test]
    fn few_messages_are_none_whatever_the_reason() {
        let mut storms = Storms::default();
        assert_eq!((0..9).find_map(|window| breaks(&mut storms, window, FLOOR)), None);
    }

    #[test]
    fn a_reason_holds_in_its_window_and_in_the_next() {
        let most = 100 * 5 * LIMIT_PER_REASON;
        let late = |window, count| {
            let mut storms = Storms::default();
            assert_eq!(breaks(&mut storms, 3, 1), None);
            storms.reason(100);
            breaks(&mut storms, window, count).map(|violation| violation.to_string())
        };
        assert_eq!((late(3, most - 1), late(4, most), late(5, FLOOR)), (None, None, None));
        assert!(late(3, most).unwrap().ends_with("only 100 reasons"));
        assert!(late(4, most + 1).unwrap().ends_with("only 100 reasons"));
        assert!(late(5, FLOOR + 1).unwrap().ends_with("only 0 reasons"));
    }
}
