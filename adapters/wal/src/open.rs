//! Opening: finds out what earlier lives wrote, and makes durable what it returns.

use quorate_driver::Recovered;

use crate::{
    Disk, DiskFile, Wal, WalCounters, WalError, WalOptions,
    chain::{Chain, read_chain, replay},
    checkpoint::Checkpoint,
    directory::SET_ASIDE,
    places::Places,
    replay::State,
    scan::Batch,
    segment::{create_segment, remove_unfinished, segment_id, segment_name},
    snapshots::Snapshots,
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
    let state = State::default();
    let checkpoint = Checkpoint {
        group: options.group,
        node: options.node,
        incarnation: 1,
        file_bytes: options.segment_bytes,
        oldest: 1,
        previous_end: 0,
        state: state.clone(),
    };
    let segment = create_segment(&disk, 1, 1, checkpoint, None, 0)?;
    let wal = Wal {
        disk,
        options,
        incarnation: 1,
        segment,
        oldest: 1,
        state,
        places: Places::default(),
        snapshots: Snapshots::new(options.group),
        buffer: Vec::new(),
        reading: None,
        kept: None,
        failed: false,
        counters: WalCounters::default(),
    };
    Ok((wal, Recovered { incarnation: 1, found: None }))
}

fn recover<D: Disk>(
    disk: D,
    options: WalOptions,
    newest: u64,
    names: &[String],
) -> Result<(Wal<D>, Recovered), WalError> {
    let chain: Chain = read_chain(&disk, Some(options), newest)?;
    // The last batch is the only one that nothing proves to be synced.
    let replayed = replay(&disk, &chain, true)?;
    let (mut replay, newest, last) = (replayed.replay, replayed.newest, replayed.last);
    let counters =
        WalCounters { torn: newest.is_torn, rewritten: last.is_some(), ..WalCounters::default() };
    let incarnation = newest.checkpoint.incarnation + 1;
    let (id, number) = (newest.id + 1, newest.number + 1 + newest.count);
    // What the next replay can do without: what is discarded by now.
    replay.places.discard_through(replay.state.base());
    let oldest = replay.places.oldest_segment().unwrap_or(id);
    let checkpoint = Checkpoint {
        group: options.group,
        node: options.node,
        incarnation,
        file_bytes: options.segment_bytes,
        oldest,
        previous_end: newest.end,
        state: replay.state.clone(),
    };
    // It is written anew, and what came after it in its old place is not part of the log any more.
    let payload = last.as_ref().map(|batch| &batch.payload[..]);
    let segment = create_segment(&disk, id, number, checkpoint, payload, 0)?;
    if let Some(batch) = &last {
        let offset = segment.offset - crate::record::record_bytes(batch.payload.len());
        replay.take(id, &Batch { offset, payload: batch.payload.clone() })?;
    }
    replay.is_whole(id)?;
    let snapshots = Snapshots::open(&disk, options.group, replay.state.snapshot(), names)?;
    trim(&disk, newest.id, newest.end)?;
    let first = names.iter().filter_map(|name| segment_id(name)).min().unwrap_or(oldest);
    let found = replay.state.found();
    let mut wal = Wal {
        disk,
        options,
        incarnation,
        segment,
        oldest: first,
        state: replay.state,
        places: replay.places,
        snapshots,
        buffer: Vec::new(),
        reading: None,
        kept: None,
        failed: false,
        counters,
    };
    wal.remove_listed_before(oldest, names)?;
    Ok((wal, Recovered { incarnation, found }))
}

/// Gives back what the old newest segment does not use: its successor says where it ends.
fn trim<D: Disk>(disk: &D, id: u64, end: u64) -> Result<(), WalError> {
    let name = segment_name(id);
    let mut file = disk.open(&name).map_err(WalError::io(format_args!("open {name}")))?;
    file.trim(end).map_err(WalError::io(format_args!("trim {name}")))
}

impl<D: Disk> Wal<D> {
    /// Removes what is there of the segments before `oldest`: a crash may have removed some.
    fn remove_listed_before(&mut self, oldest: u64, names: &[String]) -> Result<(), WalError> {
        let gone = names.iter().filter(|name| segment_id(name).is_some_and(|id| id < oldest));
        let mut removed = 0;
        for name in gone {
            self.disk.remove(name).map_err(WalError::io(format_args!("remove {name}")))?;
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
