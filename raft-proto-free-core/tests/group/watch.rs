//! What holds at any time (paper, Figure 3), whatever happens to the nodes.

use std::collections::BTreeMap;

use quorate_core::{Action, Halt, LogId, RoleKind};

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
            for notice in &member.notices {
                if let Action::ReadReady { request, index } = notice
                    && let Some((_, committed)) = group.reads.get(request)
                    && index < committed
                {
                    return Err(format!(
                        "node {node} reads at {index}, but {committed} was committed before"
                    ));
                }
                if let Action::Misuse(misuse) = notice {
                    return Err(format!("node {node}: {misuse}"));
                }
                if let Action::Halt(halt @ (Halt::Diverged { .. } | Halt::LogLost { .. })) = notice
                {
                    return Err(format!("node {node} halts: {halt}"));
                }
            }
            let status = member.raft.status();
            let base = status.log.base().index;
            for index in (base..=status.commit).filter(|index| *index > 0) {
                let term = status.log.term_at(index).unwrap_or(0);
                let ours = LogId::new(term, index);
                let first = *self.committed.entry(index).or_insert(ours);
                if first != ours {
                    return Err(format!("node {node} commits {ours:?} where {first:?} was"));
                }
            }
            for log_id in &member.machine.applied {
                let first = *self.committed.entry(log_id.index).or_insert(*log_id);
                if first != *log_id {
                    return Err(format!("node {node} applied {log_id:?} where {first:?} was"));
                }
            }
        }
        Ok(())
    }
}
