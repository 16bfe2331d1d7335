//! How often the core asked for what: for whoever waits for the nth of a kind, or counts them.

use quorate_core::Action;

macro_rules! kinds {
    ($($kind:ident = $name:literal,)*) => {
        /// A kind of [`Action`], each with the action's name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each kind is named as its action, which has them")]
        pub enum ActionKind {
            $($kind,)*
        }

        impl ActionKind {
            /// All kinds.
            pub const ALL: &[ActionKind] = &[$(ActionKind::$kind,)*];

            /// The name in files and tables.
            pub const fn name(self) -> &'static str {
                match self {
                    $(ActionKind::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    Accepted = "accepted",
    Refused = "refused",
    ReadReady = "read-ready",
    RoleChanged = "role-changed",
    Transferred = "transferred",
    Lease = "lease",
    SnapshotWanted = "snapshot-wanted",
    Misuse = "misuse",
    Halt = "halt",
    Write = "write",
    Apply = "apply",
    Install = "install",
    Discard = "discard",
    ReadLog = "read-log",
    SendSnapshot = "send-snapshot",
    Send = "send",
}

impl ActionKind {
    /// The kind of `action`.
    pub fn of(action: &Action) -> ActionKind {
        match action {
            Action::Accepted { .. } => ActionKind::Accepted,
            Action::Refused { .. } => ActionKind::Refused,
            Action::ReadReady { .. } => ActionKind::ReadReady,
            Action::RoleChanged { .. } => ActionKind::RoleChanged,
            Action::Transferred { .. } => ActionKind::Transferred,
            Action::Lease { .. } => ActionKind::Lease,
            Action::SnapshotWanted { .. } => ActionKind::SnapshotWanted,
            Action::Misuse(_) => ActionKind::Misuse,
            Action::Halt(_) => ActionKind::Halt,
            Action::Write(_) => ActionKind::Write,
            Action::Apply { .. } => ActionKind::Apply,
            Action::Install { .. } => ActionKind::Install,
            Action::Discard { .. } => ActionKind::Discard,
            Action::ReadLog { .. } => ActionKind::ReadLog,
            Action::SendSnapshot { .. } => ActionKind::SendSnapshot,
            Action::Send { .. } => ActionKind::Send,
        }
    }
}

const KINDS: usize = ActionKind::ALL.len();

/// How often a driver's core asked for each kind of action, in this life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    counts: [u64; KINDS],
}

impl Tally {
    pub(crate) fn add(&mut self, actions: &[Action]) {
        for action in actions {
            self.counts[ActionKind::of(action) as usize] += 1;
        }
    }

    /// How often it was asked for.
    pub fn count(&self, kind: ActionKind) -> u64 {
        self.counts[kind as usize]
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::Index;

    use super::*;

    #[test]
    fn each_action_counts_for_its_kind_alone() {
        let mut tally = Tally::default();
        let wanted = |beyond: Index| Action::SnapshotWanted { beyond };
        tally.add(&[wanted(1), wanted(2), Action::Transferred { request: 3 }]);
        let counted: Vec<u64> = ActionKind::ALL.iter().map(|kind| tally.count(*kind)).collect();
        assert_eq!(counted.iter().sum::<u64>(), 3);
        assert_eq!(tally.count(ActionKind::SnapshotWanted), 2);
        assert_eq!(tally.count(ActionKind::Transferred), 1);
    }
}
