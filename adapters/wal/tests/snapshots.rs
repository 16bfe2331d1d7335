//! Snapshot files through crashes and rot; and that memory holds no log.

mod disk;

use disk::{
    faulty::{Fault, FaultyDisk},
    *,
};
use quorate_core::{LogId, Write};
use quorate_driver::{LogStore, SnapshotId, StoreError};
use quorate_wal::{DirectoryDisk, Wal, WalError, check};

/// The test history, and a write that names the snapshot of everything through `index`.
fn with_snapshot(index: u64) -> Vec<Vec<Write>> {
    let mut batches = history();
    let mut named = write(9, 4, 12, &[]);
    named.snapshot = Some(snapshot(3, index));
    named.discard_through = index;
    batches.push(vec![named]);
    batches
}

fn snapshot_file(files: &Files) -> String {
    let mut names = files.keys().filter(|name| name.ends_with(".snap"));
    let name = names.next().expect("a snapshot").clone();
    assert_eq!(names.next(), None);
    name
}

#[test]
fn a_named_snapshot_that_is_missing_or_not_what_it_says_is_refused() {
    let files = written(&with_snapshot(8)).files();
    let name = snapshot_file(&files);
    let refused = |files: Files, what: &str| match open(&MemoryDisk::with(files)).map(drop) {
        Err(WalError::Snapshot { file, .. }) => assert_eq!(file, name, "{what}"),
        other => panic!("{what}: {other:?}"),
    };
    let mut gone = files.clone();
    gone.remove(&name);
    refused(gone, "missing");
    let sound = files[&name].clone();
    for len in [0, 47, 48, sound.len() - 1] {
        let mut cut = files.clone();
        cut.insert(name.clone(), sound[..len].to_vec());
        refused(cut, &format!("cut at {len}"));
    }
    for bit in 0..48 * 8 {
        let mut rotten = sound.clone();
        rotten[bit / 8] ^= 1 << (bit % 8);
        let mut damaged = files.clone();
        damaged.insert(name.clone(), rotten);
        refused(damaged, &format!("bit {bit} of the header"));
    }
}

#[test]
fn rot_in_a_snapshots_bytes_is_seen_by_whoever_reads_all_of_it() {
    let files = written(&with_snapshot(8)).files();
    let name = snapshot_file(&files);
    for byte in [48, 60, files[&name].len() - 1] {
        let mut damaged = files.clone();
        damaged.get_mut(&name).expect("a file")[byte] ^= 0x20;
        let disk = MemoryDisk::with(damaged);
        assert!(matches!(check(&disk), Err(WalError::Snapshot { .. })), "byte {byte}");
        let (mut wal, _) = open(&disk).expect("its bytes are looked at when they are needed");
        let id = wal.snapshot_find(LogId::new(3, 8)).expect("it is there");
        let bytes = wal.snapshot_read(id, 0, u64::MAX).expect("it can be read");
        assert!(matches!(id.check(&bytes), Err(StoreError::BadSnapshot { .. })));
    }
    let summary = check(&MemoryDisk::with(files)).expect("sound").expect("a log");
    assert_eq!(summary.snapshot.map(|id| id.last), Some(LogId::new(3, 8)));
    assert_eq!((summary.first_index, summary.last), (9, LogId::new(4, 11)));
}

#[test]
fn what_was_not_finished_in_a_life_is_begun_anew_in_the_next() {
    let disk = written(&history());
    let (mut wal, _) = open(&disk).expect("opens");
    let last = LogId::new(4, 11);
    let bytes = snapshot_bytes(last);
    let id = SnapshotId::of(last, &bytes);
    assert_eq!(wal.snapshot_begin(id), Ok(0));
    wal.snapshot_write(id, 0, &bytes[..100]).expect("writes");
    assert_eq!(wal.snapshot_begin(id), Ok(100));
    drop(wal);
    let (mut wal, _) = open(&disk).expect("opens");
    assert!(!disk.files().keys().any(|name| name.ends_with(".part")), "it is removed");
    assert_eq!(wal.snapshot_begin(id), Ok(0), "no bytes of another life are trusted");
}

