//! A placeholder until the role handlers land.
use alloc::sync::Arc;
use alloc::vec::Vec;
use crate::*;
/// x
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raft {}
impl Raft {
    /// x
    pub fn restore(_c: impl Into<Arc<Config>>, _p: Persisted, _now: Timestamp) -> Result<Raft, RestoreError> { Ok(Raft{}) }
    /// x
    pub fn step_into(&mut self, _e: Event, _a: &mut Vec<Action>) {}
    /// x
    pub fn deadline(&self) -> Option<Timestamp> { None }
}
