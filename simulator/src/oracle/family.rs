//! How grave a violation is.

use super::Violation;

/// How grave a violation is: which exit code it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Something wrong was done.
    Safety,
    /// Something due was not done.
    Liveness,
    /// The same seed gave another run.
    Determinism,
}

impl Violation {
    /// How grave it is.
    pub fn family(&self) -> Family {
        if matches!(self, Violation::Stuck { .. }) {
            Family::Liveness
        } else if matches!(self, Violation::NotDeterministic { .. }) {
            Family::Determinism
        } else {
            Family::Safety
        }
    }
}
