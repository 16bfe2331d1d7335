//! Opening: finds out what earlier lives wrote, and makes durable what it returns.

use quorate_core::Entries;
use quorate_driver::Recovered;

use crate::{
    Disk, DiskFile, Wal, WalCounters, WalError, WalOptions,
    batch::decode_batch,
    checkpoint::Checkpoint,
    directory::SET_ASIDE,
    places::Places,
    replay::{State, splice},
    scan::{Batch, Reach, Segment, read_segment},
    segment::{create_segment, remove_unfinished, segment_id, segment_name},
};

pub(crate) fn open<D: Disk>(disk: D, options: WalOptions) -> Result<(Wal<D>, Recovered), WalError> {
    let mut options = options;
    options.segment_bytes = options.segment_bytes.max(WalOptions::SEGMENT_BYTES_MIN);
    let names = disk.list().map_err(WalError::io("list the directory"))?;
    refuse_set_aside(&names)?;
    remove_unfinished(&disk)?;
    let newest = names.iter().filter_map(|name| segment_id(name)).max();
    match newest {
        None => begin(disk, options),
        Some(newest) => recover(disk, options, newest, &names),
    }
}

/// A node whose log is gone must not begin another under its old name: it would vote twice.
pub(crate) fn refuse_set_aside(names: &[String]) -> Result<(), WalError> {
    match names.iter().find(|name| name.starts_with(SET_ASIDE)) {
        Some(backup) => Err(WalError::SetAside { backup: backup.clone() }),
        None => Ok(()),
    }
}

/// Begins a log on an empty disk.
fn begin<D: Disk>(disk: D, options: WalOptions) -> Result<(Wal<D>, Recovered), WalError> {
    let state = State::new();
    let checkpoint = Checkpoint {
        group: options.group,
        node: options.node,
        incarnation: 1,
        file_bytes: options.segment_bytes,
        oldest: 1,
        previous_end: 0,
        state: state.to_checkpoint(),
    };
    let segment = create_segment(&disk, 1, 1, checkpoint, None)?;
    let wal = Wal {
        disk,
        options,
        incarnation: 1,
        segment,
        oldest: 1,
        state,
        places: Places::default(),
        buffer: Vec::new(),
        failed: false,
        counters: WalCounters::default(),
    };
    Ok((wal, Recovered { incarnation: 1, found: None }))
}

/// What replaying segments builds up.
pub(crate) struct Replay {
    pub(crate) state: State,
    pub(crate) entries: Entries,
    places: Places,
}

fn recover<D: Disk>(
    disk: D,
    options: WalOptions,
    newest: u64,
    names: &[String],
) -> Result<(Wal<D>, Recovered), WalError> {
    let mut segments = read_segments(&disk, Some(options), newest)?;
    let (counters, last) = set_last_aside(&mut segments);
    let mut replay = replay(&segments)?;
    let Some(newest) = segments.last() else { return begin(disk, options) };
    let incarnation = newest.checkpoint.incarnation + 1;
    let (id, number) = (newest.id + 1, newest.number + 1 + newest.batches.len() as u64);
    // What the next replay can do without: what is discarded by now.
    replay.places.discard_through(replay.state.discard_through());
    let oldest = replay.places.oldest_segment().unwrap_or(id);
    let checkpoint = Checkpoint {
        group: options.group,
        node: options.node,
        incarnation,
        file_bytes: options.segment_bytes,
        oldest,
        previous_end: newest.end,
        state: replay.state.to_checkpoint(),
    };
    // The last batch may never have been synced: it is written anew, and what came after it in its
    // old place is not part of the log any more.
    let payload = last.as_ref().map(|batch| &batch.payload[..]);
    let segment = create_segment(&disk, id, number, checkpoint, payload)?;
    if let Some(batch) = &last {
        let offset = segment.offset - crate::record::record_bytes(batch.payload.len());
        replay.take(id, &Batch { offset, payload: batch.payload.clone() })?;
    }
    let found = replay.state.found(&replay.entries).map_err(|what| WalError::Damaged {
        segment: id,
        offset: 0,
        what,
    })?;
    trim(&disk, newest)?;
    let first = names.iter().filter_map(|name| segment_id(name)).min().unwrap_or(oldest);
    let Replay { state, places, .. } = replay;
    let mut wal = Wal {
        disk,
        options,
        incarnation,
        segment,
        oldest: first,
        state,
        places,
        buffer: Vec::new(),
        failed: false,
        counters,
    };
    wal.remove_listed_before(oldest, names)?;
    Ok((wal, Recovered { incarnation, found }))
}

