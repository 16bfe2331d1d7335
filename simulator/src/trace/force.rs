//! Which faults are in force, so that what they do can be laid to them.

use quorate_core::Nanos;

use super::record::{Fate, RecordId};
use crate::{
    network::Blocked,
    plan::{Fault, Wire},
};

/// A fault that struck.
#[derive(Clone, Debug)]
pub(super) struct Force {
    pub(super) record: RecordId,
    pub(super) planned: usize,
    pub(super) text: String,
    pub(super) fault: Fault,
    pub(super) nodes: Vec<u64>,
    pub(super) blocked: Option<Blocked>,
    pub(super) until: Nanos,
}

impl Force {
    fn is_at(&self, node: u64) -> bool {
        self.nodes.contains(&node)
    }
}

/// The faults in force. Those of a crash are over at once.
#[derive(Clone, Debug, Default)]
pub(super) struct Forces {
    all: Vec<Force>,
}

/// The links, from and to, that a partition blocks.
pub(super) fn links(blocked: &Blocked) -> Vec<(u64, u64)> {
    let all = 0..blocked.len() as u64;
    let to = |from: u64| all.clone().filter(move |to| blocked[from as usize] >> to & 1 == 1);
    all.clone().flat_map(|from| to(from).map(move |to| (from, to))).collect()
}

impl Forces {
    pub(super) fn begin(&mut self, force: Force) {
        self.all.push(force);
    }

    /// A fault that struck with this record ends.
    pub(super) fn end(&mut self, record: RecordId) -> Option<(usize, String)> {
        let at = self.all.iter().position(|force| force.record == record)?;
        let force = self.all.swap_remove(at);
        Some((force.planned, force.text))
    }

    fn which(&self, is_it: impl Fn(&Force) -> bool) -> Vec<RecordId> {
        self.all.iter().filter(|force| is_it(force)).map(|force| force.record).collect()
    }

    /// What keeps a process from going on.
    pub(super) fn pausing(&self, node: u64, now: Nanos) -> Vec<RecordId> {
        self.which(|force| force.fault == Fault::Pause && force.until > now && force.is_at(node))
    }

    /// What has to do with the fate of a message.
    pub(super) fn on_link(&self, (from, to): (u64, u64), fate: Fate) -> Vec<RecordId> {
        let covers =
            |force: &Force| force.blocked.is_some_and(|rows| rows[from as usize] >> to & 1 == 1);
        self.which(|force| {
            let is_near = force.is_at(from) || force.is_at(to);
            match fate {
                Fate::Blocked => covers(force),
                Fate::Lost => {
                    is_near && matches!(force.fault, Fault::Lossy { .. } | Fault::Wire(_))
                }
                Fate::Sent => {
                    is_near
                        && matches!(
                            force.fault,
                            Fault::Slow { .. } | Fault::Wire(Wire::Hold { .. } | Wire::Lag { .. })
                        )
                }
            }
        })
    }

    /// What may have held up a write, or made it fail: the newest.
    pub(super) fn on_disk(&self, node: u64) -> Vec<RecordId> {
        let is_it = |fault: &Fault| matches!(fault, Fault::StallDisk | Fault::FailDisk { .. });
        self.newest(|force| is_it(&force.fault) && force.is_at(node))
    }

    /// What made a clock wrong: the newest.
    pub(super) fn on_clock(&self, node: u64) -> Vec<RecordId> {
        let is_it = |fault: &Fault| {
            matches!(fault, Fault::Drift { .. } | Fault::Jump { .. } | Fault::FreezeClock)
        };
        self.newest(|force| is_it(&force.fault) && force.is_at(node))
    }

    fn newest(&self, is_it: impl Fn(&Force) -> bool) -> Vec<RecordId> {
        self.which(is_it).into_iter().max().into_iter().collect()
    }
}
