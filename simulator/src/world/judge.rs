//! What the rules of single steps are told.

use quorate_core::Timestamp;

use super::World;
use crate::{
    oracle::{Violation, step::Heard},
    system::System,
};

impl<S: System> World<S> {
    /// A node took `heard` in when its clock showed `at`. To be said before anything else happens,
    /// for a fault that waits for this may move the clock, and make the node look at it.
    pub(super) fn judge(
        &mut self,
        number: u64,
        heard: Heard,
        at: Timestamp,
    ) -> Result<(), Violation> {
        let node = &self.nodes[number as usize];
        let Some(life) = &node.life else { return Ok(()) };
        let status = life.driver.raft().status();
        self.judged = Some(number);
        self.oracles.rules.step(number, &node.config, heard, at, &status)
    }
}
