//! Whether a group talks for a reason. An answer that makes its receiver ask again, where the
//! network repeats some of both, multiplies without end though every single step is right.

use super::{Property, Violation};
use crate::words::counted;

/// The most messages for each node of the group that one reason leads to. A heartbeat to each node
/// with its answer makes two, a read two; an entry is a reason on each node. What was seen in sound
/// runs, with all that is lost and repeated, is at most one.
const LIMIT_PER_REASON: u64 = 3;
/// So many are no storm yet, whatever the reason.
const FLOOR: u64 = 1_000;

/// What was said in a run so far, and what for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Storms {
    sent: u64,
    reasons: u64,
}

impl Storms {
    /// Something that messages may follow from, soon or late, and that messages alone do not bring
    /// about for ever: time that has passed for a node, what a client asks for, a node's start, an
    /// entry or a part of a snapshot that a node did not hold before, an old message that a fault
    /// sends again.
    pub fn reason(&mut self, count: u64) {
        self.reasons += count;
    }

    /// `node`, one of `nodes`, sends a message.
    ///
    /// # Errors
    /// Where the group says more than there are reasons for.
    pub fn sends(&mut self, node: u64, nodes: u64) -> Result<(), Violation> {
        self.sent += 1;
        let Storms { sent, reasons } = *self;
        if sent <= FLOOR.max(reasons.saturating_mul(LIMIT_PER_REASON * nodes)) {
            return Ok(());
        }
        let is = if reasons == 1 { "is" } else { "are" };
        let reasons = counted(reasons, "reason");
        let what =
            format!("sends message {sent} of the group, for which there {is} only {reasons}");
        Err(Violation::Rule { rule: Property::NoStorm, node, what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many messages of a group of five are no storm, with so many reasons; and what is said of
    /// the next.
    fn most(reasons: u64) -> (u64, String) {
        let mut storms = Storms::default();
        storms.reason(reasons);
        for sent in 0.. {
            if let Err(violation) = storms.sends(2, 5) {
                assert_eq!(violation.property(), Property::NoStorm);
                return (sent, violation.to_string());
            }
        }
        unreachable!("there is a limit");
    }

    #[test]
    fn messages_without_a_reason_are_a_storm() {
        let text = "node 2 sends message 1001 of the group, for which there are only 0 reasons";
        assert_eq!(most(0), (FLOOR, text.to_owned()));
        assert!(most(1).1.ends_with("for which there is only 1 reason"));
    }

    #[test]
    fn each_reason_is_worth_a_few_messages_to_each_node() {
        assert_eq!(most(66).0, FLOOR);
        assert_eq!(most(67).0, 67 * 5 * 3);
    }
}
