use quorate_wal::{Disk, DiskFile};

use super::*;

fn written(disk: &SimDisk, name: &str, byte: u8, sectors: usize) -> SimFile {
    let mut file = disk.create(name).unwrap();
    file.write_all_at(&vec![byte; sectors * SECTOR_BYTES], 0).unwrap();
    file
}

#[test]
fn a_killed_process_keeps_the_page_cache() {
    let disk = SimDisk::new();
    let mut file = written(&disk, "a", 7, 3);
    disk.kill(99);
    assert_eq!(disk.contents("a").unwrap(), vec![7; 3 * SECTOR_BYTES]);
    assert!(file.write_all_at(b"late", 0).is_err(), "a handle of an earlier life is dead");
    assert_eq!(disk.open("a").unwrap().len().unwrap(), 3 * SECTOR_BYTES as u64);
}

#[test]
fn a_power_loss_keeps_what_was_synced() {
    for chance in 0..200 {
        let disk = SimDisk::new();
        let mut file = written(&disk, "a", 7, 3);
        file.sync_data().unwrap();
        disk.sync_dir().unwrap();
        file.write_all_at(&[8; SECTOR_BYTES], 3 * SECTOR_BYTES as u64).unwrap();
        disk.lose_power(chance);
        assert_eq!(disk.contents("a").unwrap()[..3 * SECTOR_BYTES], [7; 3 * SECTOR_BYTES]);
    }
}

#[test]
fn a_power_loss_may_keep_any_part_of_what_was_not_synced() {
    let mut seen = std::collections::BTreeSet::new();
    for chance in 0..500 {
        let disk = SimDisk::new();
        let mut file = written(&disk, "a", 1, 3);
        file.sync_data().unwrap();
        disk.sync_dir().unwrap();
        file.write_all_at(&[2; 3 * SECTOR_BYTES], 0).unwrap();
        file.write_all_at(&[3; SECTOR_BYTES], 0).unwrap();
        disk.lose_power(chance);
        let found = disk.contents("a").unwrap();
        seen.insert((0..3).map(|sector| found[sector * SECTOR_BYTES]).collect::<Vec<u8>>());
    }
    assert_eq!(seen.len(), 12, "three versions of one sector, two of two others: {seen:?}");
}

#[test]
fn a_power_loss_keeps_all_or_nothing_or_a_beginning_or_pieces_of_a_long_write() {
    let mut seen = std::collections::BTreeSet::new();
    for chance in 0..200 {
        let disk = SimDisk::new();
        let mut file = written(&disk, "a", 1, 64);
        file.sync_data().unwrap();
        disk.sync_dir().unwrap();
        file.write_all_at(&[2; 64 * SECTOR_BYTES], 0).unwrap();
        disk.lose_power(chance);
        let found = disk.contents("a").unwrap();
        let mut kept: Vec<u8> = found.iter().step_by(SECTOR_BYTES).copied().collect();
        kept.dedup();
        kept.truncate(3);
        seen.insert(kept);
    }
    let kinds = [vec![1], vec![1, 2, 1], vec![2], vec![2, 1], vec![2, 1, 2]];
    assert!(kinds.iter().all(|kind| seen.contains(kind)), "{seen:?}");
}

#[test]
fn a_power_loss_may_forget_a_creation_and_undo_a_removal_that_were_not_synced() {
    let mut seen = std::collections::BTreeSet::new();
    for chance in 0..200 {
        let disk = SimDisk::new();
        written(&disk, "old", 1, 1).sync_data().unwrap();
        disk.sync_dir().unwrap();
        written(&disk, "new", 2, 1).sync_data().unwrap();
        disk.rename("new", "newer").unwrap();
        disk.remove("old").unwrap();
        disk.lose_power(chance);
        seen.insert(disk.list().unwrap());
    }
    assert_eq!(seen.len(), 6, "nothing, new or newer, each with and without old: {seen:?}");
}

#[test]
fn a_benign_power_loss_loses_nothing() {
    let disk = SimDisk::new();
    written(&disk, "a", 7, 3);
    disk.lose_power(0);
    assert_eq!(disk.contents("a").unwrap(), vec![7; 3 * SECTOR_BYTES]);
}

#[test]
fn a_stop_within_a_write_leaves_a_part_of_it() {
    let mut lengths = std::collections::BTreeSet::new();
    for chance in 1..100 {
        let disk = SimDisk::new();
        let mut file = disk.create("a").unwrap();
        disk.stop_after(0, chance);
        assert!(file.write_all_at(&[1; 2 * SECTOR_BYTES], 0).is_err());
        assert!(disk.sync_dir().is_err(), "nothing works after the stop");
        disk.kill(0);
        lengths.insert(disk.contents("a").unwrap().len() / SECTOR_BYTES);
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [0, 1, 2]);
}

