//! Equal logs give equal state machines.

use quorate_core::{EntryRef, Index, LogId};

use super::{
    Violation,
    log::{Logs, Slot},
};
use crate::hash::mix;

/// How far a node's state machine has come in this life.
#[derive(Clone, Copy, Debug, Default)]
struct Replica {
    index: Index,
    chain: u64,
    answers: u64,
}

/// What state machines did and answered.
#[derive(Clone, Debug)]
pub struct Machines {
    replicas: Vec<Replica>,
    /// For each index, a hash of all answers through it.
    answers: Vec<u64>,
    /// The fingerprints that were taken, by index; 0 where none was.
    fingerprints: Vec<u64>,
}

impl Machines {
    /// Empty state machines.
    pub fn new(nodes: u64) -> Machines {
        Machines {
            replicas: vec![Replica::default(); nodes as usize],
            answers: Vec::new(),
            fingerprints: Vec::new(),
        }
    }

    /// A node starts again with an empty state machine.
    pub fn restart(&mut self, node: u64) {
        self.replicas[node as usize] = Replica::default();
    }

    /// A node put a snapshot in place of its state machine's state: it is as if it had applied all
    /// entries through `last`, and nothing goes back.
    ///
    /// # Errors
    /// Where it is not what is committed, or lies behind what was applied.
    pub fn installed(&mut self, node: u64, last: LogId, logs: &Logs) -> Result<(), Violation> {
        let replica = &mut self.replicas[node as usize];
        let slot = logs.committed(last.index).filter(|slot| slot.term == last.term);
        let Some(slot) = slot.filter(|_| last.index >= replica.index) else {
            let expected = format!("something from {} on that is committed", replica.index);
            return Err(Violation::AppliedOther { node, found: last, expected });
        };
        let answers = self.answers.get(last.index as usize - 1).copied().unwrap_or(0);
        *replica = Replica { index: last.index, chain: slot.chain, answers };
        Ok(())
    }

    /// A node applied an entry, and its state machine answered `answer`.
    ///
    /// # Errors
    /// Where it is not the committed entry that was due, or the answer is not what others gave.
    pub fn applied(
        &mut self,
        node: u64,
        entry: EntryRef<'_>,
        answer: u64,
        logs: &Logs,
    ) -> Result<(), Violation> {
        let replica = &mut self.replicas[node as usize];
        let found = entry.log_id;
        let slot = Slot::after(replica.chain, found.term, entry.payload);
        let due = replica.index + 1;
        let committed = logs.committed(due);
        if found.index != due || committed != Some(slot) {
            let expected = match committed {
                Some(slot) => format!("{:?}", LogId::new(slot.term, due)),
                None => format!("{due}, which is not committed,"),
            };
            return Err(Violation::AppliedOther { node, found, expected });
        }
        let answers = mix(replica.answers, answer);
        *replica = Replica { index: due, chain: slot.chain, answers };
        compare(&mut self.answers, node, due, answers)
    }

    /// A node's state machine has this fingerprint at what it has applied.
    ///
    /// # Errors
    /// Where another's was another at the same index.
    pub fn fingerprint(&mut self, node: u64, fingerprint: u64) -> Result<(), Violation> {
        let index = self.replicas[node as usize].index;
        if index == 0 {
            return Ok(());
        }
        compare(&mut self.fingerprints, node, index, fingerprint.max(1))
    }
}

fn compare(known: &mut Vec<u64>, node: u64, index: Index, found: u64) -> Result<(), Violation> {
    let at = (index - 1) as usize;
    if known.len() <= at {
        known.resize(at + 1, 0);
    }
    if known[at] == 0 {
        known[at] = found;
    }
    if known[at] == found {
        return Ok(());
    }
    Err(Violation::MachinesDiffer { node, index, found, other: known[at] })
}
