//! What the log needs of a disk: small enough for a simulator to stand in for it.

use std::io;

/// One directory on some disk.
pub trait Disk {
    /// An open file.
    type File: DiskFile;

    /// The names of all files, in any order.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Opens an existing file to read and write.
    fn open(&self, name: &str) -> io::Result<Self::File>;
    /// Creates a new, empty file; an error where it exists. Durable after [`Disk::sync_dir`].
    fn create(&self, name: &str) -> io::Result<Self::File>;
    /// Gives a file another name, replacing what had it. Durable after [`Disk::sync_dir`].
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file. Durable after [`Disk::sync_dir`].
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_dir(&self) -> io::Result<()>;
    /// Free space, in bytes; `u64::MAX` where it is not known.
    fn space_left(&self) -> io::Result<u64>;
}

/// An open file. Positions are bytes from its start.
pub trait DiskFile {
    /// Its length, in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether it is empty.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Fills `buffer` from `offset` on.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all of `data` at `offset`; the file grows where needed. Not durable yet.
    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()>;
    /// Gives back the space behind `len`, where that is possible; what lay there is not read again.
    fn trim(&mut self, len: u64) -> io::Result<()> {
        let _ = len;
        Ok(())
    }
    /// Makes written data durable, and as much of the file's metadata as reading it back needs.
    fn sync_data(&mut self) -> io::Result<()>;
}