#[test]
fn after_a_power_loss_at_any_moment_a_snapshot_that_was_finished_is_whole() {
    let last = LogId::new(4, 11);
    let bytes = snapshot_bytes(last);
    for fuse in 0.. {
        let disk = written(&history());
        let (mut wal, _) = open(&disk).expect("opens");
        disk.fail_after(fuse);
        let named = Write { snapshot: Some(snapshot(4, 11)), ..write(9, 4, 12, &[]) };
        let finished = keep_snapshot(&mut wal, &named).is_ok();
        let is_named = finished && wal.write(std::slice::from_ref(&named)).is_ok();
        let after = MemoryDisk::with(disk.durable());
        let (mut wal, recovered) = open(&after).expect("opens");
        let found = wal.snapshot_find(last).ok();
        assert!(found.is_some() || !finished, "fuse {fuse}: it was reported finished");
        if let Some(id) = found {
            let read = wal.snapshot_read(id, 0, u64::MAX).expect("it can be read");
            assert_eq!(read, bytes, "fuse {fuse}");
        }
        let held = held(&mut wal, &recovered).expect("a log");
        assert!(held.found.snapshot.is_some() || !is_named, "fuse {fuse}");
        if is_named {
            return;
        }
    }
}

#[test]
fn after_a_failed_write_or_sync_nothing_of_the_snapshot_is_trusted() {
    let last = LogId::new(1, 1);
    let bytes = snapshot_bytes(last);
    let id = SnapshotId::of(last, &bytes);
    for (seed, at) in (0..40).flat_map(|seed| [0, 1].map(|at| (seed, at))) {
        let disk = FaultyDisk::new(seed);
        let (mut wal, _) = Wal::open(disk.clone(), SMALL).expect("opens");
        wal.write(&[write(1, 1, 1, &[10])]).expect("writes");
        wal.snapshot_begin(id).expect("begins");
        disk.arm(at, Fault::Fail);
        let written = wal.snapshot_write(id, 0, &bytes);
        let finished = written.and_then(|()| wal.snapshot_finish(id));
        assert!(matches!(finished, Err(StoreError::Io(_))), "{finished:?}");
        assert_eq!(wal.snapshot_find(last), Err(StoreError::NoSnapshot(last)));
        assert_eq!(wal.snapshot_begin(id), Ok(0), "seed {seed}, {at}");
        wal.snapshot_write(id, 0, &bytes).expect("writes");
        wal.snapshot_finish(id).expect("finishes");
        disk.lose_power();
        let (mut wal, _) = Wal::open(disk, SMALL).expect("opens");
        assert_eq!(wal.snapshot_read(id, 0, u64::MAX).as_deref(), Ok(&bytes[..]));
    }
}

#[test]
fn after_a_sync_on_the_way_has_failed_all_of_it_is_written_again() {
    let disk = FaultyDisk::new(1);
    let (mut wal, _) = Wal::open(disk.clone(), SMALL).expect("opens");
    let bytes = vec![7; 9 << 20];
    let id = SnapshotId::of(LogId::new(1, 1), &bytes);
    wal.snapshot_begin(id).expect("begins");
    wal.snapshot_write(id, 0, &bytes[..5 << 20]).expect("writes");
    // The write passes; the sync that is due by now fails, and takes the rest for clean.
    disk.arm(1, Fault::Fail);
    let failed = wal.snapshot_write(id, 5 << 20, &bytes[5 << 20..]);
    assert!(matches!(failed, Err(StoreError::Io(_))), "{failed:?}");
    assert_eq!(wal.snapshot_begin(id), Ok(0));
}

#[test]
fn a_damaged_log_is_set_aside_with_its_snapshots() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = DirectoryDisk::open(folder.path()).expect("opens");
    let (mut wal, _) = Wal::open(disk, SMALL).expect("opens");
    for batch in with_snapshot(8) {
        batch.iter().for_each(|write| keep_snapshot(&mut wal, write).expect("keeps"));
        wal.write(&batch).expect("writes");
    }
    drop(wal);
    let disk = DirectoryDisk::open_existing(folder.path()).expect("opens");
    let backup = disk.set_aside().expect("moves");
    let names = |path: &std::path::Path| -> Vec<String> {
        let entries = std::fs::read_dir(path).expect("reads");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names.map(|name| name.to_string_lossy().into_owned()).collect()
    };
    assert!(names(&backup).iter().any(|name| name.ends_with(".snap")));
    assert!(!names(folder.path()).iter().any(|name| name.ends_with(".snap")));
}