#[test]
fn a_failed_sync_takes_for_clean_what_is_not_durable() {
    let mut lost = 0;
    for chance in 1..100 {
        let disk = SimDisk::new();
        let mut file = written(&disk, "a", 1, 2);
        file.sync_data().unwrap();
        disk.sync_dir().unwrap();
        file.write_all_at(&[2; 2 * SECTOR_BYTES], 0).unwrap();
        disk.fail_after(0, chance);
        assert!(file.sync_data().is_err());
        file.sync_data().unwrap();
        disk.lose_power(0);
        lost += u64::from(disk.contents("a").unwrap() != vec![2; 2 * SECTOR_BYTES]);
    }
    assert!(lost > 50, "a second sync makes nothing of it durable");
}

#[test]
fn a_deep_copy_goes_its_own_way() {
    let disk = SimDisk::new();
    written(&disk, "a", 1, 1);
    let copy = disk.deep_copy();
    disk.remove("a").unwrap();
    assert!(copy.contents("a").is_some());
}

#[test]
fn contents_that_copies_share_part_with_the_first_change() {
    let disk = SimDisk::new();
    written(&disk, "a", 1, 2);
    let changes: [fn(&mut SimFile); 2] = [
        |file| file.write_all_at(&[9; SECTOR_BYTES], 0).unwrap(),
        |file| file.trim(SECTOR_BYTES as u64).unwrap(),
    ];
    for change in changes {
        let copy = disk.deep_copy();
        let mut file = copy.open("a").unwrap();
        change(&mut file);
        file.sync_data().unwrap();
        for (disk, is_changed) in [(&copy, true), (&disk, false)] {
            // What is durable, too.
            disk.lose_power(0);
            let found = disk.contents("a").unwrap();
            assert_eq!(found != vec![1; 2 * SECTOR_BYTES], is_changed);
        }
    }
}

#[test]
fn a_cut_that_was_not_synced_may_come_undone() {
    let mut lengths = std::collections::BTreeSet::new();
    for chance in 0..50 {
        let disk = SimDisk::new();
        let mut file = written(&disk, "a", 1, 4);
        file.sync_data().unwrap();
        disk.sync_dir().unwrap();
        file.trim(SECTOR_BYTES as u64).unwrap();
        assert_eq!(file.len().unwrap(), SECTOR_BYTES as u64);
        disk.lose_power(chance);
        lengths.insert(disk.contents("a").unwrap().len() / SECTOR_BYTES);
    }
    assert_eq!(lengths.into_iter().collect::<Vec<_>>(), [1, 4]);
}

/// A disk with a synced file of four sectors, each of other bytes.
fn synced() -> (SimDisk, SimFile, Vec<u8>) {
    let disk = SimDisk::new();
    let bytes: Vec<u8> = (0..4 * SECTOR_BYTES).map(|at| (at % 251) as u8).collect();
    let mut file = disk.create("a").unwrap();
    file.write_all_at(&bytes, 0).unwrap();
    file.sync_data().unwrap();
    disk.sync_dir().unwrap();
    (disk, file, bytes)
}

#[test]
fn a_bit_or_a_sector_rots_at_once_or_behind_the_page_cache() {
    for (damage, most) in [(Damage::Bit, 1), (Damage::Sector, SECTOR_BYTES)] {
        let mut hidden = 0;
        for chance in 1..100 {
            let (disk, _, bytes) = synced();
            assert!(disk.damage(damage, chance) && disk.is_damaged());
            assert!(!disk.damage(damage, chance), "a disk is damaged once");
            let found = disk.contents("a").unwrap();
            hidden += u64::from(found == bytes);
            disk.lose_power(0);
            let found = disk.contents("a").unwrap();
            let differ = found.iter().zip(&bytes).filter(|(found, byte)| found != byte).count();
            assert_eq!(differ, most, "{damage:?} {chance}");
        }
        assert!((20..80).contains(&hidden), "{hidden} of 99 are hidden");
    }
}

#[test]
fn what_rotted_behind_the_page_cache_is_mended_by_a_write() {
    for chance in 1..50 {
        let (disk, mut file, bytes) = synced();
        disk.damage(Damage::Sector, chance);
        file.write_all_at(&bytes, 0).unwrap();
        file.sync_data().unwrap();
        disk.lose_power(chance);
        assert_eq!(disk.contents("a").unwrap(), bytes);
    }
}

