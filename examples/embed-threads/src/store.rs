//! The log on the disk: one file of records, one for the number of lives, one for each snapshot.
//!
//! Left out for brevity: a torn end is not told from rot (`quorate-wal` does), and the space that is
//! left is not watched (`Input::Space`).

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{self, ErrorKind, Read, Seek, SeekFrom, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use quorate_core::{
    Entries, HardState, Index, LogFound, LogId, LogSummary, Persisted, SnapshotMeta, Write,
};

use crate::record::{self, HEAD_BYTES, Record};

pub(crate) struct Store {
    folder: PathBuf,
    file: File,
    /// Where the next record begins.
    end: u64,
    incarnation: u64,
    hard_state: HardState,
    snapshot: Option<Arc<SnapshotMeta>>,
    summary: LogSummary,
    /// Where the record lies that holds the entries from this index on.
    places: BTreeMap<Index, u64>,
    /// Whether a write let entries go since the file was last rewritten.
    has_garbage: bool,
}

impl Store {
    pub(crate) fn open(folder: &Path) -> io::Result<Store> {
        fs::create_dir_all(folder)?;
        let incarnation = raise_incarnation(folder)?;
        let mut file = open_log(&folder.join("log"))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut store = Store {
            folder: folder.to_owned(),
            file,
            end: 0,
            incarnation,
            hard_state: HardState::default(),
            snapshot: None,
            summary: LogSummary::default(),
            places: BTreeMap::new(),
            has_garbage: false,
        };
        while let Some((record, length)) = record::decode(&bytes[store.end as usize..]) {
            store.take(&record, length as u64);
        }
        // What was read may be in the page cache only: the core is about to build on it.
        store.file.set_len(store.end)?;
        store.file.sync_all()?;
        sync_folder(folder)?;
        store.remove_old_snapshots()?;
        Ok(store)
    }

    /// What a new life starts from; none where nothing was ever stored.
    pub(crate) fn persisted(&self) -> Option<Persisted> {
        (self.end > 0).then(|| Persisted::Loaded {
            incarnation: self.incarnation,
            hard_state: self.hard_state,
            snapshot: self.snapshot.clone(),
            log: self.summary.clone(),
            // The map lives in memory: the core hands out the snapshot, and then the log, again.
            applied: 0,
        })
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Appends a write to the file. Not yet durable: see [`Store::commit`].
    pub(crate) fn append(&mut self, write: Write) -> io::Result<()> {
        let discard_through = self.name_discarded(&write);
        self.append_record(&Record {
            hard_state: write.hard_state,
            truncate_from: write.truncate_from,
            entries: write.entries,
            snapshot: write.snapshot,
            discard_through,
        })
    }

    /// A log that begins behind an entry must know that entry's term.
    fn name_discarded(&self, write: &Write) -> LogId {
        let index = write.discard_through;
        let in_entries = write.entries.iter().find(|entry| entry.log_id.index == index);
        let in_snapshot = write.snapshot.as_ref().map(|meta| meta.last);
        let in_log = self.summary.term_at(index).filter(|_| index < write.truncate_from);
        in_entries
            .map(|entry| entry.log_id)
            .or(in_log.map(|term| LogId::new(term, index)))
            .or(in_snapshot.filter(|last| last.index == index))
            .unwrap_or_default()
    }

    fn append_record(&mut self, record: &Record) -> io::Result<()> {
        let bytes = record::encode(record);
        self.file.seek(SeekFrom::Start(self.end))?;
        self.file.write_all(&bytes)?;
        self.take(record, bytes.len() as u64);
        Ok(())
    }

    /// What the record of `length` bytes at the end of the file means. The order is the contract of
    /// `Write`: truncate, append, discard.
    fn take(&mut self, record: &Record, length: u64) {
        self.hard_state = record.hard_state;
        self.places.split_off(&record.truncate_from);
        self.summary.truncate_from(record.truncate_from);
        if let Some(first) = record.entries.first() {
            self.places.insert(first.index, self.end);
            self.summary.extend(&record.entries);
        }
        if record.discard_through.index > self.summary.base().index {
            self.summary.discard_through(record.discard_through);
            self.has_garbage = true;
        }
        if record.snapshot.is_some() {
            self.snapshot.clone_from(&record.snapshot);
        }
        self.end += length;
    }

    /// Makes everything appended so far durable: one sync for all of it.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        if self.has_garbage {
            self.rewrite()?;
            return self.remove_old_snapshots();
        }
        self.file.sync_data()
    }

    /// The file without what was let go, under a new name until it is durable.
    fn rewrite(&mut self) -> io::Result<()> {
        let kept = self.read(self.summary.base().index + 1, Index::MAX, u64::MAX)?;
        let entries = match kept {
            LogFound::Entries(entries) => entries,
            LogFound::Compacted | LogFound::Missing => Entries::new(),
        };
        let (hard_state, base) = (self.hard_state, self.summary.base());
        let snapshot = self.snapshot.clone();
        let head = Record { hard_state, snapshot, discard_through: base, ..Record::default() };
        let truncate_from = base.index + 1;
        let tail = Record { hard_state, truncate_from, entries, ..Record::default() };
        let (new, old) = (self.folder.join("log.new"), self.folder.join("log"));
        fs::write(&new, [])?;
        (self.file, self.end) = (open_log(&new)?, 0);
        (self.summary, self.places) = (LogSummary::default(), BTreeMap::new());
        self.append_record(&head)?;
        self.append_record(&tail)?;
        self.has_garbage = false;
        self.file.sync_all()?;
        fs::rename(new, old)?;
        sync_folder(&self.folder)
    }

    /// Entries from `from` through `through`, the first at least.
    pub(crate) fn read(
        &mut self,
        from: Index,
        through: Index,
        max_bytes: u64,
    ) -> io::Result<LogFound> {
        if from <= self.summary.base().index {
            return Ok(LogFound::Compacted);
        }
        let end = through.min(self.summary.last().index).saturating_add(1);
        let (mut found, mut next) = (Entries::new(), from);
        while next < end && found.cost() < max_bytes {
            let Some((_, place)) = self.places.range(..=next).next_back() else { break };
            let behind = self.places.range(next + 1..).next().map_or(end, |(first, _)| *first);
            let record = self.record_at(*place)?;
            let part = record.entries.starting_at(next).ending_before(behind.min(end));
            let Some(last) = part.last() else { break };
            found.extend(part).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
            next = last.index + 1;
        }
        let is_there = !found.is_empty();
        Ok(if is_there { LogFound::Entries(found.capped(max_bytes)) } else { LogFound::Missing })
    }

    fn record_at(&mut self, place: u64) -> io::Result<Record> {
        self.file.seek(SeekFrom::Start(place))?;
        let mut bytes = vec![0; HEAD_BYTES];
        self.file.read_exact(&mut bytes)?;
        let length = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        (&mut self.file).take(length.into()).read_to_end(&mut bytes)?;
        let record = record::decode(&bytes).map(|(record, _)| record);
        record.ok_or_else(|| io::Error::new(ErrorKind::InvalidData, "a rotten record"))
    }

    fn snapshot_path(&self, index: Index) -> PathBuf {
        self.folder.join(format!("snapshot-{index}"))
    }

    /// Makes a snapshot durable under its final name. Whoever takes or receives one at the same
    /// index gets the same bytes: that is what a state machine is.
    pub(crate) fn save_snapshot(&self, index: Index, bytes: &[u8]) -> io::Result<()> {
        replace(&self.folder, &format!("snapshot-{index}"), bytes)
    }

    pub(crate) fn load_snapshot(&self, index: Index) -> io::Result<Vec<u8>> {
        fs::read(self.snapshot_path(index))
    }

    /// Removes snapshots that a newer one, named in the durable log, has replaced. One that came in
    /// and was discarded goes with them.
    fn remove_old_snapshots(&self) -> io::Result<()> {
        let newest = self.snapshot.as_ref().map_or(0, |meta| meta.last.index);
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let index = name.strip_prefix("snapshot-").and_then(|index| index.parse().ok());
            if index.is_some_and(|index: Index| index < newest) {
                fs::remove_file(self.folder.join(name))?;
            }
        }
        Ok(())
    }
}

