//! A node of a small world: the core, a disk, and the writes between them.

use std::{collections::VecDeque, sync::Arc};

use quorate_core::{
    Action, Config, Configuration, Entries, Event, HardState, Index, Input, LogFound, LogId,
    LogSummary, Message, NodeId, Persisted, Raft, RoleKind, Timestamp, Write,
};

use super::{Host, hashing::wide, judge};
use crate::oracle::Violation;

/// An election timeout; half of it is the heartbeat's, and everything else that has a time.
const TIMEOUT: u64 = 100_000_000;

/// What a disk holds. Nothing is compacted, so the log is whole.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Disk {
    pub(super) hard_state: HardState,
    pub(super) entries: Entries,
}

impl Disk {
    pub(super) fn apply(&mut self, write: &Write) {
        self.hard_state = write.hard_state;
        self.entries.truncate_from(write.truncate_from);
        // What does not follow is left out, and missed by the judge.
        let _ = self.entries.extend(write.entries.clone());
    }

    pub(super) fn term_at(&self, index: Index) -> Option<u64> {
        let mut all = self.entries.iter();
        all.find(|entry| entry.log_id.index == index).map(|entry| entry.log_id.term)
    }

    pub(super) fn holds(&self, place: LogId) -> bool {
        self.term_at(place.index) == Some(place.term)
    }
}

/// A node.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) number: u64,
    pub(super) raft: Raft,
    pub(super) disk: Disk,
    /// Asked for and not yet durable, the oldest first.
    pub(super) pending: VecDeque<Write>,
    /// Its own clock, which moves only where it is chosen to.
    at: u64,
    lives: u64,
    /// Whether anything has happened to it since the group was founded.
    pub(super) is_touched: bool,
}

/// The name of a node.
pub(super) fn name_of(number: u64) -> NodeId {
    NodeId::of(number + 1)
}

fn config(number: u64) -> Config {
    Config {
        election_timeout: TIMEOUT,
        heartbeat_interval: TIMEOUT / 2,
        // News of a commit goes with the next heartbeat.
        commit_notify_delay: TIMEOUT / 2,
        lease_reads: false,
        ..Config::new(name_of(number), 0)
    }
}

impl Member {
    /// A founder, whose founding entry is durable.
    pub(super) fn found(number: u64, nodes: u64) -> Result<Member, Violation> {
        let configuration = Arc::new(Configuration::new((0..nodes).map(name_of)));
        let persisted = Persisted::Bootstrap { configuration, incarnation: 1 };
        let raft = restore(number, persisted, 0)?;
        let mut member = Member {
            number,
            raft,
            disk: Disk::default(),
            pending: VecDeque::new(),
            at: 0,
            lives: 1,
            is_touched: false,
        };
        let mut sent = Vec::new();
        member.step(Input::Tick, &mut sent)?;
        while !member.pending.is_empty() {
            member.written(Host::Honest, &mut sent)?;
        }
        member.is_touched = false;
        Ok(member)
    }

    /// What matters for what it will do.
    pub(super) fn hash(&self) -> u128 {
        wide(&(self.raft.fingerprint(), &self.disk, &self.pending, self.lives, self.is_touched))
    }

    /// Whether time may bring anything new.
    pub(super) fn deadline(&self) -> Option<Timestamp> {
        self.raft.deadline()
    }

    /// Whether a promise to a leader may hold it back.
    pub(super) fn has_promised(&self) -> bool {
        let status = self.raft.status();
        status.promise > 0 && status.role != RoleKind::Leader
    }

    /// Its clock moves on to `early` nanoseconds before its deadline.
    pub(super) fn pass(
        &mut self,
        early: u64,
        sent: &mut Vec<(NodeId, Message)>,
    ) -> Result<(), Violation> {
        if let Some(Timestamp(due)) = self.deadline() {
            self.at = self.at.max(due.saturating_sub(early));
        }
        self.step(Input::Tick, sent)
    }

    /// The oldest pending write is durable.
    pub(super) fn written(
        &mut self,
        host: Host,
        sent: &mut Vec<(NodeId, Message)>,
    ) -> Result<(), Violation> {
        let Some(write) = self.pending.pop_front() else { return Ok(()) };
        self.put(&write, host)?;
        self.step(Input::Written { seq: write.seq }, sent)
    }

