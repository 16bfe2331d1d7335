//! A real directory as a [`Disk`]; locked while it is open.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{Disk, DiskFile, WalError};

const LOCK: &str = "LOCK";

/// A directory that no other process has open.
#[derive(Debug)]
pub struct DirectoryDisk {
    path: PathBuf,
    /// Locked as long as it is open.
    _lock: File,
}

impl DirectoryDisk {
    /// Opens `path`, which is created where it is missing.
    ///
    /// # Errors
    /// [`WalError::InUse`] where another process, or another part of this one, has it open;
    /// [`WalError::Io`] where it cannot be created or read.
    pub fn open(path: impl AsRef<Path>) -> Result<DirectoryDisk, WalError> {
        let path = path.as_ref().to_path_buf();
        let shown = path.display();
        fs::create_dir_all(&path).map_err(WalError::io(format!("create the directory {shown}")))?;
        let opened = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(WalError::io(format!("open the directory {shown}")))?;
        match opened.try_lock() {
            Ok(()) => Ok(DirectoryDisk { path, _lock: opened }),
            Err(TryLockError::WouldBlock) => Err(WalError::InUse { directory: shown.to_string() }),
            Err(TryLockError::Error(error)) => {
                Err(WalError::io(format!("lock the directory {shown}"))(error))
            }
        }
    }
}

impl Disk for DirectoryDisk {
    type File = DirectoryFile;

    fn list(&self) -> io::Result<Vec<String>> {
        let entries = fs::read_dir(&self.path)?;
        entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn open(&self, name: &str) -> io::Result<DirectoryFile> {
        let file = OpenOptions::new().read(true).write(true).open(self.path.join(name))?;
        Ok(DirectoryFile(file))
    }

    fn create(&self, name: &str) -> io::Result<DirectoryFile> {
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(DirectoryFile(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))
    }

    #[cfg(unix)]
    fn sync_dir(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }

    /// Other systems make names durable with the file, or not at all.
    #[cfg(not(unix))]
    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    #[cfg(unix)]
    fn space_left(&self) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(&self.path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    #[cfg(not(unix))]
    fn space_left(&self) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

/// A file of a [`DirectoryDisk`].
#[derive(Debug)]
pub struct DirectoryFile(File);

impl DiskFile for DirectoryFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    #[cfg(unix)]
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.0, buffer, offset)
    }

    #[cfg(not(unix))]
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        use io::{Read, Seek};
        (&self.0).seek(io::SeekFrom::Start(offset))?;
        (&self.0).read_exact(buffer)
    }

    #[cfg(unix)]
    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(&self.0, data, offset)
    }

    #[cfg(not(unix))]
    fn write_all_at(&mut self, data: &[u8], offset: u64) -> io::Result<()> {
        use io::{Seek, Write};
        (&self.0).seek(io::SeekFrom::Start(offset))?;
        (&self.0).write_all(data)
    }

    fn trim(&mut self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        self.0.sync_data()
    }
}
