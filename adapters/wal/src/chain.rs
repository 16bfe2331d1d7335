//! The segments that a log still needs, and what replaying them builds up. One segment at a time is
//! in memory.

use quorate_driver::StoreError;

use crate::{
    Disk, WalError, WalOptions,
    batch::decode_batch,
    checkpoint::Checkpoint,
    places::Places,
    replay::State,
    scan::{Batch, Head, Reach, Segment, read_head, read_segment},
    segment::segment_name,
};

/// The heads of the needed segments, oldest first. Never empty.
pub(crate) struct Chain {
    heads: Vec<Head>,
}

impl Chain {
    /// The first and the last segment.
    pub(crate) fn ends(&self) -> (u64, u64) {
        let ends = self.heads.first().zip(self.heads.last());
        ends.map_or((0, 0), |(first, last)| (first.id, last.id))
    }
}

/// What replaying segments builds up.
#[derive(Default)]
pub(crate) struct Replay {
    pub(crate) state: State,
    pub(crate) places: Places,
}

/// A replayed log.
pub(crate) struct Replayed {
    pub(crate) replay: Replay,
    pub(crate) newest: Newest,
    /// The last batch, where it was asked to be set aside.
    pub(crate) last: Option<Batch>,
}

/// The newest segment.
pub(crate) struct Newest {
    pub(crate) id: u64,
    pub(crate) checkpoint: Checkpoint,
    /// The number of the checkpoint's record.
    pub(crate) number: u64,
    /// How many batches it has, without one that was set aside.
    pub(crate) count: u64,
    /// Behind the last of them.
    pub(crate) end: u64,
    pub(crate) is_torn: bool,
}

/// Reads the head of the newest segment, then of those before it that it still needs; all of them
/// `owner`'s, where one is named.
pub(crate) fn read_chain<D: Disk>(
    disk: &D,
    owner: Option<WalOptions>,
    newest: u64,
) -> Result<Chain, WalError> {
    let last = read_head(disk, &segment_name(newest), newest)?;
    let (group, node) = (last.checkpoint.group, last.checkpoint.node);
    let owner = owner.unwrap_or(WalOptions::new(group, node));
    check_owner(&last.checkpoint, owner)?;
    let oldest = last.checkpoint.oldest;
    let names = disk.list().map_err(WalError::io("list the directory"))?;
    let mut heads = vec![last];
    for id in (oldest..newest).rev() {
        let name = segment_name(id);
        if !names.contains(&name) {
            let what = "the file is missing".to_owned();
            return Err(WalError::Damaged { segment: id, offset: 0, what });
        }
        let head = read_head(disk, &name, id)?;
        check_owner(&head.checkpoint, owner)?;
        heads.push(head);
    }
    heads.reverse();
    Ok(Chain { heads })
}

fn check_owner(checkpoint: &Checkpoint, options: WalOptions) -> Result<(), WalError> {
    let owners = [
        ("group", checkpoint.group, options.group),
        ("node", checkpoint.node.get(), options.node.get()),
    ];
    match owners.into_iter().find(|(_, found, expected)| found != expected) {
        Some((what, found, expected)) => Err(WalError::Foreign { what, found, expected }),
        None => Ok(()),
    }
}

/// Reads and replays all segments, each up to where its successor says that it ends.
pub(crate) fn replay<D: Disk>(
    disk: &D,
    chain: &Chain,
    sets_aside: bool,
) -> Result<Replayed, WalError> {
    let mut replay = Replay::default();
    let mut place = 0;
    loop {
        let id = chain.heads[place].id;
        let next = chain.heads.get(place + 1);
        let reach = next.map_or(Reach::Unknown, |next| Reach::To(next.checkpoint.previous_end));
        let mut segment = read_segment(disk, &segment_name(id), id, reach)?;
        let number = segment.number + 1 + segment.batches.len() as u64;
        if next.is_some_and(|next| next.number != number) {
            let what = "its records are not those that its successor follows".to_owned();
            return Err(WalError::Damaged { segment: id, offset: segment.end, what });
        }
        let last = if next.is_none() && sets_aside { segment.batches.pop() } else { None };
        if let Some(batch) = &last {
            segment.end = batch.offset;
        }
        replay.segment(&segment, place == 0)?;
        if next.is_none() {
            let Segment { id, checkpoint, number, batches, end, is_torn } = segment;
            let count = batches.len() as u64;
            let newest = Newest { id, checkpoint, number, count, end, is_torn };
            return Ok(Replayed { replay, newest, last });
        }
        place += 1;
    }
}

impl Replay {
    fn segment(&mut self, segment: &Segment, is_first: bool) -> Result<(), WalError> {
        let state = &segment.checkpoint.state;
        if is_first {
            self.state = state.clone();
        } else if *state != self.state {
            let what = "its checkpoint is not the state that the segments before it leave";
            return Err(WalError::Damaged { segment: segment.id, offset: 0, what: what.into() });
        }
        segment.batches.iter().try_for_each(|batch| self.take(segment.id, batch))
    }

    pub(crate) fn take(&mut self, segment: u64, batch: &Batch) -> Result<(), WalError> {
        let damaged = |what: String| WalError::Damaged { segment, offset: batch.offset, what };
        let writes =
            decode_batch(batch.payload.clone()).map_err(|error| damaged(error.to_string()))?;
        let state = &mut self.state;
        let taken: Result<(), StoreError> = writes.iter().try_for_each(|write| state.take(write));
        taken.map_err(|error| damaged(error.to_string()))?;
        self.places.note(&writes, segment, batch.offset);
        Ok(())
    }

    /// Every entry that the log holds stands in a segment that is there.
    pub(crate) fn is_whole(&self, newest: u64) -> Result<(), WalError> {
        let (from, through) = (self.state.base() + 1, self.state.last().index);
        let Some(index) = self.places.missing(from, through) else { return Ok(()) };
        let what = format!("entry {index} of {from} to {through} is missing");
        Err(WalError::Damaged { segment: newest, offset: 0, what })
    }
}
