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
