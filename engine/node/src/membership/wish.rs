//! What can be wished of the members, and the changes that make it come true. A pure leaf.

use quorate_core::{ADDRESS_LIMIT_BYTES, Configuration, MemberChange, NodeId, Promotion};
use serde::{Deserialize, Serialize};

use super::MemberError;

/// A wish about the members. Each says what should be, so that one that is asked twice is done once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wish {
    /// That the node is a member at this address; it begins as a learner. Without a promotion, the
    /// leader's.
    Add { node: NodeId, address: String, promotion: Option<Promotion> },
    /// That the member votes.
    Promote { node: NodeId },
    /// That the node is no member.
    Remove { node: NodeId },
    /// That the member is at this address.
    Update { node: NodeId, address: String },
    /// That `node`, a learner so far, takes the place of `old`, which is no member any more.
    Replace { old: NodeId, node: NodeId },
}

impl Wish {
    /// Whether it can be meant at all.
    pub(crate) fn validate(&self, is_mesh: bool) -> Result<(), MemberError> {
        match self {
            Wish::Add { address, .. } | Wish::Update { address, .. } if is_mesh => {
                check_address(address)
            }
            // What an address means is the own transport's business.
            Wish::Add { address, .. } | Wish::Update { address, .. } => check_length(address),
            Wish::Promote { .. } | Wish::Remove { .. } | Wish::Replace { .. } => Ok(()),
        }
    }

    /// Who should be a voter soon: it must not lag.
    pub(crate) fn promoted(&self, current: &Configuration) -> Option<NodeId> {
        match self {
            Wish::Promote { node } | Wish::Replace { node, .. } => {
                current.learner(*node).map(|learner| learner.id)
            }
            Wish::Add { .. } | Wish::Remove { .. } | Wish::Update { .. } => None,
        }
    }

    /// The changes that make it come true; none where all is as wished. `promotion` is for a new
    /// member where the wish names none.
    pub(crate) fn changes(
        &self,
        current: &Configuration,
        promotion: Promotion,
    ) -> Result<Vec<MemberChange>, MemberError> {
        match self {
            Wish::Add { node, address, promotion: wished } => {
                add(current, *node, address, wished.unwrap_or(promotion))
            }
            Wish::Promote { node } => {
                is_member(current, *node)?;
                let votes = current.seat(*node).incoming;
                Ok(if votes { Vec::new() } else { vec![MemberChange::AddVoter { node: *node }] })
            }
            Wish::Remove { node } => {
                is_member(current, *node)?;
                if current.voters() == [*node] {
                    return Err(MemberError::LastVoter { node: *node });
                }
                Ok(vec![MemberChange::Remove { node: *node }])
            }
            Wish::Update { node, address } => {
                is_member(current, *node)?;
                if is_at(current, *node, address) {
                    return Ok(Vec::new());
                }
                is_free(current, *node, address)?;
                Ok(vec![set_address(*node, address)])
            }
            Wish::Replace { old, node } => replace(current, *old, *node),
        }
    }
}

fn add(
    current: &Configuration,
    node: NodeId,
    address: &str,
    promotion: Promotion,
) -> Result<Vec<MemberChange>, MemberError> {
    if current.is_member(node) {
        let known = current.address(node);
        if is_at(current, node, address) {
            let learner = current.learner(node).filter(|learner| learner.promotion != promotion);
            let wished =
                learner.map(|learner| MemberChange::AddLearner { node: learner.id, promotion });
            return Ok(wished.into_iter().collect());
        }
        return Err(MemberError::Exists { node, address: known.map(|known| known.to_string()) });
    }
    is_free(current, node, address)?;
    // One that has never answered must not become a voter by itself, however short the log is.
    let promotion = Promotion::OnDemand;
    Ok(vec![MemberChange::AddLearner { node, promotion }, set_address(node, address)])
}

fn replace(
    current: &Configuration,
    old: NodeId,
    node: NodeId,
) -> Result<Vec<MemberChange>, MemberError> {
    is_member(current, node)?;
    if old == node {
        // It would remove itself.
        let address = current.address(node).map(|known| known.to_string());
        return Err(MemberError::Exists { node, address });
    }
    if !current.is_member(old) {
        return Ok(Vec::new());
    }
    let mut changes = vec![MemberChange::Remove { node: old }];
    // A learner's place is a learner's.
    if current.seat(old).incoming && !current.seat(node).incoming {
        changes.push(MemberChange::AddVoter { node });
    }
    Ok(changes)
}

fn is_at(current: &Configuration, node: NodeId, address: &str) -> bool {
    current.address(node).is_some_and(|known| **known == *address)
}

fn set_address(node: NodeId, address: &str) -> MemberChange {
    MemberChange::SetAddress { node, address: address.into() }
}

fn is_member(current: &Configuration, node: NodeId) -> Result<(), MemberError> {
    if current.is_member(node) {
        return Ok(());
    }
    Err(MemberError::NotAMember { node, members: current.members() })
}

fn is_free(current: &Configuration, node: NodeId, address: &str) -> Result<(), MemberError> {
    let members = current.members().into_iter();
    let mut there = members.filter(|other| is_at(current, *other, address));
    match there.find(|other| *other != node) {
        Some(node) => Err(MemberError::AddressTaken { node, address: address.to_owned() }),
        None => Ok(()),
    }
}

