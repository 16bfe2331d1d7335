//! The log store of a simulated node: the production log on a simulated disk.

use quorate_core::NodeId;
use quorate_driver::{Recovered, StoreError};

use crate::{disk::SimDisk, profile::Settings};

/// The production log on a simulated disk.
pub type Store = stand_in::Store;

/// Opens the log on `disk` for another life.
///
/// # Errors
/// Where the log does.
pub fn open(
    disk: &SimDisk,
    node: NodeId,
    settings: &Settings,
) -> Result<(Store, Recovered), StoreError> {
    let _ = (node, settings);
    stand_in::Store::open(disk)
}

mod stand_in {
    use bytes::Bytes;
    use quorate_core::{Entries, Index, Write};
    use quorate_driver::{LogStore, MemoryStore, Recovered, StoreError};
    use quorate_wal::{Disk, DiskFile};

    use crate::disk::{SimDisk, SimFile};

    #[derive(Debug)]
    pub struct Store {
        memory: MemoryStore,
        file: SimFile,
        end: u64,
    }

    fn io(error: std::io::Error) -> StoreError {
        StoreError::Io(error.to_string())
    }

    impl Store {
        pub fn open(disk: &SimDisk) -> Result<(Store, Recovered), StoreError> {
            let names = disk.list().map_err(io)?;
            let mut memory = MemoryStore::new();
            let best = names.iter().filter(|n| n.starts_with("log")).max().cloned();
            let next = best
                .as_ref()
                .map_or(1, |n| n[3..].parse::<u64>().unwrap_or(0) + 1);
            let mut good = Vec::new();
            if let Some(name) = best {
                let file = disk.open(&name).map_err(io)?;
                let len = file.len().map_err(io)?;
                let mut data = vec![0; len as usize];
                file.read_exact_at(&mut data, 0).map_err(io)?;
                let mut at = 0;
                while at + 16 <= data.len() {
                    let n = u64::from_le_bytes(data[at..at + 8].try_into().unwrap_or_default());
                    let h = u64::from_le_bytes(data[at + 8..at + 16].try_into().unwrap_or_default());
                    let n = n as usize;
                    if n == 0 || at + 16 + n > data.len() { break; }
                    let body = &data[at + 16..at + 16 + n];
                    if crate::hash::mix_bytes(1, body) != h { break; }
                    let write = quorate_codec::decode_write(Bytes::copy_from_slice(body))
                        .map_err(|e| StoreError::Io(e.to_string()))?;
                    memory.write(std::slice::from_ref(&write))?;
                    at += 16 + n;
                }
                good = data[..at].to_vec();
            }
            let _ = disk.remove("tmp");
            let mut file = disk.create("tmp").map_err(io)?;
            file.write_all_at(&good, 0).map_err(io)?;
            file.sync_data().map_err(io)?;
            disk.sync_dir().map_err(io)?;
            disk.rename("tmp", &format!("log{next:012}")).map_err(io)?;
            disk.sync_dir().map_err(io)?;
            for name in names.iter().filter(|n| n.starts_with("log")) {
                disk.remove(name).map_err(io)?;
            }
            disk.sync_dir().map_err(io)?;
            let mut recovered = memory.open();
            recovered.incarnation = next;
            Ok((Store { memory, file, end: good.len() as u64 }, recovered))
        }
    }

    impl LogStore for Store {
        fn write(&mut self, writes: &[Write]) -> Result<(), StoreError> {
            let mut out = Vec::new();
            for write in writes {
                let mut body = Vec::new();
                quorate_codec::encode_write(write, &mut body);
                out.extend_from_slice(&(body.len() as u64).to_le_bytes());
                out.extend_from_slice(&crate::hash::mix_bytes(1, &body).to_le_bytes());
                out.extend_from_slice(&body);
            }
            self.file.write_all_at(&out, self.end).map_err(io)?;
            self.file.sync_data().map_err(io)?;
            self.end += out.len() as u64;
            Ok(())
        }
        fn read(&mut self, from: Index, through: Index, max: u64) -> Result<Entries, StoreError> {
            self.memory.read(from, through, max)
        }
        fn space_left(&self) -> u64 {
            u64::MAX
        }
    }
}
