//! Reading a range.

use crate::{KeyRange, KeyValue, RequestError, Revision};

/// By what a range is sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// The key.
    #[default]
    Key,
    /// How often it was put.
    Version,
    /// The revision that created it.
    CreateRevision,
    /// The revision that last changed it.
    ModRevision,
    /// Its value.
    Value,
}

/// Which way a range is sorted. Equals stand by rising key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortOrder {
    /// Least first.
    #[default]
    Ascending,
    /// Greatest first.
    Descending,
}

/// Which keys to read, as of when, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeRequest {
    /// Which keys.
    pub range: KeyRange,
    /// As they were at this revision; 0 for the newest.
    pub revision: Revision,
    /// How many at most; 0 for all.
    pub limit: u64,
    /// By what they are sorted.
    pub sort_by: SortBy,
    /// Which way.
    pub order: SortOrder,
    /// Leave values out.
    pub keys_only: bool,
    /// Say how many there are, and leave all else out.
    pub count_only: bool,
    /// Leave out what was last changed before this revision; 0 for none.
    pub min_mod_revision: Revision,
    /// Leave out what was last changed after this revision; 0 for none.
    pub max_mod_revision: Revision,
    /// Leave out what was created before this revision; 0 for none.
    pub min_create_revision: Revision,
    /// Leave out what was created after this revision; 0 for none.
    pub max_create_revision: Revision,
}

impl RangeRequest {
    /// All of `range`, as it is now, by rising key.
    pub fn new(range: KeyRange) -> RangeRequest {
        RangeRequest {
            range,
            revision: 0,
            limit: 0,
            sort_by: SortBy::Key,
            order: SortOrder::Ascending,
            keys_only: false,
            count_only: false,
            min_mod_revision: 0,
            max_mod_revision: 0,
            min_create_revision: 0,
            max_create_revision: 0,
        }
    }

    /// Whether it can be carried out.
    ///
    /// # Errors
    /// [`RequestError`] names the limit that is passed.
    pub fn validate(&self) -> Result<(), RequestError> {
        self.range.validate()
    }

    /// Whether its bounds on revisions leave this one in.
    pub(crate) fn shows(&self, found: (Revision, Revision)) -> bool {
        let within = |low: Revision, high: Revision, value: Revision| {
            value >= low && (high == 0 || value <= high)
        };
        let (created, modified) = found;
        within(self.min_mod_revision, self.max_mod_revision, modified)
            && within(self.min_create_revision, self.max_create_revision, created)
    }

    /// Whether the keys come as they stand in the store.
    pub(crate) fn is_in_store_order(&self) -> bool {
        self.sort_by == SortBy::Key && self.order == SortOrder::Ascending
    }
}

/// What a range holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeResponse {
    /// The keys asked for, as far as the limit goes.
    pub keys: Vec<KeyValue>,
    /// Whether the limit left some out.
    pub more: bool,
    /// How many keys the range has at the revision asked for, whatever limit and bounds say.
    pub count: u64,
}
