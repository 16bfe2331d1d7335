//! Entries that are read back from the log store, because they are no longer in memory.

use alloc::vec::Vec;

use crate::{
    action::{Action, Halt, Misuse},
    entries::Entries,
    event::LogFound,
    raft::Raft,
    role::Role,
    status::Drop,
    types::{Index, NodeId, Token},
};

/// A question to the log store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LogRead {
    number: u64,
    from: Index,
    pub(crate) through: Index,
    pub(crate) purpose: Purpose,
}

/// What entries are wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Purpose {
    /// The state machine.
    Apply,
    /// A peer of this leader.
    Peer(NodeId),
}

impl LogRead {
    pub(crate) fn is_for_a_peer(&self) -> bool {
        matches!(self.purpose, Purpose::Peer(_))
    }
}

impl Raft {
    /// Asks for entries, unless they are asked for already.
    pub(crate) fn read_log(
        &mut self,
        from: Index,
        through: Index,
        max_bytes: u64,
        purpose: Purpose,
        out: &mut Vec<Action>,
    ) {
        let is_asked = self.log_reads.iter().any(|read| read.purpose == purpose);
        // Everything that is not in memory is on disk.
        let through = through.min(self.log.first_cached() - 1);
        let Some(last_term) = self.log.term_at(through).filter(|_| !is_asked) else { return };
        let token = self.next_token();
        self.log_reads.push_back(LogRead { number: token.number, from, through, purpose });
        out.push(Action::ReadLog { token, from, through, last_term, max_bytes });
    }

    /// What the log store found.
    pub(crate) fn log_read(&mut self, token: Token, found: LogFound, out: &mut Vec<Action>) {
        if token.incarnation == self.incarnation && token.number > self.tokens {
            out.push(Action::Misuse(Misuse::NeverAsked { token }));
            return;
        }
        let is_this =
            |read: &LogRead| token.incarnation == self.incarnation && read.number == token.number;
        let place = self.log_reads.iter().position(is_this);
        let Some(read) = place.and_then(|place| self.log_reads.remove(place)) else {
            // Of an earlier life, or of use to nobody any more.
            self.drops.count(Drop::LogRead);
            return;
        };
        if let Purpose::Peer(id) = read.purpose
            && let Role::Leader(leader) = &mut self.role
            && let Some(peer) = leader.peer(id)
        {
            peer.reading = false;
        }
        if read.from <= self.log.base().index {
            // Discarded since: whoever needs it needs a snapshot now.
            self.drops.count(Drop::LogRead);
            self.after_log_read(read, out);
            return;
        }
        match found {
            LogFound::Entries(entries) if self.is_answer(&read, &entries) => {
                self.use_entries(read, entries, out);
            }
            LogFound::Entries(_) | LogFound::Compacted | LogFound::Missing => {
                // The log promised to keep what it said was durable.
                self.halt(Halt::LogLost { index: read.from }, out);
            }
        }
    }

    /// Whether these are the entries that the log holds from the place asked for.
    fn is_answer(&self, read: &LogRead, entries: &Entries) -> bool {
        let first = entries.first().map(|first| first.index);
        let last = entries.last().map_or(0, |last| last.index);
        first == Some(read.from) && last <= read.through && self.log.summary().matches(entries)
    }

    fn use_entries(&mut self, read: LogRead, entries: Entries, out: &mut Vec<Action>) {
        match read.purpose {
            Purpose::Apply => self.apply_read(entries, out),
            Purpose::Peer(id) => self.send_read(id, entries, out),
        }
        self.after_log_read(read, out);
    }

    fn after_log_read(&mut self, read: LogRead, out: &mut Vec<Action>) {
        if let Purpose::Peer(id) = read.purpose {
            self.replicate_to(id, out);
        }
    }

    fn apply_read(&mut self, entries: Entries, out: &mut Vec<Action>) {
        let entries = entries.capped(self.config.max_apply_bytes);
        let starts_here = entries.first().is_some_and(|first| first.index == self.given + 1);
        let Some(last) = entries.last().filter(|_| starts_here) else { return };
        self.given = last.index;
        self.unapplied.push_back((last.index, entries.cost()));
        self.unapplied_bytes += entries.cost();
        out.push(Action::Apply { entries });
    }
}
