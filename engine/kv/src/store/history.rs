//! All changes in order, from the last compaction on.
//!
//! They stand in chunks that copies share until one of them changes a chunk.

use std::{collections::VecDeque, sync::Arc};

use super::record::Record;
use crate::Revision;

/// How many records a chunk has before another one is begun.
const CHUNK_RECORDS: usize = 256;

/// Records by rising revision and place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct History {
    /// None is empty.
    chunks: VecDeque<Arc<VecDeque<Arc<Record>>>>,
}

impl History {
    /// Adds a record, which is newer than all others.
    pub(crate) fn push(&mut self, record: Arc<Record>) {
        match self.chunks.back_mut() {
            Some(chunk) if chunk.len() < CHUNK_RECORDS => {
                Arc::make_mut(chunk).push_back(record);
            }
            Some(_) | None => self.chunks.push_back(Arc::new(VecDeque::from([record]))),
        }
    }

    /// Takes the oldest record away, where it is below `revision`.
    pub(crate) fn pop_before(&mut self, revision: Revision) -> Option<Arc<Record>> {
        let chunk = self.chunks.front_mut()?;
        if chunk.front()?.mod_revision >= revision {
            return None;
        }
        let record = Arc::make_mut(chunk).pop_front();
        if chunk.is_empty() {
            self.chunks.pop_front();
        }
        record
    }

    /// The records of `revision` and of those above it.
    pub(crate) fn since(&self, revision: Revision) -> impl Iterator<Item = &Arc<Record>> {
        let is_before = move |record: &Arc<Record>| record.mod_revision < revision;
        let first = self.chunks.partition_point(|chunk| chunk.back().is_some_and(is_before));
        let chunks = self.chunks.range(first..);
        chunks.enumerate().flat_map(move |(place, chunk)| {
            let skip = if place == 0 { chunk.partition_point(is_before) } else { 0 };
            chunk.range(skip..)
        })
    }
}
