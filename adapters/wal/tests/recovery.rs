//! What a restart finds after crashes, tears and rot.

mod disk;

use disk::*;
use quorate_core::Write;
use quorate_driver::{LogStore, StoreError};
use quorate_wal::{
    DirectoryDisk, Disk, DiskFile, FORMAT, SECTOR_BYTES, Summary, Wal, WalError, WalOptions, check,
};

fn flat(batches: &[Vec<Write>]) -> impl Iterator<Item = &Write> {
    batches.iter().flatten()
}

#[test]
fn what_was_written_is_found_in_every_later_life() {
    let disk = written(&history());
    for life in 2..5 {
        let (mut wal, recovered) = open(&disk).expect("opens");
        assert_eq!(recovered.incarnation, life);
        assert_eq!(held(&mut wal, &recovered), twin(flat(&history())));
        drop(wal);
    }
}

#[test]
fn new_storage_has_nothing_until_something_is_written() {
    let disk = MemoryDisk::default();
    for life in 1..4 {
        let (_, recovered) = open(&disk).expect("opens");
        assert_eq!((recovered.incarnation, recovered.found), (life, None));
    }
}

#[test]
fn the_log_spans_segments_and_reads_back_from_any_index() {
    let disk = written(&history());
    assert!(disk.files().len() > 1, "one segment only");
    let (mut wal, recovered) = open(&disk).expect("opens");
    let all = held(&mut wal, &recovered).expect("found").entries;
    for from in 1..=11 {
        for through in from..=12 {
            let read = wal.read(from, through, u64::MAX).expect("reads");
            assert_eq!(
                read,
                all.starting_at(from).ending_before(through + 1),
                "{from}..={through}"
            );
        }
        assert_eq!(wal.read(from, 11, 1).expect("reads").len(), 1);
    }
    assert_eq!(wal.read(12, 20, u64::MAX), Err(StoreError::NotFound(12)));
}

#[test]
fn a_batch_larger_than_a_segment_gets_a_segment_of_its_own() {
    let batch = vec![write(1, 1, 1, &[20_000, 3])];
    let disk = written(std::slice::from_ref(&batch));
    assert_eq!(found(&disk), twin(&batch));
}

#[test]
fn a_large_batch_that_is_read_bit_by_bit_is_read_from_the_disk_once() {
    let batch: Vec<Write> = (1..=40).map(|number| write(number, 1, number, &[5_000])).collect();
    let disk = written(std::slice::from_ref(&batch));
    let (mut wal, _) = open(&disk).expect("opens");
    let before = disk.read_bytes();
    for index in 1..=40 {
        let read = wal.read(index, 40, 1).expect("reads");
        assert_eq!(read, batch[index as usize - 1].entries);
    }
    assert!(disk.read_bytes() - before < 2 * 40 * 5_000, "{} bytes", disk.read_bytes() - before);
}

#[test]
fn after_a_power_loss_at_any_moment_all_that_was_reported_is_there() {
    for fuse in 0.. {
        let disk = MemoryDisk::default();
        disk.fail_after(fuse);
        let mut reported = 0;
        if let Ok((mut wal, _)) = open(&disk) {
            for batch in history() {
                if wal.write(&batch).is_err() {
                    assert_eq!(wal.write(&batch), Err(StoreError::Failed), "fuse {fuse}");
                    break;
                }
                reported += 1;
            }
        }
        let found = found(&MemoryDisk::with(disk.durable()));
        let least = twin(flat(&history()[..reported]));
        let more = history().get(..=reported).and_then(|more| twin(flat(more)));
        assert!(found == least || found == more, "fuse {fuse}: {found:?}");
        if reported == history().len() {
            return;
        }
    }
}

#[test]
fn after_a_crash_at_any_moment_of_opening_all_is_there() {
    let files = written(&history()).files();
    for fuse in 0.. {
        let disk = MemoryDisk::with(files.clone());
        disk.fail_after(fuse);
        let opened = open(&disk).is_ok();
        for left in [disk.durable(), disk.files()] {
            assert_eq!(found(&MemoryDisk::with(left)), twin(flat(&history())), "fuse {fuse}");
        }
        if opened {
            return;
        }
    }
}

/// The name and contents of the newest segment.
fn newest(files: &Files) -> (String, Vec<u8>) {
    let (name, bytes) = files.iter().next_back().expect("a segment");
    (name.clone(), bytes.clone())
}

