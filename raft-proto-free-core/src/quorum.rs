//! Quorums (paper §5.2, §5.3, §6). A pure leaf: knows no role, no log, no message.

use smallvec::SmallVec;

use crate::configuration::Seat;

/// How many of `voters` are a majority. For 0 voters that is 1: nobody decides for an empty group.
const fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// The largest value that a quorum has reached, where each member has reached the value beside its
/// seat.
pub(crate) fn reached_by_quorum(members: impl Iterator<Item = (Seat, u64)> + Clone) -> u64 {
    let incoming = members.clone().filter(|(seat, _)| seat.incoming);
    let reached = reached_by_majority(incoming.map(|(_, value)| value));
    let mut outgoing = members.filter(|(seat, _)| seat.outgoing).peekable();
    if outgoing.peek().is_none() {
        return reached;
    }
    // raft:6 a joint decision takes a majority of the old voters and one of the new.
    reached.min(reached_by_majority(outgoing.map(|(_, value)| value)))
}

fn reached_by_majority(values: impl Iterator<Item = u64> + Clone) -> u64 {
    let mut rest = values.clone();
    match (rest.next(), rest.next(), rest.next(), rest.next()) {
        (Some(only), None, _, _) => only,
        (Some(a), Some(b), None, _) => a.min(b),
        // The median of the most common group, for which no list is made.
        (Some(a), Some(b), Some(c), None) => a.min(b).max(a.max(b).min(c)),
        _ => reached_by_majority_of_many(values.collect()),
    }
}

fn reached_by_majority_of_many(mut values: SmallVec<[u64; 8]>) -> u64 {
    values.sort_unstable_by(|a, b| b.cmp(a));
    values.get(majority(values.len()) - 1).copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    /// Tries every value: which is the largest that more than half of each half have reached?
    fn twin(members: &[(Seat, u64)]) -> u64 {
        let decides = |half: &dyn Fn(&Seat) -> bool, value: u64| {
            let voters = members.iter().filter(|(seat, _)| half(seat));
            let reached = voters.clone().filter(|(_, other)| *other >= value).count();
            reached * 2 > voters.count()
        };
        let is_joint = members.iter().any(|(seat, _)| seat.outgoing);
        let values = members.iter().map(|(_, value)| *value);
        let quorums = values.filter(|value| {
            decides(&|seat| seat.incoming, *value)
                && (!is_joint || decides(&|seat| seat.outgoing, *value))
        });
        quorums.max().unwrap_or(0)
    }

    #[test]
    fn half_of_an_even_group_is_no_majority() {
        assert_eq!((1..=7).map(majority).collect::<Vec<_>>(), [1, 2, 2, 3, 3, 4, 4]);
    }

    proptest! {
        #[test]
        fn a_quorum_has_reached_what_the_twin_finds(
            members in prop::collection::vec((any::<bool>(), any::<bool>(), 0u64..5), 0..8)
        ) {
            let seated = |(incoming, outgoing, value)| (Seat { incoming, outgoing }, value);
            let members: Vec<_> = members.into_iter().map(seated).collect();
            prop_assert_eq!(reached_by_quorum(members.iter().copied()), twin(&members));
        }
    }
}
