//! Looks at a log without changing it.

use quorate_core::{HardState, Index, LogId, NodeId};

use crate::{
    Disk, FORMAT, WalError,
    open::{read_segments, refuse_set_aside, replay},
    segment::segment_id,
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
    let segments = read_segments(disk, None, newest)?;
    let replayed = replay(&segments)?;
    let damaged = |what| WalError::Damaged { segment: newest, offset: 0, what };
    let found = replayed.state.found(&replayed.entries).map_err(damaged)?;
    let (Some(oldest), Some(last)) = (segments.first(), segments.last()) else { return Ok(None) };
    let entries = found.as_ref().map(|found| &found.entries);
    let covered = found.as_ref().and_then(|found| found.snapshot.as_ref());
    let covered = covered.map_or(LogId::ZERO, |snapshot| snapshot.last);
    let (first, end) = entries.map_or((None, None), |all| (all.first(), all.last()));
    Ok(Some(Summary {
        format: FORMAT,
        group: last.checkpoint.group,
        node: last.checkpoint.node,
        incarnation: last.checkpoint.incarnation,
        segments: (oldest.id, last.id),
        first_index: first.map_or(replayed.state.next_index(), |first| first.index),
        last: end.unwrap_or(covered),
        hard_state: found.as_ref().map_or(HardState::default(), |found| found.hard_state),
        is_torn: last.is_torn,
    }))
}
