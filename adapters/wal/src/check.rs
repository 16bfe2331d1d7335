//! Looks at a log without changing it.

use quorate_core::{HardState, Index, LogId, NodeId};
use quorate_driver::SnapshotId;

use crate::{
    Disk, FORMAT, WalError,
    chain::{Replayed, read_chain, replay},
    open::refuse_set_aside,
    segment::segment_id,
    snapshots,
};

/// What a sound log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The format of its segments.
    pub format: u32,
    /// The group it belongs to.
    pub group: u64,
    /// The node it belongs to.
    pub node: NodeId,
    /// How often it was opened.
    pub incarnation: u64,
    /// The segments that are in use, the first and the last.
    pub segments: (u64, u64),
    /// The index of the first entry that is kept; one more than the last where there is none.
    pub first_index: Index,
    /// The last entry; the last that was discarded where there is none.
    pub last: LogId,
    /// Term and vote.
    pub hard_state: HardState,
    /// The newest snapshot, whose bytes are as they were written.
    pub snapshot: Option<SnapshotId>,
    /// Whether a batch at the end was cut short by a power loss: it was never acknowledged.
    pub is_torn: bool,
}

/// Reads the whole log; none where there is none.
///
/// # Errors
/// [`WalError`], as opening it would.
pub fn check<D: Disk>(disk: &D) -> Result<Option<Summary>, WalError> {
    let names = disk.list().map_err(WalError::io("list the directory"))?;
    refuse_set_aside(&names)?;
    let Some(newest) = names.iter().filter_map(|name| segment_id(name)).max() else {
        return Ok(None);
    };
    let chain = read_chain(disk, None, newest)?;
    let Replayed { replay, newest, .. } = replay(disk, &chain, false)?;
    replay.is_whole(newest.id)?;
    let (group, state) = (newest.checkpoint.group, replay.state);
    let snapshot = state.snapshot();
    let snapshot = snapshot.map(|last| snapshots::check(disk, group, last, true)).transpose()?;
    Ok(Some(Summary {
        format: FORMAT,
        group,
        node: newest.checkpoint.node,
        incarnation: newest.checkpoint.incarnation,
        segments: chain.ends(),
        first_index: state.base() + 1,
        last: state.last(),
        hard_state: state.found().map_or(HardState::default(), |found| found.hard_state),
        snapshot,
        is_torn: newest.is_torn,
    }))
}
