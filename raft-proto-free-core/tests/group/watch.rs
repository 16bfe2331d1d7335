//! What holds at any time (paper, Figure 3), whatever happens to the nodes.

use std::collections::BTreeMap;

use quorate_core::{Action, LogId, RoleKind};

use super::Group;

/// What was seen so far.
#[derive(Default)]
pub struct Watch {
    leaders: BTreeMap<u64, u64>,
    committed: BTreeMap<u64, LogId>,
}

impl Watch {
    pub fn look(&mut self, group: &Group) -> Result<(), String> {
        for (node, member) in &group.members {
            for notice in &member.notices {
                if let Action::RoleChanged { role: RoleKind::Leader, term, .. } = notice {
                    let first = *self.leaders.entry(*term).or_insert(*node);
                    if first != *node {
                        return Err(format!("term {term} has two leaders, {first} and {node}"));
                    }
                }
            }
            let status = member.raft.status();
            for entry in status.log.read(1, status.commit, u64::MAX).iter() {
                let first = *self.committed.entry(entry.log_id.index).or_insert(entry.log_id);
                if first != entry.log_id {
                    let theirs = entry.log_id;
                    return Err(format!("node {node} commits {theirs:?} where {first:?} was"));
                }
            }
        }
        Ok(())
    }
}
