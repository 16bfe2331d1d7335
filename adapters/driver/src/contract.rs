//! Whether an embedder keeps the core's contract: a checker that stands between it, its store, its
//! state machine and the core, for tests.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use quorate_core::{Action, Event, Index, Input, LogId, Persisted, Seq, Timestamp, Token, Write};

/// Watches one life of a node. Clones watch the same.
///
/// It hears of every step ([`ContractChecker::step`], or
/// [`Driver::restore_checked`](crate::Driver::restore_checked)), of what the store really did
/// ([`CheckedStore`](crate::CheckedStore)) and of what the state machine really did
/// ([`CheckedMachine`](crate::CheckedMachine)).
///
/// # Panics
/// In whichever call shows that the contract is broken; the message says how.
#[derive(Clone, Debug)]
pub struct ContractChecker(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    incarnation: u64,
    now: Timestamp,
    /// Writes asked for, made durable, and reported.
    issued: u64,
    durable: u64,
    reported: u64,
    /// The last index that was given to the state machine, that it holds, and that was reported.
    given: Index,
    held: Index,
    applied: Index,
    /// Snapshots that were given to install, oldest first.
    installs: VecDeque<Index>,
    /// The snapshot that was looked for last.
    found: Index,
    /// Questions to the log that have no answer yet.
    asked: BTreeSet<Token>,
    /// Snapshots that are durable under their final names.
    snapshots: BTreeSet<LogId>,
    /// Whether work of an earlier life is let pass, as the core does.
    lets_earlier_lives_pass: bool,
}

impl ContractChecker {
    /// Watches the life that begins with `persisted` at `now`.
    pub fn new(persisted: &Persisted, now: Timestamp) -> ContractChecker {
        let (incarnation, applied) = match persisted {
            Persisted::Bootstrap { incarnation, .. } | Persisted::Join { incarnation } => {
                (*incarnation, 0)
            }
            Persisted::Loaded { incarnation, applied, .. } => (*incarnation, *applied),
        };
        let named = match persisted {
            Persisted::Loaded { snapshot, .. } => snapshot.as_ref().map(|snapshot| snapshot.last),
            Persisted::Bootstrap { .. } | Persisted::Join { .. } => None,
        };
        let (given, held) = (applied, applied);
        let snapshots = named.into_iter().collect();
        let seen = Seen { incarnation, now, given, held, applied, snapshots, ..Seen::default() };
        ContractChecker(Arc::new(Mutex::new(seen)))
    }

