//! A disk whose writes and syncs are measured.

use std::{io, sync::Arc, time::Instant};

use metrics::{Counter, Histogram};
use quorate_tokio::Labels;
use quorate_wal::{Disk, DiskFile};

use super::names;

/// Another disk, measured.
#[derive(Debug)]
pub struct MeasuredDisk<D> {
    disk: D,
    metrics: Arc<DiskMetrics>,
}

#[derive(Debug)]
struct DiskMetrics {
    sync_seconds: Histogram,
    write_seconds: Histogram,
    written_bytes: Counter,
}

impl<D> MeasuredDisk<D> {
    pub(crate) fn new(disk: D, labels: &Labels) -> MeasuredDisk<D> {
        let metrics = DiskMetrics {
            sync_seconds: labels.histogram(&names::SYNC_SECONDS, &[]),
            write_seconds: labels.histogram(&names::WRITE_SECONDS, &[]),
            written_bytes: labels.counter(&names::WRITTEN_BYTES, &[]),
        };
        MeasuredDisk { disk, metrics: Arc::new(metrics) }
    }

    fn file<F>(&self, file: F) -> MeasuredFile<F> {
        MeasuredFile { file, metrics: self.metrics.clone() }
    }
}

impl<D: Disk> Disk for MeasuredDisk<D> {
    type File = MeasuredFile<D::File>;

    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }

    fn open(&self, name: &str) -> io::Result<Self::File> {
        Ok(self.file(self.disk.open(name)?))
    }

    fn create(&self, name: &str) -> io::Result<Self::File> {
        Ok(self.file(self.disk.create(name)?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }

    fn space_left(&self) -> io::Result<u64> {
        self.disk.space_left()
    }
}

/// One of its files.
#[derive(Debug)]
pub struct MeasuredFile<F> {
    file: F,
    metrics: Arc<DiskMetrics>,
}

impl<F: DiskFile> DiskFile for MeasuredFile<F> {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn is_empty(&self) -> io::Result<bool> {
        self.file.is_empty()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }

    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        let begun = Instant::now();
        self.file.write_all_at(data, offset)?;
        self.metrics.write_seconds.record(begun.elapsed());
        self.metrics.written_bytes.increment(data.len() as u64);
        Ok(())
    }

    fn trim(&mut self, len: u64) -> io::Result<()> {
        self.file.trim(len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        self.file.sync_data()?;
        self.metrics.sync_seconds.record(begun.elapsed());
        Ok(())
    }
}
