//! A log store on sled: log, hard state and snapshots in one tree, one durable batch for each group
//! commit.
//!
//! | key | value |
//! |---|---|
//! | `name` | the group and the node that it belongs to |
//! | `head` | all that a node starts from: incarnation, hard state, snapshot, which entries there are |
//! | `e` index | an entry |
//! | `s` snapshot | how many of its bytes are here, and whether it is finished |
//! | `p` snapshot, offset | some of its bytes |
//!
//! Numbers in keys are big-endian, so that keys stand in the order of what they name.

mod entry;
mod snapshots;
mod store;

use std::path::PathBuf;

use bytes::Bytes;
use quorate::{EngineConfig, NodeId, StartError, StorageEngine};
use quorate_codec::{decode_persisted, encode_persisted};
use quorate_core::{LogSummary, Persisted};
use quorate_driver::{Found, Recovered};
pub use store::SledStore;

const NAME: &[u8] = b"name";
const HEAD: &[u8] = b"head";

/// Why the storage does not open.
#[derive(Debug, PartialEq, Eq)]
pub enum OpenError {
    /// sled does not open it: most often another process has it open.
    Sled(String),
    /// It belongs to another group or node.
    Other {
        /// The group and node that it belongs to.
        found: (u64, u64),
        /// The group and node that opens it.
        asked: (u64, u64),
    },
    /// What is in it is none of this store's.
    Damaged(&'static str),
}

impl std::fmt::Display for OpenError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            OpenError::Sled(why) => write!(out, "{why}; stop the process that has it open, if any"),
            OpenError::Other { found, asked } => write!(
                out,
                "it belongs to node {} of group {}, not to node {} of group {}: use another folder",
                found.1, found.0, asked.1, asked.0
            ),
            OpenError::Damaged(what) => {
                write!(out, "{what} is damaged: join under a new node id, in an empty folder")
            }
        }
    }
}

impl std::error::Error for OpenError {}

impl From<sled::Error> for OpenError {
    fn from(error: sled::Error) -> OpenError {
        OpenError::Sled(error.to_string())
    }
}

/// Storage for [`quorate::NodeBuilder::storage_engine`]: a sled database in a folder.
#[derive(Clone, Debug)]
pub struct SledStorage {
    dir: PathBuf,
}

impl SledStorage {
    /// In `dir`, which is created where it is missing.
    pub fn new(dir: impl Into<PathBuf>) -> SledStorage {
        SledStorage { dir: dir.into() }
    }

    /// Opens it for another life of `node` in `group`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_as(&self, group: u64, node: NodeId) -> Result<(SledStore, Recovered), OpenError> {
        let db = sled::Config::new().path(&self.dir).open()?;
        let name = [group.to_be_bytes(), node.get().to_be_bytes()].concat();
        let found = db.get(NAME)?;
        if let Some(found) = found.filter(|found| *found != name) {
            let numbers = |bytes: &[u8]| bytes.try_into().map(u64::from_be_bytes).unwrap_or(0);
            let (found_group, found_node) = found.split_at(found.len().min(8));
            let found = (numbers(found_group), numbers(found_node));
            return Err(OpenError::Other { found, asked: (group, node.get()) });
        }
        let (incarnation, found) = read_head(&db)?;
        let recovered = Recovered { incarnation: incarnation + 1, found };
        let store = SledStore::new(db, self.dir.clone(), &recovered);
        // Raised durably before anything is written in this life: the node tells by it what is late.
        let mut batch = sled::Batch::default();
        batch.insert(NAME, name);
        batch.insert(HEAD, head(recovered.incarnation, recovered.found.as_ref()));
        store.commit(batch).map_err(|error| OpenError::Sled(error.to_string()))?;
        Ok((store, recovered))
    }
}

impl StorageEngine for SledStorage {
    type Store = SledStore;

    fn open(self, config: &EngineConfig) -> Result<(SledStore, Recovered), StartError> {
        let opened = self.open_as(config.group, config.node);
        opened.map_err(|error| StartError::storage(format!("{}: {error}", self.dir.display())))
    }
}

fn read_head(db: &sled::Db) -> Result<(u64, Option<Found>), OpenError> {
    let Some(head) = db.get(HEAD)? else { return Ok((0, None)) };
    match decode_persisted(Bytes::copy_from_slice(&head)) {
        Ok(Persisted::Join { incarnation }) => Ok((incarnation, None)),
        Ok(Persisted::Loaded { incarnation, hard_state, snapshot, log, .. }) => {
            Ok((incarnation, Some(Found { hard_state, snapshot, log })))
        }
        Ok(Persisted::Bootstrap { .. }) | Err(_) => Err(OpenError::Damaged("the head")),
    }
}

/// What a node starts from, as quorate's own codec writes it.
fn head(incarnation: u64, found: Option<&Found>) -> Vec<u8> {
    let persisted = match found.cloned() {
        None => Persisted::Join { incarnation },
        Some(Found { hard_state, snapshot, log }) => {
            Persisted::Loaded { incarnation, hard_state, snapshot, log, applied: 0 }
        }
    };
    let mut out = Vec::new();
    encode_persisted(&persisted, &mut out);
    out
}

/// The entries that a head speaks of.
fn summary(found: &Option<Found>) -> LogSummary {
    found.as_ref().map(|found| found.log.clone()).unwrap_or_default()
}
