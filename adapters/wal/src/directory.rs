//! A real directory as a [`Disk`]; locked while it is open.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
};

use crate::{Disk, DiskFile, WalError, segment::is_log_file};

const LOCK: &str = "LOCK";
/// How the names of folders start in which damaged logs are set aside.
pub(crate) const SET_ASIDE: &str = "damaged-";

/// A directory that no other process has open.
#[derive(Debug)]
pub struct DirectoryDisk {
    path: PathBuf,
    /// Locked as long as it is open; none where nobody ever opened the directory to write.
    _lock: Option<File>,
    /// Whether files are opened to read only.
    looks_only: bool,
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
        fs::create_dir_all(&path)
            .map_err(WalError::io(format_args!("create the directory {shown}")))?;
        let opened = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path.join(LOCK))
            .map_err(WalError::io(format_args!("open the directory {shown}")))?;
        lock(&opened, &path)?;
        Ok(DirectoryDisk { path, _lock: Some(opened), looks_only: false })
    }

    /// Opens `path` to look at it: nothing is created, and no file can be written.
    ///
    /// # Errors
    /// As [`DirectoryDisk::open`]; also where there is no such directory.
    pub fn open_existing(path: impl AsRef<Path>) -> Result<DirectoryDisk, WalError> {
        let path = path.as_ref().to_path_buf();
        let failed = || WalError::io(format!("open the directory {}", path.display()));
        fs::read_dir(&path).map_err(failed())?;
        let opened = match File::open(path.join(LOCK)) {
            Ok(opened) => Some(opened),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(failed()(error)),
        };
        opened.as_ref().map_or(Ok(()), |opened| lock(opened, &path))?;
        Ok(DirectoryDisk { path, _lock: opened, looks_only: true })
    }

    /// Moves the log's files into a new folder of the directory, whose path is returned. From then
    /// on the directory is refused: the node's promises are lost. Nothing is deleted.
    ///
    /// # Errors
    /// [`WalError::Io`]; what was moved until then stays in the folder, and the directory is
    /// refused.
    pub fn set_aside(&self) -> Result<PathBuf, WalError> {
        let failed = |what: &str| WalError::io(format!("{what} in {}", self.path.display()));
        let names = self.list().map_err(failed("list the files"))?;
        let number = (1_u32..).find(|number| !names.contains(&format!("{SET_ASIDE}{number}")));
        let backup = self.path.join(format!("{SET_ASIDE}{}", number.unwrap_or(u32::MAX)));
        fs::create_dir(&backup).map_err(failed("make a folder"))?;
        // Durable first: a log of which only a part is left must never open.
        self.sync_dir().map_err(failed("sync the folder"))?;
        for name in names.iter().filter(|name| is_log_file(name)) {
            let to = backup.join(name);
            fs::rename(self.path.join(name), to).map_err(failed(&format!("move {name}")))?;
        }
        self.sync_dir().map_err(failed("sync the folder"))?;
        Ok(backup)
    }
}

fn lock(file: &File, path: &Path) -> Result<(), WalError> {
    let shown = path.display();
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(WalError::InUse { directory: shown.to_string() }),
        Err(TryLockError::Error(error)) => {
            Err(WalError::io(format_args!("lock the directory {shown}"))(error))
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
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).write(!self.looks_only).open(path)?;
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