fn open_log(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Which life of the node this is: raised durably before anything is done in it.
fn raise_incarnation(folder: &Path) -> io::Result<u64> {
    let lives = match fs::read_to_string(folder.join("lives")) {
        Ok(text) => text.trim().parse().map_err(|_| ErrorKind::InvalidData)?,
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    replace(folder, "lives", format!("{}\n", lives + 1).as_bytes())?;
    Ok(lives + 1)
}

/// Writes a file as a whole: after a crash it holds the old bytes or the new ones.
fn replace(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let new = folder.join(format!("{name}.new"));
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(new, folder.join(name))?;
    sync_folder(folder)
}

/// A new name is durable once its folder is.
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use quorate_core::{Configuration, NodeId, Token, commands};

    use super::*;

    /// A folder of this test's own, gone with it.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Folder {
            let name = format!("quorate-{name}-{}", std::process::id());
            Folder(std::env::temp_dir().join(name))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn write(number: u64, term: u64, from: Index, count: u64) -> Write {
        let list = commands((0..count).map(|n| format!("{term}-{n}")));
        Write {
            seq: Token { incarnation: 1, number },
            hard_state: HardState { term, voted_for: None, promise: 5 },
            truncate_from: from,
            entries: Entries::from_payloads(LogId::new(term, from), list).expect("entries"),
            snapshot: None,
            discard_through: 0,
        }
    }

    fn names(store: &mut Store, from: Index) -> Vec<LogId> {
        match store.read(from, Index::MAX, u64::MAX).expect("it reads") {
            LogFound::Entries(entries) => entries.iter().map(|entry| entry.log_id).collect(),
            LogFound::Compacted | LogFound::Missing => Vec::new(),
        }
    }

    #[test]
    fn a_store_finds_what_it_was_told_was_durable() {
        let folder = Folder::new("finds");
        let mut store = Store::open(&folder.0).expect("it opens");
        assert_eq!((store.incarnation(), store.persisted()), (1, None));
        for write in [write(1, 1, 1, 5), write(2, 2, 4, 3), write(3, 3, 7, 2)] {
            store.append(write).expect("it writes");
        }
        store.commit().expect("it syncs");
        let expected: Vec<LogId> = [1, 1, 1, 2, 2, 2, 3, 3]
            .into_iter()
            .zip(1..)
            .map(|(term, index)| LogId::new(term, index))
            .collect();
        assert_eq!(names(&mut store, 1), expected);

        let meta = SnapshotMeta {
            last: expected[5],
            configuration: Arc::new(Configuration::new([NodeId::of(1)])),
        };
        let snapshot = Some(Arc::new(meta));
        let none = Write { entries: Entries::new(), ..write(4, 3, 9, 1) };
        store.append(Write { snapshot, discard_through: 4, ..none }).expect("it writes");
        store.commit().expect("it syncs");
        assert_eq!(store.read(4, 9, 9).expect("it reads"), LogFound::Compacted);
        let before = (store.summary.clone(), store.snapshot.clone(), store.hard_state);
        assert_eq!(names(&mut store, 5), expected[4..]);

        let mut again = Store::open(&folder.0).expect("it opens again");
        assert_eq!(again.incarnation(), 2);
        assert_eq!((again.summary.clone(), again.snapshot.clone(), again.hard_state), before);
        assert_eq!(names(&mut again, 6), expected[5..]);
    }

    #[test]
    fn what_was_truncated_does_not_come_back() {
        let folder = Folder::new("truncated");
        let mut store = Store::open(&folder.0).expect("it opens");
        for write in [write(1, 1, 1, 5), write(2, 1, 6, 5), write(3, 2, 3, 5)] {
            store.append(write).expect("it writes");
        }
        store.commit().expect("it syncs");
        let terms = |names: Vec<LogId>| names.iter().map(|name| name.term).collect::<Vec<_>>();
        assert_eq!(terms(names(&mut store, 1)), [1, 1, 2, 2, 2, 2, 2]);
        let mut again = Store::open(&folder.0).expect("it opens again");
        assert_eq!(terms(names(&mut again, 1)), [1, 1, 2, 2, 2, 2, 2]);
    }

    #[test]
    fn a_snapshot_may_take_the_place_of_the_whole_log() {
        let folder = Folder::new("replaced");
        let mut store = Store::open(&folder.0).expect("it opens");
        store.append(write(1, 1, 1, 3)).expect("it writes");
        let last = LogId::new(4, 90);
        let configuration = Arc::new(Configuration::new([NodeId::of(1)]));
        let none = Write { entries: Entries::new(), ..write(2, 4, 1, 1) };
        let snapshot = Some(Arc::new(SnapshotMeta { last, configuration }));
        store.append(Write { snapshot, discard_through: 90, ..none }).expect("it writes");
        store.commit().expect("it syncs");
        store.append(write(3, 4, 91, 2)).expect("it writes");
        store.commit().expect("it syncs");
        let mut again = Store::open(&folder.0).expect("it opens again");
        assert_eq!((again.summary.base(), again.summary.last()), (last, LogId::new(4, 92)));
        assert_eq!(names(&mut again, 91), [LogId::new(4, 91), LogId::new(4, 92)]);
    }

    #[test]
    fn a_torn_end_was_never_reported_durable_and_goes() {
        let folder = Folder::new("torn");
        let mut store = Store::open(&folder.0).expect("it opens");
        store.append(write(1, 1, 1, 3)).expect("it writes");
        store.commit().expect("it syncs");
        let whole = store.end;
        store.append(write(2, 1, 4, 3)).expect("it writes");
        store.file.set_len(store.end - 3).expect("the end is torn off");
        let mut again = Store::open(&folder.0).expect("it opens again");
        assert_eq!(again.end, whole);
        assert_eq!(names(&mut again, 1).len(), 3);
    }
}