/// Whether it can be connected to, by its form.
pub(crate) fn check_address(address: &str) -> Result<(), MemberError> {
    check_length(address)?;
    let is_plain = !address.chars().any(|one| one.is_whitespace() || one.is_control());
    let parts = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    let port = parts.and_then(|(_, port)| port.parse::<u16>().ok());
    if is_plain && port.is_some_and(|port| port > 0) {
        return Ok(());
    }
    Err(MemberError::Address { address: address.to_owned() })
}

fn check_length(address: &str) -> Result<(), MemberError> {
    if (1..=ADDRESS_LIMIT_BYTES as usize).contains(&address.len()) {
        return Ok(());
    }
    Err(MemberError::Address { address: address.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use quorate_core::Learner;

    use super::*;

    const SOON: Promotion = Promotion::WhenCaughtUp { max_lag: 7 };

    fn node(id: u64) -> NodeId {
        NodeId::of(id)
    }

    /// Voters 1 to 3 and learner 4, each at `host:id`.
    fn group() -> Configuration {
        let learner = Learner { id: node(4), promotion: SOON };
        let members = Configuration::of((1..=3).map(node), [], [learner], 1).unwrap();
        let addresses = (1..=4).map(|id| (node(id), format!("host:{id}").into()));
        members.with_addresses(addresses).unwrap()
    }

    fn changes(wish: &Wish) -> Result<Vec<MemberChange>, MemberError> {
        wish.changes(&group(), SOON)
    }

    fn add_at(id: u64, address: &str) -> Wish {
        Wish::Add { node: node(id), address: address.to_owned(), promotion: None }
    }

    #[test]
    fn what_is_as_wished_takes_no_change() {
        let wishes = [
            add_at(1, "host:1"),
            add_at(4, "host:4"),
            Wish::Promote { node: node(2) },
            Wish::Update { node: node(2), address: "host:2".to_owned() },
            Wish::Replace { old: node(9), node: node(2) },
        ];
        for wish in wishes {
            assert_eq!(changes(&wish), Ok(Vec::new()), "{wish:?}");
        }
    }

    #[test]
    fn what_is_not_takes_one() {
        // First without a promotion, and with it once it is there.
        let learner = MemberChange::AddLearner { node: node(5), promotion: Promotion::OnDemand };
        let promoted = MemberChange::AddLearner { node: node(4), promotion: Promotion::OnDemand };
        let promotion = Some(Promotion::OnDemand);
        let wish = Wish::Add { node: node(4), address: "host:4".to_owned(), promotion };
        assert_eq!(changes(&wish), Ok(vec![promoted]));
        assert_eq!(
            changes(&add_at(5, "host:5")),
            Ok(vec![learner, set_address(node(5), "host:5")])
        );
        let votes = MemberChange::AddVoter { node: node(4) };
        assert_eq!(changes(&Wish::Promote { node: node(4) }), Ok(vec![votes.clone()]));
        let gone = MemberChange::Remove { node: node(3) };
        assert_eq!(changes(&Wish::Remove { node: node(3) }), Ok(vec![gone.clone()]));
        let replace = Wish::Replace { old: node(3), node: node(4) };
        assert_eq!(changes(&replace), Ok(vec![gone, votes]));
        let moved = Wish::Update { node: node(3), address: "host:9".to_owned() };
        assert_eq!(changes(&moved), Ok(vec![set_address(node(3), "host:9")]));
    }

    #[test]
    fn what_cannot_be_says_why() {
        let exists = MemberError::Exists { node: node(1), address: Some("host:1".to_owned()) };
        let members = (1..=4).map(node).collect::<Vec<_>>();
        let no_member = MemberError::NotAMember { node: node(9), members };
        let taken = MemberError::AddressTaken { node: node(2), address: "host:2".to_owned() };
        let update = |id| Wish::Update { node: node(id), address: "host:2".to_owned() };
        let refused = [
            (add_at(1, "host:5"), exists.clone()),
            (add_at(5, "host:2"), taken.clone()),
            (update(3), taken),
            (update(9), no_member.clone()),
            (Wish::Replace { old: node(1), node: node(1) }, exists.clone()),
            (Wish::Promote { node: node(9) }, no_member.clone()),
            (Wish::Remove { node: node(9) }, no_member.clone()),
            (Wish::Replace { old: node(1), node: node(9) }, no_member),
        ];
        for (wish, why) in refused {
            assert_eq!(changes(&wish), Err(why), "{wish:?}");
        }
        let alone = Configuration::new([node(1)]);
        let wish = Wish::Remove { node: node(1) };
        assert_eq!(wish.changes(&alone, SOON), Err(MemberError::LastVoter { node: node(1) }));
    }

    #[test]
    fn an_address_names_a_host_and_a_port() {
        for right in ["10.0.0.1:7000", "node-1.example:1", "[::1]:7000", "localhost:65535"] {
            assert_eq!(check_address(right), Ok(()), "{right}");
        }
        let long = format!("{}:1", "a".repeat(254));
        for wrong in ["", ":1", "host", "host:", "host:0", "host:65536", "a b:1", "a\n:1", &long] {
            assert!(check_address(wrong).is_err(), "{wrong}");
        }
    }
}
