//! What the machine itself takes: a sync, and one group commit of our log.

use std::{fmt, fs::OpenOptions, io::Write as _, path::Path, time::Instant};

use bytes::Bytes;
use quorate_core::{Entries, HardState, LogId, NodeId, Payload, Seq, Write};
use quorate_driver::LogStore;
use quorate_wal::{DirectoryDisk, Wal, WalOptions};

/// What is written at once, as large as a value of the load. Bytes.
const WRITE_BYTES: usize = quorate_bench_load::VALUE_BYTES;
/// How often.
const TIMES: u64 = 2000;

/// Median and slowest hundredth of each. Microseconds.
pub(crate) struct Floor {
    sync: (f64, f64),
    group_commit: (f64, f64),
}

impl Floor {
    /// Measures both in `dir`.
    pub(crate) fn measure(dir: &Path) -> Result<Floor, String> {
        let sync = sync(dir).map_err(|error| format!("the floor is not measured: {error}"))?;
        let group_commit = group_commit(dir)?;
        Ok(Floor { sync, group_commit })
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sync, commit) = (self.sync, self.group_commit);
        writeln!(
            out,
            "Floor: fdatasync of {WRITE_BYTES} B into a file that has its size: {:.0} µs (p99 {:.0}).",
            sync.0, sync.1
        )?;
        write!(
            out,
            "One group commit of our log, with one entry of {WRITE_BYTES} B: {:.0} µs (p99 {:.0}).",
            commit.0, commit.1
        )
    }
}

fn sync(dir: &Path) -> std::io::Result<(f64, f64)> {
    let path = dir.join("floor");
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
    let space = vec![1; 512 * TIMES as usize];
    file.write_all(&space)?;
    file.sync_all()?;
    let mut took = Vec::new();
    for time in 0..TIMES {
        let begun = Instant::now();
        write_at(&mut file, &[2; WRITE_BYTES], time * 512)?;
        file.sync_data()?;
        took.push(begun.elapsed().as_nanos() as f64 / 1000.0);
    }
    Ok(quantiles(took))
}

fn write_at(file: &mut std::fs::File, bytes: &[u8], offset: u64) -> std::io::Result<()> {
    use std::io::{Seek, SeekFrom};
    file.seek(SeekFrom::Start(offset))?;
    file.write_all(bytes)
}

fn group_commit(dir: &Path) -> Result<(f64, f64), String> {
    let said = |error: &dyn fmt::Display| format!("the floor is not measured: {error}");
    let disk = DirectoryDisk::open(dir.join("floor-log")).map_err(|error| said(&error))?;
    let options = WalOptions::new(1, NodeId::of(1));
    let (mut wal, _) = Wal::open(disk, options).map_err(|error| said(&error))?;
    let mut took = Vec::new();
    for index in 1..=TIMES {
        let mut entries = Entries::new();
        let command = Payload::Command(Bytes::from(vec![3; WRITE_BYTES]));
        entries.append(LogId::new(1, index), command.into()).map_err(|error| said(&error))?;
        let write = Write {
            seq: Seq { incarnation: 1, number: index },
            hard_state: HardState { term: 1, ..HardState::default() },
            truncate_from: index,
            entries,
            snapshot: None,
            discard_through: 0,
        };
        let begun = Instant::now();
        wal.write(&[write]).map_err(|error| said(&error))?;
        took.push(begun.elapsed().as_nanos() as f64 / 1000.0);
    }
    Ok(quantiles(took))
}

fn quantiles(mut took: Vec<f64>) -> (f64, f64) {
    took.sort_by(f64::total_cmp);
    let at = |part: usize| took.get(took.len() * part / 100).copied().unwrap_or(0.0);
    (at(50), at(99))
}