/// Reads the newest segment, then those before it that it still needs, each up to where its
/// successor says that it ends; all of them `owner`'s, where one is named.
pub(crate) fn read_segments<D: Disk>(
    disk: &D,
    owner: Option<WalOptions>,
    newest: u64,
) -> Result<Vec<Segment>, WalError> {
    let last = read_segment(disk, &segment_name(newest), newest, None, Reach::Unknown)?;
    let (group, node) = (last.checkpoint.group, last.checkpoint.node);
    let owner = owner.unwrap_or(WalOptions::new(group, node));
    check_owner(&last.checkpoint, owner)?;
    let oldest = last.checkpoint.oldest;
    let mut segments = vec![last];
    for id in (oldest..newest).rev() {
        let Some(next) = segments.last() else { break };
        let (number, reach) = (next.number, Reach::To(next.checkpoint.previous_end));
        let name = segment_name(id);
        let names = disk.list().map_err(WalError::io("list the directory"))?;
        if !names.contains(&name) {
            let what = "the file is missing".to_owned();
            return Err(WalError::Damaged { segment: id, offset: 0, what });
        }
        let segment = read_segment(disk, &name, id, None, reach)?;
        check_owner(&segment.checkpoint, owner)?;
        if segment.number + 1 + segment.batches.len() as u64 != number {
            let what = "its records are not those that its successor follows".to_owned();
            return Err(WalError::Damaged { segment: id, offset: segment.end, what });
        }
        segments.push(segment);
    }
    segments.reverse();
    Ok(segments)
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

/// Takes out the newest segment's last batch, the only one that nothing proves to be synced.
fn set_last_aside(segments: &mut [Segment]) -> (WalCounters, Option<Batch>) {
    let Some(newest) = segments.last_mut() else { return (WalCounters::default(), None) };
    let last = newest.batches.pop();
    if let Some(batch) = &last {
        newest.end = batch.offset;
    }
    let counters =
        WalCounters { torn: newest.is_torn, rewritten: last.is_some(), ..WalCounters::default() };
    (counters, last)
}

pub(crate) fn replay(segments: &[Segment]) -> Result<Replay, WalError> {
    let mut replay =
        Replay { state: State::new(), entries: Entries::new(), places: Places::default() };
    for (segment, place) in segments.iter().zip(0..) {
        let state = State::from_checkpoint(&segment.checkpoint.state);
        if place > 0 && state.to_checkpoint() != replay.state.to_checkpoint() {
            let what = "its checkpoint is not the state that the segments before it leave";
            return Err(WalError::Damaged { segment: segment.id, offset: 0, what: what.into() });
        }
        replay.state = state;
        for batch in &segment.batches {
            replay.take(segment.id, batch)?;
        }
    }
    Ok(replay)
}

impl Replay {
    fn take(&mut self, segment: u64, batch: &Batch) -> Result<(), WalError> {
        let damaged = |what: String| WalError::Damaged { segment, offset: batch.offset, what };
        let writes =
            decode_batch(batch.payload.clone()).map_err(|error| damaged(error.to_string()))?;
        for write in &writes {
            self.state.take(write).map_err(damaged)?;
            splice(&mut self.entries, write).map_err(damaged)?;
        }
        self.places.note(&writes, segment, batch.offset);
        Ok(())
    }
}

/// Gives back what the old newest segment does not use: its successor says where it ends.
fn trim<D: Disk>(disk: &D, segment: &Segment) -> Result<(), WalError> {
    let name = segment_name(segment.id);
    let mut file = disk.open(&name).map_err(WalError::io(format!("open {name}")))?;
    file.trim(segment.end).map_err(WalError::io(format!("trim {name}")))
}

impl<D: Disk> Wal<D> {
    /// Removes what is there of the segments before `oldest`: a crash may have removed some.
    fn remove_listed_before(&mut self, oldest: u64, names: &[String]) -> Result<(), WalError> {
        let gone = names.iter().filter(|name| segment_id(name).is_some_and(|id| id < oldest));
        let mut removed = 0;
        for name in gone {
            self.disk.remove(name).map_err(WalError::io(format!("remove {name}")))?;
            removed += 1;
        }
        if removed > 0 {
            self.disk.sync_dir().map_err(WalError::io("sync the directory"))?;
        }
        self.counters.removed += removed;
        self.oldest = self.oldest.max(oldest);
        Ok(())
    }
}