    fn put(&mut self, write: &Write, host: Host) -> Result<(), Violation> {
        judge::write(self.number, &self.disk, write)?;
        match host {
            Host::Honest => self.disk.apply(write),
            #[cfg(test)]
            Host::ForgetsVotes => self.disk.apply(write),
            // The entries never reach it.
            #[cfg(test)]
            Host::ReportsEarly => self.disk.hard_state = write.hard_state,
        }
        Ok(())
    }

    /// Loses its power, with `kept` of its pending writes on the disk, and starts again.
    pub(super) fn restart(
        &mut self,
        kept: u8,
        host: Host,
        sent: &mut Vec<(NodeId, Message)>,
    ) -> Result<(), Violation> {
        for write in std::mem::take(&mut self.pending).iter().take(usize::from(kept)) {
            self.put(write, host)?;
        }
        self.lives += 1;
        let recalled = match host {
            Host::Honest => self.disk.hard_state,
            #[cfg(test)]
            Host::ForgetsVotes => HardState { voted_for: None, ..self.disk.hard_state },
            #[cfg(test)]
            Host::ReportsEarly => self.disk.hard_state,
        };
        let persisted = Persisted::Loaded {
            incarnation: self.lives,
            hard_state: recalled,
            snapshot: None,
            log: LogSummary::of(LogId::ZERO, &self.disk.entries),
            applied: 0,
        };
        self.raft = restore(self.number, persisted, self.at)?;
        self.step(Input::Tick, sent)
    }

    /// Steps the core, and does at once what is no choice: applies, and reads of the log.
    pub(super) fn step(
        &mut self,
        input: Input,
        sent: &mut Vec<(NodeId, Message)>,
    ) -> Result<(), Violation> {
        self.is_touched = true;
        let (node, at) = (self.number, Timestamp(self.at));
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for action in self.raft.step(Event { at, input }) {
                match action {
                    Action::Write(write) => self.pending.push_back(write),
                    Action::Send { to, message } => {
                        judge::message(node, &self.disk, to, &message)?;
                        sent.push((to, message));
                    }
                    Action::Apply { entries } => {
                        let index = entries.last().map_or(0, |last| last.index);
                        inputs.push_back(Input::Applied { index });
                    }
                    Action::ReadLog { token, from, through, max_bytes, .. } => {
                        inputs.push_back(Input::LogRead {
                            token,
                            found: self.read(from, through, max_bytes),
                        });
                    }
                    Action::Halt(halt) => {
                        let cause = quorate_driver::Cause::Core(halt);
                        return Err(Violation::Halted { node, cause });
                    }
                    Action::Misuse(misuse) => return Err(Violation::Misuse { node, misuse }),
                    Action::Accepted { .. }
                    | Action::Refused { .. }
                    | Action::ReadReady { .. }
                    | Action::RoleChanged { .. }
                    | Action::Transferred { .. }
                    | Action::Lease { .. }
                    | Action::SnapshotWanted { .. }
                    | Action::Install { .. }
                    | Action::Discard { .. }
                    | Action::SendSnapshot { .. } => {}
                }
            }
        }
        self.raft.check().map_err(|violation| Violation::Core { node, violation })
    }

    fn read(&self, from: Index, through: Index, max_bytes: u64) -> LogFound {
        let found = self.disk.entries.starting_at(from).ending_before(through + 1);
        let found = found.capped(max_bytes);
        if found.is_empty() { LogFound::Missing } else { LogFound::Entries(found) }
    }

    /// The log as the disk will have it once every pending write is done.
    pub(super) fn log(&self) -> Entries {
        let mut after = Disk { entries: self.disk.entries.clone(), ..Disk::default() };
        self.pending.iter().for_each(|write| after.apply(write));
        after.entries
    }
}

fn restore(number: u64, persisted: Persisted, at: u64) -> Result<Raft, Violation> {
    Raft::restore(config(number), persisted, Timestamp(at))
        .map_err(|error| Violation::RestoreFailed { node: number, error: error.to_string() })
}