/// Where the newest segment's records start, the end of the last included.
fn last_record(before: &Files, after: &Files) -> std::ops::Range<usize> {
    let ((name, old), (same, new)) = (newest(before), newest(after));
    assert_eq!(name, same, "the last batch went into a new segment");
    let changed = |sector: &usize| {
        let range = *sector * SECTOR_BYTES..(*sector + 1) * SECTOR_BYTES;
        old[range.clone()] != new[range]
    };
    let sectors: Vec<usize> = (0..new.len() / SECTOR_BYTES).filter(changed).collect();
    sectors[0] * SECTOR_BYTES..(sectors[sectors.len() - 1] + 1) * SECTOR_BYTES
}

#[test]
fn a_batch_of_which_any_part_was_not_written_is_as_if_it_never_was() {
    let history = history();
    let (_, rest) = history.split_last().expect("batches");
    let before = written(rest).files();
    let after = written(&history).files();
    let range = last_record(&before, &after);
    let count = range.len() / SECTOR_BYTES;
    assert!(count >= 2, "the last batch is one sector only");
    for kept in 0..(1_u32 << count) {
        let (name, mut bytes) = newest(&after);
        for sector in (0..count).filter(|sector| kept & (1 << sector) == 0) {
            let start = range.start + sector * SECTOR_BYTES;
            bytes[start..start + SECTOR_BYTES].copy_from_slice(&fill_sector());
        }
        let mut files = after.clone();
        files.insert(name, bytes);
        let (mut wal, recovered) = open(&MemoryDisk::with(files)).expect("a tear is no damage");
        let whole = kept == (1 << count) - 1;
        let expected = if whole { twin(flat(&history)) } else { twin(flat(rest)) };
        assert_eq!(held(&mut wal, &recovered), expected, "sectors {kept:b}");
        assert_eq!(wal.counters().torn, !whole && kept != 0, "sectors {kept:b}");
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_or_reads_the_same() {
    let files = written(&history()).files();
    for (name, bytes) in &files {
        for len in 0..bytes.len() {
            let mut cut = files.clone();
            cut.insert(name.clone(), bytes[..len].to_vec());
            refused_or_same(cut, &format!("{name} cut at {len}"));
        }
        let mut gone = files.clone();
        gone.remove(name);
        if gone.keys().next_back() > Some(name) {
            refused_or_same(gone, &format!("{name} removed"));
        }
    }
}

#[test]
fn any_flipped_bit_never_yields_another_log() {
    let disk = written(&history());
    drop(open(&disk).expect("a second life"));
    let files = disk.files();
    for (name, bytes) in &files {
        for bit in 0..bytes.len() * 8 {
            let mut damaged = files.clone();
            let mut rotten = bytes.clone();
            rotten[bit / 8] ^= 1 << (bit % 8);
            damaged.insert(name.clone(), rotten);
            refused_or_same(damaged, &format!("{name} bit {bit}"));
        }
    }
}

/// Opens, or names a segment and an offset in it.
fn refused_or_same(files: Files, what: &str) {
    match open(&MemoryDisk::with(files)) {
        Ok((mut wal, recovered)) => {
            assert_eq!(held(&mut wal, &recovered), twin(flat(&history())), "{what}");
        }
        Err(WalError::Damaged { .. } | WalError::Format { .. }) => {}
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn a_sector_of_the_last_batch_that_rots_to_anything_but_fill_is_refused() {
    let history = history();
    let before = written(&history[..4]).files();
    let after = written(&history).files();
    let range = last_record(&before, &after);
    for start in range.step_by(SECTOR_BYTES) {
        let (name, mut bytes) = newest(&after);
        bytes[start..start + SECTOR_BYTES].fill(0xA0);
        let mut files = after.clone();
        files.insert(name, bytes);
        let refused = open(&MemoryDisk::with(files)).err();
        assert!(matches!(refused, Some(WalError::Damaged { .. })), "{start}: {refused:?}");
    }
}

#[test]
fn a_batch_in_the_middle_that_reads_as_never_written_is_refused() {
    let disk = written(&history()[..1]);
    let (name, early) = newest(&disk.files());
    let disk = written(&history()[..2]);
    let (same, mut bytes) = newest(&disk.files());
    assert_eq!(name, same);
    let first = (0..).step_by(SECTOR_BYTES).find(|at| early[*at + SECTOR_BYTES] == 0x43);
    let start = first.expect("the first batch") + SECTOR_BYTES;
    bytes[start..start + SECTOR_BYTES].copy_from_slice(&fill_sector());
    let files = Files::from([(name, bytes)]);
    let refused = open(&MemoryDisk::with(files)).err();
    assert!(matches!(refused, Some(WalError::Damaged { .. })), "{refused:?}");
}

#[test]
fn discarded_segments_go_and_the_rest_is_found() {
    let disk = written(&history());
    let (mut wal, _) = open(&disk).expect("opens");
    let mut taken = flat(&history()).cloned().collect::<Vec<_>>();
    let mut discard = write(9, 4, 12, &[]);
    discard.snapshot = Some(snapshot(4, 10));
    discard.discard_through = 10;
    taken.push(discard.clone());
    keep_snapshot(&mut wal, &discard).expect("keeps");
    wal.write(&[discard]).expect("writes");
    for number in 10..20 {
        let next = write(number, 4, number + 2, &[1_000]);
        taken.push(next.clone());
        wal.write(&[next]).expect("writes");
    }
    assert!(wal.counters().removed > 0, "{:?}", wal.counters());
    assert_eq!(wal.read(10, 12, u64::MAX), Err(StoreError::NotFound(10)));
    assert_eq!(wal.read(11, 11, u64::MAX).expect("reads").len(), 1);
    assert_eq!(found(&disk), twin(&taken));
}

#[test]
fn a_full_disk_is_an_error_and_loses_nothing() {
    let disk = MemoryDisk::default();
    let (mut wal, _) = open(&disk).expect("opens");
    disk.fill_up_at(4 * 1024 + 5_000);
    let mut reported = 0;
    for batch in history() {
        match wal.write(&batch) {
            Ok(()) => reported += 1,
            Err(error) => {
                assert!(matches!(error, StoreError::Full(_)), "{error}");
                break;
            }
        }
    }
    assert!((1..5).contains(&reported), "{reported}");
    disk.fill_up_at(usize::MAX);
    assert_eq!(found(&disk), twin(flat(&history()[..reported])));
}

#[test]
fn another_groups_or_nodes_log_is_refused_with_both_names() {
    let disk = written(&history());
    let other = WalOptions { group: 8, ..SMALL };
    let refused = Wal::open(disk.clone(), other).map(drop).expect_err("refused");
    assert!(matches!(refused, WalError::Foreign { what: "group", found: 7, expected: 8 }));
    let other = WalOptions { node: quorate_core::NodeId::of(2), ..SMALL };
    let refused = Wal::open(disk, other).map(drop).expect_err("refused");
    assert!(matches!(refused, WalError::Foreign { what: "node", found: 1, expected: 2 }));
}

#[test]
fn a_log_of_another_format_is_refused_with_both_versions_and_left_as_it_is() {
    let mut files = written(&history()).files();
    // A later version's: sound in itself, but for the number that its checkpoint starts with.
    for bytes in files.values_mut() {
        let len = u32::from_le_bytes(bytes[8..12].try_into().expect("four bytes")) as usize;
        bytes[56..60].copy_from_slice(&(FORMAT + 1).to_le_bytes());
        let payload = crc32c::crc32c(&bytes[56..56 + len]);
        bytes[12..16].copy_from_slice(&payload.to_le_bytes());
        let header = crc32c::crc32c(&bytes[..52]);
        bytes[52..56].copy_from_slice(&header.to_le_bytes());
    }
    let disk = MemoryDisk::with(files.clone());
    let refused = open(&disk).map(drop).expect_err("refused");
    let (found, expected) = (FORMAT + 1, FORMAT);
    assert!(
        matches!(refused, WalError::Format { found: f, expected: e } if (f, e) == (found, expected)),
        "{refused}"
    );
    let sentence = refused.to_string();
    for version in [found, expected] {
        assert!(sentence.contains(&format!("format {version}")), "{sentence}");
    }
    assert_eq!(disk.files(), files);
}

#[test]
fn a_last_segment_that_is_shorter_than_it_was_made_is_refused_where_it_ends() {
    // No crash cuts a file whose size was synced before its name: a failed copy does.
    let history = history();
    let before = written(&history[..4]).files();
    let files = written(&history).files();
    let range = last_record(&before, &files);
    for len in [range.start, range.start + 1, range.start + SECTOR_BYTES, range.end - 1, range.end]
    {
        let (name, mut bytes) = newest(&files);
        bytes.truncate(len);
        let mut cut = files.clone();
        cut.insert(name, bytes);
        match open(&MemoryDisk::with(cut)).map(drop) {
            Err(WalError::Damaged { offset, .. }) => assert_eq!(offset, len as u64),
            other => panic!("cut at {len}: {other:?}"),
        }
    }
}

#[test]
fn a_write_that_leaves_a_gap_is_refused_and_the_store_goes_on() {
    let disk = written(&history());
    let (mut wal, _) = open(&disk).expect("opens");
    let refused = wal.write(&[write(9, 4, 14, &[1])]);
    assert!(matches!(refused, Err(StoreError::OutOfOrder(_))), "{refused:?}");
    wal.write(&[write(9, 4, 12, &[1])]).expect("writes");
}

#[test]
fn a_directory_is_one_owners_at_a_time_and_reads_back() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = DirectoryDisk::open(folder.path()).expect("opens");
    let second = DirectoryDisk::open(folder.path()).map(drop).expect_err("refused");
    assert!(matches!(second, WalError::InUse { .. }), "{second}");
    let (mut wal, _) = Wal::open(disk, SMALL).expect("opens");
    history().iter().for_each(|batch| wal.write(batch).expect("writes"));
    assert!(wal.space_left() > 0);
    drop(wal);
    let disk = DirectoryDisk::open(folder.path()).expect("opens");
    let (mut wal, recovered) = Wal::open(disk, SMALL).expect("opens");
    assert_eq!(held(&mut wal, &recovered), twin(flat(&history())));
}

/// A directory with the test history, closed.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = DirectoryDisk::open(folder.path()).expect("opens");
    let (mut wal, _) = Wal::open(disk, SMALL).expect("opens");
    history().iter().for_each(|batch| wal.write(batch).expect("writes"));
    folder
}

fn contents(folder: &std::path::Path) -> Files {
    let files = std::fs::read_dir(folder).expect("reads").map(|entry| entry.expect("an entry"));
    let files = files.filter(|entry| entry.path().is_file());
    let read = |path| std::fs::read(path).expect("reads");
    files.map(|file| (file.file_name().to_string_lossy().into_owned(), read(file.path()))).collect()
}

#[test]
fn a_check_says_what_the_log_holds_and_changes_nothing() {
    let folder = folder();
    let before = contents(folder.path());
    let disk = DirectoryDisk::open_existing(folder.path()).expect("opens");
    let summary = check(&disk).expect("sound").expect("a log");
    let hard_state = history().last().and_then(|batch| batch.last()).expect("a write").hard_state;
    let expected = Summary {
        format: FORMAT,
        group: 7,
        node: quorate_core::NodeId::of(1),
        incarnation: 1,
        segments: (1, before.len() as u64 - 1),
        first_index: 1,
        last: quorate_core::LogId::new(4, 11),
        hard_state,
        snapshot: None,
        is_torn: false,
    };
    assert_eq!(summary, expected);
    let (name, _) = before.iter().next_back().expect("a segment");
    let written = Disk::open(&disk, name).expect("opens").write_all_at(b"x", 0);
    assert!(written.is_err(), "it is opened to look only");
    assert_eq!(contents(folder.path()), before);
    let missing = DirectoryDisk::open_existing(folder.path().join("no-such")).map(drop);
    assert!(matches!(missing, Err(WalError::Io { .. })), "{missing:?}");
    let empty = tempfile::tempdir().expect("a folder");
    let disk = DirectoryDisk::open_existing(empty.path()).expect("opens");
    assert_eq!(check(&disk).expect("reads"), None);
    assert!(contents(empty.path()).is_empty(), "nothing was created");
}

#[test]
fn a_log_that_was_set_aside_is_kept_whole_and_its_directory_never_begins_another() {
    let folder = folder();
    let mut before = contents(folder.path());
    before.remove("LOCK");
    let disk = DirectoryDisk::open_existing(folder.path()).expect("opens");
    let backup = disk.set_aside().expect("moves");
    assert_eq!(contents(&backup), before);
    drop(disk);
    let disk = DirectoryDisk::open(folder.path()).expect("opens");
    let refused = Wal::open(disk, SMALL).map(drop).expect_err("refused");
    assert!(
        matches!(&refused, WalError::SetAside { backup } if backup == "damaged-1"),
        "{refused}"
    );
    // A crash amid the moves: what is left is not a log of its own.
    let (name, bytes) = before.iter().next().expect("a segment");
    std::fs::write(folder.path().join(name), bytes).expect("writes");
    let disk = DirectoryDisk::open(folder.path()).expect("opens");
    assert!(matches!(Wal::open(disk, SMALL).map(drop), Err(WalError::SetAside { .. })));
}
