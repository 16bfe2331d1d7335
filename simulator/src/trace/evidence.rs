//! What a violation contradicts: who else led the term, who committed the entry first.

use quorate_core::{Index, LogId, RoleKind, Term};

use super::record::{Aspect, Record, RecordId, What};
use crate::oracle::Violation;

/// Something that must have happened before a violation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sought {
    /// A node became leader of a term.
    Leads(u64, Term),
    /// A node, or anyone, knew first that an entry is committed.
    Committed(Option<u64>, Index),
    /// The last crash of a node.
    Crashed(u64),
    /// The last write that a node began.
    Wrote(u64),
}

/// Whom and what a violation is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Concern {
    pub(super) nodes: Vec<u64>,
    pub(super) sought: Vec<Sought>,
}

fn at(node: u64, sought: &[Sought]) -> Concern {
    Concern { nodes: vec![node], sought: sought.to_vec() }
}

/// Whom and what a violation is about.
#[allow(clippy::too_many_lines, reason = "one arm a kind, and each is short")]
pub(super) fn concern(violation: &Violation) -> Concern {
    use Sought::{Committed, Crashed, Leads, Wrote};
    match violation {
        Violation::TwoLeaders { term, first, second } => Concern {
            nodes: vec![*first, *second],
            sought: vec![Leads(*first, *term), Leads(*second, *term)],
        },
        Violation::LeaderWithoutQuorum { node, term, .. }
        | Violation::LeaderRewrote { node, term, .. } => at(*node, &[Leads(*node, *term)]),
        Violation::LeaderIncomplete { node, term, committed, .. } => {
            at(*node, &[Leads(*node, *term), Committed(None, committed.index)])
        }
        Violation::CommittedChanged { node, committed, .. } => {
            at(*node, &[Committed(None, committed.index)])
        }
        Violation::CommittedRemoved { node, place } => {
            at(*node, &[Committed(None, place.index), Wrote(*node)])
        }
        Violation::CommittedOldTerm { node, index, .. }
        | Violation::CommitBeyondLog { node, index }
        | Violation::CommitWithoutQuorum { node, index, .. } => {
            at(*node, &[Committed(Some(*node), *index)])
        }
        Violation::CommittedUnwritten { node, place } => {
            at(*node, &[Committed(Some(*node), place.index)])
        }
        Violation::StaleReadIndex { node, committed, .. }
        | Violation::StaleLeaseRead { node, committed, .. } => {
            at(*node, &[Committed(None, *committed)])
        }
        Violation::OutOfOrder { floor: index, .. }
        | Violation::AcknowledgedLost { place: LogId { index, .. }, .. } => {
            Concern { nodes: Vec::new(), sought: vec![Committed(None, *index)] }
        }
        Violation::SentBeforeDurable { node, to, .. } => {
            Concern { nodes: vec![*node, *to], sought: vec![Wrote(*node)] }
        }
        Violation::Recovered { node, .. }
        | Violation::OpenFailed { node, .. }
        | Violation::RestoreFailed { node, .. }
        | Violation::RestoredOther { node, .. } => at(*node, &[Crashed(*node)]),
        Violation::TermFell { node, .. }
        | Violation::VoteChanged { node, .. }
        | Violation::NoVoterStands { node, .. }
        | Violation::CommitFell { node, .. }
        | Violation::LogsDiffer { node, .. }
        | Violation::SnapshotUncommitted { node, .. }
        | Violation::SnapshotMembers { node, .. }
        | Violation::QuorumsApart { node, .. }
        | Violation::AppliedOther { node, .. }
        | Violation::MachinesDiffer { node, .. }
        | Violation::LeaseWithoutRight { node, .. }
        | Violation::OddResponse { node, .. }
        | Violation::Rule { node, .. }
        | Violation::Core { node, .. }
        | Violation::Misuse { node, .. }
        | Violation::TwoWrites { node }
        | Violation::Halted { node, .. }
        | Violation::WriteFailed { node, .. }
        | Violation::Codec { node, .. } => at(*node, &[]),
        Violation::NotLinearizable { .. }
        | Violation::Panicked { .. }
        | Violation::Stuck { .. }
        | Violation::NotDeterministic { .. }
        | Violation::Model { .. } => Concern::default(),
    }
}

fn is_it(sought: Sought, what: &What) -> bool {
    let changed = |aspect: Aspect| {
        let What::State { node, new, state } = what else { return None };
        new.contains(&aspect).then_some((*node, state))
    };
    match sought {
        Sought::Leads(node, term) => changed(Aspect::Role).is_some_and(|(at, state)| {
            (at, state.term, state.role) == (node, term, RoleKind::Leader)
        }),
        Sought::Committed(node, index) => changed(Aspect::Commit)
            .is_some_and(|(at, state)| node.is_none_or(|node| node == at) && state.commit >= index),
        Sought::Crashed(node) => matches!(what, What::Crash { node: at, .. } if *at == node),
        Sought::Wrote(node) => matches!(what, What::Write { node: at, .. } if *at == node),
    }
}

/// The records of what is sought.
pub(super) fn find(records: &[Record], sought: &[Sought]) -> Vec<RecordId> {
    let of = |sought: &Sought| {
        let mut found = records.iter().filter(|record| is_it(*sought, &record.what));
        match sought {
            Sought::Leads(..) | Sought::Committed(..) => found.next(),
            Sought::Crashed(_) | Sought::Wrote(_) => found.next_back(),
        }
    };
    sought.iter().filter_map(of).map(|record| record.id).collect()
}