    /// Completions of earlier lives may come: the core drops them, so a host may be late.
    pub fn let_earlier_lives_pass(self) -> ContractChecker {
        self.seen().lets_earlier_lives_pass = true;
        self
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The embedder stepped `event`, and was answered `actions`.
    pub fn step(&self, event: &Event, actions: &[Action]) {
        let mut seen = self.seen();
        assert!(event.at >= seen.now, "time goes back from {:?} to {:?}", seen.now, event.at);
        seen.now = event.at;
        seen.input(&event.input);
        actions.iter().for_each(|action| seen.action(action));
    }

    /// The store made these durable.
    pub(crate) fn written(&self, writes: &[Write]) {
        let mut seen = self.seen();
        for write in writes {
            let due = Seq { incarnation: seen.incarnation, number: seen.durable + 1 };
            assert_eq!(write.seq, due, "a write is out of order, or comes twice");
            let named = write.snapshot.as_ref().map(|snapshot| snapshot.last);
            let is_there = named.is_none_or(|last| seen.snapshots.contains(&last));
            assert!(is_there, "{:?} names a snapshot that is not durable", write.seq);
            assert!(seen.durable < seen.issued, "{:?} was never asked for", write.seq);
            seen.durable += 1;
        }
    }

    /// A snapshot is durable under its final name.
    pub(crate) fn kept(&self, last: LogId) {
        self.seen().snapshots.insert(last);
    }

    /// The state machine applies this entry.
    pub(crate) fn applies(&self, log_id: LogId) {
        let mut seen = self.seen();
        let due = seen.held + 1;
        assert_eq!(log_id.index, due, "an entry is applied out of order, or twice");
        assert!(due <= seen.given, "entry {due} was never given to apply");
        seen.held = due;
    }

    /// A snapshot was looked for, and found.
    pub(crate) fn found(&self, last: LogId) {
        self.seen().found = last.index;
    }

    /// The state machine's state is that of the snapshot that was found last.
    pub(crate) fn installed(&self) {
        let mut seen = self.seen();
        let found = seen.found;
        // An older one may have been passed over for a newer one.
        while seen.installs.front().is_some_and(|given| *given < found) {
            seen.installs.pop_front();
        }
        let given = seen.installs.pop_front().expect("a snapshot is installed, but none was given");
        assert_eq!(given, found, "another snapshot is installed than was given");
        assert!(given > seen.held, "a snapshot takes the state back to {given}");
        seen.held = given;
    }
}

impl Seen {
    fn input(&mut self, input: &Input) {
        match input {
            Input::Written { seq } => self.completion(*seq),
            Input::Applied { index } => {
                assert!(*index <= self.held, "{index} is reported, but only {} applied", self.held);
                assert!(*index > self.applied, "{index} is reported applied once more");
                self.applied = *index;
            }
            Input::LogRead { token, .. } if self.is_of_this_life(*token) => {
                assert!(self.asked.remove(token), "{token:?} is answered, but was not asked");
            }
            Input::SnapshotTaken { index } => {
                let is_there = self.snapshots.iter().any(|last| last.index == *index);
                assert!(is_there, "the snapshot at {index} is not durable");
                assert!(*index <= self.applied, "a snapshot at {index}, beyond what is applied");
            }
            Input::SnapshotReceived { meta, .. } => {
                let is_there = self.snapshots.contains(&meta.last);
                assert!(is_there, "the snapshot of {:?} is not durable", meta.last);
            }
            Input::WriteFailed { .. }
            | Input::LogRead { .. }
            | Input::Tick
            | Input::Receive { .. }
            | Input::Propose { .. }
            | Input::Read { .. }
            | Input::ChangeMembers { .. }
            | Input::Transfer { .. }
            | Input::PeerUnreachable { .. }
            | Input::LeaseClosed
            | Input::Retain { .. }
            | Input::Space { .. }
            | Input::Reconfigure { .. }
            | Input::Quiesce
            | Input::Wake
            | Input::RequestSnapshot
            | Input::Stop => {}
        }
    }

    fn completion(&mut self, seq: Seq) {
        if !self.is_of_this_life(seq) {
            return;
        }
        assert!(seq.number <= self.issued, "{seq:?} was never asked for");
        assert!(seq.number <= self.durable, "{seq:?} is reported durable, but was not written");
        assert!(seq.number > self.reported, "{seq:?} is reported once more");
        self.reported = seq.number;
    }

    fn is_of_this_life(&self, token: Token) -> bool {
        let is_ours = token.incarnation == self.incarnation;
        assert!(is_ours || self.lets_earlier_lives_pass, "{token:?} is of another life");
        is_ours
    }

    fn action(&mut self, action: &Action) {
        match action {
            Action::Write(write) => self.issued = write.seq.number,
            Action::Apply { entries } => {
                self.given = entries.last().map_or(self.given, |last| last.index);
            }
            Action::Install { meta } => {
                self.given = meta.last.index;
                self.installs.push_back(meta.last.index);
            }
            Action::ReadLog { token, .. } => {
                self.asked.insert(*token);
            }
            Action::Accepted { .. }
            | Action::Refused { .. }
            | Action::ReadReady { .. }
            | Action::RoleChanged { .. }
            | Action::Transferred { .. }
            | Action::Lease { .. }
            | Action::SnapshotWanted { .. }
            | Action::Misuse(_)
            | Action::Halt(_)
            | Action::Discard { .. }
            | Action::SendSnapshot { .. }
            | Action::Send { .. } => {}
        }
    }
}
