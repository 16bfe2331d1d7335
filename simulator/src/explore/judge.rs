//! What is judged in a small world: after every choice, at a cost that follows the few entries there
//! are.

use quorate_core::{
    AppendOutcome, Body, Entries, Index, LogId, Message, NodeId, RoleKind, Term, Write,
};

use super::member::{Disk, Member, name_of};
use crate::oracle::Violation;

/// What a path has come to, for judging what comes next.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Past {
    /// Who led which term, ascending.
    pub(super) leaders: Vec<(Term, u64)>,
    /// What is committed, from index 1 on.
    pub(super) committed: Vec<LogId>,
    /// In which term each of it was: that of the leader that committed it.
    commit_terms: Vec<Term>,
}

impl Past {
    /// Judges a node after something happened to it.
    pub(super) fn judge(
        &mut self,
        members: &[std::sync::Arc<Member>],
        changed: &Member,
    ) -> Result<(), Violation> {
        let status = changed.raft.status();
        let node = changed.number;
        if status.role == RoleKind::Leader {
            self.leads(changed, status.term)?;
        }
        for index in 1..=status.commit {
            let Some(term) = status.log.term_at(index) else {
                return Err(Violation::CommitBeyondLog { node, index });
            };
            self.commits(members, changed, LogId::new(term, index))?;
        }
        logs_match(members, changed)
    }

    /// One leader a term, and one that has all that is committed.
    fn leads(&mut self, changed: &Member, term: Term) -> Result<(), Violation> {
        let node = changed.number;
        if let Some((_, first)) = self.leaders.iter().find(|(led, _)| *led == term) {
            let (first, second) = (*first, node);
            return if first == second {
                Ok(())
            } else {
                Err(Violation::TwoLeaders { term, first, second })
            };
        }
        self.leaders.push((term, node));
        self.leaders.sort_unstable();
        let log = changed.raft.status().log;
        // A leader of an older term that is late to learn of it may lack what was committed since.
        let before = self.committed.iter().zip(&self.commit_terms).filter(|(_, at)| **at < term);
        let mut before = before.map(|(place, _)| place);
        let missing = before.find(|place| !log.holds(**place));
        missing.map_or(Ok(()), |committed| {
            let found = log.term_at(committed.index);
            Err(Violation::LeaderIncomplete { node, term, committed: *committed, found })
        })
    }

    /// What is committed stays, and stands on a majority of disks.
    fn commits(
        &mut self,
        members: &[std::sync::Arc<Member>],
        changed: &Member,
        found: LogId,
    ) -> Result<(), Violation> {
        let node = changed.number;
        if let Some(committed) = self.committed.get(found.index as usize - 1) {
            return if *committed == found {
                Ok(())
            } else {
                Err(Violation::CommittedChanged { node, committed: *committed, found })
            };
        }
        // The founding entry is everywhere from the start.
        let others = members.iter().filter(|member| member.number != node);
        let disks = others.map(|member| &member.disk).chain([&changed.disk]);
        let holders = disks.filter(|disk| disk.holds(found)).count() as u64;
        let needed = members.len() as u64 / 2 + 1;
        if holders < needed {
            let LogId { term, index } = found;
            return Err(Violation::CommitWithoutQuorum { node, index, term, holders, needed });
        }
        self.committed.push(found);
        self.commit_terms.push(changed.raft.status().term);
        Ok(())
    }
}

/// Equal index and term: the same entry, and the same before it.
fn logs_match(members: &[std::sync::Arc<Member>], changed: &Member) -> Result<(), Violation> {
    let node = changed.number;
    let log = changed.log();
    for other in members.iter().filter(|other| other.number != node) {
        if let Some(place) = differ(&log, &other.log()) {
            return Err(Violation::LogsDiffer { node, place });
        }
    }
    Ok(())
}

/// The last entry that both have, where they differ in it or before it.
fn differ(one: &Entries, other: &Entries) -> Option<LogId> {
    let both = one.iter().zip(other.iter());
    let mut are_same = true;
    let mut place = None;
    for (here, there) in both {
        are_same &= here == there;
        if !are_same && here.log_id == there.log_id {
            place = Some(here.log_id);
        }
    }
    place
}

/// A write keeps what the disk must never forget.
pub(super) fn write(node: u64, disk: &Disk, write: &Write) -> Result<(), Violation> {
    let (before, after) = (disk.hard_state, write.hard_state);
    if after.term < before.term {
        return Err(Violation::TermFell { node, before: before.term, after: after.term });
    }
    match before.voted_for {
        Some(vote) if after.term == before.term && after.voted_for != Some(vote) => {
            Err(Violation::VoteChanged {
                node,
                term: after.term,
                before: vote,
                after: after.voted_for,
            })
        }
        Some(_) | None => Ok(()),
    }
}

/// What is said rests on the disk.
pub(super) fn message(
    node: u64,
    disk: &Disk,
    to: NodeId,
    message: &Message,
) -> Result<(), Violation> {
    let last = disk.entries.last().map_or(0, |last| last.index);
    let is_held = match &message.body {
        Body::VoteRequest(_) => is_vote_held(disk, message.term, name_of(node)),
        Body::VoteAnswer(answer) => !answer.granted || is_vote_held(disk, message.term, to),
        Body::AppendAnswer(answer) => match answer.outcome {
            AppendOutcome::Matched { index } => index <= last,
            AppendOutcome::Conflict { .. } | AppendOutcome::SnapshotWanted { .. } => true,
        },
        Body::PreVoteRequest(_)
        | Body::PreVoteAnswer(_)
        | Body::AppendRequest(_)
        | Body::TimeoutNow
        | Body::ReadRequest(_)
        | Body::ReadAnswer(_) => true,
    };
    if is_held {
        return Ok(());
    }
    let (claim, held) =
        (format!("{message:?}"), format!("{:?} and {last} entries", disk.hard_state));
    Err(Violation::SentBeforeDurable { node, to: to.get() - 1, claim, held })
}

fn is_vote_held(disk: &Disk, term: Term, candidate: NodeId) -> bool {
    let held = disk.hard_state;
    // A term that has passed since takes the vote of an older one with it.
    held.term > term || (held.term == term && held.voted_for == Some(candidate))
}

/// How many commands are committed.
pub(super) fn commands(past: &Past, members: &[std::sync::Arc<Member>]) -> u64 {
    let is_command = |place: &LogId| {
        members.iter().any(|member| {
            let index: Index = place.index;
            let entries = member.disk.entries.starting_at(index);
            let found = entries.iter().next().map(|entry| (entry.log_id, entry.payload.clone()));
            matches!(found, Some((at, quorate_core::Payload::Command(_))) if at == *place)
        })
    };
    past.committed.iter().filter(|place| is_command(place)).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_may_lack_what_was_committed_after_its_term_and_nothing_else() {
        let mut alone = Member::found(0, 1).expect("it is founded");
        let mut sent = Vec::new();
        alone.pass(0, &mut sent).expect("it stands");
        while !alone.pending.is_empty() {
            alone.written(super::super::Host::Honest, &mut sent).expect("it is durable");
        }
        let status = alone.raft.status();
        let term = status.term;
        assert_eq!(status.role, RoleKind::Leader);
        let past = |committed_in: Term| Past {
            committed: vec![LogId::new(committed_in, 9)],
            commit_terms: vec![committed_in],
            ..Past::default()
        };
        assert_eq!(past(term + 1).leads(&alone, term), Ok(()));
        let lost = past(term - 1).leads(&alone, term);
        assert!(matches!(lost, Err(Violation::LeaderIncomplete { .. })), "{lost:?}");
    }
}