#[test]
fn a_latent_error_fails_reads_until_the_whole_sector_is_written() {
    let (disk, file, bytes) = synced();
    disk.damage(Damage::Latent, 9);
    let mut buffer = vec![0; SECTOR_BYTES];
    let reads = |file: &SimFile, buffer: &mut [u8], sector: u64| {
        file.read_exact_at(buffer, sector * SECTOR_BYTES as u64).is_ok()
    };
    let bad: Vec<u64> = (0..4).filter(|sector| !reads(&file, &mut buffer, *sector)).collect();
    let [bad] = bad[..] else { panic!("one sector is bad, not {bad:?}") };
    disk.lose_power(0);
    let mut file = {
        drop(file);
        disk.open("a").unwrap()
    };
    let at = bad * SECTOR_BYTES as u64;
    assert!(file.write_all_at(&[1; 9], at).is_err(), "a part of it would have to be read first");
    file.write_all_at(&bytes[..SECTOR_BYTES], at).unwrap();
    assert!(reads(&file, &mut buffer, bad));
}

#[test]
fn a_read_fails_once_where_that_was_asked_for() {
    let (disk, file, _) = synced();
    disk.fail_read_after(1);
    let mut byte = [0];
    let found: Vec<bool> = (0..4).map(|_| file.read_exact_at(&mut byte, 0).is_ok()).collect();
    assert_eq!(found, [true, false, true, true]);
    assert!(disk.has_failed() && !disk.is_damaged());
}

#[test]
fn a_full_disk_says_how_much_is_left_and_takes_no_more() {
    let (disk, mut file, bytes) = synced();
    assert_eq!(disk.space_left().unwrap(), u64::MAX);
    disk.limit(Some(100));
    assert_eq!(disk.space_left().unwrap(), 100);
    let end = bytes.len() as u64;
    let full = file.write_all_at(&[1; 101], end).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    file.write_all_at(&[1; 100], end).unwrap();
    assert_eq!(disk.space_left().unwrap(), 0);
    file.write_all_at(&[2; 100], 0).unwrap();
    assert_eq!(disk.create("b").unwrap_err().kind(), io::ErrorKind::StorageFull);
    disk.lose_power(0);
    assert_eq!(disk.space_left().unwrap(), 0, "a power loss frees nothing");
    disk.remove("a").unwrap();
    assert_eq!(disk.space_left().unwrap(), end + 100);
    disk.limit(None);
    assert!(disk.create("b").is_ok());
}

#[test]
fn a_lost_write_shows_once_a_later_one_is_durable() {
    for (damage, chance) in [(Damage::LostWrite, 3), (Damage::MisdirectedWrite, 3)] {
        let (disk, mut file, bytes) = synced();
        assert!(disk.damage(damage, chance) && disk.is_doomed() && !disk.is_damaged());
        let size = SECTOR_BYTES as u64;
        let lost: Vec<u8> = (0..SECTOR_BYTES).map(|at| (at % 7) as u8).collect();
        file.write_all_at(&lost, 2 * size).unwrap();
        file.sync_data().unwrap();
        let held = |sector: usize| {
            disk.contents("a").unwrap()[sector * SECTOR_BYTES..][..SECTOR_BYTES].to_vec()
        };
        assert!(held(2) == lost && !disk.is_damaged(), "nothing proves yet that it was there");
        file.write_all_at(&lost, 3 * size).unwrap();
        file.sync_data().unwrap();
        assert!(disk.is_damaged());
        disk.lose_power(0);
        assert_eq!(
            (held(2), held(3)),
            (bytes[2 * SECTOR_BYTES..][..SECTOR_BYTES].to_vec(), lost.clone())
        );
        let landed = (0..2).filter(|sector| held(*sector) == lost).count();
        assert_eq!(landed, usize::from(damage == Damage::MisdirectedWrite));
    }
}

#[test]
fn a_lost_write_that_nothing_followed_before_a_crash_is_there_after_all() {
    let (disk, mut file, _) = synced();
    disk.damage(Damage::LostWrite, 3);
    file.write_all_at(&[1, 2, 3], 2 * SECTOR_BYTES as u64).unwrap();
    file.sync_data().unwrap();
    disk.lose_power(0);
    assert_eq!(disk.contents("a").unwrap()[2 * SECTOR_BYTES..][..3], [1, 2, 3]);
    assert!(!disk.is_damaged());
}

#[test]
fn a_disk_can_be_put_back_to_what_it_was() {
    let (disk, mut file, bytes) = synced();
    let then = disk.deep_copy();
    file.write_all_at(&[9; SECTOR_BYTES], 0).unwrap();
    file.sync_data().unwrap();
    disk.become_copy_of(&then);
    assert_eq!(disk.contents("a").unwrap(), bytes);
    assert!(file.sync_data().is_err(), "handles are dead");
}
