//! The keys as they are at one moment, to be read while the machine goes on.

use super::Kv;
use crate::{KeyRange, KvError, RangeRequest, RangeResponse, Revision, store::Store};

/// All keys as they were at one moment, with their history: whoever reads it at length holds nobody
/// up. It shares all that the machine has not changed since.
#[derive(Clone, Debug)]
pub struct View(Kv);

impl View {
    /// The newest revision at that moment.
    pub fn revision(&self) -> Revision {
        self.0.revision()
    }

    /// As [`Kv::range`].
    ///
    /// # Errors
    /// As [`Kv::range`].
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, KvError> {
        self.0.range(request)
    }
}

impl Kv {
    /// Sets the keys aside for reading: copies a pointer for each sixty-four keys or so.
    pub fn view(&self) -> View {
        let store: Store = self.store.clone();
        View(Kv { store, ..Kv::default() })
    }

    /// Whether a range has more keys than `count`, those that are gone and not yet compacted
    /// included: then reading it takes a while, and is better done on a [`View`].
    pub fn is_wide(&self, range: &KeyRange, count: u32) -> bool {
        self.store.is_wide(range, count)
    }
}
