//! Election safety, and what never goes back within a life.

use std::collections::BTreeMap;

use quorate_core::{Index, LogId, NodeId, RoleKind, Status, Term};

use super::Violation;

/// What a node shows of itself after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Its role.
    pub role: RoleKind,
    /// Its term.
    pub term: Term,
    /// Its vote.
    pub voted_for: Option<NodeId>,
    /// Its commit index.
    pub commit: Index,
    /// The end of its log.
    pub last: LogId,
    /// Before the first entry of its log.
    pub base: LogId,
    /// Where the configuration in force stands.
    pub members_at: Index,
}

impl View {
    /// What `status` shows.
    pub fn of(status: &Status<'_>) -> View {
        View {
            role: status.role,
            term: status.term,
            voted_for: status.voted_for,
            commit: status.commit,
            last: status.log.last(),
            base: status.log.base(),
            members_at: status.configuration_index,
        }
    }
}

/// Who led which term.
#[derive(Clone, Debug, Default)]
pub struct Elections {
    leaders: BTreeMap<Term, u64>,
}

impl Elections {
    /// Judges what a step made of a node.
    ///
    /// # Errors
    /// What is broken.
    pub fn step(
        &mut self,
        node: u64,
        before: &View,
        after: &View,
        term_at: impl Fn(Index) -> Option<Term>,
    ) -> Result<(), Violation> {
        never_back(node, before, after)?;
        let leads = after.role == RoleKind::Leader;
        if leads && before.role == RoleKind::Leader && before.term == after.term {
            append_only(node, before, after, &term_at)?;
            return commits_own(node, before, after, term_at);
        }
        if leads { self.leads(node, after.term) } else { Ok(()) }
    }

    /// A node leads a term.
    ///
    /// # Errors
    /// Where another one does.
    pub fn leads(&mut self, node: u64, term: Term) -> Result<(), Violation> {
        let first = *self.leaders.entry(term).or_insert(node);
        if first == node {
            return Ok(());
        }
        Err(Violation::TwoLeaders { term, first, second: node })
    }

    /// Who led `term`.
    pub fn leader_of(&self, term: Term) -> Option<u64> {
        self.leaders.get(&term).copied()
    }

    /// The newest term that had a leader, and that leader.
    pub fn newest(&self) -> Option<(Term, u64)> {
        self.leaders.last_key_value().map(|(term, node)| (*term, *node))
    }

    /// How many terms had a leader.
    pub fn count(&self) -> u64 {
        self.leaders.len() as u64
    }
}

fn never_back(node: u64, before: &View, after: &View) -> Result<(), Violation> {
    if after.term < before.term {
        return Err(Violation::TermFell { node, before: before.term, after: after.term });
    }
    if let Some(vote) = before.voted_for
        && after.term == before.term
        && after.voted_for != Some(vote)
    {
        let (term, after) = (after.term, after.voted_for);
        return Err(Violation::VoteChanged { node, term, before: vote, after });
    }
    if after.commit < before.commit {
        return Err(Violation::CommitFell { node, before: before.commit, after: after.commit });
    }
    Ok(())
}

fn append_only(
    node: u64,
    before: &View,
    after: &View,
    term_at: impl Fn(Index) -> Option<Term>,
) -> Result<(), Violation> {
    let kept = before.last.index == 0 || term_at(before.last.index) == Some(before.last.term);
    if after.last == before.last || kept {
        return Ok(());
    }
    Err(Violation::LeaderRewrote { node, term: after.term, lost: before.last, last: after.last })
}

/// A leader commits by counting only up to an entry of its own term (paper §5.4.2).
fn commits_own(
    node: u64,
    before: &View,
    after: &View,
    term_at: impl Fn(Index) -> Option<Term>,
) -> Result<(), Violation> {
    if after.commit == before.commit || term_at(after.commit) == Some(after.term) {
        return Ok(());
    }
    Err(Violation::CommittedOldTerm { node, term: after.term, index: after.commit })
}
